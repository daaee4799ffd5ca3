"""What a text says, put in order but not yet in dates and minutes.

A text is a row of *statements*, each correcting the one before it ("nein, lieber Donnerstag"). A
statement is a row of *alternatives* ("Montag um neun oder Dienstag"), each with its days and times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from apps.calls.speech.days import Day
from apps.calls.speech.hours import Clock

# How a time bounds the starts.
EXACT: Final = "exact"
OPEN_END: Final = "open end"
OPEN_START: Final = "open start"
AROUND: Final = "around"
RANGE: Final = "range"


@dataclass(slots=True)
class Hours:
    """A time, or a range from ``clock`` to ``end``, and how it bounds the starts."""

    bounds: str
    clock: Clock
    end: Clock | None = None


@dataclass(slots=True)
class Alternative:
    """Days that explain each other, the times said with them, a part of the day said apart.

    ``part_bounds``: how "bis mittags" opens the part, "" when it does not; ``link``: the word that
    joins it to the alternative before.
    """

    days: list[Day] = field(default_factory=list)
    hours: list[Hours] = field(default_factory=list)
    part: int = 0
    part_bounds: str = ""
    link: str = ""


@dataclass(slots=True)
class Statement:
    """Alternatives of one statement, and the days it rules out (each a list of explaining days)."""

    alternatives: list[Alternative]
    excluded: list[list[Day]] = field(default_factory=list)
