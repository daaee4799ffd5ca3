"""What the sandbox's calendar is made of: accounts, hosts, schedules, event types, bookings.

Instants are epoch seconds in UTC (``int`` for starts and ends, ``float`` for the moments
something happened); wall clocks appear only in schedules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

JsonObject = dict[str, Any]
Status = Literal["accepted", "pending", "cancelled", "rejected"]
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MINUTE = 60
DAY = 86_400


def words(text: str) -> frozenset[str]:
    """A set of names, written as text."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening on some weekdays (0 = Monday), minutes after midnight on the wall clock."""

    weekdays: frozenset[int]
    opens: int
    closes: int


@dataclass(slots=True, eq=False)
class Schedule:
    """Weekly availability in one zone; ``overrides`` replace the week on their date (empty: closed)."""

    id: int
    name: str
    zone: ZoneInfo
    hours: tuple[Hours, ...]
    overrides: dict[date, tuple[tuple[int, int], ...]]
    is_default: bool = False
    ranges: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Host:
    id: int
    name: str
    email: str
    username: str
    zone: ZoneInfo
    schedule: Schedule
    busy: list[tuple[int, int]] = field(default_factory=list)
    days: dict[int, list[Booking]] = field(default_factory=dict)
    booked: int = 0


@dataclass(frozen=True, slots=True)
class BookingField:
    """A custom question of an event type, asked under its slug."""

    slug: str
    type: str
    label: str
    required: bool
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """How far ahead may be booked: rolling days, or a fixed range of dates."""

    type: Literal["calendarDays", "businessDays", "range"]
    days: int = 0
    first: date | None = None
    last: date | None = None


@dataclass(slots=True, eq=False)
class EventType:
    id: int
    account: Account
    title: str
    slug: str
    length: int
    hosts: list[Host]
    lengths: tuple[int, ...] = ()
    description: str = ""
    slot_interval: int | None = None
    minimum_notice: int = 0
    before_buffer: int = 0
    after_buffer: int = 0
    window: Window | None = None
    limits_count: dict[str, int] = field(default_factory=dict)
    limits_duration: dict[str, int] = field(default_factory=dict)
    active_limit: int | None = None
    active_limit_offers_reschedule: bool = False
    seats: int | None = None
    requires_confirmation: bool = False
    pending_blocks: bool = False
    email_required: bool = True
    phone: Literal["hidden", "optional", "required"] = "optional"
    fields: tuple[BookingField, ...] = ()
    locations: tuple[JsonObject, ...] = ()
    price: int = 0
    currency: str = "eur"
    hidden: bool = False
    requires_verification: bool = False
    requires_authentication: bool = False
    only_first_slot: bool = False
    disable_cancelling: bool = False
    requires_cancellation_reason: bool = False
    reschedule_notice: int | None = None
    scheduling: Literal["", "roundRobin", "collective", "managed"] = ""
    team_id: int = 0
    team_slug: str = ""
    schedule: Schedule | None = None
    days: dict[int, list[Booking]] = field(default_factory=dict)

    @property
    def interval(self) -> int:
        return self.slot_interval or self.length


@dataclass(slots=True)
class Attendee:
    name: str
    email: str
    phone: str | None
    zone: str
    language: str
    responses: JsonObject
    metadata: JsonObject
    created: float
    seat_uid: str = ""


@dataclass(slots=True, eq=False)
class Booking:
    """One row of the calendar; ``settled`` and ``freed`` say when its time was taken and given back."""

    id: int
    uid: str
    event_type: EventType
    hosts: list[Host]
    start: int
    end: int
    status: Status
    attendees: list[Attendee]
    created: float
    updated: float
    location: str
    metadata: JsonObject
    guests: list[str] = field(default_factory=list)
    description: str = ""
    freed: float | None = None
    cancellation_reason: str = ""
    cancelled_by: str = ""
    rejection_reason: str = ""
    rescheduling_reason: str = ""
    rescheduled_by: str = ""
    rescheduled_from: str = ""
    rescheduled_to: str = ""
    root_uid: str = ""
    sequence: int = 0

    @property
    def open(self) -> bool:
        return self.status in ("accepted", "pending")

    @property
    def holds_time(self) -> bool:
        """Pending requests leave the slot open unless the event type says otherwise, as Cal.com does."""
        return self.status == "accepted" or (self.status == "pending" and self.event_type.pending_blocks)


@dataclass(slots=True, eq=False)
class Reservation:
    uid: str
    event_type: EventType
    host: Host
    start: int
    end: int
    minutes: int
    until: float


@dataclass(slots=True, eq=False)
class Subscription:
    """A webhook somebody registered; ``event_type_id`` narrows it to one event type."""

    id: int
    uuid: str
    url: str
    triggers: tuple[str, ...]
    secret: str
    active: bool = True
    version: str = "2021-10-20"
    payload_template: str = ""


@dataclass(slots=True, eq=False)
class Account:
    """One Cal.com user with a key of its own; everything below belongs to it."""

    key: str
    user_id: int
    name: str
    username: str
    email: str
    zone: ZoneInfo
    language: str = "de"
    expired: bool = False
    rate_limit: int = 100_000
    blocked: frozenset[str] = frozenset()
    schedules: list[Schedule] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    event_types: dict[int, EventType] = field(default_factory=dict)
    webhooks: dict[int, Subscription] = field(default_factory=dict)
    bookings: list[Booking] = field(default_factory=list)
    changes: list[tuple[float, Booking]] = field(default_factory=list)


@dataclass(slots=True)
class Behaviour:
    """How this Cal.com behaves without any fault being set.

    ``slot_lag_ms``: bookings and cancellations show in the slots that much later.
    ``read_lag_ms``: a new booking can be read back only that much later (the read replica).
    ``exact_conflict``: the status of a second booking of the same host, start and end: 409, 400 or 500.
    ``filters_ignored``: the list ignores attendeeEmail, afterStart and beforeEnd.
    ``live_shapes``: event types and webhooks as the live service writes them (see ``catalogue``).
    ``self_hosted``: versions of 2026 are unknown and fall back.
    ``calendar_unreachable``: a connected calendar fails, so no slots and every booking is refused.
    ``confirm_may_double_book``: two requests for one time can both be confirmed.
    """

    slot_lag_ms: int = 0
    read_lag_ms: int = 0
    exact_conflict: int = 409
    filters_ignored: bool = False
    live_shapes: bool = False
    self_hosted: bool = False
    calendar_unreachable: bool = False
    confirm_may_double_book: bool = False
