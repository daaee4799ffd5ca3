"""Weekdays, weeks and weekends, counted from today."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from apps.calls.speech import vocabulary as v
from apps.calls.speech.dates import Dates, clipped, never
from apps.calls.speech.days import WEEKDAY, WHOLE, Day

_PARTS_OF_WEEK: Final = {0: (0, 1), 1: (1, 3), 2: (3, 6)}  # Monday–Tuesday, Tuesday–Thursday, Thursday–Sunday


def next_weekday(day: Day, today: date) -> Dates:
    """The next one after today, never today; ambiguous where people mean different ones."""
    ahead = (day.n - today.weekday()) % 7
    nearest = today + timedelta(days=ahead or 7)
    this_week = nearest.weekday() > today.weekday()  # still ahead in this calendar week
    week = timedelta(days=7)
    if day.which == v.LAST:
        return never(today)
    if day.which == v.OVERNEXT:
        stated = nearest + week
        other = stated + week if this_week else nearest
        return Dates(stated, stated, ((other, other),))
    if ahead == 0:
        return Dates(nearest, nearest, ((today, today),))
    if day.which == v.NEXT and this_week:
        return Dates(nearest, nearest, ((nearest + week, nearest + week),))
    return Dates(nearest, nearest)


def weekday_counted(weekday: Day, days: int, today: date) -> Dates:
    """ "Dienstag in einer Woche": the next Tuesday plus seven days – or the Tuesday about then."""
    nearest = next_weekday(Day(WEEKDAY, weekday.n), today).first
    stated = nearest + timedelta(days=days)
    other = stated - timedelta(days=7)
    if other <= today:
        other = stated + timedelta(days=7)
    return Dates(stated, stated, ((other, other),))


def _monday(today: date, weeks: int) -> date:
    return today + timedelta(days=7 * weeks - today.weekday())


def week_of(day: Day, today: date) -> Dates:
    """Monday to Sunday, or a part of that week."""
    monday = _monday(today, day.n)
    first, last = monday, monday + timedelta(days=6)
    if day.m != WHOLE:
        start, end = _PARTS_OF_WEEK[day.m]
        first, last = monday + timedelta(days=start), monday + timedelta(days=end)
        if last < today and day.n == 0:  # "Anfang der Woche", said on a Thursday
            first, last = first + timedelta(days=7), last + timedelta(days=7)
    return clipped(first, last, today)


def weekend_of(day: Day, today: date) -> Dates:
    """Saturday and Sunday; on a Sunday the weekend to come."""
    saturday = today + timedelta(days=(5 - today.weekday()) % 7)
    sunday = saturday + timedelta(days=1)
    week = timedelta(days=7)
    if day.which == v.LAST:
        return never(today)
    if day.which == v.OVERNEXT:
        return Dates(saturday + week, sunday + week, ((saturday + 2 * week, sunday + 2 * week),))
    if day.which == v.NEXT and today.weekday() == 5:
        return Dates(saturday + week, sunday + week, ((saturday, sunday),))
    if day.which == v.NEXT and today.weekday() < 5:
        return Dates(saturday, sunday, ((saturday + week, sunday + week),))
    return Dates(saturday, sunday)


def week_numbered(day: Day, today: date) -> Dates:
    """A calendar week of this year, or of the next once it is over."""
    for year in (today.year, today.year + 1):
        if 1 <= day.n <= date(year, 12, 28).isocalendar().week:
            monday = date.fromisocalendar(year, day.n, 1)
            dates = clipped(monday, monday + timedelta(days=6), today)
            if not dates.never:
                return dates
    return never(today)
