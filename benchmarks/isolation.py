"""What a company feels of its neighbours: one floods at 20 times its limit, one's calendar is silent.

``python -m benchmarks isolation [--pairs N] [--seconds S]`` calls a third company at a steady pace, now
alone, now beside the two, several times in turn, and compares the 95th percentiles of the same run. The
neighbours run in a process of their own. It fails above 1.3 times the quiet p95, or when any answer is not
what it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks import _stage
from benchmarks._table import Row, finish, ms
from tools.processes import Child, Processes

LIMIT = 100  # functions a minute, the default of a company
FLOOD_PER_SECOND = 20 * LIMIT / 60
SILENT_PER_SECOND = LIMIT / 60
THIRD_PER_SECOND = 10.0
MOST = 1.3
SILENT_KEY = "cal_sandbox_silent"


@dataclass
class Company:
    """Where a company is called."""

    account: str
    number: str
    calendar_id: int = 0

    def caller(self, port: int) -> _stage.Caller:
        return _stage.Caller(_stage.Connection(port), account=self.account, dialled=self.number)


@dataclass
class Heard:
    """What was answered, and after how many seconds."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


def call(company: Company, port: int, *, per_second: float, seconds: float, threads: int = 1) -> Heard:
    """Ask at a steady pace, whatever the answers take; ``threads`` connections share the pace."""
    heard, lock = Heard(), threading.Lock()

    def work(offset: int) -> None:
        caller = company.caller(port)
        began = time.monotonic()
        number = offset
        while (due := number / per_second) < seconds:
            time.sleep(max(began + due - time.monotonic(), 0))
            day = _stage.local_day(2 + number % 5)
            name, args = ASKED[number % len(ASKED)]
            given = {**args, "date": day.isoformat()} if args else {}
            try:
                answer, took = caller.ask(name, **given)
                status = answer["status"]
            except (OSError, RuntimeError) as error:
                caller = company.caller(port)
                status, took = f"failed: {type(error).__name__}", 0.0
            with lock:
                heard.seconds.append(took)
                heard.statuses[status] += 1
            if number % 20 == offset % 20:
                caller.call_id = f"{caller.call_id}x"[-60:]
            number += threads

    workers = [threading.Thread(target=work, args=[offset]) for offset in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return heard


ASKED: Sequence[tuple[str, dict[str, Any]]] = (
    ("check_availability", {"time": "10:00"}),
    ("list_services", {}),
    ("check_availability", {"time": "15:00"}),
    ("get_call_context", {}),
)


def neighbours(port: int, seconds: float, flood: Company, silent: Company) -> None:
    """The two of them, in this process; prints what they heard."""
    told: dict[str, Any] = {}

    def one(name: str, company: Company, per_second: float, threads: int) -> None:
        heard = call(company, port, per_second=per_second, seconds=seconds, threads=threads)
        told[name] = dict(heard.statuses)

    jobs = [("flood", flood, FLOOD_PER_SECOND, 4), ("silent", silent, SILENT_PER_SECOND, 12)]
    threads = [threading.Thread(target=one, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(told))


def make(
    stage: _stage.Stage, slug: str, number: str, *, key: str = _stage.API_KEY, limit: int = LIMIT
) -> Company:
    """A company that can be called."""
    from apps.tenants.scoping import company_scope
    from tests.factories import make_business

    business = make_business(
        slug, number=number, event_type=_stage.EVENT_TYPE, base_url=stage.sandbox.base_url,
        company={"requests_per_minute": limit},
    )  # fmt: skip
    business.account.signing_key = _stage.SIGNING_KEY
    business.account.save()
    with company_scope(business.company.pk):
        business.calendar.api_key = key
        business.calendar.save()
    return Company(business.account.slug, business.number.number, business.calendar.pk)


def silence(stage: _stage.Stage, company: Company) -> None:
    """The second company's calendar takes every question and never answers; its breaker begins closed."""
    from apps.core import runtime

    rule = {"kind": "silence", "account": "silent", "path": "/v2/*", "seconds": 60}
    stage.sandbox.control.json("POST", "/sandbox/faults", rule)
    runtime.breaker(company.calendar_id).reset()


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def measure(pairs: int, seconds: float) -> list[Row]:
    """Quiet and disturbed in turn."""
    quiet, beside, told = Heard(), Heard(), Counter[str]()
    with _stage.database(), _stage.stage(workers=2) as stage:
        kind = {"id": _stage.EVENT_TYPE, "title": "Silent", "slug": "silent", "length": 45}
        account = {"key": SILENT_KEY, "username": "silent", "event_types": [kind]}
        stage.sandbox.control.json("POST", "/sandbox/accounts", account)
        flood = make(stage, "flood", "+4930100001")
        silent = make(stage, "silent", "+4930100002", key=SILENT_KEY)
        third = make(stage, "third", "+4930100003", limit=1_000_000)
        port = stage.web_ports[0]
        call(third, port, per_second=THIRD_PER_SECOND, seconds=3)  # warm
        for _ in range(pairs):
            add(quiet, call(third, port, per_second=THIRD_PER_SECOND, seconds=seconds))
            silence(stage, silent)
            with started(port, seconds + 1, flood, silent) as child:
                time.sleep(0.7)
                add(beside, call(third, port, per_second=THIRD_PER_SECOND, seconds=seconds))
                child.process.wait(timeout=60)
                for name, statuses in json.loads(child.last_words(lines=1)).items():
                    told.update({f"{name}: {status}": count for status, count in statuses.items()})
            stage.sandbox.control.json("DELETE", "/sandbox/faults")
            time.sleep(1)
    print("the third, quiet: ", dict(quiet.statuses))
    print("the third, beside:", dict(beside.statuses))
    print("the neighbours:   ", dict(told))
    return rows(quiet, beside, told)


@contextmanager
def started(port: int, seconds: float, *companies: Company) -> Iterator[Child]:
    """The neighbours, calling from a process of their own."""
    names = (part for one in companies for part in (one.account, one.number))
    command = (sys.executable, "-m", "benchmarks.isolation", "--neighbours", str(port), str(seconds), *names)
    folder = _stage.FOLDER / "log"
    with Processes(folder=_stage.ROOT, log_folder=folder, environment=os.environ) as processes:
        yield processes.start("neighbours", command)


def add(to: Heard, more: Heard) -> None:
    to.seconds += more.seconds
    to.statuses.update(more.statuses)


def rows(quiet: Heard, beside: Heard, told: Counter[str]) -> list[Row]:
    good = {"available", "alternatives", "services", "context"}
    failures = sum(
        count for status, count in (quiet.statuses + beside.statuses).items() if status not in good
    )
    lost = sum(count for status, count in told.items() if "failed" in status)
    ratio = p95(beside.seconds) / p95(quiet.seconds)
    return [
        Row(
            "third company, p50", ms(statistics.median(beside.seconds)), ms(statistics.median(quiet.seconds))
        ),
        Row(
            "third company, p95",
            ms(p95(beside.seconds)),
            ms(p95(quiet.seconds)),
            ratio,
            f"≤ {MOST}",
            ratio <= MOST,
        ),
        Row("third company, failures", str(failures), target="0", ok=failures == 0),
        Row("neighbours without an answer", str(lost), target="0", ok=lost == 0),
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks isolation", description=__doc__)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--neighbours", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.neighbours:
        port, seconds, *names = options.neighbours
        neighbours(int(port), float(seconds), Company(*names[:2]), Company(*names[2:]))
        shutil.rmtree(_stage.FOLDER, ignore_errors=True)
        return
    measured = measure(options.pairs, options.seconds)
    print(_stage.described())
    finish(measured)


if __name__ == "__main__":
    main(sys.argv[1:])
