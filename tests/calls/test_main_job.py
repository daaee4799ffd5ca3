"""The main job: a taken time, the two nearest real alternatives, one of them booked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.scheduling.models import Appointment, BookingAttempt, Hold
from apps.tenants.scoping import company_scope
from tests.factories import Business
from tests.phone import Phone


def test_a_taken_time_is_answered_with_the_two_nearest_and_one_is_booked(
    practice: Business, phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    answer = phone.function("check_availability", when="übermorgen halb drei", service="Fußpflege")
    assert answer["status"] == "alternatives"
    assert [one["start"] for one in answer["alternatives"]] == [
        "2026-01-07T14:00:00+01:00",
        "2026-01-07T15:15:00+01:00",
    ]
    assert answer["say"].startswith("Um halb drei ist leider nichts frei.")
    assert not answer["booked"]
    with company_scope(practice.company.pk):
        assert Hold.objects.count() == 2
    second = answer["alternatives"][1]["slot"]
    assert phone.function("book_appointment", slot=second)["status"] == "needs_name"
    booked = phone.function("book_appointment", slot=second, customer_name="Sabine Müller")
    assert (booked["status"], booked["booked"]) == ("booked", True)
    assert booked["appointment"]["start"] == "2026-01-07T15:15:00+01:00"
    assert len(standing()) == 1
    with company_scope(practice.company.pk):
        assert Appointment.objects.get().start == datetime(2026, 1, 7, 14, 15, tzinfo=UTC)
        assert BookingAttempt.objects.get().state == BookingAttempt.State.CONFIRMED
        assert Hold.objects.count() == 0
    again = phone.function("book_appointment", slot=second, customer_name="Sabine Müller")
    assert again["status"] == "already_booked"
    assert len(standing()) == 1


def test_a_free_time_is_named_with_its_date_the_first_time_and_briefly_the_second(phone: Phone) -> None:
    first = phone.function("check_availability", when="Mittwoch um 10 Uhr")
    assert (first["status"], first["confirmation"]) == ("available", "full")
    assert first["say"] == "Mittwoch, 7. Januar, 10 Uhr ist frei. Passt Ihnen das?"
    second = phone.function("check_availability", when="lieber um elf")
    assert (second["status"], second["confirmation"]) == ("available", "brief")
    assert second["slot"]["start"] == "2026-01-07T11:00:00+01:00"
    third = phone.function("check_availability", when="Donnerstag um elf")
    assert (third["status"], third["confirmation"]) == ("available", "full")


def test_a_time_that_was_not_offered_is_read_back_before_it_is_booked(
    phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    asked = phone.function("book_appointment", when="Mittwoch um 10 Uhr", customer_name="Sabine Müller")
    assert asked["status"] == "confirm"
    assert standing() == []
    done = phone.function("book_appointment", confirmed=True)
    assert done["status"] == "booked"
    assert done["appointment"]["start"] == "2026-01-07T10:00:00+01:00"
    assert len(standing()) == 1


def test_confirmed_for_another_time_than_was_read_back_books_nothing(
    phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    phone.function("book_appointment", when="Mittwoch um 10 Uhr", customer_name="Sabine Müller")
    other = phone.function("book_appointment", when="Donnerstag um 11 Uhr", confirmed=True)
    assert other["status"] == "confirm"
    assert standing() == []


def test_confirmed_false_never_books(phone: Phone, standing: Callable[[], list[Any]]) -> None:
    offered = phone.function("check_availability", when="Mittwoch um 10 Uhr")
    token = offered["slot"]["slot"]
    answer = phone.function("book_appointment", slot=token, customer_name="Sabine Müller", confirmed=False)
    assert answer["status"] == "confirm"
    assert standing() == []


def test_a_bare_yes_without_any_read_back_books_nothing(
    phone: Phone, standing: Callable[[], list[Any]]
) -> None:
    answer = phone.function("book_appointment", confirmed=True, customer_name="Sabine Müller")
    assert answer["status"] == "needs_date"
    assert standing() == []


@pytest.mark.parametrize(
    "said", [{"date": "2023-06-13", "time": "14:30"}, {"when": "am 31. November um 10 Uhr"}]
)
def test_a_day_that_does_not_exist_is_asked_for_and_never_moved(phone: Phone, said: dict[str, str]) -> None:
    """Incident 11, also while another day stands for the call."""
    phone.function("check_availability", when="Mittwoch um 10 Uhr")
    answer = phone.function("check_availability", **said)
    assert answer["status"] == "needs_date"
    assert answer["requested"]["missing"] == ["date"]
