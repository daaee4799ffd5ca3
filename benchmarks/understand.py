"""What understanding a wish costs, beside ``json.loads`` of a 1 kB body in the same run.

    python -m benchmarks.understand

Prints the median and the 99th percentile of the corpora as ratios, and how the cost grows from 1,000
to 2,000 characters of noise. Exit 1 when a bound is broken: 20 × in the median, 100 × at p99, growth
over 3 (twice the text, half as much again for the noise of the machine).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from apps.calls.speech.understand import understand

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "data" / "corpus"
MEDIAN_BOUND, P99_BOUND, GROWTH_BOUND = 20.0, 100.0, 3.0
ROUNDS = 7
NOISE_ROUNDS = 4  # each of both lengths in turn, so that a busy moment meets both
NOISE = (
    "äh ", "Haus ", "neun ", "1 ", "3.", "-", ". ", "bis ", "oder ", "nicht ", "halb ", "nächste ",
    "Montag ", "um neun oder ", "am 3. oder ", "von zehn bis ", "nicht Montag oder ", "nein Montag ",
)  # fmt: skip


def body_of_one_kilobyte() -> str:
    """A function call as a provider sends it, filled up to 1,024 characters."""
    call = {"call_id": "call_0123456789abcdef", "from_number": "+493099900011", "to_number": "+493012345678"}
    body = {
        "name": "check_availability",
        "args": {"when": "übermorgen halb vier", "service": "Fußpflege"},
        "call": {**call, "direction": "inbound", "call_status": "ongoing", "metadata": {}},
        "transcript": [],
    }
    turns: list[dict[str, str]] = []
    while len(json.dumps(body | {"transcript": turns})) < 1000:
        turns.append({"role": "user", "content": "Guten Tag, ich hätte gern einen Termin."})
    return json.dumps(body | {"transcript": turns})[:-1].ljust(1023) + "}"


def seconds(run: Callable[[], object], *, repeat: int) -> float:
    """The best of some rounds: what the work costs when nothing else disturbs it."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(repeat):
            run()
        best = min(best, (time.perf_counter() - start) / repeat)
    return best


def growth_of(noise: str, *, now: datetime) -> tuple[float, float]:
    """Seconds for 1,000 and for 2,000 characters of noise."""
    half, whole = (noise * 1000)[:1000], (noise * 2000)[:2000]
    best_half = best_whole = float("inf")
    for _ in range(NOISE_ROUNDS):
        best_half = min(best_half, seconds(lambda: understand(half, now=now), repeat=2))
        best_whole = min(best_whole, seconds(lambda: understand(whole, now=now), repeat=2))
    return best_half, best_whole


def main() -> int:
    lines = [
        json.loads(line)
        for path in sorted(CORPUS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    now = datetime(2026, 11, 25, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    understand("warm", now=now)
    body = body_of_one_kilobyte()
    unit = seconds(lambda: json.loads(body), repeat=5000)
    costs = sorted(seconds(lambda text=line["text"]: understand(text, now=now), repeat=20) for line in lines)
    median, p99 = costs[len(costs) // 2] / unit, costs[int(len(costs) * 0.99)] / unit
    print(f"json.loads of {len(body)} characters: {unit * 1e6:.1f} µs")
    print(
        f"{len(costs)} wishes: median {median:.1f} × (bound {MEDIAN_BOUND:.0f}), {median * unit * 1e6:.1f} µs"
    )
    print(f"p99 {p99:.1f} × (bound {P99_BOUND:.0f}), {p99 * unit * 1e6:.1f} µs")
    growth = 0.0
    for noise in NOISE:
        half, whole = growth_of(noise, now=now)
        if whole > GROWTH_BOUND * half:  # the machine's doing, unless it happens twice
            half, whole = growth_of(noise, now=now)
        growth = max(growth, whole / half)
        print(f"noise {noise!r:22} {half * 1e6:6.0f} µs → {whole * 1e6:6.0f} µs, × {whole / half:.2f}")
    print(f"worst growth from 1,000 to 2,000 characters: × {growth:.2f} (bound {GROWTH_BOUND:.0f})")
    return int(median > MEDIAN_BOUND or p99 > P99_BOUND or growth > GROWTH_BOUND)


if __name__ == "__main__":
    sys.exit(main())
