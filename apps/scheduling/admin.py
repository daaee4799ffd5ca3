"""Calendars and what stands in them. What the calendar decides is shown here, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.core import runtime
from apps.core.admin import action, display
from apps.scheduling import tasks
from apps.scheduling.models import Appointment, BookingAttempt, CalendarAccount, CalendarSweep, Customer, Hold
from apps.tenants.back_office import OperatorAdmin, OperatorInline
from apps.tenants.operators import Rank

BREAKERS: dict[str, str | Promise] = {
    "closed": _("closed"),
    "half_open": _("trying again"),
    "open": _("open"),
}
BREAKER_COLOURS = {"closed": "success", "half_open": "warning", "open": "danger"}
# The theme shows a state that has no colour by its value, untranslated; "default" is grey.
ATTEMPT_COLOURS = {
    "requested": "default",
    "submitting": "info",
    "confirmed": "success",
    "rejected": "danger",
    "unknown": "warning",
}
APPOINTMENT_COLOURS = {
    "confirmed": "success",
    "requested": "warning",
    "cancelled": "default",
    "rejected": "danger",
}


@admin.register(CalendarAccount)
class CalendarAccountAdmin(OperatorAdmin):
    """Access to Cal.com, with the state of its circuit breaker."""

    list_display = ("company", "base_url", "breaker", "told_to_wait", "webhook_received_at", "followed_until")
    list_display_links = ("company", "base_url")
    list_select_related = ("company",)
    search_fields = ("company__name", "company__slug", "base_url")
    readonly_fields = ("breaker_state", "told_to_wait", "webhook_received_at", "followed_until")
    fieldsets = (
        (None, {"fields": ("company", "base_url", "api_key", "webhook_secret")}),
        (
            _("State"),
            {"fields": (("breaker_state", "told_to_wait"), ("webhook_received_at", "followed_until"))},
        ),
    )
    actions = ("reset_breakers",)
    actions_detail = ("reset_breaker",)
    to_add = to_change = Rank.OWNER

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Another address is another calendar: its event types come with the company's file."""
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "base_url") if obj is not None else fixed

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # One calendar is one address: event types are found by it.
        obj.base_url = obj.base_url.rstrip("/")
        super().save_model(request, obj, form, change)

    def has_reset_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, Rank.STAFF, obj)

    @display(description=_("circuit breaker"), label=BREAKER_COLOURS)
    def breaker(self, account: CalendarAccount) -> Any:
        state = runtime.breaker(account.pk).state().state
        return state, BREAKERS[state]

    @admin.display(description=_("circuit breaker"))
    def breaker_state(self, account: CalendarAccount) -> str:
        return str(BREAKERS[runtime.breaker(account.pk).state().state])

    @admin.display(description=_("told to wait"))
    def told_to_wait(self, account: CalendarAccount) -> str:
        seconds = runtime.budget(account.pk).blocked_for()
        return _("%(seconds)d s") % {"seconds": round(seconds)} if seconds > 0 else "–"

    @admin.action(description=_("Reset circuit breaker"), permissions=["reset"])
    def reset_breakers(self, request: HttpRequest, queryset: QuerySet[CalendarAccount]) -> None:
        accounts = [account for account in queryset if self.has_reset_permission(request, account)]
        for account in accounts:
            self._reset(request, account)
        text = ngettext(
            "%(count)d circuit breaker was reset.", "%(count)d circuit breakers were reset.", len(accounts)
        )
        self.message_user(request, text % {"count": len(accounts)})

    @action(description=_("Reset circuit breaker"), permissions=["reset"], icon="restart_alt")
    def reset_breaker(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close it at once; in force in every process within a second."""
        account = self.get_object(request, object_id)
        if isinstance(account, CalendarAccount):
            self._reset(request, account)
            self.message_user(request, _("The circuit breaker was reset."))
        return redirect("admin:scheduling_calendaraccount_change", object_id)

    def _reset(self, request: HttpRequest, account: CalendarAccount) -> None:
        before = runtime.breaker(account.pk).state().state
        runtime.breaker(account.pk).reset()
        runtime.budget(account.pk).unblock()
        self.tell(request, account, "done", {"circuit breaker": [before, "closed"]})


class AppointmentInline(OperatorInline):
    """A customer's appointments."""

    model = Appointment
    fields = ("reference", "status", "start", "service", "branch")
    readonly_fields = fields
    ordering = ("-start",)


@admin.register(Customer)
class CustomerAdmin(OperatorAdmin):
    """A person as one company knows them. Erased by command alone, which reaches everything."""

    list_display = ("id", "name", "phone", "email", "company", "created_at")
    list_display_links = ("id", "name")
    list_select_related = ("company",)
    search_fields = ("name", "phone", "email")
    fields = ("company", "phone", "name", "email", "created_at")
    readonly_fields = ("company", "phone", "created_at")
    date_hierarchy = "created_at"
    inlines = (AppointmentInline,)
    to_change = Rank.STAFF


@admin.register(Appointment)
class AppointmentAdmin(OperatorAdmin):
    """What stands in the calendar, as far as is known here."""

    list_display = (
        "reference", "start", "company", "branch", "service", "attendee_name", "state", "booked_elsewhere",
    )  # fmt: skip
    list_filter = ("status", "booked_elsewhere", "company")
    list_select_related = ("company", "branch", "service")
    search_fields = ("reference", "attendee_name", "customer__phone", "customer__name", "calendar_uid")
    date_hierarchy = "start"
    ordering = ("-start",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("reference", "status"),
                    ("start", "end"),
                    ("company", "branch"),
                    ("service", "event_type"),
                    ("attendee_name", "customer"),
                    ("moves", "booked_elsewhere"),
                    ("created_at", "updated_at"),
                )
            },
        ),
    )

    @display(description=_("status"), ordering="status", label=APPOINTMENT_COLOURS)
    def state(self, appointment: Appointment) -> Any:
        return appointment.status, appointment.get_status_display()


