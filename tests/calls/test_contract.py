"""What a black-box check of the contract found: each deviation, as the conversation that showed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from time_machine import Traveller

from apps.scheduling.booking import Attendee
from apps.scheduling.models import Appointment
from apps.tenants.scoping import company_scope
from tests.factories import BERLIN, CALLER, Business, make_place, make_service
from tests.phone import Phone
from tests.scheduling import engine

WEDNESDAY_TEN = datetime(2026, 1, 7, 10, 0, tzinfo=BERLIN)


def starts(answer: dict[str, Any]) -> set[str]:
    """Every start that an answer offers, as "07T14:00"."""
    slots = [*([answer["slot"]] if answer["slot"] else []), *answer["alternatives"]]
    return {slot["start"][8:16] for slot in slots}


@pytest.fixture
def appointment(practice: Business) -> Appointment:
    """The caller's, Wednesday at ten."""
    attendee = Attendee("Erika Muster", CALLER, verified=True)
    return engine.booked(practice, WEDNESDAY_TEN, owner="call:earlier", attendee=attendee)


# --- The next ones ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "again", [{}, {"when": "Mittwoch halb drei"}, {"when": "halb drei"}, {"date": "Mittwoch"}]
)
def test_the_next_ones_are_none_of_those_offered_whatever_the_agent_repeats(
    phone: Phone, again: dict[str, str]
) -> None:
    offered = starts(phone.function("check_availability", when="Mittwoch halb drei"))
    assert len(offered) == 2
    for _ in range(3):
        answer = phone.function("get_alternatives", **again)
        assert answer["status"] in ("available", "alternatives")
        assert starts(answer)
        assert not starts(answer) & offered
        offered |= starts(answer)


def test_what_was_offered_is_not_said_to_be_taken_when_other_times_are_wanted(phone: Phone) -> None:
    first = phone.function("check_availability", when="Mittwoch 11 Uhr")
    assert first["status"] == "available"
    answer = phone.function("get_alternatives", when="Mittwoch 11 Uhr")
    assert answer["status"] == "alternatives"
    assert "07T11:00" not in starts(answer)
    assert "nichts frei" not in answer["say"]


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ("etwas später", lambda start: start > "07T11:00" and start < "08"),
        ("geht es auch früher?", lambda start: start < "07T11:00" and start > "07"),
        ("an einem anderen Tag", lambda start: start > "08"),
        ("another day please", lambda start: start > "08"),
        ("do you have anything later", lambda start: start > "07T11:00" and start < "08"),
    ],
)
@pytest.mark.parametrize("function", ["check_availability", "book_appointment"])
def test_other_offers_lie_where_they_are_wanted(
    phone: Phone, function: str, words: str, fits: Callable[[str], bool]
) -> None:
    phone.function("check_availability", when="Mittwoch 11 Uhr")
    answer = phone.function(function, when=words, customer_name="Erika Muster")
    assert answer["status"] in ("available", "alternatives")
    assert starts(answer)
    assert all(map(fits, starts(answer)))


# --- What stands for the call -------------------------------------------------------------------


def test_a_day_stands_for_another_service(practice: Business, phone: Phone) -> None:
    other = make_service(practice.company, slug="massage", name="Massage", synonyms=[])
    make_place(practice.branch, service=other, event_type=practice.event_type)
    phone.function("check_availability", service="Fußpflege", when="Mittwoch um elf")
    answer = phone.function("check_availability", service="Massage")
    assert answer["requested"]["date_from"] == "2026-01-07"
    assert answer["status"] in ("available", "alternatives")


def test_what_is_booked_is_not_asked_for_again(phone: Phone, standing: Callable[[], list[Any]]) -> None:
    offered = phone.function("check_availability", when="Mittwoch 11 Uhr")["slot"]["slot"]
    phone.function("book_appointment", slot=offered, customer_name="Erika Muster")
    assert phone.function("book_appointment", confirmed=True)["status"] == "already_booked"
    assert phone.function("book_appointment")["status"] != "confirm"
    assert len(standing()) == 1


# --- Now is the start of the call ---------------------------------------------------------------


def tomorrow_of(phone: Phone, *, started: datetime) -> str:
    """The day that "morgen" is in a call that began then, as its functions say, and nothing else."""
    body = phone.body("check_availability", {"when": "morgen"})
    body["call"]["start_timestamp"] = int(started.timestamp() * 1000)
    date_from: str = json.loads(phone.post("functions", body).content)["requested"]["date_from"]
    return date_from


def test_a_call_over_midnight_keeps_the_day_it_began_on(phone: Phone, clock: Traveller) -> None:
    clock.move_to(datetime(2026, 1, 6, 0, 3, tzinfo=BERLIN))
    assert tomorrow_of(phone, started=datetime(2026, 1, 5, 23, 58, tzinfo=BERLIN)) == "2026-01-06"


