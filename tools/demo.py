"""The main job, played on this machine: the processes of the Procfile, a stand-in calendar, a caller.

Everything runs on loopback and free ports, with the settings of production (``DEBUG=false``). Database,
cache and broker are the embedded ones, in ``var/demo``: made anew at every start, as the stand-in calendar
is, since the two must agree. A database or Redis named in the shell or in ``.env`` is never touched.
"""

from __future__ import annotations

import argparse
import fcntl
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import FrameType

from tools import dotenv, procfile
from tools.processes import Processes, ProcessFailedError

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = ROOT / "var" / "demo"
LOG_DIR = ROOT / "var" / "log"
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
MANAGE = (sys.executable, "manage.py")
LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = (
    4.0  # a worker on the embedded queue takes up to 7 s; what it would still do here is thrown away
)
ADMIN = "admin"
# The keys that the stand-in calendar was born with (apps/sandbox/scenarios/default.toml).
STAND_IN_KEYS = {"PARK_CALCOM_KEY": "cal_sandbox_park", "LINDEN_CALCOM_KEY": "cal_sandbox_linde"}
TRIGGERS = (
    "BOOKING_CREATED",
    "BOOKING_REQUESTED",
    "BOOKING_RESCHEDULED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
)


class DemoError(Exception):
    """A step failed; the message says which."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the demo listens, on loopback."""

    web: int
    sandbox: int


def free_port(preferred: int, *, but_not: int = 0) -> int:
    """``preferred`` when nothing listens there, else one that the system gives."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            if found != but_not:
                return found
    return free_port(0, but_not=but_not)


def settings(ports: Ports) -> dict[str, str]:
    """The environment of every process: the shell's, then ``.env``, the demo's own where it must differ.

    Of both only secrets are used: their database is not the demo's, nor is their calendar.
    """
    given = dict(os.environ)
    known = {**dotenv.read(ROOT / ".env"), **given}
    return {
        **given,
        **{name: known.get(name) or value for name, value in secrets_needed().items()},
        **STAND_IN_KEYS,
        "CALCOM_BASE_URL": f"http://{LOOPBACK}:{ports.sandbox}/v2",
        "DEBUG": "false",
        "TRUST_PROXY": "false",
        "ALLOWED_HOSTS": f"localhost,{LOOPBACK}",
        "DATA_DIR": str(DATA_DIR),
        "DATABASE_URL": "",
        "DATABASE_MIGRATION_URL": "",
        "REDIS_URL": "",
        "CELERY_BROKER_URL": "",
        "HOST": LOOPBACK,
        "PORT": str(ports.web),
        "PYTHONUNBUFFERED": "1",
    }


def secrets_needed() -> dict[str, str]:
    """A fresh value for each secret that the settings or the example companies ask for."""
    names = dotenv.company_variables(EXAMPLES) - {"CALCOM_BASE_URL", *STAND_IN_KEYS}
    return {**dotenv.fresh_secrets(), **dotenv.fresh_keys(names)}


def write_env() -> None:
    """A ``.env`` for this checkout, when there is none."""
    if not (ROOT / ".env").exists():
        dotenv.write(ROOT / ".env", template=ROOT / ".env.example", values=secrets_needed())
        say("Wrote .env with fresh secrets.")


def say(line: str = "") -> None:
    """One line of the demo's own."""
    print(line, flush=True)


def run(*command: str, environment: Mapping[str, str], what: str) -> None:
    """Run one step to its end; its output is shown when it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"{what} failed with {done.returncode}:\n{done.stdout.strip()}")


def answers(port: int, path: str) -> bool:
    """Whether an HTTP server answers there without an error of its own."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_for(processes: Processes, *, port: int, path: str, what: str) -> None:
    """Wait until ``what`` answers; raises when it, or any other process, has ended or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(port, path):
        processes.check()
        if time.monotonic() > deadline:
            raise DemoError(f"{what} did not answer on port {port} within {START_SECONDS:.0f} s")
        time.sleep(0.1)


def start(processes: Processes, *, ports: Ports) -> None:
    """Start the stand-in calendar and what the Procfile names, and wait until both servers answer."""
    lines = procfile.read(ROOT / "Procfile")
    run("sh", "-c", lines["release"], environment=processes.environment, what="release")
    processes.start("sandbox", (*MANAGE, "calcom_sandbox", "--port", str(ports.sandbox)))
    for name in ("web", "worker", "beat"):
        processes.start(name, ("sh", "-c", lines[name]))
    wait_for(processes, port=ports.sandbox, path="/", what="the stand-in calendar")
    wait_for(processes, port=ports.web, path="/health/live/", what="the web server")


def apply_examples(environment: Mapping[str, str], *, ports: Ports) -> None:
    """The example companies; their calendars tell the web server of changes, as Cal.com's do."""
    for file in EXAMPLES:
        run(*MANAGE, "apply_company", str(file), environment=environment, what=f"apply_company {file.name}")
        company = tomllib.loads(file.read_text(encoding="utf-8"))["company"]
        key, secret = (
            environment[company["calcom"][name].removeprefix("env:")]
            for name in ("api_key", "webhook_secret")
        )
        address = f"http://{LOOPBACK}:{ports.web}/webhooks/calcom/{company['slug']}/"
        subscribe(address, ports=ports, key=key, secret=secret)


