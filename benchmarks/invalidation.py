"""What invalidating every cached answer of an event type costs, with one company on it and with a thousand.

    python -m benchmarks invalidation [--companies N] [--write]

In this process on the database, in turn: the statement that raises the calendar's version inside a
transaction that has begun, and the whole transaction that records a confirmed booking, of which it is the
first statement. It is checked that the raise is one statement, and that afterwards no company reads the
old version. Exit 1 when the raise takes 2 ms or more, or when either cost differs by more than a fifth.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from time import perf_counter
from typing import Any

from benchmarks import _stage
from benchmarks._pairs import Pairs
from benchmarks._table import Row, finish, ms, parser

MOST_SECONDS, MOST_DIFFERENCE = 0.002, 0.20
NUMBERS = ("+493055500001", "+493055500002")


def business(name: str, number: str, event_type: int) -> Any:
    """A company whose calendar nobody answers for: nothing here asks it."""
    from tests.factories import make_business

    return make_business(name, number=number, event_type=event_type, base_url=f"http://{_stage.HOST}:9/v2")


def seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def raised(one: Any) -> float:
    """Seconds of the raise alone. The transaction's first statement, which says the scope, was before."""
    from django.db import connection, transaction

    from apps.scheduling.versions import raise_version
    from apps.tenants.scoping import company_scope

    with company_scope(one.company.pk), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return seconds(lambda: raise_version([one.event_type.pk]))


def recorded(one: Any, number: int) -> float:
    """Seconds of the whole transaction that records a booking the calendar has confirmed."""
    from django.utils import timezone

    from apps.scheduling import truth
    from apps.scheduling.calcom.payloads import Booking
    from apps.tenants.scoping import company_scope
    from tests.factories import make_attempt

    start = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=24 + number)
    attempt = make_attempt(one, start=start, key=f"wish-{number}", owner=f"call:{number}", state="submitting")
    booking = Booking(
        uid=f"uid-{one.company.pk}-{number}",
        status="accepted",
        start=start,
        end=attempt.end,
        event_type_id=one.event_type.external_id,
    )
    with company_scope(one.company.pk):
        took = seconds(lambda: truth.confirm_booking(attempt, booking))
        attempt.refresh_from_db()
    if attempt.state != "confirmed":
        raise RuntimeError(f"not recorded: {attempt}")
    return took


def row(what: str, pairs: Pairs, *, companies: int) -> Row:
    """The same cost with many companies, beside that with one."""
    even = abs(pairs.ratio - 1) <= MOST_DIFFERENCE
    return pairs.row(f"{what}: {companies} companies beside 1", target=f"± {MOST_DIFFERENCE:.0%}", ok=even)


def out_of_reach(one: Any) -> tuple[int, int, int]:
    """Raise once: (statements it took, companies on the event type, those that still read the old one)."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from apps.scheduling.places import load_places
    from apps.scheduling.versions import raise_version
    from apps.services.models import BranchService
    from apps.tenants.models import Company
    from apps.tenants.scoping import all_companies, company_scope

    with all_companies():
        of = BranchService.objects.filter(event_type=one.event_type).values("company_id")
        companies = list(Company.objects.filter(pk__in=of))

    def versions() -> list[int]:
        found = []
        for company in companies:
            with company_scope(company.pk):
                found += [place.version for place in load_places(company)]
        return found

    before = versions()
    with CaptureQueriesContext(connection) as statements:
        raise_version([one.event_type.pk])
    after = versions()
    stale = sum(new <= old for old, new in zip(before, after, strict=True))
    return len(statements), len(companies), stale


def main(arguments: list[str]) -> None:
    options = parser("invalidation", __doc__)
    options.add_argument("--companies", type=int, default=1000, metavar="N", help="on the shared one (1000)")
    options.add_argument("--rounds", type=int, default=1000, metavar="N", help="raises of each (1000)")
    chosen = options.parse_args(arguments)
    print(_stage.described())
    if not _stage.ON_POSTGRES:
        print("skipped: the crowd is made by PostgreSQL")
        return
    with _stage.database():
        from benchmarks import _crowd

        logging.disable(logging.INFO)  # a line a booking
        alone, shared = (business(f"calendar-{n}", NUMBERS[n], 501 + n) for n in range(2))
        _crowd.companies(shared, chosen.companies - 1, shared_event_type=True)
        _crowd.analyze()
        raises, bookings = Pairs(), Pairs()
        for _ in range(chosen.rounds):
            raises.add(raised(shared), raised(alone))
        for number in range(chosen.rounds // 4):
            bookings.add(recorded(shared, number), recorded(alone, number))
        statements, companies, stale = out_of_reach(shared)
    slowest = max(raises.quietest())
    bound = f"< {MOST_SECONDS * 1000:.0f} ms"
    rows = [
        row("raising the version", raises, companies=companies),
        Row("raising the version, in the transaction", ms(slowest), target=bound, ok=slowest < MOST_SECONDS),
        row("recording a booking", bookings, companies=companies),
        Row("statements a raise takes", str(statements), target="= 1", ok=statements == 1),
        Row(f"of {companies} companies, those that read the old version after it", str(stale), target="= 0",
            ok=stale == 0 and companies == chosen.companies),
    ]  # fmt: skip
    finish(rows, name="invalidation" if chosen.write else "", measured_on=_stage.described())


if __name__ == "__main__":
    main(sys.argv[1:])
