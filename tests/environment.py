"""A pytest plugin loaded before the settings: the tests' own environment, whatever the shell's is.

``DATABASE_URL`` and ``REDIS_URL`` are taken over, so that the same tests run on PostgreSQL and Redis;
every other setting is fixed here, in this process and in those that tests start, and a developer's
``.env`` is not read. A connection to a database whose name does not begin with ``test_`` is refused
before the first statement.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from booking_platform import environment
from tools import dotenv

ROOT = Path(__file__).resolve().parent.parent
(ROOT / ".cache").mkdir(exist_ok=True)
DATA_DIR = Path(tempfile.mkdtemp(prefix="run-", dir=ROOT / ".cache"))


def own_redis(url: str) -> str:
    """The Redis database of this process: where tests run in several, each empties its own alone."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    number = urlsplit(url).path.strip("/") or "0"
    return urlsplit(url)._replace(path=f"/{int(number) + int(worker)}").geturl() if url else ""


OWN = {
    "DEBUG": "true",
    "SECRET_KEY": "tests-only-secret-key-tests-only-secret-key-tests-only",
    "FIELD_ENCRYPTION_KEYS": "dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0wMDAwMDA=",
    "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "DATA_DIR": str(DATA_DIR),
    "DATABASE_URL": os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'db.sqlite3'}",
    "REDIS_URL": own_redis(os.environ.get("REDIS_URL", "")),
    "CELERY_BROKER_URL": "memory://",
    "METRICS_TOKEN": "metrics-token-of-the-tests",
}
os.environ.update({**dotenv.read(ROOT / ".env.example"), **OWN})
# What a process's environment names is not looked up in .env; what it does not name is no business of a test.
environment.load = lambda root: environment.Environment()


class RealDatabaseRefused(RuntimeError):
    """The tests were about to use a database that is not a test database."""


def refuse_real_database(*, connection: Any, **_: Any) -> None:
    """Raise unless the database's name begins with ``test_`` (incident 61: production rows deleted)."""
    name = Path(str(connection.settings_dict["NAME"] or "")).name
    if connection.alias != "__no_db__" and not name.startswith("test_"):
        connection.close()
        raise RealDatabaseRefused(f"tests may only use a database named test_…, not {name!r}")


def pytest_configure() -> None:
    from django.db.backends.signals import connection_created

    connection_created.connect(refuse_real_database, weak=False, dispatch_uid="refuse_real_database")


def pytest_unconfigure() -> None:
    import shutil

    shutil.rmtree(DATA_DIR, ignore_errors=True)
