"""Ranges of days and windows of starts, in words."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Protocol

from apps.calls.speech.catalogue import mark_word, word
from apps.calls.speech.clock import FIRST_HOURS, WEEKDAYS
from apps.calls.speech.moments import (
    needs_year,
    say_day_of_month,
    say_full_date,
    say_month,
    say_relative_day,
    say_time,
)

WEEK = timedelta(days=7)
DAY_START, DAY_END = time(0), time(23, 59)
# An earlier hour needs its part of the day: "zwischen 6 Uhr morgens und 10 Uhr".
EARLIEST_BARE_HOUR = 7
# Their windows are the rules of ``understand``. Alone or after a full date: "nachmittags".
DAY_PARTS = {
    (time(6), time(10)): mark_word("part of a day", "early in the morning"),
    (time(8), time(12)): mark_word("part of a day", "in the morning"),
    (time(11), time(14)): mark_word("part of a day", "at lunchtime"),
    (time(12), time(18)): mark_word("part of a day", "in the afternoon"),
    (time(17), time(21)): mark_word("part of a day", "in the evening"),
}
PARTS_OF_TODAY = {
    (time(6), time(10)): mark_word("part of today", "early this morning"),
    (time(8), time(12)): mark_word("part of today", "this morning"),
    (time(11), time(14)): mark_word("part of today", "today at lunchtime"),
    (time(12), time(18)): mark_word("part of today", "this afternoon"),
    (time(17), time(21)): mark_word("part of today", "this evening"),
}
# After "morgen" and "übermorgen": "morgen Nachmittag".
PARTS_OF_NEAR_DAYS = {
    (time(6), time(10)): mark_word("part of a near day", "early in the morning"),
    (time(8), time(12)): mark_word("part of a near day", "in the morning"),
    (time(11), time(14)): mark_word("part of a near day", "at lunchtime"),
    (time(12), time(18)): mark_word("part of a near day", "in the afternoon"),
    (time(17), time(21)): mark_word("part of a near day", "in the evening"),
}
# By: both ends in one month, the year is said.
DATE_RANGES = {
    (True, False): mark_word("days", "from {month} {first} to {last}"),
    (True, True): mark_word("days", "from {month} {first} to {last}, {year}"),
    (False, False): mark_word("days", "from {month} {first} to {last_month} {last}"),
    (False, True): mark_word("days", "from {month} {first} to {last_month} {last}, {year}"),
}


class Window(Protocol):
    """Inclusive days and window of starts, as ``Wish`` and ``Reading`` have them."""

    @property
    def date_from(self) -> date | None: ...
    @property
    def date_to(self) -> date | None: ...
    @property
    def time_from(self) -> time | None: ...
    @property
    def time_to(self) -> time | None: ...


def say_window(
    window: Window, *, now: datetime, language: str, day_part: bool = False, near: bool = True
) -> str:
    """When, with its preposition: "morgen zwischen 12 und 18 Uhr", "vom 1. bis 7. Dezember"; "" for nothing.

    ``day_part``: name the part of the day whose window this is ("nachmittags"), not its hours.
    ``near``: "morgen" where it is that; otherwise always weekday and date, also of a week's ends.
    """
    hours = say_hours(window, language=language, day_part=day_part)
    first, last = window.date_from, window.date_to
    if first is None or last is None:
        return hours
    day = say_relative_day(first, now=now, language=language) if near and first == last else ""
    if day and hours:
        span = (window.time_from, window.time_to)
        if day_part and span in DAY_PARTS:
            return _say_near_day_part(day, span, today=first == now.date(), language=language)
        return word("window", "{day} {hours}", language=language, day=day, hours=hours)
    days = day or say_days(first, last, now=now, language=language, weekdays=not near)
    return word("window", "{days}, {hours}", language=language, days=days, hours=hours) if hours else days


def say_days(first: date, last: date, *, now: datetime, language: str, weekdays: bool = False) -> str:
    """ "am Dienstag, dem 1. Dezember", "vom 1. bis 7. Dezember"; up to a week with its ``weekdays``."""
    if first == last:
        return say_full_date(first, now=now, language=language, case="dative")
    with_year = needs_year(last, now=now)
    values = {
        "month": say_month(first, language=language),
        "first": say_day_of_month(first, language=language),
        "last_month": say_month(last, language=language),
        "last": say_day_of_month(last, language=language),
        "year": last.year,
    }
    if weekdays and not with_year and last - first < WEEK:
        return word(
            "days",
            "from {weekday}, {month} {first}, to {last_weekday}, {last_month} {last}",
            language=language,
            weekday=word("weekday", WEEKDAYS[first.weekday()], language=language),
            last_weekday=word("weekday", WEEKDAYS[last.weekday()], language=language),
            **values,
        )
    one_month = (first.year, first.month) == (last.year, last.month)
    return word("days", DATE_RANGES[one_month, with_year], language=language, **values)


def say_hours(window: Window, *, language: str, day_part: bool = False, after_near_day: bool = False) -> str:
    """ "um halb drei", "zwischen 12 und 18 Uhr", "ab 15 Uhr", "bis 12 Uhr", "nachmittags"; "" for any."""
    first, last = window.time_from, window.time_to
    if first is None or last is None or (first, last) == (DAY_START, DAY_END):
        return ""
    if day_part and (first, last) in DAY_PARTS:
        return word("part of a day", DAY_PARTS[first, last], language=language)
    said_first, said_last = say_time(first, language=language), say_time(last, language=language)
    if first == last:
        return word("start", "at {time}", language=language, time=said_first)
    if last == DAY_END:
        return word("hours", "from {time} on", language=language, time=said_first)
    if first == DAY_START:
        return word("hours", "by {time}", language=language, time=said_last)
    if first.minute == last.minute == 0 and first.hour >= EARLIEST_BARE_HOUR:
        said_first = word("full hour before another", FIRST_HOURS[first.hour], language=language)
    return word("hours", "between {first} and {last}", language=language, first=said_first, last=said_last)


def _say_near_day_part(day: str, span: tuple[time, time], *, today: bool, language: str) -> str:
    if today:
        return word("part of today", PARTS_OF_TODAY[span], language=language)
    part = word("part of a near day", PARTS_OF_NEAR_DAYS[span], language=language)
    return word("window", "{day} {hours}", language=language, day=day, hours=part)
