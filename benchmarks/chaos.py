"""Bookings by many callers at once while everything breaks: the calendar, the connections, the processes.

    make chaos                               # 10,000 bookings, some minutes
    python -m benchmarks chaos --bookings 1000 --minutes 3

PostgreSQL and Redis, several web servers and workers as real processes on loopback, a calendar account for
each company, budgets on. Callers want scarce times; the sandbox shows every fault it knows; processes are
killed with -9 and started again. Afterwards everything is reconciled until nothing moves any more, and the
calendar's own state is held against the database and against what every caller was told. Before that, without
faults: how often callers of one day meet in one slot although offers are held. Exit 1 when anything that
must not be was. ``--write`` puts the table into docs/reliability.md.

To reach the volume on one machine the budgets of the calendar accounts are raised, and a breaker stays open
for three seconds instead of sixty; both are on.
"""

from __future__ import annotations

# the stage sets the environment before Django is imported
import os

from benchmarks import _stage

os.environ["CELERY_BROKER_URL"] = os.environ["REDIS_URL"]
os.environ["CALCOM_REQUESTS_PER_MINUTE"] = "6000"
os.environ["CALCOM_REQUESTS_PER_SECOND"] = "200"
os.environ["CIRCUIT_OPEN_SECONDS"] = "3"
os.environ["WEB_THREADS"] = "8"

import argparse
import http.client
import itertools
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import _chaos_weather as weather
from benchmarks._chaos_calls import Caller, phone_of
from benchmarks._chaos_grade import Verdict, entries, grade, settle_all
from benchmarks._chaos_world import (
    Practice,
    Want,
    as_toml,
    make_practices,
    scenario,
    today,
    wanted,
)
from tools.processes import Child, Processes

DOCUMENT = _stage.ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
SERVERS, WORKERS = 3, 2
CALLERS = 24
DAYS = 12
TURN_SECONDS = 6.0
KILL_SECONDS = (9.0, 17.0)
LATE_SECONDS = 36.0
CROWDS = ((2, 40), (5, 30), (10, 20), (20, 14), (50, 10))


@dataclass
class Web:
    """The web servers; a caller is put through to any of them, and to another when one is gone."""

    ports: list[int]
    local: threading.local = field(default_factory=threading.local)

    def post(self, path: str, raw: bytes, headers: dict[str, str], *, hang_up: bool) -> tuple[int, bytes]:
        port = random.choice(self.ports)
        connection = http.client.HTTPConnection(_stage.HOST, port, timeout=12)
        try:
            connection.request("POST", path, raw, headers)
            if hang_up:
                time.sleep(0.01)
                return 0, b""
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


@dataclass
class Town:
    """All processes, and the hand that kills them."""

    processes: Processes
    sandbox: _stage.Sandbox
    web: Web
    practices: list[Practice] = field(default_factory=list)
    living: dict[str, Child] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)

    def start(self, name: str) -> None:
        if name.startswith("web"):
            port = self.web.ports[int(name[3:])]
            command = list(_stage.granian(port, workers=1))
            command[command.index("--blocking-threads") + 1] = os.environ["WEB_THREADS"]
        elif name == "beat":
            command = [*_celery("beat"), "--schedule", str(_stage.FOLDER / "beat")]
        else:
            command = [*_celery("worker"), "--concurrency", "1", "--hostname", f"{name}@chaos"]
        self.living[name] = self.processes.start(name, command)

    def kill(self, name: str) -> None:
        """kill -9, the whole family."""
        child = self.living[name]
        child.kill_group()
        child.process.wait()
        self.processes.children.remove(child)
        self.killed[name.rstrip("0123456789")] += 1


def _celery(what: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "booking_platform", what, "--loglevel", "ERROR"]


