"""Slots, reservations and bookings as the API writes them (2024-09-04 and 2024-08-13)."""

from __future__ import annotations

from datetime import UTC, datetime

from apps.sandbox.model import Attendee, Booking, Host, JsonObject, Reservation
from apps.sandbox.slots import Slot, written


def moment(seconds: float) -> str:
    """Epoch seconds as ``2026-11-20T14:03:22.481Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slots(found: list[Slot], *, zone: str, ranges: bool, seats: int | None) -> JsonObject:
    """Slots by local date; dates without any are absent."""
    days: dict[str, list[JsonObject]] = {}
    for slot in found:
        start = written(slot.start, zone)
        entry: JsonObject = {"start": start}
        if ranges:
            entry["end"] = written(slot.end, zone)
        if seats:
            entry["seatsBooked"] = slot.seats_booked
            entry["seatsRemaining"] = seats - slot.seats_booked
            entry["seatsTotal"] = seats
            if slot.booking_uid:
                entry["bookingUid"] = slot.booking_uid
        days.setdefault(start[:10], []).append(entry)
    return days


def host(one: Host) -> JsonObject:
    return {
        "id": one.id,
        "name": one.name,
        "email": one.email,
        "displayEmail": one.email,
        "username": one.username,
        "timeZone": one.zone.key,
    }


def attendee(one: Attendee, *, seated: bool = False) -> JsonObject:
    written_out: JsonObject = {
        "name": one.name,
        "email": one.email,
        "displayEmail": one.email,
        "timeZone": one.zone,
        "language": one.language,
        "absent": False,
    }
    if one.phone:
        written_out["phoneNumber"] = one.phone
    if seated:
        written_out["seatUid"] = one.seat_uid
        written_out["bookingFieldsResponses"] = one.responses
        written_out["metadata"] = one.metadata
    return written_out


def booking(one: Booking, *, seat_uid: str = "") -> JsonObject:
    """A booking as every booking endpoint answers it; ``seat_uid`` only right after taking a seat."""
    kind = one.event_type
    seated = bool(kind.seats)
    answer: JsonObject = {
        "id": one.id,
        "uid": one.uid,
        "title": title(one),
        "description": one.description,
        "hosts": [host(each) for each in one.hosts],
        "status": one.status,
        "cancellationReason": one.cancellation_reason,
        "start": moment(one.start),
        "end": moment(one.end),
        "duration": (one.end - one.start) // 60,
        "eventTypeId": kind.id,
        "eventType": {"id": kind.id, "slug": kind.slug},
        "meetingUrl": one.location,
        "location": one.location,
        "absentHost": False,
        "createdAt": moment(one.created),
        "updatedAt": moment(one.updated) if one.updated > one.created else None,
        "metadata": {} if seated else one.metadata,
        "icsUid": f"{one.root_uid}@Cal.com",
        "attendees": [attendee(each, seated=seated) for each in one.attendees],
    }
    if not seated:
        answer["guests"] = one.guests
        answer["bookingFieldsResponses"] = one.attendees[0].responses if one.attendees else {}
    if seat_uid:
        answer["seatUid"] = seat_uid
    for key, value in (
        ("rescheduledFromUid", one.rescheduled_from),
        ("rescheduledToUid", one.rescheduled_to),
        ("reschedulingReason", one.rescheduling_reason),
        ("rescheduledByEmail", one.rescheduled_by),
        ("cancelledByEmail", one.cancelled_by),
    ):
        if value:
            answer[key] = value
    return answer


def title(one: Booking) -> str:
    who = one.attendees[0].name if one.attendees else "nobody"
    return f"{one.event_type.title} between {one.hosts[0].name if one.hosts else 'nobody'} and {who}"


def booking_2024_04_15(one: Booking) -> JsonObject:
    """The fallback version's booking, for callers who forgot the version header."""
    return {
        "id": one.id,
        "uid": one.uid,
        "title": title(one),
        "startTime": moment(one.start),
        "endTime": moment(one.end),
        "status": one.status.upper(),
        "eventType": {"id": one.event_type.id, "slug": one.event_type.slug},
    }


def reservation(one: Reservation, *, with_duration: bool) -> JsonObject:
    answer: JsonObject = {
        "eventTypeId": one.event_type.id,
        "slotStart": moment(one.start),
        "slotEnd": moment(one.end),
        "slotDuration": (one.end - one.start) // 60,
        "reservationUid": one.uid,
        "reservationUntil": moment(one.until),
    }
    if with_duration:
        answer["reservationDuration"] = one.minutes
    return answer
