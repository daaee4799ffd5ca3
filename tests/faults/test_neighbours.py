"""One company's trouble stays its own: a silent calendar, a flood of questions, a flood of events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from apps.calls import dispatch
from apps.calls.models import CallEvent, FunctionCall
from apps.core import runtime
from apps.core.bulkhead import Bulkhead
from apps.core.limits import Rate
from apps.sandbox.server import SandboxServer
from apps.tenants.context import all_companies, company_scope
from tests.factories import Business
from tests.phone import Phone


def at_once(work: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, with a database connection of its own."""

    def alone(one: Callable[[], None]) -> None:
        try:
            one()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=alone, args=[one]) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def limit(business: Business, per_minute: int) -> None:
    business.company.requests_per_minute = per_minute
    with company_scope(business.company.pk):
        business.company.save()


def test_a_silent_calendar_keeps_its_share_of_the_threads_and_nobody_elses(
    practice: Business, linden: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulkhead = Bulkhead(share=2, moment_seconds=0.2)
    monkeypatch.setattr(runtime, "waits", lru_cache(lambda: bulkhead))
    sandbox.faults.add("silence", path="/v2/slots", account="praxis", seconds=4)
    took: list[tuple[str, float]] = []

    def ask(day: int) -> None:
        began = time.monotonic()
        answer = Phone(practice).function("check_availability", when=f"am {day}. Januar um 10 Uhr")
        took.append((answer["status"], time.monotonic() - began))

    def ask_the_neighbour() -> None:
        time.sleep(0.6)
        began = time.monotonic()
        answer = Phone(linden).function("check_availability", when="Wednesday at 10 am")
        took.append((answer["status"], time.monotonic() - began))

    at_once([*(lambda day=day: ask(day) for day in (7, 8, 9, 12, 13)), ask_the_neighbour])
    slow = sorted(seconds for status, seconds in took if status == "unavailable")
    assert len(slow) == 5
    assert sum(1 for seconds in slow if seconds > 2) == 2, slow
    assert [status for status, _ in took if status != "unavailable"] == ["available"]


def test_over_its_limit_a_company_hears_so_and_another_does_not(practice: Business, linden: Business) -> None:
    limit(practice, 5)
    phone = Phone(practice)
    statuses = [phone.function("list_services", n=n)["status"] for n in range(8)]
    assert statuses == ["services"] * 5 + ["rate_limited"] * 3
    assert Phone(linden).function("list_services")["status"] == "services"
    with company_scope(practice.company.pk):
        assert FunctionCall.objects.count() == 5, "what is refused writes nothing"


def test_over_the_limit_the_same_request_and_an_offered_slot_still_pass(practice: Business) -> None:
    limit(practice, 2)
    phone = Phone(practice)
    body = phone.body("check_availability", {"when": "Mittwoch um 10 Uhr"})
    first = phone.post("functions", body).json()
    phone.function("list_services")
    assert phone.function("list_services", again=True)["status"] == "rate_limited"
    assert phone.post("functions", body).json() == first
    booked = phone.function("book_appointment", slot=first["slot"]["slot"], customer_name="Sabine Müller")
    assert booked["status"] == "booked"
    # Nothing was offered in this call: it is a question like any other.
    assert Phone(practice).function("book_appointment", when="Mittwoch um 11 Uhr")["status"] == "rate_limited"


def test_the_same_question_again_and_again_is_a_loop(phone: Phone, settings: Settings) -> None:
    settings.CALL_LOOP_LIMIT = 3
    statuses = [phone.function("check_availability", when="Mittwoch um 10 Uhr")["status"] for _ in range(5)]
    assert statuses == ["available"] * 3 + ["rate_limited"] * 2
    assert phone.function("check_availability", when="Mittwoch um 11 Uhr")["status"] == "available"


def test_numbers_that_lead_nowhere_have_a_limit_of_their_own(
    practice: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "UNKNOWN_NUMBERS", Rate.per_minute(2))
    strangers = Phone(practice, dialled="+4930999999")
    answers = [strangers.function("list_services") for _ in range(4)]
    assert [answer["status"] for answer in answers] == ["unknown_number"] * 2 + ["rate_limited"] * 2
    assert all("nothing was booked" in answer["say"] for answer in answers)
    assert Phone(practice).function("list_services")["status"] == "services"


def events(phone: Phone, number: int) -> list[int]:
    return [phone.event(f"event_{n}").status_code for n in range(number)]


def test_a_flood_of_events_uses_up_nobody_elses_limit(
    practice: Business, linden: Business, settings: Settings
) -> None:
    settings.EVENTS_PER_MINUTE = 3
    flood = Phone(practice)
    assert events(flood, 5) == [204] * 3 + [429] * 2
    refused = flood.event("one_more")
    assert (refused.json()["error"], int(refused.headers["Retry-After"]) > 0) == ("rate_limited", True)
    assert events(Phone(linden), 3) == [204] * 3


def test_events_of_unknown_numbers_use_up_no_companys_limit(practice: Business, settings: Settings) -> None:
    settings.EVENTS_PER_MINUTE = 3
    assert events(Phone(practice, dialled="+4930999999"), 4) == [204] * 3 + [429]
    assert events(Phone(practice), 3) == [204] * 3
    with all_companies():
        assert CallEvent.objects.filter(company=None).count() == 3


def test_a_body_larger_than_allowed_is_refused_before_it_is_read(phone: Phone) -> None:
    answer: Any = phone.client.post(
        f"/webhooks/telephony/{phone.account}/functions/",
        data=b" " * (4 * 1024 * 1024 + 1),
        content_type="application/json",
    )
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