@contextmanager
def town(practices: int) -> Iterator[Town]:
    """Everything running; call inside ``_stage.database()``."""
    sandbox_port = _stage.free_port()
    web = Web([_stage.free_port() for _ in range(SERVERS)])
    file = _stage.FOLDER / "chaos.toml"
    file.write_text(as_toml(scenario(practices)), encoding="utf-8")
    log_folder = _stage.FOLDER / "log"
    with Processes(folder=_stage.ROOT, log_folder=log_folder, environment=os.environ) as processes:
        manage = (sys.executable, "manage.py", "calcom_sandbox", "--scenario", str(file))
        processes.start("sandbox", (*manage, "--port", str(sandbox_port)))
        _stage._until(processes, sandbox_port, "/")
        made = Town(processes, _stage.Sandbox(sandbox_port), web)
        made.practices = make_practices(practices, base_url=made.sandbox.base_url)
        _subscribe(made)
        for name in names():
            made.start(name)
        for port in web.ports:
            _stage._until(processes, port, "/health/live/")
        yield made


def names() -> list[str]:
    servers, workers = (range(SERVERS), range(WORKERS))
    return [*(f"web{n}" for n in servers), *(f"worker{n}" for n in workers), "beat"]


def _subscribe(town: Town) -> None:
    """Each calendar tells its company's webhook of everything."""
    from tests.factories import WEBHOOK_SECRET

    for number, practice in enumerate(town.practices):
        port = town.web.ports[number % SERVERS]
        body = {
            "active": True,
            "subscriberUrl": f"http://{_stage.HOST}:{port}/webhooks/calcom/{practice.slug}/",
            "secret": WEBHOOK_SECRET,
            "triggers": [
                "BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED",
                "BOOKING_REJECTED",
            ],
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {practice.key}", "Content-Type": "application/json"}
        import json

        status, content, _ = town.sandbox.control.send(
            "POST", "/v2/webhooks", json.dumps(body).encode(), headers
        )
        if status != 201:
            raise RuntimeError(f"no webhook: {status} {content[:200]!r}")


# --- The callers --------------------------------------------------------------------------------


@dataclass
class Crowd:
    """Callers, as many at once as there are threads, until enough has been booked or time is up."""

    town: Town
    seed: int
    calls: list[Caller] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    over: threading.Event = field(default_factory=threading.Event)
    problems: list[str] = field(default_factory=list)

    def bookings(self) -> int:
        return sum(caller.bookings for caller in list(self.calls))

    def run(self, *, bookings: int, seconds: float) -> None:
        threads = [threading.Thread(target=self._phone, args=(n,)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        ends = time.monotonic() + seconds
        shown = time.monotonic()
        while time.monotonic() < ends and self.bookings() < bookings:
            time.sleep(0.5)
            if time.monotonic() - shown > 30:
                shown = time.monotonic()
                print(f"  {self.bookings()} bookings asked for in {len(self.calls)} calls", flush=True)
        self.over.set()
        for thread in threads:
            thread.join()

    def _phone(self, number: int) -> None:
        rng = random.Random(self.seed * 1_000 + number)
        while not self.over.is_set():
            caller = Caller(
                self.town.web,
                wanted(rng, self.town.practices, days=DAYS),
                phone=phone_of(next(self.numbers)),
                rng=rng,
            )
            self.calls.append(caller)
            try:
                caller.talk()
            except Exception as error:  # noqa: BLE001  # a caller that breaks is a finding, not the end
                self.problems.append(f"{type(error).__name__}: {error}"[:200])


def storm(town: Town, over: threading.Event, struck: Counter[str], rng: random.Random) -> None:
    """Changing faults until it is over; what has struck is counted."""
    accounts = [practice.username for practice in town.practices]
    control = _stage.Connection(town.sandbox.port)
    control.json("POST", "/sandbox/webhooks", weather.STORMY_POST)
    for turn in itertools.count():
        rules = weather.rules(turn, accounts, rng)
        control.json("POST", "/sandbox/faults", {"rules": rules, "seed": turn})
        control.json("POST", "/sandbox/behaviour", weather.behaviour(turn))
        ended = over.wait(TURN_SECONDS)
        for rule in control.json("GET", "/sandbox/faults")["rules"]:
            struck[weather.name_of(rule)] += rule["fired"]
        if ended:
            break
        _meddle(town, control, rng)
    control.json("DELETE", "/sandbox/faults")
    control.json("POST", "/sandbox/behaviour", weather.CALM)
    control.json("POST", "/sandbox/webhooks", weather.CALM_POST)
    control.close()


def _meddle(town: Town, control: _stage.Connection, rng: random.Random) -> None:
    """The business uses its calendar too: it books, cancels and moves behind our back."""
    practice = rng.choice(town.practices)
    want = wanted(rng, [practice], days=DAYS)
    with suppress(RuntimeError):  # the time may be taken: then it does not
        state = control.json("GET", f"/sandbox/state?status=accepted&account={practice.username}")["bookings"]
        chosen = rng.sample(state, k=min(2, len(state)))
        tell = {"webhook": rng.random() < 0.5}
        for number, one in enumerate(chosen):
            what = "cancel" if number else "reschedule"
            control.json(
                "POST", f"/sandbox/{what}", {"uid": one["uid"], "start": want.start.isoformat(), **tell}
            )


def killer(town: Town, over: threading.Event, rng: random.Random) -> None:
    """Every some seconds one of the processes dies without a word and is started again."""
    while not over.wait(rng.uniform(*KILL_SECONDS)):
        victim = rng.choice(names())
        town.kill(victim)
        if not over.wait(rng.uniform(0.2, 1.5)):
            town.start(victim)
    for name, child in town.living.items():
        if child.process.poll() is not None:
            town.start(name)


# --- Conflicts without faults -------------------------------------------------------------------


def conflicts(town: Town) -> tuple[int, int]:
    """Crowds of 2 to 50 who want the same day: (bookings, of them met by "just taken")."""
    rng = random.Random(3)
    numbers = itertools.count(500_000)
    places = [(practice, ahead) for ahead in range(20, 60) for practice in town.practices]
    rng.shuffle(places)
    booked = taken = 0
    for size, rounds in CROWDS:
        for _ in range(rounds):
            practice, ahead = places.pop()
            callers = [_of_one_day(town, practice, ahead, next(numbers), rng) for _ in range(size)]
            gate = threading.Barrier(size)
            threads = [threading.Thread(target=_choose_and_book, args=(one, gate)) for one in callers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            heard = [
                told.status for one in callers for told in one.told if told.function == "book_appointment"
            ]
            booked += sum(status == "booked" for status in heard)
            taken += sum(status == "slot_taken" for status in heard)
    return booked, taken


def _of_one_day(town: Town, practice: Practice, ahead: int, number: int, rng: random.Random) -> Caller:
    from datetime import datetime, timedelta
    from datetime import time as clock

    from benchmarks._chaos_world import BERLIN

    day = today() + timedelta(days=ahead)
    want = Want(practice, practice.services[1], datetime.combine(day, clock(10), tzinfo=BERLIN))
    return Caller(town.web, want, phone=phone_of(number), rng=random.Random(rng.random()))


def _choose_and_book(caller: Caller, gate: threading.Barrier) -> None:
    gate.wait()
    token = caller.choose()
    if token:
        caller.ask("book_appointment", slot=token, customer_name=caller.name)
    caller.event("call_ended")


# --- The whole ----------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=__doc__.split("\n\n")[0])
    parser.add_argument("--bookings", type=int, default=10_000, help="bookings to be asked for (10000)")
    parser.add_argument("--minutes", type=float, default=9.0, help="at most, without reconciliation (9)")
    parser.add_argument("--practices", type=int, default=16, help="companies, each with its calendar (16)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    chosen = parser.parse_args(arguments)
    if not (_stage.ON_POSTGRES and _stage.ON_REDIS):
        print("chaos needs PostgreSQL and Redis", file=sys.stderr)
        return 1
    print(_stage.described(), flush=True)
    with _stage.database(), town(chosen.practices) as world:
        lines, failed = _weathered(world, chosen)
    table = "\n".join(lines)
    print(table)
    if chosen.write:
        _write(table, DOCUMENT)
    return 1 if failed else 0


def _weathered(world: Town, chosen: argparse.Namespace) -> tuple[list[str], bool]:
    booked, taken = conflicts(world)
    print(f"  {booked} bookings of crowds without faults, {taken} met", flush=True)
    crowd, over, struck = Crowd(world, chosen.seed), threading.Event(), Counter[str]()
    rng = random.Random(chosen.seed)
    began = time.monotonic()
    hands = [
        threading.Thread(target=storm, args=(world, over, struck, random.Random(rng.random()))),
        threading.Thread(target=killer, args=(world, over, random.Random(rng.random()))),
    ]
    for hand in hands:
        hand.start()
    crowd.run(bookings=chosen.bookings, seconds=chosen.minutes * 60)
    over.set()
    for hand in hands:
        hand.join()
    stormy = time.monotonic() - began
    print("  the storm is over, reconciling", flush=True)
    time.sleep(LATE_SECONDS)  # until no request can be on its way any more
    from apps.core import runtime

    for practice in world.practices:
        _calm(runtime, practice)
    quiet = settle_all(practice.company_id for practice in world.practices)
    state = world.sandbox.control.json("GET", "/sandbox/state")["bookings"]
    verdicts = grade(entries(state), crowd.calls)
    verdicts.append(Verdict("callers whose script broke", len(crowd.problems), tuple(crowd.problems[:5])))
    settled = time.monotonic() - began - stormy
    return _report(crowd, verdicts, struck, world, state, chosen, (booked, taken), quiet, stormy, settled)


def _calm(runtime: object, practice: Practice) -> None:
    """The driver reconciles with fresh breakers and budgets."""
    from apps.core import runtime as pieces
    from apps.scheduling.models import CalendarAccount
    from apps.tenants.scoping import company_scope

    with company_scope(practice.company_id):
        account = CalendarAccount.objects.get()
    pieces.breaker(account.pk).reset()
    pieces.budget(account.pk).unblock()


def _report(
    crowd: Crowd,
    verdicts: Sequence[Verdict],
    struck: Counter[str],
    world: Town,
    state: Sequence[object],
    chosen: argparse.Namespace,
    conflicts: tuple[int, int],
    quiet: bool,
    stormy: float,
    settled: float,
) -> tuple[list[str], bool]:
    asked = crowd.bookings()
    statuses = Counter(
        told.status or "nothing heard"
        for caller in crowd.calls
        for told in caller.told
        if told.function == "book_appointment"
    )
    booked, taken = conflicts
    rate = taken / max(booked + taken, 1)
    rows: list[tuple[str, str, str, bool | None]] = [
        ("bookings asked for", f"{asked}", f"≥ {chosen.bookings}", asked >= chosen.bookings),
        ("calls", f"{len(crowd.calls)}", "–", None),
        ("bookings in the calendar", f"{len(state)}", "–", None),
        ("faults that struck", f"{sum(struck.values())}, {len(struck)} kinds", "–", None),
        ("processes killed", ", ".join(f"{n} {what}" for what, n in sorted(world.killed.items())), "–", None),
        *((one.what, f"{one.count}", "0", one.count == 0) for one in verdicts),
        ("quiet after reconciliation", "yes" if quiet else "no", "yes", quiet),
        (
            f"conflicts of 2–50 callers on one day, without faults ({booked + taken} bookings)",
            f"{rate:.2%}",
            "< 0.1 %",
            rate < 0.001,
        ),
        ("minutes of storm, of reconciliation", f"{stormy / 60:.1f}, {settled / 60:.1f}", "–", None),
    ]
    lines = ["| what | measured | target | ok |", "|---|---|---|---|"]
    verdict = {None: "–", True: "yes", False: "NO"}
    lines += [f"| {what} | {measured} | {target} | {verdict[ok]} |" for what, measured, target, ok in rows]
    lines += [
        "",
        "Answers to a booking: " + ", ".join(f"{n} {one}" for one, n in statuses.most_common()) + ".",
    ]
    lines += ["", "Faults: " + ", ".join(f"{n} {one}" for one, n in sorted(struck.items()) if n) + "."]
    for one in verdicts:
        for case in one.cases:
            print(f"  {one.what}: {case}", flush=True)
    return lines, any(ok is False for *_, ok in rows)


def _write(table: str, document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
