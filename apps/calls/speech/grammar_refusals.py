"""Refusals and corrections in the grammar: "nicht Montag", "Montag geht nicht", "nein, lieber …"."""

from __future__ import annotations

from typing import Final

from apps.calls.speech import vocabulary as v
from apps.calls.speech.alternatives import Alternative, Statement
from apps.calls.speech.parsing import CONTEXT, MEANT, Parser
from apps.calls.speech.terms import CLOCK, DAY, PART, Term

_ENDING: Final = frozenset({v.CORRECTION, v.BREAK, v.OR, v.ELSE})
_ASKING: Final = frozenset({"kann", "koennen"})


def refuse_next(parser: Parser, term: Term) -> None:
    """ "nicht": what comes next is ruled out, or, at the end of a clause, what came last."""
    following = parser.peek(1)
    parser.at += 1
    if following is not None and following.kind in MEANT and not following.parted:
        parser.refusing = term.kind
    elif term.text == "nicht" and (following is None or following.parted or following.kind in _ENDING):
        _rule_out_last(parser)


def refuse_last_or_next(parser: Parser, term: Term) -> None:
    """ "Montag geht nicht", "es geht nicht am Montag"."""
    following = parser.peek(1)
    parser.at += 1
    if parser.last:
        _rule_out_last(parser)
    elif (
        following is not None and following.kind == DAY and not following.parted and term.text not in _ASKING
    ):
        parser.refusing = v.NOT


def drop_next(parser: Parser, term: Term) -> None:
    """ "statt Montag", "als Montag": not wished, and not ruled out either."""
    parser.at += 1
    parser.refusing = v.INSTEAD_OF


def _rule_out_last(parser: Parser) -> None:
    """ "Montag geht nicht": the last day or time said is taken back, a day is ruled out."""
    current = parser.current
    if parser.last == CLOCK and current.hours:
        current.hours.pop()
    elif parser.last == PART:
        current.part = 0
    elif parser.last == DAY and current.days:
        alternatives = parser.statement.alternatives
        while True:
            _rule_out_days(parser, current)
            place = alternatives.index(current) if current in alternatives else 0
            if current.link not in (v.OR, v.AND) or place == 0 or alternatives[place - 1].hours:
                break
            current = alternatives[place - 1]
    parser.last = ""


def _rule_out_days(parser: Parser, alternative: Alternative) -> None:
    said = alternative.days
    parser.statement.excluded.append(list(said))
    context = [day for day in said if day.kind in CONTEXT]
    alternative.days = context if len(context) < len(said) else []


def correct(parser: Parser, term: Term) -> None:
    """ "nein, lieber": a new statement, when there is something to correct."""
    following = parser.peek(1)
    parser.at += 1
    behind = term.n > 0 and (following is None or following.parted)
    if behind and len(parser.statement.alternatives) > 1:
        _correct_with_last(parser)
    elif parser.statement.excluded or len(parser.statement.alternatives) > 1 or parser.last:
        parser.current = Alternative()
        parser.statement = Statement([parser.current])
        parser.statements.append(parser.statement)
    parser.settled("")


def _correct_with_last(parser: Parser) -> None:
    """ "Montag, Dienstag meine ich": what was said last corrects what was said before it."""
    alternatives = parser.statement.alternatives
    if alternatives[-1] is parser.current and not parser.current.link:
        parser.statement = Statement([alternatives.pop()])
        parser.statements.append(parser.statement)
