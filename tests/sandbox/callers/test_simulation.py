from __future__ import annotations

from typing import Any

import pytest

from apps.sandbox.callers.grading import Graded
from apps.sandbox.callers.ledger import Ledger
from apps.sandbox.callers.script import Script
from apps.sandbox.callers.simulation import Simulation
from apps.sandbox.server import SandboxServer
from tests.sandbox.callers.platform import NAME, Platform
from tests.sandbox.callers.scripts import TAKEN, WISHED, make_place, make_script


def play(platform: Platform, *scripts: Script, calls: int = 0, concurrency: int = 1) -> list[Graded]:
    simulation = Simulation([make_place(platform.sandbox)], url=platform.url, refresh=lambda company: None)
    return list(simulation.run(simulation.plan(scripts, calls=calls), concurrency=concurrency))


def faults(platform: Platform, **changed: Any) -> list[str]:
    """What is wrong with one call."""
    (graded,) = play(platform, make_script(**changed))
    return list(graded.faults)


def test_a_free_wish_is_booked_and_graded_right(platform: Platform) -> None:
    (graded,) = play(platform, make_script())
    assert graded.faults == ()
    (entry,) = graded.standing
    assert (entry.start, entry.name, entry.phone) == (
        graded.record.plan.starts["wish"],
        NAME,
        graded.record.plan.number,
    )


