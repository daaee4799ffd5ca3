"""The table of the chaos: what was done to the platform, and what came of it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._chaos_after import Settled
from benchmarks._chaos_calls import BOOK, Caller
from benchmarks._chaos_crowd import Meeting
from benchmarks._chaos_grade import Entry, Verdict

BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
CONFLICTS = 0.001
WIDTH = 138
Row = tuple[str, str, str, bool | None]


@dataclass
class Chaos:
    """One run. ``open_at_first``: attempts without an end when the storm ended; ``open_at_last``: after the
    schedule had its time."""

    wanted: int
    callers: int
    practices: int
    met: Meeting | None
    asked: int
    calls: list[Caller]
    struck: Mapping[str, int]
    killed: Mapping[str, int]
    open_at_first: int
    storm_seconds: float
    open_at_last: int = 0
    settled_seconds: float = 0.0
    settled: Settled = field(default_factory=Settled)
    calendar: Sequence[Entry] = ()
    verdicts: Sequence[Verdict] = ()


def table(chaos: Chaos) -> tuple[list[str], bool]:
    """The lines of the table, and whether every target is met."""
    rows = list(_rows(chaos))
    verdict = {None: "–", True: "yes", False: "NO"}
    lines = ["| what | measured | target | ok |", "|---|---|---|---|"]
    lines += [f"| {what} | {measured} | {target} | {verdict[ok]} |" for what, measured, target, ok in rows]
    lines += ["", *_wrapped("Answers to a booking", _answers(chaos))]
    lines += ["", *_wrapped("Faults that struck", chaos.struck)]
    return lines, all(ok is not False for *_, ok in rows)


def _rows(chaos: Chaos) -> Iterator[Row]:
    asked, stand = chaos.asked, sum(one.stands for one in chaos.calendar)
    yield "bookings asked for", f"{asked:,}", f"≥ {chaos.wanted:,}", asked >= chaos.wanted
    people = f"{len(chaos.calls):,}, {chaos.callers} at once, to {chaos.practices} calendar accounts"
    yield "calls", people, "–", None
    yield "bookings in the calendars; that stand", f"{len(chaos.calendar):,}; {stand:,}", "–", None
    kinds = sum(1 for count in chaos.struck.values() if count)
    yield "faults that struck", f"{sum(chaos.struck.values()):,} of {kinds} kinds", "–", None
    killed = ", ".join(f"{count} {what}" for what, count in sorted(chaos.killed.items()))
    yield "processes killed (-9)", killed or "none", "–", None
    yield from ((one.what, f"{one.count}", "0", one.count == 0) for one in chaos.verdicts)
    by_schedule = chaos.open_at_first - chaos.open_at_last
    yield (
        "open when the storm ended; settled by the schedule",
        f"{chaos.open_at_first}; {by_schedule}",
        "–",
        None,
    )
    found = ", ".join(f"{count} {state}" for state, count in sorted(chaos.settled.found.items())) or "none"
    differences = f"{chaos.settled.differences} differences of appointments"
    yield "settled by `reconcile_bookings`", f"{found}; {differences}", "–", None
    quiet = chaos.settled.quiet
    yield "nothing open and nothing different in the end", "yes" if quiet else "no", "yes", quiet
    if chaos.met is not None:
        yield _conflicts(chaos.met)
    minutes = f"{chaos.storm_seconds / 60:.1f}; {chaos.settled_seconds / 60:.1f}"
    yield "minutes of storm; of reconciliation", minutes, "–", None


def _conflicts(met: Meeting) -> Row:
    """Held offers: of so many bookings so many met "somebody was faster"."""
    what = f"conflicts of 2–50 callers on one day, in calm weather ({met.booked + met.taken:,} bookings)"
    enough = met.booked > 1 / CONFLICTS  # fewer could not show such a share
    return what, f"{met.taken}, {met.rate:.2%}", "< 0.1 %", enough and met.rate < CONFLICTS


def _answers(chaos: Chaos) -> Counter[str]:
    return Counter(
        told.status or "nothing heard" for one in chaos.calls for told in one.told if told.function == BOOK
    )


def _wrapped(title: str, counted: Mapping[str, int]) -> list[str]:
    """``title: 3 this, 2 that.``, the most frequent first, in lines of bearable length."""
    parts = sorted(((count, name) for name, count in counted.items() if count), reverse=True)
    text = f"{title}: " + ", ".join(f"{count:,} {name}" for count, name in parts) + "."
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def write(lines: Sequence[str], document: Path, *, described: str) -> None:
    """Put the table between its markers."""
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{document.name} has no place for the chaos")
    inside = "\n".join([f"Measured on {described}.", "", *lines])
    document.write_text(f"{before}{BEGIN}\n{inside}\n{END}{after}", encoding="utf-8")
