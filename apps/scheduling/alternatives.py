"""Which free slots answer a wish, and which come nearest when none does. A pure function.

Wish + slots + rules → ranking. Distances are taken on the branch's own clock and calendar: the same
day comes before another day, then minutes count; on equal distance a wish from noon on prefers the
later start, one before noon the earlier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import combinations, islice
from operator import itemgetter
from typing import Literal

from apps.scheduling.placing import DAY_MINUTES, Days, Placed, Rules, Slot
from apps.scheduling.wish import Start, Wish

__all__ = ["Ranking", "Reason", "Rules", "Slot", "is_enough", "permitted", "rank"]

NOON = 12 * 60
# Two offers closer than this are neighbours: the second tells the caller nothing new.
USEFUL_GAP = timedelta(minutes=60)
# "gegen drei" is a window around a point; wider ones are searched from their start.
POINT_WINDOW_MINUTES = 60
# An alternative is mostly found so near to the wished time.
NEAR_MINUTES = 60

Reason = Literal["holiday", "closure", "weekday", "too_soon", "full", "taken"]


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


def rank(wish: Wish, slots: Iterable[Slot], *, rules: Rules) -> Ranking:
    """Rank the slots for a wish that has a date.

    A slot held by another conversation counts only when no other is left, and so does a day that the
    caller ruled out. Raises ``ValueError`` for a wish without a date.
    """
    target = _Target.of(wish)
    days = Days(slots, rules=rules)
    candidates = _candidates(target, days)
    if matches := target.matches(candidates, limit=rules.limit):
        return Ranking(matches=tuple(matches))
    others = target.outside(candidates)
    strictly = wish.is_exact or bool(target.preferred)
    nearest = islice(others, rules.limit) if strictly else _spread(others, limit=rules.limit)
    return Ranking(nearest=tuple(nearest), reason=_why(target, days, rules=rules))


def is_enough(ranking: Ranking, wish: Wish, *, limit: int) -> bool:
    """Whether a ranking of the wished days' slots alone says what that of all slots would say.

    Whatever lies on other days comes after it: but for what is held, for days ruled out, for starts
    preferred on certain days, and for neighbours, which give way to another hour of any day.
    """
    if not ranking.offers or any(slot.held for slot in ranking.offers):
        return False
    if ranking.matches:
        return True
    if len(ranking.nearest) < limit or wish.excluded or wish.preferred:
        return False
    return wish.is_exact or _are_apart(ranking.nearest)


def permitted(slots: Iterable[Slot], *, rules: Rules) -> list[Slot]:
    """The slots that may be offered to this caller at all."""
    days = Days(slots, rules=rules)
    return [one[2] for day in days.listed for one in days.placed(day)]


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What may be offered, on these days alone; ``held``: also what other conversations hold."""

    days: tuple[int, ...]
    placed: Days
    held: bool

    def of(self, day: int) -> list[Placed]:
        return self._unheld(self.placed.placed(day))

    def between(self, day: int, low: int, high: int) -> list[Placed]:
        return self._unheld(self.placed.between(day, low, high))

    def any(self) -> bool:
        return any(self.of(day) for day in self.days if self.held or not self.placed.is_held(day))

    def _unheld(self, placed: list[Placed]) -> list[Placed]:
        return placed if self.held else [one for one in placed if not one[2].held]


