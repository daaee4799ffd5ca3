"""Moving, cancelling, confirming and declining bookings."""

from __future__ import annotations

from dataclasses import replace

from apps.sandbox.booking import HOST_BUSY, Wanted, check_time, choose_hosts, put, take_seat
from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError
from apps.sandbox.model import MINUTE, Attendee, Booking, Host
from apps.sandbox.slots import View, is_free, limit_reached


def cancel(
    calendar: Calendar, *, booking: Booking, reason: str = "", by: str = "", seat_uid: str = ""
) -> Booking:
    """Cancel a booking, or one seat of it; its time is free again at once."""
    with calendar.lock:
        check_cancellable(calendar, booking=booking, reason=reason)
        if seat_uid:
            booking.attendees.remove(seat(booking, uid=seat_uid))
            if booking.attendees:
                calendar.changed(booking)
                return booking
        booking.cancellation_reason, booking.cancelled_by = reason, by
        calendar.free(booking, status="cancelled")
        return booking


def check_cancellable(calendar: Calendar, *, booking: Booking, reason: str) -> None:
    if not booking.open:
        raise RefusedError(
            400,
            f"Can't cancel booking with uid={booking.uid} because it has been cancelled already. "
            "Please provide uid of a booking that is not cancelled.",
        )
    if booking.end < calendar.now():
        raise RefusedError(400, "Cannot cancel a booking that has already ended", envelope="B")
    if booking.event_type.disable_cancelling:
        raise RefusedError(400, "This event type does not allow cancellations", envelope="B")
    if booking.event_type.requires_cancellation_reason and not reason:
        raise RefusedError(400, "Cancellation reason is required", envelope="B")


def seat(booking: Booking, *, uid: str) -> Attendee:
    for attendee in booking.attendees:
        if attendee.seat_uid == uid:
            return attendee
    raise RefusedError(404, f"Seat with uid={uid} not found in booking with uid={booking.uid}.")


def reschedule(
    calendar: Calendar,
    *,
    booking: Booking,
    start: int,
    reason: str = "",
    by: str = "",
    seat_uid: str = "",
    ignore_bounds: bool = False,
) -> Booking:
    """A new booking of the same length at another start; the old one ends cancelled and names it."""
    with calendar.lock:
        check_movable(calendar, booking=booking)
        event_type = booking.event_type
        view = calendar.view(without="" if event_type.seats else booking.uid)
        check_time(event_type, start=start, view=view, ignore_bounds=ignore_bounds)
        if event_type.seats:
            return move_seat(calendar, booking=booking, start=start, seat_uid=seat_uid, view=view)
        wanted = moved_to(booking, start=start, attendee=booking.attendees[0])
        limit = limit_reached(event_type, start, wanted.length, view)
        if limit:
            raise RefusedError(401, limit, envelope="B")
        hosts = hosts_for_move(calendar, booking=booking, wanted=wanted, view=view)
        # The owner's own hand needs no confirmation by the owner.
        moved = put(
            calendar, wanted=wanted, hosts=hosts, confirmed=bool(by) and by == event_type.account.email
        )
        link(calendar, old=booking, new=moved, reason=reason, by=by)
        return moved


def moved_to(booking: Booking, *, start: int, attendee: Attendee) -> Wanted:
    return Wanted(
        booking.event_type,
        start,
        (booking.end - booking.start) // MINUTE,
        replace(attendee),
        location=booking.location,
        metadata=booking.metadata,
        guests=tuple(booking.guests),
    )


def hosts_for_move(calendar: Calendar, *, booking: Booking, wanted: Wanted, view: View) -> list[Host]:
    """The same hosts where they are free, as Cal.com keeps them; else those the event type has."""
    event_type, start, end = wanted.event_type, wanted.start, wanted.end
    if all(is_free(host, event_type, start, end, view) for host in booking.hosts):
        return booking.hosts
    return choose_hosts(calendar, event_type=event_type, start=start, end=end, view=view)


def check_movable(calendar: Calendar, *, booking: Booking) -> None:
    refusal = f"Can't reschedule booking with uid={booking.uid} because it has been"
    if booking.status == "cancelled" and booking.rescheduled_to:
        raise RefusedError(
            400,
            f"{refusal} cancelled and rescheduled already to booking with uid={booking.rescheduled_to}. You "
            f"probably want to reschedule {booking.rescheduled_to} instead by passing it within the request "
            "URL.",
        )
    if booking.status == "cancelled":
        raise RefusedError(
            400, f"{refusal} cancelled. Please provide uid of a booking that is not cancelled."
        )
    if booking.status == "rejected":
        raise RefusedError(400, f"{refusal} rejected.")
    notice = booking.event_type.reschedule_notice
    if notice is not None and booking.start - calendar.now() < notice * MINUTE:
        raise RefusedError(
            403, "Rescheduling is not allowed within the minimum notice period before the event", envelope="B"
        )


def move_seat(calendar: Calendar, *, booking: Booking, start: int, seat_uid: str, view: View) -> Booking:
    if not seat_uid:
        raise RefusedError(400, "seatUid is required to reschedule a seated booking.")
    attendee = seat(booking, uid=seat_uid)
    wanted = moved_to(booking, start=start, attendee=attendee)
    moved = take_seat(calendar, wanted=wanted, view=view)
    booking.attendees.remove(attendee)
    if booking.attendees:
        calendar.changed(booking)
    else:
        link(calendar, old=booking, new=moved, reason="", by="")
    return moved


def link(calendar: Calendar, *, old: Booking, new: Booking, reason: str, by: str) -> None:
    new.rescheduled_from, new.root_uid, new.sequence = old.uid, old.root_uid, old.sequence + 1
    new.rescheduling_reason, new.rescheduled_by = reason, by
    old.rescheduled_to, old.rescheduling_reason, old.rescheduled_by = new.uid, reason, by
    calendar.free(old, status="cancelled")


def confirm(calendar: Calendar, *, booking: Booking) -> Booking:
    """From pending to accepted; two requests for one time both pass only where Cal.com's bug is wanted."""
    with calendar.lock:
        if booking.status != "pending":
            raise RefusedError(400, "Booking already confirmed")
        view = calendar.view(without=booking.uid)
        free = all(
            is_free(host, booking.event_type, booking.start, booking.end, view) for host in booking.hosts
        )
        if not free and not calendar.behaviour.confirm_may_double_book:
            raise RefusedError(400, HOST_BUSY)
        booking.status = "accepted"
        calendar.changed(booking)
        return booking


def decline(calendar: Calendar, *, booking: Booking, reason: str = "") -> Booking:
    with calendar.lock:
        if booking.status != "pending":
            raise RefusedError(400, "Booking already confirmed")
        booking.rejection_reason = reason
        calendar.free(booking, status="rejected")
        return booking
