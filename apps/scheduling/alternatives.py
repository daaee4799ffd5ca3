"""Which free slots answer a wish, and which come nearest when none does. A pure function.

Wish + slots + rules → ranking. Distances are taken on the branch's own clock and calendar: the same
day comes before another day, then minutes count; on equal distance a wish from noon on prefers the
later start, one before noon the earlier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Literal, NamedTuple

from apps.scheduling.opening import OpeningRules
from apps.scheduling.wish import Start, Wish

NOON = 12 * 60
DAY_MINUTES = 24 * 60
# Two offers closer than this are neighbours: the second tells the caller nothing new.
USEFUL_GAP = timedelta(minutes=60)
# "gegen drei" is a window around a point; wider ones are searched from their start.
POINT_WINDOW_MINUTES = 60

Reason = Literal["holiday", "closure", "weekday", "too_soon", "full", "taken"]


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


@dataclass(frozen=True, slots=True)
class Ranking:
    """``matches``: free starts inside the wish, best first; ``nearest``: outside, nearest first.

    Both are cut to the rules' limit; ``nearest`` is empty when there are matches. ``reason`` says
    truly why nothing inside the wish is free, or is None.
    """

    matches: tuple[Slot, ...] = ()
    nearest: tuple[Slot, ...] = ()
    reason: Reason | None = None

    @property
    def offers(self) -> tuple[Slot, ...]:
        """What is to be offered."""
        return self.matches or self.nearest


# A slot on the branch's clock: minute of the day, 1 for the second of two equal wall times, the slot.
# Plain tuples in lists by the day's ordinal: a search places hundreds and looks at the nearest days only.
Placed = tuple[int, int, Slot]
Days = dict[int, list[Placed]]


def rank(wish: Wish, slots: Iterable[Slot], *, rules: Rules) -> Ranking:
    """Rank the slots for a wish that has a date.

    A slot held by another conversation counts only when no other is left, and so does a day that the
    caller ruled out. Raises ``ValueError`` for a wish without a date.
    """
    target = _Target.of(wish)
    listed = list(slots)
    allowed = _permitted(listed, rules=rules)
    candidates = _unheld(allowed) or allowed
    if target.excluded:
        candidates = {
            day: placed for day, placed in candidates.items() if day not in target.excluded
        } or candidates
    if matches := target.matches(candidates, limit=rules.limit):
        return Ranking(matches=tuple(matches))
    others = target.outside(candidates)
    strictly = wish.is_exact or bool(target.preferred)
    nearest = islice(others, rules.limit) if strictly else _spread(others, limit=rules.limit)
    return Ranking(nearest=tuple(nearest), reason=_why(target, listed, allowed, rules=rules))


def permitted(slots: Iterable[Slot], *, rules: Rules) -> list[Slot]:
    """The slots that may be offered to this caller at all."""
    return [one[2] for placed in _permitted(slots, rules=rules).values() for one in placed]


def _permitted(slots: Iterable[Slot], *, rules: Rules) -> Days:
    now, earliest, zone = rules.now, rules.now + rules.notice, rules.opening.zone
    refused, busy, duration = rules.refused, rules.busy, rules.duration
    days: Days = {}
    spans_of: dict[int, tuple[tuple[int, int], ...]] = {}
    for slot in slots:
        start = slot.start
        if slot.seats <= 0 or start <= now or start < earliest or start in refused:
            continue
        if busy and any(begin < start + duration and start < end for begin, end in busy):
            continue
        local = start.astimezone(zone)
        day, minute = local.toordinal(), local.hour * 60 + local.minute
        spans = spans_of.get(day)
        if spans is None:
            spans, days[day] = rules.opening.spans(local.date()), []
            spans_of[day] = spans
        for begin, end in spans:
            if begin <= minute < end:
                days[day].append((minute, local.fold, slot))
                break
    return {day: placed for day, placed in days.items() if placed}


def _unheld(days: Days) -> Days:
    free = {day: [one for one in placed if not one[2].held] for day, placed in days.items()}
    return {day: placed for day, placed in free.items() if placed}


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _outside(value: int, low: int, high: int) -> int:
    return low - value if value < low else max(value - high, 0)


@dataclass(frozen=True, slots=True)
class _Target:
    """The wish as numbers: days as ordinals, minutes of the day, all ends inclusive."""

    first: int
    last: int
    low: int
    high: int
    excluded: frozenset[int]
    preferred: tuple[Start, ...]

    @classmethod
    def of(cls, wish: Wish) -> _Target:
        if wish.date_from is None or wish.date_to is None:
            raise ValueError("a wish without a date cannot be ranked")
        return cls(
            first=wish.date_from.toordinal(),
            last=wish.date_to.toordinal(),
            low=0 if wish.time_from is None else _minute(wish.time_from),
            high=DAY_MINUTES if wish.time_to is None else _minute(wish.time_to),
            excluded=frozenset(day.toordinal() for day in wish.excluded),
            preferred=wish.preferred,
        )

    @property
    def is_point(self) -> bool:
        """Whether the window stands for one time rather than a stretch of the day."""
        return self.high - self.low <= POINT_WINDOW_MINUTES

    @property
    def middle(self) -> int:
        return (self.low + self.high) // 2

    @property
    def lean(self) -> int:
        """On equal distance: -1 the later start first, 1 the earlier."""
        return -1 if self.middle >= NOON else 1

    def matches(self, candidates: Days, *, limit: int) -> list[Slot]:
        """What is inside the wish, best first."""
        inside = [
            (day, one)
            for day, placed in candidates.items()
            if self.first <= day <= self.last and day not in self.excluded
            for one in placed
            if self.low <= one[0] <= self.high and not self._is_echo(one)
        ]
        inside.sort(key=lambda pair: self._inside_key(*pair))
        if self.preferred:
            choices = [
                (choice, one[2]) for day, one in inside if (choice := self._choice(day, one)) is not None
            ]
            if choices:
                return [slot for _, slot in sorted(choices, key=lambda pair: pair[0])][:limit]
            if not self.is_point:
                return []  # between "neun" and "fünfzehn Uhr" lies nothing the caller asked for
        return _spread((one[2] for _, one in inside), limit=limit)

    def outside(self, candidates: Days) -> Iterator[Slot]:
        """What is not, nearest first. Days are put in order one distance at a time: few are looked at."""
        at_distance: defaultdict[int, list[int]] = defaultdict(list)
        for day in candidates:
            at_distance[self._days(day)].append(day)
        for _, days in sorted(at_distance.items()):
            group = []
            for day in days:
                clocks = self._clocks(day)
                group += [
                    (self._outside_key(day, one, clocks), one[2])
                    for one in candidates[day]
                    if not self._is_echo(one)
                ]
            group.sort(key=lambda pair: pair[0])
            for _, slot in group:
                yield slot

    def _is_echo(self, one: Placed) -> bool:
        """The second of two equal wall times, where the caller named that very time: the first is meant."""
        return one[1] == 1 and self.low == self.high == one[0]

    def _choice(self, day: int, one: Placed) -> int | None:
        """The place of this start among the preferred ones ("neun, sonst fünfzehn Uhr")."""
        for choice, start in enumerate(self.preferred):
            if start.date is not None and start.date.toordinal() != day:
                continue
            if start.time is None or _minute(start.time) == one[0]:
                return choice
        return None

    def _inside_key(self, day: int, one: Placed) -> tuple[int, ...]:
        if self.is_point:
            return (day, abs(one[0] - self.middle), one[0] * self.lean, one[1])
        return (day, one[0], one[1])

    def _outside_key(self, day: int, one: Placed, clocks: Sequence[int]) -> tuple[int, ...]:
        minute = one[0]
        minutes = min(abs(minute - clock) for clock in clocks) if clocks else self._minutes(minute)
        # Inside the wished window of another day the earliest is as good as any.
        return (minutes, day < self.first, day, minute * self.lean if minutes else minute, one[1])

    def _days(self, day: int) -> int:
        """Days from the wish, or from the nearest day of the preferred starts."""
        if not self.preferred:
            return _outside(day, self.first, self.last)
        return min(self._days_from(start, day) for start in self.preferred)

    def _days_from(self, start: Start, day: int) -> int:
        return (
            _outside(day, self.first, self.last) if start.date is None else abs(day - start.date.toordinal())
        )

    def _clocks(self, day: int) -> list[int]:
        """The times preferred for that day; none: the wished window counts."""
        if not self.preferred:
            return []
        days = self._days(day)
        times = [start.time for start in self.preferred if self._days_from(start, day) == days]
        return [] if None in times else [_minute(clock) for clock in times if clock is not None]

    def _minutes(self, minute: int) -> int:
        return abs(minute - self.middle) if self.is_point else _outside(minute, self.low, self.high)


def _spread(ranked: Iterable[Slot], *, limit: int) -> list[Slot]:
    """The first ``limit``; neighbours give way to another hour where there is one."""
    chosen: list[Slot] = []
    neighbours: list[Slot] = []
    for slot in ranked:
        if len(chosen) == limit:
            break
        if all(abs(slot.start - other.start) >= USEFUL_GAP for other in chosen):
            chosen.append(slot)
        else:
            neighbours.append(slot)
    return chosen + neighbours[: limit - len(chosen)]


# --- Why nothing inside the wish is free --------------------------------------------------------


def _why(target: _Target, listed: Iterable[Slot], allowed: Days, *, rules: Rules) -> Reason | None:
    """One sentence that is true of every wished day, or None."""
    zone, opening = rules.opening.zone, rules.opening
    today = rules.now.astimezone(zone).toordinal()
    days = [day for day in range(max(target.first, today), target.last + 1) if day not in target.excluded]
    if not days:
        return None
    closed = {opening.why_closed(date.fromordinal(day)) for day in days}
    if len(closed) == 1 and (only := closed.pop()) is not None:
        return only
    if any(day in allowed for day in days):
        return "taken"
    on_clock = [(slot.start.astimezone(zone), slot) for slot in listed]
    left = [(local, slot.start) for local, slot in on_clock if slot.seats > 0 and local.toordinal() in days]
    inside = [start for local, start in left if target.low <= local.hour * 60 + local.minute <= target.high]
    if inside and all(rules.now < start < rules.now + rules.notice for start in inside):
        return "too_soon"
    # Full are days wholly ahead on which the branch is open by its own hours, with nothing left, when the
    # calendar has something later or sold out: else it may as well not look so far ahead.
    known_open = opening.hours and any(opening.spans(date.fromordinal(day)) for day in days)
    looks_ahead = any(local.toordinal() >= days[-1] for local, _ in on_clock)
    return "full" if days[0] > today and known_open and looks_ahead and not left else None
