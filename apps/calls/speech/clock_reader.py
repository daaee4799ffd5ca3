"""Reads times of day out of tokens: "14 Uhr 30", "zehn nach drei", "half past three pm"."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from apps.calls.speech import vocabulary as v
from apps.calls.speech.hours import Clock
from apps.calls.speech.tokens import Tokens
from apps.calls.speech.vocabulary import Token

_ABSENT: Final = Clock(0, exists=False)
_MINUTES_TO: Final = (5, 10, 20, 25)  # English "ten to four"; "nine to eleven" is a range


def clock(hour: int, minute: int = 0, *, as_written: bool = False) -> Clock:
    """The clock for hour and minute as said; one that does not exist when they do not."""
    if not (0 <= hour <= 23 and 0 <= minute <= 59):
        return _ABSENT
    return Clock(hour, minute, as_written)


def read_clock(read: Tokens, i: int, *, placed: bool) -> tuple[Clock, int] | None:
    """The time said from token ``i`` on and the token after it, or ``None``.

    ``placed``: a word like "um" or "ab" stands before, so a bare figure is a time as well.
    """
    kind = read.tokens[i].kind
    if kind == v.NUMBER:
        found = _from_number(read, i, placed=placed)
    elif kind == v.ONE:
        following = read.tokens[i + 1]
        if following.kind == v.OCLOCK and following.n == 0:
            found = _after_oclock(read, 1, i + 2, as_written=False)
        elif following.kind in (v.QUARTER, v.HALF_PAST):
            return read_clock(read, i + 1, placed=placed)
        else:
            return None
    elif kind in _READERS:
        found = _READERS[kind](read, i)
    elif kind == v.DOTTED:
        found = _from_dotted(read, i, placed=placed)
    elif kind == v.ORDINAL and placed and read.tokens[i].m == v.WITH_DOT:
        dated = read.tokens[i + 1].kind in (v.MONTH, v.ORDINAL)  # else a full stop after the hour
        found = None if dated else (clock(read.tokens[i].n), i + 1)
    else:
        return None
    return None if found is None else _with_part(read, *found)


def _with_part(read: Tokens, said: Clock, i: int) -> tuple[Clock, int]:
    """ "acht Uhr abends", "three in the afternoon": the part of the day that follows belongs to the time."""
    tokens = read.tokens
    end = i
    while tokens[end].kind in (v.AM, v.IN, v.THE, v.AT) and end < i + 2:
        end += 1
    if read.breaks[end] and end > i:
        return said, i
    token = tokens[end]
    if token.kind == v.PART and not read.breaks[end]:
        return (said if said.part else replace(said, part=token.n)), end + 1
    if token.kind == v.MORGEN and end > i and tokens[end - 1].kind == v.AM:
        return replace(said, part=v.EARLY_PART), end + 1
    if token.kind == v.CLOCK_WORD and end == i and not read.breaks[end]:
        return replace(said, part=v.MIDDAY if token.n else v.NIGHT), end + 1
    return said, i


def _from_number(read: Tokens, i: int, *, placed: bool) -> tuple[Clock, int] | None:
    tokens, breaks = read.tokens, read.breaks
    first = tokens[i]
    n = first.n
    end = i + 1
    second = tokens[end]
    if second.kind == v.OCLOCK:
        if n > 99:
            return clock(n // 100, n % 100, as_written=first.m == v.LEADING_ZERO), end + 1
        return _after_oclock(read, n, end + 1, as_written=first.m == v.LEADING_ZERO)
    if second.kind in _MERIDIEMS and _is_meridiem(read, end):
        return _with_meridiem(clock(n), read, end)
    minutes = second.kind == v.UNIT and second.n == v.MINUTES
    if minutes:
        end += 1
    if tokens[end].kind in (v.AFTER, v.BEFORE, v.TO) and not breaks[end] and not breaks[end + 1]:
        related = _relative_to_hour(read, i, end, minutes=minutes, placed=placed)
        if related is not None:
            return related
    if minutes:
        return None
    if breaks[i + 1]:
        return (_from_figures(first), i + 1) if placed else None
    if n == 3 and second.kind == v.QUARTER and tokens[i + 2].kind == v.NUMBER and first.m == v.SPELLED:
        return _hour_after(read, i + 2, -15)
    if second.kind == v.NUMBER:
        return _from_pair(read, i)
    if second.kind == v.TO and second.n == 2 and first.m == tokens[i + 2].m == v.SPELLED:  # "three-thirty"
        minute = tokens[i + 2].n
        if 15 <= minute <= 55 and minute % 5 == 0 and n <= 12:
            return clock(n, minute), i + 3
    if not placed or second.kind in (v.THING, v.UNIT, v.HALF_A):
        return None
    return _from_figures(first), i + 1


def _from_figures(number: Token) -> Clock:
    """ "14" and "1430"."""
    if number.n > 99:
        return clock(number.n // 100, number.n % 100)
    return clock(number.n, as_written=number.m == v.LEADING_ZERO)


def _from_pair(read: Tokens, i: int) -> tuple[Clock, int] | None:
    """ "siebzehn dreißig", "10 30", "three fifteen pm": an hour and, in steps of five, minutes."""
    first, second, following = read.tokens[i : i + 3]
    fits = second.m == v.LEADING_ZERO or (10 <= second.n <= 59 and second.n % 5 == 0)
    if first.n > 24 or not fits or following.kind in (v.THING, v.UNIT, v.OCLOCK, v.NUMBER):
        return None
    if following.kind == v.MONTH and not read.month_has_day_behind(i + 2):
        return None
    said = clock(first.n, second.n, as_written=first.m == v.LEADING_ZERO)
    if following.kind in _MERIDIEMS and _is_meridiem(read, i + 2):
        return _with_meridiem(said, read, i + 2)
    return said, i + 2


def _after_oclock(read: Tokens, hour: int, i: int, *, as_written: bool) -> tuple[Clock, int]:
    """ "14 Uhr", "14 Uhr 30", "vierzehn Uhr und dreißig Minuten"."""
    tokens = read.tokens
    end = i
    if tokens[end].kind == v.AND and not read.breaks[end]:
        end += 1
    minute = tokens[end]
    is_minute = minute.kind == v.NUMBER or (minute.kind == v.ORDINAL and end + 1 == read.count)
    if not is_minute or read.breaks[end] or (end > i and minute.n < 10):
        return clock(hour, as_written=as_written), i
    after = tokens[end + 1]
    if after.kind == v.UNIT and after.n == v.MINUTES:
        return clock(hour, minute.n, as_written=as_written), end + 2
    if after.kind in (v.THING, v.UNIT, v.OCLOCK, v.MERIDIEM, v.MONTH, v.HALF_A):
        return clock(hour, as_written=as_written), i
    return clock(hour, minute.n, as_written=as_written), end + 1


def _relative_to_hour(
    read: Tokens, i: int, link: int, *, minutes: bool, placed: bool
) -> tuple[Clock, int] | None:
    """ "zehn nach drei", "fünf Minuten vor halb acht", "ten to four" – ``link`` is the word between."""
    tokens = read.tokens
    number, word = tokens[i], tokens[link]
    if word.kind == v.TO:
        if word.n != 1 or read.texts[link] in ("until", "through", "thru"):
            return None
        told = number.m == v.SPELLED or placed or minutes
        if not told or (number.n not in _MINUTES_TO and not minutes):
            return None
        if i > 0 and tokens[i - 1].kind in (v.OF, v.BETWEEN):
            return None
    if not 1 <= number.n <= 59 or (word.n and word.kind != v.TO):
        return None
    delta = number.n if word.kind == v.AFTER else -number.n
    if tokens[link + 1].kind == v.HALF:
        return _hour_after(read, link + 2, delta - 30)
    return _hour_after(read, link + 1, delta)


def _hour_after(
    read: Tokens, i: int, delta: int, *, other_delta: int | None = None
) -> tuple[Clock, int] | None:
    """The hour at ``i`` moved by ``delta`` minutes, with an "Uhr", "o'clock" or "pm" behind it."""
    tokens = read.tokens
    token = tokens[i]
    if token.kind == v.CLOCK_WORD:
        said, end = Clock(token.n // 60, delta, as_written=True), i + 1
        return said, end
    dotted = token.kind == v.ORDINAL and token.m == v.WITH_DOT and i + 1 == read.count
    if token.kind == v.ONE and tokens[i + 1].kind == v.OCLOCK:
        hour = 1
    elif token.kind == v.NUMBER or dotted:
        hour = token.n
    else:
        return None
    end = i + 1
    if tokens[end].kind in (v.THING, v.UNIT):
        return None
    if tokens[end].kind == v.OCLOCK:
        end += 1
    said = _ABSENT if not 0 <= hour <= 23 else Clock(hour, delta, token.m == v.LEADING_ZERO, 0, other_delta)
    if tokens[end].kind in _MERIDIEMS and _is_meridiem(read, end):
        return _with_meridiem(said, read, end)
    return said, end


# Before a German time; "um" is an English filler as well.
_GERMAN_ONLY: Final = frozenset(
    {"gegen", "ab", "nach", "vor", "bis", "spaetestens", "fruehestens", "und", "oder"}
    | {"uhr", "halb", "viertel", "dreiviertel"}
)
_GERMAN_CLUES: Final = {"de": _GERMAN_ONLY | {"um"}, "en": _GERMAN_ONLY}
_CLUE_REACH: Final = 4  # tokens: "um fünf vor halb vier am …"
_MERIDIEMS: Final = (v.MERIDIEM, v.AM)


def _is_meridiem(read: Tokens, i: int) -> bool:
    """Whether the word is "am" or "pm" and not German "am Montag"."""
    if read.breaks[i]:
        return False
    if read.tokens[i].kind == v.MERIDIEM:
        return True
    following = read.tokens[i + 1]
    if read.breaks[i + 1]:
        return True
    if following.kind == v.WEEKDAY:
        return read.texts[i + 1].endswith("day") or read.texts[i + 1].endswith("days")
    if following.kind == v.WORD:  # "um 3 am Bahnhof", "halb vier am Ostermontag", "3 am would be good"
        clues = _GERMAN_CLUES.get(read.language, _GERMAN_ONLY)
        return clues.isdisjoint(read.texts[max(0, i - _CLUE_REACH) : i])
    german = (v.ORDINAL, v.NUMBER, v.DATE, v.DOTTED, v.PART, v.MORGEN, v.WEEKEND, v.WHICH, v.EARLY)
    return following.kind not in german or read.texts[i + 1] in ("next", "this")


def _with_meridiem(said: Clock, read: Tokens, i: int) -> tuple[Clock, int]:
    part = v.AM_PART if read.tokens[i].kind == v.AM else read.tokens[i].n
    if not said.exists:
        return said, i + 1
    return replace(said, part=part, as_written=False), i + 1


def _from_time(read: Tokens, i: int) -> tuple[Clock, int]:
    token = read.tokens[i]
    said = clock(token.n, token.m, as_written=bool(token.y))
    end = i + 1
    if read.tokens[end].kind == v.OCLOCK:
        end += 1
    if read.tokens[end].kind in _MERIDIEMS and _is_meridiem(read, end):
        return _with_meridiem(said, read, end)
    return said, end


def _from_dotted(read: Tokens, i: int, *, placed: bool) -> tuple[Clock, int] | None:
    """ "14.30": a time when it says so, or cannot be a date."""
    token = read.tokens[i]
    following = read.tokens[i + 1].kind
    told = placed or following == v.OCLOCK or (following in _MERIDIEMS and _is_meridiem(read, i + 1))
    dated = 1 <= token.n <= 31 and 1 <= token.m <= 12
    if not told and (dated or token.n > 23 or token.m > 59 or following == v.THING):
        return None
    return _from_time(read, i)


def _from_quarter(read: Tokens, i: int) -> tuple[Clock, int] | None:
    """ "Viertel nach drei", "quarter to five", eastern "viertel drei" (a quarter past two)."""
    link = read.tokens[i + 1]
    if link.kind == v.AFTER:
        return _hour_after(read, i + 2, 15)
    if link.kind == v.BEFORE or (link.kind == v.TO and link.n == 1) or read.texts[i + 1] == "of":
        return _hour_after(read, i + 2, -15)
    if link.kind == v.IN and read.texts[i + 1] == "ueber":
        return _hour_after(read, i + 2, 15)
    if read.breaks[i + 1]:
        return None
    return _hour_after(read, i + 1, -45, other_delta=15)


def _from_half(read: Tokens, i: int) -> tuple[Clock, int] | None:
    return _hour_after(read, i + 1, -30)


def _from_half_past(read: Tokens, i: int) -> tuple[Clock, int] | None:
    """ "half past three"; British "half three" is the same, Germans speaking English mean 2:30."""
    if read.tokens[i + 1].kind == v.AFTER:
        return _hour_after(read, i + 2, 30)
    return _hour_after(read, i + 1, 30, other_delta=-30)


def _from_three_quarters(read: Tokens, i: int) -> tuple[Clock, int] | None:
    return _hour_after(read, i + 1, -15)


def _from_clock_word(read: Tokens, i: int) -> tuple[Clock, int]:
    return Clock(read.tokens[i].n // 60, as_written=True), i + 1


_READERS: Final = {
    v.TIME: _from_time,
    v.QUARTER: _from_quarter,
    v.HALF: _from_half,
    v.HALF_PAST: _from_half_past,
    v.THREE_QUARTERS: _from_three_quarters,
    v.CLOCK_WORD: _from_clock_word,
}
