"""A hundred thousand requests that make no sense, against the production web server.

``python -m benchmarks fuzz [--requests N] [--seed N]`` sends real requests changed at random
(``benchmarks._mutations``) over several connections to two web servers of one process each. It fails on any
5xx, on any answer that takes longer than a caller waits, on anything that broke inside, and when the memory
of either process after its 20,000th function is more than 1.1 times that after its 2,000th.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import json
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import _stage
from benchmarks._mutations import Mutant, Mutations, headers
from benchmarks._table import Row, finish

# Each server has one process: several behind one port would share the connections as chance has it.
SERVERS = 2
CONNECTIONS = 6
LONGEST_SECONDS = 6.0
EARLY, LATE = 2_000, 20_000
MOST_GROWTH = 1.1
STEP = 10_000
CALENDAR_SECRET = "webhook-secret-of-the-benchmarks"  # made for this run


@dataclass
class Server:
    """One web process: how many functions it has answered, and its memory in KiB after some of them."""

    pid: int
    functions: int = 0
    memory: dict[int, int] = field(default_factory=dict)

    def answered(self) -> None:
        self.functions += 1
        if self.functions in (EARLY, LATE):
            self.memory[self.functions] = resident(self.pid)

    @property
    def growth(self) -> float | None:
        """None: it has not answered enough to say."""
        return self.memory[LATE] / self.memory[EARLY] if LATE in self.memory else None


@dataclass
class Tally:
    """What came back. ``rates``: requests a second, of every ten thousand."""

    servers: list[Server]
    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    broken: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def functions(self) -> int:
        return sum(server.functions for server in self.servers)


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


def resident(pid: int) -> int:
    """Resident memory of a process, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def web_process(port: int) -> int:
    """The process that answers at this port, of a server that this process has started."""
    for server in children(os.getpid()):
        words = Path(f"/proc/{server}/cmdline").read_bytes().split(b"\0")
        if b"granian" in words and str(port).encode() in words:
            (worker,) = children(server)
            return worker
    raise RuntimeError(f"no web server of this process listens on port {port}")


def address(mutant: Mutant, stage: _stage.Stage) -> str:
    if mutant.endpoint.startswith("/"):
        return mutant.endpoint
    if mutant.endpoint == "calcom":
        return "/webhooks/calcom/bench-practice/"
    return f"/webhooks/telephony/{stage.account}/{mutant.endpoint}/"


def signed(mutant: Mutant) -> dict[str, str]:
    if mutant.endpoint != "calcom":
        return _stage.signed(mutant.raw)
    digest = hmac.new(CALENDAR_SECRET.encode(), mutant.raw, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Cal-Signature-256": digest}


def send(stage: _stage.Stage, web: int, tally: Tally, mutations: Mutations, requests: int) -> None:
    """One connection's share."""
    connection = stage.connect(web)
    for _ in range(requests):
        mutant = mutations.next()
        began = time.monotonic()
        try:
            status, content, seconds = connection.send(
                mutant.method, address(mutant, stage), mutant.raw, headers(mutant, signed(mutant))
            )
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            connection = stage.connect(web)
            status, content, seconds = 0, type(error).__name__.encode(), time.monotonic() - began
        with tally.lock:
            note(tally, tally.servers[web], mutant, status, content, seconds)
    connection.close()


def note(tally: Tally, server: Server, mutant: Mutant, status: int, content: bytes, seconds: float) -> None:
    tally.statuses[status] += 1
    tally.slowest = max(tally.slowest, seconds)
    if status == 0 or status >= 500 or seconds > LONGEST_SECONDS:
        tally.broken.append(f"{status} after {seconds:.1f} s: {mutant.endpoint} {mutant.raw[:300]!r}")
    if mutant.endpoint == "functions" and status == 200:
        server.answered()
        if b"Das System ist gerade nicht erreichbar" in content:
            tally.broken.append(f"broke inside: {mutant.raw[:300]!r}")
    total = tally.statuses.total()
    if total % STEP == 0:
        now = time.monotonic()
        tally.rates.append(STEP / (now - tally.began))
        tally.began = now
        print(f"{total:>7} requests, {tally.functions} functions, {tally.rates[-1]:.0f}/s", flush=True)


def run(requests: int, seed: int) -> tuple[Tally, float]:
    """All of them; returns what came back and how long it took."""
    with _stage.database(), _stage.stage(servers=SERVERS, workers=1) as stage:
        _give_secret()
        tally = Tally([Server(web_process(port)) for port in stage.web_ports])
        threads = [
            threading.Thread(
                target=send,
                args=(
                    stage,
                    number % SERVERS,
                    tally,
                    Mutations(seed=seed + number, number=stage.number),
                    requests // CONNECTIONS + (number < requests % CONNECTIONS),
                ),
            )
            for number in range(CONNECTIONS)
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
        for web in range(SERVERS):
            tally.logged += errors_logged(_stage.FOLDER / "log" / f"web-{web}.log")
        return tally, seconds


def errors_logged(log: Path) -> list[str]:
    """What the web server itself called an error; personal data is redacted there."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if '"level": "error"' in line or "Traceback" in line]


def _give_secret() -> None:
    from apps.scheduling.models import CalendarAccount
    from apps.tenants.context import all_companies

    with all_companies():
        account = CalendarAccount.objects.get(company__slug="bench-practice")
        account.webhook_secret = CALENDAR_SECRET
        account.save()


def memory(number: int, server: Server) -> Row:
    what, target = f"memory of process {number}, 20,000 functions to 2,000", f"≤ {MOST_GROWTH}"
    if server.growth is None:
        return Row(what, f"only {server.functions} functions", target=target, ok=False)
    after, before = server.memory[LATE] / 1024, server.memory[EARLY] / 1024
    ok = server.growth <= MOST_GROWTH
    return Row(what, f"{after:.0f} MiB", f"{before:.0f} MiB", server.growth, target, ok)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    tally, seconds = run(options.requests, options.seed)
    print(_stage.described())
    print(json.dumps({str(status): count for status, count in sorted(tally.statuses.items())}))
    print("\n".join([*tally.broken[:20], *tally.logged[:20]]))
    total = tally.statuses.total()
    rows = [
        Row("requests", f"{total}", f"{total / seconds:.0f}/s"),
        Row(
            "5xx, no answer, too late, broke inside", str(len(tally.broken)), target="0", ok=not tally.broken
        ),
        Row("slowest answer", f"{tally.slowest:.2f} s", target=f"≤ {LONGEST_SECONDS} s"),
        *(memory(number, server) for number, server in enumerate(tally.servers, start=1)),
    ]
    if len(tally.rates) > 1:
        first, last = tally.rates[0], tally.rates[-1]
        rows.insert(
            1, Row("the last ten thousand to the first", f"{last:.0f}/s", f"{first:.0f}/s", last / first)
        )
    finish(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
