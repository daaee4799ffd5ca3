"""A range of dates: what days as said come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Dates:
    """First and last date, both inclusive, and the other readings; ``never`` when there is none."""

    first: date
    last: date
    others: tuple[tuple[date, date], ...] = ()
    soon: bool = False
    never: bool = False

    @property
    def single(self) -> date | None:
        """The date when it is only one."""
        return self.first if self.first == self.last and not self.never else None


def never(today: date) -> Dates:
    """No date: what was said is past or does not exist."""
    return Dates(today, today, never=True)


def clipped(first: date, last: date, today: date) -> Dates:
    """The range without its past days."""
    return never(today) if last < today else Dates(max(first, today), last)
