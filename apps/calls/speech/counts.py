"""Counted times: "in drei Tagen", "a week from Tuesday", "in einer halben Stunde"."""

from __future__ import annotations

from typing import Final

from apps.calls.speech import days
from apps.calls.speech import vocabulary as v
from apps.calls.speech.days import Day
from apps.calls.speech.tokens import Tokens

Found = tuple[Day, int]  # the day and the token after it

_IDIOM_OF_A_WEEK: Final = 8  # German "in acht Tagen" is in a week
_LONGEST: Final = {v.DAYS: 1000, v.WEEKS: 150, v.MONTHS: 36, v.YEARS: 3}
_DAYS_OF: Final = {v.DAYS: 1, v.WEEKS: 7, v.MONTHS: 30, v.YEARS: 365}
_HALF_HOUR: Final = 30  # minutes
_UNIT_MINUTES: Final = {v.MINUTES: 1, v.HOURS: 60}
_NAMED: Final = (v.WEEKDAY, v.RELATIVE, v.WHICH, v.MORGEN)  # how a day to count from begins
_HALF_AND_ONE: Final = ({v.HALF_PAST, v.ONE}, {v.HALF_A, v.ONE})


def length_in_days(unit: int, count: int) -> int:
    """Roughly how many days so many units are, 0 when there is no such length."""
    return count * _DAYS_OF[unit] if count <= _LONGEST.get(unit, -1) else 0


def read_in(read: Tokens, i: int) -> Found | None:
    """ "in drei Tagen", "in acht Tagen" (a week), "in einem halben Jahr", "in 2 bis 3 Wochen"."""
    tokens = read.tokens
    end = i + 1
    while tokens[end].kind in (v.ABOUT, v.THE):
        end += 1
    number = tokens[end]
    if number.kind == v.ONE and tokens[end + 1].kind == v.HALF_A:
        unit = tokens[end + 2]
        return (Day(days.MONTHS_ON, 6), end + 3) if unit.kind == v.UNIT and unit.n == v.YEARS else None
    if number.kind not in (v.NUMBER, v.ONE):
        return None
    last, after = number, end + 1
    if tokens[after].kind in (v.TO, v.OR) and tokens[after + 1].kind == v.NUMBER:
        last, after = tokens[after + 1], after + 2
    elif tokens[after].kind == v.NUMBER and tokens[after + 1].kind == v.UNIT:  # "in zwei, drei Tagen"
        last, after = tokens[after], after + 1
    counted = _counted(read, after, number.n, last.n)
    if counted is not None and read.texts[counted[1]] == "from" and tokens[counted[1] + 1].kind in _NAMED:
        return counted[0], counted[1] + 1  # "come in a week from Tuesday"
    return counted


def read_within(read: Tokens, i: int) -> Found | None:
    """ "innerhalb von zwei Wochen", "within three days", "innerhalb einer Woche"."""
    end = i + 1
    if read.tokens[end].kind == v.OF:
        end += 1
    found = read_in(read, end - 1)
    if found is None or found[0].kind not in (days.COUNT, days.SPAN):
        return None
    return Day(days.SPAN, 0, max(found[0].n, found[0].m)), found[1]


def _counted(read: Tokens, i: int, first: int, last: int) -> Found | None:
    """A number of days, weeks, months or years; ``i`` is the unit."""
    unit = read.tokens[i]
    if unit.kind == v.DAYS_ROUND:
        return Day(days.COUNT, unit.n * first), i + 1
    if unit.kind != v.UNIT or not 0 < first <= last <= _LONGEST.get(unit.n, -1):
        return None
    end = i + 1
    if read.texts[end] in ("time", "from") and read.tokens[end + 1].kind == v.NOW:
        end += 2
    if unit.n == v.MONTHS or unit.n == v.YEARS:
        months = first * (12 if unit.n == v.YEARS else 1)
        return (Day(days.MONTHS_ON, months), end) if first == last else None
    if unit.n == v.DAYS and first == last == _IDIOM_OF_A_WEEK and read.texts[i].startswith("tag"):
        return Day(days.COUNT, 7), end
    length = 7 if unit.n == v.WEEKS else 1
    if first < last:
        return Day(days.SPAN, first * length, last * length), end
    return Day(days.COUNT, first * length), end


