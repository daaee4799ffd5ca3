"""Single values of a company's file. Each reader returns the value as it is stored or raises ``Unfit``."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import holidays
import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from apps.operations.company_file.document import Answer
from apps.operations.company_file.problems import shown

T = TypeVar("T")
Reader = Callable[[object], T]

ENVIRONMENT = "env:"
SLUG = re.compile(r"[A-Za-z0-9_-]{1,60}")
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]{1,500}")
E164 = re.compile(r"\+[1-9][0-9]{4,14}")
REGION = re.compile(r"([A-Z]{2})(?:-(.{1,9}))?")
SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MINUTES_A_DAY = 24 * 60
# Not to be spoken, stored or printed on one line; the NUL also cannot be stored in PostgreSQL.
UNSPEAKABLE = frozenset({"Cc", "Zl", "Zp", "Cs"})


class Unfit(ValueError):
    """The value cannot be used. The message follows the value: "is not …"."""


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("is not text (put it in quotes)")
    return value.strip()


def text(*, limit: int, empty: bool = False) -> Reader[str]:
    """One line of text of up to ``limit`` characters."""

    def read(value: object) -> str:
        found = _string(value)
        if found.startswith(ENVIRONMENT):
            raise Unfit("is not read here: env: is for keys, secrets and addresses")
        if any(unicodedata.category(character) in UNSPEAKABLE for character in found):
            raise Unfit("holds a line break or another control character")
        if len(found) > limit:
            raise Unfit(f"is longer than {limit} characters")
        if not found and not empty:
            raise Unfit("is empty")
        return found

    return read


def slug(value: object) -> str:
    """A name in addresses and files: letters, digits, "-" and "_"."""
    found = _string(value)
    if not SLUG.fullmatch(found):
        raise Unfit("is not a slug (1 to 60 of a-z, A-Z, 0-9, - and _)")
    return found


def switch(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Unfit("is not true or false")
    return value


def whole(*, minimum: int, maximum: int) -> Reader[int]:
    """A whole number in these bounds, both allowed."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unfit("is not a whole number")
        if not minimum <= value <= maximum:
            raise Unfit(f"is not between {minimum} and {maximum}")
        return value

    return read


def number(*, maximum: float) -> Reader[float]:
    """A number from 0 to ``maximum``."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Unfit("is not a number")
        if not 0 <= value <= maximum:
            raise Unfit(f"is not between 0 and {maximum:g}")
        return value

    return read


def one_of(*words: str) -> Reader[str]:
    """One of these words."""

    def read(value: object) -> str:
        found = _string(value)
        if found not in words:
            raise Unfit(f"is not one of: {', '.join(words)}")
        return found

    return read


@cache
def _time_zones() -> frozenset[str]:
    """Read once: it opens a file for each of some six hundred."""
    return frozenset(available_timezones())


def time_zone(value: object) -> str:
    """An IANA time zone."""
    found = _string(value)
    if found not in _time_zones():
        raise Unfit("is not an IANA time zone such as Europe/Berlin")
    return found


def holiday_region(value: object) -> str:
    """ "DE" or "DE-BE", as the ``holidays`` library knows them; "" for none."""
    found = _string(value)
    if not found:
        return found
    match = REGION.fullmatch(found)
    if match is None or match[1] not in phonenumbers.SUPPORTED_REGIONS:
        raise Unfit("is not a country or country-region such as DE or DE-BE")
    try:
        known = holidays.country_holidays(match[1])
    except NotImplementedError as error:
        raise Unfit("is a country whose holidays are not known") from error
    try:
        holidays.country_holidays(match[1], subdiv=match[2])
    except NotImplementedError as error:
        regions = ", ".join(known.subdivisions) or "none"
        raise Unfit(f"is not a region of {match[1]} (known: {regions})") from error
    return found


def phone_number(value: object) -> str:
    """A number in E.164.

    Only its length is held against the numbering plan: a range that was assigned last month is
    not yet in the library's tables, and a business knows its own number best.
    """
    found = _string(value)
    try:
        parsed = phonenumbers.parse(found, None)
    except phonenumbers.NumberParseException as error:
        raise Unfit("is not an international number such as +493012345678") from error
    normal = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if not E164.fullmatch(normal) or not phonenumbers.is_possible_number(parsed):
        raise Unfit("is not a number that can be dialled")
    if found != normal:
        raise Unfit(f"is not in international form without spaces; write {normal}")
    return found


def no_or(reader: Reader[str]) -> Reader[str]:
    """What ``reader`` reads, or "" for none."""
    return lambda value: "" if value == "" else reader(value)


def email_placeholder(value: object) -> str:
    """An address with ``{id}`` in it, for event types that demand one."""
    found = text(limit=120)(value)
    filled = found.replace("{id}", "0123456789ab")
    if filled == found or "{" in filled or "}" in filled:
        raise Unfit("needs {id} in it, and no other braces")
    try:
        validate_email(filled)
    except ValidationError as error:
        raise Unfit("is not an e-mail address") from error
    return found


def closure(value: object) -> str:
    """A day on which the branch is closed, as ISO date; TOML's own dates are fine too."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    found = _string(value)
    try:
        if ISO_DATE.fullmatch(found):
            return date.fromisoformat(found).isoformat()
    except ValueError as error:
        raise Unfit("is a day that does not exist") from error
    raise Unfit("is not a date such as 2026-12-24")


