"""A pytest plugin: which tests need a real service, and what happens where it is missing.

Tests marked ``postgres``, ``redis`` or ``browser`` are skipped, with the reason, where the environment
names no such service. With ``REQUIRE_SERVICES=1`` (which CI sets) nothing may be skipped unseen: the run
stops when PostgreSQL, Redis or Chromium is missing, and every skip fails whose reason does not say that
the test is for ``SQLite alone``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator

import pytest

STRICT = os.environ.get("REQUIRE_SERVICES") == "1"
SKIP_ALLOWED = "SQLite alone"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def postgres_missing() -> str | None:
    """Why tests of PostgreSQL cannot run, or None."""
    if not os.environ.get("DATABASE_URL", "").startswith(("postgres://", "postgresql://")):
        return "DATABASE_URL names no PostgreSQL"
    return None


def redis_missing() -> str | None:
    """Why tests of Redis cannot run, or None."""
    return None if os.environ.get("REDIS_URL") else "REDIS_URL is not set"


def browser_missing() -> str | None:
    """Why tests in a browser cannot run, or None."""
    return None if chromium() else "no Chromium is installed"


def chromium() -> str | None:
    """The path of the machine's Chromium; Playwright's own download is not used."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


MISSING: dict[str, Callable[[], str | None]] = {
    "postgres": postgres_missing,
    "redis": redis_missing,
    "browser": browser_missing,
}


def unreachable() -> list[str]:
    """One sentence for each service that is missing or does not answer."""
    import psycopg
    import redis

    reasons = [reason for missing in MISSING.values() if (reason := missing())]
    if not postgres_missing():
        try:
            psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=3).close()
        except psycopg.OperationalError:
            reasons.append("PostgreSQL does not answer at DATABASE_URL")
    if not redis_missing():
        try:
            with redis.Redis.from_url(os.environ["REDIS_URL"], socket_connect_timeout=3) as client:
                client.ping()
        except redis.RedisError:
            reasons.append("Redis does not answer at REDIS_URL")
    return reasons


def pytest_sessionstart() -> None:
    if STRICT and (reasons := unreachable()):
        raise pytest.UsageError("REQUIRE_SERVICES=1, but " + "; ".join(reasons))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reasons = {name: reason for name, missing in MISSING.items() if (reason := missing())}
    for item in items:
        for name, reason in reasons.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


def seen(reason: str) -> bool:
    """Whether a skip with this reason is meant, rather than a hole in the run."""
    return not STRICT or SKIP_ALLOWED in reason


def why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The reason of a skipped report."""
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not seen(why(report)):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: skipped although REQUIRE_SERVICES=1 ({why(report)})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and not seen(why(report)):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: skipped although REQUIRE_SERVICES=1 ({why(report)})"
    return report
