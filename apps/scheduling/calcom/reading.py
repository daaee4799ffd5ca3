"""Cal.com's answers, read into typed values.

Strict where a mistake would be spoken to a caller (times, states, uids) and tolerant elsewhere:
unknown keys are ignored. Everything that cannot be trusted raises :class:`Malformed`, never an
empty result – an empty slot list means "no slots", and only that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from apps.scheduling.calcom.payloads import (
    Attendee,
    Booking,
    BookingField,
    BookingStatus,
    EventType,
    Me,
    Reservation,
    Slot,
    Webhook,
)

JSONObject = Mapping[str, object]
STATUSES = frozenset({"accepted", "pending", "cancelled", "rejected"})

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_REMARK = re.compile(r"message|reason|notice", re.IGNORECASE)


class Malformed(ValueError):
    """An answer that makes no sense. Names the place, never the content."""


def instant(value: object, *, at: str) -> datetime:
    """An ISO 8601 time with offset → UTC. Without an offset it could mean two hours: malformed."""
    if not isinstance(value, str) or "T" not in value:
        raise Malformed(f"{at} is not a time")
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise Malformed(f"{at} has no offset")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(f"{at} is not a time") from None


def parse_slots(data: object, *, start: datetime, end: datetime) -> tuple[Slot, ...]:
    """Free starts inside [start, end), sorted, from any of the shapes Cal.com has used.

    By date ``{"2026-11-24": [{"start": …}]}``, wrapped ``{"slots": {…: [{"time": …}]}}``, flat
    ``[{"start": …}]``, and plain strings for the objects. Cal.com also lists slots outside the
    asked range and, with seats, may list full ones: both are dropped.
    """
    found = {
        slot.start: slot
        for entry in _slot_entries(data)
        if (slot := _slot(entry)) is not None and start <= slot.start < end
    }
    return tuple(sorted(found.values()))


def _slot_entries(data: object) -> Sequence[object]:
    if isinstance(data, list):
        return data
    days = _object(data, at="data")
    if "slots" in days:
        return _slot_entries(days["slots"])
    entries: list[object] = []
    dated = False
    for key, value in days.items():
        if _DAY.fullmatch(key):
            if not isinstance(value, list):
                raise Malformed("a day of slots is not a list")
            dated = True
            entries.extend(value)
    # Newer installations may add a remark why there is nothing; anything else in place of days is no answer.
    if not dated and not all(_REMARK.search(key) for key in days):
        raise Malformed("data holds no days of slots")
    return entries


def _slot(entry: object) -> Slot | None:
    if isinstance(entry, str):
        return Slot(start=instant(entry, at="slot"))
    if not isinstance(entry, Mapping):
        raise Malformed("a slot is neither an object nor a time")
    remaining = _count(entry.get("seatsRemaining"), at="seatsRemaining")
    if remaining == 0:
        return None
    return Slot(
        start=instant(entry.get("start", entry.get("time")), at="slot"),
        seats_remaining=remaining,
        seats_total=_count(entry.get("seatsTotal"), at="seatsTotal"),
    )


def parse_booking(data: object) -> Booking:
    """One booking; uid, status, start and end have to make sense."""
    item = _object(data, at="booking")
    status = item.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        raise Malformed("booking.status is unknown")
    start, end = instant(item.get("start"), at="booking.start"), instant(item.get("end"), at="booking.end")
    if end < start:
        raise Malformed("booking.end is before its start")
    return Booking(
        uid=_required_text(item, "uid", at="booking"),
        status=cast(BookingStatus, status),
        start=start,
        end=end,
        event_type_id=_event_type_id(item),
        id=_count(item.get("id"), at="booking.id"),
        created_at=_optional_instant(item.get("createdAt"), at="booking.createdAt"),
        updated_at=_optional_instant(item.get("updatedAt"), at="booking.updatedAt"),
        rescheduled_from_uid=_text(item.get("rescheduledFromUid")),
        rescheduled_to_uid=_text(item.get("rescheduledToUid")),
        root_uid=root_uid(item.get("icsUid")),
        seat_uid=_text(item.get("seatUid")),
        host_ids=tuple(
            host["id"]
            for host in _list(item.get("hosts"))
            if isinstance(host, Mapping) and isinstance(host.get("id"), int)
        ),
        attendees=tuple(
            _attendee(person) for person in _list(item.get("attendees")) if isinstance(person, Mapping)
        ),
        metadata=_metadata(item.get("metadata")),
    )


def root_uid(value: object) -> str:
    """The uid a booking was first made under, from its calendar entry (``<uid>@Cal.com``); "" = unknown."""
    uid, at, _ = _text(value).partition("@")
    return uid if at else ""


def _metadata(value: object) -> Mapping[str, str]:
    return {str(key): str(one) for key, one in value.items()} if isinstance(value, Mapping) else {}


def _event_type_id(item: JSONObject) -> int | None:
    event_type = item.get("eventType")
    nested = event_type.get("id") if isinstance(event_type, Mapping) else None
    return _count(nested if nested is not None else item.get("eventTypeId"), at="booking.eventTypeId")


def _attendee(person: JSONObject) -> Attendee:
    return Attendee(
        name=_text(person.get("name")),
        # displayEmail strips the client id that managed users carry in their address.
        email=_text(person.get("displayEmail")) or _text(person.get("email")),
        phone=_text(person.get("phoneNumber")),
        time_zone=_text(person.get("timeZone")),
        seat_uid=_text(person.get("seatUid")),
        metadata=_metadata(person.get("metadata")),
    )


def parse_reservation(data: object) -> Reservation:
    """The answer to a slot reservation."""
    item = _object(data, at="reservation")
    return Reservation(
        uid=_required_text(item, "reservationUid", at="reservation"),
        start=instant(item.get("slotStart"), at="reservation.slotStart"),
        until=instant(item.get("reservationUntil"), at="reservation.reservationUntil"),
    )


def parse_event_type(data: object) -> EventType:
    """One event type in the 2024-06-14 shape."""
    item = _object(data, at="event type")
    id_, length = item.get("id"), item.get("lengthInMinutes")
    if not _is_count(id_) or not _is_count(length):
        raise Malformed("an event type needs an id and a length")
    limit = item.get("bookerActiveBookingsLimit")
    return EventType(
        id=cast(int, id_),
        slug=_text(item.get("slug")),
        title=_text(item.get("title")),
        length_minutes=cast(int, length),
        length_options=tuple(n for n in _list(item.get("lengthInMinutesOptions")) if isinstance(n, int)),
        fields=tuple(
            _field(entry) for entry in _list(item.get("bookingFields")) if isinstance(entry, Mapping)
        ),
        minimum_notice_minutes=_count(item.get("minimumBookingNotice"), at="minimumBookingNotice") or 0,
        price=_number(item.get("price")),
        seats=_seats(item),
        recurring=_enabled(item.get("recurrence")),
        requires_confirmation=_enabled(item.get("confirmationPolicy")),
        requires_email_verification=item.get("requiresBookerEmailVerification") is True,
        requires_authentication=item.get("bookingRequiresAuthentication") is True,
        booker_limit=_count(limit.get("maximumActiveBookings"), at="booker limit")
        if isinstance(limit, Mapping)
        else None,
        cancelling_disabled=_flag(item.get("disableCancelling")),
        rescheduling_disabled=_flag(item.get("disableRescheduling")),
        hidden=item.get("hidden") is True,
    )


def _field(entry: JSONObject) -> BookingField:
    return BookingField(
        slug=_text(entry.get("slug")) or _text(entry.get("type")),
        type=_text(entry.get("type")),
        required=entry.get("required") is True,
        hidden=entry.get("hidden") is True,
        is_default=entry.get("isDefault") is True,
        options=tuple(option for option in _list(entry.get("options")) if isinstance(option, str)),
    )


def _seats(item: JSONObject) -> int | None:
    seats = item.get("seats")
    if isinstance(seats, Mapping) and _enabled(seats):
        return _count(seats.get("seatsPerTimeSlot"), at="seats")
    return _count(item.get("seatsPerTimeSlot"), at="seatsPerTimeSlot")


def parse_me(data: object) -> Me:
    """The owner of the key."""
    item = _object(data, at="me")
    id_ = item.get("id")
    if not _is_count(id_):
        raise Malformed("me.id is not a number")
    return Me(
        id=cast(int, id_),
        username=_text(item.get("username")),
        time_zone=_text(item.get("timeZone")),
        email=_text(item.get("email")),
    )


def parse_webhook(data: object) -> Webhook:
    """One webhook subscription."""
    item = _object(data, at="webhook")
    id_ = item.get("id")
    if not isinstance(id_, str | int) or isinstance(id_, bool):
        raise Malformed("webhook.id is missing")
    return Webhook(
        id=str(id_),
        subscriber_url=_required_text(item, "subscriberUrl", at="webhook"),
        active=item.get("active") is True,
        triggers=frozenset(name for name in _list(item.get("triggers")) if isinstance(name, str)),
    )


def parse_list(data: object, *, at: str) -> Sequence[object]:
    """A list, and nothing else."""
    if not isinstance(data, list):
        raise Malformed(f"{at} is not a list")
    return data


def _object(value: object, *, at: str) -> JSONObject:
    if not isinstance(value, Mapping):
        raise Malformed(f"{at} is not an object")
    return value


def _required_text(item: JSONObject, key: str, *, at: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{at}.{key} is missing")
    return value


def _optional_instant(value: object, *, at: str) -> datetime | None:
    return None if value in (None, "") else instant(value, at=at)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _count(value: object, *, at: str) -> int | None:
    if value is None:
        return None
    if not _is_count(value):
        raise Malformed(f"{at} is not a count")
    return cast(int, value)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _enabled(value: object) -> bool:
    """Cal.com's optional policies: null or ``{"disabled": true}`` is off, any other object is on."""
    return isinstance(value, Mapping) and value.get("disabled") is not True


def _flag(value: object) -> bool:
    """Cal.com's switches: ``true`` in old answers, ``{"disabled": true}`` in new ones."""
    return value is True or (isinstance(value, Mapping) and value.get("disabled") is True)
