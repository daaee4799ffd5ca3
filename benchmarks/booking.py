"""What booking an offered slot adds to the calendar's own round trip, and how often it asks the calendar.

    python -m benchmarks booking [--write]

Over HTTP against the production web server: each caller asks for a time, hears that it is free, and books
it. Beside it, the same calendar is booked with one bare request. With a calendar that answers at once and
with one that takes 150 ms. Exit 1 when the median adds more than 30 ms, or when a booking is not exactly
one request.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from benchmarks import _stage
from benchmarks._table import Row, finish, ms, parser

MOST_ADDED = 0.030
DAYS = 12
HOURS = range(8, 19)
KEYS = {"Authorization": f"Bearer {_stage.API_KEY}", "cal-api-version": "2024-08-13"}


def starts(first_day: int) -> Iterator[datetime]:
    """Different starts, an hour apart, on the branch's clock."""
    for ahead, hour in itertools.product(range(first_day, first_day + DAYS), HOURS):
        yield datetime.combine(_stage.local_day(ahead), time(hour), tzinfo=_stage.BERLIN)


def book_bare(sandbox: _stage.Sandbox, start: datetime, number: str) -> float:
    """Seconds of one bare booking at the calendar."""
    body = {
        "start": start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventTypeId": _stage.EVENT_TYPE,
        "attendee": {"name": "Erika Muster", "timeZone": "Europe/Berlin", "phoneNumber": number},
        "metadata": {"idem": number},
    }
    headers = {**KEYS, "Content-Type": "application/json"}
    status, content, seconds = sandbox.control.send(
        "POST", "/v2/bookings", json.dumps(body).encode(), headers
    )
    if status != 201:
        raise RuntimeError(f"the sandbox answered {status}: {content[:200]!r}")
    return seconds


def book(stage: _stage.Stage, connection: _stage.Connection, start: datetime, number: str) -> float | None:
    """Seconds of ``book_appointment`` for an offered slot; None when that start was not free."""
    caller = stage.caller(connection, caller=number)
    found, _ = caller.ask("check_availability", date=start.date().isoformat(), time=f"{start:%H:%M}")
    if found["status"] != "available":
        return None
    answer, seconds = caller.ask("book_appointment", slot=found["slot"]["slot"], customer_name="Erika Muster")
    if answer["status"] != "booked":
        raise RuntimeError(f"not booked: {answer}")
    caller.event("call_ended", call_status="ended")
    return seconds


def requests(sandbox: _stage.Sandbox) -> dict[str, int]:
    counts: dict[str, int] = sandbox.control.json("GET", "/sandbox/requests?limit=0")["counts"]
    return counts


def measure(stage: _stage.Stage, *, latency: int, first_day: int, bookings: int) -> list[Row]:
    """Bookings through the platform and bare ones in turn."""
    sandbox = stage.sandbox
    if latency:
        rule: dict[str, Any] = {"kind": "latency", "method": "POST", "path": "/v2/bookings", "ms": latency}
        sandbox.control.json("POST", "/sandbox/faults", rule)
    connection = stage.connect()
    ours, bare = starts(first_day), starts(first_day + 2 * DAYS)
    through: list[float] = []
    beside: list[float] = []
    for start, alone in zip(ours, bare, strict=True):
        number = f"+4917{random.randrange(10**9):09d}"
        seconds = book(stage, connection, start, number)
        if seconds is None:
            continue
        through.append(seconds)
        beside.append(book_bare(sandbox, alone, number))
        if len(through) >= bookings:
            break
    asked = requests(sandbox).get("POST /v2/bookings", 0) - len(beside)
    sandbox.control.json("DELETE", "/sandbox/faults")
    sandbox.forget_requests()
    added = statistics.median(through) - statistics.median(beside)
    p95 = statistics.quantiles(through, n=20)[-1]
    what = f"calendar answers in {latency} ms" if latency else "calendar answers at once"
    floor = ms(statistics.median(beside))
    return [
        Row(f"{what}: booking, median of {len(through)}", ms(statistics.median(through)), floor),
        Row(f"{what}: booking, p95", ms(p95), floor),
        Row(
            f"{what}: added by booking, median",
            ms(added),
            target=f"≤ {ms(MOST_ADDED)}",
            ok=added <= MOST_ADDED,
        ),
        Row(
            f"{what}: requests a booking",
            f"{asked / len(through):.2f}",
            target="= 1",
            ok=asked == len(through),
        ),
    ]


def main(arguments: list[str]) -> None:
    options = parser("booking", __doc__)
    options.add_argument("--bookings", type=int, default=100, help="bookings a row (100, at most 132)")
    chosen = options.parse_args(arguments)
    print(_stage.described())
    with _stage.database(), _stage.stage(workers=1) as stage:
        measure(stage, latency=0, first_day=70, bookings=10)  # the first ones pay for connections
        rows = measure(stage, latency=0, first_day=1, bookings=chosen.bookings)
        rows += measure(stage, latency=150, first_day=1 + DAYS, bookings=chosen.bookings // 2)
    finish(rows, name="booking" if chosen.write else "", measured_on=_stage.described())


if __name__ == "__main__":
    main(sys.argv[1:])
