"""Clearing what is cached, settling what is open, and comparing with the calendar, from the shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core import runtime
from apps.sandbox.server import SandboxServer
from apps.scheduling import availability, gateway
from apps.scheduling.availability import Window
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.payloads import BookingRequest
from apps.scheduling.models import Appointment, BookingAttempt
from apps.scheduling.places import load_places
from apps.services.models import EventType
from apps.tenants.scoping import all_companies, company_scope
from tests.calls.conftest import OTHER_KEY, account
from tests.factories import (
    API_KEY,
    BERLIN,
    OTHER_NUMBER,
    Business,
    make_appointment,
    make_attempt,
    make_branch,
    make_business,
    make_event_type,
    make_place,
)

START = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)


def run(command: str, *arguments: str) -> str:
    output = StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


def run_json(command: str, *arguments: str) -> Any:
    return json.loads(run(command, *arguments, "--json"))


def refusal(command: str, *arguments: str) -> CommandError:
    with pytest.raises(CommandError) as refused:
        run(command, *arguments)
    assert "\n" not in str(refused.value)
    return refused.value


def versions() -> dict[int, int]:
    return dict(EventType.objects.order_by("external_id").values_list("external_id", "version"))


# --- clear_availability_cache -------------------------------------------------------------------


@pytest.fixture
def towns(company: Business) -> Business:
    """The company also has a southern branch with another event type, 133."""
    south = make_branch(company.company, slug="sued")
    make_place(south, service=company.service, event_type=make_event_type(133))
    return company


@pytest.mark.django_db
def test_all_calendars_are_cleared(towns: Business) -> None:
    cleared = run_json("clear_availability_cache")
    assert [(one["event_type"], one["version"]) for one in cleared] == [(123, 2), (133, 2)]
    assert cleared[0]["places"] == ["praxis-am-park/nord/fusspflege"]
    assert versions() == {123: 2, 133: 2}


@pytest.mark.django_db
def test_one_branch_or_one_event_type_is_cleared_alone(towns: Business) -> None:
    run("clear_availability_cache", "--branch", "sued")
    assert versions() == {123: 1, 133: 2}
    output = run("clear_availability_cache", "--event-type", "123", "--company", "praxis-am-park")
    assert versions() == {123: 2, 133: 2}
    assert "event type 123" in output
    assert "1 calendar cleared" in output


@pytest.mark.django_db
def test_one_company_is_cleared_without_those_it_shares_nothing_with(company: Business) -> None:
    make_business("linden-clinic", number=OTHER_NUMBER, event_type=200)
    run("clear_availability_cache", "--company", "linden-clinic")
    assert versions() == {123: 1, 200: 2}


@pytest.mark.django_db
def test_a_shared_calendar_is_cleared_for_everybody_and_says_so(
    company: Business, other_company: Business
) -> None:
    (cleared,) = run_json("clear_availability_cache", "--company", "linden-clinic")
    assert cleared["places"] == ["linden-clinic/nord/fusspflege", "places of another company"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "returncode"),
    [
        (["--company", "nobody"], 1),
        (["--branch", "nowhere"], 1),
        (["--event-type", "999"], 1),
        (["--event-type", "zwölf"], 2),
        (["--event-type", "-1"], 2),
        (["--branch", "nord"], 2),
        (["--company", "linden-clinic", "--event-type", "133"], 1),
    ],
)
def test_what_is_not_there_clears_nothing(
    towns: Business, other_company: Business, arguments: list[str], returncode: int
) -> None:
    assert refusal("clear_availability_cache", *arguments).returncode == returncode
    assert versions() == {123: 1, 133: 1}


# --- With a calendar behind it ------------------------------------------------------------------


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    scenario = {"accounts": [account(), account(OTHER_KEY, username="linden")]}
    runtime.forget()
    with SandboxServer(port=0, scenario=scenario) as server:
        yield server
    assert gateway.drain(seconds=35)
    runtime.forget()


@pytest.fixture
def practice(transactional_db: None, clock: time_machine.Traveller, sandbox: SandboxServer) -> Business:
    return make_business(base_url=sandbox.base_url)


def book_in_calendar(sandbox: SandboxServer, *, key: str = "", start: datetime = START) -> str:
    """Somebody books in the calendar itself, or a request of ours got there (``key``); the uid."""
    client = CalcomClient(base_url=sandbox.base_url, api_key=API_KEY)
    request = BookingRequest(
        event_type_id=123,
        start=start,
        name="Erika Muster",
        time_zone="Europe/Berlin",
        phone="+491701234567",
        metadata={"idem": key} if key else {},
    )
    return client.create_booking(request, deadline=gateway.short_deadline()).uid


def free_starts(practice: Business) -> int:
    with company_scope(practice.company.pk):
        (place,) = load_places(practice.company)
        window = Window(START.date(), START.date())
        return len(availability.listed(place, window, patience=5).starts)


def test_a_cleared_calendar_is_asked_again(practice: Business, sandbox: SandboxServer) -> None:
    before = free_starts(practice)
    sandbox.calendar.bookings.clear()
    book_in_calendar(sandbox)
    asked = len(sandbox.requests)
    assert free_starts(practice) == before
    assert len(sandbox.requests) == asked
    run("clear_availability_cache", "--company", "praxis-am-park")
    assert free_starts(practice) < before


def unknown_attempt(practice: Business, *, key: str) -> BookingAttempt:
    long_ago = timezone.now() - timedelta(minutes=5)
    return make_attempt(
        practice,
        start=START,
        key=key,
        state=BookingAttempt.State.UNKNOWN,
        submitted_at=long_ago,
        check_at=long_ago,
    )


def test_a_pending_booking_that_is_in_the_calendar_is_confirmed(
    practice: Business, sandbox: SandboxServer
) -> None:
    attempt = unknown_attempt(practice, key="found")
    book_in_calendar(sandbox, key=attempt.calendar_key)
    (result,) = run_json("reconcile_bookings", "--company", "praxis-am-park")
    assert result["settled"] == [{"attempt": attempt.pk, "kind": "book", "state": "confirmed"}]
    with all_companies():
        assert Appointment.objects.get().status == "confirmed"


def test_a_pending_booking_that_is_not_in_the_calendar_has_failed(practice: Business) -> None:
    attempt = unknown_attempt(practice, key="lost")
    output = run("reconcile_bookings")
    assert f"book #{attempt.pk} is rejected" in output
    assert "1 settled, 0 differences" in output
    with all_companies():
        assert not Appointment.objects.exists()


def test_what_the_calendar_has_otherwise_is_taken_over_and_told(
    practice: Business, sandbox: SandboxServer
) -> None:
    uid = book_in_calendar(sandbox)
    moved = make_appointment(practice, start=START - timedelta(hours=2), uid=uid)
    book_in_calendar(sandbox, start=START + timedelta(hours=2))
    (result,) = run_json("reconcile_bookings")
    assert result["compared"] is True
    by_reference = {one["reference"]: one for one in result["differences"]}
    assert by_reference.pop(moved.reference)["before"]["start"].startswith("2026-01-07T11:00")
    (new,) = by_reference.values()
    assert new["before"] is None
    assert run_json("reconcile_bookings")[0]["differences"] == []


def test_one_difference_is_told_as_one(practice: Business, sandbox: SandboxServer) -> None:
    book_in_calendar(sandbox)
    assert "0 settled, 1 difference found and taken over" in run("reconcile_bookings")


def test_a_calendar_that_cannot_be_asked_is_a_failure(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.faults.add("status", status=503)
    assert "praxis-am-park" in str(refusal("reconcile_bookings"))


def test_only_the_named_company_is_looked_at(practice: Business, sandbox: SandboxServer) -> None:
    other = make_business("linden-clinic", number=OTHER_NUMBER, base_url=sandbox.base_url)
    attempt = unknown_attempt(other, key="theirs")
    (result,) = run_json("reconcile_bookings", "--company", "praxis-am-park")
    assert (result["company"], result["settled"]) == ("praxis-am-park", [])
    with all_companies():
        attempt.refresh_from_db()
    assert attempt.state == BookingAttempt.State.UNKNOWN
    assert refusal("reconcile_bookings", "--company", "nobody").returncode == 1
