"""The tests' own ground: what the fixtures promise."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from apps.tenants.scoping import ScopeMissing, current_company_id, current_scope
from tests.conftest import MONDAY_MORNING
from tests.factories import Business, make_appointment, make_attempt, make_call, make_customer, make_offer


def test_a_test_cannot_reach_beyond_this_machine() -> None:
    # 192.0.2.0/24 is for documentation: nobody answers there even where the guard is missing.
    with socket.socket() as sock, pytest.raises((RuntimeError, UserWarning), match=r"socket\.connect"):
        sock.connect(("192.0.2.1", 80))


def test_loopback_stays_open() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client.connect(server.getsockname())


@pytest.mark.parametrize("round", [1, 2])
def test_nothing_cached_survives_a_test(round: int) -> None:
    assert cache.get("left-behind") is None
    cache.set("left-behind", round)


def test_the_clock_stands_until_it_is_moved(clock: time_machine.Traveller) -> None:
    assert timezone.now() == MONDAY_MORNING == timezone.now()
    clock.shift(60)
    assert timezone.now() == MONDAY_MORNING + timedelta(minutes=1)


def test_a_company_comes_without_a_scope(company: Business) -> None:
    with pytest.raises(ScopeMissing):
        current_scope()


def test_inside_enters_the_company(inside: Business) -> None:
    assert current_company_id() == inside.company.pk


def test_two_companies_share_no_more_than_the_event_type(company: Business, other_company: Business) -> None:
    assert company.event_type == other_company.event_type
    assert company.company != other_company.company
    assert company.account != other_company.account


def test_every_row_of_a_conversation_can_be_made(company: Business) -> None:
    start = datetime(2026, 1, 7, 14, 0, tzinfo=company.company.zone)
    call = make_call(company)
    customer = make_customer(company.company)
    appointment = make_appointment(company, start=start, customer=customer)
    attempt = make_attempt(company, start=start, owner=call.owner_key, appointment=appointment)
    offer = make_offer(call, place=company.place, start=start)
    assert {row.company_id for row in (call, customer, appointment, attempt, offer)} == {company.company.pk}
    assert appointment.end - appointment.start == timedelta(minutes=45)