def _candidates(target: _Target, days: Days) -> _Candidates:
    """The first of these that is not empty: what nobody holds on days that were not ruled out, on any day,
    what somebody holds, alike."""
    # Where something is free near the wish, nothing further away is looked at to find that out.
    nearest_first = tuple(sorted(days.listed, key=target.days_away))
    wanted = tuple(day for day in nearest_first if day not in target.excluded)
    found = _Candidates(wanted, days, held=False)
    for held in (False, True):
        for these in (wanted, nearest_first):
            found = _Candidates(these, days, held=held)
            if found.any():
                return found
    return found


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

    def matches(self, candidates: _Candidates, *, limit: int) -> list[Slot]:
        """What is inside the wish, best first."""
        if self.preferred:
            choices = [
                (choice, one[2])
                for day, one in self._inside(candidates, days=self._preferred_days(candidates))
                if (choice := self._choice(day, one)) is not None
            ]
            if choices or not self.is_point:
                # Between "neun" and "fünfzehn Uhr" lies nothing the caller asked for.
                return [slot for _, slot in sorted(choices, key=itemgetter(0))][:limit]
        return _spread((one[2] for _, one in self._inside(candidates, days=candidates.days)), limit=limit)

    def _inside(self, candidates: _Candidates, *, days: Iterable[int]) -> Iterator[tuple[int, Placed]]:
        """The days are taken in order, and no more of them than are asked for."""
        for day in sorted(days):
            if self.first <= day <= self.last and day not in self.excluded:
                placed = candidates.between(day, self.low, self.high)
                inside = [one for one in placed if not self._is_echo(one)]
                if self.is_point:
                    inside.sort(key=self._point_key)
                # A stretch of the day is taken as it passes, also where the clock is set back in it.
                for one in inside:
                    yield day, one

    def _preferred_days(self, candidates: _Candidates) -> Iterable[int]:
        if any(start.date is None for start in self.preferred):
            return candidates.days
        named = {start.date.toordinal() for start in self.preferred if start.date is not None}
        return named.intersection(candidates.days)

    def outside(self, candidates: _Candidates) -> Iterator[Slot]:
        """What is not, nearest first. Days are put in order one distance at a time, and within it the next
        hour before the rest of the day: few slots are looked at."""
        at_distance: defaultdict[int, list[int]] = defaultdict(list)
        for day in candidates.days:
            at_distance[self.days_away(day)].append(day)
        for _, days in sorted(at_distance.items()):
            nearer = -1
            for reach in (DAY_MINUTES,) if self.preferred else (NEAR_MINUTES, DAY_MINUTES):
                yield from self._ring(candidates, days, nearer=nearer, reach=reach)
                nearer = reach

    def _ring(
        self, candidates: _Candidates, days: Iterable[int], *, nearer: int, reach: int
    ) -> Iterator[Slot]:
        """What is more than ``nearer`` minutes from the wished time of day, and at most ``reach``."""
        low, high = (self.middle, self.middle) if self.is_point else (self.low, self.high)
        group = []
        for day in days:
            clocks = self._clocks(day)
            for one in candidates.between(day, low - reach, high + reach):
                key = self._outside_key(day, one, clocks)
                if nearer < key[0] <= reach and not self._is_echo(one):
                    group.append((key, one[2]))
        group.sort(key=itemgetter(0))
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

    def _point_key(self, one: Placed) -> tuple[int, ...]:
        return (abs(one[0] - self.middle), one[0] * self.lean, one[1])

    def _outside_key(self, day: int, one: Placed, clocks: Sequence[int]) -> tuple[int, ...]:
        minute = one[0]
        minutes = min(abs(minute - clock) for clock in clocks) if clocks else self._minutes(minute)
        # Inside the wished window of another day the earliest is as good as any.
        return (minutes, day < self.first, day, minute * self.lean if minutes else minute, one[1])

    def days_away(self, day: int) -> int:
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
        days = self.days_away(day)
        times = [start.time for start in self.preferred if self._days_from(start, day) == days]
        return [] if None in times else [_minute(clock) for clock in times if clock is not None]

    def _minutes(self, minute: int) -> int:
        return abs(minute - self.middle) if self.is_point else _outside(minute, self.low, self.high)


def _are_apart(slots: Sequence[Slot]) -> bool:
    return all(abs(one.start - other.start) >= USEFUL_GAP for one, other in combinations(slots, 2))


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


def _why(target: _Target, days: Days, *, rules: Rules) -> Reason | None:
    """One sentence that is true of every wished day, or None."""
    zone, opening = rules.opening.zone, rules.opening
    today = rules.now.astimezone(zone).toordinal()
    wished = [day for day in range(max(target.first, today), target.last + 1) if day not in target.excluded]
    if not wished:
        return None
    closed = {opening.why_closed(date.fromordinal(day)) for day in wished}
    if len(closed) == 1 and (only := closed.pop()) is not None:
        return only
    if _is_too_soon(target, days, wished, rules=rules):
        return "too_soon"
    if any(days.placed(day) for day in wished):
        return "taken"
    left = any(slot.seats > 0 for day in wished for slot in days.slots(day))
    # Full are days wholly ahead on which the branch is open by its own hours, with nothing left, when the
    # calendar has something later or sold out: else it may as well not look so far ahead.
    known_open = opening.hours and any(opening.spans(date.fromordinal(day)) for day in wished)
    looks_ahead = any(day >= wished[-1] for day in days.listed)
    return "full" if wished[0] > today and known_open and looks_ahead and not left else None


def _is_too_soon(target: _Target, days: Days, wished: Sequence[int], *, rules: Rules) -> bool:
    """Whether something inside the wish is left, and all of that within the notice."""
    zone, earliest = rules.opening.zone, rules.now + rules.notice
    # Most wishes begin after it: of those no slot is looked at.
    if earliest.astimezone(zone).toordinal() < wished[0]:
        return False
    ahead = (slot for day in wished for slot in days.slots(day) if slot.seats > 0 and slot.start > rules.now)
    clocks = ((one.start, _minute(one.start.astimezone(zone).time())) for one in ahead)
    inside = (start for start, minute in clocks if target.low <= minute <= target.high)
    first = next(inside, None)
    return first is not None and first < earliest and all(start < earliest for start in inside)
