"""Functions whose process died, or lost its database, before it had answered – and outcomes nobody told.

A killed process leaves its function running for ever: its caller heard nothing, or "it is being checked"
from another process that waited in vain. Whoever settles what was asked meanwhile finds no such answer, and
may die itself before it has told the outcome. This looks again, by time.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.calls import callbacks, promises, settlement
from apps.calls.conversation import replies
from apps.calls.conversation.reply import Reply
from apps.calls.models import Call, FunctionCall
from apps.scheduling.models import BookingAttempt
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope

log = structlog.get_logger(__name__)

State = FunctionCall.State
# Longer than any answer may take, and than a retry may wait for it.
GIVEN_UP = timedelta(seconds=60)
LOOK_BACK = timedelta(hours=2)
CHANGES = frozenset({"reschedule_appointment", "cancel_appointment"})


def companies() -> list[int]:
    """Every active company."""
    with all_companies():
        return list(Company.objects.filter(active=True).order_by("pk").values_list("pk", flat=True))


def follow_up(company_id: int) -> int:
    """End this company's functions that nobody answers any more, and tell what became of what was left open
    in the last hours; returns how many functions were ended."""
    ended = 0
    with company_scope(company_id):
        now = timezone.now()
        lately = FunctionCall.objects.filter(
            company_id=company_id, started_at__gt=now - LOOK_BACK, started_at__lt=now - GIVEN_UP
        )
        for row in lately.filter(state=State.RUNNING).select_related("call__company"):
            with transaction.atomic():
                ended += _end(row)
        left_open = Q(status="pending") | Q(told_to_wait_at__isnull=False)
        calls = Call.objects.filter(pk__in=lately.filter(left_open, call__isnull=False).values("call_id"))
        for call in calls.select_related("company"):
            settlement.after_pending(call)
        for call_id in promises.unnoticed(company_id, since=now - LOOK_BACK):
            settlement.compare(call_id)
    return ended


def _end(row: FunctionCall) -> bool:
    """Nobody is going to answer it: what is known of it is what a caller was told who asked again."""
    told = row.told_to_wait_at is not None
    envelope = Reply(status="pending", say=replies.OUT_OF_ORDER_MEANWHILE).envelope()
    ended = FunctionCall.objects.filter(pk=row.pk, state=State.RUNNING, started_at=row.started_at).update(
        state=State.DONE,
        status="pending",
        answer=envelope,
        # What it has asked of the calendar, it has asked within its budget.
        duration_ms=int(settings.CALL_BUDGET_SECONDS * 1000),
    )
    if ended:
        log.warning("function_never_answered", function=row.name, call=row.call_id, told=told)
        if told and row.call is not None:
            _open_what_was_never_asked(row, row.call)
    return bool(ended)


def _open_what_was_never_asked(row: FunctionCall, call: Call) -> None:
    """The caller was told that it is being checked, and the calendar was never asked for anything."""
    asked = BookingAttempt.objects.filter(owner=call.owner_key)
    ended = row.started_at + timedelta(seconds=settings.CALL_BUDGET_SECONDS)
    meanwhile = Q(settled_at__isnull=True) | Q(settled_at__gte=row.started_at)
    if asked.filter(meanwhile, created_at__lte=ended).exists():
        return  # that attempt has an outcome of its own to be told
    if asked.filter(state=BookingAttempt.State.CONFIRMED, created_at__gt=ended).exists():
        return  # asked for again, and done
    kind = "lost_change" if row.name in CHANGES else "lost_booking"
    callbacks.open_callback(
        company_id=call.company_id,
        branch_id=call.branch_id,
        kind=kind,
        key=f"function{row.pk}",
        call_id=call.pk,
        name=call.spoken_name,
        phone=call.spoken_phone or call.caller_number or "",
        topic=callbacks.TOPICS[kind],
    )
