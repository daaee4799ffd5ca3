"""Background work of calls; each names its company, and is safe to run twice or never."""

from __future__ import annotations

from datetime import datetime

from celery import shared_task
from django.db import DatabaseError

from apps.core.background import enqueue
from apps.tenants.scoping import company_scope


def tell_settlement_later(company_id: int, notice_id: int) -> None:
    """Tell the agent what became of a booking, now, but not in the way of anybody."""
    enqueue(tell_settlement, company_id, notice_id)


def note_waiter_later(company_id: int, function_id: int, *, at: datetime) -> None:
    """Remember who was told to wait while the database was gone; the queue may still be there."""
    enqueue(note_waiter, company_id, function_id, at.isoformat())


@shared_task(name="calls.note_waiter", autoretry_for=(DatabaseError,), max_retries=20, default_retry_delay=15)
def note_waiter(company_id: int, function_id: int, at: str) -> None:
    """Remember that somebody was told to wait for a function's answer."""
    from apps.calls import replay

    with company_scope(company_id):
        replay.note_waiter(function_id, at=datetime.fromisoformat(at))


@shared_task(name="calls.tell_settlement")
def tell_settlement(company_id: int, notice_id: int) -> None:
    """Tell the agent of a call that is on what became of a booking."""
    from apps.calls import settlement

    with company_scope(company_id):
        settlement.tell(notice_id)


@shared_task(name="calls.follow_up_unanswered")
def follow_up_unanswered() -> None:
    """Look after what dead processes have left untold: a task a company."""
    from apps.calls import unanswered

    for company_id in unanswered.companies():
        if not enqueue(follow_up_company, company_id):
            unanswered.follow_up(company_id)


@shared_task(name="calls.follow_up_company")
def follow_up_company(company_id: int) -> None:
    """Look after what dead processes have left untold in one company."""
    from apps.calls import unanswered

    unanswered.follow_up(company_id)


@shared_task(name="calls.close_stale_calls")
def close_stale_calls() -> None:
    """Close the calls whose end was never told."""
    from apps.calls import stale_calls

    stale_calls.close_stale_calls()
