"""Which starts are free: schedules and overrides less everything that takes a host's time.

The order is Cal.com's own: free ranges first, starts cut from them, each range beginning at the
next round minute of the interval. So a range that begins after a busy time has its own grid.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apps.sandbox.model import DAY, MINUTE, Booking, EventType, Host, Schedule

Range = tuple[int, int]
ROUND_MINUTES = (60, 30, 20, 15, 10, 5)
FAR_AHEAD = 4 * 365 * DAY


@dataclass(frozen=True, slots=True)
class View:
    """The eyes a question is asked with.

    ``now``: this moment. ``lag``: seconds by which bookings and cancellations are seen too late.
    ``without``: uid of a booking whose own time counts as free. ``reserved``: held ranges by host id.
    """

    now: float
    lag: float = 0.0
    without: str = ""
    reserved: dict[int, list[Range]] | None = None

    def sees(self, booking: Booking) -> bool:
        """Whether this booking takes its time in these eyes."""
        if booking.uid == self.without:
            return False
        if booking.freed is not None:
            return self.lag > 0 and booking.freed > self.now - self.lag
        if self.lag and booking.created > self.now - self.lag:
            return False
        return booking.holds_time


@dataclass(frozen=True, slots=True)
class Slot:
    start: int
    end: int
    seats_booked: int = 0
    booking_uid: str = ""


def open_ranges(schedule: Schedule, day: int) -> tuple[Range, ...]:
    """Opening on one local day (ordinal) as UTC ranges; cached, clock changes included."""
    cached = schedule.ranges.get(day)
    if cached is None:
        local = date.fromordinal(day)
        minutes = schedule.overrides.get(local)
        if minutes is None:
            minutes = tuple(
                (hours.opens, hours.closes) for hours in schedule.hours if local.weekday() in hours.weekdays
            )
        cached = tuple(
            sorted(
                (instant(local, opens, schedule.zone), instant(local, closes, schedule.zone))
                for opens, closes in minutes
                if closes > opens
            )
        )
        schedule.ranges[day] = cached
    return cached


def instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    """Wall clock of a zone as epoch seconds; 24:00 is the next midnight."""
    if minutes >= 24 * 60:
        day, minutes = day + timedelta(days=1), minutes - 24 * 60
    return int(datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=zone).timestamp())


def local_day(moment: float, zone: ZoneInfo) -> int:
    return datetime.fromtimestamp(moment, zone).toordinal()


def merged(ranges: Iterable[Range]) -> list[Range]:
    result: list[Range] = []
    for begin, end in sorted(ranges):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((begin, end))
    return result


def subtract(ranges: Iterable[Range], taken: list[Range]) -> list[Range]:
    """What is left of sorted ranges after sorted, disjoint ``taken`` ones."""
    left: list[Range] = []
    index = 0
    for begin, end in ranges:
        while index and taken[index - 1][1] > begin:
            index -= 1
        while index < len(taken) and taken[index][1] <= begin:
            index += 1
        while index < len(taken) and taken[index][0] < end:
            if taken[index][0] > begin:
                left.append((begin, taken[index][0]))
            begin = taken[index][1]
            index += 1
        if begin < end:
            left.append((begin, end))
    return left


def intersect(one: list[Range], other: list[Range]) -> list[Range]:
    return [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]


def bookings_between(days: dict[int, list[Booking]], first: int, last: int) -> Iterator[Booking]:
    """Bookings of a day index that touch ``[first, last)``; those over midnight come once."""
    begin = first // DAY
    for day in range(begin, (last - 1) // DAY + 1):
        for booking in days.get(day, ()):
            touches = booking.start < last and booking.end > first
            if touches and (booking.start // DAY == day or day == begin):
                yield booking


def taken_ranges(host: Host, event_type: EventType, first: int, last: int, view: View) -> list[Range]:
    """A host's taken time as this event type meets it: both sides' buffers count."""
    before, after = event_type.before_buffer * MINUTE, event_type.after_buffer * MINUTE
    first, last = first - DAY, last + DAY  # what lies earlier in the day still shapes the grid
    ranges = [(begin - after, end + before) for begin, end in host.busy if begin < last and end > first]
    for booking in bookings_between(host.days, first, last):
        if view.sees(booking):
            own = booking.event_type
            ranges.append(
                (
                    booking.start - own.before_buffer * MINUTE - after,
                    booking.end + own.after_buffer * MINUTE + before,
                )
            )
    if view.reserved:
        ranges.extend(view.reserved.get(host.id, ()))
    return merged(ranges)


def free_ranges(host: Host, event_type: EventType, first: int, last: int, view: View) -> list[Range]:
    schedule = event_type.schedule or host.schedule
    ranges = [
        piece
        for day in range(local_day(first, schedule.zone) - 1, local_day(last, schedule.zone) + 2)
        for piece in open_ranges(schedule, day)
        if piece[0] < last and piece[1] > first
    ]
    return subtract(merged(ranges), taken_ranges(host, event_type, first, last, view))


def bookable_period(event_type: EventType, now: float) -> Range:
    """Earliest and latest start that notice and booking window allow."""
    earliest = int(now) + event_type.minimum_notice * MINUTE
    window = event_type.window
    if window is None:
        return earliest, int(now) + FAR_AHEAD
    zone = event_type.account.zone
    if window.type == "range":
        assert window.first is not None
        assert window.last is not None
        return max(earliest, instant(window.first, 0, zone)), instant(window.last, 24 * 60, zone) - 1
    day = date.fromordinal(local_day(now, zone))
    remaining = window.days
    while remaining > 0:
        day += timedelta(days=1)
        if window.type == "calendarDays" or day.weekday() < 5:
            remaining -= 1
    return earliest, instant(day, 24 * 60, zone) - 1


def starts_in(ranges: list[Range], *, length: int, interval: int, earliest: int) -> Iterator[int]:
    """Starts cut from free ranges; ``length`` and ``interval`` in minutes."""
    grid = next((minutes for minutes in ROUND_MINUTES if interval % minutes == 0), 1) * MINUTE
    step, span = interval * MINUTE, length * MINUTE
    for begin, end in ranges:
        start = max(begin, earliest)
        start += -start % grid
        while start + span <= end:
            yield start
            start += step


def limit_reached(event_type: EventType, start: int, length: int, view: View) -> str:
    """Name of the booking limit a start would break, or ""; periods count in the account's zone."""
    if not event_type.limits_count and not event_type.limits_duration:
        return ""
    zone = event_type.account.zone
    for unit, most in event_type.limits_count.items():
        first, last = period_of(start, unit, zone)
        if sum(1 for found in own_bookings(event_type, first, last, view)) >= most:
            return "booking_limit_reached"
    for unit, minutes in event_type.limits_duration.items():
        first, last = period_of(start, unit, zone)
        used = sum(found.end - found.start for found in own_bookings(event_type, first, last, view))
        if used + length * MINUTE > minutes * MINUTE:
            return "duration_limit_reached"
    return ""


