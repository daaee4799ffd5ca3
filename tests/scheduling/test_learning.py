"""What an event type demands is looked up once and kept."""

from __future__ import annotations

from typing import Any

import pytest

from apps.sandbox.server import SandboxServer
from apps.scheduling import learning
from apps.scheduling.places import load_places
from apps.tenants.scoping import company_scope
from tests.calls.conftest import account
from tests.factories import make_business


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("required", [True, False])
def test_whether_an_email_is_demanded_is_asked_once(required: bool) -> None:
    scenario: dict[str, Any] = {"accounts": [account(email_required=required, phone="optional")]}
    with SandboxServer(port=0, scenario=scenario) as sandbox:
        business = make_business(base_url=sandbox.base_url)
        with company_scope(business.company.pk):
            (place,) = load_places(business.company)
            learning.learn(place)
            learning.learn(place)
        business.event_type.refresh_from_db()
        assert business.event_type.email_required is required
        assert len(sandbox.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_a_calendar_that_does_not_answer_teaches_nothing_and_breaks_nothing() -> None:
    with SandboxServer(port=0, scenario={"accounts": [account()]}) as sandbox:
        sandbox.faults.add("status", status=503)
        business = make_business(base_url=sandbox.base_url)
        with company_scope(business.company.pk):
            (place,) = load_places(business.company)
            learning.learn(place)
        business.event_type.refresh_from_db()
        assert business.event_type.email_required is None