def subscribe(address: str, *, ports: Ports, key: str, secret: str) -> None:
    """Ask the stand-in calendar to send its webhooks to ``address``, signed with ``secret``."""
    body = {"active": True, "subscriberUrl": address, "triggers": TRIGGERS, "secret": secret}
    connection = http.client.HTTPConnection(LOOPBACK, ports.sandbox, timeout=5)
    try:
        connection.request(
            "POST",
            "/v2/webhooks",
            body=json.dumps(body),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        if answer.status != HTTPStatus.CREATED:
            raise DemoError(f"the stand-in calendar refused a webhook: {answer.read().decode()}")
    finally:
        connection.close()


def create_admin(environment: Mapping[str, str]) -> str:
    """A superuser; the fresh password is returned."""
    password = secrets.token_urlsafe(12)
    run(
        *(*MANAGE, "createsuperuser", "--no-input", "--username", ADMIN, "--email", "admin@example.invalid"),
        environment={**environment, "DJANGO_SUPERUSER_PASSWORD": password},
        what="createsuperuser",
    )
    return password


def play(environment: Mapping[str, str], *, ports: Ports) -> int:
    """The main job, printed as it is spoken; the simulator's exit code."""
    url = f"http://{LOOPBACK}:{ports.web}"
    command = (*MANAGE, "simulate_calls", "main_job", "--url", url)
    return subprocess.run(
        command, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, check=False
    ).returncode


def serve(processes: Processes) -> None:
    """Keep serving until Ctrl-C, or until whoever started the demo is gone."""
    parent = os.getppid()
    say("Serving until Ctrl-C.")
    while os.getppid() == parent:
        processes.check()
        time.sleep(0.5)


def demo(*, once: bool) -> int:
    """Play the demo; the exit code of the main job."""
    write_env()
    ports = Ports(web=(web := free_port(8000)), sandbox=free_port(8600, but_not=web))
    environment = settings(ports)
    say("Starting a stand-in calendar, the web server, a worker and beat ...")
    with Processes(
        folder=ROOT, log_folder=LOG_DIR, environment=environment, patience=STOP_SECONDS
    ) as processes:
        start(processes, ports=ports)
        apply_examples(environment, ports=ports)
        password = create_admin(environment)
        code = play(environment, ports=ports)
        processes.check()
        say()
        say(f"Admin: http://{LOOPBACK}:{ports.web}/admin/")
        say(f"Login: {ADMIN} / {password}")
        say(f"Logs:  {LOG_DIR.relative_to(ROOT)}/")
        say(f"Commands: DATA_DIR={DATA_DIR.relative_to(ROOT)} .venv/bin/python manage.py booking_report")
        if not once:
            serve(processes)
    return code


@contextmanager
def alone() -> Iterator[None]:
    """One demo at a time in a checkout: a second one would take the database from under the first."""
    DATA_DIR.parent.mkdir(exist_ok=True)
    with (DATA_DIR.parent / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("a demo already runs in this checkout") from None
        shutil.rmtree(DATA_DIR, ignore_errors=True)
        yield


def leave(number: int, frame: FrameType | None) -> None:
    """SIGTERM and SIGHUP end the demo the way Ctrl-C does: by unwinding, which stops the children."""
    raise SystemExit(128 + number)


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the main job")
    once = parser.parse_args(arguments).once
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it otherwise
    try:
        with alone():
            return demo(once=once)
    except (DemoError, ProcessFailedError) as error:
        print(f"demo: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        say()
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
