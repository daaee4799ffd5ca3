"""A stage for benchmarks: a fresh database, the production web server, the sandbox, signed callers.

On PostgreSQL and Redis (``DATABASE_URL`` and ``REDIS_URL``, loopback unless given), in a database of its
own whose name begins with ``bench_``; on the embedded SQLite and files where they do not answer. Import
this module before anything of Django: it sets the environment.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from benchmarks._upkeep import upkeep
from tools.processes import Processes

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "bench" / str(os.getpid())
HOST = "127.0.0.1"
BERLIN = ZoneInfo("Europe/Berlin")
SIGNING_KEY = "key_of_the_benchmarks_0123456789"
API_KEY = "cal_sandbox_bench"
EVENT_TYPE = 123
START_SECONDS = 30.0


def _reachable(url: str, default_port: int) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or HOST, parts.port or default_port), timeout=1).close()
    except OSError:
        return False
    return True


def _environment() -> dict[str, str]:
    database = os.environ.get("DATABASE_URL") or f"postgres://root@{HOST}:5432/postgres"
    redis = os.environ.get("REDIS_URL") or f"redis://{HOST}:6379/5"
    if database.startswith("postgres") and _reachable(database, 5432):
        database = urlsplit(database)._replace(path=f"/bench_{os.getpid()}").geturl()
    else:
        database = f"sqlite:///{FOLDER / 'bench_db.sqlite3'}"
    return {
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": "YmVuY2htYXJrcy1vbmx5LWVuY3J5cHRpb24ta2V5LTA=",
        "ALLOWED_HOSTS": HOST,
        "DATA_DIR": str(FOLDER),
        "DATABASE_URL": database,
        "DATABASE_MIGRATION_URL": "",
        "REDIS_URL": redis if _reachable(redis, 6379) else "",
        "CELERY_BROKER_URL": "memory://",
        "BENCH_SIGNING_KEY": SIGNING_KEY,
        "DJANGO_SETTINGS_MODULE": "benchmarks._floor_settings",
        "EVENTS_PER_MINUTE": "1000000",
        "CALCOM_REQUESTS_PER_MINUTE": "1000000",
        "CALCOM_REQUESTS_PER_SECOND": "100000",
        "CALL_LOOP_LIMIT": "1000000",
        "PYTHONUNBUFFERED": "1",
    }


FOLDER.mkdir(parents=True, exist_ok=True)
os.environ.update(_environment())
OWNER_URL = os.environ["DATABASE_URL"]
ON_POSTGRES = os.environ["DATABASE_URL"].startswith("postgres")
ON_REDIS = bool(os.environ["REDIS_URL"])


def described() -> str:
    """Which services the numbers are of."""
    database = "PostgreSQL" if ON_POSTGRES else "SQLite (no PostgreSQL answers)"
    cache = "Redis" if ON_REDIS else "files (no Redis answers)"
    return f"{database}, {cache}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"


@contextmanager
def database() -> Iterator[None]:
    """A fresh, migrated database, dropped at the end; Django is set up in this process."""
    name = _create()
    try:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        if name:
            os.environ["DATABASE_URL"] = _application_url(name)
        with upkeep(OWNER_URL) if name else nullcontext():
            yield
    finally:
        from django.db import connections

        connections.close_all()
        _forget_cache()
        if name:
            os.environ["DATABASE_URL"] = OWNER_URL
            _server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            _server(f'DROP ROLE IF EXISTS "{name}_app"')
        shutil.rmtree(FOLDER, ignore_errors=True)


def _application_url(name: str) -> str:
    """For the processes that are started: a role that owns nothing, so that the policies bind it, as in
    production. This process stays the owner."""
    from django.db import connection

    from apps.tenants import row_security

    role, password = f"{name}_app", secrets.token_hex(16)
    _server(f'DROP ROLE IF EXISTS "{role}"')
    _server(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{password}'")
    row_security.grant(connection, role=role)
    parts = urlsplit(OWNER_URL)
    return parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port or 5432}").geturl()


def _forget_cache() -> None:
    if ON_REDIS:
        import redis

        with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
            client.flushdb()


def _server(statement: str) -> None:
    import psycopg

    url = urlsplit(OWNER_URL)._replace(path="/postgres", scheme="postgresql").geturl()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _create() -> str:
    _forget_cache()
    if not ON_POSTGRES:
        return ""
    name = urlsplit(OWNER_URL).path.lstrip("/")
    _server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _server(f'CREATE DATABASE "{name}"')
    return name


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def scenario_toml(*, slot_interval: int = 15, length: int = 45) -> str:
    """One account, open every day from eight to eight."""
    return f"""
