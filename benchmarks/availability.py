"""What an answer about free slots costs: cold beside the calendar's own round trip, warm beside a bare view.

    python -m benchmarks availability [--write]

Over HTTP against the production web server. Each caller wishes for a time that is taken, so that every
answer names alternatives. Cold: the calendar takes 400 ms for a question, and its version was raised just
before, so that nothing cached may be used; beside it the same question is put to the calendar on a
connection that is kept open. Warm: everything needed is cached; beside it the bare view of
``benchmarks/_floor.py`` in the same server. Each pair is measured in turn. Exit 1 when a cold answer is
not exactly one request or takes more than 1.15 × the bare one, or when a warm answer asks at all, takes
more than 3 × the bare view, or 20 ms.
"""

from __future__ import annotations

# the stage sets the rest of the environment before Django is imported
import os

os.environ["AVAILABILITY_TTL"] = "3600"  # a warm run must not meet the end of an answer's life

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from benchmarks import _stage
from benchmarks._pairs import Pairs
from benchmarks._table import Row, finish, ms, parser

LATENCY_MS = 400
UNSETTLED_SECONDS = 5.5  # after a change, and a little
COLD_BOUND, WARM_BOUND, WARM_SECONDS = 1.15, 3.0, 0.020
CLOCK = "14:00"
DAYS = range(2, 12)
SEARCHED_DAYS = 8  # the wished day and SEARCH_DAYS more


def take(sandbox: _stage.Sandbox) -> None:
    """Have every wish's start booked elsewhere."""
    for ahead in DAYS:
        booking = {"account": _stage.API_KEY, "event_type": _stage.EVENT_TYPE, "name": "Somebody Else"}
        start = f"{_stage.local_day(ahead).isoformat()} {CLOCK}"
        sandbox.control.json("POST", "/sandbox/bookings", {**booking, "start": start, "webhook": False})


def make_cold() -> None:
    """What is cached is of another version now."""
    from apps.scheduling.versions import raise_version
    from apps.services.models import EventType

    raise_version(EventType.objects.values_list("pk", flat=True))


def wish(caller: _stage.Caller, day: date) -> float:
    """Seconds of one answer, which must name two alternatives."""
    answer, seconds = caller.ask("check_availability", date=day.isoformat(), time=CLOCK)
    if answer["status"] != "alternatives" or len(answer["alternatives"]) != 2:
        raise RuntimeError(f"not an answer with alternatives: {answer}")
    return seconds


@contextmanager
def calling(stage: _stage.Stage, connection: _stage.Connection, *, greeted: bool) -> Iterator[_stage.Caller]:
    """A call of its own; ``greeted``: it has asked for its context before, as agents do."""
    caller = stage.caller(connection)
    if greeted:
        caller.ask("get_call_context")
    yield caller
    caller.event("call_ended", call_status="ended")


def measure_cold(stage: _stage.Stage, *, rounds: int) -> list[Row]:
    """Wishes of callers whose first word it is: nothing was fetched ahead for them."""
    connection, pairs = stage.connect(), Pairs()
    stage.sandbox.latency(LATENCY_MS)
    asked = 0
    for number in range(-2, rounds):
        day = _stage.local_day(DAYS[number % len(DAYS)])
        make_cold()
        stage.sandbox.forget_requests()
        with calling(stage, connection, greeted=False) as caller:
            seconds = wish(caller, day)
        requests = stage.sandbox.slot_requests()
        alone = stage.sandbox.round_trip(day, days=SEARCHED_DAYS)
        if number >= 0:  # the first ones pay for connections
            pairs.add(seconds, alone)
            asked += requests
    stage.sandbox.latency(0)
    return [
        pairs.row(
            f"cold wish with alternatives, calendar answers in {LATENCY_MS} ms",
            target=f"≤ {COLD_BOUND:.2f} ×",
            ok=pairs.ratio <= COLD_BOUND,
        ),
        Row(
            "requests to the calendar for a cold wish with alternatives",
            f"{asked / rounds:.2f}",
            target="= 1",
            ok=asked == rounds,
        ),
    ]


def measure_warm(stage: _stage.Stage, *, greeted: bool, rounds: int) -> tuple[Pairs, int]:
    """The same wish of many calls within the lifetime of one answer; and how many requests it took."""
    connection, pairs = stage.connect(), Pairs()
    day = _stage.local_day(DAYS[0])
    for number in range(-20, rounds):
        with calling(stage, connection, greeted=greeted) as caller:
            seconds, alone = wish(caller, day), caller.floor()
        if number == -1:
            stage.sandbox.forget_requests()
        if number >= 0:
            pairs.add(seconds, alone)
    return pairs, stage.sandbox.slot_requests()


def warm_rows(stage: _stage.Stage, *, rounds: int) -> list[Row]:
    # An answer that follows so soon upon a change of the calendar lives no longer than that.
    time.sleep(UNSETTLED_SECONDS)
    pairs, asked = measure_warm(stage, greeted=True, rounds=rounds)
    first, asked_first = measure_warm(stage, greeted=False, rounds=rounds // 2)
    (median, _), p95 = pairs.quietest(), statistics.quantiles(pairs.measured, n=20)[-1]
    return [
        pairs.row(
            "warm wish with alternatives", target=f"≤ {WARM_BOUND:.0f} ×", ok=pairs.ratio <= WARM_BOUND
        ),
        Row(
            "warm wish, median",
            ms(median),
            target=f"< {WARM_SECONDS * 1000:.0f} ms",
            ok=median < WARM_SECONDS,
        ),
        Row("warm wish, p95 of the whole run", ms(p95)),
        first.row("warm wish as a call's very first word"),
        Row(
            f"requests to the calendar for {rounds + rounds // 2} warm wishes",
            str(asked + asked_first),
            target="= 0",
            ok=asked + asked_first == 0,
        ),
    ]


def main(arguments: list[str]) -> None:
    options = parser("availability", __doc__)
    options.add_argument("--cold", type=int, default=30, metavar="N", help="cold wishes (30)")
    options.add_argument("--warm", type=int, default=300, metavar="N", help="warm wishes (300)")
    chosen = options.parse_args(arguments)
    print(_stage.described())
    with _stage.database(), _stage.stage(workers=1) as stage:
        take(stage.sandbox)
        rows = measure_cold(stage, rounds=chosen.cold)
        rows += warm_rows(stage, rounds=chosen.warm)
    finish(rows, name="availability" if chosen.write else "", measured_on=_stage.described())


if __name__ == "__main__":
    main(sys.argv[1:])
