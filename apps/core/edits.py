"""What an operator changed, told to whoever keeps the record: values as texts, secrets never shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from django.db import models
from django.dispatch import Signal

from apps.core.encryption import EncryptedTextField

Action = Literal["added", "changed", "deleted", "done"]
# A field's old and new value; of a secret only that it changed.
Changes = dict[str, list[Any] | str]

SECRET_NAMES = frozenset({"password", "key"})
LONGEST = 500

# Sent once for every change of a row in the back office, with ``edit`` = an :class:`Edit`.
edited = Signal()


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one row by one person. ``company_id`` is None for what belongs to no company."""

    user_id: int | None
    username: str
    action: Action
    model: str
    object_id: str
    label: str
    company_id: int | None
    changes: Changes


def is_secret(field: models.Field[Any, Any]) -> bool:
    """Whether the field's value must never be shown or recorded."""
    return isinstance(field, EncryptedTextField) or field.name in SECRET_NAMES


def changes_between(before: models.Model | None, after: models.Model | None) -> Changes:
    """Every field that differs between two states of a row; None = the row is not there."""
    row = after if after is not None else before
    assert row is not None
    changes: Changes = {}
    for field in row._meta.concrete_fields:
        if field.primary_key or getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
            continue
        old = field.value_from_object(before) if before is not None else None
        new = field.value_from_object(after) if after is not None else None
        if old == new or ((before is None or after is None) and not (old or new)):
            continue
        if is_secret(field):
            changes[field.name] = "changed"
        else:
            changes[field.name] = [_shown(field, before, old), _shown(field, after, new)]
    return changes


def _shown(field: models.Field[Any, Any], row: models.Model | None, value: Any) -> Any:
    """A value as JSON can keep it and a person can read it."""
    if row is None or value is None or isinstance(value, bool | int | float):
        if isinstance(field, models.ForeignKey) and value is not None and row is not None:
            return f"{getattr(row, field.name)} (#{value})"
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict | list) and len(str(value)) <= LONGEST:
        return value
    return str(value)[:LONGEST]
