"""One look at the calendar for what became of an attempt, and the record of what was seen."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from django.db import transaction
from django.utils import timezone

from apps.scheduling import doubles, truth
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.errors import Reason, Refusal
from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.lookup import chain, look_up
from apps.scheduling.models import Appointment, BookingAttempt

Kind = BookingAttempt.Kind

# What was made or moved so lately may be missing where the calendar reads: its replica lags.
REPLICA_LAGS = timedelta(seconds=60)


class Verdict(Enum):
    """``DONE`` and ``OVER`` are recorded: it came true, it cannot any more. ``ABSENT``: not (yet) to be seen.

    ``TAKEN``: not to be seen, and its time is full of others' bookings.
    """

    DONE = "done"
    OVER = "over"
    ABSENT = "absent"
    TAKEN = "taken"


def verify(attempt: BookingAttempt, client: CalcomClient, *, until: float) -> Verdict:
    """Look once. ``until`` is in ``time.monotonic()`` seconds. Raises what the client raises."""
    if attempt.kind == Kind.BOOK:
        return _verify_booking(attempt, client, until=until)
    appointment = attempt.appointment
    if appointment is None:
        truth.reject(attempt, code="no_appointment")
        return Verdict.OVER
    links = chain(attempt.asked_uid or appointment.calendar_uid, client, until=until)
    if links and links[-1].rescheduled_to_uid:
        return Verdict.ABSENT  # it was moved to what cannot be read yet
    if not links and timezone.now() - appointment.updated_at < REPLICA_LAGS:
        return Verdict.ABSENT  # that it is not there yet is not that it is gone
    if attempt.error_code == Reason.NOT_FOUND and [one.is_open for one in links] == [True]:
        # The calendar knew nothing of it when it was asked: it did nothing.
        truth.reject(attempt, code=Reason.NOT_FOUND)
        return Verdict.OVER
    if attempt.kind == Kind.RESCHEDULE:
        return _verify_move(attempt, appointment, links)
    if attempt.error_code == doubles.CODE:
        return _undo_double(attempt, links, client, until=until)
    return _verify_cancellation(attempt, appointment, links)


def _verify_booking(attempt: BookingAttempt, client: CalcomClient, *, until: float) -> Verdict:
    found = look_up(attempt, client, until=until)
    if not found.own:
        return Verdict.TAKEN if found.others >= attempt.service.capacity else Verdict.ABSENT
    # The oldest is the one that stands; each further one finds it confirmed and is noted as a double.
    for booking in found.own:
        truth.confirm_booking(attempt, booking)
    return Verdict.DONE


def _verify_move(attempt: BookingAttempt, appointment: Appointment, links: list[Booking]) -> Verdict:
    last = links[-1] if links else None
    stands_there = last is not None and last.is_open and last.start == attempt.start
    if stands_there or any(link.start == attempt.start for link in links[1:]):
        with transaction.atomic():
            for link in links[1:]:
                truth.follow_move(attempt, link)
            truth.settle_move(attempt)
        return Verdict.DONE
    if last is not None and not last.is_open:
        _note_end(attempt, appointment)
        return Verdict.OVER
    return _moved_meanwhile(attempt, links) if len(links) > 1 else Verdict.ABSENT


def _verify_cancellation(attempt: BookingAttempt, appointment: Appointment, links: list[Booking]) -> Verdict:
    seat = appointment.seat_uid
    gone = not links or not links[-1].is_open
    if gone or (seat and all(one.seat_uid != seat for one in links[-1].attendees)):
        truth.confirm_cancellation(attempt)
        return Verdict.DONE
    return _moved_meanwhile(attempt, links) if len(links) > 1 else Verdict.ABSENT


def _moved_meanwhile(attempt: BookingAttempt, links: list[Booking]) -> Verdict:
    """The appointment stands at another time than the caller meant: they are asked again, or called."""
    with transaction.atomic():
        for link in links[1:]:
            truth.follow_move(attempt, link)
        truth.reject(attempt, code="moved_meanwhile", stale=True)
    return Verdict.OVER


def _note_end(attempt: BookingAttempt, appointment: Appointment) -> None:
    with transaction.atomic():
        truth.reject(attempt, code=Reason.ALREADY_CANCELLED, stale=True)
        truth.move_appointment(appointment, to=Appointment.Status.CANCELLED)


def _undo_double(
    attempt: BookingAttempt, links: list[Booking], client: CalcomClient, *, until: float
) -> Verdict:
    """Cancel a second booking of ours; what somebody has moved since is wanted, and stays."""
    if len(links) > 1 and links[-1].is_open:
        return _moved_meanwhile(attempt, links)
    if links and links[-1].is_open:
        try:
            client.cancel_booking(uid=links[-1].uid, reason=attempt.reason, deadline=until)
        except Refusal as error:
            if error.code not in (Reason.ALREADY_CANCELLED, Reason.NOT_FOUND):
                truth.reject(attempt, code=error.code)
                return Verdict.OVER
    truth.confirm_cancellation(attempt)
    return Verdict.DONE
