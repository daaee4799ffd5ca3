"""Bookings by many callers at once while everything breaks: the calendar, the connections, the processes.

    make chaos                               # 10,000 bookings, half an hour
    python -m benchmarks chaos --bookings 1000 --minutes 3

PostgreSQL and Redis, several web servers and workers as real processes on loopback, a calendar account for
each company, limits and budgets as in production. Callers want scarce times; the sandbox shows every fault
it knows; processes are killed with -9 and started again; connections to the database and to Redis are cut.
Afterwards everything is reconciled until nothing moves any more, and the calendar's own state is held
against the database and against what every caller was told. Before that, in calm weather: how often callers
of one day meet in one slot although offers are held. Exit 1 when anything that must not be was. ``--write``
puts the table into docs/reliability.md.

One setting is not production's: a breaker stays open for five seconds instead of sixty. Under this many
faults most callers would otherwise be turned away before anything could go wrong.
"""

from __future__ import annotations

# the stage sets the environment before Django is imported
import os

from benchmarks import _stage

os.environ["CELERY_BROKER_URL"] = os.environ["REDIS_URL"]
os.environ["EVENTS_PER_MINUTE"] = "600"
os.environ["CALCOM_REQUESTS_PER_MINUTE"] = "100"
os.environ["CALCOM_REQUESTS_PER_SECOND"] = "10"
os.environ["CALL_LOOP_LIMIT"] = "8"
os.environ["CIRCUIT_OPEN_SECONDS"] = "5"

import argparse
import logging
import sys
import time

from benchmarks._chaos_after import calm, settle_all, story, unsettled
from benchmarks._chaos_calls import bookings_of
from benchmarks._chaos_crowd import Crowd, conflicts
from benchmarks._chaos_grade import Verdict, entries, grade
from benchmarks._chaos_report import Chaos, table, write
from benchmarks._chaos_storm import Storm
from benchmarks._chaos_town import Town, town

DOCUMENT = _stage.ROOT / "docs" / "reliability.md"
DAYS = 2
# The longest that a request to a calendar may be under way, and the schedule's next looks.
LATE_SECONDS = 130.0


def main(arguments: list[str]) -> int:
    """Run it; 0 when nothing was that must not be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=__doc__.split("\n\n")[0])
    parser.add_argument("--bookings", type=int, default=10_000, help="bookings to be asked for (10000)")
    parser.add_argument("--minutes", type=float, default=60.0, help="of storm, at most (60)")
    parser.add_argument("--practices", type=int, default=32, help="companies, each with its calendar (32)")
    parser.add_argument("--callers", type=int, default=32, help="at once (32)")
    parser.add_argument("--no-crowds", action="store_true", help="without the conflicts of calm weather")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    chosen = parser.parse_args(arguments)
    if not (_stage.ON_POSTGRES and _stage.ON_REDIS):
        print("chaos needs PostgreSQL and Redis", file=sys.stderr)
        return 1
    print(_stage.described(), flush=True)
    with _stage.database():
        logging.disable(logging.ERROR)  # what this process reconciles is counted, not logged
        with town(chosen.practices) as world:
            result = _run(world, chosen)
    lines, passed = table(result)
    print("\n".join(lines))
    if chosen.write:
        write(lines, DOCUMENT, described=_stage.described())
    return 0 if passed else 1


def _run(world: Town, chosen: argparse.Namespace) -> Chaos:
    from django.db import connections

    met = conflicts(world.web, world.practices) if not chosen.no_crowds else None
    if met is not None:
        print(f"  crowds in calm weather: {met}", flush=True)
    connections.close_all()  # the storm would cut them
    crowd = Crowd(world.web, world.practices, chosen.seed, DAYS)
    began = time.monotonic()
    with Storm(world, chosen.seed, DAYS) as storm:
        crowd.run(callers=chosen.callers, bookings=chosen.bookings, seconds=chosen.minutes * 60)
    ended = time.monotonic()
    result = Chaos(
        wanted=chosen.bookings,
        callers=chosen.callers,
        practices=chosen.practices,
        met=met,
        asked=bookings_of(crowd.calls),
        calls=crowd.calls,
        struck=storm.struck,
        killed=world.killed,
        open_at_first=unsettled(),
        storm_seconds=ended - began,
    )
    print(f"  the storm is over, {result.open_at_first} attempts are open", flush=True)
    _reconcile(world, result)
    result.settled_seconds = time.monotonic() - ended
    # A connection of its own: the one that was opened at first has been idle for too long.
    control = _stage.Connection(world.sandbox.port)
    calendar = entries(control.json("GET", "/sandbox/state")["bookings"])
    result.calendar = calendar
    result.verdicts = [
        *grade(calendar, crowd.calls, by_business=world.by_business),
        Verdict("callers whose script broke", len(crowd.problems), tuple(crowd.problems[:5])),
    ]
    _tell(result)
    return result


def _reconcile(world: Town, result: Chaos) -> None:
    """The schedule's own looks first, while a request may still be under way; then by hand."""
    ids = [practice.company_id for practice in world.practices]
    time.sleep(LATE_SECONDS)
    result.open_at_last = unsettled()
    print(f"  {result.open_at_last} are left to be reconciled by hand", flush=True)
    calm(ids)
    result.settled = settle_all(ids)


def _tell(result: Chaos) -> None:
    """Every case that must not be, with all that is known of its caller."""
    for verdict in result.verdicts:
        for case in verdict.cases:
            print(f"  {verdict.what}: {case}", flush=True)
            phone = case.split(" ", 1)[0]
            for line in story(phone, calendar=result.calendar, callers=result.calls):
                print(f"    {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
