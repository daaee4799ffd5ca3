"""A change of the calendar, as a webhook or a list tells of it, read into one value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from django.utils.dateparse import parse_datetime

from apps.scheduling.calcom.payloads import Booking, BookingStatus
from apps.scheduling.calcom.reading import STATUSES, root_uid
from apps.scheduling.lookup import KEY

# What a trigger says of the booking; its payload's own status, where there is one, is more exact.
STATUS_OF_TRIGGER: Mapping[str, BookingStatus] = {
    "BOOKING_CREATED": "accepted",
    "BOOKING_REQUESTED": "pending",
    "BOOKING_RESCHEDULED": "accepted",
    "BOOKING_CANCELLED": "cancelled",
    "BOOKING_REJECTED": "rejected",
    "BOOKING_PAID": "accepted",
    "BOOKING_REASSIGNED": "accepted",
}
LARGEST_ID = 2**63 - 1
# What JSON may carry in a string and no database takes: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PHONE = re.compile(r"\+[1-9][0-9]{4,14}")
# The address Cal.com gives to somebody who left only a number.
_PHONE_EMAIL = re.compile(r"([1-9][0-9]{4,14})@sms\.cal\.com", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Change:
    """One booking as the calendar has it now; ``at`` is the calendar's own clock.

    ``root`` names the chain of reschedules it belongs to, ``moved_from`` the link before it; "" = not told.
    """

    uid: str = field(repr=False)
    status: BookingStatus
    start: datetime
    end: datetime
    event_type: int | None
    root: str = field(default="", repr=False)
    moved_from: str = field(default="", repr=False)
    our_key: str = ""
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    seated: bool = False
    seat_uid: str = field(default="", repr=False)
    at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Takes up its time."""
        return self.status in ("accepted", "pending")

    def as_booking(self) -> Booking:
        """The same in the client's words."""
        return Booking(
            uid=self.uid,
            status=self.status,
            start=self.start,
            end=self.end,
            event_type_id=self.event_type,
            created_at=self.at,
            rescheduled_from_uid=self.moved_from,
            root_uid=self.root,
        )


def of_webhook(body: Mapping[str, Any]) -> Change | None:
    """The change a webhook tells of; None for one that changes no booking, or makes no sense."""
    payload = body.get("payload")
    status = STATUS_OF_TRIGGER.get(_text(body.get("triggerEvent")))
    if status is None or not isinstance(payload, dict):
        return None
    start, end = _instant(payload.get("startTime")), _instant(payload.get("endTime"))
    uid = _text(payload.get("uid"))
    if start is None or end is None or end <= start or not uid:
        return None
    person = _first(payload.get("attendees"))
    metadata = payload.get("metadata")
    stated = _text(payload.get("status")).lower()
    recurring = isinstance(payload.get("recurringEvent"), dict)
    return Change(
        uid=uid,
        status=cast(BookingStatus, stated) if stated in STATUSES else status,
        start=start,
        end=end,
        event_type=_id(payload.get("eventTypeId")),
        # The occurrences of a series may share a calendar entry; each is a chain of its own.
        root="" if recurring else _text(root_uid(payload.get("iCalUID"))),
        moved_from=_text(payload.get("rescheduleUid")),
        our_key=_text(metadata.get(KEY)) if isinstance(metadata, dict) else "",
        name=_text(person.get("name"), 80),
        phone=_phone(person.get("phoneNumber"), person.get("email")),
        seated=bool(payload.get("seatsPerTimeSlot")),
        seat_uid=_text(payload.get("attendeeSeatId")),
        at=_instant(body.get("createdAt")),
    )


def of_booking(booking: Booking) -> Change:
    """The change a listed booking stands for."""
    first = booking.attendees[0] if booking.attendees else None
    return Change(
        uid=booking.uid,
        status=booking.status,
        start=booking.start,
        end=booking.end,
        event_type=booking.event_type_id,
        root=booking.root_uid,
        moved_from=booking.rescheduled_from_uid,
        our_key=booking.metadata.get(KEY, ""),
        name=_text(first.name, 80) if first is not None else "",
        phone=_phone(first.phone, first.email) if first is not None else "",
        seated=any(one.seat_uid for one in booking.attendees),
        at=booking.updated_at or booking.created_at,
    )


def _instant(value: object) -> datetime | None:
    """An ISO instant; one without an offset is no instant."""
    if not isinstance(value, str):
        return None
    try:
        moment = parse_datetime(value)
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _text(value: object, limit: int = 120) -> str:
    return _UNSTORABLE.sub("", value)[:limit] if isinstance(value, str) else ""


def _id(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value <= LARGEST_ID else None


def _first(attendees: object) -> Mapping[str, Any]:
    if isinstance(attendees, list) and attendees and isinstance(attendees[0], dict):
        return attendees[0]
    return {}


def _phone(number: object, email: object) -> str:
    """The attendee's number in international form; "" when there is none that can be one."""
    written = re.sub(r"[\s()/.-]", "", _text(number, 40))
    if _PHONE.fullmatch(written):
        return written
    synthetic = _PHONE_EMAIL.fullmatch(_text(email))
    return f"+{synthetic[1]}" if synthetic else ""
