"""Services, and the event type behind each at each branch."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from apps.operations.admin.fields import AnswersField, LinesField
from apps.operations.company_file import values
from apps.scheduling.models import CalendarAccount
from apps.services.models import BranchService, EventType, Service
from apps.tenants.back_office import CompanyForm, OperatorAdmin, OperatorInline
from apps.tenants.operators import Rank, operator_of


class ServiceForm(CompanyForm):
    """Synonyms and answers as lines."""

    synonyms = LinesField(
        label=_("synonyms"),
        reader=values.text(limit=120),
        required=False,
        message=_("One word or name a line."),
        help_text=_("Other words that callers use for it, one a line."),
    )
    booking_fields = AnswersField(
        label=_("answers to required fields"), help_text=_("One answer a line: field = answer.")
    )


class PlaceInline(OperatorInline):
    model = BranchService
    fields = readonly_fields = ("branch", "event_type", "active")
    tab = False


@admin.register(Service)
class ServiceAdmin(OperatorAdmin):
    """Something a caller can ask for, with the rules for booking it."""

    form = ServiceForm
    list_display = ("name", "company", "duration_minutes", "minimum_notice_minutes", "position", "active")
    list_filter = ("active", "company")
    list_select_related = ("company",)
    search_fields = ("name", "slug")
    inlines = (PlaceInline,)
    fieldsets = (
        (None, {"fields": ("company", ("name", "slug"), "synonyms", ("position", "active"))}),
        (
            _("Rules"),
            {
                "fields": (
                    ("duration_minutes", "capacity"),
                    ("minimum_notice_minutes", "cancel_notice_minutes"),
                    ("max_moves", "max_open_appointments"),
                )
            },
        ),
        (_("Booking form"), {"fields": ("booking_fields",)}),
    )
    to_add = to_change = Rank.STAFF
    shapes_answers = True

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "slug") if obj is not None else fixed


class BranchServiceForm(CompanyForm):
    """The event type is given by its number in the company's own calendar."""

    event_type_id_number = forms.IntegerField(
        label=_("event type id"),
        min_value=1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The number of the event type in Cal.com."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None and "event_type_id_number" in self.fields:
            self.initial["event_type_id_number"] = self.instance.event_type.external_id  # type: ignore[attr-defined]

    def company_id(self, cleaned: dict[str, Any]) -> int | None:
        if self.instance.pk is None:
            return getattr(cleaned.get("branch"), "company_id", None)
        return super().company_id(cleaned)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        number, company_id = cleaned.get("event_type_id_number"), self.company_id(cleaned)
        if number is None or company_id is None:
            return cleaned
        account = CalendarAccount.objects.filter(company_id=company_id).only("base_url").first()
        if account is None:
            self.add_error("event_type_id_number", _("The company has no calendar account yet."))
            return cleaned
        if not self.errors:
            self.instance.event_type = EventType.objects.get_or_create(  # type: ignore[attr-defined]
                base_url=account.base_url, external_id=number
            )[0]
        return cleaned


@admin.register(BranchService)
class BranchServiceAdmin(OperatorAdmin):
    """Which event type is asked and booked for a service at a branch."""

    form = BranchServiceForm
    list_display = ("service", "branch", "company", "external_id", "active")
    list_display_links = ("service", "branch")
    list_filter = ("active", "company")
    list_select_related = ("service", "branch", "company", "event_type")
    search_fields = ("service__name", "branch__name", "=event_type__external_id")
    fields = ("service", "branch", "event_type_id_number", "active")
    to_add = to_change = Rank.STAFF
    shapes_answers = True

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("service", "branch", "external_id", "active")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        return ("service", "branch", "external_id") if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.company_id = obj.branch.company_id
        super().save_model(request, obj, form, change)

    @admin.display(description=_("event type id"), ordering="event_type__external_id")
    def external_id(self, place: BranchService) -> int:
        return place.event_type.external_id


@admin.register(EventType)
class EventTypeAdmin(OperatorAdmin):
    """Calendars of Cal.com that the operator's companies book in. Several companies may share one."""

    list_display = ("external_id", "base_url", "version", "raised_at", "empty_since", "email_required")
    search_fields = ("=external_id", "base_url")
    list_filter = ("email_required",)
    readonly_fields = ("base_url", "external_id", "version", "raised_at", "empty_since", "email_required")

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        rows: QuerySet[models.Model] = super(OperatorAdmin, self).get_queryset(request)
        companies = operator_of(request).companies(self.to_view)
        if companies is None:
            return rows
        own = BranchService.objects.filter(company_id__in=companies).values("event_type_id")
        return rows.filter(pk__in=own)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operator_of(request).may(self.to_view)
