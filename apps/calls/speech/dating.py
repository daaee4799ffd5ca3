"""The dates that days as said mean, counted from today; a past day or one that does not exist is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

from apps.calls.speech import vocabulary as v
from apps.calls.speech.dates import Dates, clipped, never
from apps.calls.speech.days import (
    AFTER,
    BEFORE,
    COUNT,
    DATE,
    DAY_OF_MONTH,
    FEAST,
    FROM,
    MONTH,
    MONTH_FROM_NOW,
    MONTHS_ON,
    NEVER,
    NOW,
    NTH_WEEKDAY,
    RELATIVE,
    SOON,
    SOON_DAYS,
    SPAN,
    UNSAID,
    UNTIL,
    WEEK,
    WEEK_NUMBER,
    WEEKDAY,
    WEEKEND,
    WHOLE,
    YEAR_FROM_NOW,
    Day,
)
from apps.calls.speech.months import (
    first_of_month,
    month_from_now,
    month_named,
    months_on,
    next_date,
    next_day_of_month,
    next_feast,
    nth_weekday,
    year_from_now,
)
from apps.calls.speech.weeks import next_weekday, week_numbered, week_of, weekday_counted, weekend_of


def resolve(said: Sequence[Day], today: date) -> Dates:
    """The dates that days explaining each other mean, counted from ``today``; never a past one."""
    start = said[0]
    if start.since:
        if start.kind == WEEKDAY and start.since[-1].bound == BEFORE:
            return _weekday_before(start.n, start.since, today)
        since = resolve(start.since, today)
        if since.never:
            return since
        if start.kind == WEEKDAY and start.since[-1].bound == AFTER:
            on = since.first + timedelta(days=(start.n - since.first.weekday()) % 7)
            return Dates(on, on)
        if start.kind == COUNT:  # "am Tag nach Ostern"
            on = since.first + timedelta(days=start.n)
            return clipped(on, on, today)
        today = since.first
    open_ended = next((day.bound for day in said if day.bound), 0)
    ends = next((day.end for day in said if day.end), ())
    dates = _resolve(said, today)
    if dates.never:
        return dates
    if ends:
        return _range(dates, ends, start, today)
    return _opened(dates, open_ended, today) if open_ended else dates


def _weekday_before(weekday: int, since: tuple[Day, ...], today: date) -> Dates:
    """ "am Freitag vor Weihnachten"."""
    end = _resolve(since, today)
    if end.never:
        return end
    on = end.first - timedelta(days=(end.first.weekday() - weekday - 1) % 7 + 1)
    return Dates(on, on) if on >= today else never(today)


def _resolve(said: Sequence[Day], today: date) -> Dates:
    if len(said) == 1:
        return _ALONE[said[0].kind](said[0], today)
    by_kind = {day.kind: day for day in said}
    soon = SOON in by_kind
    for weak in (SOON, NOW):
        if len(by_kind) > 1:
            by_kind.pop(weak, None)
    dates = _together(by_kind, today)
    return Dates(dates.first, dates.last, dates.others, soon, dates.never) if soon else dates


def _together(by_kind: dict[str, Day], today: date) -> Dates:
    if len(by_kind) == 1:
        day = next(iter(by_kind.values()))
        return _ALONE[day.kind](day, today)
    if NEVER in by_kind:
        return never(today)
    weekday, count = by_kind.get(WEEKDAY), by_kind.get(COUNT)
    relative = by_kind.get(RELATIVE)
    if relative and (count or MONTHS_ON in by_kind):
        base = _ALONE[RELATIVE](relative, today)
        later = count or by_kind[MONTHS_ON]
        return base if base.never else _ALONE[later.kind](later, base.first)
    if NTH_WEEKDAY in by_kind:
        return nth_weekday(by_kind, today)
    if weekday and count:
        return weekday_counted(weekday, count.n, today)
    dated = _dated(by_kind, today)
    if dated is not None:
        return _checked(dated, by_kind, today)
    week = by_kind.get(WEEK) or by_kind.get(WEEK_NUMBER)
    if week is not None and weekday is not None:
        return _day_of_week(week, weekday.n, weekday.n, today)
    if week is not None and WEEKEND in by_kind:
        return _day_of_week(week, 5, 6, today)
    month = _month(by_kind, today)
    if month.never or weekday is None:
        return month
    first = month.first + timedelta(days=(weekday.n - month.first.weekday()) % 7)
    return Dates(first, first, ((month.first, month.last),)) if first <= month.last else never(today)


def _dated(by_kind: dict[str, Day], today: date) -> Dates | None:
    """The one date among the days said, when there is one."""
    year = by_kind.get(YEAR_FROM_NOW)
    if DATE in by_kind:
        day = by_kind[DATE]
        return next_date(Day(DATE, day.n, day.m, today.year + year.n if year else day.y), today)
    if FEAST in by_kind:
        feast = by_kind[FEAST]
        return next_feast(Day(FEAST, y=today.year + year.n if year else feast.y, rule=feast.rule), today)
    if DAY_OF_MONTH in by_kind and (MONTH in by_kind or MONTH_FROM_NOW in by_kind):
        n = by_kind[DAY_OF_MONTH].n
        if MONTH in by_kind:
            month = by_kind[MONTH]
            return next_date(Day(DATE, n, month.n, month.y), today)
        first = first_of_month(today, by_kind[MONTH_FROM_NOW].n)
        return next_date(Day(DATE, n, first.month, first.year), today)
    if DAY_OF_MONTH in by_kind:
        return next_day_of_month(by_kind[DAY_OF_MONTH], today)
    if RELATIVE in by_kind:
        return _relative(by_kind[RELATIVE], today)
    return None


def _checked(dates: Dates, by_kind: dict[str, Day], today: date) -> Dates:
    """A weekday or week that contradicts the date makes it ambiguous; the date counts."""
    weekday, week = by_kind.get(WEEKDAY), by_kind.get(WEEK)
    if dates.never:
        return dates
    if weekday is not None and dates.first.weekday() != weekday.n:
        if RELATIVE in by_kind and abs(by_kind[RELATIVE].place - weekday.place) > 2:
            return next_weekday(weekday, today)  # "ich rufe heute an wegen Montag"
        days = (weekday.n - dates.first.weekday() + 3) % 7 - 3
        other = dates.first + timedelta(
            days=days if dates.first + timedelta(days=days) >= today else days + 7
        )
        return Dates(dates.first, dates.last, ((other, other),))
    if week is not None:
        inside = week_of(week, today)
        if not inside.never and not inside.first <= dates.first <= inside.last:
            return Dates(dates.first, dates.last, ((inside.first, inside.last),))
    return dates


def _day_of_week(week: Day, first: int, last: int, today: date) -> Dates:
    whole = _ALONE[week.kind](Day(week.kind, week.n, WHOLE, week.y), today)
    if whole.never:
        return whole
    monday = whole.last - timedelta(days=6)
    return clipped(monday + timedelta(days=first), monday + timedelta(days=last), today)


def _count(day: Day, today: date) -> Dates:
    on = today + timedelta(days=day.n)
    return Dates(on, on)


def _span(day: Day, today: date) -> Dates:
    return Dates(today + timedelta(days=day.n), today + timedelta(days=day.m))


def _relative(day: Day, today: date) -> Dates:
    return never(today) if day.n < 0 else _count(day, today)


def _month(by_kind: dict[str, Day], today: date) -> Dates:
    year = by_kind.get(YEAR_FROM_NOW)
    if MONTH in by_kind:
        month = by_kind[MONTH]
        return month_named(Day(MONTH, month.n, month.m, today.year + year.n if year else month.y), today)
    if MONTH_FROM_NOW in by_kind:
        return month_from_now(by_kind[MONTH_FROM_NOW], today)
    return year_from_now(year, today) if year else never(today)


def _soon(day: Day, today: date) -> Dates:
    return Dates(today, today + timedelta(days=SOON_DAYS), soon=True)


_ALONE: Final[dict[str, Callable[[Day, date], Dates]]] = {
    WEEKDAY: next_weekday,
    NTH_WEEKDAY: lambda day, today: next_weekday(Day(WEEKDAY, day.n), today),
    WEEK: week_of,
    WEEKEND: weekend_of,
    COUNT: _count,
    MONTHS_ON: months_on,
    SPAN: _span,
    RELATIVE: _relative,
    DATE: next_date,
    DAY_OF_MONTH: next_day_of_month,
    MONTH: month_named,
    MONTH_FROM_NOW: month_from_now,
    YEAR_FROM_NOW: year_from_now,
    FEAST: next_feast,
    WEEK_NUMBER: week_numbered,
    SOON: _soon,
    NOW: lambda day, today: Dates(today, today),
    NEVER: lambda day, today: never(today),
}


def _range(start: Dates, ends: tuple[Day, ...], first: Day, today: date) -> Dates:
    """From ``start`` to the first such end after it: "zwischen Montag und Mittwoch"."""
    others: list[tuple[date, date]] = []
    end = _end_after(start.last, ends, today)
    if end is None:
        return never(today)
    for other_first, other_last in start.others:
        other_end = _end_after(other_last, ends, today)
        if other_end is not None:
            others.append((other_first, other_end))
    return Dates(start.first, end, tuple(others))


def _end_after(start: date, ends: tuple[Day, ...], today: date) -> date | None:
    """The last date of the range's end when that is counted from its start."""
    plain = ends[0]
    if len(ends) == 1 and plain.kind == WEEKDAY and plain.which in (UNSAID, v.THIS, v.COMING):
        return start + timedelta(days=(plain.n - start.weekday() - 1) % 7 + 1)
    open_year = plain.kind in (DATE, DAY_OF_MONTH, FEAST, MONTH) and not plain.y
    end = _resolve(ends, start if open_year else today)
    if end.never or end.last < start:
        return None
    return end.last


def _opened(dates: Dates, bound: int, today: date) -> Dates:
    """ "ab Montag", "nach Weihnachten", "bis Freitag", "vor dem 10."."""
    day = timedelta(days=1)
    if bound == FROM:
        return Dates(dates.first, dates.first + timedelta(days=SOON_DAYS), soon=dates.soon)
    if bound == AFTER:
        return Dates(dates.last + day, dates.last + day + timedelta(days=SOON_DAYS))
    last = dates.last if bound == UNTIL else dates.first - day
    return never(today) if last < today else Dates(today, last)
