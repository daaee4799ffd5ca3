"""The one transaction that records what the calendar said. Nothing else writes appointments.

Every change of a state is a conditional UPDATE that names the states it may come from: of two
writers one wins, the other sees that it did not, and no transition outside the tables can happen.
Writers of one calendar queue at the event type's row, which each transaction takes first by raising
its version: rows are locked in one order, and a webhook and the answer it overtook see each other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from apps.scheduling import doubles, holds
from apps.scheduling.appointments import STATUS_OF, appointment_of, end_of, insert_appointment
from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.lookup import seat_of
from apps.scheduling.models import Appointment, BookingAttempt, Hold
from apps.scheduling.versions import raise_version

log = structlog.get_logger(__name__)

# Heard by the phone side, which scheduling does not know: somebody has to be called. Sent inside the
# transaction that makes it true, with ``attempt``.
late_booking = Signal()  # a booking appeared after its caller was told, or let believe, that it failed
lost_wish = Signal()  # what a caller was told is being checked did not come true
attempt_settled = Signal()  # it is known what became of an attempt, whatever it is
slot_freed = Signal()  # an appointment is gone from the ``start`` it had; with ``appointment``

State = BookingAttempt.State


def move_attempt(attempt: BookingAttempt, *, to: BookingAttempt.State, **fields: object) -> bool:
    """Change an attempt's state if the table allows it from where it really is. False = somebody else was."""
    sources = [state for state, targets in BookingAttempt.TRANSITIONS.items() if to in targets]
    changed = BookingAttempt.objects.filter(pk=attempt.pk, state__in=sources).update(state=to, **fields)
    if changed:
        attempt.state = to
        for name, value in fields.items():
            setattr(attempt, name, value)
    return changed == 1


def move_appointment(appointment: Appointment, *, to: Appointment.Status, **fields: object) -> bool:
    """The same for an appointment."""
    sources = [state for state, targets in Appointment.TRANSITIONS.items() if to in targets]
    return _change(appointment, sources, status=to, **fields)


def change_appointment(appointment: Appointment, *, to: Appointment.Status, **fields: object) -> bool:
    """Change an open appointment's data; its status stays, or becomes another open one the table allows."""
    sources = [state for state, targets in Appointment.TRANSITIONS.items() if to in targets]
    return _change(appointment, [*sources, to], status=to, **fields)


def _change(appointment: Appointment, sources: list[str], **fields: object) -> bool:
    fields["updated_at"] = timezone.now()
    start = appointment.start
    changed = Appointment.objects.filter(pk=appointment.pk, status__in=sources).update(**fields)
    if changed:
        for name, value in fields.items():
            setattr(appointment, name, value)
        if appointment.start != start or appointment.status not in Appointment.OPEN:
            slot_freed.send(sender=Appointment, appointment=appointment, start=start)
    return changed == 1


def submit(attempt: BookingAttempt, *, outlives: float) -> bool:
    """requested → submitting, just before the calendar is asked; ``outlives`` seconds at most it may take."""
    now = timezone.now()
    return move_attempt(
        attempt, to=State.SUBMITTING, submitted_at=now, check_at=now + timedelta(seconds=outlives + 5)
    )


def settle(attempt: BookingAttempt, **fields: object) -> bool:
    """The attempt has come true."""
    settled = move_attempt(
        attempt, to=State.CONFIRMED, settled_at=timezone.now(), check_at=None, error_code="", **fields
    )
    if settled:
        attempt_settled.send(sender=BookingAttempt, attempt=attempt)
    return settled


# --- A booking ----------------------------------------------------------------------------------


def confirm_booking(attempt: BookingAttempt, booking: Booking) -> Appointment | None:
    """The calendar has the booking: attempt and appointment in one transaction.

    Returns the appointment, also when somebody else (webhook, reconciliation) recorded it first. A
    second booking of the same attempt is noted to be cancelled. An attempt that was given up before is
    confirmed all the same, and ``late_booking`` is sent. None when the attempt's row is gone.
    """
    with transaction.atomic():
        raise_version([attempt.event_type_id])
        rows = BookingAttempt.objects.select_for_update(no_key=True).filter(pk=attempt.pk)
        before = rows.values_list("state", flat=True).first()
        if before is None:
            return None
        if before == State.CONFIRMED:
            return _confirmed_before(attempt, booking)
        appointment = _record(attempt, booking)
        if settle(attempt, appointment_id=appointment.pk) and before == State.REJECTED:
            log.warning("late_booking", attempt=attempt.pk)
            late_booking.send(sender=BookingAttempt, attempt=attempt)
        attempt.appointment = appointment
        holds.release(owner=attempt.owner)
    log.info("booking_confirmed", attempt=attempt.pk, appointment=appointment.pk, status=appointment.status)
    return appointment


def _confirmed_before(attempt: BookingAttempt, booking: Booking) -> Appointment | None:
    """Somebody else was faster; a booking that is another one than theirs is noted to be cancelled."""
    current = BookingAttempt.objects.select_related("appointment").get(pk=attempt.pk)
    if current.appointment is not None and booking.uid != current.appointment.calendar_uid:
        doubles.note(current, booking)
    attempt.state, attempt.appointment = current.state, current.appointment
    return current.appointment


def _record(attempt: BookingAttempt, booking: Booking) -> Appointment:
    """The appointment of this booking, created or found (the webhook may have been faster)."""
    seat = seat_of(booking, key=attempt.calendar_key, name=attempt.attendee_name)
    made = appointment_of(attempt, booking, customer_id=attempt.customer_id, seat=seat)
    known = insert_appointment(made)
    if known is not made and known.booked_elsewhere:
        # The webhook could not know whose it is, nor for which of several services.
        known.customer_id, known.booked_elsewhere = attempt.customer_id, False
        known.attendee_name = attempt.attendee_name
        known.service_id, known.branch_id = attempt.service_id, attempt.branch_id
        known.save()
    return known


