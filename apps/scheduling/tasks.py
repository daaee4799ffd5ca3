"""Sweeps and settlement. Every task names its company, and is safe to run twice or never."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apps.core.background import enqueue
from apps.scheduling import sweep_log
from apps.tenants.scoping import company_scope

SWEEPS = (5, 30, 300)


def sweep_after_change(company_id: int, event_type_id: int) -> None:
    """Tidy up and warm the next days, 5, 30 and 300 seconds after a change."""
    sweep_log.note_change(company_id, event_type_id)
    for seconds in SWEEPS:
        if not enqueue(sweep, company_id, event_type_id, seconds=seconds):
            return  # a broker that is gone is waited for once


def settle_later(company_id: int, attempt_id: int, *, seconds: float) -> None:
    """Look at an attempt's outcome in ``seconds``."""
    enqueue(settle_attempt, company_id, attempt_id, seconds=seconds)


@shared_task(name="scheduling.sweep")
def sweep(company_id: int, event_type_id: int) -> None:
    """Remove expired holds and warm the calendar's next days."""
    from apps.scheduling import sweeping

    began = timezone.now()
    with company_scope(company_id):
        sweeping.sweep(event_type_id)
        sweep_log.note_finish(event_type_id, began=began)


@shared_task(name="scheduling.settle_attempt")
def settle_attempt(company_id: int, attempt_id: int) -> None:
    """Settle one attempt by looking at the calendar."""
    from apps.scheduling import reconciliation

    with company_scope(company_id):
        reconciliation.settle(attempt_id)


@shared_task(name="scheduling.settle_due_attempts")
def settle_due_attempts() -> None:
    """Settle every attempt whose time has come: a task a company, so that none waits for another's."""
    from apps.scheduling import reconciliation

    for company_id in reconciliation.companies_with_due():
        if not enqueue(settle_company, company_id):
            reconciliation.settle_due(company_id)


@shared_task(name="scheduling.settle_company")
def settle_company(company_id: int) -> None:
    """Settle one company's due attempts."""
    from apps.scheduling import reconciliation

    reconciliation.settle_due(company_id)


@shared_task(name="scheduling.follow_calendars")
def follow_calendars() -> None:
    """Compare with the calendars: webhooks come at most once. A task a company."""
    from apps.scheduling import following

    for company_id in following.companies_to_follow():
        if not enqueue(follow_calendar, company_id):
            following.follow(company_id)


@shared_task(name="scheduling.follow_calendar")
def follow_calendar(company_id: int) -> None:
    """Compare with one company's calendar."""
    from apps.scheduling import following

    following.follow(company_id)
