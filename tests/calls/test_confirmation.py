"""How much is read back, and what happens when the caller keeps refusing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from apps.calls.models import Call
from apps.flags.registry import Flag
from apps.scheduling.models import Hold
from apps.tenants.scoping import all_companies, company_scope
from tests.calls.conftest import account
from tests.factories import Business
from tests.flags.override import override_flag
from tests.phone import Phone


def the_call() -> Call:
    with all_companies():
        return Call.objects.get()


def starts(answer: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(one["start"]) for one in answer["alternatives"]]


# --- full, brief, none --------------------------------------------------------------------------


def test_the_first_date_and_time_are_read_back_in_full(phone: Phone) -> None:
    answer = phone.function("check_availability", when="morgen um 10 Uhr")
    assert (answer["status"], answer["confirmation"]) == ("available", "full")
    assert answer["say"] == "Dienstag, 6. Januar, 10 Uhr ist frei. Passt Ihnen das?"
    assert the_call().confirmations == 1


def test_only_the_time_changed_is_a_brief_yes(phone: Phone) -> None:
    phone.function("check_availability", when="Mittwoch um 10 Uhr")
    answer = phone.function("check_availability", when="14 Uhr passt auch?")
    assert (answer["status"], answer["confirmation"]) == ("available", "brief")
    assert answer["say"] == "14 Uhr ist frei. Passt Ihnen das?"
    assert the_call().confirmations == 2


def test_a_new_date_is_read_back_in_full_again(phone: Phone) -> None:
    phone.function("check_availability", when="Mittwoch um 10 Uhr")
    answer = phone.function("check_availability", when="Freitag um 10 Uhr")
    assert answer["confirmation"] == "full"
    assert "Freitag, 9. Januar" in answer["say"]


def test_of_a_wish_that_could_mean_another_day_the_searched_one_is_said_in_full(phone: Phone) -> None:
    """ "Nächsten Mittwoch", said on a Monday: the nearest is searched, and the caller hears which that is."""
    taken = phone.function("check_availability", when="nächsten Mittwoch um halb drei")
    assert taken["say"] == (
        "Am Mittwoch, dem 7. Januar, um halb drei ist leider nichts frei. "
        "Ich hätte um 14 Uhr oder um Viertel nach drei."
    )
    free = phone.function("check_availability", when="nächsten Mittwoch vormittags")
    assert free["confirmation"] == "brief"
    assert free["say"].startswith("Mittwoch, der 7. Januar, um 9 Uhr oder um")
    with override_flag(Flag.SKIP_ALTERNATIVES_FOR_VOICE, True):
        refused = phone.function("check_availability", when="nächsten Mittwoch um halb drei")
    assert refused["say"].startswith("Am Mittwoch, dem 7. Januar, um halb drei ist leider nichts frei.")


def test_a_refused_time_fixes_the_date_for_the_next_wish(phone: Phone) -> None:
    refused = phone.function("check_availability", when="Mittwoch um halb drei")
    assert (refused["status"], refused["confirmation"]) == ("alternatives", "none")
    answer = phone.function("check_availability", when="und um fünf?")
    assert (answer["confirmation"], answer["say"]) == ("brief", "17 Uhr ist frei. Passt Ihnen das?")


def test_confirm_is_full_for_a_first_time_and_brief_when_only_the_time_changes(phone: Phone) -> None:
    first = phone.function("book_appointment", when="Mittwoch um 10 Uhr", customer_name="Sabine Müller")
    assert (first["status"], first["confirmation"]) == ("confirm", "full")
    assert "Mittwoch, 7. Januar" in first["say"]
    second = phone.function("book_appointment", when="lieber um elf")
    assert (second["status"], second["confirmation"]) == ("confirm", "brief")
    assert second["say"] == "11 Uhr, Fußpflege: Soll ich das buchen?"
    assert the_call().confirmations == 2


def test_whoever_picks_an_offer_has_confirmed_by_picking(phone: Phone) -> None:
    """One wish, one pick, one booking: nobody is asked "shall I book that?"."""
    offered = phone.function("check_availability", when="Mittwoch um halb drei")
    booked = phone.function("book_appointment", when="den ersten", customer_name="Sabine Müller")
    assert (booked["status"], booked["confirmation"]) == ("booked", "none")
    assert booked["appointment"]["start"] == offered["alternatives"][0]["start"]
    assert the_call().confirmations == 0


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("get_call_context", {}),
        ("list_services", {}),
        ("list_appointments", {}),
        ("cancel_appointment", {}),
        ("check_availability", {}),
        ("check_availability", {"when": "Sonntag um 10 Uhr"}),
        ("request_callback", {"customer_name": "Sabine Müller"}),
        ("transfer_to_person", {}),
        ("send_fax", {}),
    ],
)
def test_every_other_answer_needs_no_read_back(phone: Phone, function: str, args: dict[str, Any]) -> None:
    answer = phone.function(function, **args)
    assert answer["status"] not in ("available", "confirm")
    assert answer["confirmation"] == "none"
    assert the_call().confirmations == 0


def test_a_retry_is_not_counted_as_another_confirmation(phone: Phone) -> None:
    body = phone.body("check_availability", {"when": "Mittwoch um 10 Uhr"})
    for _ in range(3):
        phone.post("functions", body)
    assert the_call().confirmations == 1


# --- Refusals -----------------------------------------------------------------------------------


def refuse(phone: Phone) -> dict[str, Any]:
    return phone.function("check_availability", when="was anderes")


def test_after_two_refusals_another_time_of_day_and_another_day_are_offered(phone: Phone) -> None:
    first = phone.function("check_availability", when="Mittwoch um halb drei")
    once = refuse(phone)
    assert once["say"].startswith("Ich hätte auch")
    assert {start.date() for start in starts(once)} == {start.date() for start in starts(first)}
    twice = refuse(phone)
    assert twice["status"] == "alternatives"
    assert twice["say"].startswith("Vielleicht passt eine andere Tageszeit oder ein anderer Tag besser")
    same_day, other_day = starts(twice)
    assert same_day.date() == starts(first)[0].date()
    assert same_day.hour < 12
    assert other_day.date() > same_day.date()
    thrice = refuse(phone)
    assert thrice["say"].endswith("Sonst kann Sie auch jemand zurückrufen.")
    assert the_call().refusals == 3


def test_another_time_of_day_and_another_day_are_both_held_for_the_call(phone: Phone) -> None:
    phone.function("check_availability", when="Mittwoch um halb drei")
    refuse(phone)
    offered = starts(refuse(phone))
    assert len(offered) == 2
    with all_companies():
        assert sorted(Hold.objects.values_list("start", flat=True)) == sorted(offered)


def test_a_day_that_stands_goes_without_saying(phone: Phone) -> None:
    phone.function("check_availability", when="Mittwoch um halb drei")
    assert refuse(phone)["say"] == "Ich hätte auch um Viertel vor zwei oder um halb vier."
    assert "am Donnerstag, dem 8. Januar, um 12 Uhr" in refuse(phone)["say"]


def test_where_only_wishes_are_answered_no_other_time_is_looked_for(phone: Phone) -> None:
    with override_flag(Flag.SKIP_ALTERNATIVES_FOR_VOICE, True):
        phone.function("check_availability", when="Mittwoch zwischen 10 und 11 Uhr")
        answers = [refuse(phone) for _ in range(3)]
    heard = [start for answer in answers for start in starts(answer)]
    assert all((start.day, 10 <= start.hour <= 11) == (7, True) for start in heard)
    assert answers[-1]["status"] in ("available", "not_available")


def test_nothing_is_ever_offered_twice(phone: Phone) -> None:
    heard = starts(phone.function("check_availability", when="Mittwoch um halb drei"))
    for function in ("check_availability", "get_alternatives") * 4:
        answer = refuse(phone) if function == "check_availability" else phone.function(function)
        heard += starts(answer)
    assert len(heard) == len(set(heard)) == 18


def test_a_new_wish_is_answered_like_a_first_one(phone: Phone) -> None:
    phone.function("check_availability", when="Mittwoch um halb drei")
    refuse(phone)
    refuse(phone)
    assert phone.function("check_availability", when="Freitag um 10 Uhr")["status"] == "available"
    assert refuse(phone)["say"].startswith("Ich hätte auch")


def test_a_refusal_while_booking_counts_too(phone: Phone) -> None:
    phone.function("check_availability", when="Mittwoch um halb drei")
    for _ in range(2):
        answer = phone.function("book_appointment", when="was anderes", customer_name="Sabine Müller")
    assert (answer["status"], the_call().refusals) == ("alternatives", 2)


def test_one_offer_at_a_time_is_from_another_time_of_day(practice: Business) -> None:
    with company_scope(practice.company.pk):
        practice.company.max_alternatives = 1
        practice.company.save()
    phone = Phone(practice)
    phone.function("check_availability", when="Mittwoch um halb drei")
    refuse(phone)
    (start,) = starts(refuse(phone))
    assert (start.date().isoformat(), start.hour < 12) == ("2026-01-07", True)


class TestLittleIsLeft:
    """Free are Wednesday at 14 and 15 o'clock, and nothing else for weeks."""

    @pytest.fixture
    def scenario(self) -> dict[str, Any]:
        park = account(slot_interval=60)
        park["busy"] = [
            {"start": "2026-01-05T09:00:00+01:00", "end": "2026-01-07T14:00:00+01:00"},
            {"start": "2026-01-07T16:00:00+01:00", "end": "2026-03-01T09:00:00+01:00"},
        ]
        return {"accounts": [park]}

    def test_whoever_refuses_all_of_it_is_called_back(self, phone: Phone) -> None:
        first = phone.function("check_availability", when="Mittwoch um 17 Uhr")
        assert [start.hour for start in starts(first)] == [15, 14]
        answer = refuse(phone)
        assert answer["status"] == "none_available"
        assert answer["say"].endswith("Soll Sie jemand zurückrufen?")
        assert "vom 7. bis 21. Januar" in answer["say"]
