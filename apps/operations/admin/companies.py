"""Companies and their branches."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.core.admin import BaseForm
from apps.operations.admin.fields import DayField, LinesField, ReadField
from apps.operations.company_file import values
from apps.operations.targets import TARGETS, targets_of
from apps.scheduling.opening import WEEKDAYS
from apps.tenants.back_office import CompanyForm, OperatorAdmin, OperatorInline
from apps.tenants.models import Branch, Company, PhoneNumber
from apps.tenants.operators import Rank, operator_of

DAYS = dict(
    zip(
        WEEKDAYS,
        (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")),
        strict=True,
    )
)


class CompanySettingsForm(BaseForm):
    """A company's settings, held to the rules of its file."""

    timezone = ReadField(
        label=_("time zone"),
        reader=values.time_zone,
        message=_("An IANA time zone such as Europe/Berlin."),
    )
    holidays = ReadField(
        label=_("holidays"),
        reader=values.holiday_region,
        required=False,
        message=_("A country or country-region such as DE or DE-BE."),
        help_text=_("Country or country-region."),
    )
    fallback_number = ReadField(
        label=_("fallback number"),
        reader=values.phone_number,
        required=False,
        message=_("A phone number in international form, e.g. +493012345678."),
        help_text=_("Where a caller who wants a person goes."),
    )
    email_placeholder = ReadField(
        label=_("e-mail placeholder"),
        reader=values.email_placeholder,
        required=False,
        message=_("An e-mail address with {id} in it, such as termin+{id}@praxis.example."),
        help_text=_("Used where an event type demands an e-mail address."),
    )

    def clean_targets(self) -> dict[str, Any]:
        given = self.cleaned_data["targets"] or {}
        if not isinstance(given, dict) or set(given) - set(TARGETS):
            raise ValidationError(_("Known metrics: %(names)s.") % {"names": ", ".join(TARGETS)})
        wrong = [
            name
            for name in given
            if not _is_number_pair(given[name]) or not targets_of(given)[name].is_ordered()
        ]
        if wrong:
            raise ValidationError(
                _("%(names)s: give numbers for target and alert, the alert on the bad side of the target.")
                % {"names": ", ".join(wrong)}
            )
        return given


def _is_number_pair(levels: Any) -> bool:
    return isinstance(levels, dict) and all(
        key in ("target", "alert") and isinstance(value, int | float) and not isinstance(value, bool)
        for key, value in levels.items()
    )


class NumberInline(OperatorInline):
    model = PhoneNumber
    fields = readonly_fields = ("number", "active")
    tab = False


class BranchInline(OperatorInline):
    model = Branch
    fields = readonly_fields = ("name", "slug", "active")
    tab = False


@admin.register(Company)
class CompanyAdmin(OperatorAdmin):
    """A company's settings. Everything here can also stand in the company's file."""

    company_path = "id"
    form = CompanySettingsForm
    list_display = ("name", "slug", "language", "timezone", "retention_days", "active")
    list_filter = ("active", "language")
    search_fields = ("name", "slug")
    inlines = (BranchInline,)
    fieldsets = (
        (None, {"fields": (("name", "slug"), ("language", "timezone"), ("holidays", "active"))}),
        (
            _("On the phone"),
            {"fields": ("disclosure", ("fallback_number", "email_placeholder"), "max_alternatives")},
        ),
        (_("Data"), {"fields": (("retention_days", "store_transcripts"),)}),
        (_("Limits and targets"), {"fields": ("requests_per_minute", "targets")}),
    )
    to_add = Rank.SUPERUSER
    to_change = Rank.STAFF
    shapes_answers = True
    # What binds the company towards others is not for everybody who works there.
    owners_fields = ("retention_days", "store_transcripts", "requests_per_minute", "active")

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """The slug stands in addresses that others call."""
        if obj is None:
            return ()
        owns = operator_of(request).may_in(obj.pk, Rank.OWNER)
        return ("slug",) if owns else ("slug", *self.owners_fields)


class BranchForm(CompanyForm):
    """A branch's hours as seven lines, its closures as a list of days."""

    closures = LinesField(
        label=_("closures"),
        reader=values.closure,
        required=False,
        message=_("One date a line, such as 2026-12-24."),
        help_text=_("One date a line, such as 2026-12-24."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day in WEEKDAYS:
            if f"hours_{day}" in self.fields:
                self.initial[f"hours_{day}"] = (self.instance.hours or {}).get(day, [])  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        days = {day: cleaned.get(f"hours_{day}") for day in WEEKDAYS if f"hours_{day}" in self.fields}
        if days:
            self.instance.hours = {day: spans for day, spans in days.items() if spans}  # type: ignore[attr-defined]
        return cleaned


def _with_days(form: type[BranchForm]) -> type[BranchForm]:
    fields: dict[str, forms.Field] = {f"hours_{day}": DayField(label=name) for day, name in DAYS.items()}
    return type(form.__name__, (form,), {"__doc__": form.__doc__, "__module__": form.__module__, **fields})


@admin.register(Branch)
class BranchAdmin(OperatorAdmin):
    """A place of a company with its hours."""

    form = _with_days(BranchForm)
    list_display = ("name", "slug", "company", "active")
    list_filter = ("active", "company")
    list_select_related = ("company",)
    search_fields = ("name", "slug")
    inlines = (NumberInline,)
    fieldsets = (
        (None, {"fields": ("company", ("name", "slug"), "active")}),
        (
            _("Hours"),
            {
                "description": _(
                    "When callers may be offered a start. No hours at all: no restriction; otherwise a day "
                    "without hours is closed."
                ),
                "fields": tuple(f"hours_{day}" for day in WEEKDAYS),
            },
        ),
        (_("Closed"), {"fields": ("closures",)}),
    )
    to_add = to_change = Rank.STAFF
    shapes_answers = True

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Who may only look reads the hours as they are stored."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("company", ("name", "slug"), "active", "hours", "closures")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "slug") if obj is not None else fixed
