"""A booking of the calendar as an appointment of ours."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.models import Appointment, BookingAttempt, new_reference

STATUS_OF = {
    "accepted": Appointment.Status.CONFIRMED,
    "pending": Appointment.Status.REQUESTED,
    "cancelled": Appointment.Status.CANCELLED,
    "rejected": Appointment.Status.REJECTED,
}
REFERENCE_TRIES = 5


def appointment_of(
    attempt: BookingAttempt, booking: Booking, *, customer_id: int | None, seat: str
) -> Appointment:
    """The appointment that a booking of this attempt is, not saved yet."""
    return Appointment(
        company_id=attempt.company_id,
        branch_id=attempt.branch_id,
        service_id=attempt.service_id,
        event_type_id=attempt.event_type_id,
        customer_id=customer_id,
        status=STATUS_OF[booking.status],
        start=booking.start,
        end=end_of(booking, attempt),
        attendee_name=attempt.attendee_name,
        calendar_uid=booking.uid,
        root_uid=booking.root_uid or booking.uid,
        seat_uid=seat,
        calendar_changed_at=booking.updated_at or booking.created_at,
    )


def end_of(booking: Booking, attempt: BookingAttempt) -> datetime:
    """When it is over. Where the calendar names no length, the one that was asked for."""
    return booking.end if booking.end > booking.start else booking.start + (attempt.end - attempt.start)


def insert_appointment(appointment: Appointment) -> Appointment:
    """Insert with a reference that no other appointment of the company has; the row of a racing
    writer of the same booking is returned instead."""
    for _ in range(REFERENCE_TRIES):
        try:
            with transaction.atomic():
                appointment.save(force_insert=True)
            return appointment
        except IntegrityError:
            raced = Appointment.objects.filter(
                calendar_uid=appointment.calendar_uid, seat_uid=appointment.seat_uid
            ).first()
            if raced is not None:
                return raced
            appointment.reference = new_reference()
    raise RuntimeError("no free reference found")
