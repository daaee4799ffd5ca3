"""Listed slots on the branch's own clock and days, as far as somebody asks: most days nobody does.

A search lists hundreds of slots and looks at the days nearest to the wish. So slots are cut into days
first, which needs no slot's own clock, and a day is placed when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from apps.scheduling.opening import OpeningRules

DAY_MINUTES = 24 * 60
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
# In a narrower window slots are looked for one by one, in a wider one the whole day is placed.
NARROW_MINUTES = 240


class Slot(NamedTuple):
    """A start that the calendar lists as free.

    ``seats`` are left of it; none when our own bookings, of which the calendar may not know yet, have
    every one: then it is never offered. ``held``: other conversations keep all that are left.
    """

    start: datetime
    held: bool = False
    seats: int = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """What limits an offer to this caller.

    ``busy`` are the caller's own appointments (start, end); ``refused`` starts never offered again.
    """

    now: datetime
    notice: timedelta
    duration: timedelta
    opening: OpeningRules
    busy: tuple[tuple[datetime, datetime], ...] = ()
    refused: frozenset[datetime] = frozenset()
    limit: int = 2


# A slot on the branch's clock: minute of the day, 1 for the second of two equal wall times, the slot.
Placed = tuple[int, int, Slot]


class Days:
    """Slots by the ordinal of their day on the branch's calendar; of each day those that may be offered."""

    def __init__(self, slots: Iterable[Slot], *, rules: Rules) -> None:
        self._rules = rules
        self._zone = rules.opening.zone
        self._slots = sorted(slots, key=itemgetter(0))
        self._starts = [slot.start for slot in self._slots]
        self._bounds = dict(self._split())
        self._placed: dict[int, list[Placed]] = {}

    @property
    def listed(self) -> list[int]:
        """The days of all slots, in order, whether anything of them may be offered or not."""
        return list(self._bounds)

    def slots(self, day: int) -> list[Slot]:
        """Everything that is listed on a day."""
        first, after = self._bounds.get(day, (0, 0))
        return self._slots[first:after]

    def is_held(self, day: int) -> bool:
        """Whether other conversations keep everything that is listed on a day."""
        return all(slot.held for slot in self.slots(day))

    def placed(self, day: int) -> list[Placed]:
        """What may be offered on a day, in order."""
        found = self._placed.get(day)
        if found is None:
            found = self._placed[day] = self._place(day, *self._bounds.get(day, (0, 0)))
        return found

    def between(self, day: int, low: int, high: int) -> list[Placed]:
        """The same between two minutes of the day, both inclusive."""
        if day not in self._placed and high - low <= NARROW_MINUTES:
            midnight = _midnight(day, self._zone)
            if _midnight(day + 1, self._zone) - midnight == DAY:  # else the clock is no distance
                first, after = self._bounds.get(day, (0, 0))
                first = bisect_left(self._starts, midnight + timedelta(minutes=low), first, after)
                after = bisect_left(self._starts, midnight + timedelta(minutes=high + 1), first, after)
                return self._place(day, first, after)
        return [one for one in self.placed(day) if low <= one[0] <= high]

    def _split(self) -> Iterator[tuple[int, tuple[int, int]]]:
        first = 0
        while first < len(self._slots):
            day = self._starts[first].astimezone(self._zone).toordinal()
            after = bisect_left(self._starts, _midnight(day + 1, self._zone), first + 1)
            yield day, (first, after)
            first = after

    def _place(self, day: int, first: int, after: int) -> list[Placed]:
        rules, zone = self._rules, self._zone
        spans = rules.opening.spans(date.fromordinal(day))
        # Not in the past, and far enough ahead.
        first = bisect_right(self._starts, rules.now, first, after)
        first = bisect_left(self._starts, rules.now + rules.notice, first, after)
        placed = []
        midnight = _midnight(day, zone)
        is_even = _midnight(day + 1, zone) - midnight == DAY  # else the clock is no distance
        for slot in self._slots[first:after] if spans else ():
            start = slot.start
            if slot.seats <= 0 or start in rules.refused:
                continue
            if rules.busy and any(
                begin < start + rules.duration and start < end for begin, end in rules.busy
            ):
                continue
            if is_even:
                minute, fold = (start - midnight) // MINUTE, 0
            else:
                local = start.astimezone(zone)
                minute, fold = local.hour * 60 + local.minute, local.fold
            if any(begin <= minute < end for begin, end in spans):
                placed.append((minute, fold, slot))
        return placed


@lru_cache(maxsize=1024)
def _midnight(day: int, zone: ZoneInfo) -> datetime:
    """When a day begins, as an instant."""
    return datetime.combine(date.fromordinal(day), time.min, tzinfo=zone).astimezone(UTC)
