"""The weather of the chaos: every kind of fault the sandbox has, in turns and over changing accounts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from apps.sandbox.faults import FORMS

Rule = dict[str, Any]
WRITES: Rule = {"method": "POST", "path": "/v2/bookings*"}
SLOTS: Rule = {"path": "/v2/slots*"}
READS: Rule = {"method": "GET", "path": "/v2/bookings*"}

# One after the other, so that none is missing in a run that is long enough.
KINDS: tuple[Rule, ...] = (
    {"kind": "commit_then_reset", **WRITES},
    {"kind": "latency", "min_ms": 200, "max_ms": 1_500},
    {"kind": "commit_then_500", **WRITES, "status": 500},
    {"kind": "silence", **WRITES, "seconds": 12},
    {"kind": "status", "status": 503},
    {"kind": "existing_booking", **WRITES},
    {"kind": "commit_then_silence", **WRITES, "seconds": 35},
    {"kind": "latency", **WRITES, "min_ms": 2_000, "max_ms": 9_000, "at": "after"},
    {"kind": "stale_slots", **SLOTS, "ms": 20_000},
    {"kind": "reset"},
    {"kind": "drip", "ms": 20, "chunk": 40, "seconds": 8},
    {"kind": "commit_then_500", **WRITES, "status": 409},
    {"kind": "empty_slots", **SLOTS},
    {"kind": "status", "status": 500},
    {"kind": "silence", **SLOTS, "seconds": 6},
    {"kind": "commit_then_500", **WRITES, "status": 504},
    {"kind": "status", "status": 502},
    {"kind": "status", **READS, "status": 500},
    {"kind": "status", "status": 504},
    {"kind": "status", "status": 429, "count": 1},
    *({"kind": "malformed", **WRITES, "form": form} for form in FORMS["malformed"]),
    *({"kind": "malformed", **READS, "form": form} for form in ("broken_json", "wrong_shape")),
    *({"kind": "old_slots", **SLOTS, "form": form} for form in FORMS["old_slots"]),
)
# Always and everywhere, a little.
DRIZZLE: tuple[Rule, ...] = (
    {"kind": "commit_then_reset", **WRITES, "probability": 0.01},
    {"kind": "commit_then_500", **WRITES, "probability": 0.01},
    {"kind": "reset", "probability": 0.005},
    {"kind": "status", "status": 500, "probability": 0.005},
)
BEHAVIOUR: tuple[dict[str, Any], ...] = (
    {},
    {"read_lag_ms": 700},
    {"slot_lag_ms": 2_000},
    {"exact_conflict": 500},
    {"filters_ignored": True},
    {"exact_conflict": 400, "read_lag_ms": 300},
)
CALM: dict[str, Any] = {
    "read_lag_ms": 0,
    "slot_lag_ms": 0,
    "exact_conflict": 409,
    "filters_ignored": False,
}
# How webhooks are sent: twice, late, out of order, forged, or not at all.
STORMY_POST: dict[str, Any] = {
    "duplicate": 0.2, "drop": 0.25, "out_of_order_ms": 1_500, "bad_signature": 0.05,
}  # fmt: skip
CALM_POST: dict[str, Any] = {"duplicate": 0.0, "drop": 0.0, "out_of_order_ms": 0, "bad_signature": 0.0}


def rules(turn: int, accounts: Sequence[str], rng: random.Random, *, at_once: int = 5) -> list[Rule]:
    """The faults of one turn: the drizzle, and some kinds that strike some accounts hard."""
    chosen = [KINDS[(turn * at_once + number) % len(KINDS)] for number in range(at_once)]
    return [
        *DRIZZLE,
        *(
            {"probability": round(rng.uniform(0.1, 0.4), 2), **kind, "account": account}
            for kind in chosen
            for account in rng.sample(list(accounts), k=max(1, len(accounts) // 6))
        ),
    ]


def behaviour(turn: int) -> dict[str, Any]:
    """How the calendar itself behaves in this turn."""
    return {**CALM, **BEHAVIOUR[turn % len(BEHAVIOUR)]}


def name_of(rule: Rule) -> str:
    """A fault as the table calls it."""
    more = rule.get("form") or (rule["status"] if rule["kind"] in ("status", "commit_then_500") else "")
    return f"{rule['kind']} {more}".strip()
