"""What the corpora cannot say in a line: readings, fields of an agent, feasts by region, zones."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from apps.calls.speech.feasts import easter, feast_table
from apps.calls.speech.understand import combine, understand
from apps.scheduling.wish import Reading, Start, Wish

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = datetime(2026, 11, 25, 10, 0, tzinfo=BERLIN)
TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=BERLIN)


def wish_of(text: str, *, now: datetime = WEDNESDAY, language: str = "de", holidays: str = "DE") -> Wish:
    return understand(text, now=now, language=language, holidays=holidays)


def fields(
    *,
    when: str | None = None,
    date: str | None = None,
    time: str | None = None,
    datetime_text: str | None = None,
) -> Wish:
    return combine(when=when, date=date, time=time, datetime_text=datetime_text, now=WEDNESDAY, language="de")


def exactly(
    day: date | None, moment: time | None
) -> tuple[date | None, date | None, time | None, time | None]:
    return day, day, moment, moment


def read(wish: Wish) -> tuple[date | None, date | None, time | None, time | None]:
    return wish.date_from, wish.date_to, wish.time_from, wish.time_to


# Readings


def test_the_first_reading_of_an_ambiguous_wish_is_the_stated_one() -> None:
    wish = wish_of("nächsten Freitag um zehn", now=TUESDAY)
    nearest, later = date(2026, 11, 27), date(2026, 12, 4)
    assert wish.readings == (
        Reading(nearest, nearest, time(10), time(10)),
        Reading(later, later, time(10), time(10)),
    )


def test_an_unambiguous_wish_has_no_readings() -> None:
    assert wish_of("Freitag um zehn").readings == ()


def test_todays_weekday_may_be_meant_today() -> None:
    assert [reading.date_from for reading in wish_of("am Mittwoch").readings] == [
        date(2026, 12, 2),
        date(2026, 11, 25),
    ]


def test_an_eastern_quarter_may_be_the_quarter_past() -> None:
    assert [reading.time_from for reading in wish_of("viertel drei").readings] == [time(14, 15), time(15, 15)]


def test_a_weekday_that_contradicts_its_date_is_the_other_reading() -> None:
    wish = wish_of("Freitag, 3. Dezember")
    assert wish.date_from == date(2026, 12, 3)
    assert wish.readings[1].date_from == date(2026, 12, 4)


def test_both_days_of_a_list_move_in_the_other_reading() -> None:
    wish = wish_of("Mittwoch oder Donnerstag um neun")
    assert (wish.date_from, wish.date_to) == (date(2026, 11, 26), date(2026, 12, 2))
    assert (wish.readings[1].date_from, wish.readings[1].date_to) == (date(2026, 11, 25), date(2026, 11, 26))


def test_every_reading_of_a_range_ends_after_it_starts() -> None:
    wish = wish_of("zwischen Mittwoch und Freitag")
    assert [(reading.date_from, reading.date_to) for reading in wish.readings] == [
        (date(2026, 12, 2), date(2026, 12, 4)),
        (date(2026, 11, 25), date(2026, 11, 27)),
    ]


# Names of windows, as soon as possible, order, exclusion


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("morgen früh", "early"),
        ("morgen Vormittag", "morning"),
        ("mittags", "midday"),
        ("Montag oder Dienstag nachmittags", "afternoon"),
        ("tonight", "evening"),
        ("morgen Abend um acht", ""),
        ("vormittags oder nachmittags", ""),
        ("ab nachmittags", ""),
        ("morgen zwischen 8 und 12", ""),
    ],
)
def test_the_part_of_the_day_is_named_when_the_window_is_its_own(text: str, name: str) -> None:
    assert wish_of(text).day_part == name


@pytest.mark.parametrize(
    "text", ["so schnell wie möglich", "as soon as possible", "der nächste freie Termin"]
)
def test_as_soon_as_possible_is_marked(text: str) -> None:
    wish = wish_of(text)
    assert wish.asap
    assert (wish.date_from, wish.date_to) == (date(2026, 11, 25), date(2026, 12, 25))


def test_as_soon_as_possible_on_a_day_is_that_day() -> None:
    wish = wish_of("so früh wie möglich am Freitag")
    assert wish.asap
    assert wish.date_from == wish.date_to == date(2026, 11, 27)


def test_ordered_starts_keep_the_callers_order_and_the_range_is_their_hull() -> None:
    wish = wish_of("am liebsten Freitag um drei, sonst morgen um neun")
    assert wish.preferred == (
        Start(date(2026, 11, 27), time(15)),
        Start(date(2026, 11, 26), time(9)),
    )
    assert read(wish) == (date(2026, 11, 26), date(2026, 11, 27), time(9), time(15))


def test_windows_have_no_ordered_starts() -> None:
    assert wish_of("Montag vormittag oder Dienstag nachmittag").preferred == ()


def test_an_excluded_weekday_is_every_such_day_of_the_range() -> None:
    wish = wish_of("im Dezember, aber nicht montags")
    assert wish.excluded == tuple(date(2026, 12, day) for day in (7, 14, 21, 28))


def test_a_day_that_was_taken_back_is_not_wished() -> None:
    wish = wish_of("Montag, nein, nicht Montag")
    assert wish.date_from is None
    assert wish.excluded == (date(2026, 11, 30),)


# Corrections


def test_a_correction_of_the_time_leaves_the_day() -> None:
    assert read(wish_of("Freitag um drei, nein, um vier")) == exactly(date(2026, 11, 27), time(16))


def test_a_correction_that_does_not_exist_does_not_bring_back_what_was_corrected() -> None:
    assert read(wish_of("Freitag um drei, nein, am 31. November")) == exactly(None, time(15))


# ISO, zones, clocks that change


def test_an_instant_is_read_in_the_branchs_zone() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    wish = understand("2026-12-07T20:30:00Z", now=WEDNESDAY.astimezone(tokyo))
    assert read(wish) == exactly(date(2026, 12, 8), time(5, 30))


def test_today_is_the_date_in_the_zone_of_now() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=ZoneInfo("UTC")).astimezone(BERLIN)
    assert wish_of("heute", now=late).date_from == date(2026, 11, 26)


@pytest.mark.parametrize(
    ("now", "moment"),
    [
        (datetime(2027, 3, 28, 1, 30, tzinfo=BERLIN), time(3, 30)),
        (datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN), time(2, 30)),
        (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), time(2, 30)),
    ],
)
def test_an_hour_from_now_passes_on_the_day_clocks_change(now: datetime, moment: time) -> None:
    assert wish_of("in einer Stunde", now=now).time_from == moment


def test_in_an_hour_before_midnight_is_tomorrow() -> None:
    late = datetime(2026, 11, 25, 23, 20, tzinfo=BERLIN)
    assert read(wish_of("in einer Stunde", now=late)) == exactly(date(2026, 11, 26), time(0, 20))


def test_only_the_first_two_thousand_characters_are_read() -> None:
    assert wish_of("Haus " * 400 + "morgen").date_from is None
    assert wish_of("Haus " * 399 + "heute").date_from == date(2026, 11, 25)


# Feasts


def test_regional_feasts_are_known_where_they_are_kept() -> None:
    assert wish_of("am Buß- und Bettag", holidays="DE-SN", now=TUESDAY).date_from == date(2027, 11, 17)
    assert wish_of("am Nationalfeiertag", holidays="AT").date_from == date(2027, 10, 26)
    assert wish_of("on Thanksgiving", holidays="US", language="en").date_from == date(2026, 11, 26)


def test_an_unknown_place_still_knows_the_feasts_known_everywhere() -> None:
    assert wish_of("an Heiligabend", holidays="XX-YY").date_from == date(2026, 12, 24)


def test_a_feast_with_its_year_stands_and_a_past_one_is_not_understood() -> None:
    assert wish_of("Silvester 2027").date_from == date(2027, 12, 31)
    assert wish_of("Ostermontag 2026").date_from is None


def test_a_table_of_feasts_is_built_once_for_a_place() -> None:
    assert feast_table("DE-BE") is feast_table("DE-BE")


@pytest.mark.parametrize(
    ("year", "sunday"),
    [
        (2025, date(2025, 4, 20)),
        (2026, date(2026, 4, 5)),
        (2027, date(2027, 3, 28)),
        (2038, date(2038, 4, 25)),
    ],
)
def test_easter_falls_where_the_church_has_it(year: int, sunday: date) -> None:
    assert easter(year) == sunday


@pytest.mark.parametrize("word", ["Freitag", "Friday", "Tag", "new"])
def test_a_part_of_a_feasts_name_is_not_the_feast(word: str) -> None:
    friday = date(2026, 11, 27) if word in ("Freitag", "Friday") else None
    assert wish_of(word).date_from == friday


# The fields of an agent


def test_an_agents_fields_make_one_wish() -> None:
    assert read(fields(date="24.10.2027", time="10:00")) == exactly(date(2027, 10, 24), time(10))
    assert read(fields(date="tomorrow", time="15:00 Uhr")) == exactly(date(2026, 11, 26), time(15))
    assert read(fields(date="heute", time="15h")) == exactly(date(2026, 11, 25), time(15))
    assert read(fields(datetime_text="2026-12-14 08:15")) == exactly(date(2026, 12, 14), time(8, 15))
    assert read(fields(datetime_text="2026-12-07T09:00:00Z")) == exactly(date(2026, 12, 7), time(10))


def test_what_the_caller_said_wins_and_fields_fill_the_gaps() -> None:
    wish = fields(when="übermorgen", date="2026-12-24", time="halb vier")
    assert read(wish) == exactly(date(2026, 11, 27), time(15, 30))


def test_a_figure_alone_is_what_its_field_says() -> None:
    assert read(fields(date="24", time="10")) == exactly(date(2026, 12, 24), time(10))
    assert read(fields(date="5.12", time="9.15")) == exactly(date(2026, 12, 5), time(9, 15))


def test_a_date_the_caller_said_wrongly_is_not_replaced_by_the_agents() -> None:
    wish = fields(when="am 31. November um zehn", date="2026-12-01")
    assert read(wish) == exactly(None, time(10))


def test_a_past_date_of_the_agent_is_not_understood_while_its_time_stays() -> None:
    assert read(fields(date="2025-10-24", time="10:00")) == exactly(None, time(10))


def test_empty_fields_say_nothing() -> None:
    assert fields(when="", date="", time=None).missing == ("date", "time")
    assert fields(date="null", time="none").missing == ("date", "time")


def test_readings_of_combined_fields_carry_both() -> None:
    wish = fields(date="am Mittwoch", time="viertel drei")
    assert wish.ambiguous
    assert [(reading.date_from, reading.time_from) for reading in wish.readings] == [
        (date(2026, 12, 2), time(14, 15)),
        (date(2026, 11, 25), time(14, 15)),
        (date(2026, 12, 2), time(15, 15)),
    ]
