"""Lifecycle events as the provider sends them: kept, applied once, never refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from apps.calls.models import Call, CallEvent, CallTransition
from apps.tenants.scoping import all_companies, company_scope
from tests.calls import samples
from tests.factories import Business, make_business
from tests.phone import Phone

CALL_ID = "call_1b2c3d4e5f60718293a4b5c6d7e"
MOMENT = datetime.fromtimestamp(samples.signatures()["timestamp_ms"] / 1000, tz=UTC)
VOICE = sorted(
    path.stem for path in samples.DATA.glob("webhook_*.json") if not path.stem.startswith("webhook_chat")
)
CHATS = sorted(path.stem for path in samples.DATA.glob("webhook_chat*.json"))


@pytest.fixture
def practice(transactional_db: None, clock: time_machine.Traveller) -> Business:
    """The practice whose number the samples dial, at the moment they were signed."""
    clock.move_to(MOMENT)
    business = make_business()
    samples.trusted(business.account)
    return business


@pytest.fixture
def phone(practice: Business) -> Phone:
    return Phone(practice)


def the_call() -> Call:
    with all_companies():
        return Call.objects.get()


def kept() -> list[CallEvent]:
    with all_companies():
        return list(CallEvent.objects.order_by("id"))


@pytest.mark.parametrize("name", [*VOICE, *CHATS])
def test_every_sample_is_answered_with_204_twice_and_kept_once(phone: Phone, name: str) -> None:
    assert [samples.post(phone, "events", name).status_code for _ in range(2)] == [204, 204]
    assert len(kept()) == (0 if name == "webhook_transcript_updated" else 1)


def test_times_are_instants_and_money_is_cents(phone: Phone) -> None:
    for name in ("webhook_call_started", "webhook_call_ended", "webhook_call_analyzed"):
        samples.post(phone, "events", name)
    call = the_call()
    body = json.loads(samples.raw("webhook_call_analyzed"))["call"]
    assert call.external_id == CALL_ID
    assert call.started_at == datetime.fromtimestamp(body["start_timestamp"] / 1000, tz=UTC)
    assert call.ended_at == datetime.fromtimestamp(body["end_timestamp"] / 1000, tz=UTC)
    assert call.duration_ms == body["duration_ms"]
    assert call.cost_cents == Decimal(str(body["call_cost"]["combined_cost"]))
    assert call.transcript == body["transcript"]
    assert call.analysis == body["call_analysis"]
    assert call.agent_version == "12"
    with all_companies():
        ways = list(CallTransition.objects.values_list("from_state", "to_state", "event"))
    assert ways == [
        ("inbound", "ongoing", "call_started"),
        ("ongoing", "completed", "call_ended"),
        ("completed", "analyzed", "call_analyzed"),
    ]


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("webhook_call_ended", "completed", "user_hangup"),
        ("webhook_call_ended_transfer", "completed", "call_transfer"),
        ("webhook_call_ended_dial_no_answer", "failed", "dial_no_answer"),
        ("webhook_call_ended_error", "failed", None),
        ("webhook_call_ended_anonymous_caller", "completed", None),
    ],
)
def test_an_end_that_was_none_is_a_failure(phone: Phone, name: str, state: str, reason: str | None) -> None:
    samples.post(phone, "events", name)
    call = the_call()
    assert call.state == state
    if reason is not None:
        assert call.disconnection_reason == reason


def test_a_withheld_number_is_nobodys(phone: Phone) -> None:
    samples.post(phone, "events", "webhook_call_ended_anonymous_caller")
    assert the_call().caller_number is None


def test_the_end_of_a_browser_call_finds_its_branch_or_has_no_tenant(
    practice: Business, phone: Phone
) -> None:
    samples.post(phone, "events", "webhook_call_ended_web_call")
    assert [event.company_id for event in kept()] == [None]
    practice.account.web_calls_branch = practice.branch
    practice.account.save()
    body = json.loads(samples.raw("webhook_call_ended_web_call"))
    body["call"]["call_id"] = "call_web_2"
    assert phone.post("events", body).status_code == 204
    call = the_call()
    assert (call.branch_id, call.state, call.caller_number) == (practice.branch.pk, "completed", None)


@pytest.mark.parametrize("name", CHATS)
def test_a_chat_is_kept_without_a_tenant(phone: Phone, name: str) -> None:
    samples.post(phone, "events", name)
    (event,) = kept()
    assert (event.company_id, event.call_id, event.recognised) == (None, None, True)


def test_the_question_before_a_call_may_come_to_the_wrong_address(phone: Phone) -> None:
    assert samples.post(phone, "events", "inbound_call_request").status_code == 204
    (event,) = kept()
    assert (event.kind, event.company_id) == ("call_inbound", None)
    with all_companies():
        assert not Call.objects.exists()


@pytest.mark.parametrize("body", [{}, {"event": None}, {"event": "call_ended"}, {"event": 7, "call": []}])
def test_what_names_no_call_is_kept_and_asked_no_further(phone: Phone, body: dict[str, Any]) -> None:
    assert [phone.post("events", body).status_code for _ in range(2)] == [204, 204]
    (event,) = kept()
    assert event.company_id is None


def test_an_unknown_event_and_an_unknown_reason_are_kept_and_told_apart(phone: Phone) -> None:
    assert phone.event("agent_swapped", new_field={"a": 1}).status_code == 204
    assert phone.event("call_ended", disconnection_reason="abducted_by_aliens").status_code == 204
    call = the_call()
    assert (call.state, call.disconnection_reason) == ("completed", "abducted_by_aliens")
    assert [(event.kind, event.recognised) for event in kept()] == [
        ("agent_swapped", False),
        ("call_ended", False),
    ]


def test_an_unknown_numbers_event_is_kept_without_a_tenant(practice: Business) -> None:
    stranger = Phone(practice, dialled="+4930999999")
    assert stranger.event("call_started").status_code == 204
    (event,) = kept()
    assert (event.company_id, event.external_id) == (None, stranger.call_id)
    with all_companies():
        assert not Call.objects.exists()


def test_what_came_before_anybody_knew_whose_call_it_is_counts_as_well(
    practice: Business, phone: Phone
) -> None:
    early = phone.call_object(disconnection_reason="user_hangup", duration_ms=5_000)
    del early["from_number"], early["to_number"]
    assert phone.post("events", {"event": "call_ended", "call": early}).status_code == 204
    assert [event.company_id for event in kept()] == [None]
    phone.event("call_started")
    call = the_call()
    assert (call.state, call.duration_ms) == ("completed", 5_000)
    assert {event.company_id for event in kept()} == {practice.company.pk}


def test_an_event_of_another_company_under_the_same_call_id_stays_nobodys(
    practice: Business, phone: Phone
) -> None:
    other = make_business("linden-clinic", number="+493087654321", account=practice.account)
    phone.event("call_started")
    stranger = Phone(other, call_id=phone.call_id)
    assert stranger.event("call_ended", duration_ms=1).status_code == 204
    call = the_call()
    assert (call.company_id, call.state, call.duration_ms) == (practice.company.pk, "ongoing", None)
    assert [event.company_id for event in kept()] == [practice.company.pk, None]


def test_transfers_to_two_places_are_two_events_and_one_sent_twice_is_one(phone: Phone) -> None:
    for number in ("+4930111", "+4930222", "+4930111"):
        body = {
            "event": "transfer_started",
            "call": phone.call_object(start_timestamp=1),
            "transfer_destination": {"number": number},
        }
        assert phone.post("events", body).status_code == 204
    assert len(kept()) == 2
    assert the_call().state == "ongoing"


def test_a_transcript_never_gets_shorter(phone: Phone) -> None:
    def update(*lines: str) -> None:
        phone.event(
            "transcript_updated",
            transcript="".join(f"{line}\n" for line in lines),
            transcript_object=[{"role": "agent", "content": line} for line in lines],
        )

    update("Agent: Guten Tag", "User: Hallo")
    update("Agent: Guten Tag")
    assert the_call().transcript == "Agent: Guten Tag\nUser: Hallo\n"
    update("Agent: Guten Tag", "User: Hallo, Müller hier")
    assert the_call().transcript == "Agent: Guten Tag\nUser: Hallo, Müller hier\n"


def test_who_stores_no_transcripts_stores_no_word_of_any_event(practice: Business) -> None:
    with company_scope(practice.company.pk):
        practice.company.store_transcripts = False
        practice.company.save()
    phone = Phone(practice)
    for name in ("webhook_transcript_updated", "webhook_call_ended", "webhook_call_analyzed"):
        samples.post(phone, "events", name)
    call = the_call()
    assert (call.state, call.transcript, call.analysis) == ("analyzed", "", {})
    written = json.dumps([event.payload for event in kept()], ensure_ascii=False)
    for secret in ("halb drei", "Fußpflege", "recording", "Sabine Müller hier"):
        assert secret not in written


NASTY = (
    '"call_id": "c", "x": "\\u0000\\ud800"',
    '"call_id": "c", "duration_ms": 1e999, "start_timestamp": -1e15, "end_timestamp": 1e400',
    '"call_id": "c", "call_cost": {"combined_cost": ' + "9" * 400 + "}",
    '"call_id": "c\\ud800", "transcript": "\\udfff"',
    '"call_id": "c", "deep": ' + '{"a":' * 300 + "1" + "}" * 300,
    '"call_id": {"a": 1}, "call_status": ["x"], "disconnection_reason": [1]',
)


@pytest.mark.parametrize("body", NASTY)
def test_no_json_whatever_breaks_the_address(phone: Phone, body: str) -> None:
    event = f'{{"event": "call_ended", "call": {{"to_number": "{phone.dialled}", {body}}}}}'
    assert phone.post("events", event.encode()).status_code == 204
    assert len(kept()) == 1


def test_what_only_python_calls_json_is_none(phone: Phone) -> None:
    assert phone.post("events", b'{"event": "call_ended", "cost": NaN}').status_code == 400
    assert kept() == []
