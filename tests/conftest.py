"""What every test gets: closed sockets, an empty memory, a clock to stop, two companies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache, caches
from django.core.management.commands import flush
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.configuration import set_hypothesis_home_dir
from pytest_django import DjangoDbBlocker
from pytest_socket import socket_allow_hosts

from apps.core import background, runtime
from apps.flags import state as flag_state
from apps.scheduling import availability, gateway, occupancy, prewarming
from apps.tenants.scoping import company_scope
from tests.application_role import as_application_role
from tests.factories import BERLIN, OTHER_NUMBER, Business, make_business

LOOPBACK = ["127.0.0.1", "::1", "localhost"]
# Monday; Wednesday, the 7th of January, is the day of the examples in the documentation.
MONDAY_MORNING = datetime(2026, 1, 5, 9, 0, tzinfo=BERLIN)

set_hypothesis_home_dir(Path(__file__).resolve().parent.parent / ".cache" / "hypothesis")
# An example that takes long on a busy machine is not a fault of the code.
_patient = hypothesis_settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.register_profile("dev", parent=_patient, max_examples=60)
hypothesis_settings.register_profile("ci", parent=_patient, max_examples=60, derandomize=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "dev")

# The names of models and what may be done with them: the same for every test.
MADE_BY_MIGRATIONS = frozenset({"django_content_type", "auth_permission"})

_resolved: dict[str, set[str]] = {}


@pytest.fixture(scope="session", autouse=True)
def _own_settings() -> None:
    """What is cached in a Redis that others use too stays theirs; a test's password is no secret."""
    settings.CACHES["default"]["KEY_PREFIX"] = f"test-{os.getpid()}"
    with suppress(AttributeError):
        del caches["default"]  # made before, with another prefix than every thread's own will have
    settings.WHITENOISE_AUTOREFRESH = True  # looks for a file when it is asked for, not for all at once
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _quick_and_tidy_database() -> None:
    """Threads of a test keep no connection; emptying the tables costs milliseconds, not a TRUNCATE each,
    and what migrations have made stays.

    Django's foreign keys are checked at the commit, so the order of the deletes does not matter. The rows
    of all companies are seen only by who says so. What goes on after its caller was answered must not
    write between the deletes.
    """
    connection.settings_dict["CONN_MAX_AGE"] = 0
    empty = connection.ops.sql_flush

    def sql_flush(style: Any, tables: Sequence[str], **more: Any) -> list[str]:
        gateway.drain(seconds=2)
        prewarming.drain(seconds=2)
        emptied = [name for name in tables if name not in MADE_BY_MIGRATIONS]
        if connection.vendor != "postgresql":
            return empty(style, emptied, **more)
        everybody = "SELECT set_config('app.companies', 'all', true)"
        return [everybody, *(f'DELETE FROM "{name}"' for name in emptied)]

    connection.ops.sql_flush = sql_flush
    flush.emit_post_migrate_signal = lambda *_, **__: None


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """On PostgreSQL the role of DATABASE_URL makes the database; the tests' own role owns nothing."""
    with django_db_blocker.unblock(), as_application_role():
        yield
        # A database that somebody still uses cannot be dropped.
        gateway.drain(seconds=5)
        prewarming.drain(seconds=5)


@pytest.fixture(autouse=True)
def _loopback_only() -> None:
    """No test reaches beyond this machine; the plugin takes the restriction off again afterwards."""
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True, resolution_cache=_resolved)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Each test begins without cached answers, flags or limits of the one before."""
    forget_everything()
    yield
    forget_everything()


def forget_everything() -> None:
    """Empty what outlives a test: cache, breakers, limits and this process's copies."""
    redis = runtime.redis_client()
    if redis is None:
        cache.clear()
        shutil.rmtree(settings.DATA_DIR / "shared", ignore_errors=True)
    else:
        cache.delete_pattern("*")  # type: ignore[attr-defined]
        short_lived = [*redis.scan_iter(match="limits:*", count=1_000), "bp:circuits", "bp:blocks"]
        redis.delete(*short_lived)
    runtime.forget()
    background.forget()
    flag_state.forget()
    availability.forget()
    occupancy.forget()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clock, stopped at Monday, 5 January 2026, 09:00 in Berlin; ``move_to`` and ``shift`` move it."""
    # As UTC: a zone would become the process's own, and hide a mix-up of the two.
    with time_machine.travel(MONDAY_MORNING.astimezone(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def company(db: None) -> Business:
    """A company that a call can reach; no scope is entered."""
    return make_business()


@pytest.fixture
def other_company(db: None) -> Business:
    """Another company, with the same event type id as ``company`` in the same calendar."""
    return make_business("linden-clinic", number=OTHER_NUMBER, company={"language": "en"})


@pytest.fixture
def inside(company: Business) -> Iterator[Business]:
    """``company`` with its scope entered."""
    with company_scope(company.company.pk):
        yield company
