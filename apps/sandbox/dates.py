"""Dates in scenarios: ISO, or relative to today ("next workday 14:30", "monday 09:00", "+2 days 10:00")."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.sandbox.model import MINUTE, WEEKDAYS
from apps.sandbox.reading import ScenarioError
from apps.sandbox.slots import instant

_CLOCK = re.compile(r"^([01]?\d|2[0-4]):([0-5]\d)$")
_DAYS = re.compile(r"^\+(\d+) days?$")
_MINUTES = re.compile(r"^\+(\d+) minutes?$")
_WORKDAYS = re.compile(r"^\+(\d+) workdays?$")


def clock_minutes(text: str, *, where: str) -> int:
    """``"09:30"`` as minutes after midnight; ``"24:00"`` is the day's end."""
    match = _CLOCK.match(text)
    minutes = int(match[1]) * 60 + int(match[2]) if match else -1
    if not 0 <= minutes <= 24 * 60:
        raise ScenarioError(f"{where}: {text!r} is not a time of day (HH:MM)")
    return minutes


def day_from(text: str, *, zone: ZoneInfo, where: str, now: float | None = None) -> date:
    """A date: ISO, today, tomorrow, "+N days", "next workday", "+N workdays", or a weekday's next one."""
    today = datetime.fromtimestamp(now, zone).date() if now is not None else datetime.now(zone).date()
    word = text.strip().lower()
    if word == "today":
        return today
    if word == "tomorrow":
        return today + timedelta(days=1)
    days, workdays = _DAYS.match(word), _WORKDAYS.match(word)
    if days:
        return today + timedelta(days=int(days[1]))
    if workdays or word == "next workday":
        return workday(today, int(workdays[1]) if workdays else 1)
    if word.capitalize() in WEEKDAYS:
        ahead = (WEEKDAYS.index(word.capitalize()) - today.weekday() - 1) % 7 + 1
        return today + timedelta(days=ahead)
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise ScenarioError(f"{where}: {text!r} is not a date") from None


def workday(today: date, ahead: int) -> date:
    """The ``ahead``-th Monday-to-Friday day after today."""
    day = today
    while ahead > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            ahead -= 1
    return day


def instant_from(text: str, *, zone: ZoneInfo, now: float, where: str) -> int:
    """Epoch seconds of a moment: ISO (without offset: in the zone), "+N minutes", or a day and a time."""
    minutes = _MINUTES.match(text.strip().lower())
    if minutes:
        return int(now) + int(minutes[1]) * MINUTE
    day, _, clock = text.strip().rpartition(" ")
    if day and _CLOCK.match(clock):
        return instant(
            day_from(day, zone=zone, where=where, now=now), clock_minutes(clock, where=where), zone
        )
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ScenarioError(f"{where}: {text!r} is not a moment") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp())
