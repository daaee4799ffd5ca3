"""The database goes away, is held by somebody else, or says nothing: the caller hears a sentence in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.calls.models import FunctionCall
from apps.core import counts
from apps.scheduling import gateway, submission
from apps.tenants.scoping import company_scope
from benchmarks._proxy import Proxy
from tests.factories import Business
from tests.faults.outage import outage
from tests.phone import Phone

FUNCTIONS: dict[str, dict[str, Any]] = {
    "get_call_context": {},
    "list_services": {},
    "check_availability": {"when": "Mittwoch um 10 Uhr"},
    "list_appointments": {},
    "reschedule_appointment": {"new_date": "2026-01-08", "new_time": "11:00", "confirmed": True},
    "cancel_appointment": {"confirmed": True},
    "request_callback": {"customer_name": "Sabine Müller", "reason": "Rückfrage"},
    "transfer_to_person": {},
}
CHANGES = ("reschedule_appointment", "cancel_appointment")
MOST_STATEMENTS = 120


@pytest.fixture(autouse=True)
def _impatient(settings: Settings) -> None:
    """Callers who wait a second and a half, and a calendar that may be asked as often as a test likes."""
    settings.CALL_BUDGET_SECONDS = 1.5
    settings.CALCOM_REQUESTS_PER_SECOND = settings.CALCOM_REQUESTS_PER_MINUTE = 10_000


def prepared(business: Business, function: str) -> Phone:
    """A call that has come as far as this function needs."""
    phone = Phone(business)
    if function in ("reschedule_appointment", "cancel_appointment", "list_appointments"):
        slot = phone.function("check_availability", when="Mittwoch um 9 Uhr")["slot"]["slot"]
        assert phone.function("book_appointment", slot=slot, customer_name="Sabine Müller")["booked"]
    return phone


def until_unharmed(ask: Callable[[], Any]) -> Iterator[tuple[int, Any]]:
    """Ask while the database goes away after 0, 1, 2 … statements, until it lasts to the end."""
    for after in range(MOST_STATEMENTS):
        with outage(after=after) as gone:
            answer = ask()
            assert gateway.drain(seconds=10)
        if not gone.happened:
            return
        yield after, answer
    raise AssertionError(f"more than {MOST_STATEMENTS} statements")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_whenever_it_goes_away_a_function_answers(practice: Business, function: str) -> None:
    phone = prepared(practice, function)
    seen = set()
    for after, answer in until_unharmed(lambda: phone.function(function, **FUNCTIONS[function])):
        assert answer["say"], after
        assert set(answer) >= {"status", "booked", "confirmation", "alternatives", "slot", "appointment"}
        seen.add(answer["status"])
        if function in CHANGES and answer["status"] not in ("unavailable", "pending"):
            break  # the change stands: what followed would be another question
    assert "unavailable" in seen


def test_a_booking_is_never_denied_that_stands_and_never_claimed_that_does_not(
    practice: Business, standing: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "DATABASE_PAUSES", (0.01,))
    seen = set()
    # Long before anything is sent every third statement will do.
    after = -1
    for moment in moments():
        after += 3 if after < 18 else 1
        phone = Phone(practice, caller=f"+49170{after:07d}")
        slot = phone.function("check_availability", when=moment)["slot"]["slot"]
        before = len(standing())
        with outage(after=after) as gone:
            answer = phone.function("book_appointment", slot=slot, customer_name="Sabine Müller")
            assert gateway.drain(seconds=10)
        booked = len(standing()) > before
        assert answer["status"] in (("booked", "pending") if booked else ("unavailable", "pending")), after
        assert answer["booked"] is (answer["status"] == "booked")
        seen.add((answer["status"], booked))
        if not gone.happened:
            break
    else:
        raise AssertionError("the database never lasted")
    assert {("unavailable", False), ("pending", True), ("booked", True)} <= seen


def moments() -> Iterator[str]:
    """Times that are free, none of which touches another."""
    for day in (8, 9, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23):
        for hour in ("9", "10", "11", "12", "13", "14", "15", "16"):
            yield f"am {day}. Januar um {hour} Uhr"


def test_before_the_tenant_is_known_the_sentence_is_in_both_languages(phone: Phone) -> None:
    before = counts.noted().get("functions_without_database", 0)
    with outage(after=0):
        answer = phone.function("list_services")
    assert answer["status"] == "unavailable"
    assert "nichts gebucht" in answer["say"]
    assert "nothing was booked" in answer["say"]
    assert counts.noted()["functions_without_database"] == before + 1


def test_without_it_events_come_again_and_the_phone_rings_on(phone: Phone) -> None:
    inbound = {
        "event": "call_inbound",
        "call_inbound": {"from_number": phone.caller, "to_number": phone.dialled},
    }
    for after in range(3):
        with outage(after=after):
            refused = phone.event("call_started")
            empty = phone.post("inbound", inbound)
        assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
        assert refused.headers["Retry-After"]
        assert (empty.status_code, empty.json()) == (200, {"call_inbound": {}})
    assert phone.event("call_started").status_code == 204


def test_without_it_the_process_lives_but_is_not_ready(practice: Business) -> None:
    with outage(after=0):
        assert Client().get("/health/live/").status_code == 200
        assert Client().get("/health/ready/").status_code == 503
    assert Client().get("/health/ready/").status_code == 200


@contextmanager
def held_by_somebody_else() -> Iterator[None]:
    """Another connection holds what every writer needs."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "sqlite":
                    cursor.execute("BEGIN IMMEDIATE")
                else:
                    cursor.execute("BEGIN")
                    cursor.execute("LOCK TABLE calls_call, calls_functioncall")
                held.set()
                done.wait(20)
                cursor.execute("ROLLBACK")
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(5)
        yield
    finally:
        done.set()
        holder.join()


