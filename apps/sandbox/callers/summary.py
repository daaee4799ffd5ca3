"""What all calls together show: right or wrong, latency per function, length and confirmations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import mean, median
from typing import Any

from apps.sandbox.callers.conversation import Asked, Record
from apps.sandbox.callers.dialogue import told
from apps.sandbox.callers.grading import Graded

# More lines than this help nobody; the numbers below them stay.
MOST_ROWS = 60


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latencies(calls: Iterable[Graded]) -> dict[str, dict[str, float]]:
    """Per function, hook and event: ``{"count", "p50", "p95", "max"}``, times in milliseconds."""
    found: dict[str, list[float]] = {}
    for graded in calls:
        for entry in graded.record.entries:
            if isinstance(entry, Asked):
                found.setdefault(entry.what, []).append(entry.reply.milliseconds)
    return {
        name: {
            "count": len(values),
            "p50": round(percentile(values, 0.5), 1),
            "p95": round(percentile(values, 0.95), 1),
            "max": round(max(values), 1),
        }
        for name, values in found.items()
    }


def totals(calls: Sequence[Graded], *, seconds: float) -> dict[str, Any]:
    """Counts; ``call_seconds_median`` and ``confirmations_*`` over the calls that ended with a booking."""
    booking = [one.record for one in calls if one.standing]
    bookings = sum(len(one.standing) for one in calls)
    asked = [record.confirmations for record in booking]
    return {
        "calls": len(calls),
        "right": sum(one.right for one in calls),
        "wrong": sum(not one.right for one in calls),
        "bookings": bookings,
        "confirmations_per_booking": round(sum(asked) / bookings, 2) if bookings else None,
        "confirmations_most": max(asked, default=None),
        "call_seconds_median": round(median(record.seconds for record in booking), 1) if booking else None,
        "call_seconds_mean": round(mean(record.seconds for record in booking), 1) if booking else None,
        "calls_per_second": round(len(calls) / seconds, 2) if seconds else None,
        "elapsed_seconds": round(seconds, 2),
    }


def summary(calls: Sequence[Graded], *, seconds: float) -> Iterator[str]:
    """The tables under the calls."""
    if 1 < len(calls) <= MOST_ROWS:
        yield from _length_table(calls)
        yield ""
    yield from _latency_table(calls)
    yield ""
    yield from _totals_lines(totals(calls, seconds=seconds))


def _length_table(calls: Sequence[Graded]) -> Iterator[str]:
    yield (
        f"{'call':<28} {'agent words':>11} {'caller words':>12} {'turns':>5} {'functions':>10} {'length':>8} "
        f"{'confirmed':>9}"
    )
    for graded in calls:
        record = graded.record
        waited = sum(one.reply.milliseconds for one in record.functions())
        yield (
            f"{record.plan.label:<28} {record.words.get('agent', 0):>11} {record.words.get('caller', 0):>12} "
            f"{record.turns:>5} {waited:>7.0f} ms {record.seconds:>6.1f} s {record.confirmations:>9}"
        )


def _latency_table(calls: Sequence[Graded]) -> Iterator[str]:
    yield f"{'latency':<28} {'count':>6} {'p50':>9} {'p95':>9} {'max':>9}"
    for name, row in latencies(calls).items():
        times = " ".join(f"{row[column]:>6.0f} ms" for column in ("p50", "p95", "max"))
        yield f"{name:<28} {row['count']:>6.0f} {times}"


def _totals_lines(found: dict[str, Any]) -> Iterator[str]:
    right = f"{found['right']} of {found['calls']} {'call' if found['calls'] == 1 else 'calls'} right"
    bookings = f"{found['bookings']} {'booking' if found['bookings'] == 1 else 'bookings'}"
    yield f"{right}, {bookings}, {found['elapsed_seconds']} s"
    if found["bookings"]:
        yield (
            f"confirmations per booking: {found['confirmations_per_booking']} on average, "
            f"{found['confirmations_most']} at most in a call (target: 1.5 and 2)"
        )
        yield (
            f"modelled length of calls with a booking: median {found['call_seconds_median']} s (target: 45), "
            f"at 150 words a minute, 0.8 s a turn and the measured time of functions"
        )


def as_json(calls: Sequence[Graded], *, seconds: float) -> dict[str, Any]:
    """The same for programs: ``{"calls": […], "latency_ms": {…}, "totals": {…}}``."""
    return {
        "calls": [_call(one) for one in calls],
        "latency_ms": latencies(calls),
        "totals": totals(calls, seconds=seconds),
    }


def _call(graded: Graded) -> dict[str, Any]:
    record: Record = graded.record
    return {
        "call": record.plan.label,
        "scenario": record.plan.script.name,
        "language": record.plan.script.language,
        "right": graded.right,
        "faults": list(graded.faults),
        "statuses": record.statuses(),
        "standing": list(told(graded, graded.standing)),
        "gone": list(told(graded, graded.gone)),
        "confirmations": record.confirmations,
        "turns": record.turns,
        "words": record.words,
        "seconds": round(record.seconds, 2),
        "functions": [
            {
                "name": one.what,
                "status": one.status,
                "confirmation": one.answer.get("confirmation"),
                "ms": round(one.reply.milliseconds, 1),
            }
            for one in record.functions()
        ],
    }
