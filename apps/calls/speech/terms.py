"""From tokens to terms: the days and times of a text in order, and the words that relate them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from apps.calls.speech import days
from apps.calls.speech import vocabulary as v
from apps.calls.speech.clock_reader import read_clock
from apps.calls.speech.counts import read_count, read_minutes, read_shift, week_after
from apps.calls.speech.day_reader import read_day
from apps.calls.speech.days import Day
from apps.calls.speech.feasts import FeastTable
from apps.calls.speech.hours import Clock
from apps.calls.speech.tokens import Tokens

DAY: Final = "day"
CLOCK: Final = "clock"
BARE: Final = "bare"  # a bare number that may be an hour
PART: Final = "part"
SHIFT: Final = "shift"  # "am Tag nach": n days from the day that follows

# Kinds that pass from token to term unchanged.
_RELATIONS: Final = frozenset(
    {v.ABOUT, v.FROM, v.UNTIL, v.TO, v.AFTER, v.BEFORE, v.OF, v.BETWEEN, v.AND, v.OR, v.ELSE, v.NOT, v.EXCEPT}
    | {v.NEITHER}
    | {v.NOT_FITTING, v.INSTEAD_OF, v.CORRECTION, v.LATER, v.EARLIER, v.THAN, v.BREAK, v.WORD, v.ONWARDS}
)
# Before these a bare number is a time.
_PLACING: Final = frozenset({v.AT, v.ABOUT, v.FROM, v.UNTIL, v.AFTER, v.BEFORE})
_NAMES: Final = frozenset({v.WEEKDAY, v.MONTH, v.PART})
_TITLES: Final = frozenset(
    {"herr", "herrn", "frau", "familie", "doktor", "dr", "mr", "mrs", "ms", "name", "heisse"}
)
_DATED: Final = frozenset({v.DATE, v.DOTTED, v.NUMBER, v.ORDINAL, v.MONTH})
_STREETS: Final = frozenset({"street", "road", "avenue", "lane", "drive"})
_COUNTING: Final = frozenset({v.NUMBER, v.ONE, v.UNIT})
_BIRTH: Final = frozenset({"geboren", "geburtsdatum", "geburtstag", "born", "birthday", "birthdate", "birth"})
_BIRTH_REACH: Final = 3  # tokens
_MOVED_FROM: Final = 6  # so many terms may lie between "von" and "auf"


class Term:
    """A day, a time, a part of the day, or a word between them.

    ``broken``: a comma stands before it; ``parted``: or before the small words that lead to it
    (", am Freitag"); ``n``: the bare number, part or token's number; ``text``: the word, for
    relations whose languages differ.
    """

    __slots__ = ("broken", "clock", "day", "kind", "n", "parted", "text")

    def __init__(
        self,
        kind: str,
        broken: bool,
        *,
        n: int = 0,
        text: str = "",
        day: Day | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.kind = kind
        self.broken = broken
        self.parted = broken
        self.n = n
        self.text = text
        self.day = day
        self.clock = clock


def read_terms(read: Tokens, *, now: datetime, feasts: FeastTable) -> list[Term]:
    """The terms of a text, in order."""
    terms: list[Term] = []
    i = 0
    parted = False  # a comma stands before a small word that is no term: "geht nicht, am Freitag"
    while i < read.count:
        known = len(terms)
        parted = parted or read.breaks[i]
        i = _next_term(read, i, terms, now, feasts)
        if len(terms) > known:
            terms[known].parted = parted
            parted = False
    return _without_shifts(terms)


def _without_shifts(terms: list[Term]) -> list[Term]:
    """ "am Tag nach Ostern" as one day; "an dem Tag nach 15 Uhr" only opens the time."""
    merged: list[Term] = []
    for term in terms:
        shift = merged[-1] if merged and merged[-1].kind == SHIFT else None
        if shift is not None and term.day is not None:
            merged[-1] = Term(DAY, shift.broken, day=Day(days.COUNT, shift.n, since=(term.day,)))
            merged[-1].parted = shift.parted
            continue
        if shift is not None:
            shift.kind = v.AFTER if shift.n > 0 else v.BEFORE
        merged.append(term)
    return merged[:-1] if merged and merged[-1].kind == SHIFT else merged


def _next_term(read: Tokens, i: int, terms: list[Term], now: datetime, feasts: FeastTable) -> int:
    """Adds the term at ``i``, if there is one, and returns the token after it."""
    kind = read.tokens[i].kind
    if feasts.starts(read.texts[i]):
        end = _feast(read, i, terms, feasts)
        if end > i:
            return end
    if _names_someone(read, i):  # "Frau Sonntag"
        terms.append(Term(v.WORD, False))
        return i + 1
    if kind in _DATED and _of_birth(read, i):
        found = read_day(read, i)
        terms.append(Term(v.WORD, False))
        return found[1] if found is not None else i + 1
    shift = read_shift(read, i) if kind in _COUNTING else None
    if shift is not None and shift[0]:
        terms.append(Term(SHIFT, read.breaks[i], n=shift[0]))
        return shift[1]
    if kind in _SPECIAL:
        return _SPECIAL[kind](read, i, terms, now)
    if kind in _RELATIONS:
        terms.append(Term(kind, read.breaks[i], n=read.tokens[i].n, text=read.texts[i]))
        return i + 1
    return _day_or_time(read, i, terms)


def _feast(read: Tokens, i: int, terms: list[Term], feasts: FeastTable) -> int:
    """The token after the feast named at ``i``, ``i`` when there is none."""
    found = feasts.find(read.texts, i)
    if found is None:
        return i
    rule, end = found
    year = read.tokens[end]
    stated = year.n if year.kind == v.NUMBER and 1900 <= year.n <= 2999 else 0
    terms.append(Term(DAY, read.breaks[i], day=Day(days.FEAST, y=stated, rule=rule)))
    return end + bool(stated)


def _names_someone(read: Tokens, i: int) -> bool:
    named = read.tokens[i].kind in _NAMES and i > 0
    return named and read.texts[i - 1] in _TITLES and not read.breaks[i]


def _of_birth(read: Tokens, i: int) -> bool:
    """ "geboren am 3. Mai 1985" is no wish."""
    return not _BIRTH.isdisjoint(read.texts[max(0, i - _BIRTH_REACH) : i])


def _day_or_time(read: Tokens, i: int, terms: list[Term]) -> int:
    found = read_day(read, i)
    if found is None:
        return _time(read, i, terms)
    day, end = found
    terms.append(Term(DAY, read.breaks[i], day=day))
    later = week_after(read, end) if day.kind in (days.WEEKDAY, days.RELATIVE) else None
    if later is None:
        return end
    terms.append(Term(DAY, False, day=later[0]))
    return later[1]


def _time(read: Tokens, i: int, terms: list[Term]) -> int:
    found = read_clock(read, i, placed=False)
    if found is None:
        return i + 1
    terms.append(Term(CLOCK, read.breaks[i], clock=found[0]))
    return found[1]


def _number(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    tokens, texts, breaks = read.tokens, read.texts, read.breaks
    before = tokens[i - 1].kind if i and not breaks[i] else ""
    placed = before in _PLACING or (i > 0 and tokens[i - 1].kind == v.AT)  # "um, äh, zehn"
    if tokens[i + 1].kind != v.OCLOCK and _labelled(read, i):
        terms.append(Term(v.WORD, breaks[i]))
        return i + 1
    found = read_day(read, i) or read_count(read, i)
    if found is not None:
        terms.append(Term(DAY, breaks[i], day=found[0]))
        return found[1]
    length = read_minutes(read, i) if tokens[i + 1].kind == v.UNIT else None
    if length is not None and texts[length[1]] in ("from", "ab") and tokens[length[1] + 1].kind == v.NOW:
        _add_moment(terms, _later(now, length[0]), breaks[i])
        return length[1] + 2
    said = read_clock(read, i, placed=placed)
    if said is not None:
        terms.append(Term(CLOCK, breaks[i], clock=said[0]))
        return said[1]
    number, following = tokens[i], tokens[i + 1]
    counted = following.kind in (v.THING, v.UNIT, v.HALF_A, v.DAYS_ROUND) and not breaks[i + 1]
    if counted or number.n > 24 or before == v.IN or (before == v.FOR and following.kind != v.PART):
        terms.append(Term(v.WORD, breaks[i]))
        return i + 1 + counted
    if following.kind == v.PART and not breaks[i + 1]:
        clock = Clock(
            number.n, part=following.n, as_written=number.m == v.LEADING_ZERO, exists=number.n <= 23
        )
        terms.append(Term(CLOCK, breaks[i], clock=clock))
        return i + 2
    clock = Clock(number.n, as_written=number.m == v.LEADING_ZERO, exists=number.n <= 23)
    terms.append(Term(BARE, breaks[i], n=number.n, text=texts[i], clock=clock))
    return i + 1


def _labelled(read: Tokens, i: int) -> bool:
    """ "Tisch 12", "Zimmer 5", "die Kundennummer lautet 10 45", "12 Main Street"."""
    tokens, texts = read.tokens, read.texts
    if i and not read.breaks[i] and (tokens[i - 1].kind == v.LABEL or texts[i - 1] in ("nr", "zimmer")):
        return True
    if i > 1 and tokens[i - 1].kind == v.WORD and tokens[i - 2].kind == v.LABEL and not read.breaks[i]:
        return tokens[i + 1].kind in (v.NUMBER, "")
    return tokens[i + 1].kind == v.WORD and texts[i + 2] in _STREETS and not read.breaks[i + 2]


def _article(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    """ "ein Uhr", "a quarter past", "a week from Tuesday"; otherwise the article says nothing."""
    found = read_count(read, i)
    if found is not None:
        terms.append(Term(DAY, read.breaks[i], day=found[0]))
        return found[1]
    if read.texts[i] == "an" and terms and any(term.kind == v.OF for term in terms[-3:]):
        terms.append(Term(v.ONWARDS, False, text="an"))
        return i + 1
    return _time(read, i, terms)


def _placed(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    """ "um", "gegen", "ab" …: whatever number follows is a time."""
    token = read.tokens[i]
    if token.kind != v.AT:
        terms.append(Term(token.kind, read.breaks[i], n=token.n, text=read.texts[i]))
    end = i + 1
    while read.tokens[end].kind == v.THE and read.texts[end] in ("die", "the"):
        end += 1
    following = read.tokens[end].kind
    dotted = following == v.DOTTED and token.kind in (v.AT, v.ABOUT)
    if following in (v.ORDINAL, v.TIME) or dotted:
        found = None if following == v.ORDINAL and end > i + 1 else read_clock(read, end, placed=True)
        if found is not None and not read.breaks[end]:
            terms.append(Term(CLOCK, False, clock=found[0]))
            return found[1]
    return end


def _in(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    found = read_day(read, i)
    if found is not None:
        terms.append(Term(DAY, read.breaks[i], day=found[0]))
        return found[1]
    minutes = read_minutes(read, i + 1)
    if minutes is None:
        return i + 1
    count, end = minutes
    _add_moment(terms, _later(now, count), read.breaks[i])
    return end


def _later(now: datetime, minutes: int) -> datetime:
    return (now.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(now.tzinfo)


def _instant(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    """ISO with an offset: that instant in the branch's zone."""
    try:
        moment = datetime.fromisoformat(read.texts[i].upper().replace(",", "."))
        moment = moment.astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        terms.append(Term(DAY, read.breaks[i], day=Day(days.NEVER)))
        return i + 1
    _add_moment(terms, moment, read.breaks[i])
    return i + 1


