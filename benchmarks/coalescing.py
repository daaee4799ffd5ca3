"""A hundred callers at once whose answer is not cached: how often the calendar is asked.

    python -m benchmarks coalescing [--callers N] [--write]

Over HTTP against production web servers, one process and four, with a calendar that takes 400 ms. Each
caller is a call of its own; all wish at the same moment for a time that is taken, so that each needs
alternatives, and slots are 15 minutes so that there are enough for everybody. Exit 1 when the calendar is
asked more than once, or when anybody is not offered something that nobody else was offered.
"""

from __future__ import annotations

import statistics
import sys
import threading
from typing import Any

from benchmarks import _stage
from benchmarks._table import Row, finish, ms, parser
from benchmarks.availability import CLOCK, LATENCY_MS, make_cold

ROUNDS = 2
PROCESSES = 4
# Threads of a process: each keeps a connection to PostgreSQL, which gives 100 unless told otherwise.
THREADS = {1: 32, PROCESSES: 12}


def everybody(stage: _stage.Stage, *, callers: int, day: str) -> list[tuple[dict[str, Any], float]]:
    """All ask at once; the answers and their seconds."""
    calls = [
        stage.caller(stage.connect(number % len(stage.web_ports)), caller=f"+4917{number:09d}")
        for number in range(callers)
    ]
    answers: list[tuple[dict[str, Any], float]] = []
    ready = threading.Barrier(callers)

    def ask(caller: _stage.Caller) -> None:
        caller.connection.connection.connect()
        ready.wait()
        answers.append(caller.ask("check_availability", date=day, time=CLOCK))

    threads = [threading.Thread(target=ask, args=(caller,)) for caller in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for caller in calls:
        caller.event("call_ended", call_status="ended")
        caller.connection.close()
    return answers


def measure(stage: _stage.Stage, *, callers: int, processes: int) -> list[Row]:
    """The worst of some rounds."""
    day = _stage.local_day(3).isoformat()
    booking = {"account": _stage.API_KEY, "event_type": _stage.EVENT_TYPE, "name": "Somebody Else"}
    stage.sandbox.control.json(
        "POST", "/sandbox/bookings", {**booking, "start": f"{day} {CLOCK}", "webhook": False}
    )
    stage.sandbox.latency(LATENCY_MS)
    everybody(stage, callers=len(stage.web_ports) * 8, day=day)  # pays for connections
    requests, alone, slowest, unserved, shared = [], [], [], 0, 0
    for _ in range(ROUNDS):
        make_cold()
        alone.append(stage.sandbox.round_trip(_stage.local_day(3), days=8))
        stage.sandbox.forget_requests()
        answers = everybody(stage, callers=callers, day=day)
        requests.append(stage.sandbox.slot_requests())
        slowest.append(max(seconds for _, seconds in answers))
        unserved += sum(answer["status"] != "alternatives" for answer, _ in answers)
        offered = [one["start"] for answer, _ in answers for one in answer["alternatives"]]
        shared += len(offered) - len(set(offered))
    stage.sandbox.latency(0)
    where = f"{processes} process" + ("es" if processes > 1 else "")
    what = f"{callers} cold callers at once, {where}"
    return [
        Row(f"{what}: requests to the calendar, most of {ROUNDS} rounds", str(max(requests)), target="= 1",
            ok=set(requests) == {1}),
        Row(f"{what}: callers without alternatives", str(unserved), target="= 0", ok=unserved == 0),
        Row(f"{what}: slots offered to two callers", str(shared), target="= 0", ok=shared == 0),
        Row(f"{what}: the last answer", ms(statistics.median(slowest)), ms(statistics.median(alone)),
            statistics.median(slowest) / statistics.median(alone)),
    ]  # fmt: skip


def main(arguments: list[str]) -> None:
    options = parser("coalescing", __doc__)
    options.add_argument("--callers", type=int, default=100, metavar="N", help="at once (100)")
    chosen = options.parse_args(arguments)
    print(_stage.described())
    rows = []
    with _stage.database():
        for processes, threads in THREADS.items():
            settings: dict[str, Any] = {"length": 15, "threads": threads, "workers": 1}
            company = {"name": f"bench-{processes}", "number": f"+493055500{processes:03d}"}
            with _stage.stage(servers=processes, **settings, **company) as stage:
                rows += measure(stage, callers=chosen.callers, processes=processes)
    finish(rows, name="coalescing" if chosen.write else "", measured_on=_stage.described())


if __name__ == "__main__":
    main(sys.argv[1:])
