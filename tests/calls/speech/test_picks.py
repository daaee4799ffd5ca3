"""Which offer a caller takes, and what is not consent."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from apps.calls.speech.picks import OfferedStart, Pick, Way, pick, relative_shift

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 10, 0, tzinfo=BERLIN)


def offer(*starts: tuple[int, int, int, int]) -> list[OfferedStart]:
    """Offers named a, b, c at (month, day, hour, minute) of 2026."""
    return [
        OfferedStart(token, datetime(2026, *start, tzinfo=BERLIN))
        for token, start in zip("abc", starts, strict=False)
    ]


ONE = offer((12, 1, 14, 0))
TWO_DAYS = offer((12, 1, 14, 0), (12, 2, 15, 15))  # Tuesday and Wednesday
ONE_DAY = offer((12, 1, 14, 0), (12, 1, 15, 15))
THREE = offer((12, 1, 9, 0), (12, 1, 15, 15), (12, 3, 19, 0))
BACKWARDS = offer((12, 2, 15, 15), (12, 1, 14, 0))


@pytest.mark.parametrize(
    ("text", "offers", "token"),
    [
        ("der erste", TWO_DAYS, "a"),
        ("den zweiten bitte", TWO_DAYS, "b"),
        ("der letzte", THREE, "c"),
        ("der mittlere", THREE, "b"),
        ("Nummer zwei", TWO_DAYS, "b"),
        ("option two please", TWO_DAYS, "b"),
        ("the second one", TWO_DAYS, "b"),
        ("I take the first", TWO_DAYS, "a"),
        ("erster", TWO_DAYS, "a"),
        ("der 2.", THREE, "b"),
    ],
)
def test_an_offer_is_picked_by_its_place(text: str, offers: list[OfferedStart], token: str) -> None:
    assert pick(text, offers=offers, now=NOW) == Pick("picked", (token,))


@pytest.mark.parametrize(
    ("text", "offers", "token"),
    [
        ("14 Uhr", TWO_DAYS, "a"),
        ("14 Uhr passt", TWO_DAYS, "a"),
        ("den um Viertel nach drei", TWO_DAYS, "b"),
        ("dann nehme ich den um vierzehn Uhr", TWO_DAYS, "a"),
        ("die vierzehn", TWO_DAYS, "a"),
        ("15:15", TWO_DAYS, "b"),
        ("the 2pm one", TWO_DAYS, "a"),
        ("Dienstag bitte", TWO_DAYS, "a"),
        ("the one on Wednesday", TWO_DAYS, "b"),
        ("am 1. Dezember", TWO_DAYS, "a"),
        ("am 2.", TWO_DAYS, "b"),
        ("der am Donnerstag", THREE, "c"),
        ("den ersten am Dienstag", THREE, "a"),
        ("der vormittags", THREE, "a"),
        ("2026-12-01T14:00:00+01:00", TWO_DAYS, "a"),
    ],
)
def test_an_offer_is_picked_by_its_day_or_time(text: str, offers: list[OfferedStart], token: str) -> None:
    assert pick(text, offers=offers, now=NOW) == Pick("picked", (token,))


def test_a_bare_hour_is_the_one_that_was_offered() -> None:
    assert pick("um sieben", offers=THREE, now=NOW) == Pick("picked", ("c",))
    assert pick("um sieben Uhr morgens", offers=THREE, now=NOW) == Pick("none")


def test_todays_weekday_is_the_offer_of_today() -> None:
    today = [OfferedStart("a", NOW.replace(hour=14)), OfferedStart("b", NOW.replace(day=26))]
    assert pick("der am Mittwoch", offers=today, now=NOW) == Pick("picked", ("a",))


@pytest.mark.parametrize("offers", [TWO_DAYS, ONE_DAY])
@pytest.mark.parametrize("text", ["der spätere", "the later one", "den späteren bitte", "der späteste"])
def test_the_later_one_is_picked(text: str, offers: list[OfferedStart]) -> None:
    assert pick(text, offers=offers, now=NOW) == Pick("picked", ("b",))


def test_earlier_and_later_go_by_the_clock_and_not_by_the_row() -> None:
    assert pick("der frühere", offers=BACKWARDS, now=NOW) == Pick("picked", ("b",))
    assert pick("der erste", offers=BACKWARDS, now=NOW) == Pick("picked", ("a",))


@pytest.mark.parametrize("text", ["ja", "ja gerne", "gerne, das passt", "yes please", "okay, perfekt"])
def test_consent_takes_the_only_offer(text: str) -> None:
    assert pick(text, offers=ONE, now=NOW) == Pick("picked", ("a",))
    assert pick(text, offers=TWO_DAYS, now=NOW) == Pick("ambiguous", ("a", "b"))


@pytest.mark.parametrize(
    "text", ["Dienstag", "der am Nachmittag", "der erste oder der zweite", "ja, am Dienstag"]
)
def test_two_that_fit_are_named_both(text: str) -> None:
    assert pick(text, offers=ONE_DAY, now=NOW) == Pick("ambiguous", ("a", "b"))


@pytest.mark.parametrize(
    "text",
    [
        "nicht der erste, der zweite",
        "nicht den ersten sondern den zweiten",
        "der erste passt nicht, der zweite",
        "den ersten, nein, den zweiten",
        "lieber der zweite",
        "nein, der zweite",
    ],
)
def test_a_correction_counts(text: str) -> None:
    assert pick(text, offers=TWO_DAYS, now=NOW) == Pick("picked", ("b",))


@pytest.mark.parametrize(
    ("text", "way"),
    [("was anderes", ""), ("etwas anderes", ""), ("haben Sie noch andere Termine", ""),
     ("something else", ""),
     ("another one", ""), ("nicht später", ""), ("früher oder später", ""),
     ("noch was später?", "later"), ("etwas später", "later"), ("anything later", "later"),
     ("lieber früher", "earlier"), ("earlier please", "earlier"),
     ("an einem anderen Tag", "other_day"), ("another day", "other_day")],
)  # fmt: skip
def test_other_offers_are_asked_for(text: str, way: Way) -> None:
    assert pick(text, offers=TWO_DAYS, now=NOW) == Pick("more", way=way)


@pytest.mark.parametrize(
    "text",
    [
        "nein",
        "nein danke",
        "no",
        "ja, aber eine Stunde später",
        "yes, but half an hour earlier",
        "ja, aber nicht so früh",
        "einen Tag später",
        "14 Uhr passt nicht",
        "nicht der erste",
        "",
        "äh",
    ],
)
def test_what_is_not_consent_picks_nothing(text: str) -> None:
    assert pick(text, offers=ONE, now=NOW) == Pick("none")


@pytest.mark.parametrize(
    "text", ["16 Uhr", "um drei", "morgen um 14 Uhr", "der dritte", "lieber vormittags", "am 5."]
)
def test_what_was_not_offered_picks_nothing(text: str) -> None:
    assert pick(text, offers=TWO_DAYS, now=NOW) == Pick("none")


def test_without_offers_nothing_is_picked() -> None:
    assert pick("der erste", offers=[], now=NOW) == Pick("none")
    assert pick("was anderes", offers=[], now=NOW) == Pick("more")


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("eine Stunde später", 15, 0),
        ("ja, aber eine Stunde später", 15, 0),
        ("eine halbe Stunde früher", 13, 30),
        ("eine Viertelstunde später", 14, 15),
        ("anderthalb Stunden später", 15, 30),
        ("zwei Stunden früher bitte", 12, 0),
        ("20 Minuten später", 14, 20),
        ("an hour later", 15, 0),
        ("half an hour earlier", 13, 30),
        ("um eine Stunde nach hinten", 15, 0),
    ],
)
def test_a_shift_is_relative_to_the_standing_time(text: str, hour: int, minute: int) -> None:
    base = datetime(2026, 12, 1, 14, 0, tzinfo=BERLIN)
    assert relative_shift(text, base=base, language="de") == base.replace(hour=hour, minute=minute)


def test_a_shift_by_days_keeps_the_wall_time_across_a_change_of_clocks() -> None:
    base = datetime(2027, 3, 27, 14, 0, tzinfo=BERLIN)
    shifted = relative_shift("einen Tag später", base=base, language="de")
    assert shifted == datetime(2027, 3, 28, 14, 0, tzinfo=BERLIN)
    assert relative_shift("eine Woche früher", base=base, language="de") == datetime(
        2027, 3, 20, 14, tzinfo=BERLIN
    )


@pytest.mark.parametrize("text", ["14 Uhr", "später", "eine Stunde", "ein bisschen später", ""])
def test_no_shift_is_guessed(text: str) -> None:
    assert relative_shift(text, base=NOW, language="de") is None
