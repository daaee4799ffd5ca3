"""list, cancel, move, call back: only the caller's own, only what was confirmed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.calls.models import Call, CallbackRequest
from apps.core import runtime
from apps.flags.registry import Flag
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway
from apps.scheduling.booking import Attendee
from apps.scheduling.models import Appointment, BookingAttempt, Hold
from apps.tenants.scoping import company_scope
from tests.factories import API_KEY, BERLIN, CALLER, Business, make_appointment, make_customer
from tests.flags.override import override_flag
from tests.phone import Phone
from tests.scheduling import engine

Standing = Callable[[], list[Any]]
Status = Appointment.Status

TEN = datetime(2026, 1, 7, 10, 0, tzinfo=BERLIN)
NEXT_DAY = datetime(2026, 1, 8, 16, 0, tzinfo=BERLIN)
OTHER = "+491709999999"
NAME = "Erika Muster"


def booked(
    business: Business, start: datetime = TEN, *, caller: str = CALLER, name: str = NAME
) -> Appointment:
    """An appointment from an earlier call."""
    attendee = Attendee(name, caller, verified=True)
    return engine.booked(business, start, owner=f"call:{start:%d%H}{caller}", attendee=attendee)


def status_of(appointment: Appointment) -> str:
    return engine.fresh(appointment).status


def start_of(appointment: Appointment) -> datetime:
    return engine.fresh(appointment).start


@pytest.fixture
def appointment(practice: Business) -> Appointment:
    """The caller's, Wednesday at ten."""
    return booked(practice)


@pytest.fixture
def second(practice: Business, appointment: Appointment) -> Appointment:
    """Another one of theirs, Thursday at four in the afternoon."""
    return booked(practice, NEXT_DAY)


def cancel(phone: Phone, **args: Any) -> dict[str, Any]:
    return phone.function("cancel_appointment", **args)


def move(phone: Phone, **args: Any) -> dict[str, Any]:
    return phone.function("reschedule_appointment", **args)


# --- Whose appointments -------------------------------------------------------------------------


def test_a_caller_hears_their_own_appointments_soonest_first(
    practice: Business, phone: Phone, second: Appointment, appointment: Appointment
) -> None:
    booked(practice, TEN + timedelta(hours=2), caller=OTHER, name="Max Muster")
    answer = phone.function("list_appointments")
    assert answer["status"] == "appointments"
    assert [one["reference"] for one in answer["appointments"]] == [appointment.reference, second.reference]
    assert "12" not in answer["say"]


def test_more_than_three_are_all_listed(practice: Business, phone: Phone) -> None:
    """Incident 49: the fourth could not be cancelled."""
    rows = [booked(practice, TEN + timedelta(days=day)) for day in (0, 1, 2, 5, 6)]
    answer = phone.function("list_appointments")
    assert [one["reference"] for one in answer["appointments"]] == [one.reference for one in rows]
    last = cancel(phone, appointment=rows[-1].reference, confirmed=True)
    assert last["status"] == "cancelled"


