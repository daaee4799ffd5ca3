"""When a calendar changed and when the sweep after it was done: a record for the monitoring table alone.

A helper that may die: whatever the database says here, a booking that stands stays booked.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.scheduling.models import CalendarSweep
from apps.services.models import EventType
from apps.tenants.scoping import company_scope

log = structlog.get_logger(__name__)


def note_change(company_id: int, event_type_id: int) -> None:
    """A change was recorded and its sweeps are about to be queued."""
    try:
        with company_scope(company_id), transaction.atomic():
            raised_at = EventType.objects.filter(pk=event_type_id).values_list("raised_at", flat=True).first()
            CalendarSweep.objects.create(
                company_id=company_id,
                event_type_id=event_type_id,
                changed_at=timezone.now(),
                raised_at=raised_at,
            )
    except DatabaseError as error:
        log.warning("change_not_noted", event_type=event_type_id, error=type(error).__name__)


def note_finish(event_type_id: int, *, began: datetime) -> int:
    """The sweep that began then is done: so is every change before it. Returns how many; needs a scope."""
    return CalendarSweep.objects.filter(
        event_type_id=event_type_id, finished_at__isnull=True, changed_at__lte=began
    ).update(finished_at=timezone.now())
