"""Calls as they went, who is to be called back, and the accounts at the providers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apps.calls.admin_accounts import AccountCompanyAdmin, TelephonyAccountAdmin
from apps.calls.admin_people import CallbackRequestAdmin, SettlementNoticeAdmin, WaitingWishAdmin
from apps.calls.models import (
    Call,
    CallbackRequest,
    CallEvent,
    CallTransition,
    FunctionCall,
    Offer,
)
from apps.core.admin import display
from apps.scheduling.models import BookingAttempt
from apps.tenants.back_office import OperatorAdmin, OperatorInline

__all__ = [
    "AccountCompanyAdmin",
    "CallbackRequestAdmin",
    "SettlementNoticeAdmin",
    "TelephonyAccountAdmin",
    "WaitingWishAdmin",
]

CALL_COLOURS = {
    "inbound": "info",
    "ongoing": "info",
    "completed": "success",
    "analyzed": "success",
    "failed": "danger",
}
GOOD = (
    "booked",
    "already_booked",
    "rescheduled",
    "cancelled",
    "available",
    "alternatives",
    "callback_requested",
)
BAD = ("unavailable", "invalid", "unknown_function", "unknown_number", "rate_limited")
STATUS_COLOURS = {
    **dict.fromkeys(GOOD, "success"),
    **dict.fromkeys(BAD, "danger"),
    **dict.fromkeys(("pending", "slot_taken", "none_available", "not_available", "refused"), "warning"),
}


def seconds(milliseconds: int | None) -> str:
    """A duration as it is read: minutes and seconds."""
    return "–" if milliseconds is None else str(timedelta(seconds=round(milliseconds / 1000)))


class TransitionInline(OperatorInline):
    model = CallTransition
    fields = readonly_fields = ("at", "from_state", "to_state", "event")
    show_change_link = False
    verbose_name_plural = _("History")


class FunctionInline(OperatorInline):
    model = FunctionCall
    fields = readonly_fields = (
        "started_at", "name", "coloured_status", "said", "duration_ms", "upstream_requests",
        "upstream_timeouts", "retries",
    )  # fmt: skip
    ordering = ("id",)

    @display(description=_("status"), label=STATUS_COLOURS)
    def coloured_status(self, function: FunctionCall) -> str:
        return function.status or function.state

    @admin.display(description=_("said"))
    def said(self, function: FunctionCall) -> str:
        return str((function.answer or {}).get("say", ""))


class OfferInline(OperatorInline):
    model = Offer
    fields = readonly_fields = ("round", "position", "start", "service", "token")
    ordering = ("round", "position")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        return super().get_queryset(request).select_related("place__service", "place__branch")

    @admin.display(description=_("service"))
    def service(self, offer: Offer) -> str:
        return f"{offer.place.service} · {offer.place.branch}"


class EventInline(OperatorInline):
    model = CallEvent
    fields = readonly_fields = ("received_at", "kind")


class CallbackInline(OperatorInline):
    model = CallbackRequest
    fields = readonly_fields = ("created_at", "kind", "name", "phone", "topic", "status")


@admin.register(Call)
class CallAdmin(OperatorAdmin):
    """One call on one page: what was asked, answered, offered and booked, and what was said."""

    list_display = (
        "id", "created_at", "company", "branch", "caller_number", "coloured_state", "wanted_appointment",
        "lasted", "confirmations", "alarm",
    )  # fmt: skip
    list_display_links = ("id", "created_at")
    list_filter = ("state", "wanted_appointment", "direction", "company")
    list_select_related = ("company", "branch")
    search_fields = ("=external_id", "caller_number", "spoken_name", "spoken_phone")
    date_hierarchy = "created_at"
    inlines = (FunctionInline, OfferInline, CallbackInline, TransitionInline, EventInline)
    readonly_fields = ("direction_text", "lasted", "transcript_text", "analysis_text")
    change_form_before_template = "admin/calls/call_bookings.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state", "alarm"),
                    ("company", "branch"),
                    ("caller_number", "direction_text"),
                    ("started_at", "lasted"),
                    ("disconnection_reason", "agent_version"),
                )
            },
        ),
        (
            _("What stands"),
            {
                "classes": ["tab"],
                "fields": (
                    ("wanted_appointment", "confirmations", "refusals"),
                    ("standing_service", "standing_branch"),
                    ("standing_from", "standing_to"),
                    ("spoken_name", "spoken_phone", "spoken_email"),
                ),
            },
        ),
        (_("Transcript"), {"classes": ["tab"], "fields": ("transcript_text",)}),
        (
            _("Provider"),
            {
                "classes": ["tab"],
                "fields": (("account", "external_id"), ("cost_cents", "ended_at"), "analysis_text"),
            },
        ),
    )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        call = self.get_object(request, object_id)
        bookings = _bookings(call) if isinstance(call, Call) else []
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "bookings": bookings}
        )

    @display(description=_("state"), ordering="state", label=CALL_COLOURS)
    def coloured_state(self, call: Call) -> Any:
        return call.state, call.get_state_display()

    @admin.display(description=_("direction"), ordering="direction")
    def direction_text(self, call: Call) -> str:
        return str(_("outgoing") if call.direction == "outbound" else _("incoming"))

    @admin.display(description=_("duration"), ordering="duration_ms")
    def lasted(self, call: Call) -> str:
        return seconds(call.duration_ms)

    @admin.display(description=_("transcript"))
    def transcript_text(self, call: Call) -> str:
        return format_html('<div class="bo-transcript">{}</div>', call.transcript or "–")

    @admin.display(description=_("analysis"))
    def analysis_text(self, call: Call) -> str:
        return preformatted(call.analysis)


def _bookings(call: Call) -> list[BookingAttempt]:
    """What this call asked of the calendar, with the appointments that came of it."""
    return list(
        BookingAttempt.objects.filter(owner=call.owner_key, company_id=call.company_id)
        .select_related("appointment", "service", "branch")
        .order_by("id")
    )


def preformatted(value: object) -> str:
    """JSON as a person can read it."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return format_html('<pre class="bo-code">{}</pre>', text)