def test_a_lock_that_somebody_else_holds_ends_with_the_callers_budget(phone: Phone) -> None:
    with held_by_somebody_else():
        began = time.monotonic()
        answer = phone.function("check_availability", when="Mittwoch um 10 Uhr")
        assert time.monotonic() - began < 1.5 + 0.5
    assert answer["status"] == "unavailable"
    assert phone.function("check_availability", when="Mittwoch um 10 Uhr")["status"] == "available"


@pytest.mark.postgres
def test_a_server_that_says_nothing_is_not_waited_for(practice: Business, phone: Phone) -> None:
    settings = connection.settings_dict
    real = (settings["HOST"], settings["PORT"])
    with Proxy(int(settings["PORT"] or 5432)) as proxy:
        connection.close()
        settings.update(HOST="127.0.0.1", PORT=str(proxy.port))
        try:
            assert phone.function("list_services")["status"] == "services"
            for manner in ("silent", "gone"):
                proxy.manner = manner
                time.sleep(0.1)
                began = time.monotonic()
                # A kept connection is asked whether it is still there before it is used again.
                connection.health_check_enabled, connection.health_check_done = True, False
                answer = phone.function("list_services")
                assert answer["status"] == "unavailable"
                assert time.monotonic() - began < 3.5
                proxy.manner = "through"
                time.sleep(0.1)
                connection.close()
                assert phone.function("list_services")["status"] == "services"
        finally:
            connection.close()
            settings.update(HOST=real[0], PORT=real[1])


@pytest.mark.postgres
def test_a_kept_connection_is_not_asked_for_a_sign_of_life_before_a_question_that_gives_one(
    practice: Business, phone: Phone
) -> None:
    phone.function("list_services")
    connection.health_check_enabled, connection.health_check_done = True, False
    with CaptureQueriesContext(connection) as messages:
        assert phone.function("list_services")["status"] == "services"
    assert len(messages) == 2
    assert not any(one["sql"] == "SELECT 1" for one in messages.captured_queries)


@pytest.mark.postgres
def test_a_kept_connection_that_was_lost_meanwhile_costs_the_caller_nothing(
    practice: Business, phone: Phone
) -> None:
    phone.function("list_services")
    lost = connection.connection
    end_on_the_server(lost.info.backend_pid)
    connection.health_check_enabled, connection.health_check_done = True, False
    assert phone.function("list_services")["status"] == "services"
    assert connection.connection is not lost
    with company_scope(practice.company.pk):
        assert FunctionCall.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("question", "times", "error"),
    [
        ("DO $$ BEGIN RAISE lock_not_available; END $$", 1, OperationalError),
        ("SELECT pg_sleep(1.2)", 2, None),
    ],
)
def test_a_server_that_is_merely_slow_is_asked_again_and_one_that_refuses_is_not(
    practice: Business, question: str, times: int, error: type[Exception] | None
) -> None:
    connection.ensure_connection()
    kept = connection.connection
    connection.health_check_enabled, connection.health_check_done = True, False
    asked = []

    def ask() -> None:
        asked.append(question)
        with connection.cursor() as cursor:
            cursor.execute(question)

    with nullcontext() if error is None else pytest.raises(error):
        connection.first_question(ask)  # type: ignore[attr-defined]
    assert len(asked) == times
    assert connection.connection is kept


def end_on_the_server(pid: int) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])
    finally:
        other.close()
