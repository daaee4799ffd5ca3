"""What a caller hears."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.calls.speech.say import (
    Joiner,
    say_date,
    say_duration,
    say_label,
    say_list,
    say_names,
    say_now,
    say_reference,
    say_start,
    say_time,
    say_window,
    say_wish,
)
from apps.scheduling.wish import Reading, Start, Wish

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 10, tzinfo=BERLIN)  # a Wednesday
TUESDAY = date(2026, 12, 1)


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN)


WEDNESDAY_TWO = at(1, 6, 14, year=2027)


@pytest.mark.parametrize(
    ("start", "german", "english"),
    [
        (at(11, 25, 14), "heute um 14 Uhr", "today at 2 pm"),
        (at(11, 26, 14, 30), "morgen um halb drei", "tomorrow at half past two"),
        (at(11, 27, 9), "übermorgen um 9 Uhr", "the day after tomorrow at 9 am"),
        (at(11, 28, 12), "Samstag, der 28. November, um 12 Uhr", "Saturday, November 28th, at noon"),
        (at(1, 6, 14, year=2027), "Mittwoch, der 6. Januar, um 14 Uhr", "Wednesday, January 6th, at 2 pm"),
        (
            at(9, 21, 15, 15, year=2027),
            "Dienstag, der 21. September 2027, um Viertel nach drei",
            "Tuesday, September 21st, 2027, at quarter past three",
        ),
    ],
)
def test_a_start_is_said_with_its_day(start: datetime, german: str, english: str) -> None:
    assert say_start(start, now=NOW, language="de") == german
    assert say_start(start, now=NOW, language="en") == english


def test_a_start_is_said_as_when_it_is() -> None:
    assert say_start(WEDNESDAY_TWO, now=NOW, language="de", case="dative") == (
        "am Mittwoch, dem 6. Januar, um 14 Uhr"
    )
    assert say_start(WEDNESDAY_TWO, now=NOW, language="en", case="dative") == (
        "on Wednesday, January 6th, at 2 pm"
    )
    assert say_start(at(11, 26, 14), now=NOW, language="de", case="dative") == "morgen um 14 Uhr"


def test_the_day_is_left_out_only_where_it_stands() -> None:
    start = WEDNESDAY_TWO
    assert say_start(start, now=NOW, language="de", standing=start.date()) == "um 14 Uhr"
    assert say_start(start, now=NOW, language="de", with_date=False) == "um 14 Uhr"
    other = start.date() + timedelta(days=1)
    assert say_start(start, now=NOW, language="de", standing=other) == "Mittwoch, der 6. Januar, um 14 Uhr"


def test_a_start_in_another_zone_is_said_by_the_clock_of_the_branch() -> None:
    utc = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
    assert say_start(utc, now=NOW, language="de") == "übermorgen um 0 Uhr 30"


def test_tomorrow_counts_days_of_the_calendar_when_the_clocks_change() -> None:
    late = datetime(2027, 3, 27, 23, 50, tzinfo=BERLIN)
    assert say_start(at(3, 28, 3, year=2027), now=late, language="de") == "morgen um 3 Uhr nachts"
    assert say_start(at(3, 29, 9, year=2027), now=late, language="de") == "übermorgen um 9 Uhr"


@pytest.mark.parametrize(
    ("moment", "german", "english"),
    [
        (time(0, 0), "0 Uhr", "12 am"),
        (time(3, 30), "3 Uhr 30 nachts", "3:30 am"),
        (time(6, 0), "6 Uhr morgens", "6 am"),
        (time(6, 45), "6 Uhr 45 morgens", "6:45 am"),
        (time(7, 0), "7 Uhr", "7 am"),
        (time(7, 30), "halb acht", "half past seven"),
        (time(12, 0), "12 Uhr", "noon"),
        (time(12, 30), "halb eins", "half past twelve"),
        (time(12, 45), "Viertel vor eins", "quarter to one"),
        (time(13, 15), "Viertel nach eins", "quarter past one"),
        (time(14, 5), "14 Uhr 5", "2:05 pm"),
        (time(18, 45), "Viertel vor sieben", "quarter to seven"),
        (time(19, 0), "19 Uhr", "7 pm"),
        (time(19, 45), "19 Uhr 45", "7:45 pm"),
        (time(23, 45, 59), "23 Uhr 45", "11:45 pm"),
    ],
)
def test_a_time_is_said_as_people_say_it(moment: time, german: str, english: str) -> None:
    assert say_time(moment, language="de") == german
    assert say_time(moment, language="en") == english


@pytest.mark.parametrize("language", ["de", "en"])
def test_no_two_times_of_a_day_sound_the_same(language: str) -> None:
    said = [say_time(time(hour, minute), language=language) for hour in range(24) for minute in range(60)]
    assert len(set(said)) == 24 * 60


def test_a_list_says_a_shared_day_once() -> None:
    two = [at(1, 6, 14, year=2027), at(1, 6, 15, 15, year=2027)]
    assert say_list(two, now=NOW, language="de") == (
        "am Mittwoch, dem 6. Januar, um 14 Uhr oder um Viertel nach drei"
    )
    assert say_list(two, now=NOW, language="en") == (
        "on Wednesday, January 6th, at 2 pm or at quarter past three"
    )
    assert say_list(two, now=NOW, language="de", standing=date(2027, 1, 6)) == (
        "um 14 Uhr oder um Viertel nach drei"
    )


def test_a_list_says_each_day_that_is_another() -> None:
    starts = [at(11, 26, 14), at(12, 2, 9), at(12, 2, 10), at(12, 3, 9)]
    assert say_list(starts, now=NOW, language="de") == (
        "morgen um 14 Uhr, am Mittwoch, dem 2. Dezember, um 9 Uhr oder um 10 Uhr"
    )
    there_and_back = [at(11, 26, 14), at(11, 27, 9), at(11, 26, 16)]
    assert say_list(there_and_back, now=NOW, language="de", standing=date(2026, 11, 26), joiner="and") == (
        "um 14 Uhr, übermorgen um 9 Uhr und morgen um 16 Uhr"
    )


def test_three_far_days_are_said_as_headings() -> None:
    starts = [at(12, 8, 15, 15), at(1, 5, 14, year=2027), at(1, 7, 15, 15, year=2027)]
    assert say_list(starts, now=NOW, language="de") == (
        "Dienstag, 8. Dezember, Viertel nach drei; Dienstag, 5. Januar, 14 Uhr; "
        "oder Donnerstag, 7. Januar, Viertel nach drei"
    )


def test_nothing_to_list_is_nothing_said() -> None:
    assert say_list([], now=NOW, language="de") == ""
    assert say_names([], language="de") == ""


def test_a_label_always_has_its_date() -> None:
    assert say_label(at(11, 25, 14), now=NOW, language="de") == "Mittwoch, 25. November, 14 Uhr"
    assert say_label(at(1, 6, 15, 15, year=2027), now=NOW, language="de") == (
        "Mittwoch, 6. Januar, Viertel nach drei"
    )
    assert say_label(at(1, 6, 15, 15, year=2027), now=NOW, language="en") == (
        "Wednesday, January 6th, quarter past three"
    )


def test_the_year_is_named_from_three_hundred_days_on() -> None:
    day = NOW.date() + timedelta(days=300)
    assert say_date(day, now=NOW, language="de").endswith(" 2027")
    assert not say_date(day - timedelta(days=1), now=NOW, language="de").endswith("2027")
    assert say_date(NOW.date() - timedelta(days=400), now=NOW, language="de").endswith(" 2025")


@pytest.mark.parametrize(
    ("minutes", "german", "english"),
    [
        (1, "eine Minute", "one minute"),
        (45, "45 Minuten", "45 minutes"),
        (60, "eine Stunde", "one hour"),
        (75, "eine Stunde und 15 Minuten", "one hour and 15 minutes"),
        (90, "anderthalb Stunden", "an hour and a half"),
        (120, "2 Stunden", "2 hours"),
        (1440, "24 Stunden", "24 hours"),
        (2880, "2 Tage", "2 days"),
    ],
)
def test_a_duration_is_said_in_its_units(minutes: int, german: str, english: str) -> None:
    assert say_duration(minutes, language="de") == german
    assert say_duration(minutes, language="en") == english


NOON_TO_SIX = (time(12), time(18))


@pytest.mark.parametrize(
    ("window", "day_part", "german", "english"),
    [
        (
            Reading(TUESDAY, TUESDAY, *NOON_TO_SIX),
            False,
            "am Dienstag, dem 1. Dezember, zwischen 12 und 18 Uhr",
            "on Tuesday, December 1st, between noon and 6 pm",
        ),
        (
            Reading(TUESDAY, TUESDAY, *NOON_TO_SIX),
            True,
            "am Dienstag, dem 1. Dezember, nachmittags",
            "on Tuesday, December 1st, in the afternoon",
        ),
        (
            Reading(date(2026, 11, 26), date(2026, 11, 26), *NOON_TO_SIX),
            True,
            "morgen Nachmittag",
            "tomorrow in the afternoon",
        ),
        (
            Reading(date(2026, 11, 25), date(2026, 11, 25), *NOON_TO_SIX),
            True,
            "heute Nachmittag",
            "this afternoon",
        ),
        (
            Reading(date(2026, 11, 26), date(2026, 11, 26), time(9), time(9, 30)),
            True,
            "morgen zwischen 9 Uhr und halb zehn",
            "tomorrow between 9 am and half past nine",
        ),
        (Reading(None, None, *NOON_TO_SIX), True, "nachmittags", "in the afternoon"),
        (Reading(None, None, time(15), time(23, 59)), False, "ab 15 Uhr", "from 3 pm on"),
        (Reading(None, None, time(0), time(12)), False, "bis 12 Uhr", "by noon"),
        (Reading(None, None, time(0), time(23, 59)), False, "", ""),
        (
            Reading(None, None, time(4), time(7)),
            False,
            "zwischen 4 Uhr nachts und 7 Uhr",
            "between 4 am and 7 am",
        ),
        (
            Reading(TUESDAY, date(2026, 12, 7), None, None),
            False,
            "vom 1. bis 7. Dezember",
            "from December 1st to 7th",
        ),
        (
            Reading(date(2026, 12, 28), date(2027, 1, 3), time(15), time(15)),
            False,
            "vom 28. Dezember bis 3. Januar, um 15 Uhr",
            "from December 28th to January 3rd, at 3 pm",
        ),
        (
            Reading(date(2027, 12, 1), date(2027, 12, 31), None, None),
            False,
            "vom 1. bis 31. Dezember 2027",
            "from December 1st to 31st, 2027",
        ),
        (
            Reading(date(2027, 12, 28), date(2028, 1, 3), None, None),
            False,
            "vom 28. Dezember bis 3. Januar 2028",
            "from December 28th to January 3rd, 2028",
        ),
    ],
)
def test_a_window_is_said(window: Reading, day_part: bool, german: str, english: str) -> None:
    assert say_window(window, now=NOW, language="de", day_part=day_part) == german
    assert say_window(window, now=NOW, language="en", day_part=day_part) == english


@pytest.mark.parametrize(
    ("wish", "german", "english"),
    [
        (
            Wish(TUESDAY, TUESDAY, time(14, 30), time(14, 30)),
            "Am Dienstag, dem 1. Dezember, um halb drei.",
            "On Tuesday, December 1st, at half past two.",
        ),
        (
            Wish(date(2026, 11, 26), date(2026, 11, 26), *NOON_TO_SIX, day_part="afternoon"),
            "Am Donnerstag, dem 26. November, nachmittags.",
            "On Thursday, November 26th, in the afternoon.",
        ),
        (
            Wish(date(2026, 11, 30), TUESDAY),
            "Von Montag, dem 30. November, bis Dienstag, dem 1. Dezember.",
            "From Monday, November 30th, to Tuesday, December 1st.",
        ),
        (Wish(time_from=time(15), time_to=time(15)), "Um 15 Uhr.", "At 3 pm."),
        (
            Wish(NOW.date(), date(2026, 12, 25), asap=True),
            "So bald wie möglich.",
            "As soon as possible.",
        ),
        (
            Wish(TUESDAY, TUESDAY, asap=True),
            "Am Dienstag, dem 1. Dezember.",
            "On Tuesday, December 1st.",
        ),
        (
            Wish(
                TUESDAY,
                TUESDAY,
                time(9),
                time(15),
                preferred=(Start(TUESDAY, time(9)), Start(TUESDAY, time(15))),
            ),
            "Am Dienstag, dem 1. Dezember, um 9 Uhr, sonst um 15 Uhr.",
            "On Tuesday, December 1st, at 9 am, otherwise at 3 pm.",
        ),
        (
            Wish(TUESDAY, date(2026, 12, 7), excluded=(date(2026, 12, 3),)),
            "Von Dienstag, dem 1. Dezember, bis Montag, dem 7. Dezember, "
            "aber nicht am Donnerstag, dem 3. Dezember.",
            "From Tuesday, December 1st, to Monday, December 7th, but not on Thursday, December 3rd.",
        ),
        (Wish(excluded=(TUESDAY,)), "Nicht am Dienstag, dem 1. Dezember.", "Not on Tuesday, December 1st."),
        (
            Wish(),
            "Ich habe weder einen Tag noch eine Uhrzeit verstanden.",
            "I understood neither a day nor a time.",
        ),
    ],
)
def test_a_wish_is_said_with_weekday_and_date(wish: Wish, german: str, english: str) -> None:
    assert say_wish(wish, now=NOW, language="de") == german
    assert say_wish(wish, now=NOW, language="en") == english


def test_at_most_three_things_are_named() -> None:
    names = ["Fußpflege", "Maniküre", "Massage", "Peeling"]
    assert say_names(names, language="de") == "Fußpflege, Maniküre oder Massage"
    assert say_names(names[:2], language="en", joiner="and") == "Fußpflege and Maniküre"
    assert say_names(names[:1], language="de") == "Fußpflege"


def test_now_is_said_with_its_year() -> None:
    assert say_now(NOW, language="de") == "Mittwoch, der 25. November 2026, 10 Uhr"
    assert say_now(NOW, language="en") == "Wednesday, November 25th, 2026, 10 am"


def test_a_reference_is_spelled() -> None:
    assert say_reference("k7-m2") == "K, 7, M, 2"


days = st.dates(date(2026, 11, 25), date(2028, 1, 15))
times = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))
starts = st.builds(lambda day, moment: datetime.combine(day, moment, BERLIN), days, times)
languages = st.sampled_from(["de", "en"])


maybe_start = st.builds(Start, days | st.none(), times | st.none())


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    first, last = sorted(draw(st.tuples(days, days)))
    time_from, time_to = sorted(draw(st.tuples(times, times)))
    preferred = draw(st.lists(maybe_start, max_size=4))
    excluded = draw(st.lists(days, max_size=4))
    return Wish(
        first, last, time_from, time_to, asap=draw(st.booleans()),
        preferred=tuple(preferred), excluded=tuple(excluded),
    )  # fmt: skip


opening_hours = st.builds(time, st.integers(7, 22), st.sampled_from([0, 10, 15, 30, 45]))
offered = st.builds(lambda day, moment: datetime.combine(day, moment, BERLIN), days, opening_hours)


@given(st.lists(offered, max_size=5), languages, st.sampled_from(["or", "and"]))
def test_a_list_is_never_longer_than_a_sentence_may_be(
    several: list[datetime], language: str, joiner: Joiner
) -> None:
    phrase = say_list(several, now=NOW, language=language, joiner=joiner)
    assert len(phrase.split()) <= 22
    assert "{" not in phrase


@given(wishes(), languages)
def test_a_wish_is_never_longer_than_a_sentence_may_be(wish: Wish, language: str) -> None:
    said = say_wish(wish, now=NOW, language=language)
    assert len(said.split()) < 25
    assert re.fullmatch(r"[A-Z][^{}]+[^ ,]\.", said)


@given(starts, languages)
def test_a_start_that_is_not_today_nor_standing_has_its_date(start: datetime, language: str) -> None:
    said = say_start(start, now=NOW, language=language)
    bare = say_start(start, now=NOW, language=language, with_date=False)
    assert said.endswith(bare)
    assert len(said) > len(bare)
