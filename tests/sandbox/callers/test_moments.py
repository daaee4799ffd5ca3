from __future__ import annotations

from datetime import date, datetime

import pytest

from apps.sandbox.callers.moments import Moment, moment_from, say_part
from apps.sandbox.reading import ScenarioError
from tests.factories import BERLIN

WEDNESDAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("open+1 14:30", Moment("open", 1, 870)),
        ("tomorrow 9:00", Moment("days", 1, 540)),
        ("today 18:00 anyway", Moment("days", 0, 1080, free=False)),
        ("+3 days 10:00", Moment("days", 3, 600)),
        ("soonest", Moment("soonest", 0, 0)),
    ],
)
def test_a_moment_is_read(text: str, moment: Moment) -> None:
    assert moment_from(text, where="x") == moment


@pytest.mark.parametrize(
    "text", ["", "open+0 14:30", "open+1", "open+1 24:30", "yesterday 10:00", "soonest 10:00"]
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"^a\.moments\.b: "):
        moment_from(text, where="a.moments.b")


@pytest.mark.parametrize(
    ("day", "de", "en"),
    [
        (date(2026, 11, 25), "heute", "today"),
        (date(2026, 11, 26), "morgen", "tomorrow"),
        (date(2026, 11, 27), "übermorgen", "the day after tomorrow"),
        (date(2026, 12, 1), "am Dienstag", "on Tuesday"),
        (date(2026, 12, 2), "am 2. Dezember", "on December 2"),
    ],
)
def test_a_day_is_said_so_that_it_means_that_day_alone(day: date, de: str, en: str) -> None:
    start = datetime(day.year, day.month, day.day, 14, 30, tzinfo=BERLIN)
    assert say_part(start, "day", today=WEDNESDAY, language="de") == de
    assert say_part(start, "day", today=WEDNESDAY, language="en") == en


def test_times_and_dates_are_said_in_both_languages() -> None:
    start = datetime(2026, 12, 3, 14, 5, tzinfo=BERLIN)
    said = {
        part: [say_part(start, part, today=WEDNESDAY, language=language) for language in ("de", "en")]
        for part in ("onto", "weekday", "date", "time")
    }
    assert said == {
        "onto": ["den 3. Dezember", "December 3"],
        "weekday": ["Donnerstag", "Thursday"],
        "date": ["3. Dezember", "December 3"],
        "time": ["14 Uhr 5", "2:05 pm"],
    }


def test_noon_and_midnight_are_not_zero_in_english() -> None:
    noon = datetime(2026, 12, 3, 12, 0, tzinfo=BERLIN)
    assert say_part(noon, "time", today=WEDNESDAY, language="en") == "12 pm"
    assert say_part(noon.replace(hour=0), "time", today=WEDNESDAY, language="en") == "12 am"


def test_an_unknown_part_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        say_part(datetime(2026, 12, 3, tzinfo=BERLIN), "year", today=WEDNESDAY, language="de")
