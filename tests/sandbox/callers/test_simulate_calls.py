from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.factories import Business, make_business
from tests.sandbox.callers.platform import Platform

pytestmark = pytest.mark.django_db

SCRIPT = """
title = "Ein Anruf"
language = "de"
company = "praxis-am-park"
service = "fusspflege"
[moments]
wish = "open+1 14:30"
[caller_says]
name = "Sabine Müller"
opening = "Einen Termin am [when|{wish.date} um {wish.time}], bitte."
[expect]
bookings = [{ start = "wish" }]
"""


@pytest.fixture
def business(platform: Platform) -> Business:
    """The company of the script, with its calendar in the sandbox of the test."""
    return make_business(base_url=platform.sandbox.base_url)


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "ein_anruf.toml"
    path.write_text(SCRIPT, encoding="utf-8")
    return str(path)


def simulate(*args: str, **options: Any) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("simulate_calls", *args, stdout=out, **{"pause_ms": 0, "flood": True, **options})
    return out.getvalue()


def refusal(*args: str, **options: Any) -> CommandError:
    with pytest.raises(CommandError) as caught:
        simulate(*args, **options)
    return caught.value


def test_a_single_call_is_printed_as_a_dialogue(business: Business, platform: Platform, script: str) -> None:
    printed = simulate(script, url=platform.url)
    assert "Anrufer:   Einen Termin am " in printed
    assert "Im Kalender steht genau diese Buchung:" in printed
    assert "1 of 1 call right, 1 booking," in printed
    assert platform.refused == 0


def test_several_calls_are_a_line_each(business: Business, platform: Platform, script: str) -> None:
    printed = simulate(script, url=platform.url, calls=3, concurrency=2)
    assert "Anrufer:" not in printed
    assert [line[:6] for line in printed.splitlines() if line.startswith("[")] == [
        "[1/3] ",
        "[2/3] ",
        "[3/3] ",
    ]
    assert "3 of 3 calls right, 3 bookings" in printed


def test_a_wrong_call_ends_with_exit_1(business: Business, platform: Platform, script: str) -> None:
    platform.manner = "lies"
    with pytest.raises(SystemExit) as caught:
        simulate(script, url=platform.url)
    assert caught.value.code == 1


def test_json_is_all_that_is_printed(business: Business, platform: Platform, script: str) -> None:
    found = json.loads(simulate(script, url=platform.url, json=True))
    assert found["totals"]["right"] == 1
    assert [one["name"] for one in found["calls"][0]["functions"]][:2] == [
        "get_call_context",
        "check_availability",
    ]


def test_an_unknown_scenario_is_bad_usage_and_lists_the_known() -> None:
    error = refusal("no_such_call")
    assert error.returncode == 2
    assert str(error).startswith("unknown scenario 'no_such_call'; known are: ")
    assert "main_job" in str(error)


def test_a_broken_scenario_is_bad_usage(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(SCRIPT.replace("open+1", "some day"), encoding="utf-8")
    error = refusal(str(path))
    assert (error.returncode, str(error)[:24]) == (2, "broken.moments.wish: 'so")


@pytest.mark.parametrize("url", ["https://booking.example", "http://192.168.0.1:8000", "nonsense"])
def test_only_a_server_on_this_machine_is_called(url: str) -> None:
    error = refusal("main_job", url=url)
    assert (error.returncode, str(error)) == (2, f"--url must be http on loopback, not {url!r}")


@pytest.mark.parametrize(("option", "value"), [("calls", -1), ("concurrency", 0), ("upstream_ms", -1)])
def test_numbers_must_make_sense(option: str, value: int) -> None:
    assert refusal("main_job", **{option: value}).returncode == 2


def test_a_calendar_that_is_no_sandbox_is_left_alone(script: str, platform: Platform) -> None:
    make_business(base_url="https://api.cal.com/v2")
    error = refusal(script, url=platform.url)
    assert error.returncode == 2
    assert "its calendar is no sandbox on loopback" in str(error)
    assert platform.requests == []


def test_a_company_that_is_not_there_is_named(script: str, db: None) -> None:
    error = refusal(script)
    assert error.returncode == 1
    assert str(error) == "no branch to call: praxis-am-park/* (the database has none)"


def test_a_sandbox_that_does_not_run_is_named(script: str, db: None) -> None:
    make_business(base_url="http://127.0.0.1:9/v2")
    assert str(refusal(script)) == "ledger_unreachable: 127.0.0.1:9 does not answer: ConnectionRefusedError"


def test_a_server_that_does_not_run_is_a_wrong_call(business: Business, script: str) -> None:
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("simulate_calls", script, url="http://127.0.0.1:9", stdout=out, pause_ms=0)
    assert "get_call_context: ConnectionRefusedError instead of 200" in out.getvalue()
