"""What takes up a calendar beyond what it says itself: our own bookings, and what callers were offered.

Cal.com may list a booked slot for some seconds more, so our own confirmed and unsettled bookings are
taken away from every answer, one seat each. All of it is read at once, after the calendar's answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from django.db.models import CharField, Q, QuerySet, Value
from django.utils import timezone

from apps.core.prepared import Prepared
from apps.scheduling.alternatives import Slot
from apps.scheduling.availability import UNSETTLED_SECONDS, Listing, Window
from apps.scheduling.models import Appointment, BookingAttempt, Hold
from apps.scheduling.places import Place
from apps.tenants.scoping import company_scope, current_company_id

Rows: TypeAlias = "QuerySet[Any, Any]"
Kind = Literal["standing", "unsettled", "held", "busy"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a calendar, in epoch seconds. ``at``: when a hold ends, when a booking last changed."""

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


def read(place: Place, window: Window, *, owner: str, phone: str | None, moving_id: int | None) -> Occupancy:
    """What overlaps the window's days in this calendar, and the caller's own time anywhere in the company.

    ``moving_id``: the appointment that is moved, whose own time is free. One query, in the scope in force.
    """
    first, after = place.bounds(window.first, window.last)
    now = timezone.now()
    rows = _everything.rows(
        company=current_company_id(),
        calendar=place.event_type_id,
        before=first - LONGEST,
        first=first,
        after=after,
        now=now,
        owner=owner,
        phone=phone or "",
        moving=moving_id or 0,
    )
    found: dict[str, list[Entry]] = {"standing": [], "unsettled": [], "held": [], "busy": []}
    for kind, begins, ends, at, *rest in rows:
        found[kind].append(Entry(begins.timestamp(), ends.timestamp(), at.timestamp(), *rest))
    return Occupancy(
        standing=found["standing"],
        unsettled=found["unsettled"],
        holds=found["held"],
        busy=found["busy"],
        now=now.timestamp(),
    )


def _build(
    *,
    company: int,
    calendar: int,
    before: datetime,
    first: datetime,
    after: datetime,
    now: datetime,
    owner: str,
    phone: str,
    moving: int,
) -> Rows:
    with company_scope(company):
        # Both ends of the start: an index of starts would else be read from the calendar's very first day.
        overlapping = Q(event_type_id=calendar, start__gt=before, start__lt=after, end__gt=first)
        # The company too: its customers' numbers are found by both.
        own = Q(customer__company_id=company, customer__phone=phone)
        appointments = Appointment.objects.filter(status__in=Appointment.OPEN).exclude(pk=moving).order_by()
        attempts = BookingAttempt.objects.filter(
            state__in=BookingAttempt.UNSETTLED, kind__in=BOOKS
        ).order_by()
        return _columns(appointments.filter(overlapping), "standing", at="updated_at").union(
            _columns(attempts.filter(overlapping), "unsettled", at="created_at"),
            _columns(attempts.filter(owner=owner, end__gt=now), "busy", at="created_at"),
            _columns(appointments.filter(own, end__gt=now), "busy", at="updated_at"),
            _holds(Hold.objects.filter(event_type_id=calendar)),
            all=True,
        )


def _columns(rows: Rows, kind: Kind, *, at: str) -> Rows:
    text = Value("", output_field=CharField())
    return rows.values_list(
        Value(kind, output_field=CharField()), "start", "end", at, text, Value(0), text, "pk"
    )


def _holds(rows: Rows) -> Rows:
    kind = Value("held", output_field=CharField())
    return rows.values_list(kind, "start", "end", "expires_at", "owner", "seat", "reservation_uid", "pk")


_everything = Prepared(
    _build,
    company=int,
    calendar=int,
    before=datetime,
    first=datetime,
    after=datetime,
    now=datetime,
    owner=str,
    phone=str,
    moving=int,
)
