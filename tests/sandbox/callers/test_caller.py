from __future__ import annotations

import pytest

from apps.sandbox.callers.caller import MOST_REPEATED, Caller
from apps.sandbox.reading import ScenarioError
from tests.sandbox.callers.scripts import make_script

OFFERS = [{"say": "Mittwoch, 7. Januar, 14 Uhr"}, {"say": "Mittwoch, 7. Januar, Viertel nach drei"}]
VALUES = {
    "wish.date": "7. Januar",
    "wish.time": "14 Uhr 30",
    "name": "Sabine Müller",
    "phone": "030 23125001",
}


def make_caller(*hears: dict[str, object], language: str = "de") -> Caller:
    script = make_script(hears=list(hears), language=language)
    return Caller(script, value=VALUES.__getitem__)


def test_the_opening_is_a_wish_in_plain_words() -> None:
    opening = make_caller().open()
    assert opening.text == "Einen Termin am 7. Januar um 14 Uhr 30, bitte."
    assert (opening.heard.act, opening.heard.facts) == ("wish", {"when": "7. Januar um 14 Uhr 30"})


def test_the_scripts_reactions_come_in_order_and_once_each_then_the_default() -> None:
    caller = make_caller(
        {"status": "alternatives", "says": "[when|Was anderes]?"},
        {"status": "alternatives", "says": "Der zweite.", "takes": 2},
    )
    said = [caller.react("alternatives", offers=OFFERS) for _ in range(3)]
    assert [(one.heard.act, one.heard.takes) for one in said if one] == [
        ("wish", 0),
        ("take", 2),
        ("take", 1),
    ]


def test_a_time_that_was_heard_can_be_repeated() -> None:
    caller = make_caller({"status": "alternatives", "says": "Dann um {heard.2.time}.", "takes": 2})
    said = caller.react("alternatives", offers=OFFERS)
    assert said is not None
    assert said.text == "Dann um Viertel nach drei."


def test_what_was_not_offered_cannot_be_repeated() -> None:
    caller = make_caller({"status": "alternatives", "says": "Dann um {heard.3.time}."})
    with pytest.raises(ScenarioError, match="only 2 were offered"):
        caller.react("alternatives", offers=OFFERS)


@pytest.mark.parametrize(
    ("status", "act"),
    [
        ("available", "yes"),
        ("confirm", "yes"),
        ("slot_taken", "take"),
        ("needs_name", "answer"),
        ("needs_phone", "answer"),
        ("booked", "bye"),
        ("rescheduled", "bye"),
        ("refused", "bye"),
        ("something_new", "bye"),
    ],
)
@pytest.mark.parametrize("language", ["de", "en"])
def test_most_callers_say_the_same(status: str, act: str, language: str) -> None:
    said = make_caller(language=language).react(status, offers=OFFERS[:1])
    assert said is not None
    assert said.heard.act == act


def test_a_choice_of_free_times_is_answered_with_one_of_them() -> None:
    said = make_caller().react("available", offers=OFFERS)
    assert said is not None
    assert (said.heard.act, said.heard.takes) == ("take", 1)


def test_a_question_nobody_thought_of_leaves_the_caller_speechless() -> None:
    assert make_caller().react("needs_branch", offers=()) is None
    assert make_caller().react("ambiguous", offers=()) is None


def test_a_caller_who_is_asked_the_same_again_and_again_gives_up() -> None:
    caller = make_caller()
    said = [caller.react("needs_name", offers=()) for _ in range(MOST_REPEATED + 1)]
    assert [one is None for one in said] == [False] * MOST_REPEATED + [True]


def test_hanging_up_and_a_rival_are_carried_with_the_words() -> None:
    caller = make_caller(
        {"status": "available", "says": "Ja.", "rival": True},
        {"status": "booked", "says": "Ach.", "hangs_up": True},
    )
    taken, gone = caller.react("available", offers=()), caller.react("booked", offers=())
    assert taken is not None
    assert gone is not None
    assert (taken.rival, taken.hangs_up, gone.rival, gone.hangs_up) == (True, False, False, True)