[[accounts]]
key = "{API_KEY}"
username = "bench"
timezone = "Europe/Berlin"
rate_limit = 1000000
[[accounts.schedules]]
[[accounts.schedules.availability]]
days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
startTime = "08:00"
endTime = "20:00"
[[accounts.event_types]]
id = {EVENT_TYPE}
title = "Fußpflege"
slug = "fusspflege"
length = {length}
slot_interval = {slot_interval}
email_required = false
phone = "required"
"""


@dataclass
class Connection:
    """One kept-alive HTTP connection that says how long each exchange took."""

    port: int
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(HOST, self.port, timeout=60)

    def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, float]:
        """(status, body, seconds)."""
        began = time.perf_counter()
        self.connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, content, time.perf_counter() - began

    def json(self, method: str, path: str, body: object = None) -> Any:
        """A JSON exchange; raises on any status but 2xx."""
        raw = b"" if body is None else json.dumps(body).encode()
        status, content, _ = self.send(method, path, raw, {"Content-Type": "application/json"})
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {content[:300]!r}")
        return json.loads(content or b"{}")

    def close(self) -> None:
        self.connection.close()


@dataclass
class Sandbox:
    """The stand-in calendar in a process of its own."""

    port: int

    def __post_init__(self) -> None:
        self.control = Connection(self.port)

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}/v2"

    def latency(self, milliseconds: int) -> None:
        """Every question for slots takes this long; 0 = as fast as it goes."""
        if milliseconds:
            self.control.json(
                "POST", "/sandbox/faults", {"kind": "latency", "path": "/v2/slots", "ms": milliseconds}
            )
        else:
            self.control.json("DELETE", "/sandbox/faults")

    def slot_requests(self) -> int:
        """How often it was asked for slots."""
        counts: dict[str, int] = self.control.json("GET", "/sandbox/requests?limit=0")["counts"]
        return counts.get("GET /v2/slots", 0)

    def forget_requests(self) -> None:
        self.control.json("DELETE", "/sandbox/requests")

    def round_trip(self, day: date, *, days: int) -> float:
        """Seconds of one bare question for the slots of some days, on a warm connection."""
        path = (
            f"/v2/slots?eventTypeId={EVENT_TYPE}&start={day.isoformat()}T00:00:00Z"
            f"&end={(day + timedelta(days=days)).isoformat()}T00:00:00Z&timeZone=Europe/Berlin"
        )
        headers = {"Authorization": f"Bearer {API_KEY}", "cal-api-version": "2024-09-04"}
        status, content, seconds = self.control.send("GET", path, headers=headers)
        if status != 200:
            raise RuntimeError(f"the sandbox answered {status}: {content[:200]!r}")
        return seconds


_calls = itertools.count(1)


@dataclass
class Caller:
    """One call over real HTTP; ``ask`` returns the envelope and the seconds it took."""

    connection: Connection
    account: str
    dialled: str
    caller: str = "+491701234567"
    call_id: str = ""
    tools: int = 0

    def __post_init__(self) -> None:
        self.call_id = self.call_id or f"call_{os.getpid()}_{next(_calls):020d}"

    def body(self, name: str, args: Mapping[str, Any]) -> bytes:
        self.tools += 1
        call = {
            "call_id": self.call_id,
            "call_type": "phone_call",
            "from_number": self.caller,
            "to_number": self.dialled,
            "direction": "inbound",
            "transcript_with_tool_calls": [
                {"role": "tool_call_invocation", "tool_call_id": f"t{self.tools}", "name": name}
            ],
        }
        return json.dumps({"name": name, "args": args, "call": call}).encode()

    def ask(self, name: str, **args: Any) -> tuple[dict[str, Any], float]:
        status, content, seconds = self._post("functions", self.body(name, args))
        if status != 200:
            raise RuntimeError(f"{name}: {status} {content[:300]!r}")
        return json.loads(content), seconds

    def event(self, name: str, **more: Any) -> None:
        self.tools += 1
        call = {
            "call_id": self.call_id,
            "call_type": "phone_call",
            "from_number": self.caller,
            "to_number": self.dialled,
            "direction": "inbound",
            **more,
        }
        status, content, _ = self._post("events", json.dumps({"event": name, "call": call}).encode())
        if status != 204:
            raise RuntimeError(f"{name}: {status} {content[:300]!r}")

    def ring(self) -> dict[str, Any]:
        """The provider's question before the agent speaks; the answer."""
        line = {"call_id": self.call_id, "from_number": self.caller, "to_number": self.dialled}
        raw = json.dumps({"event": "call_inbound", "call_inbound": line}).encode()
        status, content, _ = self._post("inbound", raw)
        if status != 200:
            raise RuntimeError(f"inbound: {status} {content[:300]!r}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    def floor(self) -> float:
        """Seconds of the bare view with a body like any other."""
        raw = self.body("check_availability", {"when": "übermorgen halb drei"})
        status, content, seconds = self._send("/floor/", raw)
        if status != 200:
            raise RuntimeError(f"floor: {status} {content[:300]!r}")
        return seconds

    def _post(self, path: str, raw: bytes) -> tuple[int, bytes, float]:
        return self._send(f"/webhooks/telephony/{self.account}/{path}/", raw)

    def _send(self, path: str, raw: bytes) -> tuple[int, bytes, float]:
        return self.connection.send("POST", path, raw, signed(raw))


def signed(raw: bytes) -> dict[str, str]:
    """Retell's headers for these bytes."""
    import hashlib
    import hmac

    stamp = str(int(time.time() * 1000))
    digest = hmac.new(SIGNING_KEY.encode(), raw + stamp.encode(), hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Retell-Signature": f"v={stamp},d={digest}"}


@dataclass
class Stage:
    """Sandbox and web server, running, with one company that can be called."""

    sandbox: Sandbox
    web_ports: list[int]
    account: str
    number: str
    business: Any

    def connect(self, web: int = 0) -> Connection:
        return Connection(self.web_ports[web])

    def caller(self, connection: Connection, **values: Any) -> Caller:
        return Caller(connection, account=self.account, dialled=self.number, **values)


def _until(processes: Processes, port: int, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        processes.check()
        try:
            Connection(port).send("GET", path)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing answers on port {port}") from None
            time.sleep(0.1)


# As in the Procfile: large bodies are given back to the system, not kept in pieces.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "2"}


def granian(port: int, *, workers: int, threads: int = 32) -> tuple[str, ...]:
    """The Procfile's web server."""
    return (
        sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--host", HOST,
        "--port", str(port), "--workers", str(workers), "--blocking-threads", str(threads),
        "--backlog", "2048", "--backpressure", "1024", "booking_platform.wsgi:application",
    )  # fmt: skip


@contextmanager
def stage(
    *,
    servers: int = 1,
    workers: int = 2,
    threads: int = 32,
    slot_interval: int = 15,
    length: int = 45,
    name: str = "bench-practice",
    number: str = "+493012345678",
) -> Iterator[Stage]:
    """Everything running; call inside ``database()``, a second time with another company and number."""
    from tests.factories import make_business

    sandbox_port, web_ports = free_port(), [free_port() for _ in range(servers)]
    scenario = FOLDER / "scenario.toml"
    scenario.write_text(scenario_toml(slot_interval=slot_interval, length=length), encoding="utf-8")
    with Processes(folder=ROOT, log_folder=FOLDER / "log", environment=os.environ) as processes:
        manage = (sys.executable, "manage.py", "calcom_sandbox", "--scenario", str(scenario))
        processes.start("sandbox", (*manage, "--port", str(sandbox_port)))
        for web, port in enumerate(web_ports):
            command = granian(port, workers=workers, threads=threads)
            processes.start(f"web-{web}", command, environment={"WEB_THREADS": str(threads), **MEMORY})
        sandbox = Sandbox(sandbox_port)
        business = make_business(
            name,
            number=number,
            event_type=EVENT_TYPE,
            base_url=sandbox.base_url,
            company={"requests_per_minute": 1_000_000},
            service={"duration_minutes": length},
            branch={
                "hours": {
                    day: [["08:00", "20:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
                }
            },
        )
        account, calendar = business.account, business.calendar
        account.signing_key = SIGNING_KEY
        account.save()
        from apps.tenants.scoping import company_scope

        with company_scope(business.company.pk):
            calendar.api_key = API_KEY
            calendar.save()
        _until(processes, sandbox_port, "/")
        for port in web_ports:
            _until(processes, port, "/health/live/")
        processes.check()
        yield Stage(sandbox, web_ports, account.slug, number, business)


def local_day(ahead: int) -> date:
    """The day some days from today, in the company's zone."""
    return datetime.now(BERLIN).date() + timedelta(days=ahead)
