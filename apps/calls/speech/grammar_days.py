"""Days in the grammar: which explain each other, which are ranges, which are ruled out."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from apps.calls.speech import days
from apps.calls.speech import vocabulary as v
from apps.calls.speech.days import Day, explains
from apps.calls.speech.parsing import CONTEXT, LINKS, OPENERS, Parser
from apps.calls.speech.terms import CLOCK, DAY, PART, Term

_ANCHORS: Final = frozenset({days.FEAST, days.DATE, days.DAY_OF_MONTH})
_SINGLE: Final = frozenset({days.WEEKDAY, days.RELATIVE, days.DATE, days.DAY_OF_MONTH, days.FEAST})
_WITHIN_OPEN: Final = frozenset({days.WEEKDAY, days.DAY_OF_MONTH, days.DATE})


def take_day(parser: Parser, term: Term) -> None:
    """A day joins those it explains, starts another alternative, or is ruled out."""
    day = term.day
    if day is None:
        return
    if parser.refusing:
        _refuse_day(parser, day)
        return
    if parser.opener:
        bound = OPENERS[parser.opener][1]
        if _relates_weekday(parser, replace(day, bound=bound)):
            return
        following = parser.peek(1)
        timed = following is not None and following.kind == CLOCK and day.kind in _SINGLE
        if timed and bound == days.FROM:
            _take_opened_moment(parser, day)
            return
        day = replace(day, bound=bound)
        if timed and bound in (days.UNTIL, days.BEFORE):
            del parser.terms[parser.at + 1]  # "bis Freitag 12 Uhr": no hour that every day would have
    elif parser.current.days and _opened_before(parser, day):
        day = replace(day, since=tuple(parser.current.days))
        parser.current.days = []
    if parser.current.days and not explains(parser.current.days, day):
        link = parser.peek(-1)
        parser.next_alternative(link.kind if link is not None and link.kind in LINKS else "")
    parser.current.days.append(day)
    ranged = parser.ranged
    parser.settled(DAY)
    parser.ranged = ranged
    parser.at += 1


def _take_opened_moment(parser: Parser, day: Day) -> None:
    """ "ab Montag 15 Uhr": Monday, and the time is what opens."""
    opener = parser.opener
    parser.opener = ""
    take_day(parser, Term(DAY, False, day=day))
    parser.opener = opener


def _relates_weekday(parser: Parser, day: Day) -> bool:
    """ "am Dienstag nach Ostern", "der Freitag vor Weihnachten": one day, not an open range."""
    before = parser.peek(-2)
    if before is None or before.day is None or before.day.kind != days.WEEKDAY or not parser.current.days:
        return False
    if day.bound not in (days.AFTER, days.BEFORE) or day.kind not in _ANCHORS:
        return False
    parser.current.days[-1] = replace(parser.current.days[-1], since=(day,))
    parser.settled(DAY)
    parser.at += 1
    return True


def _opened_before(parser: Parser, day: Day) -> bool:
    """Whether "nach Weihnachten" was said and this day is one of those after it."""
    said = parser.current.days[-1]
    if (said.bound, said.kind) == (days.FROM, days.WEEKDAY) and explains([said], day):
        return False  # "from Wednesday, November 25th": the date says which Wednesday
    return said.bound in (days.FROM, days.AFTER) and said.kind != days.WEEK and day.kind in _WITHIN_OPEN


def _refuse_day(parser: Parser, day: Day) -> None:
    """A day after "nicht", and the words that belong to it: "nicht Montag vormittag oder Dienstag"."""
    excluded = parser.statement.excluded
    parser.at += 1
    if parser.refusing != v.INSTEAD_OF:
        link = parser.peek(-2)
        if excluded and link is not None and link.kind == DAY and explains(excluded[-1], day):
            excluded[-1].append(day)
        else:
            excluded.append([day])
    following, after = parser.peek(0), parser.peek(1)
    further = following.day if following is not None else None
    if parser.refusing == v.EXCEPT and further is not None and further.kind in CONTEXT:
        parser.refusing = ""  # "alles außer Freitag nächste Woche": that week is wished
        return
    if parser.refusing != v.INSTEAD_OF and following is not None and following.kind in (PART, CLOCK):
        parser.at += 1  # "nicht Montag vormittag"
        following, after = parser.peek(0), parser.peek(1)
    if (
        following is not None
        and following.kind == DAY
        and not following.broken
        and (explains([day], following.day or day) or parser.refusing == v.NEITHER)
    ):
        return
    if following is not None and following.kind in (v.OR, v.AND) and after is not None and after.kind == DAY:
        parser.at += 1
        return
    parser.refusing = ""


def take_range_of_days(parser: Parser) -> bool:
    """ "Montag bis Mittwoch", "zwischen dem 3. und dem 5. Dezember", said up to the word between."""
    ahead = 1
    while (end := parser.peek(ahead)) is not None and end.kind in (v.UNTIL, v.ABOUT):
        ahead += 1
    if end is None or end.day is None or not parser.current.days:
        return False
    if parser.terms[parser.at].n == 2 and explains(parser.current.days, end.day):  # "Mittwoch – 7. Januar"
        return False
    ends = [end.day]
    parser.at += ahead + 1
    while (further := parser.peek(0)) is not None and further.day is not None and not further.broken:
        if not explains(ends, further.day):
            break
        ends.append(further.day)
        parser.at += 1
    said = parser.current.days
    if said[-1].kind == days.DAY_OF_MONTH and ends[0].kind == days.DATE:
        said[-1] = Day(days.DATE, said[-1].n, ends[0].m, ends[0].y)
    if len(said) == 1 and said[0].kind == days.WEEKDAY:
        said.extend(day for day in ends[1:] if day.kind in CONTEXT)
    said[0] = replace(said[0], end=tuple(ends))
    parser.settled(DAY)
    return True
