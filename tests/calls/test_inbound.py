"""Before the agent speaks: what it is told, and that nothing ever keeps the phone from being answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from apps.calls import inbound
from apps.calls.models import Call, CallTransition
from apps.flags.registry import Flag
from apps.scheduling import prewarming
from apps.tenants.scoping import all_companies, company_scope
from tests.calls import samples
from tests.factories import OFFICE_HOURS, Business, make_business, make_customer
from tests.flags.override import override_flag
from tests.phone import Phone

MOMENT = datetime.fromtimestamp(samples.signatures()["timestamp_ms"] / 1000, tz=UTC)
EMPTY = {"call_inbound": {}}
NAMES = {
    "company_name", "branch_name", "language", "disclosure", "caller_known", "today", "open_now",
    "next_opening", "services", "fallback_number",
}  # fmt: skip


@pytest.fixture
def practice(transactional_db: None, clock: time_machine.Traveller) -> Business:
    """The practice whose number the samples dial, on Monday at ten."""
    clock.move_to(MOMENT)
    business = make_business(branch={"hours": OFFICE_HOURS})
    samples.trusted(business.account)
    return business


@pytest.fixture
def phone(practice: Business) -> Phone:
    return Phone(practice)


def ask(phone: Phone, name: str = "inbound_call_request") -> dict[str, Any]:
    answer = samples.post(phone, "inbound", name)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def told(phone: Phone, name: str = "inbound_call_request") -> dict[str, str]:
    variables: dict[str, str] = ask(phone, name)["call_inbound"]["dynamic_variables"]
    return variables


def test_every_variable_is_there_and_is_text(phone: Phone) -> None:
    variables = told(phone)
    assert variables.keys() == NAMES
    assert all(isinstance(value, str) for value in variables.values())
    assert variables["company_name"] == phone.business.company.name
    assert variables["today"] == "Montag, der 5. Januar 2026, 10 Uhr"
    assert (variables["open_now"], variables["services"]) == ("true", "Fußpflege")


def test_who_has_called_before_is_known_and_not_named(practice: Business, phone: Phone) -> None:
    assert told(phone)["caller_known"] == "false"
    make_customer(practice.company, name="Sabine Müller")
    answer = ask(phone)
    assert answer["call_inbound"]["dynamic_variables"]["caller_known"] == "true"
    assert "Sabine" not in json.dumps(answer)


def test_a_customer_of_another_company_is_nobody_here(practice: Business, phone: Phone) -> None:
    other = make_business("linden-clinic", number="+493087654321", account=practice.account)
    make_customer(other.company, name="Sabine Müller")
    assert told(phone)["caller_known"] == "false"


def test_a_closed_branch_says_when_it_opens(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    clock.move_to(datetime(2026, 1, 10, 11, 0, tzinfo=UTC))
    body = json.loads(samples.raw("inbound_call_request"))
    variables = phone.post("inbound", body).json()["call_inbound"]["dynamic_variables"]
    assert variables["open_now"] == "false"
    assert variables["next_opening"] == "übermorgen um 9 Uhr"


def test_in_the_companys_language(practice: Business, phone: Phone) -> None:
    with company_scope(practice.company.pk):
        practice.company.language = "en"
        practice.company.save()
    assert told(phone)["today"] == "Monday, January 5th, 2026, 10 am"


def test_the_call_begins_as_inbound_and_begins_once(phone: Phone) -> None:
    for _ in range(2):
        ask(phone)
    with all_companies():
        call = Call.objects.get()
    assert (call.state, call.external_id) == ("inbound", "call_1b2c3d4e5f60718293a4b5c6d7e")
    assert (call.caller_number, call.agent_version) == ("+491701234567", "12")
    samples.post(phone, "events", "webhook_call_started")
    with all_companies():
        assert Call.objects.get().state == "ongoing"
        assert CallTransition.objects.get().from_state == "inbound"


def test_a_withheld_number_is_welcome(phone: Phone) -> None:
    assert told(phone, "inbound_call_request_anonymous")["caller_known"] == "false"
    with all_companies():
        assert Call.objects.get().caller_number is None


def test_a_question_without_a_call_id_is_answered_and_leaves_no_call(phone: Phone) -> None:
    assert told(phone, "inbound_call_request_minimal_2025").keys() == NAMES
    with all_companies():
        assert not Call.objects.exists()


def test_nobody_is_rejected_and_an_unknown_number_gets_nothing(practice: Business) -> None:
    stranger = Phone(practice, dialled="+4930999999")
    body = {
        "event": "call_inbound",
        "call_inbound": {"from_number": "+491701234567", "to_number": "+4930999999"},
    }
    answer = stranger.post("inbound", body)
    assert (answer.status_code, answer.json()) == (200, EMPTY)
    assert practice.company.name not in answer.content.decode()


@pytest.mark.parametrize("body", [{}, {"call_inbound": []}, {"call_inbound": {"to_number": 7}}])
def test_what_asks_nothing_gets_nothing(phone: Phone, body: dict[str, Any]) -> None:
    assert phone.post("inbound", body).json() == EMPTY


def test_a_text_message_gets_nothing(phone: Phone) -> None:
    assert ask(phone, "inbound_sms_request") == EMPTY


@pytest.mark.parametrize("what", ["number", "branch", "company"])
def test_what_is_switched_off_gets_nothing(practice: Business, phone: Phone, what: str) -> None:
    row = getattr(practice, what)
    row.active = False
    with company_scope(practice.company.pk):
        row.save()
    assert ask(phone) == EMPTY


def test_whatever_breaks_inside_the_phone_is_answered(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of paper")

    monkeypatch.setattr(inbound, "load_places", broken)
    assert ask(phone) == EMPTY


def test_free_slots_are_fetched_ahead_unless_that_is_switched_off(
    practice: Business, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []
    monkeypatch.setattr(prewarming, "_fetch", lambda place: fetched.append(place.event_type_id))
    with override_flag(Flag.PREWARM, False):
        ask(phone)
    ask(phone)
    assert prewarming.drain(seconds=10)
    assert fetched == [practice.event_type.pk]


def test_a_stranger_is_refused_here_too(phone: Phone) -> None:
    assert phone.post("inbound", samples.raw("inbound_call_request"), key="wrong").status_code == 401


def test_it_asks_the_database_little(
    phone: Phone, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    ask(phone)
    with django_assert_max_num_queries(12):
        ask(phone)
