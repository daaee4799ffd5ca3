from __future__ import annotations

import json

import pytest

from apps.sandbox.callers.dialogue import dialogue, progress
from apps.sandbox.callers.grading import Graded
from apps.sandbox.callers.summary import as_json, latencies, percentile, summary, totals
from tests.sandbox.callers.platform import Platform
from tests.sandbox.callers.scripts import TAKEN, make_script
from tests.sandbox.callers.test_simulation import play


@pytest.fixture
def booked(platform: Platform) -> Graded:
    """A call that took the nearest alternative."""
    (graded,) = play(platform, make_script(**TAKEN))
    return graded


def test_a_call_reads_as_a_dialogue_with_the_milliseconds_of_each_step(booked: Graded) -> None:
    lines = list(dialogue(booked))
    assert lines[0] == "Ein Anruf (a_call)"
    assert lines[-2] == "Im Kalender steht genau diese Buchung:"
    start = booked.standing[0].start.astimezone(booked.record.plan.place.zone)
    assert lines[-1] == f"  ✓ Fußpflege, {start:%Y-%m-%d %H:%M}, Sabine Müller"
    assert "Anrufer:   Sabine Müller." in lines
    assert "Assistent: Das ist leider vergeben." in lines
    asked = next(line for line in lines if "check_availability" in line)
    assert asked.strip().startswith('→ check_availability(when="')
    assert asked.endswith(" ms")
    assert " · alternatives · " in asked


def test_an_english_call_is_told_in_english(platform: Platform) -> None:
    (graded,) = play(
        platform, make_script(language="en", caller_says={"opening": "Wrong number."}, expect={})
    )
    lines = list(dialogue(graded))
    assert "Caller:    Wrong number." in lines
    assert lines[-1] == "The calendar holds nothing new, as it should be."


def test_what_is_wrong_is_told_in_place_of_the_ledger(platform: Platform) -> None:
    platform.manner = "lies"
    (graded,) = play(platform, make_script())
    text = "\n".join(dialogue(graded))
    assert "So darf es nicht sein:" in text
    assert "✗ booked was spoken, but nothing stands at" in text
    assert "Im Kalender" not in text


def test_a_progress_line_counts_and_names_faults(platform: Platform, booked: Graded) -> None:
    line = progress(booked, number=3, total=30)
    assert line.startswith("[ 3/30] ok    a_call")
    assert "booked" in line
    platform.manner = "lies"
    (wrong,) = play(platform, make_script())
    first, *faults = progress(wrong, number=30, total=30).splitlines()
    assert first.startswith("[30/30] WRONG a_call")
    assert len(faults) == len(wrong.faults) == 2


def test_keys_are_never_printed(booked: Graded) -> None:
    place = booked.record.plan.place
    printed = "\n".join(
        [*dialogue(booked), *summary([booked], seconds=1.0), json.dumps(as_json([booked], seconds=1))]
    )
    for secret in (place.signing_key, place.calendar_key):
        assert secret not in printed
        assert secret not in repr(place)


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 3.0), (0.95, 5.0), (0.2, 1.0), (0.21, 2.0), (1.0, 5.0), (0.0, 1.0)]
)
def test_percentiles_are_values_that_were_measured(share: float, value: float) -> None:
    assert percentile([5.0, 1.0, 4.0, 2.0, 3.0], share) == value


def test_latency_is_counted_per_function_and_event(booked: Graded) -> None:
    found = latencies([booked, booked])
    assert {name: row["count"] for name, row in found.items()} == {
        "call_inbound": 2,
        "call_started": 2,
        "get_call_context": 2,
        "check_availability": 2,
        "book_appointment": 4,
        "call_ended": 2,
        "call_analyzed": 2,
    }
    assert all(0 < row["p50"] <= row["p95"] <= row["max"] for row in found.values())


def test_the_modelled_length_is_words_turns_and_waiting(booked: Graded) -> None:
    record = booked.record
    words = sum(record.words.values())
    waited = sum(one.reply.milliseconds for one in record.functions()) / 1000
    assert words == sum(
        len(line.split()) - 1 for line in dialogue(booked) if line.startswith(("Anrufer:", "Assistent:"))
    )
    assert record.turns == 9
    assert record.seconds == pytest.approx(words * 0.4 + 8 * 0.8 + waited)


def test_totals_count_calls_bookings_and_confirmations(platform: Platform, booked: Graded) -> None:
    (confirmed,) = play(platform, make_script())
    found = totals([booked, confirmed], seconds=4.0)
    assert {key: found[key] for key in ("calls", "right", "wrong", "bookings", "calls_per_second")} == {
        "calls": 2,
        "right": 2,
        "wrong": 0,
        "bookings": 2,
        "calls_per_second": 0.5,
    }
    assert (found["confirmations_per_booking"], found["confirmations_most"]) == (0.5, 1)


def test_without_a_booking_there_is_nothing_to_average(platform: Platform) -> None:
    graded = play(platform, make_script(caller_says={"opening": "Verwählt."}, expect={}))
    found = totals(graded, seconds=1.0)
    assert (found["bookings"], found["confirmations_per_booking"], found["call_seconds_median"]) == (
        0,
        None,
        None,
    )
    assert list(summary(graded, seconds=1.0))[-1].startswith("1 of 1 call right, 0 bookings")


def test_the_summary_has_a_line_a_call_when_there_are_several(booked: Graded) -> None:
    lines = list(summary([booked, booked], seconds=1.0))
    assert sum(line.startswith("a_call ") for line in lines) == 2
    assert sum(line.startswith("a_call ") for line in summary([booked], seconds=1.0)) == 0


def test_results_for_programs_are_json(booked: Graded) -> None:
    found = json.loads(json.dumps(as_json([booked], seconds=1.0)))
    (call,) = found["calls"]
    assert call["right"] is True
    assert call["statuses"] == ["alternatives", "needs_name", "booked"]
    assert call["standing"][0].endswith("Sabine Müller")
    assert found["totals"]["bookings"] == 1
    assert found["latency_ms"]["check_availability"]["count"] == 1
