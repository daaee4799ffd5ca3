"""Spoken phone numbers and e-mail addresses, and the provider's caller id."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.calls.speech.contacts import caller_number, spoken_email, spoken_phone

GERMAN = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+4915123456789", "+4915123456789"),
        ("+49 (0)30 901820", "+4930901820"),
        ("0049 151 23456789", "+4915123456789"),
        ("0151 / 234 567-89", "+4915123456789"),
        ("null eins fünf eins zwei drei vier fünf sechs sieben acht neun", "+4915123456789"),
        ("Null-Eins-Fünf-Eins, zwei drei vier, fünf sechs sieben, acht neun", "+4915123456789"),
        ("plus vier neun eins fünf eins zwei drei vier fünf sechs sieben acht neun", "+4915123456789"),
        ("null null vier neun eins fünf eins zwei drei vier fünf sechs sieben acht neun", "+4915123456789"),
        ("null eins fünf eins dreiundzwanzig fünfundvierzig siebenundsechzig acht neun", "+4915123456789"),
        ("null eins fünf eins drei und zwanzig fünf und vierzig 67 89", "+4915123456789"),
        ("null eins sieben null doppel drei vierzehn fuenf zwo sechs", "+491703314526"),
        ("null eins sieben null zweimal die drei vier fünf sechs sieben acht", "+491703345678"),
        ("null dreißig neunzig achtzehn zwanzig", "+4930901820"),
        ("null drei null, dann neun null eins acht zwei null", "+4930901820"),
        ("Vorwahl null drei null und die Nummer neun null eins acht zwei null", "+4930901820"),
        ("meine Nummer ist 0151 23456789, danke", "+4915123456789"),
        ("030 901820, ab 17 Uhr", "+4930901820"),
        ("０１５１ ２３４５６７８９", "+4915123456789"),
        ("oh one five one two three four five six seven eight nine", "+4915123456789"),
        ("zero one five one twenty three forty-five sixty seven eighty nine", "+4915123456789"),
        ("zero one seven zero double three one four five two six", "+491703314526"),
        ("plus four three one five eight eight five eight", "+43158858"),
    ],
)  # fmt: skip
def test_a_number_is_understood_as_it_is_said(text: str, number: str) -> None:
    assert spoken_phone(text, region="DE") == number


def test_the_branch_says_which_country_a_national_number_is_of() -> None:
    assert spoken_phone("044 668 18 00", region="CH") == "+41446681800"
    assert spoken_phone("oh two oh seven nine four six oh nine five eight", region="GB") == "+442079460958"
    assert spoken_phone("two oh two four five six one four one four", region="US") == "+12024561414"
    assert spoken_phone("030 901820", region="nowhere") is None


@pytest.mark.parametrize(
    "text",
    [
        "", "unbekannt", "anonymous", "null eins fünf eins", "110", "112", "116117", "12345", "0151",
        "00000000000", "+49301234567890123", "0151 2345678901234567", "0900 1234567", "null neunhundert",
        "0151 23456789 oder 0160 1234567", "meine alte Nummer", "acht Uhr", "um 14 Uhr 30", "++49", "1" * 600,
        "anna@gmx.de",
    ],
)  # fmt: skip
def test_what_is_no_valid_number_is_asked_again(text: str) -> None:
    assert spoken_phone(text, region="DE") is None


mobile = st.tuples(
    st.sampled_from(["0151", "0160", "0171", "0172"]), st.text("0123456789", min_size=8, max_size=8)
)


@given(mobile, st.sampled_from([GERMAN, ENGLISH]), st.sampled_from([" ", ", ", " - ", "  "]))
def test_a_number_read_digit_by_digit_is_the_number(
    parts: tuple[str, str], words: list[str], pause: str
) -> None:
    number = "".join(parts)[: 11 if parts[0] != "0151" else 12]
    said = pause.join(words[int(digit)] for digit in number)
    assert spoken_phone(said, region="DE") == spoken_phone(number, region="DE")
    assert spoken_phone(number, region="DE") == f"+49{number[1:]}"


@given(st.text(max_size=600), st.sampled_from(["DE", "AT", "US", "", "XX"]))
def test_no_text_is_too_strange_for_a_number(text: str, region: str) -> None:
    number = spoken_phone(text, region=region)
    assert number is None or phonenumbers.is_valid_number(phonenumbers.parse(number))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anna@gmx.de", "anna@gmx.de"),
        ("Anna.Mueller@GMX.de.", "anna.mueller@gmx.de"),
        ("meine E-Mail ist anna@gmx.de, danke", "anna@gmx.de"),
        ("anna at gmx punkt de", "anna@gmx.de"),
        ("Anna Punkt Müller ät gmail Punkt com", "anna.mueller@gmail.com"),
        ("anna punkt müller klammeraffe web punkt de", "anna.mueller@web.de"),
        ("die Adresse lautet anna unterstrich weiß at t online punkt de", "anna_weiss@t-online.de"),
        ("anna minus lena at t-online.de", "anna-lena@t-online.de"),
        ("anna bindestrich lena at mein bindestrich verein punkt de", "anna-lena@mein-verein.de"),
        ("info at firma punkt co punkt at", "info@firma.co.at"),
        ("a wie Anton b wie Berta eins zwei at gmx punkt net", "ab12@gmx.net"),
        ("a n n a at g m x punkt d e", "anna@gmx.de"),
        ("o doppel t o at web de", "otto@web.de"),
        ("max fünfundachtzig at g mail punkt com", "max85@gmail.com"),
        ("äh, anna, alles klein geschrieben, at gmx punkt de bitte", "anna@gmx.de"),
        ("my email is john dot o connor at gmail dot com", "john.oconnor@gmail.com"),
        ("it's b as in boy dot smith at example dot co dot uk", "b.smith@example.co.uk"),
        ("jane underscore doe plus spam at example dot org", "jane_doe+spam@example.org"),
        ("anna @ gmx . de", "anna@gmx.de"),
    ],
)  # fmt: skip
def test_an_address_is_understood_as_it_is_said(text: str, address: str) -> None:
    assert spoken_email(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "unbekannt", "habe ich nicht", "anna", "anna at", "at gmx punkt de", "anna at gmx",
        "anna at gmx punkt", "anna@gmx", "anna@@gmx.de",
        "anna at gmx at web punkt de", "anna..b@gmx.de", "anna.@gmx.de",
        "anna@-gmx.de", "anna@gmx-.de", "anna@gmx.d", "anna@gmx.123", "anna@müller.de", "a@b@c.de",
        "anna@gmx.de oder bert@web.de", "anna@gmx.de\nBcc: x@y.de", "a" * 65 + "@gmx.de",
        "anna@" + "x" * 64 + ".de", "@", "@" * 500, "a" * 600,
    ],
)  # fmt: skip
def test_what_is_no_address_is_asked_again(text: str) -> None:
    assert spoken_email(text) is None


@given(st.text(max_size=600) | st.text("ab@. -_at punkt", max_size=300))
def test_no_text_is_too_strange_for_an_address(text: str) -> None:
    address = spoken_email(text)
    assert address is None or (address.count("@") == 1 and len(address) <= 254 and address.isascii())


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("+491701234567", "+491701234567"),
        (" +49 170 1234567 ", "+491701234567"),
        ("+43 1 58858", "+43158858"),
        (None, None),
        ("", None),
        ("anonymous", None),
        ("Anonymous", None),
        ("unavailable", None),
        ("restricted", None),
        ("private", None),
        ("unknown", None),
        ("+266696687", None),
        ("+7378742833", None),
        ("+8656696", None),
        ("+86282452253", None),
        ("+2562533", None),
        ("web", None),
        ("0170 1234567", None),
        ("491701234567", None),
        ("+0170123456", None),
        ("+49", None),
        ("+4917012345678901234", None),
        ("+٤٩١٧٠١٢٣٤٥٦٧", None),
        ("sip:anna@example.com", None),
    ],
)
def test_a_withheld_caller_is_nobody(raw: str | None, number: str | None) -> None:
    assert caller_number(raw) == number


@given(st.text(max_size=600))
def test_no_caller_id_is_too_strange(raw: str) -> None:
    number = caller_number(raw)
    assert number is None or number.startswith("+")
