"""A process dies in the middle of an answer: whoever was left with nothing, or with "it is being checked", is
owed the outcome all the same."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, transaction
from django.test import override_settings
from django.utils import timezone

from apps.calls import replay, settlement, tasks
from apps.calls.models import Call, CallbackRequest, FunctionCall
from apps.scheduling import gateway, truth
from apps.scheduling.models import Appointment, BookingAttempt
from apps.tenants.scoping import all_companies, company_scope
from booking_platform import settings as project
from tests.factories import Business, make_attempt
from tests.phone import Phone
from tests.scheduling.engine import at_once

LATER = timedelta(minutes=2)
SLOT_AT_TEN = {"when": "Mittwoch um 10 Uhr"}


def offered(phone: Phone) -> str:
    phone.event("call_started")
    return str(phone.function("check_availability", **SLOT_AT_TEN)["slot"]["slot"])


def ask_again(phone: Phone, slot: str) -> str:
    """The provider's retry, which waits for the dead process: a second is enough."""
    with override_settings(CALL_BUDGET_SECONDS=1.0):
        return book(phone, slot)


def book(phone: Phone, slot: str, *, tool: str = "booking") -> str:
    answer = phone.function(
        "book_appointment", slot=slot, customer_name="Sabine Müller", tool_call_id=f"{tool}-{phone.call_id}"
    )
    assert gateway.drain(seconds=5)  # what follows from it comes after its answer
    return str(answer["status"])


def killed_while_it_ran(business: Business, name: str = "book_appointment", **sent: Any) -> FunctionCall:
    """The function as a process leaves it that dies before it has answered."""
    with company_scope(business.company.pk):
        row = FunctionCall.objects.filter(name=name).latest("id")
        changed = {"state": "running", "status": "", "answer": None, "duration_ms": None, **sent}
        FunctionCall.objects.filter(pk=row.pk).update(**changed)
    return row


def callbacks(business: Business) -> list[tuple[str, str]]:
    with company_scope(business.company.pk):
        return list(CallbackRequest.objects.order_by("id").values_list("kind", "status"))


