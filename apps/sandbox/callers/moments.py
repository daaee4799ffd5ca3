"""Moments of a script: relative to the real clock, and how the caller speaks of them.

``"open+1 14:30"`` is half past two on the first day from tomorrow on which it is really free (and
``open+2`` on a later such day), ``"soonest"`` the first free start there is. ``"today 18:00"``,
``"tomorrow 09:00"`` and ``"+3 days 10:00"`` are what they say. ``"… anyway"`` need not be free:
hours outside the opening, for example.

How callers say days and times is written here again, on purpose: a caller who spoke through the
product's own phrases would hide that the product only understands itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from apps.sandbox.reading import ScenarioError

_MOMENT = re.compile(
    r"^(?:(?P<word>today|tomorrow)|open\+(?P<open>[1-9]\d*)|\+(?P<days>\d+) days?) "
    r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?P<anyway> anyway)?$"
)
MONTHS = {
    "de": (
        "Januar", "Februar", "März", "April", "Mai", "Juni",
        "Juli", "August", "September", "Oktober", "November", "Dezember",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
WEEKDAYS = {
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
NEAR_DAYS = {
    "de": ("heute", "morgen", "übermorgen"),
    "en": ("today", "tomorrow", "the day after tomorrow"),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """``number``: the n-th open day, or the days from today. ``minutes`` after midnight, branch's clock."""

    kind: Literal["open", "days", "soonest"]
    number: int
    minutes: int
    free: bool = True


def moment_from(text: str, *, where: str) -> Moment:
    """Read "open+1 14:30". Raises ``ScenarioError``."""
    if text == "soonest":
        return Moment("soonest", 0, 0)
    match = _MOMENT.match(text)
    if match is None:
        raise ScenarioError(f"{where}: {text!r} is no moment (open+1 14:30, tomorrow 09:00, soonest)")
    minutes = int(match["hour"]) * 60 + int(match["minute"])
    free = not match["anyway"]
    if match["open"]:
        return Moment("open", int(match["open"]), minutes, free)
    days = int(match["days"]) if match["days"] else ("today", "tomorrow").index(match["word"])
    return Moment("days", days, minutes, free)


def say_part(start: datetime, part: str, *, today: date, language: str) -> str:
    """One of ``day``, ``onto``, ``weekday``, ``date``, ``time`` of a start, as the caller says it.

    ``day``: "morgen", "am Dienstag", from a week on "am 3. Dezember"; ``onto``: the same behind "auf"
    or "to" ("auf morgen", "auf den 3. Dezember"). Raises ``KeyError`` for another part.
    """
    return {
        "day": _day(start.date(), today=today, language=language, before={"de": "am ", "en": "on "}),
        "onto": _day(start.date(), today=today, language=language, before={"de": "den ", "en": ""}),
        "weekday": WEEKDAYS[language][start.weekday()],
        "date": _date(start.date(), language=language),
        "time": _time(start, language=language),
    }[part]


def _day(day: date, *, today: date, language: str, before: Mapping[str, str]) -> str:
    ahead = (day - today).days
    if 0 <= ahead < len(NEAR_DAYS[language]):
        return NEAR_DAYS[language][ahead]
    # A weekday means its next one, so it is only said of days less than a week away.
    said = WEEKDAYS[language][day.weekday()] if 0 < ahead < 7 else _date(day, language=language)
    return before[language] + said


def _date(day: date, *, language: str) -> str:
    month = MONTHS[language][day.month - 1]
    return f"{day.day}. {month}" if language == "de" else f"{month} {day.day}"


def _time(start: datetime, *, language: str) -> str:
    if language == "de":
        return f"{start.hour} Uhr" + (f" {start.minute}" if start.minute else "")
    clock = f"{start.hour % 12 or 12}" + (f":{start.minute:02d}" if start.minute else "")
    return f"{clock} {'am' if start.hour < 12 else 'pm'}"
