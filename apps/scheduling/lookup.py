"""Reading back: our own bookings by metadata key, whoever else is there, and chains of reschedules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.errors import CalendarFault, Reason, Refusal
from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.models import BookingAttempt

KEY = "idem"
MARGIN = timedelta(minutes=1)
# A host may have moved it before we look.
MOVED_BY = timedelta(hours=12)
LONGEST_CHAIN = 10


@dataclass(frozen=True, slots=True)
class Found:
    """``own``: the standing bookings that carry the attempt's key, oldest first; several = executed twice.

    ``others``: how many standing bookings without it overlap the attempt's time (no seats).
    """

    own: tuple[Booking, ...]
    others: int


def carries(booking: Booking, key: str) -> bool:
    """Whether this booking, or a seat of it, was made with this key."""
    return booking.metadata.get(KEY) == key or any(one.metadata.get(KEY) == key for one in booking.attendees)


def seat_of(booking: Booking, *, key: str, name: str) -> str:
    """The seat taken with this key, else the one just taken, else the one of this name; "" = no seats."""
    seats = [one for one in booking.attendees if one.seat_uid]
    for one in seats:
        if key and one.metadata.get(KEY) == key:
            return one.seat_uid
    named = [one.seat_uid for one in seats if one.name == name]
    return booking.seat_uid or (named[-1] if named else "")


def look_up(attempt: BookingAttempt, client: CalcomClient, *, until: float) -> Found:
    """What stands around the attempt's time. ``until`` is in ``time.monotonic()`` seconds.

    Results are filtered here as well: some builds of Cal.com ignore the filters. Raises
    ``CalendarFault`` when nothing was found in a list that is not complete: that proves no absence.
    """
    length = attempt.end - attempt.start
    listed = client.find_bookings(
        after_start=attempt.start - length - MARGIN,
        before_end=attempt.end + MOVED_BY,
        event_type_id=attempt.event_type.external_id,
        deadline=until,
    )
    standing = [booking for booking in listed.bookings if booking.is_open]
    own = [booking for booking in standing if carries(booking, attempt.calendar_key)]
    if not own and not listed.complete:
        raise CalendarFault("incomplete_list")
    others = sum(
        1
        for booking in standing
        if booking not in own
        and booking.start < attempt.end
        and attempt.start < booking.end
        and not any(one.seat_uid for one in booking.attendees)
    )
    own.sort(key=lambda booking: (booking.created_at is None, booking.created_at, booking.uid))
    return Found(tuple(own), others)


def chain(uid: str, client: CalcomClient, *, until: float) -> list[Booking]:
    """The booking and what it was moved to, in order; empty when it does not exist."""
    links: list[Booking] = []
    while uid and len(links) < LONGEST_CHAIN:
        try:
            links.append(client.get_booking(uid=uid, deadline=until))
        except Refusal as error:
            if error.code == Reason.NOT_FOUND:
                break
            raise
        uid = links[-1].rescheduled_to_uid
    return links
