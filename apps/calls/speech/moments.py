"""One time of day and one day, in words. ``say`` builds its phrases from these.

What is said is understood again: every time said here, put to ``understand``, gives that time.
Hence the clock idioms ("halb drei") only from a quarter past seven to a quarter to seven in the
evening, where nobody takes them for the other half of the day; "19 Uhr 30" and "5 Uhr morgens" around it.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal

from apps.calls.speech.catalogue import mark_word, word
from apps.calls.speech.clock import (
    DAYS,
    FULL_HOURS,
    HALF_PAST,
    MINUTES,
    MONTHS,
    QUARTER_PAST,
    QUARTER_TO,
    WEEKDAYS,
)

# "nominative" names a day ("Mittwoch, der 7. Januar"), "dative" says when something is, with its
# preposition ("am Mittwoch, dem 7. Januar"), "label" is a heading ("Mittwoch, 7. Januar").
# "morgen" is the first two.
Case = Literal["nominative", "dative", "label"]

YEAR_FROM_DAYS = 300
RELATIVE_DAYS = (
    mark_word("day", "today"),
    mark_word("day", "tomorrow"),
    mark_word("day", "the day after tomorrow"),
)
DATES: dict[Case, str] = {
    "nominative": mark_word("date", "{weekday}, {month} {day}"),
    "dative": mark_word("date", "on {weekday}, {month} {day}"),
    "label": mark_word("date label", "{weekday}, {month} {day}"),
}
DATES_WITH_YEAR: dict[Case, str] = {
    "nominative": mark_word("date", "{weekday}, {month} {day}, {year}"),
    "dative": mark_word("date", "on {weekday}, {month} {day}, {year}"),
    "label": mark_word("date label", "{weekday}, {month} {day}, {year}"),
}
IDIOMS_FROM, IDIOMS_TO = time(7, 15), time(18, 45)
IDIOMS = {15: QUARTER_PAST, 30: HALF_PAST, 45: QUARTER_TO}


def say_time(moment: time, *, language: str) -> str:
    """ "halb drei", "19 Uhr 30", "5 Uhr morgens" – without "um"; seconds are not said."""
    hour, minute = moment.hour, moment.minute
    if minute == 0:
        return word("full hour", FULL_HOURS[hour], language=language)
    if minute in IDIOMS and IDIOMS_FROM <= time(hour, minute) <= IDIOMS_TO:
        return word("quarter hour", IDIOMS[minute][hour % 12], language=language)
    return word("hour and minute", MINUTES[hour], language=language, minute=minute)


def say_date(day: date, *, now: datetime, language: str, case: Case = "nominative") -> str:
    """ "heute", "übermorgen", else as ``say_full_date``."""
    return say_relative_day(day, now=now, language=language) or say_full_date(
        day, now=now, language=language, case=case
    )


def say_relative_day(day: date, *, now: datetime, language: str) -> str:
    """ "heute", "morgen", "übermorgen" as counted from the day of the call, "" for any other day."""
    distance = (day - now.date()).days
    if 0 <= distance < len(RELATIVE_DAYS):
        return word("day", RELATIVE_DAYS[distance], language=language)
    return ""


def say_full_date(
    day: date, *, now: datetime, language: str, case: Case = "nominative", with_year: bool | None = None
) -> str:
    """Weekday and date; the year from 300 days on, unless ``with_year`` decides."""
    context = "date label" if case == "label" else "date"
    if with_year is None:
        with_year = needs_year(day, now=now)
    return word(
        context,
        (DATES_WITH_YEAR if with_year else DATES)[case],
        language=language,
        weekday=word("weekday", WEEKDAYS[day.weekday()], language=language),
        month=say_month(day, language=language),
        day=say_day_of_month(day, language=language),
        year=day.year,
    )


def say_month(day: date, *, language: str) -> str:
    """ "Januar"."""
    return word("month", MONTHS[day.month - 1], language=language)


def say_day_of_month(day: date, *, language: str) -> str:
    """ "7." – "January 7th"."""
    return word("day of the month", DAYS[day.day - 1], language=language)


def needs_year(day: date, *, now: datetime) -> bool:
    """Whether weekday and date alone would leave the year open."""
    return abs((day - now.date()).days) >= YEAR_FROM_DAYS