def test_cancelled_and_past_appointments_are_not_listed(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    with company_scope(practice.company.pk):
        customer = appointment.customer
    make_appointment(practice, start=TEN - timedelta(days=7), uid="old", customer=customer)
    cancel(phone, confirmed=True)
    assert phone.function("list_appointments")["appointments"] == []


def test_another_number_knows_of_nothing(practice: Business, appointment: Appointment) -> None:
    stranger = Phone(practice, caller=OTHER)
    assert stranger.function("list_appointments")["appointments"] == []
    for answer in (
        cancel(stranger, confirmed=True),
        cancel(stranger, appointment=appointment.reference, confirmed=True),
        cancel(stranger, when="Mittwoch um 10 Uhr", confirmed=True),
        move(stranger, appointment=appointment.reference, when="Donnerstag um 11 Uhr", confirmed=True),
    ):
        assert answer["status"] == "not_found"
        assert answer["appointment"] is None
        assert appointment.reference not in str(answer)
    assert start_of(appointment) == TEN
    assert status_of(appointment) == Status.CONFIRMED


def test_another_company_knows_of_nothing(
    practice: Business, linden: Business, appointment: Appointment
) -> None:
    there = Phone(linden)
    assert there.function("list_appointments")["appointments"] == []
    assert cancel(there, appointment=appointment.reference, confirmed=True)["status"] == "not_found"
    assert status_of(appointment) == Status.CONFIRMED


def test_a_number_that_is_merely_said_proves_nothing(practice: Business, appointment: Appointment) -> None:
    stranger = Phone(practice, caller=OTHER)
    stranger.function("book_appointment", customer_phone=CALLER, customer_name=NAME)
    assert stranger.function("list_appointments")["appointments"] == []
    assert cancel(stranger, customer_phone=CALLER, confirmed=True)["status"] == "not_found"


@pytest.mark.parametrize("caller", ["anonymous", "", "unknown", "+266696687"])
def test_a_withheld_number_is_offered_a_callback(
    practice: Business, appointment: Appointment, caller: str
) -> None:
    phone = Phone(practice, caller=caller)
    for answer in (phone.function("list_appointments"), cancel(phone, confirmed=True), move(phone)):
        assert answer["status"] == "refused"
        assert "zurückrufen" in answer["say"]
        assert appointment.reference not in str(answer)
    assert phone.function("list_appointments")["appointments"] == []
    assert status_of(appointment) == Status.CONFIRMED


def test_a_withheld_number_with_reference_name_and_date_may_change(
    practice: Business, appointment: Appointment
) -> None:
    phone = Phone(practice, caller="anonymous")
    proof = {"appointment": appointment.reference, "customer_name": NAME, "old_date": "Mittwoch"}
    assert cancel(phone, **proof)["status"] == "confirm"
    assert cancel(phone, **proof, confirmed=True)["status"] == "cancelled"
    assert cancel(phone, **proof, confirmed=True)["status"] == "cancelled"
    assert status_of(appointment) == Status.CANCELLED


@pytest.mark.parametrize(
    "wrong",
    [{"appointment": "abcdef"}, {"customer_name": "Max Muster"}, {"old_date": "Donnerstag"}],
    ids=["reference", "name", "date"],
)
def test_a_withheld_number_with_one_thing_wrong_may_not(
    practice: Business, appointment: Appointment, wrong: dict[str, str]
) -> None:
    proof = {"appointment": appointment.reference, "customer_name": NAME, "old_date": "Mittwoch"}
    answer = cancel(Phone(practice, caller="anonymous"), **{**proof, **wrong}, confirmed=True)
    assert answer["status"] == "refused"
    assert status_of(appointment) == Status.CONFIRMED


def test_two_withheld_callers_share_nothing(practice: Business) -> None:
    make_customer(practice.company, phone=None, name="Anna")
    make_appointment(practice, start=TEN, customer=make_customer(practice.company, phone=None, name="Otto"))
    assert Phone(practice, caller="anonymous").function("list_appointments")["status"] == "refused"


# --- Cancel -------------------------------------------------------------------------------------


def test_nothing_is_cancelled_before_it_was_confirmed(
    phone: Phone, appointment: Appointment, standing: Standing
) -> None:
    answer = cancel(phone)
    assert (answer["status"], answer["booked"]) == ("confirm", False)
    assert answer["appointment"]["reference"] == appointment.reference
    assert len(standing()) == 1
    done = cancel(phone, confirmed=True)
    assert done["status"] == "cancelled"
    assert (standing(), status_of(appointment)) == ([], Status.CANCELLED)


def test_the_only_one_may_be_cancelled_with_a_yes_alone(phone: Phone, appointment: Appointment) -> None:
    assert cancel(phone, confirmed=True)["status"] == "cancelled"


def test_nothing_said_never_means_the_first(
    phone: Phone, appointment: Appointment, second: Appointment
) -> None:
    for args in ({}, {"confirmed": True}, {"appointment": ""}, {"reason": "krank", "confirmed": True}):
        answer = cancel(phone, **args)
        assert answer["status"] == "needs_appointment"
        assert len(answer["appointments"]) == 2
    assert [status_of(one) for one in (appointment, second)] == [Status.CONFIRMED] * 2


@pytest.mark.parametrize(
    "args",
    [
        {"when": "Donnerstag"},
        {"when": "der um 16 Uhr"},
        {"old_date": "08.01.2026"},
        {"appointment": "Donnerstag"},
    ],
)
def test_a_day_or_time_names_one_of_several(
    phone: Phone, appointment: Appointment, second: Appointment, args: dict[str, str]
) -> None:
    assert cancel(phone, **args)["appointment"]["reference"] == second.reference
    assert cancel(phone, **args, confirmed=True)["status"] == "cancelled"
    assert [status_of(one) for one in (appointment, second)] == [Status.CONFIRMED, Status.CANCELLED]


def test_two_that_fit_what_was_said_are_ambiguous(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    booked(practice, TEN + timedelta(hours=2))
    answer = cancel(phone, when="Mittwoch", confirmed=True)
    assert (answer["status"], len(answer["appointments"])) == ("ambiguous", 2)


def test_a_day_without_an_appointment_is_not_found(phone: Phone, appointment: Appointment) -> None:
    assert cancel(phone, when="Freitag", confirmed=True)["status"] == "not_found"
    assert status_of(appointment) == Status.CONFIRMED


def test_a_yes_means_the_one_that_was_read_back(
    phone: Phone, appointment: Appointment, second: Appointment
) -> None:
    assert cancel(phone, when="Donnerstag")["status"] == "confirm"
    assert cancel(phone, confirmed=True)["appointment"]["reference"] == second.reference
    assert [status_of(one) for one in (appointment, second)] == [Status.CONFIRMED, Status.CANCELLED]


def test_a_yes_never_hits_another_one_than_was_read_back(
    phone: Phone, appointment: Appointment, second: Appointment
) -> None:
    cancel(phone, when="Donnerstag")
    answer = cancel(phone, when="Mittwoch", confirmed=True)
    assert (answer["status"], answer["appointment"]["reference"]) == ("confirm", appointment.reference)
    assert [status_of(one) for one in (appointment, second)] == [Status.CONFIRMED] * 2


def test_a_yes_does_not_hit_what_moved_after_it_was_read_back(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    cancel(phone)
    engine.move(practice, appointment, NEXT_DAY)
    answer = cancel(phone, confirmed=True)
    assert answer["status"] == "confirm"
    assert status_of(appointment) == Status.CONFIRMED
    assert cancel(phone, confirmed=True)["status"] == "cancelled"


def test_a_yes_does_not_slide_to_the_other_one_when_the_read_back_one_is_gone(
    practice: Business, phone: Phone, appointment: Appointment, second: Appointment
) -> None:
    cancel(phone, when="Mittwoch")
    engine.cancel(practice, appointment)
    answer = cancel(phone, confirmed=True)
    assert answer["status"] == "confirm"
    assert status_of(second) == Status.CONFIRMED


def test_cancelling_again_answers_cancelled_and_touches_nothing_else(
    practice: Business, phone: Phone, appointment: Appointment, second: Appointment, sandbox: SandboxServer
) -> None:
    first = cancel(phone, when="Mittwoch um 10 Uhr", confirmed=True)
    again = [
        cancel(phone, when="Mittwoch um 10 Uhr", confirmed=True),
        cancel(phone, appointment=appointment.reference),
        cancel(phone, confirmed=True),
        cancel(Phone(practice), appointment=appointment.reference, confirmed=True),
        cancel(Phone(practice), when="Mittwoch"),
    ]
    assert [one["status"] for one in again] == ["cancelled"] * 5
    assert {one["appointment"]["reference"] for one in again} == {first["appointment"]["reference"]}
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/cancel") == 1
    assert status_of(second) == Status.CONFIRMED


def test_who_wants_the_other_one_cancelled_too_is_asked_about_it(
    phone: Phone, appointment: Appointment, second: Appointment
) -> None:
    cancel(phone, when="Mittwoch", confirmed=True)
    answer = cancel(phone)
    assert (answer["status"], answer["appointment"]["reference"]) == ("confirm", second.reference)
    assert cancel(phone, confirmed=True)["appointment"]["reference"] == second.reference


def test_too_late_to_cancel_is_said_with_a_callback(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    with company_scope(practice.company.pk):
        practice.service.cancel_notice_minutes = 60 * 24 * 3
        practice.service.save()
    for answer in (cancel(phone, confirmed=True), move(phone, when="Donnerstag um 11 Uhr", confirmed=True)):
        assert answer["status"] == "refused"
        assert "kurzfristig" in answer["say"]
    assert (status_of(appointment), start_of(appointment)) == (Status.CONFIRMED, TEN)


def test_a_cancellation_whose_answer_is_slow_is_pending_then_cancelled(
    phone: Phone, appointment: Appointment, sandbox: SandboxServer, settings: Any
) -> None:
    settings.CALL_BUDGET_SECONDS = 1.0
    sandbox.faults.add("latency", method="POST", ms=900)
    assert cancel(phone, confirmed=True)["status"] == "pending"
    assert gateway.drain(seconds=5)
    assert cancel(phone, confirmed=True)["status"] == "cancelled"
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/cancel") == 1


def test_an_unreachable_calendar_changes_nothing_and_says_so(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    assert gateway.drain(seconds=5)  # a success that is still to be noted would begin the count anew
    for _ in range(5):
        runtime.breaker(practice.calendar.pk).allow().fault()
    answer = cancel(phone, confirmed=True)
    assert answer["status"] == "unavailable"
    assert "nichts geändert" in answer["say"]
    assert status_of(appointment) == Status.CONFIRMED


# --- Move ---------------------------------------------------------------------------------------


def test_an_appointment_is_moved_after_a_yes(
    phone: Phone, appointment: Appointment, standing: Standing
) -> None:
    asked = move(phone, when="Donnerstag um 11 Uhr")
    assert (asked["status"], asked["appointment"]["reference"]) == ("confirm", appointment.reference)
    assert start_of(appointment) == TEN
    done = move(phone, confirmed=True)
    assert (done["status"], done["booked"]) == ("rescheduled", True)
    assert done["appointment"]["start"] == "2026-01-08T11:00:00+01:00"
    (there,) = standing()
    assert engine.fresh(appointment).calendar_uid == there.uid
    again = move(phone, when="Donnerstag um 11 Uhr", confirmed=True)
    assert (again["status"], len(standing())) == ("rescheduled", 1)


def test_the_time_of_the_appointment_itself_counts_as_free(
    phone: Phone, appointment: Appointment, sandbox: SandboxServer
) -> None:
    """A quarter of an hour later overlaps with itself alone."""
    asked = move(phone, when="Mittwoch um Viertel nach zehn")
    assert asked["status"] == "confirm"
    queries = [one["query"] for one in sandbox.requests if one["path"] == "/v2/slots"]
    assert queries[-1]["bookingUidToReschedule"] == appointment.calendar_uid
    assert move(phone, confirmed=True)["status"] == "rescheduled"


def test_the_new_time_is_held_before_the_old_one_is_let_go(
    practice: Business, phone: Phone, appointment: Appointment, clock: Any
) -> None:
    move(phone, when="Donnerstag um 11 Uhr")
    with company_scope(practice.company.pk):
        held = Hold.objects.get()
        assert held.start == datetime(2026, 1, 8, 11, 0, tzinfo=BERLIN)
    other = Phone(practice, caller=OTHER)
    answer = other.function("check_availability", when="Donnerstag um 11 Uhr")
    assert answer["status"] == "alternatives"


def test_a_lost_time_leaves_the_appointment_and_brings_fresh_ones(
    practice: Business, phone: Phone, appointment: Appointment, standing: Standing
) -> None:
    move(phone, when="Donnerstag um 11 Uhr")
    booked(practice, datetime(2026, 1, 8, 11, 0, tzinfo=BERLIN), caller=OTHER, name="Max Muster")
    answer = move(phone, confirmed=True)
    assert answer["status"] == "slot_taken"
    assert len(answer["alternatives"]) == 2
    assert start_of(appointment) == TEN
    picked = move(phone, slot=answer["alternatives"][0]["slot"], confirmed=True)
    assert picked["status"] == "rescheduled"
    assert len(standing()) == 2


def test_a_taken_time_brings_alternatives_and_one_of_them_is_taken_by_token(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    booked(practice, datetime(2026, 1, 8, 11, 0, tzinfo=BERLIN), caller=OTHER, name="Max Muster")
    offers = move(phone, when="Donnerstag um 11 Uhr")
    assert offers["status"] == "alternatives"
    token = offers["alternatives"][1]["slot"]
    assert move(phone, slot=token)["status"] == "confirm"
    done = move(phone, slot=token, confirmed=True)
    assert done["appointment"]["start"] == offers["alternatives"][1]["start"]


def test_a_time_found_by_asking_what_is_free_may_be_taken_for_the_move(
    phone: Phone, appointment: Appointment
) -> None:
    found = phone.function("check_availability", when="Donnerstag um 11 Uhr")
    done = move(phone, slot=found["slot"]["slot"], confirmed=True)
    assert done["status"] == "rescheduled"
    assert done["appointment"]["start"] == "2026-01-08T11:00:00+01:00"


def test_an_hour_alone_means_the_day_of_the_appointment(phone: Phone, appointment: Appointment) -> None:
    asked = move(phone, when="lieber um elf")
    assert (asked["status"], asked["slot"]["start"]) == ("confirm", "2026-01-07T11:00:00+01:00")


def test_a_yes_to_another_time_than_was_read_back_moves_nothing(
    phone: Phone, appointment: Appointment
) -> None:
    move(phone, when="Donnerstag um 11 Uhr")
    answer = move(phone, when="Freitag um 11 Uhr", confirmed=True)
    assert answer["status"] == "confirm"
    assert start_of(appointment) == TEN


def test_a_yes_to_a_cancellation_moves_nothing(phone: Phone, appointment: Appointment) -> None:
    cancel(phone)
    answer = move(phone, confirmed=True)
    assert answer["status"] in ("needs_date", "needs_time")
    assert start_of(appointment) == TEN


def test_whoever_was_asked_about_a_cancellation_may_book_another_time_instead(
    phone: Phone, appointment: Appointment
) -> None:
    assert cancel(phone)["status"] == "confirm"
    answer = phone.function("book_appointment", when="Freitag um 11 Uhr", customer_name=NAME)
    assert answer["status"] == "confirm"
    assert "Freitag, 9. Januar" in answer["say"]
    assert status_of(appointment) == Status.CONFIRMED


def test_of_several_the_old_date_names_which(
    phone: Phone, appointment: Appointment, second: Appointment
) -> None:
    assert move(phone, when="Freitag um 11 Uhr", confirmed=True)["status"] == "needs_appointment"
    done = move(phone, old_datum="Donnerstag", neues="x", when="Freitag um 11 Uhr", confirmed=True)
    assert (done["status"], start_of(appointment)) == ("rescheduled", TEN)
    assert start_of(second) == datetime(2026, 1, 9, 11, 0, tzinfo=BERLIN)


def test_an_appointment_moves_only_as_often_as_the_service_allows(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    with company_scope(practice.company.pk):
        practice.service.max_moves = 1
        practice.service.save()
    assert move(phone, when="Donnerstag um 11 Uhr", confirmed=True)["status"] == "rescheduled"
    answer = move(phone, when="Freitag um 11 Uhr", confirmed=True)
    assert (answer["status"], "so oft" in answer["say"]) == ("refused", True)
    assert start_of(appointment) == datetime(2026, 1, 8, 11, 0, tzinfo=BERLIN)


def test_the_calendars_own_notice_is_said_as_one(
    phone: Phone, appointment: Appointment, sandbox: SandboxServer
) -> None:
    sandbox.calendar.accounts[API_KEY].event_types[123].reschedule_notice = 60 * 24 * 30
    answer = move(phone, when="Donnerstag um 11 Uhr", confirmed=True)
    assert (answer["status"], "kurzfristig" in answer["say"]) == ("refused", True)


def test_what_is_only_requested_is_not_listed_as_if_it_stood(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    with company_scope(practice.company.pk):
        Appointment.objects.update(status=Status.REQUESTED)
    assert phone.function("list_appointments")["say"].endswith("um 10 Uhr. Er muss noch bestätigt werden.")
    booked(practice, TEN + timedelta(days=1))
    assert phone.function("list_appointments")["say"].endswith("Noch sind nicht alle bestätigt.")


def test_what_must_be_confirmed_is_requested_anew(
    phone: Phone, appointment: Appointment, sandbox: SandboxServer
) -> None:
    sandbox.calendar.accounts[API_KEY].event_types[123].requires_confirmation = True
    answer = move(phone, when="Donnerstag um 11 Uhr", confirmed=True)
    assert (answer["status"], answer["booked"]) == ("pending", False)
    assert answer["appointment"]["status"] == "requested"


def test_a_service_that_is_no_longer_offered_is_not_moved_by_phone(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    with company_scope(practice.company.pk):
        practice.place.active = False
        practice.place.save()
    answer = move(phone, when="Donnerstag um 11 Uhr", confirmed=True)
    assert (answer["status"], start_of(appointment)) == ("refused", TEN)


def test_the_kill_switch_moves_nothing(phone: Phone, appointment: Appointment) -> None:
    with override_flag(Flag.MESSAGES_ONLY, True):
        assert move(phone, when="Donnerstag um 11 Uhr", confirmed=True)["status"] == "refused"
    assert start_of(appointment) == TEN


# --- A person calls back ------------------------------------------------------------------------


def test_a_callback_is_noted_once_a_call_with_what_was_said_last(practice: Business, phone: Phone) -> None:
    first = phone.function("request_callback", customer_name=NAME, reason="Frage zur Rechnung")
    assert first["status"] == "callback_requested"
    phone.function("request_callback", when="morgen vormittags")
    with company_scope(practice.company.pk):
        callback = CallbackRequest.objects.get()
        assert callback.call == Call.objects.get()
    assert (callback.name, callback.phone, callback.topic, callback.preferred) == (
        NAME,
        CALLER,
        "Frage zur Rechnung",
        "morgen vormittags",
    )


def test_who_asks_again_after_it_was_done_is_called_again(practice: Business, phone: Phone) -> None:
    phone.function("request_callback", customer_name=NAME)
    with company_scope(practice.company.pk):
        CallbackRequest.objects.update(status=CallbackRequest.Status.DONE)
        phone.function("request_callback", reason="noch etwas")
        assert CallbackRequest.objects.get().status == CallbackRequest.Status.OPEN


def test_a_withheld_number_is_asked_where_to_call(practice: Business) -> None:
    phone = Phone(practice, caller="anonymous")
    assert phone.function("request_callback", customer_name=NAME)["status"] == "needs_phone"
    assert phone.function("request_callback", customer_phone="0170 1234567")["status"] == "callback_requested"
    with company_scope(practice.company.pk):
        assert CallbackRequest.objects.get().phone == "+491701234567"


def test_two_calls_are_two_callbacks(practice: Business) -> None:
    for _ in range(2):
        Phone(practice).function("request_callback", customer_name=NAME)
    with company_scope(practice.company.pk):
        assert CallbackRequest.objects.count() == 2


def test_a_caller_is_put_through_where_a_number_is_set_up(practice: Business, phone: Phone) -> None:
    assert phone.function("transfer_to_person")["status"] == "refused"
    with company_scope(practice.company.pk):
        practice.company.fallback_number = "+493012345600"
        practice.company.save()
    assert phone.function("transfer_to_person")["status"] == "transfer"


def test_every_change_leaves_an_attempt_that_has_ended(
    practice: Business, phone: Phone, appointment: Appointment
) -> None:
    move(phone, when="Donnerstag um 11 Uhr", confirmed=True)
    cancel(phone, confirmed=True)
    with company_scope(practice.company.pk):
        rows = BookingAttempt.objects.order_by("pk").values_list("kind", "state")
        assert list(rows) == [("book", "confirmed"), ("reschedule", "confirmed"), ("cancel", "confirmed")]
