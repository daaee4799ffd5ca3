"""The provider's addresses: who is believed, what is refused, what happens to the same request again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from apps.calls.models import Call, CallEvent, FunctionCall, Offer
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import Business
from tests.phone import Phone, signature

MINUTE = 60_000


def rows() -> int:
    """Everything that a request could have written."""
    with all_companies():
        return Call.objects.count() + CallEvent.objects.count() + FunctionCall.objects.count()


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.mark.parametrize("path", ["functions", "events", "inbound"])
@pytest.mark.parametrize(
    ("case", "key", "shift"),
    [("foreign", "key_of_somebody_else", 0), ("stale", None, -6 * MINUTE), ("future", None, 6 * MINUTE)],
)
def test_a_request_that_nobody_we_know_signed_now_is_refused_and_leaves_nothing(
    phone: Phone, path: str, case: str, key: str | None, shift: int
) -> None:
    body = phone.body("list_services", {})
    answer = phone.post(path, body, key=key, at_ms=now_ms() + shift)
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized"
    assert rows() == 0


@pytest.mark.parametrize("header", ["", "v=1,d=00", "d=aa,v=1", "v=-1,d=" + "0" * 64])
def test_a_broken_signature_is_refused(phone: Phone, header: str) -> None:
    assert phone.post("functions", phone.body("list_services", {}), header=header).status_code == 401
    assert rows() == 0


@pytest.mark.parametrize("accepted", ["text/html", "application/xml;q=0.9", "nonsense"])
def test_a_call_does_not_fail_because_of_the_formats_that_its_provider_names(
    phone: Phone, accepted: str
) -> None:
    phone.client = Client(headers={"accept": accepted})
    assert phone.function("list_services")["status"] == "services"
    phone.event("call_ended")


def test_exactly_five_minutes_still_count(phone: Phone) -> None:
    answer = phone.post("functions", phone.body("list_services", {}), at_ms=now_ms() - 5 * MINUTE)
    assert answer.status_code == 200


def test_the_previous_key_counts_for_a_day(practice: Business, phone: Phone, clock: Any) -> None:
    old = practice.account.signing_key
    practice.account.previous_signing_key, practice.account.signing_key = old, "key_new_0123456789"
    practice.account.previous_key_until = timezone.now() + timedelta(hours=24)
    practice.account.save()
    assert phone.post("functions", phone.body("list_services", {}), key=old).status_code == 200
    clock.shift(timedelta(hours=25))
    assert phone.post("functions", phone.body("list_services", {}), key=old).status_code == 401


def test_a_changed_byte_is_refused(phone: Phone) -> None:
    raw = json.dumps(phone.body("list_services", {"x": "ä"}), ensure_ascii=False).encode()
    header = signature(raw, phone.key)
    assert phone.post("functions", raw.replace("ä".encode(), "ö".encode()), header=header).status_code == 401


def test_refusals_come_in_the_order_of_the_contract(phone: Phone) -> None:
    huge = b"{" + b" " * (5 * 1024 * 1024) + b"}"
    for method in ("get", "put", "delete", "options"):
        answer = getattr(phone.client, method)("/webhooks/telephony/nobody/functions/")
        assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
    too_large = phone.client.post(
        "/webhooks/telephony/nobody/functions/", data=huge, content_type="application/json"
    )
    assert (too_large.status_code, too_large.json()["error"]) == (413, "too_large")
    unknown = phone.client.post(
        "/webhooks/telephony/nobody/functions/", data=b"[", content_type="application/json"
    )
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    assert phone.post("functions", b"[1]", key="wrong").status_code == 401
    assert phone.post("functions", b"[1]").status_code == 400
    assert phone.post("functions", b"{").status_code == 400
    assert rows() == 0


def test_an_unknown_number_hears_so_and_nothing_of_any_company(practice: Business, linden: Business) -> None:
    phone = Phone(practice, dialled="+4930999999")
    answer = phone.function("check_availability", when="morgen um 10 Uhr")
    assert answer["status"] == "unknown_number"
    text = json.dumps(answer, ensure_ascii=False)
    for business in (practice, linden):
        assert business.company.name not in text
        assert business.service.name not in text
    assert not answer["booked"]


def test_the_number_of_a_company_that_the_account_does_not_serve_is_unknown(
    practice: Business, linden: Business
) -> None:
    phone = Phone(practice, dialled=linden.number.number)
    assert phone.function("list_services")["status"] == "unknown_number"


def test_no_number_at_all_is_unknown_unless_the_account_has_a_branch_for_test_calls(
    practice: Business,
) -> None:
    phone = Phone(practice, caller="", dialled="")
    phone.dialled = ""
    body = phone.body("list_services", {})
    body["call"] = {"call_id": "call_web", "call_type": "web_call"}
    assert phone.post("functions", body).json()["status"] == "unknown_number"
    practice.account.web_calls_branch = practice.branch
    practice.account.save()
    body["call"]["call_id"] = "call_web_2"
    assert phone.post("functions", body).json()["status"] == "services"


def test_the_tenant_is_never_taken_from_the_body(practice: Business, linden: Business) -> None:
    phone = Phone(practice)
    answer = phone.function("list_services", company=linden.company.slug, branch_id=linden.branch.pk)
    assert [one["slug"] for one in answer["services"]] == [practice.service.slug]
    with all_companies():
        assert {call.company_id for call in Call.objects.all()} == {practice.company.pk}


def test_the_same_signed_request_again_gets_the_first_answer_and_causes_nothing(
    practice: Business, phone: Phone
) -> None:
    body = phone.body("check_availability", {"when": "Mittwoch um 10 Uhr"})
    at = now_ms()
    first = phone.post("functions", body, at_ms=at)
    second = phone.post("functions", body, at_ms=at)
    assert first.content == second.content
    with company_scope(practice.company.pk):
        assert Offer.objects.count() == 1
        assert FunctionCall.objects.get().retries == 1


def test_a_retry_signed_afresh_is_known_by_its_tool_call(practice: Business, phone: Phone) -> None:
    body = phone.body("check_availability", {"when": "Mittwoch um 10 Uhr"})
    first = phone.post("functions", body)
    second = phone.post("functions", body, at_ms=now_ms() + 1500)
    assert first.json() == second.json()
    with company_scope(practice.company.pk):
        assert FunctionCall.objects.count() == 1


def test_a_new_tool_call_with_equal_arguments_looks_again(practice: Business, phone: Phone) -> None:
    phone.function("check_availability", when="Mittwoch um 10 Uhr")
    phone.function("check_availability", when="Mittwoch um 10 Uhr")
    with company_scope(practice.company.pk):
        assert FunctionCall.objects.count() == 2


def test_the_same_booking_request_twice_at_once_books_once(
    practice: Business, phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    token = phone.function("check_availability", when="Mittwoch um 10 Uhr")["slot"]["slot"]
    body = phone.body("book_appointment", {"slot": token, "customer_name": "Sabine Müller"})
    at = now_ms()
    answers: list[dict[str, Any]] = []

    def ask() -> None:
        try:
            answers.append(Phone(practice, call_id=phone.call_id).post("functions", body, at_ms=at).json())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(standing()) == 1
    assert [answer["status"] for answer in answers] == ["booked"] * 4
    assert all(answer == answers[0] for answer in answers)


def test_two_companies_with_the_same_event_type_id_never_meet(practice: Business, linden: Business) -> None:
    """Incident 1: slots of another salon were offered."""
    here, there = Phone(practice), Phone(linden, caller="+491709999999")
    offered = here.function("check_availability", when="Mittwoch um 10 Uhr")
    assert offered["status"] == "available"
    booked = here.function("book_appointment", slot=offered["slot"]["slot"], customer_name="Sabine Müller")
    assert booked["status"] == "booked"
    # The other company's calendar is untouched: the same time is free there.
    other = there.function("check_availability", when="Wednesday at 10 am")
    assert other["status"] == "available"
    # A token of one company's call means nothing in the other's.
    stolen = there.function("book_appointment", slot=offered["slot"]["slot"], customer_name="John Doe")
    assert stolen["status"] in ("needs_date", "needs_time")
    with company_scope(linden.company.pk):
        assert Call.objects.count() == 1
        assert Offer.objects.count() == 1


def test_a_function_before_call_started_creates_the_call(practice: Business, phone: Phone) -> None:
    """Incident 5."""
    assert phone.function("list_services")["status"] == "services"
    assert phone.event("call_started", start_timestamp=now_ms()).status_code == 204
    with company_scope(practice.company.pk):
        call = Call.objects.get()
        assert call.state == Call.State.ONGOING
        assert call.started_at is not None


def test_an_unknown_function_says_that_nothing_was_booked(phone: Phone) -> None:
    """Incident 29."""
    answer = phone.function("send_fax", service="Fußpflege")
    assert (answer["status"], answer["booked"]) == ("unknown_function", False)
    assert "nichts gebucht" in answer["say"]


@pytest.mark.parametrize(
    "envelope",
    [
        {"name": "check_availability_v17", "args": {"datum": "07.01.2026", "uhrzeit": "10:00"}},
        {"function_name": "check_availability", "parameters": {"date": "2026-01-07", "time": "10:00"}},
        {"name": "check_availability", "arguments": '{"when": "Mittwoch um 10 Uhr"}'},
        {"name": "check_availability", "args": None, "arguments": {"when": "Mittwoch um 10 Uhr"}},
        {"name": "check_availability", "args": {}, "parameters": {"when": "Mittwoch um 10 Uhr"}},
        {"name": "check_availability", "args": json.dumps(json.dumps({"when": "Mittwoch um 10 Uhr"}))},
    ],
)
def test_requests_in_the_shapes_of_the_field_are_understood(phone: Phone, envelope: dict[str, Any]) -> None:
    body = {**envelope, "call": phone.call_object(tool_call_id="tool_1")}
    answer = phone.post("functions", body).json()
    assert answer["status"] == "available"
    assert answer["slot"]["start"] == "2026-01-07T10:00:00+01:00"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None, "args": None, "call": None},
        {"name": 5, "args": [], "call": []},
        {"name": "book_appointment", "args": {"slot": {"a": 1}, "confirmed": []}, "call": "x"},
        {"name": "x" * 5000, "args": {"when": "\x00" * 10}},
    ],
)
def test_bad_input_is_answered_with_a_sentence_and_writes_nothing_of_a_tenant(
    phone: Phone, body: dict[str, Any]
) -> None:
    answer = phone.post("functions", body)
    assert answer.status_code == 200
    assert answer.json()["status"] == "unknown_number"
    assert rows() == 0


STRANGE = (None, 7, True, [], {}, "", "\x00", "x" * 3000, "🦄", {"a": {"b": 1}})


@pytest.mark.parametrize("name", ["when", "slot", "customer_name", "service", "confirmed", "appointment"])
def test_no_argument_of_any_type_breaks_a_function(practice: Business, name: str) -> None:
    for function in ("check_availability", "book_appointment", "cancel_appointment", "request_callback"):
        for value in STRANGE:
            phone = Phone(practice)
            answer = phone.post("functions", phone.body(function, {name: value}))
            assert answer.status_code == 200
            assert answer.json()["booked"] is False
