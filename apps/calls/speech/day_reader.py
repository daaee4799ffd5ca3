"""Reads days out of tokens: what stands there, not yet which dates it means."""

from __future__ import annotations

from typing import Final

from apps.calls.speech import days
from apps.calls.speech import vocabulary as v
from apps.calls.speech.counts import Found, length_in_days, read_in, read_within
from apps.calls.speech.days import Day
from apps.calls.speech.tokens import Tokens

_LOOK_BACK: Final = 6  # tokens
_OFFSETS: Final = {v.THIS: 0, v.NEXT: 1, v.COMING: 1, v.OVERNEXT: 2}
# "in den nächsten Tagen": so many days from today.
_PLURALS: Final = {"tage": 7, "tagen": 7, "days": 7, "wochen": 28, "weeks": 28, "monaten": 90, "months": 90}
_MOST_OFFERED: Final = 10  # "der zweite" picks a time that was offered; a later ordinal is a date
_DAY_PREPOSITIONS: Final = (v.AM, v.THE, v.OF, v.BETWEEN, v.TO, v.FROM, v.UNTIL)
_ON_THE: Final = frozenset({"am", "vom", "zum", "on"})
_BEFORE_THE: Final = frozenset({"on", "bis", "ab", "vor", "nach", "zwischen", "fuer", "for", "auf"})
_ORDINAL_NOUNS: Final = frozenset({"stock", "etage", "mal", "one", "slot", "vorschlag", "option"})


def read_day(read: Tokens, i: int) -> Found | None:
    """The day that begins at token ``i``, or ``None``."""
    reader = _READERS.get(read.tokens[i].kind)
    return None if reader is None else reader(read, i)


def _weekday(read: Tokens, i: int) -> Found:
    further = read.tokens[i + 2]
    if read.texts[i + 1] == "after" and further.kind == v.WHICH and further.n == v.NEXT:
        return Day(days.WEEKDAY, read.tokens[i].n, which=v.OVERNEXT, place=read.places[i]), i + 3
    repeated = read.texts[i].endswith(("gs", "ds", "chs", "days"))  # "freitags"
    return Day(days.WEEKDAY, read.tokens[i].n, int(repeated), place=read.places[i]), i + 1


def _relative(read: Tokens, i: int) -> Found:
    return Day(days.RELATIVE, read.tokens[i].n, place=read.places[i]), i + 1


def _weekend(read: Tokens, i: int) -> Found:
    return Day(days.WEEKEND), i + 1


def _soon(read: Tokens, i: int) -> Found:
    return Day(days.SOON), i + 1


def _now(read: Tokens, i: int) -> Found:
    return Day(days.NOW), i + 1


def _date(read: Tokens, i: int) -> Found:
    token = read.tokens[i]
    if token.y:
        return Day(days.DATE, token.n, token.m, token.y), i + 1
    year, end = _year(read, i + 1)
    return Day(days.DATE, token.n, token.m, year), end


def _dotted(read: Tokens, i: int) -> Found | None:
    """ "3.12" without the second dot, once it cannot be a time."""
    token = read.tokens[i]
    following = read.tokens[i + 1].kind
    if not 1 <= token.n <= 31 or not 1 <= token.m <= 12 or following in (v.OCLOCK, v.MERIDIEM):
        return None
    year, end = _year(read, i + 1)
    return Day(days.DATE, token.n, token.m, year), end


def _year(read: Tokens, i: int) -> tuple[int, int]:
    """A year behind a date, or 0: "2027", "zweitausendsiebenundzwanzig", "twenty twenty-seven"."""
    token, following = read.tokens[i], read.tokens[i + 1]
    if token.kind != v.NUMBER or following.kind in (v.OCLOCK, v.THING):
        return 0, i
    if 1900 <= token.n <= 2999:
        return token.n, i + 1
    spelled = token.n == 20 and token.m == v.SPELLED and following.kind == v.NUMBER
    if spelled and following.m == v.SPELLED and 20 <= following.n <= 99 and not read.breaks[i + 1]:
        return 2000 + following.n, i + 2
    return 0, i


def _month(read: Tokens, i: int) -> Found | None:
    """ "Dezember", "December 3rd", "May the third" – "may" alone is a verb."""
    tokens = read.tokens
    month = tokens[i].n
    end = i + 1
    if tokens[end].kind == v.THE and read.texts[end] == "the":
        end += 1
    number = tokens[end]
    written = number.kind == v.ORDINAL or (number.kind == v.NUMBER and number.n <= 31)
    timed = tokens[end + 1].kind in (v.OCLOCK, v.MERIDIEM, v.THING, v.UNIT) or (
        tokens[end + 1].kind in (v.AFTER, v.BEFORE, v.TO)
        and number.kind == v.NUMBER
        and read.texts[end + 1] != "to"
    )
    if written and not read.breaks[i + 1] and not timed and read.texts[i] != "mai":
        before = tokens[i - 1].kind if i else ""
        if before not in (v.ORDINAL, v.NUMBER) or read.month_has_day_behind(end - 1):
            year, end = _year(read, end + 1)
            return Day(days.DATE, number.n, month, year), end
    if read.texts[i] in ("may", "mar") and (
        i == 0 or tokens[i - 1].kind not in (v.IN, v.EARLY, v.WHICH, v.OF)
    ):
        return None
    year, end = _year(read, i + 1)
    return Day(days.MONTH, month, days.WHOLE, year), end