def read_count(read: Tokens, i: int) -> Found | None:
    """English counts without "in": "a week from Tuesday", "two weeks from today", "three days from now"."""
    tokens = read.tokens
    unit = tokens[i + 1]
    if unit.kind not in (v.UNIT, v.DAYS_ROUND):
        return None
    counted = _counted(read, i + 1, tokens[i].n, tokens[i].n)
    if counted is None:
        return None
    end = counted[1]
    if end > i + 2:  # "from now" is in it
        return counted
    link = tokens[end]
    if read.texts[end] in ("from", "ab", "on", "after") and tokens[end + 1].kind in (*_NAMED, v.NOW):
        return counted[0], end + 1 + (tokens[end + 1].kind == v.NOW)
    british = read.texts[i + 1] in ("week", "fortnight") and not read.breaks[end]
    if british and link.kind in (v.WEEKDAY, v.RELATIVE):
        return counted[0], end  # "a week tomorrow"
    return None


def read_shift(read: Tokens, i: int) -> tuple[int, int] | None:
    """ "der Tag nach", "zwei Wochen vor", "the day before": how many days from the day named next."""
    tokens = read.tokens
    number = tokens[i]
    end = i + 1 if number.kind in (v.NUMBER, v.ONE) else i
    unit, link = tokens[end], tokens[end + 1]
    counted = end > i or read.texts[end] in ("tag", "day")
    if unit.kind != v.UNIT or unit.n not in (v.DAYS, v.WEEKS) or not counted:
        return None
    if link.kind not in (v.AFTER, v.BEFORE) or read.breaks[end] or read.breaks[end + 1]:
        return None
    length = length_in_days(unit.n, number.n if end > i else 1)
    return (length if link.kind == v.AFTER else -length), end + 2


def week_after(read: Tokens, i: int) -> Found | None:
    """British "Tuesday week", "tomorrow fortnight": ``i`` stands behind the day."""
    token = read.tokens[i]
    if read.breaks[i]:
        return None
    if read.texts[i] == "week":
        return Day(days.COUNT, 7), i + 1
    if token.kind == v.DAYS_ROUND:
        return Day(days.COUNT, token.n), i + 1
    return None


def read_minutes(read: Tokens, i: int) -> tuple[int, int] | None:
    """ "einer halben Stunde", "zwei Stunden", "half an hour", "an hour and a half", "20 Minuten"."""
    tokens = read.tokens
    while tokens[i].kind == v.ABOUT:
        i += 1
    first, second, third = tokens[i], tokens[i + 1], tokens[i + 2]
    if {first.kind, second.kind} in _HALF_AND_ONE and third.kind == v.UNIT:
        return (30, i + 3) if third.n == v.HOURS else None
    if first.kind == v.ONE and read.texts[i + 1] in ("viertelstunde", "dreiviertelstunde"):
        return (15 if read.texts[i + 1] == "viertelstunde" else 45), i + 2
    if second.kind != v.UNIT or second.n not in _UNIT_MINUTES:
        return None
    if first.kind == v.FRACTION and second.n == v.HOURS:
        return first.n * _HALF_HOUR, i + 2
    if first.kind not in (v.NUMBER, v.ONE) or not 0 < first.n <= 999:
        return None
    count, end = first.n * _UNIT_MINUTES[second.n], i + 2
    further = [token.kind for token in tokens[end : end + 3]]
    if further in ([v.AND, v.ONE, v.HALF_PAST], [v.AND, v.ONE, v.HALF_A]):
        return count + 30, end + 3
    return count, end
