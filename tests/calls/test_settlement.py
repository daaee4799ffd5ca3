"""A caller who heard "it is being checked" is owed the outcome: from the agent, or from the operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from apps.calls import tasks
from apps.calls.models import Call, CallbackRequest, SettlementNotice
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway, reconciliation
from apps.scheduling.models import BookingAttempt
from apps.tenants.scoping import company_scope
from tests.calls.conftest import account
from tests.calls.provider_stub import ProviderStub, provider_stub
from tests.factories import Business
from tests.phone import Phone

State = BookingAttempt.State


@pytest.fixture
def provider(practice: Business) -> Iterator[ProviderStub]:
    with provider_stub(practice.account) as stub:
        yield stub


@pytest.fixture
def impatient(settings: Settings, sandbox: SandboxServer) -> None:
    """The calendar takes longer to book than a caller waits, and then does it."""
    settings.CALCOM_BOOKING_TIMEOUT = 0.5
    sandbox.faults.add("latency", method="POST", path="/v2/bookings", ms=1_000)


def book(phone: Phone, **extra: Any) -> dict[str, Any]:
    phone.event("call_started")
    offered = phone.function("check_availability", when="Mittwoch um 10 Uhr")
    return phone.function(
        "book_appointment", slot=offered["slot"]["slot"], customer_name="Sabine Müller", **extra
    )


def the_call(business: Business) -> Call:
    with company_scope(business.company.pk):
        return Call.objects.get()


def notices(business: Business) -> list[SettlementNotice]:
    with company_scope(business.company.pk):
        return list(SettlementNotice.objects.all())


def callbacks(business: Business) -> list[tuple[str, str]]:
    with company_scope(business.company.pk):
        return list(CallbackRequest.objects.order_by("id").values_list("kind", "status"))


def run_task(business: Business) -> None:
    (notice,) = notices(business)
    tasks.tell_settlement(business.company.pk, notice.pk)


@pytest.mark.usefixtures("impatient")
def test_the_agent_of_a_call_that_is_on_is_told(
    practice: Business, phone: Phone, provider: ProviderStub
) -> None:
    provider.answers[f"/v2/update-live-call/{phone.call_id}"] = ("200 OK", {"success": True})
    assert book(phone)["status"] == "pending"
    assert notices(practice) == []
    assert gateway.drain(seconds=5)
    # Until somebody has told the agent, it is the operator's.
    assert callbacks(practice) == [("settled_late", "open")]
    run_task(practice)
    (asked,) = provider.asked
    assert (asked.method, asked.headers["authorization"]) == ("PATCH", f"Bearer {phone.key}")
    assert asked.body == {
        "call_control": {
            "additional_context": (
                "Der Kalender hat geantwortet. Sage es jetzt: "
                "Ihr Termin ist gebucht: Fußpflege, übermorgen um 10 Uhr."
            ),
            "trigger_response": True,
        }
    }
    assert [notice.told for notice in notices(practice)] == ["agent"]
    assert callbacks(practice) == [("settled_late", "done")]
    run_task(practice)
    assert len(provider.asked) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", ["404 Not Found", "500 Internal Server Error", "gone"])
def test_when_the_agent_cannot_be_told_the_operator_calls(
    practice: Business, phone: Phone, provider: ProviderStub, answer: str
) -> None:
    if answer == "gone":
        practice.account.api_url = "http://127.0.0.1:9"
        practice.account.save()
    provider.answers[f"/v2/update-live-call/{phone.call_id}"] = (answer, {})
    book(phone)
    assert gateway.drain(seconds=5)
    run_task(practice)
    assert callbacks(practice) == [("settled_late", "open")]


@pytest.mark.usefixtures("impatient")
def test_after_the_call_the_operator_calls(practice: Business, phone: Phone, provider: ProviderStub) -> None:
    book(phone)
    phone.event("call_ended", disconnection_reason="user_hangup")
    assert gateway.drain(seconds=5)
    run_task(practice)
    assert provider.asked == []
    with company_scope(practice.company.pk):
        callback = CallbackRequest.objects.get()
    assert (callback.kind, callback.name, callback.phone) == ("settled_late", "Sabine Müller", phone.caller)
    assert callback.topic.startswith("Gebucht: Mittwoch, 7. Januar, 10 Uhr.")
    # The analysis finds that nobody said "booked"; somebody calls already.
    phone.event("call_analyzed", transcript="Agent: Ich prüfe es, bitte nicht noch einmal buchen.\n")
    assert (the_call(practice).alarm, callbacks(practice)) == ("", [("settled_late", "open")])


@pytest.mark.usefixtures("impatient")
def test_who_was_told_of_it_and_did_not_say_it_is_found_out(
    practice: Business, phone: Phone, provider: ProviderStub
) -> None:
    provider.answers[f"/v2/update-live-call/{phone.call_id}"] = ("200 OK", {"success": True})
    book(phone)
    assert gateway.drain(seconds=5)
    run_task(practice)
    phone.event("call_analyzed", transcript="Agent: Ich prüfe es, bitte nicht noch einmal buchen.\n")
    assert the_call(practice).alarm == "booked_not_promised"


@pytest.mark.usefixtures("impatient")
def test_a_caller_who_asks_again_and_hears_it_is_owed_nothing(
    practice: Business, phone: Phone, settings: Settings
) -> None:
    offered = phone.function("check_availability", when="Mittwoch um 10 Uhr")
    token = {"slot": offered["slot"]["slot"], "customer_name": "Sabine Müller"}
    assert phone.function("book_appointment", **token)["status"] == "pending"
    # Still on its way; this time the caller waits long enough.
    settings.CALCOM_BOOKING_TIMEOUT = 5
    again = phone.function("book_appointment", **token)
    assert again["status"] == "already_booked"
    assert gateway.drain(seconds=5)
    # Whichever is known first, that it is settled or that it was heard: nobody has to call.
    assert {one.told for one in notices(practice)} <= {"agent"}
    assert set(callbacks(practice)) <= {("settled_late", "done")}
    phone.event("call_analyzed", transcript="Agent: Ihr Termin steht schon: Fußpflege.\n")
    assert the_call(practice).alarm == ""


def test_an_ordinary_booking_owes_nothing(practice: Business, phone: Phone, provider: ProviderStub) -> None:
    assert book(phone)["status"] == "booked"
    assert gateway.drain(seconds=5)
    assert (notices(practice), callbacks(practice), provider.asked) == ([], [], [])


def test_an_outcome_that_is_looked_up_later_is_told(
    practice: Business, phone: Phone, provider: ProviderStub, sandbox: SandboxServer
) -> None:
    """The connection broke after Cal.com had booked, and for a while nobody could look."""
    provider.answers[f"/v2/update-live-call/{phone.call_id}"] = ("200 OK", {"success": True})
    sandbox.faults.add("commit_then_reset", method="POST", path="/v2/bookings")
    sandbox.faults.add("status", method="GET", path="/v2/bookings*", status=500)
    assert book(phone)["status"] == "pending"
    sandbox.faults.clear()
    with company_scope(practice.company.pk):
        attempt = BookingAttempt.objects.get()
        reconciliation.settle(attempt.pk, final=True)
        attempt.refresh_from_db()
        assert attempt.state == State.CONFIRMED
    run_task(practice)
    assert [one.told for one in notices(practice)] == ["agent"]
    assert callbacks(practice) == [("settled_late", "done")]


def test_a_booking_that_failed_after_all_is_told_too(
    practice: Business, phone: Phone, provider: ProviderStub, sandbox: SandboxServer
) -> None:
    provider.answers[f"/v2/update-live-call/{phone.call_id}"] = ("200 OK", {"success": True})
    sandbox.faults.add("reset", method="POST", path="/v2/bookings")
    sandbox.faults.add("status", method="GET", path="/v2/bookings*", status=500)
    assert book(phone)["status"] == "pending"
    sandbox.faults.clear()
    with company_scope(practice.company.pk):
        attempt = BookingAttempt.objects.get()
        reconciliation.settle(attempt.pk, final=True)
        attempt.refresh_from_db()
        assert attempt.state == State.REJECTED
    assert callbacks(practice) == [("lost_booking", "open")]
    run_task(practice)
    (asked,) = provider.asked
    assert asked.body["call_control"]["additional_context"].endswith(
        "es wurde nichts gebucht. Soll ich nach einer anderen Zeit suchen?"
    )
    assert callbacks(practice) == [("lost_booking", "done")]


class TestTheBusinessConfirms:
    """`pending` with the appointment in it is an answer, and owes no other."""

    @pytest.fixture
    def scenario(self) -> dict[str, Any]:
        return {"accounts": [account(requires_confirmation=True)]}

    def test_a_request_that_was_passed_on_owes_nothing(self, practice: Business, phone: Phone) -> None:
        answer = book(phone)
        assert (answer["status"], answer["appointment"]["status"]) == ("pending", "requested")
        assert gateway.drain(seconds=5)
        assert (notices(practice), callbacks(practice)) == ([], [])
