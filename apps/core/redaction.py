"""Personal data and secrets out of everything that is logged.

Two nets. By key: what stands under ``phone``, ``name``, ``api_key`` … goes whatever it looks
like, nested to any depth. By form: e-mail addresses, phone numbers, keys and signatures go from
any text, also from the middle of a sentence or an exception. Dates, times, ids and counts stay
readable; where the two cannot be told apart, redaction wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 12
MAX_TEXT = 20_000

_PERSON = """
    name firstname lastname fullname customername kundename callername attendeename username displayname
    nameparts spokenname title
"""
_PHONE = """
    phone phonenumber customerphone callerphone attendeephonenumber attendeephone fromnumber tonumber caller
    callee telefon telefonnummer smsremindernumber mobile destination transferdestination callerid
"""
_EMAIL = """
    email customeremail attendeeemail displayemail rescheduledby rescheduledbyemail cancelledbyemail guests
"""
_CREDENTIAL = """
    apikey key secret password passwd token authorization cookie setcookie signature webhooksecret signingkey
    accesstoken refreshtoken csrfmiddlewaretoken sessionid xretellsignature xcalsignature256 metricstoken
    secretkey fieldencryptionkeys databaseurl redisurl brokerurl
"""
_WORDS = """
    notes note transcript transcriptobject transcriptwithtoolcalls reason cancellationreason
    reschedulingreason rejectionreason bookingfieldsresponses responses description additionalnotes address
    location say utterance callanalysis callsummary attendees organizer hosts args arguments
"""
_UID = """
    uid bookinguid seatuid rescheduleuid rescheduledtouid rescheduledfromuid reservationuid recordingurl
    publiclogurl
"""


def _keys(words: str, mask: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), mask)


MASKS: Mapping[str, str] = {
    **_keys(_PERSON, "[name]"),
    **_keys(_PHONE, "[phone]"),
    **_keys(_EMAIL, "[email]"),
    **_keys(_CREDENTIAL, "[secret]"),
    **_keys(_WORDS, "[text]"),
    **_keys(_UID, "[uid]"),
}
"""Keys in lower case without ``_`` and ``-`` → what stands in place of their value."""

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 [secret]"),
    (re.compile(r"\bcal_(?:live_|test_)?[A-Za-z0-9]{8,}"), "[secret]"),
    (re.compile(r"\b(?:key|sk|pk|whsec|token)_[A-Za-z0-9_]{12,}"), "[secret]"),
    (re.compile(r"\bgAAAA[\w-]{20,}={0,2}"), "[secret]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), "[secret]"),
    (re.compile(r"(?i)\b[0-9a-f]{40,}\b"), "[secret]"),
    (re.compile(r"(://[^\s/:@]*:)[^\s/]+@"), r"\1[secret]@"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
    # +49 30 123456, 0049 (0)30/123456
    (re.compile(r"(?<![\w.])(?:\+|00)[1-9](?:[ ()/.-]{0,3}\d){6,14}(?![\d:])"), "[phone]"),
    # 030 123456, 0170/1234567, (040) 123-456; an area code and then at least three digits
    (re.compile(r"(?<![\w.+,-])\(?0[1-9]\d{1,4}\)?[ /-]{0,3}\d{3,}(?:[ /-]?\d{2,})*(?![\d:])"), "[phone]"),
    # 4915112345678: the bare digits of a German, Austrian or Swiss number
    (re.compile(r"(?<![\w.])4[139]\d{8,12}(?![\w.])"), "[phone]"),
)


_SUSPECT = re.compile(r"[\d@]|(?i:bearer|basic)\s|\b(?:cal|key|sk|pk|whsec|token)_|eyJ|gAAAA|://")
"""Text without any of this has none of the forms: most log values are short codes."""


def redact(value: Any) -> Any:
    """A copy of ``value`` – nested dicts, lists, texts – without personal data and secrets.

    Numbers, booleans and ``None`` stay, except under a key that names a person or a secret.
    """
    return _redacted(value, 0)


def redact_text(text: str) -> str:
    """The text with everything that has the form of an address, a number or a key replaced."""
    text = text[:MAX_TEXT]
    if not _SUSPECT.search(text):
        return text
    for form, mask in _FORMS:
        text = form.sub(mask, text)
    return text


def _redacted(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if depth >= MAX_DEPTH:
        return "[deep]"
    if isinstance(value, Mapping):
        return {_key(key): _under(key, item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return redact_text(value[:MAX_TEXT].decode("utf-8", "replace"))
    return redact_text(str(value))


def _key(key: Any) -> Any:
    """A key may itself be a number or an address (a dict by caller)."""
    return redact_text(key) if isinstance(key, str) else key


def _under(key: Any, item: Any, depth: int) -> Any:
    mask = MASKS.get(re.sub(r"[_\s-]", "", str(key)).lower())
    if mask is None or item is None or item == "" or isinstance(item, bool):
        return _redacted(item, depth + 1)
    return mask
