"""A few practices with calendars of their own, callers through Django's own client, and short patience."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from apps.core import runtime
from apps.sandbox.control import summary
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway, prewarming
from benchmarks._chaos_calls import Line
from benchmarks._chaos_grade import Entry, entries
from benchmarks._chaos_world import Practice, make_practices, scenario

PRACTICES = 4


class InProcess:
    """The platform without a wire between."""

    def post(self, path: str, raw: bytes, headers: dict[str, str], *, hang_up: bool) -> tuple[int, bytes]:
        client = Client(headers={"X-Retell-Signature": headers["X-Retell-Signature"]})
        answer = client.post(path, data=raw, content_type="application/json")
        return (0, b"") if hang_up else (answer.status_code, answer.content)


def calendar(sandbox: SandboxServer) -> list[Entry]:
    """The calendars' own state."""
    return entries([summary(one) for one in sandbox.calendar.bookings.values()])


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(port=0, scenario=scenario(PRACTICES)) as server:
        yield server


@pytest.fixture
def practices(transactional_db: None, sandbox: SandboxServer, settings: Settings) -> Iterator[list[Practice]]:
    """Everything is shorter than in earnest, and four accounts have the budgets of many."""
    settings.CALL_BUDGET_SECONDS = 3.0
    settings.CALCOM_SLOTS_TIMEOUT = 1.2
    settings.CALCOM_BOOKING_TIMEOUT = 1.5
    settings.CALCOM_SLOTS_LATE_TIMEOUT = 3.0
    settings.CALCOM_BOOKING_LATE_TIMEOUT = 3.0
    settings.CALCOM_REQUESTS_PER_SECOND = 100
    settings.CALCOM_REQUESTS_PER_MINUTE = 2_000
    settings.CIRCUIT_OPEN_SECONDS = 1
    runtime.forget()
    yield make_practices(PRACTICES, base_url=sandbox.base_url, company={"requests_per_minute": 10_000})
    assert gateway.drain(seconds=10)
    assert prewarming.drain(seconds=10)
    runtime.forget()


@pytest.fixture
def line() -> Line:
    return InProcess()
