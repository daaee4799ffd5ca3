"""Everything about a caller can be shown and erased, and nothing about anybody else."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.calls.models import Call, CallEvent, FunctionCall
from apps.operations import personal_data, tasks
from apps.operations.models import AuditEntry
from apps.scheduling.models import Appointment, BookingAttempt, Customer
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import (
    CALLER,
    Business,
    make_appointment,
    make_attempt,
    make_call,
    make_customer,
)
from tests.operations.back_office import START, everything_of, make_callback, make_function

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
NAME = "Erika Geheim"
SOMEBODY_ELSE = "+491709999999"


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Erasures asked of the provider, instead of a queue."""
    asked: list[tuple[int, str]] = []

    def note(account_id: int, external_id: str) -> bool:
        asked.append((account_id, external_id))
        return True

    monkeypatch.setattr(tasks, "erase_provider_copy_later", note)
    return asked


def run(command: str, *arguments: str) -> str:
    output = StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


def everywhere(needle: str) -> set[str]:
    """The models that have a row with this text in any field."""
    found = set()
    with all_companies():
        for model in apps.get_models():
            if model.__module__.startswith("apps."):
                for row in model._default_manager.all():
                    values = [field.value_from_object(row) for field in row._meta.concrete_fields]
                    if needle in json.dumps(values, default=str, ensure_ascii=False):
                        found.add(model.__name__)
    return found


def fill(business: Business) -> dict[Any, Any]:
    rows = everything_of(business, name=NAME)
    with company_scope(business.company.pk):
        FunctionCall.objects.update(arguments={"customer_name": NAME, "customer_phone": CALLER})
        FunctionCall.objects.update(answer={"status": "booked", "booked": True, "say": f"Bis bald, {NAME}."})
        AuditEntry.objects.create(
            company=business.company,
            username="petra",
            action="changed",
            model="scheduling.customer",
            object_id=str(rows[Customer].pk),
            label="#1",
            changes={"name": ["Anders", NAME]},
        )
    return rows


def test_the_fixture_puts_the_caller_everywhere(company: Business) -> None:
    fill(company)
    assert {
        "Appointment", "AuditEntry", "BookingAttempt", "Call", "CallbackRequest", "Customer", "FunctionCall",
        "WaitingWish",
    } <= everywhere(NAME)  # fmt: skip
    assert "CallEvent" in everywhere(CALLER)


def test_nothing_of_an_erased_caller_is_left(company: Business, queued: list[Any]) -> None:
    fill(company)
    with company_scope(company.company.pk):
        personal_data.erase(CALLER)
    assert everywhere(NAME) == set()
    assert everywhere(CALLER) == set()