@admin.register(BookingAttempt)
class BookingAttemptAdmin(OperatorAdmin):
    """Everything that was asked of a calendar, and what became of it."""

    list_display = (
        "id", "created_at", "company", "kind", "coloured_state", "start", "service", "attendee_name",
        "error_code", "check_at",
    )  # fmt: skip
    list_display_links = ("id", "created_at")
    list_filter = ("state", "kind", "company")
    list_select_related = ("company", "service")
    search_fields = ("=owner", "attendee_name", "attendee_phone", "error_code")
    date_hierarchy = "created_at"
    actions = ("look_again",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind", "state"),
                    ("company", "branch"),
                    ("service", "event_type"),
                    ("start", "end"),
                )
            },
        ),
        (
            _("Person"),
            {"fields": (("attendee_name", "customer"), ("attendee_phone", "attendee_email"), "reason")},
        ),
        (
            _("Outcome"),
            {
                "fields": (
                    "appointment",
                    ("error_code", "error_detail"),
                    ("created_at", "submitted_at", "settled_at"),
                    ("check_at", "checks"),
                )
            },
        ),
    )

    def has_look_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, Rank.STAFF, obj)

    @display(description=_("state"), ordering="state", label=ATTEMPT_COLOURS)
    def coloured_state(self, attempt: BookingAttempt) -> Any:
        return attempt.state, attempt.get_state_display()

    @admin.action(description=_("Look at the calendar again now"), permissions=["look"])
    def look_again(self, request: HttpRequest, queryset: QuerySet[BookingAttempt]) -> None:
        """For attempts whose outcome is not known yet."""
        pending = queryset.filter(state__in=BookingAttempt.UNSETTLED)
        asked = [attempt for attempt in pending if self.has_look_permission(request, attempt)]
        for attempt in asked:
            tasks.settle_later(attempt.company_id, attempt.pk, seconds=0)
            self.tell(request, attempt, "done", {"looked again": [None, attempt.state]})
        text = ngettext("%(count)d attempt is looked at.", "%(count)d attempts are looked at.", len(asked))
        self.message_user(request, text % {"count": len(asked)})


@admin.register(Hold)
class HoldAdmin(OperatorAdmin):
    """Offered slots that are kept for a call; deleting one gives it free."""

    list_display = ("start", "company", "event_type", "owner", "expires_at")
    list_filter = ("company",)
    list_select_related = ("company", "event_type")
    search_fields = ("=owner",)
    date_hierarchy = "start"
    fields = ("company", "event_type", ("start", "end"), "seat", "owner", "expires_at")
    to_delete = Rank.STAFF


@admin.register(CalendarSweep)
class CalendarSweepAdmin(OperatorAdmin):
    """Changes of calendars, and when what they made stale was tidied up."""

    list_display = ("changed_at", "company", "event_type", "raised_at", "finished_at")
    list_filter = ("company",)
    list_select_related = ("company", "event_type")
    date_hierarchy = "changed_at"
