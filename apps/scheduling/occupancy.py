"""What takes up a calendar beyond what it says itself: our own bookings, and what callers were offered.

Cal.com may list a booked slot for some seconds more, so our own confirmed and unsettled bookings are
taken away from every answer, one seat each.

What stands in a calendar changes with its version alone, so a process that has read it under this version
need not read it again. What passes – holds, unsettled bookings, the caller's own time – is read with the
call, for all calendars of the company (``passing``), or, where that was a while ago, once more.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, get_args

from django.db.models import CharField, Q, QuerySet, Value
from django.utils import timezone

from apps.core.prepared import Prepared, Row, Statement, send
from apps.scheduling.alternatives import Slot
from apps.scheduling.availability import UNSETTLED_SECONDS, Listing, Window
from apps.scheduling.models import Appointment, BookingAttempt, Hold
from apps.scheduling.places import Place
from apps.tenants.scoping import company_scope, current_company_id

Rows: TypeAlias = "QuerySet[Any, Any]"
Kind = Literal["standing", "unsettled", "held", "own"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a calendar (the row of its event type), in epoch seconds. ``at``: when a hold ends, when
    a booking last changed."""

    calendar: int
    start: float
    end: float
    at: float
    owner: str = ""
    seat: int = 0
    reservation_uid: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Occupancy:
    """``holds`` are all of the calendar's in this company, expired ones included; ``busy`` is the
    caller's own time."""

    standing: list[Entry]
    unsettled: list[Entry]
    holds: list[Entry]
    busy: list[Entry]
    now: float

    def slots(self, listing: Listing, place: Place, *, owner: str) -> list[Slot]:
        """The listed starts, with what is known of each."""
        length = place.duration.total_seconds()
        live = [one for one in self.holds if one.at > self.now]
        starts = self._starts(listing, place, live, owner=owner)
        taken = _overlaps(starts, length, [*self.standing, *self.unsettled])
        held = _overlaps(starts, length, [one for one in live if one.owner != owner])
        capacity = place.service.capacity
        slots = [Slot(datetime.fromtimestamp(start, UTC), False, capacity) for start in starts]
        # Most starts are touched by nothing.
        counted = () if not listing.seats else (n for n, one in enumerate(starts) if one in listing.seats)
        for position in {*taken, *held, *counted}:
            start = starts[position]
            left = capacity - taken[position]
            if start in listing.seats:
                left = self._seats_left(start, listing.seats[start], asked_at=listing.asked_at)
            others = held[position]
            slots[position] = Slot(slots[position].start, bool(others) and others >= left, left)
        return slots

    def _starts(self, listing: Listing, place: Place, live: list[Entry], *, owner: str) -> Sequence[int]:
        """What is listed, and what only this conversation's own reservation hides."""
        hidden = {
            int(hold.start)
            for hold in live
            if hold.owner == owner and hold.reservation_uid and _lies_in(hold.start, listing, place)
        }.difference(listing.starts)
        return sorted([*listing.starts, *hidden]) if hidden else listing.starts

    def _seats_left(self, start: int, seats: tuple[int, int], *, asked_at: float) -> int:
        """A listed count knows our older bookings already; what is newer, or unsettled, it may not."""
        remaining, total = seats
        same = [entry for entry in self.standing if entry.start == start]
        unsettled = sum(1 for entry in self.unsettled if entry.start == start)
        recent = sum(1 for entry in same if entry.at > asked_at - UNSETTLED_SECONDS)
        return min(remaining - recent - unsettled, total - len(same) - unsettled)

    def bookings_at(self, start: float, place: Place) -> int:
        """How many bookings, standing or unsettled, overlap a start of this place."""
        end = start + place.duration.total_seconds()
        return sum(1 for one in (*self.standing, *self.unsettled) if one.start < end and start < one.end)

    def free_seat(self, start: float) -> int:
        """A seat number that no hold of this start has, expired ones included."""
        used = {one.seat for one in self.holds if one.start == start}
        return next(number for number in range(len(used) + 1) if number not in used)


def _overlaps(starts: Sequence[int], length: float, entries: Iterable[Entry]) -> Counter[int]:
    """By position in ``starts``: how many entries overlap ``length`` seconds from there, where any does."""
    counts: Counter[int] = Counter()
    for entry in entries:
        first = bisect_right(starts, entry.start - length)
        counts.update(range(first, bisect_left(starts, entry.end)))
    return counts


def _lies_in(start: float, listing: Listing, place: Place) -> bool:
    first, after = place.bounds(listing.first, listing.last)
    return first.timestamp() <= start < after.timestamp()


# --- Reading it ---------------------------------------------------------------------------------

# Nothing that is booked takes longer.
LONGEST = timedelta(days=1)
BOOKS = (BookingAttempt.Kind.BOOK, BookingAttempt.Kind.RESCHEDULE)
# What was read with the call is good for an answer that is given at once.
AT_ONCE_SECONDS = 0.1
MOST_SEEN = 512


@dataclass(frozen=True, slots=True)
class Passing:
    """What passes in a company's calendars: ``read_at`` (``time.monotonic()`` seconds), and whose own time
    is in it, by ``phone``."""

    unsettled: list[Entry]
    holds: list[Entry]
    own: list[Entry]
    phone: str
    read_at: float
    now: float

    @property
    def fresh(self) -> bool:
        """Whether nothing was waited for since it was read."""
        return time.monotonic() - self.read_at < AT_ONCE_SECONDS