def own_bookings(event_type: EventType, first: int, last: int, view: View) -> Iterator[Booking]:
    for booking in bookings_between(event_type.days, first, last):
        if booking.open and first <= booking.start < last and booking.uid != view.without:
            yield booking


@lru_cache(maxsize=4096)
def period_of(start: int, unit: str, zone: ZoneInfo) -> Range:
    day = datetime.fromtimestamp(start, zone).date()
    if unit == "week":
        first = day - timedelta(days=day.weekday())
        following = first + timedelta(days=7)
    elif unit == "month":
        first = day.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
    elif unit == "year":
        first = day.replace(month=1, day=1)
        following = first.replace(year=first.year + 1)
    else:
        first, following = day, day + timedelta(days=1)
    return instant(first, 0, zone), instant(following, 0, zone)


def find_slots(event_type: EventType, first: int, last: int, view: View, *, length: int) -> list[Slot]:
    """Free slots with ``first <= start <= last``, soonest first; ``length`` in minutes."""
    if event_type.scheduling == "managed" or not event_type.hosts:
        return []
    earliest, latest = bookable_period(event_type, view.now)
    bottom, top = max(first, earliest), min(last, latest) + length * MINUTE
    if bottom >= top:
        return []
    span = length * MINUTE
    per_host = [free_ranges(host, event_type, first, top, view) for host in event_type.hosts]
    if event_type.scheduling == "collective":
        common = per_host[0]
        for ranges in per_host[1:]:
            common = intersect(common, ranges)
        per_host = [common]
    starts = {
        start
        for ranges in per_host
        for start in starts_in(ranges, length=length, interval=event_type.interval, earliest=earliest)
        if first <= start <= min(last, latest)
    }
    slots = {start: Slot(start, start + span) for start in starts}
    if event_type.seats:
        add_sessions(slots, event_type, bottom, min(last, latest), view)
    found = [slots[start] for start in sorted(slots)]
    if event_type.limits_count or event_type.limits_duration:
        found = [slot for slot in found if not limit_reached(event_type, slot.start, length, view)]
    return first_of_days(found, event_type.account.zone) if event_type.only_first_slot else found


def add_sessions(slots: dict[int, Slot], event_type: EventType, first: int, last: int, view: View) -> None:
    """Sessions that have begun to fill stay on offer while a seat is left."""
    assert event_type.seats is not None
    for booking in bookings_between(event_type.days, first, last + 1):
        if booking.open and booking.start >= first:
            slots.pop(booking.start, None)
            if len(booking.attendees) < event_type.seats:
                slots[booking.start] = Slot(booking.start, booking.end, len(booking.attendees), booking.uid)


def first_of_days(slots: list[Slot], zone: ZoneInfo) -> list[Slot]:
    kept: dict[int, Slot] = {}
    for slot in slots:
        kept.setdefault(local_day(slot.start, zone), slot)
    return list(kept.values())


def is_free(host: Host, event_type: EventType, start: int, end: int, view: View) -> bool:
    """Whether a host is open and unoccupied for the whole of ``[start, end)``."""
    ranges = free_ranges(host, event_type, start, end, view)
    index = bisect_left(ranges, (start + 1, 0)) - 1
    return index >= 0 and ranges[index][0] <= start and ranges[index][1] >= end


@lru_cache(maxsize=65_536)
def written(moment: int, zone: str) -> str:
    """An instant as slots are written: milliseconds, and ``Z`` or the zone's offset of that date."""
    if zone == "UTC":
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).isoformat(timespec="milliseconds")
