"""Windows of starts: the minutes of the day that the times of each alternative leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apps.calls.speech import vocabulary as v
from apps.calls.speech.alternatives import AROUND, EXACT, OPEN_END, OPEN_START, RANGE, Alternative, Hours
from apps.calls.speech.hours import DAY, NOON, WINDOWS

_LAST_MINUTE: Final = DAY - 1
_AROUND_MINUTES: Final = 30


@dataclass(frozen=True, slots=True)
class Window:
    """First and last start in minutes of the day, the other reading, and the part of the day it is."""

    first: int
    last: int
    other: tuple[int, int] | None = None
    part: int = 0


def windows_of(
    alternatives: list[Alternative], before: Alternative | None
) -> tuple[list[Window | None], bool]:
    """Each alternative's window of starts, and whether a time was said that does not exist."""
    windows: list[Window | None] = []
    absent = False
    for place, alternative in enumerate(alternatives):
        if alternative.hours:
            window = _window(alternative, _part_for(alternatives, place, before))
            absent = absent or window is None
            if window is not None and place and windows[place - 1] is not None:
                window = _moved_on(window, windows[place - 1], alternative, alternatives[place - 1])
        elif alternative.part:
            window = _part_window(alternative)
        else:
            window = None
        windows.append(window)
    return windows, absent


def _moved_on(
    window: Window, earlier: Window | None, alternative: Alternative, previous: Alternative
) -> Window:
    """ "fünf oder sieben": the second hour is meant after the first, where both were bare."""
    if earlier is None or alternative.link != v.OR or alternative.days or window.first >= earlier.first:
        return window
    said, before = alternative.hours[0], previous.hours[0] if previous.hours else None
    if before is None or said.bounds != EXACT or before.bounds != EXACT:
        return window
    if not (said.clock.guessed and before.clock.guessed) or window.last + NOON > _LAST_MINUTE:
        return window
    return Window(window.first + NOON, window.last + NOON)


def _part_for(alternatives: list[Alternative], place: int, before: Alternative | None) -> int:
    """The part of the day an alternative's times lie in: its own, or one said with a neighbour."""
    alternative = alternatives[place]
    if alternative.part:
        return alternative.part
    own = next((hours.clock.part for hours in alternative.hours if hours.clock.part), 0)
    if own:
        return 0
    for other, neighbour in _neighbours(alternatives, place, before):
        part = _said_part(neighbour) if neighbour.hours else 0
        if not part or not alternative.hours[0].clock.shares(part):
            continue
        own_start = alternative.hours[0].clock.minutes(part)
        start = neighbour.hours[0].clock.minutes(part)
        in_order = other < 0 or own_start is None or start is None or (own_start < start) == (place < other)
        if in_order:
            return part
    return 0


def _neighbours(
    alternatives: list[Alternative], place: int, before: Alternative | None
) -> list[tuple[int, Alternative]]:
    """The other alternatives, nearest earlier ones first; place -1 is the one that is corrected."""
    others = [*range(place - 1, -1, -1), *range(place + 1, len(alternatives))]
    corrected = [(-1, before)] if before is not None else []
    return [*((other, alternatives[other]) for other in others), *corrected]


def _said_part(alternative: Alternative) -> int:
    """The part of the day an alternative was said with, apart or behind a time."""
    if alternative.part:
        return alternative.part
    for hours in alternative.hours:
        for clock in (hours.end, hours.clock):
            if clock is not None and clock.part:
                return clock.part
    return 0


def _window(alternative: Alternative, part: int) -> Window | None:
    """The window all times of an alternative leave; ``None`` when one does not exist."""
    window: Window | None = None
    for hours in alternative.hours:
        bounds = _bounds(hours, part, other=False)
        if bounds is None:
            return None
        other = _bounds(hours, part, other=True) if _has_other(hours) else None
        if window is None:
            window = Window(bounds[0], bounds[1], other)
            continue
        first, last = max(window.first, bounds[0]), min(window.last, bounds[1])
        if first > last:
            first, last = min(window.first, bounds[0]), max(window.last, bounds[1])
        window = Window(first, last, window.other or other)
    return window


def _has_other(hours: Hours) -> bool:
    return hours.clock.other_delta is not None or (
        hours.end is not None and hours.end.other_delta is not None
    )


def _bounds(hours: Hours, part: int, *, other: bool) -> tuple[int, int] | None:
    first = hours.clock.minutes(part, other=other)
    if first is None:
        return None
    if hours.bounds == RANGE:
        return _range(hours, part, first, other=other)
    if hours.bounds == OPEN_END:
        return first, _LAST_MINUTE
    if hours.bounds == OPEN_START:
        return 0, first
    if hours.bounds == AROUND:
        return max(0, first - _AROUND_MINUTES), min(_LAST_MINUTE, first + _AROUND_MINUTES)
    return first, first


def _range(hours: Hours, part: int, first: int, *, other: bool) -> tuple[int, int] | None:
    """A range that would end before it starts moves its end by twelve hours, else its start."""
    last = hours.end.minutes(part, other=other) if hours.end is not None else None
    if last is None or hours.end is None:
        return None
    if hours.end.part and not hours.clock.part and not part:
        shared = hours.clock.minutes(hours.end.part, other=other)  # "zwischen acht und zehn abends"
        if shared is not None and shared <= last and hours.clock.shares(hours.end.part):
            first = shared
    if last >= first:
        return first, last
    if last == 0:  # "von acht bis Mitternacht"
        return first, _LAST_MINUTE
    if first <= last + NOON <= _LAST_MINUTE:
        return first, last + NOON
    if 0 <= first - NOON <= last:
        return first - NOON, last
    return last, first


def _part_window(alternative: Alternative) -> Window | None:
    bounds = WINDOWS.get(alternative.part)
    if bounds is None:
        return None
    first, last = bounds
    if alternative.part == v.MIDDAY and alternative.part_bounds in (OPEN_END, OPEN_START):
        first = last = NOON
    if alternative.part_bounds == OPEN_END:
        return Window(first, _LAST_MINUTE)
    if alternative.part_bounds == OPEN_START:
        return Window(0, last)
    return Window(first, last, part=alternative.part)


def hull_of_windows(windows: list[Window]) -> Window | None:
    """The window all these lie in; ``None`` of none."""
    if len(windows) <= 1:
        return windows[0] if windows else None
    first, last = min(window.first for window in windows), max(window.last for window in windows)
    part = windows[0].part if all(window == windows[0] for window in windows) else 0
    other: tuple[int, int] | None = None
    if any(window.other for window in windows):
        pairs = [window.other or (window.first, window.last) for window in windows]
        other = (min(pair[0] for pair in pairs), max(pair[1] for pair in pairs))
    return Window(first, last, other, part)