def passing(*, phone: str | None) -> Statement:
    """The question for it, to be sent with others, in the scope in force."""
    return _passing.bound(company=current_company_id(), phone=phone or "", now=timezone.now())


def passing_of(rows: Iterable[Row], *, phone: str | None) -> Passing:
    """What its rows say, read just now."""
    found = _entries(rows)
    return Passing(
        unsettled=found["unsettled"],
        holds=found["held"],
        own=found["own"],
        phone=phone or "",
        read_at=time.monotonic(),
        now=timezone.now().timestamp(),
    )


def read(place: Place, window: Window, *, owner: str, phone: str | None, moving_id: int | None) -> Occupancy:
    """What overlaps the window's days in this calendar, and the caller's own time anywhere in the company.

    ``moving_id``: the appointment that is moved, whose own time is free. As it is now, in one message, in
    the scope in force.
    """
    first, after = place.bounds(window.first, window.last)
    standing, passes = send(
        _standing.bound(
            company=current_company_id(),
            calendar=place.event_type_id,
            before=first - LONGEST,
            first=first,
            after=after,
        ),
        passing(phone=phone),
    )
    stands = _entries(standing)["standing"]
    _see(_key(place, window), stands)
    return _occupancy(
        place, window, stands, passing_of(passes, phone=phone), owner=owner, moving_id=moving_id
    )


def known(
    place: Place, window: Window, passes: Passing, *, owner: str, phone: str | None
) -> Occupancy | None:
    """The same without a message, from what was read with the call and what this process has read under the
    calendar's version; None where that will not do. Whoever keeps what is offered next learns whether
    somebody was faster."""
    stands = _seen.get(_key(place, window))
    if stands is None or not passes.fresh or passes.phone != (phone or ""):
        return None
    return _occupancy(place, window, stands, passes, owner=owner, moving_id=None)


def _occupancy(
    place: Place,
    window: Window,
    standing: list[Entry],
    passes: Passing,
    *,
    owner: str,
    moving_id: int | None,
) -> Occupancy:
    first, after = (bound.timestamp() for bound in place.bounds(window.first, window.last))
    here = place.event_type_id
    asked = [one for one in passes.unsettled if one.owner == owner and one.end > passes.now]
    return Occupancy(
        standing=[one for one in standing if one.id != moving_id],
        unsettled=[
            one for one in passes.unsettled if one.calendar == here and one.start < after and one.end > first
        ],
        holds=[one for one in passes.holds if one.calendar == here],
        busy=[*asked, *(one for one in passes.own if one.id != moving_id)],
        now=passes.now,
    )


# What stands in calendars, as this process has read it under their versions.
_seen: dict[tuple[int, int, int, Window], list[Entry]] = {}
_seen_lock = threading.Lock()


def _key(place: Place, window: Window) -> tuple[int, int, int, Window]:
    return current_company_id(), place.event_type_id, place.version, window


def _see(key: tuple[int, int, int, Window], standing: list[Entry]) -> None:
    with _seen_lock:
        _seen.pop(key, None)
        while len(_seen) >= MOST_SEEN:
            del _seen[next(iter(_seen))]
        _seen[key] = standing


def forget() -> None:
    """Let this process read it anew (tests)."""
    with _seen_lock:
        _seen.clear()


def _entries(rows: Iterable[Row]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {kind: [] for kind in get_args(Kind)}
    for kind, calendar, begins, ends, at, *rest in rows:
        found[kind].append(Entry(calendar, begins.timestamp(), ends.timestamp(), at.timestamp(), *rest))
    return found


def _build_standing(
    *, company: int, calendar: int, before: datetime, first: datetime, after: datetime
) -> Rows:
    with company_scope(company):
        # Both ends of the start: an index of starts would else be read from the calendar's very first day.
        overlapping = Q(event_type_id=calendar, start__gt=before, start__lt=after, end__gt=first)
        rows = Appointment.objects.filter(overlapping, status__in=Appointment.OPEN).order_by()
        return _columns(rows, "standing", at="updated_at")


def _build_passing(*, company: int, phone: str, now: datetime) -> Rows:
    with company_scope(company):
        attempts = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED, kind__in=BOOKS)
        # The company too: its customers' numbers are found by both.
        own = Q(customer__company_id=company, customer__phone=phone, end__gt=now)
        appointments = Appointment.objects.filter(own, status__in=Appointment.OPEN)
        return _columns(attempts.order_by(), "unsettled", at="created_at", owner="owner").union(
            _columns(appointments.order_by(), "own", at="updated_at"), _holds(Hold.objects.all()), all=True
        )


def _columns(rows: Rows, kind: Kind, *, at: str, owner: str = "") -> Rows:
    text = Value("", output_field=CharField())
    return rows.values_list(
        Value(kind, output_field=CharField()),
        "event_type_id",
        "start",
        "end",
        at,
        owner or text,
        Value(0),
        text,
        "pk",
    )


def _holds(rows: Rows) -> Rows:
    kind = Value("held", output_field=CharField())
    return rows.values_list(
        kind, "event_type_id", "start", "end", "expires_at", "owner", "seat", "reservation_uid", "pk"
    )


_standing = Prepared(
    _build_standing, company=int, calendar=int, before=datetime, first=datetime, after=datetime
)
_passing = Prepared(_build_passing, company=int, phone=str, now=datetime)
