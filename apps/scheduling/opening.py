"""When a branch may be offered: weekly hours, closures, regional holidays. Pure.

Cal.com has the last word on what is free; these rules only take away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Mariä Himmelfahrt in Bavaria is a day off only in the library's "catholic" category.
CATEGORIES = ("public", "catholic")
LOOK_AHEAD_DAYS = 60
WHOLE_DAY = ((0, 24 * 60),)

Closed = Literal["holiday", "closure", "weekday"]


@lru_cache(maxsize=256)
def _holidays(region: str, year: int) -> frozenset[date]:
    country, _, subdivision = region.partition("-")
    supported = holidays.country_holidays(country, subdiv=subdivision or None).supported_categories
    categories = tuple(name for name in CATEGORIES if name in supported)
    return frozenset(
        holidays.country_holidays(country, subdiv=subdivision or None, years=year, categories=categories)
    )


def is_holiday(day: date, *, region: str) -> bool:
    """Whether the day is a public holiday in "DE", "DE-BE", …; "" knows none."""
    return bool(region) and day in _holidays(region, day.year)


def warm_holidays(regions: Iterable[str], *, year: int) -> None:
    """Build the tables now: the first build of a country takes a third of a second."""
    for region in regions:
        if region:
            _holidays(region, year)
            _holidays(region, year + 1)


def _minutes(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


@dataclass(frozen=True, slots=True)
class OpeningRules:
    """A branch's rules for the *start* of an appointment, on its own clock.

    ``hours`` maps weekday (0 = Monday) to spans of minutes ``[from, to)``; no hours at all means no
    restriction, hours without a weekday mean that day is closed.
    """

    zone: ZoneInfo
    hours: Mapping[int, tuple[tuple[int, int], ...]]
    closures: frozenset[date]
    region: str

    @classmethod
    def of(
        cls,
        *,
        zone: ZoneInfo,
        hours: Mapping[str, Iterable[Iterable[str]]],
        closures: Iterable[str],
        region: str,
    ) -> OpeningRules:
        """From the stored form: ``{"mon": [["09:00", "13:00"]]}`` and ISO dates."""
        return cls(
            zone=zone,
            hours={
                WEEKDAYS.index(name): tuple((_minutes(start), _minutes(end)) for start, end in spans)
                for name, spans in hours.items()
            },
            closures=frozenset(date.fromisoformat(day) for day in closures),
            region=region,
        )

    def why_closed(self, day: date) -> Closed | None:
        """Why no start on this day may be offered; None when some may."""
        if day in self.closures:
            return "closure"
        if is_holiday(day, region=self.region):
            return "holiday"
        if self.hours and not self.hours.get(day.weekday()):
            return "weekday"
        return None

    def spans(self, day: date) -> tuple[tuple[int, int], ...]:
        """The minutes of the day in which an appointment may start: ``[from, to)``, none when closed."""
        if self.why_closed(day) is not None:
            return ()
        return self.hours[day.weekday()] if self.hours else WHOLE_DAY

    def permits(self, start: datetime) -> bool:
        """Whether an appointment may start at this instant."""
        local = start.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return any(begin <= minute < end for begin, end in self.spans(local.date()))

    @property
    def fingerprint(self) -> str:
        """The same for equal rules, another one as soon as anything in them changes."""
        rules = (self.zone.key, sorted(self.hours.items()), sorted(self.closures), self.region)
        return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]

    def next_opening(self, now: datetime) -> datetime | None:
        """The next time the branch opens after ``now``; None without hours or within 60 days."""
        if not self.hours:
            return None
        today = now.astimezone(self.zone).date()
        for ahead in range(LOOK_AHEAD_DAYS):
            day = today + timedelta(days=ahead)
            for begin, _ in sorted(self.spans(day)):
                opens = _instant(day, begin, self.zone)
                if opens > now:
                    return opens.astimezone(self.zone)
        return None


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A wall time as an instant: the first of two, and what the clock shows where it is skipped."""
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone).astimezone(UTC)
