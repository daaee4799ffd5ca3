"""What a company's retention no longer allows to be kept, data class by data class.

``retention_days`` counts from the end of the matter: a call from when it was made, an appointment from
its end. What is to come, or still unsettled, stays. Nothing of the last 24 hours goes, whatever is set:
a provider may repeat a request for so long, and gets the first answer again. Rows go in small batches,
each its own transaction, so that no call waits for a purge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from axes.models import AccessAttempt, AccessFailureLog
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.calls.models import Call, CallbackRequest, CallEvent, FunctionCall, WaitingWish
from apps.calls.replay import REMEMBERED
from apps.operations.models import AuditEntry
from apps.scheduling.models import Appointment, BookingAttempt, CalendarSweep, Customer
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope

log = structlog.get_logger(__name__)

BATCH = 500
# Of nobody: events of unknown numbers, addresses of failed sign-ins.
STRANGERS = timedelta(days=30)
# Who changed what has to be answered for longer than who called.
AUDIT = timedelta(days=730)


@dataclass(slots=True)
class Purge:
    """How many rows went, by data class."""

    gone: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, rows: Callable[[], QuerySet[Any]]) -> None:
        """Delete what ``rows`` finds, batch by batch; what hangs on it is not counted."""
        while ids := list(rows().values_list("pk", flat=True)[:BATCH]):
            rows().model._default_manager.filter(pk__in=ids).delete()
            self.gone[name] = self.gone.get(name, 0) + len(ids)


def purge_all() -> dict[str, dict[str, int]]:
    """Purge every company and what belongs to none; counts by company ("" for none), where any."""
    with all_companies():
        companies = list(Company.objects.values_list("pk", "slug"))
    gone = {slug: purge_company(company_id) for company_id, slug in companies}
    gone[""] = purge_strangers()
    return {slug: counts for slug, counts in gone.items() if counts}


def purge_company(company_id: int) -> dict[str, int]:
    """Purge one company; the scope is set here."""
    with company_scope(company_id):
        company = Company.objects.get(pk=company_id)
        now = timezone.now()
        cutoff = now - max(timedelta(days=company.retention_days), REMEMBERED)
        purge = Purge()
        _purge_calls(purge, cutoff)
        _purge_bookings(purge, cutoff)
        purge.take("customers", lambda: _forgotten_customers(cutoff))
        purge.take("calendar_changes", lambda: CalendarSweep.objects.filter(changed_at__lt=cutoff))
        purge.take("audit_entries", lambda: AuditEntry.objects.filter(at__lt=now - AUDIT))
        if not company.store_transcripts:
            _forget_words(purge, now - REMEMBERED)
    if purge.gone:
        log.info("purged", company=company.slug, **purge.gone)
    return purge.gone


def _purge_calls(purge: Purge, cutoff: datetime) -> None:
    """Calls take their functions, events, offers and changes of state with them."""
    purge.take("callbacks", lambda: CallbackRequest.objects.filter(created_at__lt=cutoff))
    purge.take(
        "waiting_wishes",
        lambda: WaitingWish.objects.filter(created_at__lt=cutoff, date_to__lt=timezone.localdate()),
    )
    over = Q(ended_at=None) | Q(ended_at__lt=cutoff)
    purge.take("calls", lambda: Call.objects.filter(over, created_at__lt=cutoff))
    purge.take("functions", lambda: FunctionCall.objects.filter(call=None, started_at__lt=cutoff))
    purge.take("events", lambda: CallEvent.objects.filter(call=None, received_at__lt=cutoff))


def _purge_bookings(purge: Purge, cutoff: datetime) -> None:
    """Appointments once they are long over; attempts with them, or when nothing came of them."""
    purge.take("appointments", lambda: Appointment.objects.filter(end__lt=cutoff))
    settled = BookingAttempt.objects.exclude(state__in=BookingAttempt.UNSETTLED)
    purge.take(
        "attempts",
        lambda: settled.filter(created_at__lt=cutoff).filter(
            Q(appointment=None) | Q(appointment__end__lt=cutoff)
        ),
    )


def _forgotten_customers(cutoff: datetime) -> QuerySet[Customer]:
    """Those who have neither an appointment nor a call nor a booking left."""
    return Customer.objects.filter(
        ~Exists(Appointment.objects.filter(customer_id=OuterRef("pk"))),
        ~Exists(BookingAttempt.objects.filter(customer_id=OuterRef("pk"))),
        ~Exists(Call.objects.filter(caller_number=OuterRef("phone"))),
        created_at__lt=cutoff,
    )


def _forget_words(purge: Purge, before: datetime) -> None:
    """A company that stores no transcripts any more: the words of earlier calls go as well."""
    spoken = Call.objects.filter(created_at__lt=before).exclude(transcript="", analysis={})
    changed = spoken.update(transcript="", transcript_turns=0, analysis={})
    functions = FunctionCall.objects.filter(started_at__lt=before).exclude(arguments={}).update(arguments={})
    events = CallEvent.objects.filter(received_at__lt=before).exclude(payload={}).update(payload={})
    if changed + functions + events:
        purge.gone["words"] = changed + functions + events


def purge_strangers() -> dict[str, int]:
    """What belongs to no company: events of unknown numbers, failed sign-ins, sessions that are over."""
    purge = Purge()
    now = timezone.now()
    with all_companies():
        purge.take("events", lambda: CallEvent.objects.filter(company=None, received_at__lt=now - STRANGERS))
        purge.take("audit_entries", lambda: AuditEntry.objects.filter(company=None, at__lt=now - AUDIT))
    purge.take("sign_ins", lambda: AccessAttempt.objects.filter(attempt_time__lt=now - STRANGERS))
    purge.take("failed_sign_ins", lambda: AccessFailureLog.objects.filter(attempt_time__lt=now - STRANGERS))
    purge.take("sessions", lambda: Session.objects.filter(expire_date__lt=now))
    if purge.gone:
        log.info("purged", **purge.gone)
    return purge.gone
