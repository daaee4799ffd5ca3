from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from apps.sandbox.callers.caller import Caller
from apps.sandbox.callers.script import read_facts, unmarked
from apps.sandbox.callers.script_file import known_scripts, read_script, script_from
from apps.sandbox.reading import ScenarioError
from tests.sandbox.callers.scripts import RAW, make_script

SHIPPED = [read_script(path) for path in known_scripts().values()]


def test_twenty_german_and_ten_english_scripts_are_shipped() -> None:
    assert Counter(script.language for script in SHIPPED) == {"de": 20, "en": 10}
    assert "main_job" in known_scripts()


@pytest.mark.parametrize("script", SHIPPED, ids=lambda script: script.name)
def test_a_shipped_script_says_only_what_its_moments_and_person_give(script: Any) -> None:
    asked: list[str] = []

    def value(name: str) -> str:
        asked.append(name)
        return "x"

    offers = [{"say": "Mittwoch, 14 Uhr"}] * 3
    caller = Caller(script, value=value)
    assert caller.open().text
    for reaction in script.reactions:
        for status in reaction.statuses:
            caller.react(status, offers=offers)
    known = {"name": script.person, "email": script.email, "phone": "x", "service": script.service}
    for name in asked:
        moment, _, part = name.partition(".")
        assert known.get(name) or (
            moment in script.moments and part in ("day", "onto", "date", "weekday", "time")
        )


@pytest.mark.parametrize("script", SHIPPED, ids=lambda script: script.name)
def test_a_shipped_script_with_bookings_knows_whose_they_are(script: Any) -> None:
    for booked in script.expect.bookings:
        assert booked.name or script.person


def test_marked_words_are_the_callers_own() -> None:
    template = "Ich hätte gern [when|morgen um drei] eine [service|Fußpflege]."
    assert read_facts(template) == {"when": "morgen um drei", "service": "Fußpflege"}
    assert unmarked(template) == "Ich hätte gern morgen um drei eine Fußpflege."


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"langage": "de"}, "a_call.langage: unknown key"),
        ({"language": "fr"}, "a_call.language: 'fr' is none of de, en"),
        ({"moments": {"wish": "some day"}}, "a_call.moments.wish: 'some day' is no moment"),
        ({"expect": {"bookings": [{"start": "then"}]}}, "a_call: 'then' is none of its moments"),
        ({"setup": {"busy": [{"at": "then"}]}}, "a_call: 'then' is none of its moments"),
        ({"setup": {"faults": [{"kind": "fire"}]}}, "a_call.setup.faults[0]: kind: unknown fault 'fire'"),
        ({"service": ""}, "a_call.service: missing"),
        ({"room": -1}, "a_call.room: -1 is not a number of minutes"),
        ({"caller_says": {"opening": "[wen|morgen]"}}, "a_call.caller_says.opening: [wen|…] is none of"),
        ({"expect": {"window": ["08:00"]}}, "a_call.expect.window: ['08:00'] is not [from, to]"),
        ({"expect": {"window": ["early", "late"]}}, "a_call.expect.window: 'early' is not a time of day"),
        ({"hears": [{"status": "confirm"}]}, "a_call.hears[0].says: missing"),
        ({"agent": {"picks": "guess"}}, "a_call.agent.picks: 'guess' is none of token, words"),
    ],
)
def test_a_mistake_in_a_script_is_named(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        make_script(**changed)
    assert str(caught.value).startswith(complaint)


def test_a_reaction_hears_one_status_or_several() -> None:
    script = make_script(
        hears=[{"status": "confirm", "says": "Ja"}, {"status": ["available", "alternatives"], "says": "Gut"}]
    )
    assert [sorted(one.statuses) for one in script.reactions] == [["confirm"], ["alternatives", "available"]]


def test_room_is_minutes_or_the_day() -> None:
    assert [make_script(room=room).room for room in (30, "day")] == [30, 1440]
    assert script_from(RAW, name="x").room == 120


def test_an_unreadable_file_is_a_scenario_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        read_script(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("title = ")
    with pytest.raises(ScenarioError, match=r"broken\.toml"):
        read_script(broken)
