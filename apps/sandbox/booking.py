"""Making a booking: every check and the insertion under one lock, so no time is given away twice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError
from apps.sandbox.model import DAY, MINUTE, Attendee, Booking, EventType, Host, JsonObject
from apps.sandbox.slots import View, bookable_period, is_free, limit_reached

HOST_BUSY = "User either already has booking at this time or is not available"
TEAM_BUSY = "One of the hosts either already has booking at this time or is not available"
OUT_OF_BOUNDS = (
    "The event type can't be booked at the \"start\" time provided. This could be because it's too soon "
    "(violating the minimum booking notice) or too far in the future (outside the event's scheduling "
    "window). Try fetching available slots first using the GET /v2/slots endpoint and then make a booking "
    'with "start" time equal to one of the available slots.'
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A booking somebody asks for; ``length`` in minutes, ``start`` in epoch seconds."""

    event_type: EventType
    start: int
    length: int
    attendee: Attendee
    location: str = ""
    metadata: JsonObject = field(default_factory=dict)
    guests: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        return self.start + self.length * MINUTE


def book(
    calendar: Calendar, *, wanted: Wanted, ignore_bounds: bool = False, ignore_limits: bool = False
) -> tuple[Booking, bool]:
    """Check and insert at once. Returns the booking and whether it is new.

    Raises ``RefusedError`` with the answer Cal.com gives: past, notice or window, limits, host busy.
    """
    with calendar.lock:
        view = calendar.view()
        check_time(wanted.event_type, start=wanted.start, view=view, ignore_bounds=ignore_bounds)
        if not ignore_limits:
            check_limits(calendar, wanted=wanted, view=view)
        if calendar.behaviour.calendar_unreachable:
            raise RefusedError(400, HOST_BUSY)
        if wanted.event_type.seats:
            return take_seat(calendar, wanted=wanted, view=view), True
        known = known_request(wanted)
        if known is not None:
            return known, False
        hosts = choose_hosts(
            calendar, event_type=wanted.event_type, start=wanted.start, end=wanted.end, view=view
        )
        return put(calendar, wanted=wanted, hosts=hosts), True


def put(calendar: Calendar, *, wanted: Wanted, hosts: list[Host], confirmed: bool = False) -> Booking:
    """Insert without any check; ``confirmed`` where nobody needs to confirm it any more."""
    booking = calendar.insert(
        wanted.event_type,
        hosts=hosts,
        start=wanted.start,
        end=wanted.end,
        attendees=[wanted.attendee],
        location=wanted.location,
        metadata=wanted.metadata,
        pending=wanted.event_type.requires_confirmation and not confirmed,
    )
    booking.guests = list(wanted.guests)
    return booking


def put_elsewhere(calendar: Calendar, *, wanted: Wanted) -> Booking:
    """A booking made past all rules, as if by the host's own hand; it takes its time like any other."""
    with calendar.lock:
        event_type = wanted.event_type
        session = session_at(event_type, start=wanted.start) if event_type.seats else None
        if session is not None:
            return add_seat(calendar, session=session, attendee=wanted.attendee)
        if event_type.seats:
            wanted.attendee.seat_uid = str(uuid.uuid4())
        hosts = event_type.hosts[:1] if event_type.scheduling == "roundRobin" else event_type.hosts
        return put(calendar, wanted=wanted, hosts=hosts, confirmed=True)


def check_time(event_type: EventType, *, start: int, view: View, ignore_bounds: bool) -> None:
    if start < view.now:
        raise RefusedError(400, "Attempting to book a meeting in the past.")
    earliest, latest = bookable_period(event_type, view.now)
    if not ignore_bounds and not earliest <= start <= latest:
        raise RefusedError(400, OUT_OF_BOUNDS)


