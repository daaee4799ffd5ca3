"""Requests nobody would send: real ones, changed at random. Deterministic with a seed.

A sample is changed in one to four places – a value by one of another type, size or alphabet, a key left out,
renamed or added, something repeated or nested – and now and then its bytes are cut or broken, its signature
is wrong, or its method is another.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parent.parent / "tests" / "data"
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -(2**64), 1e308, 1e-320, float("nan"), float("inf"),
    "", " ", "0", "null", "\x00", "a\x00b", "\ud800", "\u202e", "🦄" * 40, "x" * 300, "x" * 20_000, "+",
    "+49", "+4930", "2026-13-45", "9999-12-31", "0000-00-00", "99:99", "1e9", "' OR 1=1 --", "{{7*7}}",
    "%s%n", "../../etc/passwd", "morgen um drei", "gestern", "31. Februar", [], {}, [[]], [None] * 50,
    "übermorgen zwischen 25 und 26 Uhr", {"a": {"b": {"c": None}}}, {"": ""}, ["x"] * 300, {"$ne": None},
)  # fmt: skip
KEYS = (
    "", "name", "args", "call", "call_id", "from_number", "company_id", "slot", "when", "x" * 500, "\x00",
    "__class__",
)  # fmt: skip
FUNCTIONS = (
    "get_call_context", "list_services", "check_availability", "book_appointment", "list_appointments",
    "reschedule_appointment", "cancel_appointment", "request_callback", "transfer_to_person",
    "check_availability_v17", "collect_appointment_data", "find_next_available", "nothing_like_it",
)  # fmt: skip
WORDS = (
    "morgen um 10 Uhr", "übermorgen halb vier", "nächste Woche vormittags", "am 7. Januar", "der erste",
    "so schnell wie möglich", "was anderes", "14 Uhr", "heute Abend", "in zwei Wochen am Montag",
    "tomorrow at 3", "ja", "", "keine Ahnung",
)  # fmt: skip
ARGUMENTS = (
    "when", "date", "time", "datetime", "service", "service_id", "branch", "slot", "customer_name",
    "customer_phone", "customer_email", "notes", "confirmed", "appointment", "old_date", "new_date",
    "new_time", "reason", "datum", "uhrzeit",
)  # fmt: skip
VALUES = (*WORDS, True, 123, "Erika Muster", "+491701234567")
CALLERS = ("+491701234567", "anonymous", "", "+4930", None, "+1555")
ELSEWHERE = (
    "/health/live/", "/api/schema/", "/metrics/", "/nothing/", "/admin/login/",
    "/webhooks/telephony/x/events/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One request. ``endpoint``: functions, events, inbound, calcom, or a path; ``signed``: rightly."""

    endpoint: str
    raw: bytes
    signed: bool = True
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class _Sample:
    endpoint: str
    body: Any


def samples() -> list[_Sample]:
    """The real ones."""
    found: list[_Sample] = []
    for folder, name in (("functions", "functions"), ("retell", "events"), ("calcom-webhooks", "calcom")):
        for path in sorted((SAMPLES / folder).glob("*.json")):
            body = json.loads(path.read_text(encoding="utf-8"))
            endpoint = "inbound" if path.name.startswith("inbound") else name
            found.append(_Sample(endpoint, body))
    return found


class Mutations:
    """An endless supply. ``number`` is dialled in most requests, so that they reach a company."""

    def __init__(self, *, seed: int, number: str) -> None:
        self.random = random.Random(seed)
        self.number = number
        self.samples = samples()
        self.calls = 0

    def next(self) -> Mutant:
        chance = self.random.random()
        if chance < 0.03:
            return self._elsewhere()
        sample = self._conversation() if chance < 0.45 else self.random.choice(self.samples)
        body = self._addressed(copy.deepcopy(sample.body))
        for _ in range(self.random.choice((0, 1, 1, 2, 4))):
            body = self._changed(body)
        return Mutant(
            sample.endpoint,
            self._bytes(body),
            signed=self.random.random() > 0.03,
            method=self.random.choice(("GET", "PUT", "DELETE", "PATCH")) if chance > 0.98 else "POST",
        )

    def _elsewhere(self) -> Mutant:
        path = self.random.choice(ELSEWHERE)
        return Mutant(path, b"", method=self.random.choice(("GET", "POST", "HEAD", "OPTIONS")))

    def _conversation(self) -> _Sample:
        """A function with arguments that make some sense, often in a call that is known already."""
        names = [self.random.choice(ARGUMENTS) for _ in range(self.random.randrange(5))]
        args = {name: self.random.choice(VALUES) for name in names}
        call = {
            "call_id": f"call_{self.random.randrange(200)}",
            "from_number": self.random.choice(CALLERS),
        }
        return _Sample("functions", {"name": self.random.choice(FUNCTIONS), "args": args, "call": call})

    def _addressed(self, body: Any) -> Any:
        if not isinstance(body, dict) or self.random.random() < 0.1:
            return body
        for part in ("call", "call_inbound"):
            if isinstance(body.get(part), dict):
                body[part]["to_number"] = self.number
                body[part].setdefault("direction", "inbound")
        call = body.get("call")
        if isinstance(call, dict) and self.random.random() < 0.7:
            self.calls += 1
            tool = {"role": "tool_call_invocation", "tool_call_id": f"t{self.calls}", "arguments": "{}"}
            call["transcript_with_tool_calls"] = [tool]
        return body

    def _changed(self, body: Any) -> Any:
        """One node of the body, found by a random walk, is something else."""
        path: list[Any] = []
        node = body
        while isinstance(node, dict | list) and node and (not path or self.random.random() < 0.75):
            key = self.random.choice(list(node) if isinstance(node, dict) else range(len(node)))
            path.append(key)
            node = node[key]
        if not path:
            return self._strange()
        parent = body
        for key in path[:-1]:
            parent = parent[key]
        self._twist(parent, path[-1], node)
        return body

    def _twist(self, parent: Any, key: Any, node: Any) -> None:
        kind = self.random.randrange(6)
        if kind == 0 and isinstance(parent, dict):
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[self.random.choice(KEYS)] = parent.pop(key)
        elif kind == 2 and isinstance(parent, dict):
            parent[self.random.choice(KEYS)] = self._strange()
        elif kind == 3:
            for _ in range(self.random.choice((1, 5, 60))):
                node = [node]
            parent[key] = node
        elif kind == 4 and isinstance(node, str):
            parent[key] = node * self.random.choice((2, 50))
        else:
            parent[key] = self._strange()

    def _strange(self) -> Any:
        """A copy: what is put into a body may be changed there again."""
        return copy.deepcopy(self.random.choice(STRANGE))

    def _bytes(self, body: Any) -> bytes:
        raw = json.dumps(body, ensure_ascii=self.random.random() < 0.5).encode("utf-8", "surrogatepass")
        chance = self.random.random()
        if chance < 0.02:
            return raw[: self.random.randrange(len(raw) + 1)]
        if chance < 0.04 and raw:
            at = self.random.randrange(len(raw))
            return raw[:at] + self.random.randbytes(self.random.choice((1, 4))) + raw[at + 1 :]
        if chance < 0.045:
            return b"[" * 100_000
        if chance < 0.05:
            return b'{"call": ' + b"9" * 10_000 + b"}"
        return raw


def headers(mutant: Mutant, right: Mapping[str, str]) -> dict[str, str]:
    """The request's headers; ``right`` are those of a true signature."""
    return dict(right) if mutant.signed else {name: f"{value}0" for name, value in right.items()}
