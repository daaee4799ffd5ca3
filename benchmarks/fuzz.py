"""A hundred thousand requests that make no sense, against the production web server.

``python -m benchmarks fuzz [--requests N] [--seed N]`` sends real requests changed at random
(``benchmarks._mutations``) over several connections. It fails on any 5xx, on any answer that takes longer
than a caller waits, on anything that broke inside, and when a web process's memory after 20,000 functions is
more than 1.1 times that after 2,000.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import json
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import _stage
from benchmarks._mutations import Mutant, Mutations, headers
from benchmarks._table import Row, finish

CONNECTIONS = 6
LONGEST_SECONDS = 6.0
WORKERS = 2
# Functions that both web processes together have answered: 2,000 and 20,000 each.
EARLY, LATE = 2_000 * WORKERS, 20_000 * WORKERS
MOST_GROWTH = 1.1
CALENDAR_SECRET = "webhook-secret-of-the-benchmarks"  # made for this run


@dataclass
class Tally:
    """What came back; memory in KiB by the number of functions answered."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: Counter[int] = field(default_factory=Counter)
    functions: int = 0
    slowest: float = 0.0
    memory: dict[int, dict[int, int]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)


def workers(server: int) -> list[int]:
    """The web processes that this server has started."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii")
    return [int(pid) for pid in children.split()]


def memory(pids: list[int]) -> dict[int, int]:
    """Resident memory of each process, in KiB."""
    return {pid: resident(pid) for pid in pids}


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


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


def send(stage: _stage.Stage, tally: Tally, mutations: Mutations, requests: int, pids: list[int]) -> None:
    """One connection's share."""
    connection = stage.connect()
    for _ in range(requests):
        mutant = mutations.next()
        began = time.monotonic()
        try:
            status, content, seconds = connection.send(
                mutant.method, address(mutant, stage), mutant.raw, headers(mutant, signed(mutant))
            )
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            connection = stage.connect()
            status, content, seconds = 0, type(error).__name__.encode(), time.monotonic() - began
        note(tally, mutant, status, content, seconds, pids)
    connection.close()


def note(tally: Tally, mutant: Mutant, status: int, content: bytes, seconds: float, pids: list[int]) -> None:
    with tally.lock:
        tally.statuses[status] += 1
        tally.slowest = max(tally.slowest, seconds)
        if status == 0 or status >= 500 or seconds > LONGEST_SECONDS:
            tally.broken.append(f"{status} after {seconds:.1f} s: {mutant.endpoint} {mutant.raw[:300]!r}")
        if mutant.endpoint == "functions" and status == 200:
            tally.functions += 1
            if b"Das System ist gerade nicht erreichbar" in content:
                tally.broken.append(f"broke inside: {mutant.raw[:300]!r}")
            if tally.functions in (EARLY, LATE):
                tally.memory[tally.functions] = memory(pids)


def run(requests: int, seed: int) -> tuple[Tally, float]:
    """All of them; returns what came back and how long it took."""
    tally = Tally()
    with _stage.database(), _stage.stage(workers=WORKERS) as stage:
        _give_secret()
        pids = [pid for server in servers() for pid in workers(server)]
        began = time.monotonic()
        threads = [
            threading.Thread(
                target=send,
                args=(
                    stage,
                    tally,
                    Mutations(seed=seed + offset, number=stage.number),
                    requests // CONNECTIONS,
                    pids,
                ),
            )
            for offset in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
            print(f"{tally.statuses.total():>7} requests, {tally.functions} functions", flush=True)
        tally.logged = errors_logged(_stage.FOLDER / "log" / "web-0.log")
        return tally, time.monotonic() - began


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


def servers() -> list[int]:
    """The web servers that this process has started."""
    found = []
    for pid in workers(_stage.os.getpid()):
        if b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found.append(pid)
    return found


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
    ]
    early, late = tally.memory.get(EARLY), tally.memory.get(LATE)
    what, target = "memory, 20,000 functions to 2,000", f"≤ {MOST_GROWTH}"
    if early and late:
        growth = max(late[pid] / early[pid] for pid in early)
        after = f"{max(late.values()) // 1024} MiB"
        before = f"{max(early.values()) // 1024} MiB"
        rows.append(Row(what, after, before, growth, target, growth <= MOST_GROWTH))
    else:
        rows.append(Row(what, f"only {tally.functions} functions", target=target, ok=False))
    finish(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