# --- A change -----------------------------------------------------------------------------------


def confirm_move(attempt: BookingAttempt, booking: Booking) -> Appointment | None:
    """The calendar has moved the appointment: new uid, new time, one more move."""
    with transaction.atomic():
        appointment = follow_move(attempt, booking)
        if appointment is not None:
            attempt.appointment = appointment
        settle_move(attempt)
    return appointment


def settle_move(attempt: BookingAttempt) -> bool:
    """The attempt to move has come true; its appointment is where it should be."""
    with transaction.atomic():
        raise_version([attempt.event_type_id])
        settled = settle(attempt, appointment_id=attempt.appointment_id)
        holds.release(owner=attempt.owner)
    log.info("appointment_moved", attempt=attempt.pk)
    return settled


def follow_move(attempt: BookingAttempt, booking: Booking) -> Appointment | None:
    """The attempt's appointment where the calendar has it now.

    What was moved further, or ended, by somebody else in between is not moved back.
    """
    with transaction.atomic():
        raise_version([attempt.event_type_id])
        appointment = _locked_appointment(attempt)
        if appointment is None or booking.uid == appointment.calendar_uid:
            return appointment
        if appointment.status not in Appointment.OPEN:
            return _successor(attempt, appointment, booking) if booking.is_open else appointment
        if booking.rescheduled_from_uid in ("", appointment.calendar_uid):
            _follow(appointment, attempt, booking)
    return appointment


def _follow(appointment: Appointment, attempt: BookingAttempt, booking: Booking) -> None:
    # A link that was moved on is cancelled in the calendar, the appointment is not.
    status = STATUS_OF[booking.status] if booking.is_open else Appointment.Status(appointment.status)
    change_appointment(
        appointment,
        to=status,
        calendar_uid=booking.uid,
        seat_uid=seat_of(booking, key="", name=appointment.attendee_name) if appointment.seat_uid else "",
        start=booking.start,
        end=end_of(booking, attempt),
        moves=appointment.moves + 1,
        calendar_changed_at=booking.updated_at or booking.created_at or timezone.now(),
    )


def _successor(attempt: BookingAttempt, ended: Appointment, booking: Booking) -> Appointment:
    """What stands in the calendar although we thought it ended: known again, as an appointment of its own."""
    successor = appointment_of(attempt, booking, customer_id=ended.customer_id, seat="")
    successor.root_uid, successor.moves = ended.root_uid, ended.moves + 1
    return insert_appointment(successor)


def confirm_cancellation(attempt: BookingAttempt) -> Appointment | None:
    """The calendar no longer has the appointment."""
    with transaction.atomic():
        raise_version([attempt.event_type_id])
        appointment = _locked_appointment(attempt)
        if appointment is not None:
            move_appointment(appointment, to=Appointment.Status.CANCELLED, calendar_changed_at=timezone.now())
        settle(attempt)
    log.info("appointment_cancelled", attempt=attempt.pk)
    return appointment


def _locked_appointment(attempt: BookingAttempt) -> Appointment | None:
    if attempt.appointment_id is None:
        return None
    return Appointment.objects.select_for_update(no_key=True).filter(pk=attempt.appointment_id).first()


# --- What did not come true, or is not known ----------------------------------------------------


def reject(
    attempt: BookingAttempt, *, code: str, detail: str = "", stale: bool = False, told: bool = False
) -> bool:
    """The calendar did not do it. ``stale``: what we showed was wrong, so cached answers must go.

    ``told``: the caller has gone with "it is being checked"; so has every caller of an unknown outcome.
    ``lost_wish`` is sent then.
    """
    with transaction.atomic():
        if stale:
            raise_version([attempt.event_type_id])
        before = BookingAttempt.objects.filter(pk=attempt.pk).values_list("state", flat=True).first()
        moved = move_attempt(
            attempt,
            to=State.REJECTED,
            settled_at=timezone.now(),
            check_at=None,
            error_code=code[:40],
            error_detail=detail[:300],
        )
        if moved and not code.startswith("unavailable"):
            # What could only not be asked is still offered to its caller, and kept.
            _drop_hold(attempt)
        if moved and (told or before == State.UNKNOWN):
            lost_wish.send(sender=BookingAttempt, attempt=attempt)
        if moved:
            attempt_settled.send(sender=BookingAttempt, attempt=attempt)
    if moved:
        log.info("attempt_rejected", attempt=attempt.pk, code=code)
    return moved


def leave_unknown(attempt: BookingAttempt, *, code: str, check_at: datetime) -> bool:
    """Sent, and no trustworthy answer: reconciliation looks from ``check_at`` on."""
    with transaction.atomic():
        raise_version([attempt.event_type_id])
        moved = move_attempt(attempt, to=State.UNKNOWN, error_code=code[:40], check_at=check_at, checks=0)
        if moved:
            # The attempt takes up its seat by now: with the hold beside it, it would take up two.
            _drop_hold(attempt)
    if moved:
        log.warning("attempt_unknown", attempt=attempt.pk, code=code)
    return moved


def _drop_hold(attempt: BookingAttempt) -> None:
    """Give back what was kept for this very attempt."""
    holds.drop(
        Hold.objects.filter(event_type_id=attempt.event_type_id, start=attempt.start, owner=attempt.owner)
    )
