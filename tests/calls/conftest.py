"""A practice whose calendar is the sandbox, on a stopped clock: Monday, 5 January 2026, 09:00."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine

from apps.core import runtime
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway, prewarming
from apps.tenants.scoping import company_scope
from tests.factories import API_KEY, OTHER_NUMBER, Business, make_business
from tests.phone import Phone

OTHER_KEY = "cal_test_other_0123456789"
OFFICE = [
    {"days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "start": "09:00", "end": "18:00"}
]


def account(key: str = API_KEY, *, username: str = "praxis", **event_type: Any) -> dict[str, Any]:
    """A calendar account of the sandbox with event type 123, 45 minutes every quarter of an hour."""
    return {
        "key": key,
        "username": username,
        "name": username.title(),
        "email": f"{username}@praxis.example",
        "timezone": "Europe/Berlin",
        "language": "de",
        "event_types": [
            {
                "id": 123,
                "title": "Fußpflege",
                "slug": "fusspflege",
                "length": 45,
                "slot_interval": 15,
                "email_required": False,
                "phone": "required",
                **event_type,
            }
        ],
    }


@pytest.fixture
def scenario() -> dict[str, Any]:
    """Wednesday, half past two, is taken; override to change."""
    park = account()
    park["busy"] = [{"start": "2026-01-07T14:45:00+01:00", "end": "2026-01-07T15:15:00+01:00"}]
    return {"accounts": [park, account(OTHER_KEY, username="linden")]}


@pytest.fixture
def sandbox(scenario: dict[str, Any]) -> Iterator[SandboxServer]:
    with SandboxServer(port=0, scenario=scenario) as server:
        yield server


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    """No thread of a test writes into the next one's database."""
    runtime.forget()
    yield
    assert gateway.drain(seconds=35)
    assert prewarming.drain(seconds=35)
    runtime.forget()


@pytest.fixture
def practice(transactional_db: None, clock: time_machine.Traveller, sandbox: SandboxServer) -> Business:
    return make_business(base_url=sandbox.base_url)


@pytest.fixture
def linden(transactional_db: None, clock: time_machine.Traveller, sandbox: SandboxServer) -> Business:
    """Another company at the same Cal.com, with the same event type id, under a key of its own."""
    business = make_business(
        "linden-clinic", number=OTHER_NUMBER, base_url=sandbox.base_url, company={"language": "en"}
    )
    business.calendar.api_key = OTHER_KEY
    with company_scope(business.company.pk):
        business.calendar.save()
    return business


@pytest.fixture
def phone(practice: Business) -> Phone:
    return Phone(practice)


@pytest.fixture
def standing(sandbox: SandboxServer) -> Callable[[], list[Any]]:
    """The bookings that stand in the calendar."""

    def bookings() -> list[Any]:
        return [one for one in sandbox.calendar.bookings.values() if one.status in ("accepted", "pending")]

    return bookings
