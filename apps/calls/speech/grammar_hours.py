"""Times in the grammar: bounds, ranges, parts of the day, and which bare numbers are hours."""

from __future__ import annotations

from apps.calls.speech import vocabulary as v
from apps.calls.speech.alternatives import AROUND, EXACT, OPEN_END, OPEN_START, RANGE, Hours
from apps.calls.speech.hours import Clock
from apps.calls.speech.parsing import LINKS, OPENERS, TIMES, Parser
from apps.calls.speech.terms import BARE, CLOCK, DAY, PART, Term


def take_hours(parser: Parser, term: Term) -> None:
    """A time, with the end of its range when one follows, or what a correction refuses."""
    said = term.clock
    if said is None:
        return
    end, ahead = _end_of_range(parser)
    parser.at += ahead
    if parser.refusing:
        parser.settled(CLOCK)
        return
    if end is not None:
        hours = Hours(RANGE, said, end)
    else:
        hours = Hours(OPENERS[parser.opener][0] if parser.opener else EXACT, said)
    before = parser.current.hours
    if before and not _combines(before[-1], hours):
        link = _link_before(parser, ahead)
        parser.next_alternative(link)
        before = parser.current.hours
    if before and before[-1].bounds == EXACT and hours.bounds == OPEN_START:
        before[-1] = Hours(RANGE, before[-1].clock, said)
    else:
        before.append(hours)
    parser.settled(CLOCK)


def _link_before(parser: Parser, ahead: int) -> str:
    link = parser.peek(-ahead - 1)
    return link.kind if link is not None and link.kind in LINKS else ""


def _end_of_range(parser: Parser) -> tuple[Clock | None, int]:
    """The second time of "zehn bis zwölf" or "zwischen zehn und zwölf", and how many terms it takes."""
    link = parser.peek(1)
    if link is None or not (link.kind == v.TO or (link.kind == v.AND and parser.ranged)):
        return None, 1
    ahead = 2
    while (end := parser.peek(ahead)) is not None and end.kind in (v.ABOUT, v.UNTIL):
        ahead += 1
    if end is None or end.kind not in TIMES:
        return None, 1
    return end.clock, ahead + 1


def is_hour(parser: Parser, term: Term) -> bool:
    """Whether a bare number is an hour: what stands around it decides."""
    before = parser.peek(-1)
    first = before.kind if before is not None else ""
    ahead = 1
    after = parser.peek(1)
    links = 0
    while after is not None and after.kind in LINKS:
        linked = parser.peek(ahead + 1)
        while linked is not None and linked.kind in OPENERS:
            ahead += 1
            linked = parser.peek(ahead + 1)
        if linked is None or linked.kind not in TIMES:
            break
        if linked.kind == CLOCK and after.kind != v.AND:
            return True
        if linked.kind == CLOCK and (parser.ranged or first in TIMES):
            return True
        links += 1
        ahead += 2
        after = parser.peek(ahead)
    if first in OPENERS and parser.opener:
        return True
    if before is not None and first in (v.BETWEEN, v.OF):
        return links > 0 or (after is not None and after.kind == v.ONWARDS) or before.text == "from"
    if term.text == "one":
        return first in LINKS and parser.last == CLOCK
    moved = before is not None and before.text == "auf"  # "von zehn auf elf verschieben"
    if moved or (first in (v.OR, v.TO) and parser.last == CLOCK):
        return True
    if after is not None and after.kind == v.WORD and not after.parted:
        return False
    if first in LINKS or first == BARE:
        return parser.last == CLOCK or first == v.ELSE
    # "null" alone is what an agent sends for nothing.
    return first in ("", DAY, PART, v.CORRECTION, v.BREAK) and term.text != "null"


def take_part(parser: Parser, term: Term) -> None:
    """A part of the day said apart from a time: "abends um acht", "Montag vormittags"."""
    parser.at += 1
    if parser.refusing:
        parser.settled(PART)
        return
    current = parser.current
    ahead = 0
    while (following := parser.peek(ahead)) is not None and following.kind in OPENERS:
        ahead += 1
    timed = following is not None and following.kind in TIMES
    if current.hours and timed:
        parser.next_alternative()
        current = parser.current
    if (current.part, term.n) != (v.EARLY_PART, v.MORNING):  # "early tomorrow morning" stays early
        current.part = term.n
    current.part_bounds = OPENERS[parser.opener][0] if parser.opener else ""
    parser.settled(PART)


def _combines(before: Hours, hours: Hours) -> bool:
    """Whether two times bound the same starts: "ab neun, aber vor zwölf"."""
    pair = {before.bounds, hours.bounds}
    return pair in ({OPEN_END, OPEN_START}, {AROUND, OPEN_END}, {AROUND, OPEN_START}) or (
        before.bounds == EXACT and hours.bounds == OPEN_START
    )