def _add_moment(terms: list[Term], moment: datetime, broken: bool) -> None:
    terms.append(Term(DAY, broken, day=Day(days.DATE, moment.day, moment.month, moment.year)))
    terms.append(Term(CLOCK, False, clock=Clock(moment.hour, moment.minute, as_written=True)))


def _morgen(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    """The morning after a day ("heute Morgen", "Montag morgen") or "am"; tomorrow otherwise."""
    before = read.tokens[i - 1].kind if i and not read.breaks[i] else ""
    if before in (v.WEEKDAY, v.RELATIVE, v.MORGEN, v.AM, v.EARLY, v.WHICH, v.DATE, v.MONTH):
        terms.append(Term(PART, read.breaks[i], n=v.EARLY_PART))
        return i + 1
    terms.append(Term(DAY, read.breaks[i], day=Day(days.RELATIVE, 1, place=read.places[i])))
    later = week_after(read, i + 1)
    if later is not None:
        terms.append(Term(DAY, False, day=later[0]))
        return later[1]
    return i + 1


def _part(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    terms.append(Term(PART, read.breaks[i], n=read.tokens[i].n))
    return i + 1


def _early(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    """ "early next week", "frühen Nachmittag"; "Monday early" is the early part of the day."""
    found = read_day(read, i)
    if found is not None:
        terms.append(Term(DAY, read.breaks[i], day=found[0]))
        return found[1]
    if read.tokens[i].n == 1 and read.tokens[i + 1].kind != v.PART:
        terms.append(Term(PART, read.breaks[i], n=v.EARLY_PART))
    return i + 1


def _the(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    """ "von Montag auf Dienstag": the day it is moved to replaces the one it was."""
    if read.texts[i] == "auf" and any(term.kind == v.OF for term in terms[-_MOVED_FROM:]):
        terms.append(Term(v.CORRECTION, read.breaks[i], text=read.texts[i]))
    return i + 1


def _meridiem(read: Tokens, i: int, terms: list[Term], now: datetime) -> int:
    return i + 1


_SPECIAL: Final = {
    v.NUMBER: _number,
    v.ONE: _article,
    v.AT: _placed,
    v.ABOUT: _placed,
    v.FROM: _placed,
    v.UNTIL: _placed,
    v.IN: _in,
    v.WITHIN: _in,
    v.INSTANT: _instant,
    v.MORGEN: _morgen,
    v.PART: _part,
    v.EARLY: _early,
    v.MERIDIEM: _meridiem,
    v.THE: _the,
}
