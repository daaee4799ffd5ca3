"""Each thing that would fail a call is found, by name, and nothing else is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from apps.calls.models import AccountCompany, TelephonyAccount
from apps.core import runtime
from apps.operations.calendar_check import refusing
from apps.operations.setup_check import check
from apps.sandbox.server import SandboxServer
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.reading import parse_event_type
from apps.scheduling.models import CalendarAccount
from apps.services.models import BranchService, Service
from apps.tenants.models import Branch, Company, PhoneNumber
from apps.tenants.scoping import all_companies
from tests.calls.conftest import account
from tests.factories import API_KEY, OTHER_NUMBER, WEBHOOK_SECRET, Business, make_branch, make_business

pytestmark = pytest.mark.usefixtures("clock")

TRIGGERS = (
    "BOOKING_CREATED",
    "BOOKING_REQUESTED",
    "BOOKING_RESCHEDULED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
)
COMPLETE: dict[str, Any] = {
    "fallback_number": "+493012345600",
    "disclosure": "Sie sprechen mit einer Maschine.",
}


def subscribe(
    sandbox: SandboxServer, *, slug: str = "praxis-am-park", triggers: tuple[str, ...] = TRIGGERS
) -> None:
    CalcomClient(base_url=sandbox.base_url, api_key=API_KEY).create_webhook(
        subscriber_url=f"https://phone.example/webhooks/calcom/{slug}/",
        secret=WEBHOOK_SECRET,
        triggers=triggers,
        deadline=time.monotonic() + 5,
    )


@pytest.fixture
def event_type() -> dict[str, Any]:
    """What differs from an event type that can be booked by phone; override to change."""
    return {}


@pytest.fixture
def sandbox(event_type: dict[str, Any]) -> Iterator[SandboxServer]:
    runtime.forget()
    with SandboxServer(port=0, scenario={"accounts": [account(**event_type)]}) as server:
        yield server
    runtime.forget()


@pytest.fixture
def practice(transactional_db: None, clock: time_machine.Traveller, sandbox: SandboxServer) -> Business:
    """A company with nothing to put right."""
    subscribe(sandbox)
    return make_business(base_url=sandbox.base_url, company=COMPLETE)


def found(business: Business) -> dict[str, str]:
    """Code → level of everything that is found."""
    return {one.code: one.level for one in check(business.company.pk)}


def update(model: Any, **values: Any) -> None:
    with all_companies():
        model.objects.update(**values)


def test_a_complete_company_has_nothing_to_put_right(practice: Business) -> None:
    assert found(practice) == {}
    practice.event_type.refresh_from_db()
    assert practice.event_type.email_required is False


@pytest.mark.parametrize(
    ("model", "values", "code", "level"),
    [
        (Company, {"active": False}, "company_inactive", "fail"),
        (Company, {"fallback_number": ""}, "no_fallback_number", "fail"),
        (Company, {"fallback_number": "+493012345678"}, "fallback_is_own_number", "fail"),
        (Company, {"disclosure": ""}, "no_disclosure", "warn"),
        (Company, {"timezone": "Europe/London"}, "time_zone_differs", "warn"),
        (TelephonyAccount, {"active": False}, "no_telephony_account", "fail"),
        (AccountCompany, {"active": False}, "no_telephony_account", "fail"),
        (TelephonyAccount, {"signing_key": ""}, "no_signing_key", "fail"),
        (TelephonyAccount, {"provider": "pigeon"}, "unknown_provider", "fail"),
        (PhoneNumber, {"active": False}, "no_number", "fail"),
        (Branch, {"hours": {"mon": []}}, "never_open", "fail"),
        (Branch, {"hours": {"sun": [["03:00", "04:00"]]}}, "never_within_hours", "fail"),
        (BranchService, {"active": False}, "nothing_bookable", "fail"),
        (Service, {"duration_minutes": 30}, "duration_differs", "fail"),
        (Service, {"capacity": 3}, "too_few_seats", "fail"),
        (CalendarAccount, {"webhook_secret": ""}, "no_webhook_secret", "fail"),
        (CalendarAccount, {"api_key": "cal_wrong_0123456789"}, "key_refused", "fail"),
    ],
)
def test_what_is_stored_wrong_is_found(
    practice: Business, model: Any, values: dict[str, Any], code: str, level: str
) -> None:
    update(model, **values)
    assert found(practice)[code] == level


@pytest.mark.parametrize(
    ("event_type", "code", "level"),
    [
        ({"price": 20}, "costs_money", "fail"),
        ({"requires_confirmation": True}, "needs_confirmation", "warn"),
        ({"seats": 6}, "seats_unused", "warn"),
        ({"email_required": True}, "email_demanded", "warn"),
        ({"fields": [{"slug": "kasse", "type": "text", "label": "Kasse"}]}, "field_unanswered", "fail"),
    ],
)
def test_what_an_event_type_demands_is_found(practice: Business, code: str, level: str) -> None:
    assert found(practice)[code] == level


@pytest.mark.parametrize(
    "event_type", [{"fields": [{"slug": "kasse", "type": "select", "label": "Kasse", "options": ["A", "B"]}]}]
)
def test_an_answer_has_to_be_one_of_the_options(practice: Business) -> None:
    update(Service, booking_fields={"kasse": "C"})
    assert found(practice) == {"field_misanswered": "fail"}
    update(Service, booking_fields={"kasse": "B"})
    assert found(practice) == {}


@pytest.mark.parametrize("event_type", [{"email_required": True}])
def test_a_placeholder_answers_a_demanded_email(practice: Business) -> None:
    update(Company, email_placeholder="termin+{id}@praxis.example")
    assert found(practice) == {}
    practice.event_type.refresh_from_db()
    assert practice.event_type.email_required is True


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"recurring": True}, "recurring"),
        ({"requires_authentication": True}, "needs_sign_in"),
        ({"requires_email_verification": True}, "needs_verification"),
        ({"cancelling_disabled": True}, "no_cancelling"),
        ({"rescheduling_disabled": True}, "no_rescheduling"),
    ],
)
def test_an_event_type_that_refuses_callers_is_found(said: dict[str, Any], code: str) -> None:
    described = replace(parse_event_type({"id": 123, "lengthInMinutes": 45}), **said)
    assert [one.code for one in refusing(described, "here")] == [code]


def test_an_event_type_that_is_gone_is_found(practice: Business) -> None:
    update(BranchService, event_type=make_business("x", number=OTHER_NUMBER, event_type=999).event_type)
    assert "event_type_not_found" in found(practice)


def test_a_branch_that_nobody_can_dial_is_worth_a_look(practice: Business) -> None:
    make_branch(practice.company, slug="sued")
    assert found(practice) == {"branch_without_number": "warn"}


def test_a_webhook_for_another_company_does_not_count(transactional_db: None, sandbox: SandboxServer) -> None:
    subscribe(sandbox, slug="somebody-else")
    assert found(make_business(base_url=sandbox.base_url, company=COMPLETE)) == {"no_webhook": "fail"}


def test_a_webhook_that_tells_only_half_is_found(transactional_db: None, sandbox: SandboxServer) -> None:
    subscribe(sandbox, triggers=("BOOKING_CREATED",))
    assert found(make_business(base_url=sandbox.base_url, company=COMPLETE)) == {"webhook_incomplete": "fail"}


def test_a_calendar_that_does_not_answer_is_found(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.faults.add("status", status=503)
    assert found(practice) == {"calendar_unreachable": "fail"}


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("check_setup", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_says_that_all_is_well(practice: Business) -> None:
    assert run() == "praxis-am-park: everything is in place\n"


def test_the_command_fails_when_a_call_would(practice: Business) -> None:
    update(Company, fallback_number="")
    with pytest.raises(CommandError, match="calls would fail: praxis-am-park") as failed:
        run()
    assert failed.value.returncode == 1


def test_a_warning_alone_does_not_fail(practice: Business) -> None:
    update(Company, disclosure="")
    (result,) = json.loads(run("--json"))
    assert result["ok"] is True
    assert [one["code"] for one in result["findings"]] == ["no_disclosure"]


def test_only_the_named_company_is_checked(practice: Business) -> None:
    make_business("linden-clinic", number=OTHER_NUMBER, event_type=999)
    assert [one["company"] for one in json.loads(run("--json", "--company", "praxis-am-park"))] == [
        "praxis-am-park"
    ]
    with pytest.raises(CommandError):
        run("--company", "linden-clinic")


def test_nothing_that_is_found_holds_a_key(practice: Business) -> None:
    update(CalendarAccount, api_key="cal_wrong_0123456789")
    with pytest.raises(CommandError):
        run()
    assert "cal_wrong" not in json.dumps([one.detail for one in check(practice.company.pk)])
