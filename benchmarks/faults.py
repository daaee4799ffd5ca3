"""Every fault beside every function: what the caller hears, and after how long.

``python -m benchmarks faults [--write] [--only WORD]`` breaks the calendar, Redis and the database in every
way there is, against the production web server, and asks each in-call function in a call that is ready for
it. It fails when an answer is not a 200 with a sentence, comes later than the budget, denies a booking that
stands in the calendar, or claims one that does not. ``--write`` puts the table into docs/reliability.md.
"""

from __future__ import annotations

# the stage sets the environment before Django is imported
import os

os.environ["CIRCUIT_FAILURES"] = "1000"  # each row is one fault, not the breaker's answer to five of them

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import _stage
from benchmarks._proxy import Manner, Proxy

DOCUMENT = _stage.ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
LATEST_SECONDS = 5.5
FUNCTIONS = (
    "get_call_context",
    "list_services",
    "check_availability",
    "book_appointment",
    "reschedule_appointment",
    "cancel_appointment",
    "list_appointments",
    "request_callback",
    "transfer_to_person",
)
DENIALS = frozenset({"unavailable", "slot_taken", "refused", "not_found", "rate_limited"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: how it is made, in the calendar or around the web server."""

    name: str
    rule: dict[str, Any] | None = None
    database: Manner = "through"
    redis: Manner = "through"
    breaker_open: bool = False
    budget_used_up: bool = False


def calendar(name: str, **rule: Any) -> Fault:
    """A fault of the sandbox's."""
    return Fault(name, rule=rule)


FAULTS: tuple[Fault, ...] = (
    Fault("nothing is wrong"),
    calendar("answers after 4 s", kind="latency", ms=4000),
    calendar("answers after 20 s", kind="latency", ms=20000),
    calendar("a byte every 100 ms", kind="drip", ms=100),
    calendar("silence", kind="silence", seconds=40),
    calendar("connection reset", kind="reset"),
    calendar("500", kind="status", status=500),
    calendar("502 with a page", kind="status", status=502),
    calendar("503 with a page", kind="status", status=503),
    calendar("429", kind="status", status=429),
    calendar("broken JSON", kind="malformed", form="broken_json"),
    calendar("a page instead of JSON", kind="malformed", form="html"),
    calendar("wrong content type", kind="malformed", form="content_type"),
    calendar("truncated body", kind="malformed", form="truncated"),
    calendar("huge body", kind="malformed", form="huge"),
    calendar("another shape", kind="malformed", form="wrong_shape"),
    calendar("no slots at all", kind="empty_slots"),
    calendar("done, then silence", kind="commit_then_silence", method="POST", seconds=40),
    calendar("done, then a reset", kind="commit_then_reset", method="POST"),
    calendar("done, then 500", kind="commit_then_500", method="POST"),
    Fault("breaker open", breaker_open=True),
    Fault("budget of requests used up", budget_used_up=True),
    Fault("Redis gone", redis="gone"),
    Fault("Redis silent", redis="silent"),
    Fault("database gone", database="gone"),
    Fault("database silent", database="silent"),
)


@dataclass(slots=True)
class Cell:
    """What one function answered."""

    status: str
    seconds: float
    problem: str = ""

    def shown(self) -> str:
        mark = " **!**" if self.problem else ""
        return f"{self.status} {self.seconds * 1000:.0f}{mark}"


@dataclass
class Bench:
    """The stage with proxies before the database and Redis."""

    stage: _stage.Stage
    database: Proxy | None
    redis: Proxy | None
    starts: Iterator[tuple[date, str]] = field(default_factory=lambda: moments())

    def run(self, number: int, fault: Fault) -> dict[str, Cell]:
        """Every function under one fault, all at once, each in a call of its own."""
        business = company(self.stage, number)
        ready = {name: self.prepare(business, name, number) for name in FUNCTIONS}
        cells: dict[str, Cell] = {}
        with self.broken(fault, business):
            threads = [
                threading.Thread(target=lambda name=name: cells.update({name: asked(*ready[name])}))
                for name in FUNCTIONS
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.judge(cells, number)
        return cells

    def prepare(self, business: Any, name: str, number: int) -> tuple[_stage.Caller, str, dict[str, Any]]:
        """A call that is ready for this function, and the arguments."""
        caller = _stage.Caller(
            self.stage.connect(), business.account.slug, business.number.number,
            caller=f"+4917{number:02d}{FUNCTIONS.index(name):07d}",
        )  # fmt: skip
        if name == "check_availability":
            day, clock = next(self.starts)
            return caller, name, {"date": day.isoformat(), "time": clock}
        if name == "book_appointment":
            return caller, name, {"slot": self.offered(caller), "customer_name": attendee(number, name)}
        if name in ("reschedule_appointment", "cancel_appointment", "list_appointments"):
            slot = self.offered(caller)
            booked, _ = caller.ask("book_appointment", slot=slot, customer_name=attendee(number, name))
            if not booked["booked"]:
                raise RuntimeError(f"{name} could not be prepared: {booked}")
        if name == "reschedule_appointment":
            day, clock = next(self.starts)
            return caller, name, {"new_date": day.isoformat(), "new_time": clock, "confirmed": True}
        if name == "cancel_appointment":
            return caller, name, {"confirmed": True}
        return caller, name, {"customer_name": "Erika Muster"} if name == "request_callback" else {}

    def offered(self, caller: _stage.Caller) -> str:
        day, clock = next(self.starts)
        found, _ = caller.ask("check_availability", date=day.isoformat(), time=clock)
        if found["slot"] is None:
            raise RuntimeError(f"nothing free on {day} at {clock}: {found}")
        return str(found["slot"]["slot"])

    @contextmanager
    def broken(self, fault: Fault, business: Any) -> Iterator[None]:
        """The fault is there; afterwards it is not."""
        from apps.core import runtime

        control, account = self.stage.sandbox.control, business.calendar.pk
        if fault.rule is not None:
            control.json("POST", "/sandbox/faults", {"path": "/v2/*", **fault.rule})
        if fault.breaker_open:
            opened = {"state": "open", "failures": 5, "changed_at": time.time(), "epoch": "bench"}
            runtime.circuits().change(str(account), lambda _: (opened, None))
        if fault.budget_used_up:
            runtime.budget(account).block(seconds=30)
        if fault.breaker_open or fault.budget_used_up:
            time.sleep(1.2)  # what a process has seen of a shared record may be a second old
        for proxy, manner in ((self.database, fault.database), (self.redis, fault.redis)):
            if proxy is not None:
                proxy.manner = manner
        time.sleep(0.1)
        try:
            yield
        finally:
            for proxy in (self.database, self.redis):
                if proxy is not None:
                    proxy.manner = "through"
            control.json("DELETE", "/sandbox/faults")
            if fault.database != "through" or fault.redis != "through":
                time.sleep(3)  # Redis is left alone for two seconds after an error

    def judge(self, cells: dict[str, Cell], number: int) -> None:
        """Compare what was said of a booking with what stands in the calendar."""
        stands = {
            booking["attendee"]["name"]
            for booking in self.stage.sandbox.control.json("GET", "/sandbox/state?status=accepted")[
                "bookings"
            ]
        }
        cell = cells["book_appointment"]
        there = attendee(number, "book_appointment") in stands
        if cell.status in DENIALS and there:
            cell.problem = "denied, but it stands"
        if cell.status == "booked" and not there:
            cell.problem = "claimed, but it does not stand"
        cancelled = cells["cancel_appointment"]
        if cancelled.status == "cancelled" and attendee(number, "cancel_appointment") in stands:
            cancelled.problem = "claimed, but it stands"


def asked(caller: _stage.Caller, name: str, args: dict[str, Any]) -> Cell:
    """Ask; whatever is not a sentence in time is a problem."""
    began = time.monotonic()
    try:
        answer, seconds = caller.ask(name, **args)
    except (OSError, RuntimeError, ValueError) as error:
        return Cell("–", time.monotonic() - began, problem=str(error)[:200] or type(error).__name__)
    problem = "" if seconds <= LATEST_SECONDS else "too late"
    return Cell(answer["status"], seconds, problem=problem or ("" if answer["say"] else "no sentence"))


def attendee(number: int, function: str) -> str:
    """A name that is in one cell alone."""
    return f"Erika {chr(65 + number)}{function.partition('_')[0]}"


def moments() -> Iterator[tuple[date, str]]:
    """Starts that do not touch each other."""
    for ahead in range(2, 60):
        for hour in range(8, 19):
            yield _stage.local_day(ahead), f"{hour:02d}:00"


def company(stage: _stage.Stage, number: int) -> Any:
    """A company of its own for each row: what is still on its way belongs to the row before."""
    from apps.tenants.scoping import company_scope
    from tests.factories import make_business

    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    business = make_business(
        f"faults-{number}",
        number=f"+49301000{number:04d}",
        event_type=_stage.EVENT_TYPE,
        base_url=stage.sandbox.base_url,
        company={"requests_per_minute": 1_000_000, "fallback_number": "+4930100099"},
        branch={"hours": {day: [["08:00", "20:00"]] for day in days}},
    )
    business.account.signing_key = _stage.SIGNING_KEY
    business.account.save()
    with company_scope(business.company.pk):
        business.calendar.api_key = _stage.API_KEY
        business.calendar.save()
    return business


@contextmanager
def proxied(name: str, *, default_port: int) -> Iterator[Proxy | None]:
    """The service of this variable through a proxy, for the processes that are started inside."""
    url = os.environ[name]
    parts = urlsplit(url)
    if not parts.hostname:
        yield None
        return
    with Proxy(parts.port or default_port) as proxy:
        login = parts.netloc.rpartition("@")[0]
        netloc = f"{login}@{_stage.HOST}:{proxy.port}" if login else f"{_stage.HOST}:{proxy.port}"
        os.environ[name] = parts._replace(netloc=netloc).geturl()
        try:
            yield proxy
        finally:
            os.environ[name] = url


def table(results: list[tuple[Fault, dict[str, Cell]]]) -> str:
    """The results as Markdown."""
    head = ["what is wrong", *(f"`{name}`" for name in FUNCTIONS)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for fault, cells in results:
        lines.append(f"| {fault.name} | " + " | ".join(cells[name].shown() for name in FUNCTIONS) + " |")
    return "\n".join(lines)


def write(text: str, document: Path = DOCUMENT) -> None:
    """Replace the table between the document's two marks."""
    before, rest = document.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--only", default="", metavar="WORD", help="only faults whose name contains this")
    options = parser.parse_args(arguments)
    results: list[tuple[Fault, dict[str, Cell]]] = []
    with (
        _stage.database(),
        proxied("DATABASE_URL", default_port=5432) as database,
        proxied("REDIS_URL", default_port=6379) as redis,
        _stage.stage(workers=1) as stage,
    ):
        bench = Bench(stage, database, redis)
        for number, fault in enumerate(FAULTS):
            gone = (fault.database != "through" and database is None) or (
                fault.redis != "through" and redis is None
            )
            if options.only in fault.name and not gone:
                results.append((fault, bench.run(number, fault)))
                print(fault.name, {name: cell.shown() for name, cell in results[-1][1].items()}, flush=True)
    text = f"Measured on {_stage.described()}; status and milliseconds.\n\n{table(results)}"
    print(text)
    if options.write:
        write(text)
    problems = [
        f"{fault.name}, {name}: {cell.problem}"
        for fault, cells in results
        for name, cell in cells.items()
        if cell.problem
    ]
    print("\n".join(problems) or "no problem", file=sys.stderr if problems else sys.stdout)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