def test_the_providers_copies_are_asked_to_be_erased(
    company: Business, queued: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    fill(company)
    with django_capture_on_commit_callbacks(execute=True), company_scope(company.company.pk):
        erasure = personal_data.erase(CALLER)
    assert queued == [(company.account.pk, "call_1")]
    assert erasure.provider_copies == 1


def test_what_is_still_to_come_stays_in_the_calendar_without_a_name(
    company: Business, queued: list[Any]
) -> None:
    fill(company)
    with company_scope(company.company.pk):
        erasure = personal_data.erase(CALLER)
        appointment = Appointment.objects.get()
    assert erasure.still_booked == 1
    assert (appointment.attendee_name, appointment.customer_id) == ("", None)
    assert appointment.calendar_uid == "uid-1"


def test_what_is_over_goes(company: Business, queued: list[Any], clock: time_machine.Traveller) -> None:
    fill(company)
    clock.shift(timedelta(days=5))
    with company_scope(company.company.pk):
        assert personal_data.erase(CALLER).still_booked == 0
        assert not Appointment.objects.exists()
        assert not BookingAttempt.objects.exists()


def test_an_unsettled_booking_keeps_its_key_and_loses_the_person(
    company: Business, queued: list[Any]
) -> None:
    make_attempt(company, start=START, state=BookingAttempt.State.UNKNOWN, attendee_name=NAME, reason=NAME)
    with company_scope(company.company.pk):
        personal_data.erase(CALLER)
        attempt = BookingAttempt.objects.get()
    assert attempt.calendar_key
    assert (attempt.attendee_name, attempt.attendee_phone, attempt.reason) == ("", "", "")


def test_a_request_that_was_answered_today_is_still_not_run_again(
    company: Business, queued: list[Any]
) -> None:
    rows = fill(company)
    with company_scope(company.company.pk):
        personal_data.erase(CALLER)
        kept = FunctionCall.objects.get()
    assert kept.signature_key == rows[FunctionCall].signature_key
    assert kept.state == FunctionCall.State.DONE
    assert kept.answer is not None
    assert (kept.answer["status"], kept.answer["booked"], kept.arguments, kept.call_id) == (
        "booked",
        True,
        {},
        None,
    )


def test_a_request_of_the_day_before_yesterday_is_gone(
    company: Business, queued: list[Any], clock: time_machine.Traveller
) -> None:
    fill(company)
    clock.shift(timedelta(days=2))
    with company_scope(company.company.pk):
        personal_data.erase(CALLER)
        assert not FunctionCall.objects.exists()


def test_the_same_caller_of_another_company_is_untouched(
    company: Business, other_company: Business, queued: list[Any]
) -> None:
    fill(other_company)
    before = everywhere(NAME)
    with company_scope(company.company.pk):
        erasure = personal_data.erase(CALLER)
    assert not any(erasure.erased.values())
    assert everywhere(NAME) == before
    with company_scope(company.company.pk):
        assert not any(personal_data.export(CALLER).values())


def test_somebody_else_is_untouched(company: Business, queued: list[Any]) -> None:
    fill(company)
    with company_scope(company.company.pk):
        personal_data.erase(SOMEBODY_ELSE)
        assert Customer.objects.filter(phone=CALLER).exists()
        assert Call.objects.filter(caller_number=CALLER).exists()


def test_a_call_in_which_the_number_was_said_is_found(company: Business, queued: list[Any]) -> None:
    make_call(company, caller_number=SOMEBODY_ELSE, spoken_phone=CALLER, external_id="for mother")
    with company_scope(company.company.pk):
        assert len(personal_data.export(CALLER)["calls"]) == 1


def test_what_a_caller_booked_for_somebody_else_is_not_theirs(company: Business, queued: list[Any]) -> None:
    call = make_call(company)
    mother = make_customer(company.company, phone=SOMEBODY_ELSE, name="Mutter")
    appointment = make_appointment(company, start=START, customer=mother)
    make_attempt(
        company,
        start=START,
        owner=call.owner_key,
        attendee_phone=SOMEBODY_ELSE,
        customer=mother,
        appointment=appointment,
        state=BookingAttempt.State.CONFIRMED,
        check_at=None,
        settled_at=timezone.now(),
    )
    with company_scope(company.company.pk):
        assert personal_data.erase(CALLER).still_booked == 0
        assert Appointment.objects.get().customer_id == mother.pk


def test_an_event_without_a_call_is_found_by_what_it_says(company: Business, queued: list[Any]) -> None:
    with company_scope(company.company.pk):
        CallEvent.objects.create(
            company=company.company,
            account=company.account,
            kind="chat",
            dedup_key="1",
            payload={"call": {"from_number": CALLER}},
        )
        assert personal_data.erase(CALLER).erased["events"] == 1
        assert not CallEvent.objects.exists()


# --- By command ---------------------------------------------------------------------------------


def test_the_export_is_one_json_object_of_everything(company: Business) -> None:
    fill(company)
    content = json.loads(run("export_caller", "--company", "praxis-am-park", "--phone", CALLER))
    assert (content["company"], content["phone"]) == ("praxis-am-park", CALLER)
    for kind in (
        "customers",
        "appointments",
        "attempts",
        "calls",
        "functions",
        "events",
        "offers",
        "callbacks",
    ):
        assert len(content[kind]) == 1, kind
    assert content["calls"][0]["transcript"] == f"Guten Tag, hier ist {NAME}."
    assert content["functions"][0]["arguments"]["customer_name"] == NAME


def test_the_command_says_what_it_erased(company: Business, queued: list[Any]) -> None:
    rows = fill(company)
    make_callback(rows[Call], key="2")
    make_function(rows[Call], key="2")
    output = run("erase_caller", "--company", "praxis-am-park", "--phone", CALLER)
    assert "1 customers, 1 appointments, 1 attempts, 1 calls" in output
    assert "2 functions" in output
    assert "still in the calendar: 1" in output
    assert (
        run("erase_caller", "--company", "praxis-am-park", "--phone", CALLER) == "erased: nothing was held\n"
    )


@pytest.mark.parametrize("command", ["erase_caller", "export_caller"])
@pytest.mark.parametrize(
    ("arguments", "returncode"),
    [
        (["--company", "nobody", "--phone", CALLER], 1),
        (["--company", "praxis-am-park", "--phone", "0170 1234567"], 2),
        (["--company", "praxis-am-park", "--phone", "+49170%"], 2),
        (["--company", "praxis-am-park", "--phone", ""], 2),
    ],
)
def test_bad_input_changes_nothing(
    company: Business, command: str, arguments: list[str], returncode: int
) -> None:
    fill(company)
    with pytest.raises(CommandError) as refused:
        run(command, *arguments)
    assert refused.value.returncode == returncode
    assert "\n" not in str(refused.value)
    assert "Customer" in everywhere(NAME)