def spans(value: object) -> list[list[str]]:
    """A day's hours: ["09:00-13:00", "14:00-18:00"], in order and without overlap."""
    if not isinstance(value, list):
        raise Unfit('is not a list such as ["09:00-13:00"]')
    found = sorted(_span(entry) for entry in value)
    for (_, end), (begin, _) in pairwise(found):
        if begin < end:
            raise Unfit("holds hours that overlap")
    return [[_clock(begin), _clock(end)] for begin, end in found]


def _span(value: object) -> tuple[int, int]:
    match = SPAN.fullmatch(_string(value))
    if match is None:
        raise Unfit(f"holds {shown(value)}, which is not hours such as 09:00-13:00")
    begin_hour, begin_minute, end_hour, end_minute = (int(part) for part in match.groups())
    begin, end = begin_hour * 60 + begin_minute, end_hour * 60 + end_minute
    if begin_minute > 59 or end_minute > 59 or end > MINUTES_A_DAY:
        raise Unfit(f"holds {shown(value)}, a time that does not exist")
    if begin >= end:
        raise Unfit(f"holds {shown(value)}, which ends before it begins")
    return begin, end


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def answer(value: object) -> Answer:
    """The answer to a booking field: text, number, true/false, or a list of texts for a choice of several."""
    if isinstance(value, list):
        return [text(limit=500)(entry) for entry in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > 10**15:
            raise Unfit("is not a number that can be sent")
        return value
    return text(limit=500, empty=True)(value)


def environment(value: object, *, names: Mapping[str, str]) -> str:
    """The text itself, or what the environment holds for ``env:NAME``."""
    found = _string(value)
    if not found.startswith(ENVIRONMENT):
        return found
    name = found.removeprefix(ENVIRONMENT)
    if not ENVIRONMENT_NAME.fullmatch(name):
        raise Unfit("does not name an environment variable")
    held = names.get(name, "").strip()
    if not held:
        raise Unfit("is not set in the environment")
    return held


def secret(names: Mapping[str, str]) -> Reader[str]:
    """A key: text or env:NAME. No message shows what was read."""

    def read(value: object) -> str:
        found = environment(value, names=names)
        if not PRINTABLE_ASCII.fullmatch(found):
            raise Unfit("is not a key: empty, too long, or with characters a key cannot have")
        return found

    return read


def address(names: Mapping[str, str]) -> Reader[str]:
    """An http(s) address in its normal form: lower-case host, no default port, no slash at the end."""

    def read(value: object) -> str:
        found = environment(value, names=names)
        try:
            parts = urlsplit(found)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise Unfit("is not an address") from error
        if (
            parts.scheme not in ("http", "https")
            or not host
            or not PRINTABLE_ASCII.fullmatch(found)
            or " " in found
        ):
            raise Unfit("is not an address such as https://api.cal.com/v2")
        if parts.username is not None or parts.query or parts.fragment:
            raise Unfit("must not hold a user, a query or a fragment")
        if port == {"http": 80, "https": 443}[parts.scheme]:
            port = None
        where = f"[{host}]" if ":" in host else host
        normal = f"{parts.scheme}://{where}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"
        if len(normal) > 200:
            raise Unfit("is longer than 200 characters")
        return normal

    return read
