"""What a caller wishes, from the words: German and English, spoken or written by an agent.

``understand`` takes the words, ``combine`` the fields an agent may split them into. No I/O; whatever
is not understood is missing from the ``Wish``, nothing is guessed and nothing raises.

The way of a text: ``tokens`` (words) → ``terms`` (days, times and relations) → ``grammar``
(alternatives and corrections) → here, dates and minutes of the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, TypeVar

from apps.calls.speech import days
from apps.calls.speech.alternatives import Alternative, Statement
from apps.calls.speech.dates import Dates
from apps.calls.speech.dating import resolve
from apps.calls.speech.days import Day
from apps.calls.speech.feasts import FeastTable, feast_table
from apps.calls.speech.grammar import parse
from apps.calls.speech.hours import DAY, NAMES
from apps.calls.speech.starts import Window, hull_of_windows, windows_of
from apps.calls.speech.terms import read_terms
from apps.calls.speech.tokens import tokenise
from apps.scheduling.wish import Reading, Start, Wish

T = TypeVar("T")

_TIMES: Final = tuple(time(minute // 60, minute % 60) for minute in range(DAY))
_CONTEXT: Final = frozenset({days.WEEK, days.WEEK_NUMBER})

feast_table("DE")  # the default is built at start, not in the first call


@dataclass(slots=True)
class _Understood:
    """What one text says; a ``refused`` part was said, but there is no such day or time."""

    dates: Dates | None = None
    window: Window | None = None
    date_refused: bool = False
    time_refused: bool = False
    starts: tuple[Start, ...] = ()
    excluded: tuple[date, ...] = ()


def understand(
    text: str,
    *,
    now: datetime,
    language: str = "de",
    holidays: str = "DE",
    feasts: FeastTable | None = None,
) -> Wish:
    """The wish in a caller's words, by the branch's wall clock.

    ``now`` is aware, in the branch's zone: the start of the call. ``holidays`` is the country or
    country and region ("DE-BE") whose feasts are known by name; ``feasts`` a table built already.
    ``language`` is a hint, used where a word of both languages leaves no other clue. Only the first
    2,000 characters are read.
    """
    return _wish(_read(text, now, language, feasts or feast_table(holidays)))


def combine(
    *,
    when: str | None,
    date: str | None,
    time: str | None,
    datetime_text: str | None,
    now: datetime,
    language: str = "de",
    holidays: str = "DE",
) -> Wish:
    """The wish in an agent's fields: ``when`` wins, the single fields only fill what it leaves open."""
    feasts = feast_table(holidays)
    said = [_read(text, now, language, feasts) for text in (when, datetime_text) if text]
    for field, prefix in ((date, "am "), (time, "um ")):
        if field:
            figures = all(character in "0123456789.:" for character in field.strip())
            said.append(_read(prefix + field if figures else field, now, language, feasts))
    result = _Understood()
    for understood in said:
        _fill(result, understood)
    return _wish(result)


def _fill(result: _Understood, further: _Understood) -> None:
    if result.dates is None and not result.date_refused:
        result.dates, result.date_refused = further.dates, further.date_refused
        result.excluded = result.excluded or further.excluded
    if result.window is None and not result.time_refused:
        result.window, result.time_refused = further.window, further.time_refused
    result.starts = result.starts or further.starts


def _read(text: str, now: datetime, language: str, feasts: FeastTable) -> _Understood:
    tokens = tokenise(text)
    tokens.language = language
    terms = read_terms(tokens, now=now, feasts=feasts)
    result = _Understood()
    if not terms:
        return result
    today = now.date()
    statements = parse(terms)
    excluded: list[list[Day]] = []
    before: Alternative | None = None
    for statement in statements:
        _inherit(statement.alternatives, before)
        _settle(statement, result, today, before)
        excluded += statement.excluded
        before = statement.alternatives[-1] if _says(statement.alternatives[-1]) else before
    if excluded:
        _exclude(result, excluded, today)
    return result


def _says(alternative: Alternative) -> bool:
    return bool(alternative.days or alternative.hours or alternative.part)


def _settle(statement: Statement, result: _Understood, today: date, before: Alternative | None) -> None:
    """What one statement says replaces what was said before, days and times apart."""
    alternatives = [alternative for alternative in statement.alternatives if _says(alternative)]
    if not alternatives:
        return
    found = [resolve(alternative.days, today) if alternative.days else None for alternative in alternatives]
    windows, absent = windows_of(alternatives, before)
    told = [dates for dates in found if dates is not None]
    if told:
        result.dates = _hull_of_dates([dates for dates in told if not dates.never])
        result.date_refused = result.dates is None
    if absent or any(windows):
        result.window = hull_of_windows([window for window in windows if window])
        result.time_refused = result.window is None
    if len(alternatives) > 1:
        result.starts = _starts(found, windows, result)
    elif absent or any(windows):
        result.starts = ()


# Days


def _inherit(alternatives: list[Alternative], before: Alternative | None) -> None:
    """Alternatives share what was said once: the week, or the month of a day's number."""
    if len(alternatives) == 1 and before is None:
        return
    previous = before
    for alternative in alternatives:
        if alternative.days and previous is not None and previous.days:
            _share(alternative, previous, backwards=False)
        if alternative.days:
            previous = alternative
    following: Alternative | None = None
    for alternative in reversed(alternatives):
        if alternative.days and following is not None:
            _share(alternative, following, backwards=True)
        if alternative.days:
            following = alternative


