"""What goes to Cal.com and what comes back, as typed values.

Personal data and uids are kept out of ``repr``: these objects end up in tracebacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

BookingStatus = Literal["accepted", "pending", "cancelled", "rejected"]

# fmt: off
LANGUAGES = frozenset({
    "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "es-419", "et", "eu", "fi", "fr", "he",
    "hr", "hu", "id", "it", "iw", "ja", "km", "ko", "lv", "nl", "no", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sr", "sv", "ta", "th", "tr", "uk", "vi", "zh-CN", "zh-TW",
})
# fmt: on
"""Languages Cal.com accepts for an attendee; any other is refused with 400."""

METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What Cal.com says about its limit: requests left, and seconds until it starts anew."""

    limit: int | None
    remaining: int | None
    reset_seconds: float | None


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One bookable start (UTC). Seats are known only for event types with seats."""

    start: datetime
    seats_remaining: int | None = field(default=None, compare=False)
    seats_total: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SlotsAnswer:
    """The free starts inside [start, end), in order, each once."""

    slots: tuple[Slot, ...]
    start: datetime
    end: datetime
    elapsed: float
    request_id: str


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who comes. Phone-only attendees have ``<digits>@sms.cal.com`` as e-mail."""

    name: str = field(repr=False)
    email: str = field(repr=False)
    phone: str = field(default="", repr=False)
    time_zone: str = ""
    seat_uid: str = field(default="", repr=False)
    # Of a seat; a booking without seats carries its metadata itself.
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking as Cal.com has it; times in UTC. ``pending`` waits for the host: requested, not booked.

    The uid is a secret: whoever has it can read, move and cancel the booking. ``root_uid`` is the uid it
    was first made under: a reschedule gives a new one and keeps this, and so does the calendar entry.
    """

    uid: str = field(repr=False)
    status: BookingStatus
    start: datetime
    end: datetime
    event_type_id: int | None
    id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    rescheduled_from_uid: str = field(default="", repr=False)
    rescheduled_to_uid: str = field(default="", repr=False)
    root_uid: str = field(default="", repr=False)
    # The seat that was just taken, where the event type has seats.
    seat_uid: str = field(default="", repr=False)
    host_ids: tuple[int, ...] = ()
    attendees: tuple[Attendee, ...] = field(default=(), repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_open(self) -> bool:
        """Takes up its time: accepted, or waiting for the host."""
        return self.status in ("accepted", "pending")

    def has_attendee(self, email: str) -> bool:
        """Whether this e-mail (any case) is among the attendees."""
        return any(attendee.email.casefold() == email.casefold() for attendee in self.attendees)


@dataclass(frozen=True, slots=True)
class BookingList:
    """Bookings that really fit the question (checked here, Cal.com's filters are not reliable).

    ``complete`` is false when the list was cut at its bound: absence then proves nothing.
    """

    bookings: tuple[Booking, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """What is sent to book. Raises ``ValueError`` when it cannot be right.

    ``start``: aware. ``phone``: E.164. At least one of ``email`` and ``phone``. ``responses``: answers to
    the event type's own fields, by slug. ``metadata``: ≤ 50 keys of ≤ 40, values of ≤ 500 characters.
    """

    event_type_id: int
    start: datetime
    name: str = field(repr=False)
    time_zone: str
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    language: str = ""
    responses: Mapping[str, object] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, str | int | bool] = field(default_factory=dict, repr=False)
    length_minutes: int | None = None
    location: Mapping[str, object] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError("the start of a booking needs a time zone")
        if len(self.metadata) > METADATA_KEYS:
            raise ValueError(f"metadata has more than {METADATA_KEYS} keys")
        for key, value in self.metadata.items():
            if not 0 < len(key) <= METADATA_KEY_LENGTH:
                raise ValueError(f"a metadata key is empty or longer than {METADATA_KEY_LENGTH} characters")
            if isinstance(value, str) and len(value) > METADATA_VALUE_LENGTH:
                raise ValueError(f"metadata {key!r} is longer than {METADATA_VALUE_LENGTH} characters")

    def body(self) -> dict[str, object]:
        """The JSON of POST /v2/bookings: no key that Cal.com does not know, none that is empty."""
        attendee: dict[str, object] = {"name": self.name, "timeZone": self.time_zone}
        if self.email:
            attendee["email"] = self.email
        if self.phone:
            attendee["phoneNumber"] = self.phone
        if self.language in LANGUAGES:
            attendee["language"] = self.language
        body: dict[str, object] = {
            "start": utc_text(self.start),
            "eventTypeId": self.event_type_id,
            "attendee": attendee,
        }
        if self.responses:
            body["bookingFieldsResponses"] = dict(self.responses)
        if self.metadata:
            body["metadata"] = dict(self.metadata)
        if self.length_minutes is not None:
            body["lengthInMinutes"] = self.length_minutes
        if self.location is not None:
            body["location"] = dict(self.location)
        return body


@dataclass(frozen=True, slots=True)
class Reservation:
    """A courtesy hold at Cal.com: hides the slot from lists, does not guard the booking."""

    uid: str = field(repr=False)
    start: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class BookingField:
    """One question of an event type's form. ``is_default``: Cal.com's own (name, email, phone …)."""

    slug: str
    type: str
    required: bool
    hidden: bool
    is_default: bool
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventType:
    """What can be booked, as far as booking by voice depends on it; durations in minutes."""

    id: int
    slug: str
    title: str
    length_minutes: int
    length_options: tuple[int, ...]
    fields: tuple[BookingField, ...]
    minimum_notice_minutes: int
    price: float
    seats: int | None
    recurring: bool
    requires_confirmation: bool
    requires_email_verification: bool
    requires_authentication: bool
    booker_limit: int | None
    cancelling_disabled: bool
    rescheduling_disabled: bool
    hidden: bool

    def requires(self, slug: str) -> bool:
        """Whether the form demands this field."""
        return any(field.slug == slug and field.required and not field.hidden for field in self.fields)

    @property
    def required_custom_fields(self) -> tuple[BookingField, ...]:
        """The business's own questions that a booking has to answer."""
        return tuple(field for field in self.fields if field.required and not field.is_default)


@dataclass(frozen=True, slots=True)
class Me:
    """Whose key it is."""

    id: int
    username: str
    time_zone: str
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One subscription; the secret is never read back."""

    id: str
    subscriber_url: str = field(repr=False)
    active: bool
    triggers: frozenset[str]


def utc_text(moment: datetime) -> str:
    """An aware instant as Cal.com wants it, ``2026-11-24T08:00:00Z``: a naive one books the wrong hour."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
