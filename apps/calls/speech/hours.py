"""Times of day as people say them: "halb vier", "fünf nach halb drei", "quarter past three", "3.30pm".

A ``Clock`` still is what was said; ``Clock.minutes`` decides which half of the day is meant, when the
part of the day is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apps.calls.speech import vocabulary as v

DAY: Final = 24 * 60  # minutes
NOON: Final = 12 * 60

# What a part of the day means alone: first and last start, in minutes of the day.
WINDOWS: Final[dict[int, tuple[int, int]]] = {
    v.EARLY_PART: (6 * 60, 10 * 60),
    v.MORNING: (8 * 60, 12 * 60),
    v.MIDDAY: (11 * 60, 14 * 60),
    v.AFTERNOON: (12 * 60, 18 * 60),
    v.EVENING: (17 * 60, 21 * 60),
    v.ENGLISH_NIGHT: (17 * 60, 21 * 60),
}
NAMES: Final[dict[int, str]] = {
    v.EARLY_PART: "early",
    v.MORNING: "morning",
    v.MIDDAY: "midday",
    v.AFTERNOON: "afternoon",
    v.EVENING: "evening",
    v.ENGLISH_NIGHT: "evening",
}
# Where a time of a list may lie to share the part of the day its neighbour was said with.
_SHARED: Final[dict[int, tuple[int, int]]] = {
    v.EARLY_PART: (5 * 60, NOON),
    v.MORNING: (6 * 60, NOON),
    v.MIDDAY: (11 * 60, 14 * 60),
    v.AFTERNOON: (NOON, 19 * 60),
    v.EVENING: (16 * 60, DAY),
    v.NIGHT: (0, DAY),
    v.ENGLISH_NIGHT: (0, DAY),
    v.AM_PART: (0, NOON),
    v.PM_PART: (NOON, DAY),
}


@dataclass(frozen=True, slots=True)
class Clock:
    """A time as said. ``hour`` 1–12 is open to both halves of the day unless ``as_written``.

    ``delta``: minutes from the full hour, negative for "Viertel vor". ``other_delta``: the second
    reading of "viertel drei". ``exists`` is false for "25 Uhr".
    """

    hour: int
    delta: int = 0
    as_written: bool = False
    part: int = 0
    other_delta: int | None = None
    exists: bool = True

    def minutes(self, part: int = 0, *, other: bool = False) -> int | None:
        """Minutes of the day, or ``None`` when there is no such time."""
        if not self.exists:
            return None
        part = self.part or part
        delta = self.other_delta if other and self.other_delta is not None else self.delta
        total = self.hour * 60 + delta
        if self.as_written or self.hour == 0 or self.hour > 12:
            impossible = self.part == v.AM_PART and self.hour > 12
            return None if impossible else total % DAY
        if total < 60:  # a quarter to one is after twelve
            total += NOON
        return _half_of_day(total, part)

    def shares(self, part: int) -> bool:
        """Whether a part of the day said with a neighbour fits this time."""
        minutes = self.minutes(part)
        if self.part or minutes is None or part not in _SHARED:
            return False
        first, last = _SHARED[part]
        return first <= minutes <= last

    @property
    def guessed(self) -> bool:
        """Whether only the rule for bare hours decides between the halves of the day."""
        return not self.as_written and not self.part and 1 <= self.hour <= 12


def _half_of_day(total: int, part: int) -> int:
    """The hour that comes out decides, 1–12; a part of the day overrides the rule for bare hours."""
    hour = total // 60
    if part == 0 or part == v.MIDDAY:
        return total + NOON if hour <= 6 else total
    if part in (v.EARLY_PART, v.MORNING):
        return total
    if part == v.AM_PART:
        return total - NOON if hour == 12 else total
    if part in (v.AFTERNOON, v.PM_PART):
        return total if hour == 12 else total + NOON
    if part == v.EVENING:
        return total - NOON if hour == 12 else total + NOON
    if hour == 12:  # at night
        return total - NOON
    as_said = 6 if part == v.ENGLISH_NIGHT else 7  # "seven at night" is the evening
    return total if hour <= as_said else total + NOON