@admin.register(FunctionCall)
class FunctionCallAdmin(OperatorAdmin):
    """The log of in-call functions."""

    list_display = (
        "started_at", "company", "name", "coloured_status", "duration_ms", "upstream_requests",
        "upstream_timeouts", "retries", "call",
    )  # fmt: skip
    list_filter = ("name", "status", "company")
    list_select_related = ("company", "call")
    search_fields = ("name", "=status", "=call__external_id", "call__caller_number")
    date_hierarchy = "started_at"
    readonly_fields = ("arguments_text", "answer_text")
    fieldsets = (
        (None, {"fields": (("name", "status"), ("company", "call"), ("started_at", "duration_ms"))}),
        (_("Calendar"), {"fields": (("upstream_requests", "upstream_timeouts", "retries"),)}),
        (_("Content"), {"fields": ("arguments_text", "answer_text")}),
    )

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def coloured_status(self, function: FunctionCall) -> str:
        return function.status or function.state

    @admin.display(description=_("arguments"))
    def arguments_text(self, function: FunctionCall) -> str:
        return preformatted(function.arguments)

    @admin.display(description=_("answer"))
    def answer_text(self, function: FunctionCall) -> str:
        return preformatted(function.answer)


@admin.register(CallEvent)
class CallEventAdmin(OperatorAdmin):
    """Events as the providers sent them; those of unknown numbers belong to nobody."""

    list_display = ("received_at", "kind", "company", "call")
    list_filter = ("kind", "company")
    list_select_related = ("company", "call")
    search_fields = ("=kind", "=call__external_id")
    date_hierarchy = "received_at"
    fields = ("received_at", "kind", "company", "account", "call", "payload_text")
    readonly_fields = ("payload_text",)

    @admin.display(description=_("content"))
    def payload_text(self, event: CallEvent) -> str:
        return preformatted(event.payload)


@admin.register(CallTransition)
class CallTransitionAdmin(OperatorAdmin):
    """Every change of a call's state."""

    list_display = ("at", "company", "call", "from_state", "to_state", "event")
    list_filter = ("to_state", "company")
    list_select_related = ("company", "call")
    date_hierarchy = "at"


@admin.register(Offer)
class OfferAdmin(OperatorAdmin):
    """Slots that callers were offered."""

    list_display = ("created_at", "company", "call", "start", "service", "round", "position", "token")
    list_filter = ("company",)
    list_select_related = ("company", "call", "place__service", "place__branch")
    search_fields = ("=token",)
    date_hierarchy = "created_at"
    fields = ("company", "call", "token", "start", "service", ("round", "position"), "moving", "created_at")
    readonly_fields = ("service",)

    @admin.display(description=_("service"))
    def service(self, offer: Offer) -> str:
        return f"{offer.place.service} · {offer.place.branch}"
