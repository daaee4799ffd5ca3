"""Form fields that read a value exactly as a company's file does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.operations.company_file import values
from apps.operations.company_file.values import Unfit

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    Text = str | _StrPromise


class ReadField(forms.CharField):
    """Text that ``reader`` turns into what is stored; ``message`` says what it should look like."""

    def __init__(
        self, *, reader: Callable[[Any], Any], message: Text, empty: Any = "", **kwargs: Any
    ) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextInputWidget())
        super().__init__(**kwargs)
        self.reader = reader
        self.message = message
        self.empty = empty

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return self.empty
        try:
            return self.reader(text)
        except Unfit as unfit:
            raise ValidationError(self.message, code="unfit") from unfit

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(self.prepare_value(initial), data))


class LinesField(ReadField):
    """A list, an entry a line; ``reader`` reads one entry."""

    def __init__(self, **kwargs: Any) -> None:
        one = kwargs.pop("reader")
        super().__init__(
            reader=lambda text: [one(line.strip()) for line in text.splitlines() if line.strip()],
            empty=[],
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value


class DayField(ReadField):
    """A weekday's hours: "09:00-13:00, 14:00-18:00"; blank = closed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            reader=lambda text: values.spans([part for part in text.split(",") if part.strip()]),
            message=_("Hours look like 09:00-13:00, 14:00-18:00, in order and without overlap."),
            empty=[],
            required=False,
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        return ", ".join("-".join(span) for span in value) if isinstance(value, list) else value


class AnswersField(ReadField):
    """Answers to booking fields, a line each: ``slug = answer``. JSON values keep their type."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            reader=_answers,
            message=_("One answer a line: field = answer."),
            empty={},
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return "\n".join(f"{key} = {_written(answer)}" for key, answer in value.items())


def _written(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def _answers(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, separator, answer = (part.strip() for part in line.partition("="))
        if not key or not separator:
            raise Unfit("is not field = answer")
        found[key] = values.answer(_value(answer))
    return found


def _value(text: str) -> Any:
    """true, 3 and ["a", "b"] as what they are, everything else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | list) else text
