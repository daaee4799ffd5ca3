"""Where the grammar stands in the terms of a text, and what it has put in order so far."""

from __future__ import annotations

from typing import Final

from apps.calls.speech import days
from apps.calls.speech import vocabulary as v
from apps.calls.speech.alternatives import AROUND, OPEN_END, OPEN_START, Alternative, Statement
from apps.calls.speech.terms import BARE, CLOCK, DAY, PART, Term

# How a relation opens a time, and how a day.
OPENERS: Final = {
    v.FROM: (OPEN_END, days.FROM),
    v.AFTER: (OPEN_END, days.AFTER),
    v.UNTIL: (OPEN_START, days.UNTIL),
    v.TO: (OPEN_START, days.UNTIL),
    v.BEFORE: (OPEN_START, days.BEFORE),
    v.ABOUT: (AROUND, 0),
    v.ONWARDS: (OPEN_END, days.FROM),
}
LINKS: Final = frozenset({v.OR, v.ELSE, v.AND, v.TO})
TIMES: Final = frozenset({CLOCK, BARE})
MEANT: Final = frozenset({CLOCK, BARE, DAY, PART})
CONTEXT: Final = frozenset({days.WEEK, days.WEEK_NUMBER, days.MONTH, days.MONTH_FROM_NOW})
_MOST_ALTERNATIVES: Final = 12
_FARTHEST: Final = 12  # terms


class Parser:
    """Goes over the terms once.

    ``at`` is the next term, ``opener`` the relation that awaits a term, ``ranged`` whether
    "zwischen" or "von" was just said, ``refusing`` whether "nicht" or "statt" was, ``last`` the kind
    of the last day, time or part.
    """

    __slots__ = ("at", "current", "last", "opener", "ranged", "refusing", "statement", "statements", "terms")

    def __init__(self, terms: list[Term]) -> None:
        self.terms = terms
        self.at = 0
        self.current = Alternative()
        self.statement = Statement([self.current])
        self.statements = [self.statement]
        self.opener = ""
        self.ranged = False
        self.refusing = ""
        self.last = ""

    def peek(self, ahead: int) -> Term | None:
        """The term so many places on; nothing beyond what a wish needs, so the cost stays linear."""
        i = self.at + ahead
        return self.terms[i] if 0 <= i < len(self.terms) and ahead <= _FARTHEST else None

    def settled(self, kind: str) -> None:
        """A day, time or part was taken: what led to it is used up."""
        self.opener = ""
        self.ranged = False
        self.refusing = ""
        self.last = kind

    def next_alternative(self, link: str = "") -> None:
        """What follows is another alternative; ``link`` is the word that joins it."""
        current = self.current
        if current.days or current.hours or current.part:
            self.current = Alternative(link=link)
            if len(self.statement.alternatives) < _MOST_ALTERNATIVES:
                self.statement.alternatives.append(self.current)

    def pass_word(self, term: Term) -> None:
        """A word that means nothing here ends what was begun."""
        self.opener = ""
        self.ranged = False
        self.refusing = ""
        self.at += 1