@pytest.mark.parametrize("days", [-365, -1, 1, 365])
def test_a_start_that_cannot_be_this_calls_is_not_believed(phone: Phone, days: int) -> None:
    today = datetime(2026, 1, 5, 9, 0, tzinfo=BERLIN)
    assert tomorrow_of(phone, started=today + timedelta(days=days)) == "2026-01-06"


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("de", "Am Freitag, dem 3. April ist Feiertag."),
        ("en", "On Friday, April 3rd we are closed for a public holiday."),
    ],
)
def test_a_holiday_is_said_to_be_one(practice: Business, phone: Phone, language: str, reason: str) -> None:
    with company_scope(practice.company.pk):
        practice.company.language, practice.company.holidays = language, "DE"
        practice.company.save()
    assert phone.function("check_availability", when="2026-04-03")["say"].startswith(reason)


# --- Booking ------------------------------------------------------------------------------------


def test_a_name_said_while_a_read_back_waits_reads_it_back_again(
    phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    first = phone.function("book_appointment", when="Mittwoch 11 Uhr")
    assert first["status"] == "confirm"
    second = phone.function("book_appointment", customer_name="Erika Muster")
    assert (second["status"], second["slot"]) == ("confirm", first["slot"])
    assert not standing()
    assert phone.function("book_appointment", confirmed=True)["status"] == "booked"


@pytest.mark.parametrize("again", ["juergen oessig-graefe", "JÜRGEN  ÖßIG GRÄFE", "Ju\u0308rgen Össig-Gräfe"])
def test_a_name_spelt_as_it_was_heard_is_the_same_name(
    phone: Phone, standing: Callable[[], list[Any]], again: str
) -> None:
    offered = phone.function("check_availability", when="Mittwoch 11 Uhr")["slot"]["slot"]
    booked = phone.function("book_appointment", slot=offered, customer_name="Jürgen Össig-Gräfe")
    assert booked["status"] == "booked"
    answer = phone.function("book_appointment", slot=offered, customer_name=again)
    assert (answer["status"], answer["appointment"]) == ("already_booked", booked["appointment"])
    assert len(standing()) == 1


def test_a_time_for_two_days_is_no_choice_between_what_was_offered_at_other_times(phone: Phone) -> None:
    offered = phone.function("check_availability", when="Dienstag um neun oder um elf")
    assert starts(offered) == {"06T09:00", "06T11:00"}
    answer = phone.function("book_appointment", when="Dienstag oder Mittwoch um zehn", customer_name="Jo Alt")
    assert answer["status"] != "ambiguous"
    assert starts(answer) <= {"06T10:00", "07T10:00"}


# --- Who calls ----------------------------------------------------------------------------------


def test_callers_who_are_forwarded_under_the_practices_own_number_are_not_one_person(
    practice: Business, standing: Callable[[], list[Any]]
) -> None:
    own = practice.number.number
    first = Phone(practice, caller=own)
    offered = first.function("check_availability", when="Mittwoch 11 Uhr")["slot"]["slot"]
    asked = first.function("book_appointment", slot=offered, customer_name="Erika Muster")
    assert asked["status"] == "needs_phone"
    assert first.function("book_appointment", customer_phone="0151 23456789")["status"] == "booked"
    second = Phone(practice, caller=own)
    assert second.function("list_appointments")["status"] == "refused"
    assert second.function("cancel_appointment", confirmed=True)["status"] == "refused"
    assert len(standing()) == 1


# --- Moving -------------------------------------------------------------------------------------


def test_what_is_asked_of_a_move_is_what_was_wished(phone: Phone, appointment: Appointment) -> None:
    phone.function("reschedule_appointment", when="Donnerstag 15 Uhr")
    answer = phone.function("reschedule_appointment", when="eine Stunde später")
    assert answer["status"] == "confirm"
    assert answer["slot"]["start"] == "2026-01-08T16:00:00+01:00"
    assert answer["requested"]["date_from"] == "2026-01-08"
    assert answer["requested"]["time_from"] == "16:00"


def test_a_bare_time_moves_within_the_day_of_the_appointment_and_the_day_is_said(
    phone: Phone, appointment: Appointment
) -> None:
    answer = phone.function("reschedule_appointment", when="16 Uhr")
    assert (answer["status"], answer["confirmation"]) == ("confirm", "full")
    assert answer["slot"]["start"] == "2026-01-07T16:00:00+01:00"
    assert "7. Januar" in answer["say"]


@pytest.mark.parametrize("when", ["am 31. November um 10 Uhr", "gestern um 15 Uhr", "am 1.1.2020 um 9 Uhr"])
def test_a_day_that_is_none_moves_nothing_to_another_day(
    phone: Phone, appointment: Appointment, when: str
) -> None:
    answer = phone.function("reschedule_appointment", when=when, confirmed=True)
    assert answer["status"] == "needs_date"
    assert engine.fresh(appointment).start == WEDNESDAY_TEN
