"""What is said is understood: ``understand(say_start(t)) == t``, in both languages."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.calls.speech.say import Case, say_label, say_start, say_window
from apps.calls.speech.understand import understand
from apps.scheduling.wish import Reading, Wish

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 10, tzinfo=BERLIN)
DAYS = 400
QUARTERS = [time(hour, minute) for hour in range(24) for minute in (0, 15, 30, 45)]
LANGUAGES = ["de", "en"]

CHOSEN = [
    0, 1, 2, 3, 6, 7, 8,  # today, the relative days, the same weekday again
    (date(2026, 12, 31) - NOW.date()).days,
    (date(2027, 1, 1) - NOW.date()).days,
    (date(2027, 2, 28) - NOW.date()).days,
    (date(2027, 3, 28) - NOW.date()).days,  # clocks forward
    (date(2027, 10, 31) - NOW.date()).days,  # clocks back
    299, 300, 364, 365, 399,
]  # fmt: skip


def exactly(day: date, moment: time) -> tuple[date, date, time, time]:
    return day, day, moment, moment


def read(wish: Wish | Reading) -> tuple[date | None, date | None, time | None, time | None]:
    return wish.date_from, wish.date_to, wish.time_from, wish.time_to


def understood(start: datetime, *, now: datetime, language: str, case: Case) -> bool:
    said = say_start(start, now=now, language=language, case=case)
    wish = understand(said, now=now, language=language)
    return read(wish) == exactly(start.date(), start.time()) and not wish.ambiguous


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("distance", CHOSEN)
def test_every_quarter_of_a_chosen_day_is_understood_again(distance: int, language: str) -> None:
    day = NOW.date() + timedelta(days=distance)
    starts = [datetime.combine(day, moment, BERLIN) for moment in QUARTERS]
    lost = [
        say_start(start, now=NOW, language=language, case=case)
        for start, case in product(starts, ("nominative", "dative"))
        if not understood(start, now=NOW, language=language, case=case)
    ]
    assert lost == []


@given(
    st.integers(0, DAYS - 1), st.sampled_from(QUARTERS), st.sampled_from(LANGUAGES),
    st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31), timezones=st.just(BERLIN)),
)  # fmt: skip
@example(1, time(9), "de", datetime(2028, 2, 28, 23, 59, tzinfo=BERLIN))
@example(366, time(9), "en", datetime(2027, 2, 28, 12, tzinfo=BERLIN))
def test_any_quarter_from_any_day_is_understood_again(
    distance: int, moment: time, language: str, now: datetime
) -> None:
    start = datetime.combine(now.date() + timedelta(days=distance), moment, BERLIN)
    assert understood(start, now=now, language=language, case="nominative")


@given(st.integers(0, DAYS - 1), st.sampled_from(QUARTERS), st.sampled_from(LANGUAGES))
def test_a_label_is_understood_again(distance: int, moment: time, language: str) -> None:
    start = datetime.combine(NOW.date() + timedelta(days=distance), moment, BERLIN)
    said = say_label(start, now=NOW, language=language)
    assert read(understand(said, now=NOW, language=language)) == exactly(start.date(), moment)


@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(LANGUAGES))
def test_any_minute_alone_is_understood_again(hour: int, minute: int, language: str) -> None:
    start = datetime.combine(NOW.date(), time(hour, minute), BERLIN)
    said = say_start(start, now=NOW, language=language, with_date=False)
    wish = understand(said, now=NOW, language=language)
    assert (wish.time_from, wish.time_to) == (time(hour, minute), time(hour, minute))


WINDOWS = [
    (None, None), (time(6), time(10)), (time(8), time(12)), (time(11), time(14)), (time(12), time(18)),
    (time(17), time(21)), (time(15), time(23, 59)), (time(0), time(12)), (time(9), time(9)),
    (time(14, 30), time(16)),
]  # fmt: skip


@given(
    st.integers(0, 270), st.sampled_from([0, 1, 6, 12, 30]), st.sampled_from(WINDOWS), st.booleans(),
    st.booleans(), st.sampled_from(LANGUAGES),
)  # fmt: skip
@example(0, 1, (None, None), False, False, "en")  # "from Wednesday", said on a Wednesday, is not the next one
def test_a_window_is_understood_again(
    distance: int,
    length: int,
    hours: tuple[time | None, time | None],
    day_part: bool,
    near: bool,
    language: str,
) -> None:
    first = NOW.date() + timedelta(days=distance)
    window = Reading(first, first + timedelta(days=length), *hours)
    said = say_window(window, now=NOW, language=language, day_part=day_part, near=near)
    assert read(understand(said, now=NOW, language=language)) == read(window)
