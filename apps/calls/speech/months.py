"""Dates, months, years and feasts: the next time they come."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from apps.calls.speech.dates import Dates, clipped, never
from apps.calls.speech.days import MONTH, MONTH_FROM_NOW, NTH_WEEKDAY, YEAR_FROM_NOW, Day

LAST_YEAR: Final = 2200  # dates beyond are a slip of the tongue
_PARTS_OF_MONTH: Final = {0: (1, 10), 1: (11, 20), 2: (21, 31)}


def months_on(day: Day, today: date) -> Dates:
    """The same day number, or the month's last day."""
    years, month = divmod(today.month - 1 + day.n, 12)
    year = today.year + years
    if year > LAST_YEAR:
        return never(today)
    on = date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))
    return Dates(on, on)


def next_date(day: Day, today: date) -> Dates:
    """The next time the date comes; a stated year stands, and must not be past."""
    years = range(today.year, today.year + 9)  # eight years lie between leap days at most
    for year in (day.y,) if day.y else years:
        if _exists(year, day.m, day.n):
            on = date(year, day.m, day.n)
            if on >= today:
                return Dates(on, on)
    return never(today)


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= year <= LAST_YEAR and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def next_day_of_month(day: Day, today: date) -> Dates:
    """ "am 24.": the next month that has the day."""
    if not 1 <= day.n <= 31:
        return never(today)
    for months in range(4):
        first = first_of_month(today, months)
        if _exists(first.year, first.month, day.n):
            on = first.replace(day=day.n)
            if on >= today:
                return Dates(on, on)
    return never(today)


def first_of_month(today: date, months: int) -> date:
    """The first day of the month so many months on."""
    years, month = divmod(today.month - 1 + months, 12)
    return date(today.year + years, month + 1, 1)


def _month_dates(first: date, portion: int, today: date) -> Dates:
    days = monthrange(first.year, first.month)[1]
    start, end = _PARTS_OF_MONTH.get(portion, (1, 31))
    return clipped(first.replace(day=start), first.replace(day=min(end, days)), today)


def month_named(day: Day, today: date) -> Dates:
    """ "im Dezember": what is left of it this year, else the next one."""
    for year in (day.y,) if day.y else (today.year, today.year + 1):
        if not 1 <= year <= LAST_YEAR:
            break
        dates = _month_dates(date(year, day.n, 1), day.m, today)
        if not dates.never:
            return dates
    return never(today)


def month_from_now(day: Day, today: date) -> Dates:
    """ "nächsten Monat"."""
    return never(today) if day.n < 0 else _month_dates(first_of_month(today, day.n), day.m, today)


def year_from_now(day: Day, today: date) -> Dates:
    """ "nächstes Jahr"."""
    year = today.year + day.n
    return clipped(date(year, 1, 1), date(year, 12, 31), today)


def next_feast(day: Day, today: date) -> Dates:
    """The next time the feast comes; a stated year stands."""
    if day.rule is not None:
        for year in (day.y,) if day.y else (today.year, today.year + 1):
            on = day.rule(year) if 1600 <= year <= LAST_YEAR else None
            if on is not None and on >= today:
                return Dates(on, on)
    return never(today)


def nth_weekday(by_kind: dict[str, Day], today: date) -> Dates:
    """ "der erste Montag im Dezember"."""
    said = by_kind[NTH_WEEKDAY]
    for first in _months_meant(by_kind, today):
        last = first.replace(day=monthrange(first.year, first.month)[1])
        if said.m > 0:
            on = first + timedelta(days=(said.n - first.weekday()) % 7 + 7 * (said.m - 1))
        else:
            on = last - timedelta(days=(last.weekday() - said.n) % 7)
        if today <= on <= last:
            return Dates(on, on)
    return never(today)


def _months_meant(by_kind: dict[str, Day], today: date) -> Iterator[date]:
    month, year = by_kind.get(MONTH), by_kind.get(YEAR_FROM_NOW)
    if month is not None:
        stated = today.year + year.n if year else month.y
        for number in (stated,) if stated else (today.year, today.year + 1):
            if 1 <= number <= LAST_YEAR:
                yield date(number, month.n, 1)
    elif MONTH_FROM_NOW in by_kind:
        yield first_of_month(today, max(0, by_kind[MONTH_FROM_NOW].n))
