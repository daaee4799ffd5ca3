"""Misbehaviour on request: which answers go wrong, how, and how often. Deterministic with a seed.

A rule names an endpoint (method and path pattern), a kind, and how often: a probability, the next
``count`` requests, after letting ``skip`` pass. Kinds:

=====================  =========================================================================
latency                ``ms``, or ``min_ms``–``max_ms``; ``at``: "before" (default) or "after" the work
drip                   the answer, headers included, ``chunk`` bytes every ``ms``
silence                the request is taken and never answered (``seconds``, at most 120)
reset                  the connection is reset before anything is done
commit_then_silence    done, then silence
commit_then_reset      done, then a reset
commit_then_500        done, then ``status``
status                 ``status``: 500 raw, 502 and 503 HTML, 504 empty, 429 as the limiter says it
malformed              ``form``: broken_json, html, content_type, truncated, huge, wrong_shape
stale_slots            slots as they were ``ms`` ago (default 60000)
empty_slots            slots answered as ``{}``
old_slots              ``form``: grouped, flat, strings: shapes that older versions answered
existing_booking       a new booking is answered with some older one (nothing is booked)
=====================  =========================================================================
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from apps.sandbox.model import words

KINDS = words(
    """latency drip silence reset commit_then_silence commit_then_reset commit_then_500 status malformed
    stale_slots empty_slots old_slots existing_booking"""
)
NUMBERS = words("probability count skip ms min_ms max_ms chunk seconds status")
FORMS = {
    "malformed": ("broken_json", "html", "content_type", "truncated", "huge", "wrong_shape"),
    "old_slots": ("grouped", "flat", "strings"),
}
LONGEST_SECONDS = 120.0


class FaultError(ValueError):
    """A rule that says nothing sensible; the message names the key."""


@dataclass(slots=True)
class Fault:
    kind: str
    method: str = "*"
    path: str = "*"
    account: str = ""
    probability: float = 1.0
    count: int | None = None
    skip: int = 0
    ms: int | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    at: str = "before"
    chunk: int = 1
    seconds: float = LONGEST_SECONDS
    status: int = 500
    form: str = ""
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"kind: unknown fault {self.kind!r}, one of {', '.join(sorted(KINDS))}")
        forms = FORMS.get(self.kind)
        if forms:
            self.form = self.form or forms[0]
            if self.form not in forms:
                raise FaultError(f"form: {self.form!r} is none of {', '.join(forms)}")
        if not 0 <= self.probability <= 1:
            raise FaultError("probability: must be between 0 and 1")
        if self.at not in ("before", "after"):
            raise FaultError("at: must be before or after")
        self.seconds = min(self.seconds, LONGEST_SECONDS)
        self.method = self.method.upper()

    def matches(self, method: str, path: str, account: str) -> bool:
        return (
            self.method in ("*", method)
            and fnmatchcase(path, self.path)
            and self.account in ("", account)
            and self.count != 0
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault drawn for one request; ``seconds`` is its delay, already drawn from its range."""

    fault: Fault
    seconds: float

    @property
    def kind(self) -> str:
        return self.fault.kind


def fault_from(raw: Mapping[str, Any]) -> Fault:
    """A rule from JSON or TOML. Raises ``FaultError`` naming the key that is wrong."""
    known = {one.name: one for one in fields(Fault) if one.name != "fired"}
    unknown = sorted(set(raw) - set(known))
    if unknown:
        raise FaultError(f"{unknown[0]}: unknown key")
    if "kind" not in raw:
        raise FaultError("kind: missing")
    for key, value in raw.items():
        numeric = key in NUMBERS
        kind = int | float if numeric else str
        good = isinstance(value, kind) and not isinstance(value, bool)
        if not good and not (key == "count" and value is None):
            raise FaultError(f"{key}: {value!r} is not {'a number' if numeric else 'text'}")
    return Fault(**raw)


class FaultController:
    """The rules in force. Draws are made under a lock, so a seed gives one sequence of decisions."""

    def __init__(self, *, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self.rules: list[Fault] = []

    def add(self, kind: str, *, method: str = "*", path: str = "*", **options: Any) -> Fault:
        """Add one rule, e.g. ``add("latency", method="GET", path="/v2/slots", ms=400)``."""
        fault = fault_from({"kind": kind, "method": method, "path": path, **options})
        with self._lock:
            self.rules.append(fault)
        return fault

    def replace(self, rules: Iterable[Mapping[str, Any]], *, seed: int | None = None) -> None:
        """Set all rules at once; a bad one changes nothing."""
        faults = [fault_from(raw) for raw in rules]
        with self._lock:
            self.rules = faults
            if seed is not None:
                self._random = random.Random(seed)

    def clear(self) -> None:
        with self._lock:
            self.rules = []

    def draw(self, method: str, path: str, *, account: str = "") -> list[Hit]:
        """The faults that strike this request, in the order of the rules."""
        if not self.rules:
            return []
        hits: list[Hit] = []
        with self._lock:
            for fault in self.rules:
                if not fault.matches(method, path, account):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.probability < 1 and self._random.random() >= fault.probability:
                    continue
                if fault.count is not None:
                    fault.count -= 1
                fault.fired += 1
                hits.append(Hit(fault, self._delay(fault)))
        return hits

    def _delay(self, fault: Fault) -> float:
        if fault.kind != "latency":
            return fault.seconds
        if fault.max_ms is not None:
            return self._random.uniform(fault.min_ms or 0, fault.max_ms) / 1000
        return (fault.ms or 0) / 1000

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self.rules]
