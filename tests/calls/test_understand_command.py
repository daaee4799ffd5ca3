"""``manage.py understand``: one line out for each line in, and one clear line when something is wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

NOW = "2026-11-25T10:00:00+01:00"


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """What the command reads."""

    def feed(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return feed


def run(*arguments: str, **options: Any) -> list[str]:
    out = io.StringIO()
    call_command("understand", *arguments, stdout=out, **options)
    return out.getvalue().splitlines()


def test_a_text_is_one_line_with_what_would_be_said() -> None:
    (line,) = run("übermorgen halb vier", now=NOW)
    assert line.split()[:2] == ["2026-11-27", "15:30"]
    assert line.endswith("Am Freitag, dem 27. November, um halb vier.")


def test_the_object_has_every_key() -> None:
    (line,) = run("nächste Woche um neun, sonst um zehn, nicht Montag", "--json", now=NOW)
    said = json.loads(line)
    assert list(said) == [
        "text", "date_from", "date_to", "time_from", "time_to", "missing", "ambiguous", "readings",
        "preferred", "excluded", "say",
    ]  # fmt: skip
    assert said["date_from"] == "2026-11-30"
    assert said["missing"] == []
    assert said["ambiguous"] is False
    assert said["excluded"] == ["2026-11-30"]


def test_readings_are_ranges_and_preferred_are_starts() -> None:
    (line,) = run("am Mittwoch um neun, sonst um elf", "--json", now=NOW)
    said = json.loads(line)
    assert said["ambiguous"] is True
    assert said["readings"][1] == {
        "date_from": "2026-11-25", "date_to": "2026-11-25", "time_from": "09:00", "time_to": "11:00",
    }  # fmt: skip
    assert said["preferred"] == [
        {"date": "2026-12-02", "time": "09:00"},
        {"date": "2026-12-02", "time": "11:00"},
    ]


def test_every_line_of_stdin_has_its_line_in_order(stdin: Callable[[bytes], None]) -> None:
    stdin("morgen\n\nheute\r\n\xff\nübermorgen".encode("latin-1").replace(b"\xfc", "ü".encode()))
    lines = [json.loads(line) for line in run("--json", now=NOW)]
    assert [line["date_from"] for line in lines] == ["2026-11-26", None, "2026-11-25", None, "2026-11-27"]
    assert lines[1]["text"] == ""


def test_objects_bring_their_own_moment_and_language(stdin: Callable[[bytes], None]) -> None:
    stdin(
        b'{"text": "morgen", "now": "2026-12-30T23:30:00Z", "lang": "de"}\n'
        b'{"text": "tomorrow", "lang": "en-GB"}\n'
        b'{"text": "\\ud800"}\n'
    )
    first, second, third = (json.loads(line) for line in run("--jsonl", "--json", now=NOW))
    assert first["date_from"] == "2027-01-01"
    assert first["say"] == "Am Freitag, dem 1. Januar."
    assert second["say"] == "On Thursday, November 26th."
    assert third["missing"] == ["date", "time"]


def test_a_blank_line_among_objects_has_its_line_too(stdin: Callable[[bytes], None]) -> None:
    stdin(b'{"text": "morgen"}\n\n{"text": "heute"}\n')
    lines = [json.loads(line) for line in run("--jsonl", now=NOW)]
    assert [line["date_from"] for line in lines] == ["2026-11-26", None, "2026-11-25"]


def test_the_zone_decides_which_day_it_is() -> None:
    (line,) = run("heute", "--json", now="2026-11-25T23:30:00+01:00", timezone="Asia/Tokyo")
    assert json.loads(line)["date_from"] == "2026-11-26"


def test_a_moment_without_offset_is_on_the_wall_clock_of_the_zone() -> None:
    (line,) = run("in einer Stunde", "--json", now="2026-11-25T10:00", timezone="America/New_York")
    assert json.loads(line)["time_from"] == "11:00"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "line 1: not JSON"),
        (b'{"text": "heute"}\n[]', "line 2: not an object with a text"),
        (b'{"text": 5}', "line 1: not an object with a text"),
        (b'{"text": "x", "now": "gestern"}', "line 1: now is not an ISO time: gestern"),
        (
            b'{"text": "x", "now": "9999-12-31T23:59:00Z"}',
            "line 1: now is not an ISO time: 9999-12-31T23:59:00Z",
        ),
        (b'{"text": "x", "lang": "fr"}', "line 1: lang is neither de nor en: fr"),
    ],
)
def test_a_bad_line_is_named(stdin: Callable[[bytes], None], content: bytes, message: str) -> None:
    stdin(content)
    with pytest.raises(CommandError) as raised:
        run("--jsonl", now=NOW)
    assert str(raised.value) == message
    assert raised.value.returncode == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timezone": "Nowhere/Land"}, "--timezone: unknown: Nowhere/Land"),
        ({"timezone": "../etc"}, "--timezone: unknown: ../etc"),
        ({"now": "gestern"}, "--now: not an ISO time: gestern"),
        ({"now": "9999-12-31T23:59"}, "--now: not an ISO time: 9999-12-31T23:59"),
        ({"now": "0001-01-01T00:00Z"}, "--now: not an ISO time: 0001-01-01T00:00Z"),
        ({"jsonl": True}, "--jsonl reads from stdin: leave TEXT out"),
    ],
)
def test_bad_usage_is_told_from_failure(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError) as raised:
        run("morgen", **options)
    assert str(raised.value) == message
    assert raised.value.returncode == 2
