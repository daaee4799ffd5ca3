"""Wishes, slots and rules for tests of what needs no database: all on Wednesday, 7 January 2026."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apps.scheduling.alternatives import Ranking, Rules, Slot, rank
from apps.scheduling.opening import OpeningRules
from apps.scheduling.wish import Wish

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 1, 5)
WEDNESDAY = date(2026, 1, 7)
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=BERLIN)
EVERY_DAY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at(clock: str, day: date = WEDNESDAY, *, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    """An instant, as UTC: "14:30" on a day of the branch's calendar."""
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=zone).replace(fold=fold).astimezone(UTC)


def said(slots: Iterable[Slot] | Iterable[datetime], *, zone: ZoneInfo = BERLIN) -> list[str]:
    """Starts as a caller hears them: "Wed 14:30"."""
    starts = [one.start if isinstance(one, Slot) else one for one in slots]
    return [f"{start.astimezone(zone):%a %H:%M}" for start in starts]


def slots(*clocks: str, day: date = WEDNESDAY, **values: Any) -> list[Slot]:
    """Free starts of one day."""
    return [Slot(at(clock, day), **values) for clock in clocks]


def wish(
    clock: str | None = None,
    to: str | None = None,
    *,
    day: date = WEDNESDAY,
    until: date | None = None,
    **values: Any,
) -> Wish:
    """A wish for a day: at a time, in a window, or any time."""
    begin = None if clock is None else time.fromisoformat(clock)
    end = begin if to is None else time.fromisoformat(to)
    return Wish(date_from=day, date_to=until or day, time_from=begin, time_to=end, **values)


def opening(
    hours: Mapping[str, Iterable[Iterable[str]]] | None = None,
    *,
    closures: Iterable[date] = (),
    region: str = "",
    zone: ZoneInfo = BERLIN,
) -> OpeningRules:
    """Opening rules; without hours nothing is restricted."""
    return OpeningRules.of(
        zone=zone, hours=hours or {}, closures=[day.isoformat() for day in closures], region=region
    )


ALWAYS = opening({day: [["08:00", "20:00"]] for day in EVERY_DAY})


def rules(**values: Any) -> Rules:
    """Rules that forbid nothing but the past."""
    defaults: dict[str, Any] = {
        "now": NOW.astimezone(UTC),
        "notice": timedelta(0),
        "duration": timedelta(minutes=45),
        "opening": opening(),
    }
    return Rules(**{**defaults, **values})


def ranked(wanted: Wish, free: Iterable[Slot], **values: Any) -> Ranking:
    """What a caller with this wish is offered."""
    return rank(wanted, free, rules=rules(**values))