def test_the_schedule_names_the_task() -> None:
    scheduled = {entry["task"] for entry in project.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.follow_up_unanswered.name in scheduled


def test_who_asks_a_dead_process_again_and_is_told_to_wait_is_called_back(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(practice)
    assert ask_again(phone, slot) == "pending"
    assert callbacks(practice) == []
    clock.shift(LATER)
    for _ in range(2):
        tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("settled_late", "open")]
    # The function has an end, and the provider's next retry hears the same.
    assert ask_again(phone, slot) == "pending"


def test_who_heard_nothing_at_all_is_called_back(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    assert book(phone, offered(phone)) == "booked"
    killed_while_it_ran(practice)
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("settled_late", "open")]


def test_a_cancellation_that_nobody_was_told_of_is_told(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    assert book(phone, offered(phone)) == "booked"
    clock.shift(1)
    assert phone.function("cancel_appointment", confirmed=True)["status"] == "cancelled"
    killed_while_it_ran(practice, "cancel_appointment")
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("settled_late", "open")]


def test_who_asked_anew_and_heard_it_is_owed_nothing(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(practice)
    assert book(phone, slot, tool="another") == "already_booked"
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == []


@pytest.mark.parametrize("asked_again", [True, False])
def test_killed_before_anything_was_asked_of_the_calendar(
    practice: Business, phone: Phone, clock: time_machine.Traveller, asked_again: bool
) -> None:
    """ "It is being checked" was untrue then: somebody must say so. Who heard nothing is owed nothing."""
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(practice)
    with company_scope(practice.company.pk):
        BookingAttempt.objects.all().delete()
    if asked_again:
        assert ask_again(phone, slot) == "pending"
    clock.shift(LATER)
    for _ in range(2):
        tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == ([("lost_booking", "open")] if asked_again else [])
    with company_scope(practice.company.pk):
        CallbackRequest.objects.update(status="done")
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == ([("lost_booking", "done")] if asked_again else [])


@pytest.mark.parametrize("done", [True, False])
def test_who_was_told_to_wait_for_what_was_never_asked_may_ask_again(
    practice: Business, phone: Phone, clock: time_machine.Traveller, done: bool
) -> None:
    """Booked then, they know it. Refused then, somebody must say that the first wish is no longer checked."""
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(practice)
    with company_scope(practice.company.pk):
        BookingAttempt.objects.all().delete()
        Appointment.objects.all().delete()
    assert ask_again(phone, slot) == "pending"
    clock.shift(10)
    with company_scope(practice.company.pk):
        start = timezone.now() + timedelta(days=1)
        attempt = make_attempt(practice, start=start, owner=Call.objects.get().owner_key)
        if not done:
            truth.reject(attempt, code="unavailable_budget")
        else:
            BookingAttempt.objects.update(state="confirmed", settled_at=timezone.now())
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == ([] if done else [("lost_booking", "open")])


def test_an_answer_that_was_given_is_the_answer_though_what_follows_fails(
    practice: Business, phone: Phone, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert book(phone, offered(phone)) == "booked"
    clock.shift(1)

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(settlement, "heard", gone)
    assert phone.function("cancel_appointment", confirmed=True)["status"] == "cancelled"


def test_a_refusal_that_its_caller_never_heard_is_told(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    """The calendar said no, the process died, and its caller was told to wait."""
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(practice)
    with company_scope(practice.company.pk):
        BookingAttempt.objects.update(state="rejected", error_code="slot_taken", appointment=None)
    assert ask_again(phone, slot) == "pending"
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("lost_booking", "open")]


def test_whoever_settles_an_attempt_may_die_before_the_outcome_is_told(
    practice: Business, phone: Phone, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(
        practice, state="done", status="pending", answer={"status": "pending", "appointment": None}
    )
    assert callbacks(practice) == []
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("settled_late", "open")]


def test_what_may_still_be_answered_is_left_alone(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    assert book(phone, offered(phone)) == "booked"
    row = killed_while_it_ran(practice, started_at=timezone.now() - timedelta(seconds=30))
    tasks.follow_up_company(practice.company.pk)
    with all_companies():
        assert FunctionCall.objects.get(pk=row.pk).state == FunctionCall.State.RUNNING
    assert callbacks(practice) == []


def test_one_company_is_looked_after_without_touching_another(
    practice: Business, linden: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    stranger = Phone(linden)
    for one in (phone, stranger):
        assert book(one, offered(one)) == "booked"
    rows = [killed_while_it_ran(business) for business in (practice, linden)]
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert (callbacks(practice), callbacks(linden)) == ([("settled_late", "open")], [])
    with all_companies():
        assert [FunctionCall.objects.get(pk=row.pk).state for row in rows] == ["done", "running"]


def test_without_a_broker_the_schedule_follows_up_by_itself(
    practice: Business, phone: Phone, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert book(phone, offered(phone)) == "booked"
    killed_while_it_ran(practice)
    clock.shift(LATER)

    def gone(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(tasks.follow_up_company, "apply_async", gone)
    tasks.follow_up_unanswered()
    assert callbacks(practice) == [("settled_late", "open")]


def test_a_retry_that_loses_the_database_while_it_waits_denies_nothing(
    practice: Business, phone: Phone, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was first may have booked: "nothing was booked" could be untrue."""
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(practice)

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    with company_scope(practice.company.pk):
        BookingAttempt.objects.all().delete()
    monkeypatch.setattr(replay, "wait_for_answer", gone)
    assert ask_again(phone, slot) == "pending"
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("lost_booking", "open")]


def test_the_outcome_is_told_once_whoever_looks(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    killed_while_it_ran(practice)
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    with company_scope(practice.company.pk):
        (attempt,) = BookingAttempt.objects.all()
        settlement.follow_up(practice.company.pk, attempt.pk)
    assert gateway.drain(seconds=5)
    assert callbacks(practice) == [("settled_late", "open")]


def answered_after_the_retry_gave_up(business: Business, row: FunctionCall) -> None:
    """Whoever was first goes on, and its answer goes to a connection that nobody reads any more."""
    with company_scope(business.company.pk):
        FunctionCall.objects.filter(pk=row.pk).update(
            state="done", status=row.status, answer=row.answer, duration_ms=900
        )


def test_the_answer_that_comes_after_a_retry_was_told_to_wait_is_told(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    assert book(phone, offered(phone)) == "booked"
    clock.shift(1)
    cancel = {"confirmed": True, "tool_call_id": "cancel"}
    assert phone.function("cancel_appointment", **cancel)["status"] == "cancelled"
    row = killed_while_it_ran(practice, "cancel_appointment")
    with override_settings(CALL_BUDGET_SECONDS=1.0):
        assert phone.function("cancel_appointment", **cancel)["status"] == "pending"
    answered_after_the_retry_gave_up(practice, row)
    clock.shift(LATER)
    for _ in range(2):
        tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("settled_late", "open")]


def test_a_retry_that_gets_the_first_answer_is_owed_nothing(
    practice: Business, phone: Phone, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    row = killed_while_it_ran(practice)

    def meanwhile(_: float) -> None:
        answered_after_the_retry_gave_up(practice, row)

    # Its own clock alone: the threads of the process sleep too, and would keep a connection each.
    monkeypatch.setattr(replay, "time", SimpleNamespace(sleep=meanwhile, monotonic=time.monotonic))
    assert ask_again(phone, slot) == "booked"
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == []


def test_who_is_told_to_wait_while_the_database_is_gone_is_remembered_by_the_queue(
    practice: Business, phone: Phone, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = offered(phone)
    assert book(phone, slot) == "booked"
    row = killed_while_it_ran(practice)
    queued: list[tuple[object, ...]] = []

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as broken:
        broken.setattr(replay, "note_waiter", gone)
        broken.setattr(tasks, "enqueue", lambda _, *args: queued.append(args))
        assert ask_again(phone, slot) == "pending"
    answered_after_the_retry_gave_up(practice, row)
    (sent,) = queued
    tasks.note_waiter(*sent)
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == [("settled_late", "open")]


@pytest.mark.parametrize("said", [False, True])
def test_what_was_said_is_compared_again_when_whoever_settled_it_could_not(
    practice: Business, linden: Business, phone: Phone, clock: time_machine.Traveller, said: bool
) -> None:
    stranger = Phone(linden)
    for one, business in ((phone, practice), (stranger, linden)):
        assert book(one, offered(one)) == "booked"
        with company_scope(business.company.pk):
            Call.objects.update(said_booked=said)
            if said:
                BookingAttempt.objects.update(state="rejected", error_code="refused", appointment=None)
    clock.shift(LATER)
    for _ in range(2):
        tasks.follow_up_company(practice.company.pk)
    kind = "promised_not_booked" if said else "booked_not_promised"
    assert (callbacks(practice), callbacks(linden)) == ([(kind, "open")], [])


def test_what_was_said_and_done_alike_is_no_alarm(
    practice: Business, phone: Phone, clock: time_machine.Traveller
) -> None:
    assert book(phone, offered(phone)) == "booked"
    with company_scope(practice.company.pk):
        Call.objects.update(said_booked=True)
    clock.shift(LATER)
    tasks.follow_up_company(practice.company.pk)
    assert callbacks(practice) == []


@pytest.mark.postgres
def test_settled_while_the_analysis_tells_what_was_said(practice: Business, phone: Phone) -> None:
    """Neither sees what the other has not committed yet: whoever is second must wait, and compare."""
    assert book(phone, offered(phone)) == "booked"
    company_id = practice.company.pk
    said, settled = threading.Event(), threading.Event()

    def analyse() -> None:
        with company_scope(company_id), transaction.atomic():
            call = Call.objects.select_for_update(no_key=True).get()
            Call.objects.filter(pk=call.pk).update(said_booked=False)
            said.set()
            settled.wait(0.5)  # it cannot be over before this ends

    def settle() -> None:
        said.wait(5)
        with company_scope(company_id):
            settlement.follow_up(company_id, BookingAttempt.objects.get().pk)
        settled.set()

    at_once(analyse, settle)
    assert callbacks(practice) == [("booked_not_promised", "open")]
