"""Slot reservations: a courtesy that hides a slot and blocks other reservations, never a booking."""

from __future__ import annotations

import uuid

from apps.sandbox.booking import session_at
from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError
from apps.sandbox.model import MINUTE, EventType, Host, Reservation
from apps.sandbox.wire import moment


def reserve(
    calendar: Calendar, *, event_type: EventType, start: int, length: int, minutes: int, uid: str = ""
) -> Reservation:
    """Hold ``length`` minutes from ``start`` for ``minutes``; ``uid`` replaces that reservation.

    A reservation that is renewed meets its own row in the overlap check, as with Cal.com.
    """
    if not event_type.hosts:
        raise RefusedError(400, "Cannot reserve a slot for a team event without any hosts")
    with calendar.lock:
        check_session(event_type, start=start)
        reservation = Reservation(
            uid=uid or str(uuid.uuid4()),
            event_type=event_type,
            host=host_to_hold(calendar, event_type=event_type, start=start, end=start + length * MINUTE),
            start=start,
            end=start + length * MINUTE,
            minutes=minutes,
            until=calendar.now() + minutes * MINUTE,
        )
        calendar.reservations[reservation.uid] = reservation
        return reservation


def check_session(event_type: EventType, *, start: int) -> None:
    session = session_at(event_type, start=start)
    if session is None or event_type.scheduling == "roundRobin":
        return
    if not event_type.seats:
        raise RefusedError(422, "Can't reserve a slot if the event is already booked.")
    if len(session.attendees) >= event_type.seats:
        raise RefusedError(422, f"Booking with id={session.id} at {moment(start)} has no more seats left.")


def host_to_hold(calendar: Calendar, *, event_type: EventType, start: int, end: int) -> Host:
    """Round robin holds once per host; other team events hold their first host alone."""
    held = calendar.reserved()
    candidates = event_type.hosts if event_type.scheduling == "roundRobin" else event_type.hosts[:1]
    for host in candidates:
        overlaps = any(begin < end and start < until for begin, until in held.get(host.id, ()))
        if event_type.seats or not overlaps:
            return host
    raise RefusedError(
        422, "This time slot is already reserved by another user. Please choose a different time."
    )


def reservation(calendar: Calendar, *, uid: str) -> Reservation | None:
    """One that still runs."""
    found = calendar.reservations.get(uid)
    return found if found is not None and found.until > calendar.now() else None
