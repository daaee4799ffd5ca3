"""Calls whose end was never told: the provider is asked, then they are closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings as project
from django.utils import timezone

from apps.calls import tasks
from apps.calls.models import Call, CallTransition, TelephonyAccount
from apps.scheduling.models import Hold
from apps.tenants.scoping import all_companies, company_scope
from tests.calls import samples
from tests.calls.provider_stub import ProviderStub, provider_stub
from tests.factories import OTHER_NUMBER, Business, make_business, make_call
from tests.phone import Phone

LONG = timedelta(minutes=121)


@pytest.fixture
def practice(transactional_db: None, clock: time_machine.Traveller) -> Business:
    return make_business()


@pytest.fixture
def provider(practice: Business) -> Iterator[ProviderStub]:
    with provider_stub(practice.account) as stub:
        yield stub


def fresh(call: Call) -> Call:
    with all_companies():
        return Call.objects.get(pk=call.pk)


def known(call: Call, **values: Any) -> tuple[str, Any]:
    """The call as the provider tells of it."""
    body = json.loads(samples.raw("webhook_call_ended"))["call"]
    return "200 OK", {**body, "call_id": call.external_id, **values}


def path(call: Call) -> str:
    return f"/v2/get-call/{call.external_id}"


def test_the_schedule_names_the_task() -> None:
    scheduled = {entry["task"] for entry in project.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.close_stale_calls.name in scheduled


def test_what_the_provider_knows_of_the_end_is_taken_over(
    practice: Business, provider: ProviderStub, clock: time_machine.Traveller
) -> None:
    call = make_call(practice)
    provider.answers[path(call)] = known(call, call_status="ended")
    clock.shift(LONG)
    tasks.close_stale_calls()
    call = fresh(call)
    assert (call.state, call.disconnection_reason) == ("completed", "user_hangup")
    assert call.duration_ms == json.loads(samples.raw("webhook_call_ended"))["call"]["duration_ms"]
    assert call.transcript.startswith("Agent: ")
    (asked,) = provider.asked
    assert (asked.method, asked.path) == ("GET", path(call))
    assert asked.headers["authorization"] == f"Bearer {practice.account.signing_key}"


def test_its_analysis_too(practice: Business, provider: ProviderStub, clock: time_machine.Traveller) -> None:
    call = make_call(practice)
    provider.answers[path(call)] = known(call, call_status="ended", call_analysis={"call_summary": "kurz"})
    clock.shift(LONG)
    tasks.close_stale_calls()
    assert (fresh(call).state, fresh(call).analysis) == ("analyzed", {"call_summary": "kurz"})


def test_a_call_that_failed_is_closed_as_failed(
    practice: Business, provider: ProviderStub, clock: time_machine.Traveller
) -> None:
    call = make_call(practice, state="inbound")
    provider.answers[path(call)] = known(call, call_status="not_connected", disconnection_reason=None)
    clock.shift(LONG)
    tasks.close_stale_calls()
    assert fresh(call).state == "failed"


def test_a_call_that_is_still_on_stays_open(
    practice: Business, provider: ProviderStub, clock: time_machine.Traveller
) -> None:
    call = make_call(practice)
    provider.answers[path(call)] = known(call, call_status="ongoing")
    clock.shift(LONG)
    tasks.close_stale_calls()
    assert fresh(call).state == "ongoing"


@pytest.mark.parametrize(
    "answer",
    [
        ("404 Not Found", {"error": "no such call"}),
        ("401 Unauthorized", {}),
        ("500 Internal Server Error", {}),
        ("200 OK", [1, 2]),
        ("200 OK", {}),
    ],
)
def test_whatever_the_provider_answers_the_call_is_closed(
    practice: Business, provider: ProviderStub, clock: time_machine.Traveller, answer: tuple[str, Any]
) -> None:
    call = make_call(practice)
    provider.answers[path(call)] = answer
    clock.shift(LONG)
    tasks.close_stale_calls()
    call = fresh(call)
    assert (call.state, call.disconnection_reason) == ("completed", "stale")
    with all_companies():
        assert [row.event for row in CallTransition.objects.all()] == ["stale"]


def test_a_provider_that_is_gone_is_asked_once_a_run(
    practice: Business, clock: time_machine.Traveller
) -> None:
    calls = [make_call(practice, external_id=f"call_{number}") for number in range(3)]
    with provider_stub(practice.account) as provider:
        for call in calls:
            provider.answers[path(call)] = ("503 Service Unavailable", {})
        clock.shift(LONG)
        tasks.close_stale_calls()
        assert len(provider.asked) == 1
    assert {fresh(call).disconnection_reason for call in calls} == {"stale"}


def test_a_provider_without_such_an_api_leaves_the_call_to_the_clock(
    practice: Business, clock: time_machine.Traveller
) -> None:
    TelephonyAccount.objects.update(provider="vapi")
    call = make_call(practice)
    clock.shift(LONG)
    tasks.close_stale_calls()
    assert fresh(call).disconnection_reason == "stale"


def test_only_calls_that_are_old_and_open_are_touched(
    practice: Business, provider: ProviderStub, clock: time_machine.Traveller
) -> None:
    over = make_call(practice, external_id="over", state="failed")
    clock.shift(LONG - timedelta(minutes=2))
    young = make_call(practice, external_id="young")
    clock.shift(timedelta(minutes=2))
    tasks.close_stale_calls()
    assert (fresh(over).state, fresh(young).state, provider.asked) == ("failed", "ongoing", [])


def test_every_company_is_looked_after_and_its_holds_are_freed(
    practice: Business, provider: ProviderStub, clock: time_machine.Traveller
) -> None:
    other = make_business("linden-clinic", number=OTHER_NUMBER, event_type=77, account=practice.account)
    calls = [make_call(practice), make_call(other, external_id="call_2")]
    for call, business in zip(calls, (practice, other), strict=True):
        with company_scope(business.company.pk):
            Hold.objects.create(
                company=business.company,
                event_type=business.event_type,
                start=timezone.now(),
                end=timezone.now(),
                owner=call.owner_key,
                expires_at=timezone.now(),
            )
    clock.shift(LONG)
    tasks.close_stale_calls()
    with all_companies():
        assert {call.state for call in Call.objects.all()} == {"completed"}
        assert not Hold.objects.exists()


def test_what_is_told_after_all_still_counts(practice: Business, clock: time_machine.Traveller) -> None:
    practice.account.api_url = "http://127.0.0.1:9"
    practice.account.save()
    phone = Phone(practice)
    phone.event("call_started")
    clock.shift(LONG)
    tasks.close_stale_calls()
    phone.event("call_ended", disconnection_reason="error_asr", duration_ms=7_300_000)
    with all_companies():
        call = Call.objects.get()
    assert (call.state, call.disconnection_reason, call.duration_ms) == ("failed", "error_asr", 7_300_000)
