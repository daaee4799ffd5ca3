"""While the phone still rings: by the time the caller has said what they want, the answer is there."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine

from apps.calls.models import FunctionCall
from apps.flags.registry import Flag
from apps.sandbox.server import SandboxServer
from apps.scheduling import prewarming
from apps.tenants.scoping import company_scope
from tests.factories import Business, make_event_type, make_place, make_service
from tests.flags.override import override_flag
from tests.phone import Phone
from tests.scheduling.engine import place_of
from tests.scheduling.test_search import windows

pytestmark = pytest.mark.usefixtures("plenty")


def begin(phone: Phone) -> None:
    assert phone.event("call_started", start_timestamp=int(time.time() * 1000)).status_code == 204
    assert prewarming.drain(seconds=10)


def ring(phone: Phone) -> None:
    body = {
        "call_inbound": {"from_number": phone.caller, "to_number": phone.dialled, "call_id": phone.call_id}
    }
    assert phone.post("inbound", body).status_code == 200
    assert prewarming.drain(seconds=10)


def test_a_call_that_begins_has_its_answer_before_it_asks(practice: Business, sandbox: SandboxServer) -> None:
    phone = Phone(practice)
    begin(phone)
    assert windows(sandbox) == [("2026-01-05", "2026-01-26")]
    answer = phone.function("check_availability", when="übermorgen um zehn")
    assert answer["status"] == "available"
    assert (
        phone.function("check_availability", when="nächste Woche Mittwoch um zehn")["status"] == "available"
    )
    assert len(windows(sandbox)) == 1


def test_a_phone_that_rings_does_it_too_and_together_they_ask_once(
    practice: Business, sandbox: SandboxServer
) -> None:
    phone = Phone(practice)
    ring(phone)
    begin(phone)
    assert len(windows(sandbox)) == 1


def test_the_next_weeks_reach_to_what_is_searched_for_a_wish_in_two_weeks(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    phone = Phone(practice)
    begin(phone)
    assert phone.function("check_availability", when="heute in zwei Wochen um zehn")["status"] == "available"
    assert len(windows(sandbox)) == 1


def test_an_answer_that_would_not_last_for_the_call_is_renewed(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    begin(Phone(practice))
    clock.shift(timedelta(seconds=25))
    begin(Phone(practice))
    assert len(windows(sandbox)) == 1
    clock.shift(timedelta(seconds=10))
    begin(Phone(practice))
    assert len(windows(sandbox)) == 2


def test_a_long_call_does_not_wait_for_its_later_questions(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    phone = Phone(practice)
    begin(phone)
    for question, day in enumerate(("morgen", "übermorgen", "am Freitag", "am Montag")):
        clock.shift(timedelta(seconds=40))
        assert phone.function("check_availability", when=f"{day} um zehn")["status"] == "available"
        assert prewarming.drain(seconds=10)
        assert len(windows(sandbox)) == 2 + question
    with company_scope(practice.company.pk):
        asked = FunctionCall.objects.values_list("upstream_requests", flat=True)
        assert list(asked) == [0, 0, 0, 0]


def test_other_events_of_the_call_ask_nothing(practice: Business, sandbox: SandboxServer) -> None:
    phone = Phone(practice)
    phone.event("call_ended")
    phone.event("call_analyzed")
    assert prewarming.drain(seconds=10)
    assert windows(sandbox) == []


def test_switched_off_nothing_is_fetched(practice: Business, sandbox: SandboxServer) -> None:
    with override_flag(Flag.PREWARM, False, company_id=practice.company.pk):
        phone = Phone(practice)
        ring(phone)
        begin(phone)
    assert windows(sandbox) == []


def test_a_calendar_that_fails_is_nobodys_trouble(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.faults.replace([{"kind": "status", "path": "/v2/slots", "status": 500}])
    begin(Phone(practice))


def test_nobody_waits_for_it(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.faults.replace([{"kind": "latency", "path": "/v2/slots", "ms": 1_500}])
    phone = Phone(practice)
    began = time.perf_counter()
    phone.event("call_started")
    assert time.perf_counter() - began < 1.2
    assert prewarming.drain(seconds=10)


def test_every_calendar_is_fetched_once_and_not_more_than_a_few(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    twin = make_service(practice.company, slug="twin")
    make_place(practice.branch, service=twin, event_type=practice.event_type)
    for number in range(8):
        service = make_service(practice.company, slug=f"s{number}", position=number + 1)
        event_type = make_event_type(900 + number, base_url=sandbox.base_url)
        make_place(practice.branch, service=service, event_type=event_type)
    with company_scope(practice.company.pk):
        first = place_of(practice)
        prewarming.prewarm_branch(practice.branch.pk)
    assert prewarming.drain(seconds=10)
    asked = [one["query"]["eventTypeId"] for one in sandbox.requests if one["path"] == "/v2/slots"]
    assert len(asked) == len(set(asked)) == prewarming.MOST_CALENDARS
    assert asked[0] == str(first.external_id)


def test_a_branch_that_is_not_there_is_no_error(practice: Business, sandbox: SandboxServer) -> None:
    with company_scope(practice.company.pk):
        prewarming.prewarm_branch(practice.branch.pk + 1_000)
        prewarming.prewarm([])
    assert prewarming.drain(seconds=10)
    assert windows(sandbox) == []
