"""From terms to alternatives: which days and times belong together, which replace or rule out others.

The result is described in ``alternatives``; days, times and refusals have modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from apps.calls.speech import vocabulary as v
from apps.calls.speech.alternatives import EXACT, Statement
from apps.calls.speech.grammar_days import take_day, take_range_of_days
from apps.calls.speech.grammar_hours import is_hour, take_hours, take_part
from apps.calls.speech.grammar_refusals import correct, drop_next, refuse_last_or_next, refuse_next
from apps.calls.speech.parsing import MEANT, OPENERS, TIMES, Parser
from apps.calls.speech.terms import BARE, CLOCK, DAY, PART, Term

# "um fünf rum" and "von neun an" stand behind, these before or behind.
_BEHIND: Final = frozenset({"rum", "herum", "ish", "an", "onwards", "onward", "aufwaerts"})
_EITHER_SIDE: Final = frozenset({"fruehestens", "spaetestens", "latest", "at", "circa", "ungefaehr", "etwa"})


def parse(terms: list[Term]) -> list[Statement]:
    """The statements of a text, in order; each corrects the ones before it."""
    parser = Parser(terms)
    while parser.at < len(terms):
        term = terms[parser.at]
        _HANDLERS[term.kind](parser, term)
    return parser.statements


def _take_bare(parser: Parser, term: Term) -> None:
    if is_hour(parser, term):
        take_hours(parser, term)
    else:
        parser.pass_word(term)


def _open(parser: Parser, term: Term) -> None:
    """ "ab", "nach", "vor", "gegen": before its term, or behind ("um fünf spätestens")."""
    ahead = 1
    while (following := parser.peek(ahead)) is not None and following.kind in OPENERS:
        ahead += 1
    before = parser.peek(-1)
    parser.at += 1
    behind = term.text in _BEHIND or (
        term.text in _EITHER_SIDE
        and before is not None
        and before.kind in TIMES
        and (following is None or following.kind not in TIMES)
    )
    if not behind and following is not None and following.kind in MEANT:
        if not parser.opener or parser.opener == v.ABOUT:
            parser.opener = term.kind
        return
    if term.text in _EITHER_SIDE or behind:
        _bound_last(parser, term.kind)


def _bound_last(parser: Parser, kind: str) -> None:
    """The last time or day is bounded by a word behind it."""
    bounds, day_bound = OPENERS[kind]
    current = parser.current
    if parser.last == CLOCK and current.hours:
        if current.hours[-1].bounds == EXACT:
            current.hours[-1].bounds = bounds
    elif parser.last == DAY and current.days and day_bound:
        current.days[-1] = replace(current.days[-1], bound=day_bound)


def _to(parser: Parser, term: Term) -> None:
    before, following = parser.peek(-1), parser.peek(1)
    if before is not None and before.kind in (DAY, CLOCK) and take_range_of_days(parser):
        return
    if before is not None and before.kind == PART and following is not None and following.kind == PART:
        parser.at += 1
        parser.next_alternative()
    elif term.n == 2 or term.text == "to":
        parser.at += 1
    else:
        _open(parser, term)


def _and(parser: Parser, term: Term) -> None:
    before, following = parser.peek(-1), parser.peek(1)
    if parser.ranged and before is not None and before.kind == DAY and take_range_of_days(parser):
        return
    parser.at += 1
    if before is not None and before.kind == PART and following is not None and following.kind == PART:
        parser.next_alternative(v.AND)


def _or(parser: Parser, term: Term) -> None:
    following = parser.peek(1)
    parser.at += 1
    if following is not None and following.kind in (v.LATER, v.EARLIER):
        parser.at += 1
        _bound_last(parser, v.FROM if following.kind == v.LATER else v.UNTIL)
        return
    parser.next_alternative(term.kind)
    parser.opener = ""


def _between(parser: Parser, term: Term) -> None:
    parser.ranged = True
    parser.opener = ""
    parser.at += 1
    following = parser.peek(0)
    if term.text == "from" and following is not None and following.kind in (*TIMES, DAY):
        link = parser.peek(1)
        if link is None or link.kind not in (v.TO, v.AND):
            parser.opener = v.FROM


def _pass(parser: Parser, term: Term) -> None:
    parser.at += 1


_HANDLERS: Final[dict[str, Callable[[Parser, Term], None]]] = {
    DAY: take_day,
    CLOCK: take_hours,
    BARE: _take_bare,
    PART: take_part,
    v.FROM: _open,
    v.AFTER: _open,
    v.UNTIL: _open,
    v.BEFORE: _open,
    v.ABOUT: _open,
    v.ONWARDS: _open,
    v.TO: _to,
    v.AND: _and,
    v.OR: _or,
    v.ELSE: _or,
    v.BETWEEN: _between,
    v.OF: _between,
    v.NOT: refuse_next,
    v.EXCEPT: refuse_next,
    v.NEITHER: refuse_next,
    v.NOT_FITTING: refuse_last_or_next,
    v.INSTEAD_OF: drop_next,
    v.THAN: drop_next,
    v.CORRECTION: correct,
    v.LATER: _pass,
    v.EARLIER: _pass,
    v.BREAK: Parser.pass_word,
    v.WORD: Parser.pass_word,
}
