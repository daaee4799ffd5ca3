"""book_appointment as a caller hears it: booked once, or an honest sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.calls.models import Call
from apps.core import runtime
from apps.flags.registry import Flag
from apps.sandbox import accounts
from apps.sandbox.model import BookingField, EventType
from apps.sandbox.reading import Table
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway
from apps.scheduling.models import Appointment, BookingAttempt, Customer
from apps.services.models import EventType as KnownEventType
from apps.tenants.scoping import company_scope
from tests.factories import API_KEY, CALLER, Business, make_event_type, make_place, make_service
from tests.flags.override import override_flag
from tests.phone import Phone
from tests.scheduling.engine import at_once

Standing = Callable[[], list[Any]]
WEDNESDAY_TEN = "Mittwoch um 10 Uhr"
NAME = "Sabine Müller"
OTHER = "+491709999999"


def offered(phone: Phone, when: str = WEDNESDAY_TEN) -> str:
    """The token of a free time the caller has heard."""
    answer = phone.function("check_availability", when=when)
    assert answer["status"] == "available", answer
    token: str = answer["slot"]["slot"]
    return token


def book(phone: Phone, token: str | None = None, **args: Any) -> dict[str, Any]:
    return phone.function("book_appointment", slot=token or offered(phone), customer_name=NAME, **args)


def event_type(sandbox: SandboxServer) -> EventType:
    return sandbox.calendar.accounts[API_KEY].event_types[123]


def posts(sandbox: SandboxServer) -> int:
    return sandbox.journal.count("POST", "/v2/bookings")


def booked_elsewhere(sandbox: SandboxServer, start: str) -> None:
    raw = {"event_type": 123, "start": start, "name": "Max Muster", "phone": OTHER}
    accounts.add_booking(sandbox.calendar, sandbox.calendar.accounts[API_KEY], Table(raw, "bookings"))


# --- Booked, once -------------------------------------------------------------------------------


def test_an_offered_slot_is_booked_with_one_request(phone: Phone, sandbox: SandboxServer) -> None:
    token = offered(phone)
    before = len(sandbox.requests)
    answer = book(phone, token)
    assert (answer["status"], answer["booked"], answer["confirmation"]) == ("booked", True, "none")
    assert answer["say"] == "Ihr Termin ist gebucht: Fußpflege, übermorgen um 10 Uhr."
    assert answer["appointment"]["status"] == "confirmed"
    assert len(sandbox.requests) == before + 1


def test_the_caller_may_ask_as_often_as_they_like(
    phone: Phone, sandbox: SandboxServer, standing: Standing
) -> None:
    token = offered(phone)
    first = book(phone, token)
    again = [book(phone, token), phone.function("book_appointment", when=WEDNESDAY_TEN, confirmed=True)]
    assert [one["status"] for one in again] == ["already_booked"] * 2
    assert {one["appointment"]["reference"] for one in again} == {first["appointment"]["reference"]}
    assert (posts(sandbox), len(standing())) == (1, 1)


def test_who_was_cut_off_and_calls_again_hears_that_it_stands(
    practice: Business, phone: Phone, sandbox: SandboxServer
) -> None:
    book(phone)
    again = Phone(practice)
    answer = again.function("book_appointment", when=WEDNESDAY_TEN, customer_name=NAME, confirmed=True)
    assert answer["status"] == "already_booked"
    assert posts(sandbox) == 1


def test_a_second_different_appointment_in_the_call_is_fine(phone: Phone, standing: Standing) -> None:
    book(phone)
    second = phone.function("book_appointment", slot=offered(phone, "Donnerstag um 11 Uhr"))
    assert second["status"] == "booked"
    assert len(standing()) == 2


def test_of_two_who_want_the_same_time_one_gets_it_and_the_other_others(
    practice: Business, standing: Standing
) -> None:
    """Incident 17: a slot was lost within 14 seconds."""
    with override_flag(Flag.SLOT_HOLDS, False):
        here, there = Phone(practice), Phone(practice, caller=OTHER)
        tokens = [offered(here), offered(there)]
        answers = at_once(lambda: book(here, tokens[0]), lambda: book(there, tokens[1]))
    assert sorted(one["status"] for one in answers) == ["booked", "slot_taken"]
    loser = next(one for one in answers if one["status"] == "slot_taken")
    starts = [one["start"] for one in loser["alternatives"]]
    assert len(starts) == 2
    assert "2026-01-07T10:00:00+01:00" not in starts
    assert len(standing()) == 1


def test_an_offered_slot_is_kept_from_other_callers(practice: Business, phone: Phone) -> None:
    token = offered(phone)
    other = Phone(practice, caller=OTHER).function("check_availability", when=WEDNESDAY_TEN)
    assert "2026-01-07T10:00:00+01:00" not in [one["start"] for one in other["alternatives"]]
    assert book(phone, token)["status"] == "booked"


def test_somebody_who_was_faster_elsewhere_costs_the_caller_no_second_question(
    phone: Phone, sandbox: SandboxServer
) -> None:
    token = offered(phone)
    booked_elsewhere(sandbox, "2026-01-07T09:30:00+01:00")
    answer = book(phone, token)
    assert (answer["status"], answer["booked"]) == ("slot_taken", False)
    assert [one["start"] for one in answer["alternatives"]] == [
        "2026-01-07T10:15:00+01:00",
        "2026-01-07T10:30:00+01:00",
    ]
    assert "gerade vergeben" in answer["say"]
    chosen = phone.function("book_appointment", slot=answer["alternatives"][1]["slot"])
    assert chosen["status"] == "booked"


def test_what_the_business_must_confirm_is_requested_not_booked(phone: Phone, sandbox: SandboxServer) -> None:
    event_type(sandbox).requires_confirmation = True
    token = offered(phone)
    answers = [book(phone, token), book(phone, token)]
    for answer in answers:
        assert (answer["status"], answer["booked"]) == ("pending", False)
        assert answer["appointment"]["status"] == "requested"
        assert "bestätigt" in answer["say"]
    assert posts(sandbox) == 1


# --- Honestly not -------------------------------------------------------------------------------

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("notice", {"minimum_notice": 60 * 24 * 30}, "kurzfristig"),
    ("limit", {"limits_count": {"day": 0}}, "keine weitere Buchung"),
    ("field", {"fields": (BookingField("kasse", "text", "Kasse", True),)}, "telefonisch nicht buchen"),
    ("payment", {"price": 5000}, "telefonisch nicht buchen"),
    ("verification", {"requires_verification": True}, "telefonisch nicht buchen"),
]


@pytest.mark.parametrize(("case", "rules", "words"), REFUSED, ids=[one[0] for one in REFUSED])
def test_what_the_calendar_refuses_is_one_clear_sentence(
    phone: Phone, sandbox: SandboxServer, standing: Standing, case: str, rules: dict[str, Any], words: str
) -> None:
    token = offered(phone)
    for name, value in rules.items():
        setattr(event_type(sandbox), name, value)
    answer = book(phone, token)
    assert (answer["status"], answer["booked"], standing()) == ("refused", False, [])
    assert words in answer["say"]


def test_a_blocked_caller_is_told_so_kindly(phone: Phone, sandbox: SandboxServer) -> None:
    token = offered(phone)
    sandbox.calendar.accounts[API_KEY].blocked = frozenset({CALLER})
    answer = book(phone, token)
    assert answer["status"] == "refused"
    assert "zurückrufen" in answer["say"]


def test_pending_is_honest_and_settles_when_asked_again(
    phone: Phone, sandbox: SandboxServer, settings: Any
) -> None:
    token = offered(phone)
    settings.CALL_BUDGET_SECONDS = 1.0
    sandbox.faults.add("latency", method="POST", ms=900)
    first = book(phone, token)
    assert (first["status"], first["booked"]) == ("pending", False)
    assert "nicht noch einmal" in first["say"]
    assert gateway.drain(seconds=5)
    again = book(phone, token)
    assert (again["status"], again["booked"]) == ("already_booked", True)
    assert posts(sandbox) == 1


def test_a_retry_of_the_provider_while_the_calendar_is_slow_causes_nothing_twice(
    practice: Business, phone: Phone, sandbox: SandboxServer, standing: Standing
) -> None:
    """Incident 33: the tool timed out, was retried, and the first attempt had succeeded."""
    token = offered(phone)
    sandbox.faults.add("latency", method="POST", ms=300)
    body = phone.body("book_appointment", {"slot": token, "customer_name": NAME})
    line = phone.call_id
    answers = at_once(*[lambda: Phone(practice, call_id=line).post("functions", body).json()] * 3)
    assert [one["status"] for one in answers] == ["booked"] * 3
    assert (posts(sandbox), len(standing())) == (1, 1)


def test_an_unreachable_calendar_is_said_and_nothing_is_open(
    practice: Business, phone: Phone, sandbox: SandboxServer
) -> None:
    token = offered(phone)
    for _ in range(5):
        runtime.breaker(practice.calendar.pk).allow().fault()
    answer = book(phone, token)
    assert (answer["status"], answer["booked"]) == ("unavailable", False)
    assert "nichts gebucht" in answer["say"]
    runtime.breaker(practice.calendar.pk).reset()
    assert book(phone, token)["status"] == "booked"


def test_who_asks_too_often_does_not_hear_that_what_was_booked_is_not(
    phone: Phone, standing: Standing, settings: Any
) -> None:
    settings.CALL_LOOP_LIMIT = 2
    token = offered(phone)
    answers = [book(phone, token) for _ in range(3)]
    assert [answer["status"] for answer in answers] == ["booked", "already_booked", "rate_limited"]
    assert "mit dieser Anfrage wurde nichts gebucht" in answers[-1]["say"]
    assert len(standing()) == 1


def test_the_kill_switch_books_nothing(phone: Phone, sandbox: SandboxServer) -> None:
    token = offered(phone)
    with override_flag(Flag.MESSAGES_ONLY, True):
        answer = book(phone, token)
    assert (answer["status"], posts(sandbox)) == ("refused", 0)


def test_no_more_open_appointments_than_the_service_allows(
    practice: Business, phone: Phone, standing: Standing
) -> None:
    with company_scope(practice.company.pk):
        practice.service.max_open_appointments = 1
        practice.service.save()
    assert book(phone)["status"] == "booked"
    second = Phone(practice)
    answer = book(second, offered(second, "Donnerstag um 11 Uhr"))
    assert (answer["status"], len(standing())) == ("refused", 1)
    assert "so viele offene Termine" in answer["say"]


# --- Who comes ----------------------------------------------------------------------------------


def test_a_withheld_number_is_asked_for_and_may_book(practice: Business, standing: Standing) -> None:
    phone = Phone(practice, caller="anonymous")
    token = offered(phone)
    assert book(phone, token)["status"] == "needs_phone"
    answer = phone.function("book_appointment", customer_phone="0170 555 66 77")
    assert answer["status"] == "booked"
    assert standing()[0].attendees[0].phone == "+491705556677"


def test_two_withheld_callers_do_not_become_one_customer(practice: Business, standing: Standing) -> None:
    for number, when in (("0170 1111111", WEDNESDAY_TEN), ("0170 2222222", "Donnerstag um 11 Uhr")):
        phone = Phone(practice, caller="anonymous")
        token = offered(phone, when)
        assert book(phone, token, customer_phone=number)["status"] == "booked"
    with company_scope(practice.company.pk):
        assert Customer.objects.count() == 2


def test_a_number_that_is_said_wins_over_the_one_that_calls(phone: Phone, standing: Standing) -> None:
    book(phone, customer_phone="0170 555 66 77")
    assert standing()[0].attendees[0].phone == "+491705556677"


def test_a_mother_books_for_her_son(practice: Business, phone: Phone, standing: Standing) -> None:
    book(phone)
    son = phone.function(
        "book_appointment", slot=offered(phone, "Donnerstag um 11 Uhr"), customer_name="Jonas Müller"
    )
    assert son["status"] == "booked"
    with company_scope(practice.company.pk):
        assert list(Customer.objects.values_list("name", flat=True)) == [NAME]
        names = Appointment.objects.order_by("start").values_list("attendee_name", flat=True)
        assert list(names) == [NAME, "Jonas Müller"]


# --- E-mail, only where it is demanded ----------------------------------------------------------


@pytest.fixture
def demands_email(sandbox: SandboxServer) -> None:
    event_type(sandbox).email_required = True


def learned(practice: Business) -> bool | None:
    return KnownEventType.objects.values_list("email_required", flat=True).get(pk=practice.event_type.pk)


def test_no_e_mail_is_asked_for_where_none_is_demanded(phone: Phone, standing: Standing) -> None:
    assert book(phone)["status"] == "booked"
    assert standing()[0].attendees[0].email == f"{CALLER[1:]}@sms.cal.com"


def test_an_e_mail_that_is_demanded_is_asked_for_once_and_then_known(
    practice: Business, phone: Phone, sandbox: SandboxServer, standing: Standing, demands_email: None
) -> None:
    KnownEventType.objects.filter(pk=practice.event_type.pk).update(email_required=False)
    assert book(phone)["status"] == "needs_email"
    assert learned(practice) is True
    answer = phone.function("book_appointment", customer_email="sabine punkt mueller ät example punkt com")
    assert answer["status"] == "booked"
    assert standing()[0].attendees[0].email == "sabine.mueller@example.com"
    before = posts(sandbox)
    other = Phone(practice, caller=OTHER)
    assert book(other, offered(other, "Donnerstag um 11 Uhr"))["status"] == "needs_email"
    assert posts(sandbox) == before


def test_the_companys_placeholder_spares_the_question(
    practice: Business, phone: Phone, sandbox: SandboxServer, standing: Standing, demands_email: None
) -> None:
    with company_scope(practice.company.pk):
        practice.company.email_placeholder = "termin+{id}@praxis.example"
        practice.company.save()
    assert book(phone)["status"] == "booked"
    assert standing()[0].attendees[0].email == f"termin+{CALLER[1:]}@praxis.example"
    with company_scope(practice.company.pk):
        assert Customer.objects.get().email is None


def test_a_placeholder_that_was_thought_needless_is_sent_after_all(
    practice: Business, phone: Phone, sandbox: SandboxServer, standing: Standing, demands_email: None
) -> None:
    with company_scope(practice.company.pk):
        practice.company.email_placeholder = "termin+{id}@praxis.example"
        practice.company.save()
    KnownEventType.objects.filter(pk=practice.event_type.pk).update(email_required=False)
    assert book(phone)["status"] == "booked"
    assert (posts(sandbox), len(standing()), learned(practice)) == (2, 1, True)


def test_an_address_that_the_calendar_does_not_take_is_asked_again(
    practice: Business, phone: Phone, sandbox: SandboxServer
) -> None:
    token = offered(phone)
    sandbox.faults.add("status", method="POST", status=503, count=0)
    with company_scope(practice.company.pk):
        Call.objects.update(spoken_email="nobody@nowhere", spoken_name=NAME)
    answer = phone.function("book_appointment", slot=token)
    assert answer["status"] == "needs_email"
    with company_scope(practice.company.pk):
        assert Call.objects.get().spoken_email == ""
    assert phone.function("book_appointment", confirmed=True)["status"] == "booked"


# --- What a yes means ---------------------------------------------------------------------------


def test_a_yes_to_one_service_books_no_other(practice: Business, phone: Phone, standing: Standing) -> None:
    other = make_service(practice.company, slug="manikuere", name="Maniküre", synonyms=[])
    make_place(
        practice.branch, service=other, event_type=make_event_type(124, base_url=practice.event_type.base_url)
    )
    read_back = phone.function(
        "book_appointment", when=WEDNESDAY_TEN, service="Fußpflege", customer_name=NAME
    )
    assert read_back["status"] == "confirm"
    answer = phone.function("book_appointment", service="Maniküre", confirmed=True)
    assert not answer["booked"]
    assert standing() == []


def test_a_token_that_nobody_offered_is_not_a_yes_to_what_was_read_back(
    phone: Phone, standing: Standing
) -> None:
    phone.function("book_appointment", when=WEDNESDAY_TEN, customer_name=NAME)
    answer = phone.function("book_appointment", slot="s_invented", confirmed=True)
    assert not answer["booked"]
    assert standing() == []


def test_a_choice_that_only_lacked_a_name_is_booked_with_it(phone: Phone) -> None:
    token = offered(phone)
    assert phone.function("book_appointment", slot=token)["status"] == "needs_name"
    assert phone.function("book_appointment", customer_name=NAME)["status"] == "booked"


def test_who_looks_for_another_time_has_taken_back_what_was_read_back(
    phone: Phone, standing: Standing
) -> None:
    phone.function("book_appointment", when=WEDNESDAY_TEN, customer_name=NAME)
    phone.function("check_availability", when="Donnerstag um 11 Uhr")
    answer = phone.function("book_appointment", confirmed=True)
    assert (answer["status"], answer["slot"]["start"]) == ("confirm", "2026-01-08T11:00:00+01:00")
    assert standing() == []


# --- Nothing of anybody else --------------------------------------------------------------------


def test_a_caller_who_claims_another_number_learns_nothing(practice: Business, phone: Phone) -> None:
    mine = book(phone)
    stranger = Phone(practice, caller=OTHER)
    answer = stranger.function(
        "book_appointment",
        when=WEDNESDAY_TEN,
        customer_name=NAME,
        customer_phone=CALLER,
        confirmed=True,
    )
    assert answer["status"] in ("alternatives", "slot_taken")
    assert mine["appointment"]["reference"] not in str(answer)


def test_two_companies_book_the_same_hour_apart(practice: Business, linden: Business, phone: Phone) -> None:
    there = Phone(linden)
    token = there.function("check_availability", when="Wednesday at 10 am")["slot"]["slot"]
    assert book(phone)["status"] == "booked"
    assert there.function("book_appointment", slot=token, customer_name=NAME)["status"] == "booked"
    for business in (practice, linden):
        with company_scope(business.company.pk):
            assert Appointment.objects.get().start == datetime(2026, 1, 7, 9, 0, tzinfo=UTC)
            assert BookingAttempt.objects.get().state == "confirmed"


def test_the_slot_of_a_booking_is_free_for_others_only_when_it_is_over(
    practice: Business, phone: Phone
) -> None:
    book(phone)
    other = Phone(practice, caller=OTHER)
    answer = other.function("check_availability", when=WEDNESDAY_TEN)
    nearest = datetime(2026, 1, 7, 10, 0, tzinfo=practice.company.zone)
    taken = {nearest + timedelta(minutes=shift) for shift in range(-30, 45, 15)}
    assert not taken & {datetime.fromisoformat(one["start"]) for one in answer["alternatives"]}