def check_limits(calendar: Calendar, *, wanted: Wanted, view: View) -> None:
    event_type = wanted.event_type
    limit = limit_reached(event_type, wanted.start, wanted.length, view)
    if limit:
        raise RefusedError(401, limit, envelope="B")
    if event_type.active_limit is None:
        return
    active = [
        booking
        for booking in calendar.by_email.get(wanted.attendee.email.lower(), ())
        if booking.event_type is event_type and booking.open and booking.end > view.now
    ]
    if len(active) < event_type.active_limit:
        return
    message = (
        "Attendee with this email can't book because the maximum number of active bookings has been reached."
    )
    if event_type.active_limit_offers_reschedule:
        message += f" You can reschedule your existing booking ({active[-1].uid}) to a new time instead."
    raise RefusedError(400, message)


def known_request(wanted: Wanted) -> Booking | None:
    """Round robin and to-be-confirmed events answer the same person and start with what exists."""
    event_type, attendee = wanted.event_type, wanted.attendee
    if event_type.scheduling != "roundRobin" and not event_type.requires_confirmation:
        return None
    for booking in event_type.days.get(wanted.start // DAY, ()):
        if booking.open and booking.start == wanted.start:
            first = booking.attendees[0]
            if first.email == attendee.email or (first.phone and first.phone == attendee.phone):
                return booking
    return None


def choose_hosts(
    calendar: Calendar, *, event_type: EventType, start: int, end: int, view: View
) -> list[Host]:
    """Who takes it: round robin the least booked free host, else all hosts. Raises when busy."""
    if event_type.scheduling == "managed":
        raise RefusedError(
            400,
            f"Event type with id={event_type.id} is the parent managed event type that can't be booked. "
            "You have to provide the child event type id.",
        )
    if not event_type.hosts:
        raise RefusedError(422, f"Event type with id={event_type.id} has no hosts.")
    free = [host for host in event_type.hosts if is_free(host, event_type, start, end, view)]
    if event_type.scheduling == "roundRobin" and free:
        return [min(free, key=lambda host: host.booked)]
    if len(free) == len(event_type.hosts):
        return free
    if len(event_type.hosts) > 1:
        raise RefusedError(400, TEAM_BUSY)
    raise busy(calendar, host=event_type.hosts[0], start=start, end=end, view=view)


def busy(calendar: Calendar, *, host: Host, start: int, end: int, view: View) -> RefusedError:
    """The same host, start and end again meets Cal.com's unique key; anything else is just busy."""
    for booking in host.days.get(start // DAY, ()):
        if booking.start == start and booking.end == end and view.sees(booking):
            if calendar.behaviour.exact_conflict == 409:
                return RefusedError(409, "booking_conflict_error", envelope="B")
            if calendar.behaviour.exact_conflict == 500:
                return RefusedError(500, "Internal server error", envelope="B")
    return RefusedError(400, HOST_BUSY)


def take_seat(calendar: Calendar, *, wanted: Wanted, view: View) -> Booking:
    """A seat of the session at that start, which begins with its first attendee."""
    event_type, attendee = wanted.event_type, wanted.attendee
    session = session_at(event_type, start=wanted.start)
    if session is None:
        hosts = choose_hosts(calendar, event_type=event_type, start=wanted.start, end=wanted.end, view=view)
        attendee.seat_uid = str(uuid.uuid4())
        return put(calendar, wanted=wanted, hosts=hosts)
    if any(seated.email == attendee.email for seated in session.attendees):
        raise RefusedError(409, "already_signed_up_for_this_booking_error", envelope="B")
    if len(session.attendees) >= (event_type.seats or 0):
        raise RefusedError(409, "No more seats left at this seated booking.")
    return add_seat(calendar, session=session, attendee=attendee)


def add_seat(calendar: Calendar, *, session: Booking, attendee: Attendee) -> Booking:
    attendee.seat_uid = str(uuid.uuid4())
    session.attendees.append(attendee)
    calendar.remember_attendee(session, attendee)
    calendar.changed(session)
    return session


def session_at(event_type: EventType, *, start: int) -> Booking | None:
    """The open booking of an event type that begins at that instant."""
    for booking in event_type.days.get(start // DAY, ()):
        if booking.open and booking.start == start:
            return booking
    return None
