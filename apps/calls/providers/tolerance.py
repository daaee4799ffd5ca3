"""Reading what agents in the field really send: wrong types become "not said", never an error."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_datetime

VERSION_SUFFIX = re.compile(r"_v\d{1,6}\Z")
UNRESOLVED = re.compile(r"\{\{.{0,100}?\}\}")
# What JSON may carry in a string and no database keeps: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_TEXT = 2_000
MAX_TRANSCRIPT = 500_000
DEEPEST = 40
MOST_CENTS = 10_000_000


def word_set(words: str) -> frozenset[str]:
    """A set of words written one after the other."""
    return frozenset(words.split())


def clean(value: str) -> str:
    """A string that every database keeps."""
    return UNSTORABLE.sub("", value)


def text(value: object, *, limit: int = MAX_TEXT) -> str:
    """A string as it came, without what cannot be stored and beyond-limit parts; anything else is ""."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value)).strip()[:limit]


def transcript(value: object) -> str:
    """What was spoken, line by line."""
    return clean(value)[:MAX_TRANSCRIPT] if isinstance(value, str) else ""


def storable(value: Any, depth: int = 0) -> Any:
    """JSON that every database keeps; what is nested too deeply, and numbers that are none, become null."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list) and depth >= DEEPEST:
        return None
    if isinstance(value, dict):
        return {clean(str(key)): storable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    return value


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def fingerprint(body: Mapping[str, Any]) -> str:
    """What tells one body without any id from another."""
    written = json.dumps(storable(dict(body)), sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:32]


def arguments(value: object) -> Mapping[str, Any]:
    """Arguments as an object, a JSON string of one, or a JSON string of that string."""
    for _ in range(3):
        if isinstance(value, dict):
            cleaned: Mapping[str, Any] = storable(value)
            return cleaned
        if not isinstance(value, str):
            return {}
        try:
            value = json.loads(value)
        except ValueError:
            return {}
        except RecursionError:
            return {}
    return {}


def function_name(value: object) -> str:
    """The function's name without a version suffix: ``check_availability_v17``."""
    return VERSION_SUFFIX.sub("", text(value, limit=64).lower().replace("-", "_").replace(" ", "_"))


def moment_ms(value: object) -> datetime | None:
    """An instant from epoch milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None


def moment_iso(value: object) -> datetime | None:
    """An instant from ISO 8601; one without an offset is none."""
    try:
        moment = parse_datetime(text(value, limit=40))
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def cents(value: object, *, factor: int = 1) -> Decimal | None:
    """An amount of money in cents; ``factor`` is how many of them one of the given makes."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST_CENTS:
        return None
    return (Decimal(str(value)) * factor).quantize(Decimal("0.0001"))


def whole(value: object) -> int | None:
    """A whole number that fits a database column, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if 0 <= value < 2**62 else None


def boolean(value: object) -> bool | None:
    """A truth value; anything else is not said."""
    return value if isinstance(value, bool) else None


def identifier(value: object) -> str:
    """An opaque id of up to 128 characters; an unresolved template is none."""
    found = text(value, limit=129)
    return "" if len(found) > 128 or UNRESOLVED.search(found) else found
