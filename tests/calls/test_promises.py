"""Said versus done: what the agent claimed, and what stands."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.calls import promises, settlement
from apps.calls.conversation import replies
from apps.calls.models import Call, CallbackRequest
from apps.calls.promises import said_booked
from apps.calls.speech.catalogue import text
from apps.scheduling import truth
from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.models import Appointment, BookingAttempt
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import (
    BERLIN,
    Business,
    make_appointment,
    make_attempt,
    make_business,
    make_call,
    make_customer,
)
from tests.phone import Phone

START = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)
DONE = (
    "Ihr Termin ist gebucht: Fußpflege, am Mittwoch, dem 7. Januar, um 14 Uhr.",
    "Ihr Termin steht bereits: Fußpflege, am Mittwoch um 14 Uhr.",
    "Ihr Termin ist jetzt am Mittwoch um 15 Uhr.",
    "Gebucht!",
    "So, das habe ich für Sie eingetragen.",
    "Alles klar, ich habe Ihren Termin auf Donnerstag verschoben. Kann ich noch etwas tun?",
    "Der Termin ist bestätigt. Möchten Sie noch etwas wissen?",
    "Sie sind schon für Mittwoch gebucht.",
    "Ihr Termin ist gebucht, Sie können ihn jederzeit absagen.",
    "Your appointment is booked: foot care, on Wednesday at 2 pm.",
    "Your appointment is now on Wednesday at 3 pm.",
    "Great, I've booked you in for Wednesday. Anything else?",
    "You're all set for Wednesday at two.",
    "Your appointment has been confirmed.",
)
NOT_DONE = (
    "Ich erreiche den Kalender gerade nicht, es wurde nichts gebucht. Soll Sie jemand zurückrufen?",
    "Das hat leider nicht geklappt.",
    "Mittwoch, 7. Januar, 14 Uhr, Fußpflege: Soll ich das buchen?",
    "Soll ich Mittwoch, den 7. Januar, als gebucht eintragen?",
    "Ist der Termin schon gebucht?",
    "Um halb drei ist leider schon gebucht, ich hätte um 14 Uhr etwas frei.",
    "Der Vormittag ist schon gebucht.",
    "Am Mittwoch sind wir ausgebucht.",
    "Der Termin wird gerade gebucht, einen Moment.",
    "Ich kann den Termin für Sie gebucht bekommen.",
    "Wenn der Termin gebucht ist, sage ich es Ihnen.",
    "Der Termin um 14 Uhr steht zur Verfügung.",
    "Ich habe Ihren Rückruf eingetragen.",
    "Ihr Termin muss noch bestätigt werden.",
    "Der Kalender hat noch nicht geantwortet. Ich prüfe es, bitte buchen Sie nicht noch einmal.",
    "Ihre Anfrage für Fußpflege, am Mittwoch um 14 Uhr, ist weitergegeben. Sie muss noch bestätigt werden.",
    "Nothing was booked.",
    "I haven't booked anything yet.",
    "Would you like me to get that booked?",
    "We're fully booked on Wednesday.",
    "That time is already booked, I could offer you three o'clock.",
    "Once it is booked, you will hear from me.",
    "Your request has been passed on. It still has to be confirmed.",
    "I have scheduled a call back for you.",
    "Wie kann ich helfen?",
)


@pytest.mark.parametrize("sentence", DONE)
def test_what_claims_a_booking(sentence: str) -> None:
    assert said_booked(f"Agent: Guten Tag.\nUser: Hallo\nAgent: {sentence}\n") is True


@pytest.mark.parametrize("sentence", NOT_DONE)
def test_what_claims_none(sentence: str) -> None:
    assert said_booked(f"Agent: {sentence}\n") is False


def test_a_sentence_without_an_end_takes_no_time() -> None:
    began = time.process_time()
    assert said_booked("Agent: " + "der Termin am Termin " * 20_000) is False
    assert said_booked("Agent: " + "ja, " * 20_000 + "Ihr Termin ist gebucht.") is True
    assert time.process_time() - began < 1


def spoken(sentence: str, language: str) -> str:
    return text(sentence, language=language, service="Fußpflege", start="am Mittwoch um 14 Uhr")


@pytest.mark.parametrize("language", ["de", "en"])
def test_our_own_sentences_claim_what_they_mean(language: str) -> None:
    for sentence in (settlement.CONFIRMED["book"], settlement.CONFIRMED["reschedule"]):
        assert said_booked(f"Agent: {spoken(sentence, language)}\n") is True
    others = (*replies.QUESTIONS.values(), *replies.REFUSALS.values(), *settlement.REJECTED.values())
    for sentence in (*others, settlement.REQUESTED, settlement.CONFIRMED["cancel"]):
        assert said_booked(f"Agent: {spoken(sentence, language)}\n") is False, sentence


def test_only_the_agents_words_count() -> None:
    assert said_booked("Agent: Guten Tag.\nUser: Ich habe einen Termin gebucht.\n") is False
    assert said_booked("Agent: Guten Tag.\nTransfer Target: Ist gebucht.\n") is False
    assert said_booked("User: Ist gebucht.\n") is None
    assert said_booked("") is None
    assert said_booked("Agent: Moment.\nIhr Termin ist gebucht.\n") is True


# --- Compared with what stands ------------------------------------------------------------------


@pytest.fixture
def practice(transactional_db: None, clock: time_machine.Traveller) -> Business:
    return make_business()


def confirmed(business: Business, call: Call, **values: Any) -> BookingAttempt:
    appointment = make_appointment(business, start=START, uid=f"uid-{call.pk}")
    return make_attempt(
        business,
        start=START,
        owner=call.owner_key,
        state=BookingAttempt.State.CONFIRMED,
        appointment=appointment,
        settled_at=timezone.now(),
        check_at=None,
        **values,
    )


def analysed(phone: Phone, agent: str, **extra: Any) -> Call:
    """The call after its analysis; ``agent`` is the last thing the agent said."""
    said = f"Agent: Guten Tag.\nUser: Hallo.\nAgent: {agent}\n" if agent else ""
    assert phone.event("call_analyzed", transcript=said, **extra).status_code == 204
    with all_companies():
        return Call.objects.get(external_id=phone.call_id)


def callbacks(business: Business) -> list[tuple[str, str]]:
    with company_scope(business.company.pk):
        return list(CallbackRequest.objects.values_list("kind", "status"))


def test_booked_was_said_and_nothing_was_booked(practice: Business) -> None:
    call = analysed(Phone(practice), "Ihr Termin ist gebucht.")
    assert call.alarm == "promised_not_booked"
    with company_scope(practice.company.pk):
        callback = CallbackRequest.objects.get()
    assert (callback.kind, callback.call_id, callback.phone) == (call.alarm, call.pk, call.caller_number)
    assert callback.topic == "Der Assistent hat gesagt, es sei gebucht, aber es wurde nichts gebucht."


def test_booked_and_said_is_all_right(practice: Business) -> None:
    phone = Phone(practice)
    confirmed(practice, make_call(practice, external_id=phone.call_id))
    assert analysed(phone, "Ihr Termin ist gebucht.").alarm == ""
    assert callbacks(practice) == []


def test_booked_and_not_said(practice: Business) -> None:
    phone = Phone(practice)
    confirmed(practice, make_call(practice, external_id=phone.call_id))
    assert analysed(phone, "Einen Moment, ich schaue nach.").alarm == "booked_not_promised"
    assert callbacks(practice) == [("booked_not_promised", "open")]


def test_neither_said_nor_booked_is_all_right(practice: Business) -> None:
    assert analysed(Phone(practice), "Es wurde nichts gebucht.").alarm == ""


def test_what_was_booked_and_cancelled_in_the_same_call_needs_no_word(practice: Business) -> None:
    phone = Phone(practice)
    attempt = confirmed(practice, make_call(practice, external_id=phone.call_id))
    with company_scope(practice.company.pk):
        Appointment.objects.filter(pk=attempt.appointment_id).update(status="cancelled")
    assert analysed(phone, "Ihr Termin ist abgesagt.").alarm == ""


def test_a_booking_of_another_call_proves_nothing(practice: Business) -> None:
    confirmed(practice, make_call(practice, external_id="another"))
    assert analysed(Phone(practice), "Ihr Termin ist gebucht.").alarm == "promised_not_booked"


def test_an_appointment_that_was_named_may_be_spoken_of(practice: Business) -> None:
    phone = Phone(practice)
    customer = make_customer(practice.company)
    make_appointment(practice, start=START, customer=customer)
    assert phone.function("list_appointments")["appointments"]
    assert analysed(phone, "Sie haben bereits für Mittwoch gebucht.").alarm == ""


@pytest.mark.parametrize("order", ["ended first", "analysed first"])
def test_the_order_of_the_last_events_does_not_matter(practice: Business, order: str) -> None:
    phone = Phone(practice)
    said = "Agent: Ihr Termin ist gebucht.\n"
    names = ["call_ended", "call_analyzed"]
    for name in names if order == "ended first" else reversed(names):
        # Of the two only the end carries the transcript.
        phone.event(name, **({"transcript": said} if name == "call_ended" else {}))
    with all_companies():
        assert Call.objects.get().alarm == "promised_not_booked"
    assert callbacks(practice) == [("promised_not_booked", "open")]


def test_an_alarm_is_raised_once(practice: Business) -> None:
    phone = Phone(practice)
    call = analysed(phone, "Ihr Termin ist gebucht.")
    with company_scope(practice.company.pk):
        CallbackRequest.objects.update(status="done")
        promises.compare(call)
    phone.event("transcript_updated", transcript="Agent: Ihr Termin ist gebucht. Tschüss.\nUser: Tschüss\n")
    assert callbacks(practice) == [("promised_not_booked", "done")]


def test_while_a_booking_is_being_checked_nothing_is_said(practice: Business) -> None:
    """A late settlement compares again: what was promised and came true is no alarm."""
    phone = Phone(practice)
    call = make_call(practice, external_id=phone.call_id)
    attempt = make_attempt(practice, start=START, owner=call.owner_key, state="submitting")
    assert analysed(phone, "Ihr Termin ist gebucht.").alarm == ""
    booking = Booking(
        uid="late", status="accepted", start=START, end=START + timedelta(minutes=45), event_type_id=123
    )
    with company_scope(practice.company.pk):
        truth.confirm_booking(attempt, booking)
        assert Call.objects.get().alarm == ""
    assert callbacks(practice) == []


def test_a_late_failure_makes_it_a_broken_promise(practice: Business) -> None:
    phone = Phone(practice)
    call = make_call(practice, external_id=phone.call_id)
    attempt = make_attempt(practice, start=START, owner=call.owner_key, state="submitting")
    analysed(phone, "Ihr Termin ist gebucht.")
    with company_scope(practice.company.pk):
        truth.reject(attempt, code="slot_taken")
        assert Call.objects.get().alarm == "promised_not_booked"


def test_a_promise_that_comes_true_later_is_no_alarm_any_more(practice: Business) -> None:
    phone = Phone(practice)
    call = analysed(phone, "Ihr Termin ist gebucht.")
    assert call.alarm == "promised_not_booked"
    confirmed(practice, call)
    with company_scope(practice.company.pk):
        assert promises.compare(call) == ""
        assert Call.objects.get().alarm == ""
    assert callbacks(practice) == [("promised_not_booked", "done")]


def test_without_transcripts_the_analysis_is_believed(practice: Business) -> None:
    with company_scope(practice.company.pk):
        practice.company.store_transcripts = False
        practice.company.save()
    silent = analysed(Phone(practice), "Ihr Termin ist gebucht.")
    assert (silent.alarm, silent.said_booked, silent.transcript) == ("", None, "")
    told = analysed(
        Phone(practice),
        "Ihr Termin ist gebucht.",
        call_analysis={"custom_analysis_data": {"appointment_booked": True}},
    )
    assert (told.alarm, told.analysis) == ("promised_not_booked", {})
