"""What was said of a wish outlives the question that came in between; a read-back is no offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.factories import Business, make_event_type, make_place, make_service
from tests.phone import Phone


def two_services(practice: Business) -> None:
    service = make_service(practice.company, slug="massage", name="Massage", synonyms=[])
    event_type = make_event_type(124, base_url=practice.calendar.base_url)
    make_place(practice.branch, service=service, event_type=event_type)


def test_the_day_that_was_said_before_the_service_question_stands(practice: Business, phone: Phone) -> None:
    two_services(practice)
    asked = phone.function("check_availability", when="Donnerstag um 12 Uhr")
    assert asked["status"] == "needs_service"
    assert asked["requested"]["date_from"] == "2026-01-08"
    answer = phone.function("check_availability", service="Fußpflege")
    assert answer["status"] == "available"
    assert answer["slot"]["start"] == "2026-01-08T12:00:00+01:00"
    assert answer["confirmation"] == "full"


def test_the_part_of_the_day_that_was_said_before_the_day_stands(phone: Phone) -> None:
    """Incident 25: a morning was offered for "nachmittags"."""
    assert phone.function("check_availability", when="nachmittags")["status"] == "needs_date"
    answer = phone.function("check_availability", when="Freitag")
    assert answer["requested"]["time_from"] == "12:00"
    assert answer["slot"]["start"] >= "2026-01-09T12:00:00+01:00"


def test_what_was_searched_is_used_up(phone: Phone) -> None:
    phone.function("check_availability", when="nachmittags")
    phone.function("check_availability", when="Freitag")
    answer = phone.function("check_availability", when="Donnerstag")
    assert answer["requested"]["time_from"] is None


def test_a_correction_wins_over_what_was_left_open(practice: Business, phone: Phone) -> None:
    two_services(practice)
    phone.function("check_availability", when="Donnerstag um 12 Uhr")
    answer = phone.function("check_availability", service="Fußpflege", when="Freitag um 10 Uhr")
    assert answer["slot"]["start"] == "2026-01-09T10:00:00+01:00"


def test_the_slot_of_a_read_back_is_no_offer(phone: Phone, standing: Callable[[], list[Any]]) -> None:
    asked = phone.function("book_appointment", when="Freitag um 14 Uhr")
    assert asked["status"] == "confirm"
    again = phone.function("book_appointment", when="Freitag um 14 Uhr", customer_name="Sabine Müller")
    assert again["status"] == "confirm"
    by_token = phone.function("book_appointment", slot=asked["slot"]["slot"], customer_name="Sabine Müller")
    assert by_token["status"] == "confirm"
    assert standing() == []
    done = phone.function("book_appointment", when="Freitag um 14 Uhr", confirmed=True)
    assert done["status"] == "booked"
    assert len(standing()) == 1


def test_a_yes_that_only_lacked_a_name_needs_no_second_yes(
    phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    phone.function("book_appointment", when="Freitag um 14 Uhr")
    assert phone.function("book_appointment", confirmed=True)["status"] == "needs_name"
    done = phone.function("book_appointment", when="Freitag um 14 Uhr", customer_name="Sabine Müller")
    assert done["status"] == "booked"
    assert len(standing()) == 1


def test_what_stands_already_is_not_read_back_again(phone: Phone) -> None:
    phone.function("book_appointment", when="Freitag um 14 Uhr", customer_name="Sabine Müller")
    assert phone.function("book_appointment", confirmed=True)["status"] == "booked"
    again = phone.function("book_appointment", when="Freitag um 14 Uhr", confirmed=False)
    assert again["status"] == "already_booked"


def test_of_several_offers_that_words_may_mean_those_inside_the_wish_are_meant(
    phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    offered = phone.function("check_availability", when="Dienstag vormittags")
    starts = [offered["slot"]["start"], *(one["start"] for one in offered["alternatives"])]
    assert len(starts) == 2
    hour = int(starts[1][11:13])
    answer = phone.function(
        "book_appointment", when=f"Dienstag oder Mittwoch um {hour} Uhr", customer_name="Sabine Müller"
    )
    assert answer["status"] == "booked"
    assert answer["appointment"]["start"] == starts[1]


def test_the_next_free_time_is_searched_inside_the_part_of_the_day_that_was_said(phone: Phone) -> None:
    answer = phone.function("find_next_available", when="nachmittags")
    assert answer["status"] == "available"
    assert answer["requested"]["time_from"] == "12:00"
    assert answer["slot"]["start"] >= "2026-01-05T12:00:00+01:00"


def test_the_next_ones_are_new_also_when_the_agent_repeats_the_wish(phone: Phone) -> None:
    first = phone.function("check_availability", when="Mittwoch um halb drei")
    heard = {one["start"] for one in first["alternatives"]}
    second = phone.function("get_alternatives", when="Mittwoch um halb drei")
    assert second["alternatives"]
    assert heard.isdisjoint({one["start"] for one in second["alternatives"]})


def test_a_withheld_number_may_change_what_it_booked_in_this_very_call(practice: Business) -> None:
    phone = Phone(practice, caller="anonymous")
    assert phone.function("list_appointments")["status"] == "refused"
    offered = phone.function("check_availability", when="Mittwoch um 10 Uhr")
    booked = phone.function(
        "book_appointment",
        slot=offered["slot"]["slot"],
        customer_name="Jens Weber",
        customer_phone="030 12345678",
    )
    assert booked["status"] == "booked"
    assert len(phone.function("list_appointments")["appointments"]) == 1
    assert phone.function("cancel_appointment")["status"] == "confirm"
    assert phone.function("cancel_appointment", confirmed=True)["status"] == "cancelled"
    # Another call from a withheld number sees nothing of it.
    assert Phone(practice, caller="anonymous").function("list_appointments")["status"] == "refused"


def test_a_move_on_a_day_that_was_not_said_in_this_call_is_read_back_in_full(practice: Business) -> None:
    before = Phone(practice)
    offered = before.function("check_availability", when="Mittwoch um 10 Uhr")
    before.function("book_appointment", slot=offered["slot"]["slot"], customer_name="Jens Weber")
    asked = Phone(practice).function("reschedule_appointment", when="12 Uhr")
    assert (asked["status"], asked["confirmation"]) == ("confirm", "full")
    assert "Mittwoch, 7. Januar" in asked["say"]
    assert asked["requested"]["time_from"] == "12:00"
