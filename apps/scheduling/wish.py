"""A caller's wish for a time: what was understood, nothing that was guessed.

The contract between the part that understands words (``apps.calls.speech``) and the part
that finds free slots (``apps.scheduling.alternatives``). No Django, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True, slots=True)
class Start:
    """One wished start; a part the caller did not say is ``None``. Wall clock of the branch."""

    date: date | None
    time: time | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read an ambiguous wish: inclusive date range and window of starts."""

    date_from: date | None
    date_to: date | None
    time_from: time | None
    time_to: time | None


@dataclass(frozen=True, slots=True)
class Wish:
    """A range of dates and a window of *start* times in the branch's zone, both ends inclusive.

    ``None`` means the caller did not say. ``readings`` holds the stated reading first, then the
    others, and is empty unless ``ambiguous``. ``preferred`` holds ordered starts ("neun, sonst
    fünfzehn Uhr"), ``excluded`` days the caller ruled out; the range is their hull.
    ``day_part`` is the window's name when the caller named one ("afternoon"), else "".
    ``asap`` is true for "so schnell wie möglich": from now, earliest first.
    """

    date_from: date | None = None
    date_to: date | None = None
    time_from: time | None = None
    time_to: time | None = None
    ambiguous: bool = False
    readings: tuple[Reading, ...] = ()
    preferred: tuple[Start, ...] = ()
    excluded: tuple[date, ...] = ()
    day_part: str = ""
    asap: bool = False
    # A day or time was said, and there is none such ("31. November", "25 Uhr", a year that is over):
    # what stands for the call must not take its place.
    date_refused: bool = False
    time_refused: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts the caller has not said, out of ("date", "time")."""
        parts = []
        if self.date_from is None:
            parts.append("date")
        if self.time_from is None:
            parts.append("time")
        return tuple(parts)

    @property
    def is_exact(self) -> bool:
        """One day and one start time: the only kind of wish that names a single start."""
        return (
            self.date_from is not None
            and self.date_from == self.date_to
            and self.time_from is not None
            and self.time_from == self.time_to
        )