def test_a_taken_wish_ends_in_the_nearest_alternative(platform: Platform) -> None:
    (graded,) = play(platform, make_script(**TAKEN))
    assert graded.faults == ()
    wish = graded.record.plan.starts["wish"]
    assert [abs(entry.start - wish).seconds // 60 for entry in graded.standing] == [30]
    assert graded.record.statuses() == ["alternatives", "needs_name", "booked"]


def test_a_call_goes_from_ringing_to_its_analysis(platform: Platform) -> None:
    play(platform, make_script())
    endpoints = [endpoint for endpoint, _ in platform.requests]
    assert endpoints[:3] == ["inbound", "events", "functions"]
    assert [body["event"] for endpoint, body in platform.requests if endpoint == "events"] == [
        "call_started",
        "call_ended",
        "call_analyzed",
    ]


def test_a_repeated_request_with_another_answer_is_a_fault(platform: Platform) -> None:
    agent = {"repeats": ["book_appointment"]}
    assert faults(platform, agent=agent) == []
    platform.manner = "forgets"
    assert any("the repeated request got another answer" in fault for fault in faults(platform, agent=agent))


@pytest.mark.parametrize(
    ("manner", "fault"),
    [
        ("lies", "booked was spoken, but nothing stands at"),
        ("lies", "the calendar has no fusspflege at"),
        ("twice", "the calendar has a booking nobody asked for"),
        ("secret", "nobody was told of the booking at"),
        ("denies", "no booked (heard: available, needs_name, unavailable)"),
        ("claims", "'Der Termin ist gebucht. Wie heißen Sie?' is spoken with status needs_name"),
        ("numbers", "inbound: the variable company is not text"),
    ],
)
def test_a_platform_that_is_not_honest_is_found_out(platform: Platform, manner: str, fault: str) -> None:
    platform.manner = manner
    assert any(found.find(fault) >= 0 for found in faults(platform)), faults(platform)


@pytest.mark.parametrize(
    ("manner", "fault"),
    [("far", "away from the wish; the nearest are"), ("refused time", "the refused time itself was offered")],
)
def test_offers_that_are_not_the_nearest_are_found_out(platform: Platform, manner: str, fault: str) -> None:
    platform.manner = manner
    assert any(fault in found for found in faults(platform, **TAKEN))


def test_a_rival_leads_to_fresh_offers(platform: Platform) -> None:
    found = faults(
        platform,
        hears=[{"status": "available", "says": "Ja.", "rival": True}],
        expect={"bookings": [{"start": "taken"}], "statuses": ["available", "slot_taken", "booked"]},
    )
    assert found == []


def test_hanging_up_leaves_nothing(platform: Platform) -> None:
    hears = [{"status": "available", "says": "Nein.", "act": "bye", "hangs_up": True}]
    (graded,) = play(
        platform, make_script(hears=hears, expect={"statuses": ["available"], "never": ["booked"]})
    )
    assert graded.faults == ()
    assert graded.record.hung_up
    assert platform.requests[-1][1]["call"]["disconnection_reason"] == "user_hangup"


def test_too_many_confirmations_and_forbidden_statuses_are_faults(platform: Platform) -> None:
    found = faults(
        platform, expect={"bookings": [{"start": "wish"}], "never": ["needs_name"], "max_confirmations": 0}
    )
    assert found == ["needs_name must not be", "1 confirmations, at most 0"]


def test_offers_outside_the_wished_hours_are_faults(platform: Platform) -> None:
    found = faults(platform, expect={"bookings": [{"start": "wish"}], "window": ["08:00", "12:00"]})
    assert found == ["14:30 was offered, outside what was asked"]


def test_an_earlier_call_that_fails_is_the_calls_verdict(platform: Platform) -> None:
    script = make_script(
        moments={"wish": "open+1 14:30", "old": "open+2 10:00"},
        setup={"appointment": "old"},
    )
    platform.manner = "lies"
    (graded,) = play(platform, script)
    assert graded.record.plan.label == "a_call (earlier call)"
    assert not graded.right


def test_a_booking_that_disappears_is_a_fault(platform: Platform) -> None:
    play(platform, make_script())
    platform.manner = "cancels"
    assert any("gone from the calendar" in fault for fault in faults(platform))


def test_many_calls_at_once_are_told_apart(platform: Platform) -> None:
    graded = play(platform, make_script(), make_script("another", **TAKEN), calls=8, concurrency=4)
    assert [one.faults for one in graded] == [()] * 8
    assert len({one.record.plan.number for one in graded}) == 8
    assert len({entry.uid for one in graded for entry in one.standing}) == 8


def test_faults_of_the_calendar_end_with_the_call_and_others_stay(platform: Platform) -> None:
    platform.sandbox.faults.add("latency", path="/v2/slots", ms=1)
    script = make_script(setup={"faults": [{"kind": "status", "path": "/v2/bookings", "status": 503}]})
    play(platform, script)
    assert [rule.kind for rule in platform.sandbox.faults.rules] == ["latency"]


def test_scripts_that_break_the_calendar_come_last(platform: Platform) -> None:
    breaking = make_script("breaking", setup={"faults": [{"kind": "status", "path": "/v2/bookings"}]})
    graded = play(platform, breaking, make_script("quiet"))
    assert [one.record.plan.label for one in graded] == ["quiet", "breaking"]


def test_the_delay_of_the_calendar_lasts_as_long_as_the_run(
    sandbox: SandboxServer, platform: Platform
) -> None:
    simulation = Simulation(
        [make_place(sandbox)], url=platform.url, refresh=lambda company: None, upstream_ms=5
    )
    running = simulation.run(simulation.plan([make_script()]))
    next(running)
    assert [(rule.kind, rule.ms) for rule in sandbox.faults.rules] == [("latency", 5)]
    assert list(running) == []
    assert sandbox.faults.rules == []


def test_the_platform_is_told_to_forget_after_the_setup(platform: Platform) -> None:
    seen: list[tuple[str, int]] = []

    def refresh(company: str) -> None:
        seen.append((company, len(platform.requests)))

    simulation = Simulation([make_place(platform.sandbox)], url=platform.url, refresh=refresh)
    list(simulation.run(simulation.plan([make_script(**TAKEN)])))
    assert seen == [("praxis-am-park", 0)]


def test_a_question_without_an_answer_ends_the_call_as_a_problem(platform: Platform) -> None:
    platform.manner = "puzzled"
    assert faults(platform, expect={}) == ["the caller had nothing to say to 'needs_branch'"]


def test_a_caller_who_wants_nothing_gets_nothing(platform: Platform) -> None:
    says = {**WISHED, "opening": "Verwählt."}
    (graded,) = play(platform, make_script(caller_says=says, expect={}))
    assert graded.faults == ()
    assert graded.record.statuses() == []


def test_the_ledger_sees_what_stands(platform: Platform) -> None:
    (graded,) = play(platform, make_script())
    entries = Ledger(make_place(platform.sandbox)).entries()
    assert [entry.uid for entry in entries] == [entry.uid for entry in graded.standing]