def _number(read: Tokens, i: int) -> Found | None:
    """ "3 Dezember", "am 24", and the first of "3 bis 5 Dezember"."""
    tokens = read.tokens
    number = tokens[i]
    if not 0 < number.n <= 99:
        return None
    end = i + 1
    if tokens[end].kind == v.OF and read.texts[end] == "of":
        end += 1
    if tokens[end].kind == v.MONTH and not read.breaks[end]:
        if read.month_has_day_behind(end):  # "at three December 4th"
            return None
        year, after = _year(read, end + 1)
        return Day(days.DATE, number.n, tokens[end].n, year), after
    before = read.texts[i - 1] if i else ""
    if before in ("am", "vom", "zum") and number.n <= 31 and number.m != v.PRONOUN:
        if tokens[i + 1].kind in (v.OCLOCK, v.THING, v.UNIT, v.MERIDIEM, v.AFTER, v.BEFORE):
            return None
        return Day(days.DAY_OF_MONTH, number.n), i + 1
    return None


def _ordinal(read: Tokens, i: int) -> Found | None:
    """ "3. Dezember", "dritten Zwölften", "am 24.", "third of December", "ersten Montag im Dezember"."""
    tokens = read.tokens
    ordinal = tokens[i]
    end = i + 1
    following = tokens[end]
    if following.kind == v.MONTH and not read.breaks[end]:
        year, after = _year(read, end + 1)
        return Day(days.DATE, ordinal.n, following.n, year), after
    if following.kind == v.OF and tokens[end + 1].kind == v.MONTH:
        year, after = _year(read, end + 2)
        return Day(days.DATE, ordinal.n, tokens[end + 1].n, year), after
    if following.kind == v.OF and _month_follows(read, end + 1):  # "the fifth of next month"
        return Day(days.DAY_OF_MONTH, ordinal.n), end + 1
    if following.kind == v.ORDINAL and following.n <= 12 and not read.breaks[end]:
        year, after = _year(read, end + 1)
        return Day(days.DATE, ordinal.n, following.n, year), after
    if following.kind == v.WEEKDAY and ordinal.n <= 5 and _month_follows(read, end + 1):
        return Day(days.NTH_WEEKDAY, following.n, ordinal.n), end + 1
    if following.kind in (v.THING, v.UNIT, v.WEEKDAY) or read.texts[end] in _ORDINAL_NOUNS:
        return None
    before = read.texts[i - 1] if i else ""
    kind_before = tokens[i - 1].kind if i else ""
    alone = read.count == 1 and ordinal.m != v.SPELLED
    placed = before in _ON_THE or (
        kind_before in _DAY_PREPOSITIONS and (ordinal.m != v.SPELLED or _weekday_before(read, i))
    )
    on_the = kind_before == v.THE and i > 1 and read.texts[i - 2] in _BEFORE_THE
    listed = kind_before in (v.AND, v.OR, v.TO) or (kind_before == v.ORDINAL and read.breaks[i])
    continued = listed and ordinal.m != v.SPELLED
    late = kind_before == v.THE and ordinal.n > _MOST_OFFERED  # "der vierundzwanzigste"
    if alone or placed or on_the or continued or late or kind_before == v.WEEKDAY or _date_follows(read, end):
        return Day(days.DAY_OF_MONTH, ordinal.n), end
    return None


def _date_follows(read: Tokens, i: int) -> bool:
    """Whether the link at ``i`` leads on to a date: "3. bis 5. Dezember", "dritter oder vierter Zwölfter"."""
    tokens = read.tokens
    if tokens[i].kind not in (v.TO, v.AND, v.OR) or read.breaks[i]:
        return False
    end = i + 1
    while tokens[end].kind == v.THE:
        end += 1
    if tokens[end].kind == v.DATE:
        return True
    return tokens[end].kind == v.ORDINAL and tokens[end + 1].kind in (v.MONTH, v.ORDINAL)


def _weekday_before(read: Tokens, i: int) -> bool:
    return i > 1 and read.tokens[i - 2].kind == v.WEEKDAY


def _month_follows(read: Tokens, i: int) -> bool:
    tokens = read.tokens
    while tokens[i].kind in (v.IN, v.OF, v.THE):
        i += 1
    named = tokens[i].kind == v.MONTH
    counted = tokens[i].kind == v.WHICH and tokens[i + 1].kind == v.UNIT and tokens[i + 1].n == v.MONTHS
    return named or counted


