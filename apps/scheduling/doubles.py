"""Two bookings of one attempt: the later one is cancelled, however long the calendar makes us wait for it.

A double becomes an appointment of nobody, so that the time it takes is known, and an attempt to cancel
it, which reconciliation drives until it is gone.
"""

from __future__ import annotations

import hashlib

import structlog
from django.db import transaction
from django.utils import timezone

from apps.scheduling import tasks
from apps.scheduling.appointments import appointment_of, insert_appointment
from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.models import BookingAttempt

log = structlog.get_logger(__name__)

# Whose wish it is that a double goes: the platform's own.
OWNER = "platform"
CODE = "double_booking"
REASON = "Booked twice by mistake"


def is_double(attempt: BookingAttempt, booking: Booking) -> bool:
    """Whether this is a second booking of a confirmed attempt: neither the known one nor of its chain."""
    known = attempt.appointment
    return (
        known is not None
        and booking.is_open
        and booking.start == attempt.start
        and not booking.rescheduled_from_uid
        and booking.uid not in (known.calendar_uid, known.root_uid)
        and (booking.root_uid or booking.uid) != known.root_uid
    )


def note(attempt: BookingAttempt, booking: Booking) -> None:
    """Note a second booking to be cancelled, once; anything else changes nothing. Inside a transaction."""
    if not is_double(attempt, booking):
        return
    key = f"double:{hashlib.sha256(booking.uid.encode()).hexdigest()[:40]}"
    if BookingAttempt.objects.filter(idempotency_key=key).exists():
        return
    now = timezone.now()
    appointment = insert_appointment(appointment_of(attempt, booking, customer_id=None, seat=""))
    undoing = BookingAttempt.objects.create(
        company_id=attempt.company_id,
        kind=BookingAttempt.Kind.CANCEL,
        state=BookingAttempt.State.UNKNOWN,
        idempotency_key=key,
        calendar_key=hashlib.sha256(f"{key}:{attempt.company_id}".encode()).hexdigest()[:32],
        asked_uid=booking.uid,
        owner=OWNER,
        branch_id=attempt.branch_id,
        service_id=attempt.service_id,
        event_type_id=attempt.event_type_id,
        appointment=appointment,
        start=appointment.start,
        end=appointment.end,
        attendee_name=attempt.attendee_name,
        attendee_phone=attempt.attendee_phone,
        reason=REASON,
        error_code=CODE,
        submitted_at=now,
        check_at=now,
    )
    log.warning("double_booking", attempt=attempt.pk, undoing=undoing.pk)
    transaction.on_commit(lambda: tasks.settle_later(attempt.company_id, undoing.pk, seconds=0))
