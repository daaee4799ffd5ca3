"""Whom somebody of the business should call back, and whose wish waits for a free slot."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.calls.models import CallbackRequest, SettlementNotice, WaitingWish
from apps.core.admin import action, display
from apps.tenants.back_office import OperatorAdmin
from apps.tenants.operators import Rank

KINDS: dict[str, str | Promise] = {
    "caller": _("asked for by the caller"),
    "late_booking": _("booked after all"),
    "double_booking": _("booked twice"),
    "lost_booking": _("booking failed after the call"),
    "lost_change": _("change failed after the call"),
    "promised_not_booked": _("promised, not booked"),
    "booked_not_promised": _("booked, not said"),
    "settled_late": _("settled after the call"),
    "waiting_list": _("waited for a free time"),
}


@admin.register(CallbackRequest)
class CallbackRequestAdmin(OperatorAdmin):
    """Who is waiting to be called back."""

    list_display = (
        "created_at", "company", "branch", "kind_text", "name", "phone", "topic", "preferred",
        "coloured_status",
    )  # fmt: skip
    list_filter = ("status", "kind", "company")
    list_select_related = ("company", "branch")
    search_fields = ("name", "phone", "topic")
    date_hierarchy = "created_at"
    fields = (
        "status",
        "company",
        "branch",
        "kind_text",
        "name",
        "phone",
        "topic",
        "preferred",
        "call",
        "created_at",
    )
    readonly_fields = (
        "company",
        "branch",
        "kind_text",
        "name",
        "phone",
        "topic",
        "preferred",
        "call",
        "created_at",
    )
    actions = ("mark_done",)
    actions_detail = ("done",)
    to_change = Rank.STAFF

    @admin.display(description=_("kind"), ordering="kind")
    def kind_text(self, callback: CallbackRequest) -> str:
        return str(KINDS.get(callback.kind, callback.kind))

    @display(description=_("status"), ordering="status", label={"open": "warning", "done": "success"})
    def coloured_status(self, callback: CallbackRequest) -> Any:
        return callback.status, callback.get_status_display()

    @admin.action(description=_("Mark as done"), permissions=["change"])
    def mark_done(self, request: HttpRequest, queryset: QuerySet[CallbackRequest]) -> None:
        closed = [
            one for one in queryset if self.has_change_permission(request, one) and self._close(request, one)
        ]
        text = ngettext("%(count)d callback is done.", "%(count)d callbacks are done.", len(closed))
        self.message_user(request, text % {"count": len(closed)})

    @action(description=_("Mark as done"), permissions=["change"], icon="done")
    def done(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One callback, from its page."""
        callback = self.get_object(request, object_id)
        if isinstance(callback, CallbackRequest) and self._close(request, callback):
            self.message_user(request, _("The callback is done."))
        return redirect("admin:calls_callbackrequest_changelist")

    def _close(self, request: HttpRequest, callback: CallbackRequest) -> bool:
        if callback.status == CallbackRequest.Status.DONE:
            return False
        callback.status = CallbackRequest.Status.DONE
        callback.save(update_fields=["status"])
        self.tell(request, callback, "changed", {"status": ["open", "done"]})
        return True


@admin.register(WaitingWish)
class WaitingWishAdmin(OperatorAdmin):
    """Wishes that nothing was free for; one that is deleted is no longer offered anything."""

    list_display = (
        "created_at", "company", "place_name", "date_from", "date_to", "name", "phone", "coloured_status",
        "offered_start",
    )  # fmt: skip
    list_filter = ("status", "company")
    list_select_related = ("company", "place__service", "place__branch")
    search_fields = ("name", "phone")
    date_hierarchy = "created_at"
    to_delete = Rank.STAFF

    @admin.display(description=_("service"))
    def place_name(self, wish: WaitingWish) -> str:
        return f"{wish.place.service} · {wish.place.branch}"

    @display(description=_("status"), ordering="status", label={"open": "info", "offered": "success"})
    def coloured_status(self, wish: WaitingWish) -> Any:
        return wish.status, wish.get_status_display()


@admin.register(SettlementNotice)
class SettlementNoticeAdmin(OperatorAdmin):
    """What became of bookings that were answered "pending", and who was told."""

    list_display = ("created_at", "company", "call", "state", "told")
    list_filter = ("state", "told", "company")
    list_select_related = ("company", "call")
    date_hierarchy = "created_at"
