"""The processes of the chaos: the calendar, several web servers and workers, beat – and how they die."""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import _stage
from benchmarks._chaos_world import Practice, as_toml, make_practices, scenario
from tools.processes import Child, Processes

SERVERS, WORKERS = 3, 2
THREADS = 8
PATIENCE_SECONDS = 12.0
TRIGGERS = (
    "BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "BOOKING_REJECTED",
)  # fmt: skip


@dataclass
class Web:
    """The web servers as a balancer puts callers through: to any of them, to another when one is gone."""

    ports: list[int]

    def post(self, path: str, raw: bytes, headers: dict[str, str], *, hang_up: bool) -> tuple[int, bytes]:
        """Status and body; status 0 when the connection broke before an answer."""
        for port in random.sample(self.ports, len(self.ports)):
            connection = http.client.HTTPConnection(_stage.HOST, port, timeout=PATIENCE_SECONDS)
            try:
                connection.connect()
            except OSError:
                continue  # nobody is there: the next one
            try:
                return self._exchange(connection, path, raw, headers, hang_up=hang_up)
            except (OSError, http.client.HTTPException):
                return 0, b""
            finally:
                connection.close()
        return 0, b""

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        raw: bytes,
        headers: dict[str, str],
        *,
        hang_up: bool,
    ) -> tuple[int, bytes]:
        connection.request("POST", path, raw, headers)
        if hang_up:
            time.sleep(0.01)
            return 0, b""
        answer = connection.getresponse()
        return answer.status, answer.read()


@dataclass
class Town:
    """All processes. ``by_business``: the uids that the business has made in its own calendar."""

    processes: Processes
    sandbox: _stage.Sandbox
    web: Web
    practices: list[Practice] = field(default_factory=list)
    living: dict[str, Child] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    by_business: set[str] = field(default_factory=set)

    def start(self, name: str) -> None:
        """Start the process of this name."""
        if name.startswith("web"):
            command = list(_stage.granian(self.web.ports[int(name[3:])], workers=1))
            command[command.index("--blocking-threads") + 1] = str(THREADS)
        elif name == "beat":
            command = _celery("beat", "--schedule", str(_stage.FOLDER / "beat"))
        else:
            command = _celery("worker", "--concurrency", "1", "--hostname", f"{name}@chaos")
        self.living[name] = self.processes.start(name, command)

    def kill(self, name: str) -> None:
        """kill -9, the whole family."""
        child = self.living[name]
        child.kill_group()
        child.process.wait()
        self.processes.children.remove(child)
        self.killed[name.rstrip("0123456789")] += 1

    def revive(self) -> None:
        """Start whatever does not run."""
        for name, child in list(self.living.items()):
            if child.process.poll() is not None:
                self.start(name)


def names() -> list[str]:
    """What can be killed."""
    return [*(f"web{n}" for n in range(SERVERS)), *(f"worker{n}" for n in range(WORKERS)), "beat"]


def _celery(what: str, *more: str) -> list[str]:
    start = [sys.executable, "-m", "celery", "--app", "booking_platform", what]
    return [*start, "--loglevel", "ERROR", *more]


@contextmanager
def town(practices: int) -> Iterator[Town]:
    """Everything running; call inside ``_stage.database()``."""
    sandbox_port = _stage.free_port()
    web = Web([_stage.free_port() for _ in range(SERVERS)])
    file = _stage.FOLDER / "chaos.toml"
    file.write_text(as_toml(scenario(practices)), encoding="utf-8")
    environment = {**os.environ, "WEB_THREADS": str(THREADS)}
    with Processes(
        folder=_stage.ROOT, log_folder=_stage.FOLDER / "log", environment=environment
    ) as processes:
        manage = (sys.executable, "manage.py", "calcom_sandbox", "--scenario", str(file))
        processes.start("sandbox", (*manage, "--port", str(sandbox_port)))
        _stage._until(processes, sandbox_port, "/")
        made = Town(processes, _stage.Sandbox(sandbox_port), web)
        made.practices = make_practices(practices, base_url=made.sandbox.base_url)
        for number, practice in enumerate(made.practices):
            _subscribe(made, practice, port=web.ports[number % SERVERS])
        for name in names():
            made.start(name)
        for port in web.ports:
            _stage._until(processes, port, "/health/live/")
        yield made


def _subscribe(town: Town, practice: Practice, *, port: int) -> None:
    """The calendar tells its company's webhook of everything."""
    from tests.factories import WEBHOOK_SECRET

    body = {
        "active": True,
        "subscriberUrl": f"http://{_stage.HOST}:{port}/webhooks/calcom/{practice.slug}/",
        "secret": WEBHOOK_SECRET,
        "triggers": list(TRIGGERS),
    }
    headers = {"Authorization": f"Bearer {practice.key}", "Content-Type": "application/json"}
    raw = json.dumps(body).encode()
    status, content, _ = town.sandbox.control.send("POST", "/v2/webhooks", raw, headers)
    if status != 201:
        raise RuntimeError(f"no webhook: {status} {content[:200]!r}")