def _share(alternative: Alternative, other: Alternative, *, backwards: bool) -> None:
    if len(alternative.days) > 1:
        return
    day = alternative.days[0]
    if day.kind == days.WEEKDAY and day.which == days.UNSAID:
        if backwards and other.days[0].kind != days.WEEKDAY:
            return
        alternative.days.extend(known for known in other.days if known.kind in _CONTEXT)
    elif day.kind == days.DAY_OF_MONTH:
        for known in other.days:
            if known.kind == days.DATE:
                alternative.days[0] = Day(days.DATE, day.n, known.m, known.y)
            elif known.kind in (days.MONTH, days.MONTH_FROM_NOW):
                alternative.days.append(known)


def _hull_of_dates(told: list[Dates]) -> Dates | None:
    if len(told) <= 1:
        return told[0] if told else None
    first, last = min(dates.first for dates in told), max(dates.last for dates in told)
    others: tuple[tuple[date, date], ...] = ()
    if any(dates.others for dates in told):
        other = [dates.others[0] if dates.others else (dates.first, dates.last) for dates in told]
        others = ((min(pair[0] for pair in other), max(pair[1] for pair in other)),)
    return Dates(first, last, others, soon=any(dates.soon for dates in told))


def _exclude(result: _Understood, excluded: list[list[Day]], today: date) -> None:
    """The days ruled out; of a weekday, every one within the range that was said."""
    out: set[date] = set()
    for said in excluded:
        day = said[0]
        if len(said) == 1 and day.kind == days.WEEKDAY and day.which == days.UNSAID:
            out.update(_weekdays_within(day, result.dates, today))
            continue
        dates = resolve(said, today)
        if not dates.never:
            length = min((dates.last - dates.first).days, days.SOON_DAYS)
            out.update(dates.first + timedelta(days=offset) for offset in range(length + 1))
    dates_left = result.dates
    if dates_left is not None and dates_left.single in out:
        result.dates = None
    result.excluded = tuple(sorted(out))


def _weekdays_within(day: Day, dates: Dates | None, today: date) -> list[date]:
    if dates is None or dates.single is not None:
        nearest = resolve([Day(days.WEEKDAY, day.n)], today).first
        count = days.SOON_DAYS // 7 if day.m else 1  # "freitags" is every Friday
        return [nearest + timedelta(days=7 * week) for week in range(count)]
    first = dates.first + timedelta(days=(day.n - dates.first.weekday()) % 7)
    weeks = min((dates.last - first).days // 7, 53)
    return [first + timedelta(days=7 * week) for week in range(weeks + 1)]


# The wish


def _starts(
    found: Sequence[Dates | None], windows: Sequence[Window | None], result: _Understood
) -> tuple[Start, ...]:
    """The alternatives in the caller's order, when each is a day, a time or both."""
    if any(dates is not None and dates.single is None for dates in found):
        return ()
    if any(window is not None and window.first != window.last for window in windows):
        return ()
    dates_said = [dates.single if dates is not None else None for dates in found]
    times_said = [_TIMES[window.first] if window is not None else None for window in windows]
    standing = result.dates.single if result.dates is not None else None
    starts: list[Start] = []
    for place in range(len(dates_said)):
        day = _nearest(dates_said, place) or standing
        starts.append(Start(day, _nearest(times_said, place)))
    unique = tuple(dict.fromkeys(starts))
    return unique if len(unique) > 1 else ()


def _nearest(said: Sequence[T | None], place: int) -> T | None:
    """What was said here, before, or after, in this order."""
    for other in (*range(place, -1, -1), *range(place + 1, len(said))):
        value: T | None = said[other]
        if value is not None:
            return value
    return None


def _within(starts: tuple[Start, ...], dates: Dates | None, window: Window | None) -> tuple[Start, ...]:
    """The starts, where a correction or another field changed the day or time beside them."""
    kept: list[Start] = []
    for start in starts:
        day, moment = start.date, start.time
        if dates is None or day is None or not dates.first <= day <= dates.last:
            day = dates.single if dates is not None else None
        if window is None or moment is None or not _TIMES[window.first] <= moment <= _TIMES[window.last]:
            moment = None
        kept.append(Start(day, moment))
    unique = tuple(dict.fromkeys(kept))
    return unique if len(unique) > 1 else ()


def _wish(understood: _Understood) -> Wish:
    dates, window = understood.dates, understood.window
    date_from, date_to = (dates.first, dates.last) if dates is not None else (None, None)
    time_from, time_to = (_TIMES[window.first], _TIMES[window.last]) if window is not None else (None, None)
    readings: tuple[Reading, ...] = ()
    date_others = dates.others if dates is not None else ()
    time_other = window.other if window is not None else None
    if date_others or time_other:
        readings = (
            Reading(date_from, date_to, time_from, time_to),
            *(Reading(first, last, time_from, time_to) for first, last in date_others),
        )
        if time_other:
            readings += (Reading(date_from, date_to, _TIMES[time_other[0]], _TIMES[time_other[1]]),)
    return Wish(
        date_from=date_from,
        date_to=date_to,
        time_from=time_from,
        time_to=time_to,
        ambiguous=bool(readings),
        readings=readings,
        preferred=_within(understood.starts, dates, window) if understood.starts else (),
        excluded=understood.excluded,
        day_part=NAMES.get(window.part, "") if window is not None else "",
        asap=dates.soon if dates is not None else False,
        date_refused=understood.date_refused and dates is None,
        time_refused=understood.time_refused and window is None,
    )
