"""What holds for every text and every moment, not only for those somebody thought of."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.calls.speech.picks import OfferedStart, pick, relative_shift
from apps.calls.speech.understand import combine, understand
from apps.calls.speech.words import JOINED, PHRASES, WORDS
from apps.scheduling.wish import Wish

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = [
    datetime(2025, 10, 19, 20, 0, tzinfo=BERLIN),  # Sunday
    datetime(2026, 10, 23, 9, 0, tzinfo=BERLIN),  # clocks go back on Sunday
    datetime(2026, 11, 24, 10, 0, tzinfo=BERLIN),  # Tuesday
    datetime(2026, 11, 25, 10, 0, tzinfo=BERLIN),  # Wednesday
    datetime(2026, 11, 30, 8, 0, tzinfo=BERLIN),  # Monday
    datetime(2026, 12, 30, 15, 20, tzinfo=BERLIN),  # the year ends
    datetime(2027, 1, 31, 23, 59, tzinfo=BERLIN),
    datetime(2027, 3, 26, 9, 0, tzinfo=BERLIN),  # clocks go forward on Sunday
    datetime(2028, 2, 27, 9, 0, tzinfo=BERLIN),  # a leap day comes
    datetime(2028, 2, 29, 9, 0, tzinfo=BERLIN),
]
FIGURES = [
    "3",
    "12",
    "03:30",
    "9.30",
    "3.12.",
    "24.",
    "31.11.",
    "2026-12-07T10:00",
    "14:75",
    "1/2",
    "20 €",
    "3rd",
]
VOCABULARY = sorted(
    {
        *WORDS,
        *JOINED,
        *(" ".join((first, *rest)) for first, options in PHRASES.items() for rest, _ in options),
    }
)
moments = st.sampled_from(MOMENTS)
words = st.one_of(st.sampled_from(VOCABULARY), st.sampled_from(FIGURES), st.integers(0, 2100).map(str))
# Words the grammar knows, in any order: far more telling than random characters.
sentences = st.lists(st.tuples(words, st.sampled_from([" ", ", ", "-", ""])), max_size=14).map(
    lambda parts: "".join(word + separator for word, separator in parts)
)
texts = st.one_of(sentences, st.text(max_size=300))


def holds(wish: Wish, *, today: date) -> None:
    for range_ in (wish, *wish.readings):
        assert (range_.date_from is None) == (range_.date_to is None)
        assert (range_.time_from is None) == (range_.time_to is None)
        if range_.date_from is not None and range_.date_to is not None:
            assert today <= range_.date_from <= range_.date_to
        if range_.time_from is not None and range_.time_to is not None:
            assert range_.time_from <= range_.time_to
    assert wish.ambiguous == bool(wish.readings)
    assert all(day >= today for day in wish.excluded)
    for start in wish.preferred:
        assert start.date is None or (
            wish.date_from and wish.date_to and wish.date_from <= start.date <= wish.date_to
        )
        assert start.time is None or (
            wish.time_from and wish.time_to and wish.time_from <= start.time <= wish.time_to
        )


@given(text=texts, now=moments, language=st.sampled_from(["de", "en"]))
def test_no_text_raises_and_what_is_understood_is_never_past(text: str, now: datetime, language: str) -> None:
    holds(understand(text, now=now, language=language), today=now.date())


@given(text=st.text(min_size=1500, max_size=2100), now=moments)
def test_long_texts_do_not_raise_either(text: str, now: datetime) -> None:
    holds(understand(text, now=now), today=now.date())


@given(when=texts, day=texts, moment=texts, both=texts, now=moments)
def test_no_fields_of_an_agent_raise(when: str, day: str, moment: str, both: str, now: datetime) -> None:
    wish = combine(when=when, date=day, time=moment, datetime_text=both, now=now)
    holds(wish, today=now.date())


@given(text=texts, now=moments)
def test_no_pick_raises_and_it_names_only_what_was_offered(text: str, now: datetime) -> None:
    offers = [
        OfferedStart(token, now + timedelta(hours=hours)) for token, hours in (("a", 4), ("b", 28), ("c", 29))
    ]
    picked = pick(text, offers=offers, now=now)
    assert set(picked.tokens) <= {"a", "b", "c"}
    assert (picked.kind == "picked") == (len(picked.tokens) == 1)
    shifted = relative_shift(text, base=now, language="de")
    assert shifted is None or shifted != now


FILLERS = [
    "äh",
    "ähm",
    "also",
    "ja",
    "bitte",
    "vielleicht",
    "gern",
    "hm",
    "okay",
    "eigentlich",
    "mal",
    "uh",
    "please",
]
WISHES = [
    "nächste Woche Mittwoch um halb vier",
    "Freitag um Viertel nach drei",
    "in acht Tagen um zehn",
    "am dritten Zwölften gegen neun",
    "zwischen Montag und Mittwoch vormittags",
    "nicht vor zehn und spätestens um zwölf",
    "morgen um neun, sonst um fünfzehn Uhr",
    "Montag geht nicht, lieber Dienstag um drei",
    "next Tuesday at half past three",
    "the day after tomorrow in the morning",
    "between nine and eleven on Friday",
]


@given(
    wish=st.sampled_from(WISHES),
    now=moments,
    fillers=st.lists(st.sampled_from(FILLERS), min_size=12, max_size=12),
)
def test_fillers_change_nothing(wish: str, now: datetime, fillers: list[str]) -> None:
    said = [fillers[0]]
    for word, filler in zip(wish.split(), fillers[1:], strict=False):
        said += [word, filler]
    assert understand(" ".join(said), now=now) == understand(wish, now=now)


@pytest.mark.parametrize("change", [str.upper, str.title, str.lower])
@pytest.mark.parametrize("wish", WISHES)
def test_capitals_change_nothing(wish: str, change: type[str]) -> None:
    now = MOMENTS[3]
    assert understand(change(wish), now=now) == understand(wish, now=now)


@pytest.mark.parametrize("wish", [wish for wish in WISHES if not wish.isascii()])
def test_spelled_out_umlauts_change_nothing(wish: str) -> None:
    now = MOMENTS[3]
    plain = wish.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    assert understand(plain, now=now) == understand(wish, now=now)


WEEKDAYS = [
    ("Montag", "Monday"),
    ("Dienstag", "Tuesday"),
    ("Mittwoch", "Wednesday"),
    ("Donnerstag", "Thursday"),
    ("Freitag", "Friday"),
    ("Samstag", "Saturday"),
    ("Sonntag", "Sunday"),
]
DAYS = [
    ("heute", "today"),
    ("morgen", "tomorrow"),
    ("übermorgen", "the day after tomorrow"),
    *WEEKDAYS,
    *((f"nächsten {german}", f"next {english}") for german, english in WEEKDAYS),
    *((f"{german} nächster Woche", f"{english} next week") for german, english in WEEKDAYS),
    *((f"nicht {german}, nächste Woche", f"not {english}, next week") for german, english in WEEKDAYS[:3]),
    ("Dienstag in einer Woche", "a week from Tuesday"),
    ("in drei Tagen", "in three days"),
    ("in zwei Wochen", "in two weeks"),
    ("in einem Monat", "in a month"),
    ("am 3. Dezember", "on December 3rd"),
    ("am neunundzwanzigsten Februar", "on the twenty-ninth of February"),
    ("am 24.", "on the 24th"),
    ("nächste Woche", "next week"),
    ("diese Woche", "this week"),
    ("am Wochenende", "at the weekend"),
    ("im Januar", "in January"),
    ("Montag oder Dienstag", "Monday or Tuesday"),
    ("zwischen Montag und Mittwoch", "between Monday and Wednesday"),
    ("so schnell wie möglich", "as soon as possible"),
    ("", ""),
]
TIMES = [
    ("um drei", "at three"),
    ("um halb vier", "at half past three"),
    ("um Viertel nach neun", "at a quarter past nine"),
    ("um Viertel vor eins", "at a quarter to one"),
    ("um zehn vor sieben", "at ten to seven"),
    ("um sieben Uhr abends", "at seven in the evening"),
    ("ab vier", "after four"),
    ("vor zwölf", "before twelve"),
    ("bis fünf", "by five"),
    ("zwischen zehn und zwölf", "between ten and twelve"),
    ("gegen elf", "around eleven"),
    ("um neun oder zehn", "at nine or ten"),
    ("nachmittags", "in the afternoon"),
    ("vormittags", "in the morning"),
    ("abends", "in the evening"),
    ("um 25 Uhr", "at 25 o'clock"),
    ("", ""),
]


@given(day=st.sampled_from(DAYS), moment=st.sampled_from(TIMES), now=moments)
def test_german_and_english_of_the_same_wish_agree(
    day: tuple[str, str], moment: tuple[str, str], now: datetime
) -> None:
    german, english = (f"{day[i]} {moment[i]}".strip() for i in (0, 1))
    assert understand(german, now=now, language="de") == understand(english, now=now, language="en")


@given(wish=st.sampled_from([*DAYS, *TIMES]), now=moments)
def test_the_language_is_only_a_hint(wish: tuple[str, str], now: datetime) -> None:
    for text in wish:
        assert understand(text, now=now, language="de") == understand(text, now=now, language="en")


HOURS = ["zwölf", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf"]


@pytest.mark.parametrize("hour", range(12))
def test_the_idioms_of_the_clock_follow_the_hour_that_comes_out(hour: int) -> None:
    """One to six is the afternoon, seven to twelve as said – after the minutes are taken off."""
    name = HOURS[hour]
    for words_, minutes in (
        (f"um {name}", 0),
        (f"Viertel nach {name}", 15),
        (f"zehn nach {name}", 10),
        (f"Viertel vor {name}", -15),
        (f"zehn vor {name}", -10),
        (f"halb {name}", -30),
        (f"dreiviertel {name}", -15),
        (f"fünf vor halb {name}", -35),
        (f"fünf nach halb {name}", -25),
    ):
        total = (hour * 60 + minutes) % 720
        total += 720 if total // 60 in range(7) else 0  # zero is twelve: noon
        expected = time(total // 60, total % 60)
        assert understand(words_, now=MOMENTS[3]).time_from == expected, words_


@pytest.mark.parametrize("number", range(60))
def test_every_minute_is_understood_in_words(number: int) -> None:
    from apps.calls.speech.numbers import german

    said = understand(f"vierzehn Uhr {german(number)}" if number else "vierzehn Uhr", now=MOMENTS[3])
    assert said.time_from == said.time_to == time(14, number)