def _which(read: Tokens, i: int) -> Found | None:
    """ "nächsten Dienstag", "diese Woche", "übernächstes Wochenende", "next two weeks"."""
    tokens = read.tokens
    which = tokens[i].n
    end = i + 1
    if tokens[end].kind == v.WHICH and tokens[end].n == v.COMING:  # "this coming Friday"
        which, end = v.COMING, end + 1
    after = end
    if tokens[end].kind == v.OR and tokens[end + 1].kind == v.WHICH:  # "diese oder nächste Woche"
        end += 2
    token = tokens[end]
    kind = token.kind
    if end > after:
        found = _which_unit(which, token.n, read, end) if kind == v.UNIT else None
        return None if found is None else (found[0], after)
    if kind == v.WEEKDAY:
        if which == v.LAST and _month_follows(read, end + 1):
            return Day(days.NTH_WEEKDAY, token.n, -1), end + 1
        return Day(days.WEEKDAY, token.n, which=which, place=read.places[end]), end + 1
    if kind == v.WEEKEND:
        return Day(days.WEEKEND, which=which), end + 1
    if kind == v.UNIT:
        return _which_unit(which, token.n, read, end)
    if kind == v.MONTH:
        day = Day(days.MONTH, token.n, days.WHOLE) if which != v.LAST else Day(days.NEVER)
        return day, end + 1
    if kind in (v.NUMBER, v.ONE) and tokens[end + 1].kind == v.UNIT and which in (v.NEXT, v.COMING):
        length = length_in_days(tokens[end + 1].n, token.n)
        return (Day(days.SPAN, 0, length), end + 2) if length else None
    if kind in (v.PART, v.MORGEN) and which == v.NEXT:
        return Day(days.RELATIVE, 1, place=read.places[i]), end
    if read.breaks[end] and which >= v.NEXT and _weeks_before(read, i):  # "nicht diese Woche, die nächste"
        return Day(days.WEEK, _OFFSETS[which], days.WHOLE), end
    return None


def _weeks_before(read: Tokens, i: int) -> bool:
    """Whether "Woche" was said just before."""
    return any(
        token.kind == v.UNIT and token.n == v.WEEKS for token in read.tokens[max(0, i - _LOOK_BACK) : i]
    )


def _which_unit(which: int, unit: int, read: Tokens, i: int) -> Found | None:
    """ "nächste Woche", "diesen Monat", "in den nächsten Tagen" – ``i`` is the unit."""
    if unit in (v.MINUTES, v.HOURS):
        return None
    if which == v.LAST:
        return Day(days.NEVER), i + 1
    if read.texts[i] in _PLURALS and which in (v.NEXT, v.COMING):
        return Day(days.SPAN, 0, _PLURALS[read.texts[i]]), i + 1
    offset = _OFFSETS[which]
    if unit == v.DAYS:
        return (Day(days.RELATIVE, offset, place=read.places[i]), i + 1) if offset else None
    if unit == v.YEARS:
        return Day(days.YEAR_FROM_NOW, offset), i + 1
    return Day(days.WEEK if unit == v.WEEKS else days.MONTH_FROM_NOW, offset, days.WHOLE), i + 1


def _portion(read: Tokens, i: int) -> Found | None:
    """ "Anfang Dezember", "Ende nächster Woche", "end of the month"; "Ende der Woche" is this one."""
    tokens = read.tokens
    portion = tokens[i].n
    if tokens[i].kind == v.EARLY:
        portion = {1: 0, 2: 2, 3: 1}.get(tokens[i].n, -1)
    end = i + 1
    while tokens[end].kind in (v.OF, v.THE, v.TO) and end < i + 3:
        end += 1
    token = tokens[end]
    if portion < 0:
        return None
    if token.kind == v.MONTH:
        year, after = _year(read, end + 1)
        return Day(days.MONTH, token.n, portion, year), after
    which = v.THIS
    if token.kind == v.WHICH:
        which, end = token.n, end + 1
        token = tokens[end]
        if token.kind == v.MONTH:
            return Day(days.MONTH, token.n, portion), end + 1
    if token.kind != v.UNIT or token.n not in (v.WEEKS, v.MONTHS) or which == v.LAST:
        return None
    offset = _OFFSETS[which]
    kind = days.WEEK if token.n == v.WEEKS else days.MONTH_FROM_NOW
    return Day(kind, offset, portion), end + 1


def _week_number(read: Tokens, i: int) -> Found | None:
    number = read.tokens[i + 1]
    if number.kind != v.NUMBER:
        return None
    return Day(days.WEEK_NUMBER, number.n), i + 2


_READERS: Final = {
    v.WEEKDAY: _weekday,
    v.RELATIVE: _relative,
    v.WEEKEND: _weekend,
    v.ASAP: _soon,
    v.NOW: _now,
    v.DATE: _date,
    v.DOTTED: _dotted,
    v.MONTH: _month,
    v.NUMBER: _number,
    v.ORDINAL: _ordinal,
    v.WHICH: _which,
    v.PORTION: _portion,
    v.EARLY: _portion,
    v.IN: read_in,
    v.WITHIN: read_within,
    v.WEEK_NUMBER: _week_number,
}
