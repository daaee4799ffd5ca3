"""What a warm answer costs in a database of one company, and in one of 10,000 with a million calls.

    python -m benchmarks growth [--companies N] [--calls N] [--write]

Over HTTP against the production web server, the same wish of the same company before and after the
database is filled (``benchmarks/_crowd.py``) and analyzed: other companies with numbers, services and
calendars of their own, calls with their functions and offers, customers and appointments, a tenth of them
of the company that is measured. Each answer beside the bare view in the same server; growth is the
ratio after divided by the ratio before. PostgreSQL only. Exit 1 when it is more than 1.2, or when the
calendar was asked.
"""

from __future__ import annotations

import sys
from time import perf_counter, sleep
from typing import Any

from benchmarks import _stage
from benchmarks._pairs import Pairs
from benchmarks._table import Row, finish, parser
from benchmarks.availability import measure_warm, take

MOST_GROWTH = 1.2


def history(stage: _stage.Stage) -> None:
    """One call that asked and booked: what the crowd's calls are copies of."""
    connection = stage.connect()
    caller = stage.caller(connection, caller="+4917099999999")
    day = _stage.local_day(20).isoformat()
    found, _ = caller.ask("check_availability", date=day, time="10:00")
    booked, _ = caller.ask("book_appointment", slot=found["slot"]["slot"], customer_name="Erika Muster")
    if booked["status"] != "booked":
        raise RuntimeError(f"not booked: {booked}")
    from apps.scheduling.availability import UNSETTLED_SECONDS

    caller.event("call_ended", call_status="ended")
    connection.close()
    # What is asked for right after a change is kept for these seconds alone.
    sleep(UNSETTLED_SECONDS)


def fill(business: Any, *, companies: int, calls: int) -> float:
    """Seconds it took."""
    from benchmarks import _crowd

    began = perf_counter()
    after = _crowd.companies(business, companies - 1, shared_event_type=False)
    _crowd.calls(business, calls, others=companies - 1, after=after)
    _crowd.analyze()
    return perf_counter() - began


def row(what: str, pairs: Pairs) -> Row:
    return pairs.row(f"warm wish with alternatives, {what}")


def main(arguments: list[str]) -> None:
    options = parser("growth", __doc__)
    options.add_argument("--companies", type=int, default=10_000, metavar="N", help="in the end (10000)")
    options.add_argument("--calls", type=int, default=1_000_000, metavar="N", help="in the end (1000000)")
    options.add_argument("--warm", type=int, default=400, metavar="N", help="wishes before and after (400)")
    chosen = options.parse_args(arguments)
    print(_stage.described())
    if not _stage.ON_POSTGRES:
        print("skipped: the crowd is made by PostgreSQL")
        return
    with _stage.database(), _stage.stage(workers=1) as stage:
        from benchmarks import _crowd

        take(stage.sandbox)
        history(stage)
        small, asked = measure_warm(stage, greeted=True, rounds=chosen.warm)
        took = fill(stage.business, companies=chosen.companies, calls=chosen.calls)
        rows = _crowd.counted()
        stage.sandbox.control.close()  # idle for minutes; it opens again by itself
        print(f"filled in {took:.0f} s:", ", ".join(f"{count:,} {name}" for name, count in rows.items()))
        large, asked_again = measure_warm(stage, greeted=True, rounds=chosen.warm)
    growth = large.ratio / small.ratio
    there = f"{rows['Company']:,} companies and {rows['Call']:,} calls"
    finish(
        [
            row("1 company", small),
            row(there, large),
            Row("growth: the second ratio divided by the first", f"{growth:.2f} ×",
                target=f"≤ {MOST_GROWTH} ×", ok=growth <= MOST_GROWTH),
            Row("requests to the calendar", str(asked + asked_again), target="= 0",
                ok=asked + asked_again == 0),
        ],
        name="growth" if chosen.write else "", measured_on=_stage.described(),
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
