from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.redaction import redact, redact_text

SIGNATURE = "a1b2" * 16

PERSONAL = [
    ("ruf +49 30 123456 an", "ruf [phone] an"),
    ("+4915112345678", "[phone]"),
    ("0049 (0)30 / 123456", "[phone]"),
    ("tel:+49-30-123456", "tel:[phone]"),
    ("+1 (415) 555-0132.", "[phone]."),
    ("030 123456", "[phone]"),
    ("0170/1234567", "[phone]"),
    ("(040) 123-456", "[phone]"),
    ("Nummer: 0151 234 567 89", "Nummer: [phone]"),
    ("number 4915112345678 calls", "number [phone] calls"),
    ("anna.muster+x@example.com, bob", "[email], bob"),
    ("4915112345678@sms.cal.com", "[email]"),
    ("Authorization: Bearer cal_live_0a1b2c3d4e5f", "Authorization: Bearer [secret]"),
    ("key cal_0a1b2c3d4e5f6789", "key [secret]"),
    ("key_1f2e3d4c5b6a79881726", "[secret]"),
    ("whsec_test_secret_value", "[secret]"),
    (f"v=1761297670702,d={SIGNATURE}", "v=1761297670702,d=[secret]"),
    ("gAAAAABmZ0123456789abcdefghijk==", "[secret]"),
    ("token eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM.c2lnbmF0dXJl", "token [secret]"),
    ("postgres://app:p@ss@db/name", "postgres://app:[secret]@db/name"),
    ("redis://:geheim@127.0.0.1:6379/0", "redis://:[secret]@127.0.0.1:6379/0"),
]

HARMLESS = [
    "2026-11-24T08:00:00Z",
    "2026-01-07T14:00:00.123456+01:00",
    "am 03.12.2026 um 09:30 Uhr",
    "08:00:00 - 18:00:00",
    "event_type 123456 in 0.123456 s",
    "call_01J9ZK7Q2M",
    "e84be5a3-4696-49e3-acc7-b2f3999c3b94",
    "1761297670702",
    "POST /webhooks/telephony/retell-main/functions/ 200",
    "127.0.0.1:6379",
    "s_4kq2mf",
    "cal_account_id",
    "key_error",
    "booking_confirmed",
    "",
]


@pytest.mark.parametrize(("text", "expected"), PERSONAL)
def test_addresses_numbers_and_keys_go_from_any_text(text: str, expected: str) -> None:
    assert redact_text(text) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_times_ids_and_codes_stay_readable(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "key",
    ["customer_name", "customerName", "Customer-Name", "name", "phone_number", "from_number", "email",
     "transcript", "notes", "api_key", "apiKey", "Authorization", "X-Retell-Signature", "webhook_secret",
     "uid", "bookingUid", "kundename", "cancellationReason"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["Anna Muster", {"first": "Anna"}, ["Anna"], 4930123456])
def test_what_stands_under_a_personal_key_goes_whatever_it_is(key: str, value: object) -> None:
    assert "Anna" not in str(redact({key: value}))
    assert "4930123456" not in str(redact({key: value}))


def test_nested_data_is_redacted_in_a_copy_and_keeps_its_shape() -> None:
    data = {
        "call": {"call_id": "call_1", "from_number": "+4930123456", "duration_ms": 1200, "ended": None},
        "attempts": [{"status": "booked", "detail": "for anna@example.com"}, ("030 123456", True)],
        "+4930123456": 3,
    }
    before = str(data)
    assert redact(data) == {
        "call": {"call_id": "call_1", "from_number": "[phone]", "duration_ms": 1200, "ended": None},
        "attempts": [{"status": "booked", "detail": "for [email]"}, ["[phone]", True]],
        "[phone]": 3,
    }
    assert str(data) == before


def test_nothing_under_a_personal_key_says_nothing() -> None:
    assert redact({"name": None, "email": "", "phone": False}) == {"name": None, "email": "", "phone": False}


def test_other_objects_and_bytes_are_redacted_as_text() -> None:
    assert redact(ValueError("bad number +4930123456")) == "bad number [phone]"
    assert redact(b"from anna@example.com") == "from [email]"


def test_data_nested_without_end_is_cut() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    assert "[deep]" in str(redact(endless))


@given(
    st.from_regex(r"\+[1-9][0-9]{7,13}", fullmatch=True),
    st.sampled_from(["{}", "Anruf von {} um 9", "tel={};"]),
)
def test_no_international_number_survives(number: str, sentence: str) -> None:
    assert number[1:] not in redact_text(sentence.format(number))


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_and_twice_is_like_once(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
