from __future__ import annotations

from typing import Any

import pytest

from apps.sandbox.callers.agent import Agent, Heard, Request
from apps.sandbox.callers.script import Model

OFFERS = [
    {"slot": "s_1", "start": "2026-01-07T14:00:00+01:00", "say": "Mittwoch, 14 Uhr"},
    {"slot": "s_2", "start": "2026-01-07T15:15:00+01:00", "say": "Mittwoch, Viertel nach drei"},
]
WISH = Heard("wish", {"when": "morgen um drei", "service": "Fußpflege"})
MOVE = Heard("move", {"when": "Freitag um elf"})


def agent_after(*answers: dict[str, Any], heard: Heard = WISH, model: Model | None = None) -> Agent:
    """An agent who has heard a wish and these answers to it."""
    agent = Agent(model or Model())
    agent.request(heard)
    for answer in answers:
        agent.hear(answer)
    return agent


def test_a_wish_is_checked_in_the_callers_own_words() -> None:
    request = Agent(Model()).request(WISH)
    assert request == Request("check_availability", {"when": "morgen um drei", "service": "Fußpflege"})


def test_an_agent_that_books_at_once_passes_the_name_it_heard() -> None:
    heard = Heard("wish", {"when": "morgen um drei", "name": "Anna Muster"})
    assert Agent(Model(opens="book")).request(heard) == Request(
        "book_appointment", {"when": "morgen um drei", "customer_name": "Anna Muster"}
    )


def test_a_picked_offer_is_booked_by_its_token() -> None:
    agent = agent_after({"status": "alternatives", "alternatives": OFFERS})
    assert agent.request(Heard("take", takes=2)) == Request("book_appointment", {"slot": "s_2"})


def test_a_picked_offer_is_booked_by_the_callers_words_where_the_script_wants_it() -> None:
    agent = agent_after({"status": "alternatives", "alternatives": OFFERS}, model=Model(picks="words"))
    heard = Heard("take", {"when": "den zweiten"}, takes=2, words="Gut, den zweiten.")
    assert agent.request(heard) == Request("book_appointment", {"when": "den zweiten"})


def test_a_yes_to_a_free_slot_books_it_with_what_is_known_of_the_caller() -> None:
    agent = agent_after(
        {"status": "available", "slot": OFFERS[0]}, heard=Heard("wish", {"when": "x", "name": "Anna Muster"})
    )
    assert agent.request(Heard("yes")) == Request(
        "book_appointment", {"slot": "s_1", "customer_name": "Anna Muster"}
    )


def test_a_yes_by_words_repeats_the_wish_as_confirmed() -> None:
    agent = agent_after({"status": "available", "slot": OFFERS[0]}, model=Model(picks="words"))
    assert agent.request(Heard("yes")) == Request(
        "book_appointment", {"when": "morgen um drei", "service": "Fußpflege", "confirmed": True}
    )


def test_a_missing_name_is_added_to_the_same_request() -> None:
    agent = agent_after({"status": "alternatives", "alternatives": OFFERS})
    agent.request(Heard("take", takes=1))
    agent.hear({"status": "needs_name"})
    assert agent.request(Heard("answer", {"name": "Anna Muster"})) == Request(
        "book_appointment", {"slot": "s_1", "customer_name": "Anna Muster"}
    )


def test_a_missing_date_is_added_to_the_check_and_the_name_is_not() -> None:
    agent = agent_after({"status": "needs_date"}, heard=Heard("wish", {"service": "Massage", "name": "Anna"}))
    assert agent.request(Heard("answer", {"when": "am Montag"})) == Request(
        "check_availability", {"service": "Massage", "when": "am Montag"}
    )


@pytest.mark.parametrize("act", ["cancel", "move"])
def test_a_yes_to_what_was_read_back_repeats_it_as_confirmed(act: Any) -> None:
    agent = agent_after({"status": "confirm"}, heard=Heard(act, {"when": "am Montag"}))
    request = agent.request(Heard("yes"))
    assert request is not None
    assert request.args == {"when": "am Montag", "confirmed": True}


def test_confirmed_is_never_sent_without_a_yes() -> None:
    agent = agent_after({"status": "confirm"})
    for heard in (WISH, Heard("take", takes=1, words="der erste"), Heard("answer", {"name": "Anna"}), MOVE):
        request = agent.request(heard)
        assert request is not None
        assert "confirmed" not in request.args


def test_a_yes_to_nothing_asks_nothing() -> None:
    assert Agent(Model()).request(Heard("yes")) is None
    assert agent_after({"status": "none_available"}).request(Heard("yes")) is None


def test_an_offer_picked_while_moving_moves() -> None:
    agent = agent_after({"status": "alternatives", "alternatives": OFFERS}, heard=MOVE)
    assert agent.request(Heard("take", takes=1)) == Request("reschedule_appointment", {"slot": "s_1"})


def test_a_reference_is_passed_as_the_appointment() -> None:
    assert Agent(Model()).request(Heard("cancel", {"reference": "k7m2"})) == Request(
        "cancel_appointment", {"appointment": "k7m2"}
    )


def test_a_callback_carries_who_and_why_but_no_mail_address() -> None:
    agent = agent_after(
        {"status": "unavailable"}, heard=Heard("wish", {"when": "x", "email": "a at b punkt de"})
    )
    heard = Heard("callback", {"name": "Anna Muster", "reason": "Fußpflege"})
    assert agent.request(heard) == Request(
        "request_callback", {"customer_name": "Anna Muster", "reason": "Fußpflege"}
    )


@pytest.mark.parametrize(
    ("act", "function"),
    [("list", "list_appointments"), ("services", "list_services"), ("person", "transfer_to_person")],
)
def test_questions_without_words_become_functions_without_arguments(act: Any, function: str) -> None:
    assert Agent(Model()).request(Heard(act)) == Request(function, {})


def test_a_goodbye_asks_nothing() -> None:
    assert Agent(Model()).request(Heard("bye")) is None
