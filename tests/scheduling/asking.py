"""A process of its own that asks for free slots: started by tests, told when to ask on its standard input.

``python -m tests.scheduling.asking BASE_URL THREADS PREFIX``; prints how many were told what. With
``die`` in place of the number it takes the lead and dies without a word once it is told to ask.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

FIRST, LAST = date(2026, 1, 7), date(2026, 1, 14)


def main(base_url: str, threads: str, prefix: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "booking_platform.settings"
    import django

    django.setup()
    from django.conf import settings

    settings.CACHES["default"]["KEY_PREFIX"] = prefix
    import time_machine

    # The calendar of the tests is at this moment too.
    with time_machine.travel(datetime(2026, 1, 5, 8, 0, tzinfo=UTC), tick=True):
        _ask(base_url, threads)


def _ask(base_url: str, threads: str) -> None:
    from apps.core.tally import counting
    from apps.scheduling import availability, gateway
    from apps.scheduling.availability import Window
    from apps.scheduling.opening import OpeningRules
    from apps.scheduling.places import Calendar, Place
    from apps.services.models import Service
    from apps.tenants.models import Branch, Company
    from tests.factories import API_KEY

    place = Place(
        id=1,
        company=Company(pk=1, slug="park"),
        branch=Branch(pk=1, company_id=1),
        service=Service(pk=1, company_id=1),
        event_type_id=1,
        external_id=123,
        version=1,
        raised_at=None,
        empty_since=None,
        email_required=None,
        calendar=Calendar(1, 1, base_url, API_KEY),
        opening=OpeningRules.of(zone=ZoneInfo("Europe/Berlin"), hours={}, closures=[], region=""),
    )
    heard: Counter[str] = Counter()
    asked = 0

    def ask() -> None:
        nonlocal asked
        with counting() as tally:
            try:
                found = availability.listed(place, Window(FIRST, LAST), patience=10)
                heard[f"{len(found.starts)} starts"] += 1
            except gateway.CalendarUnavailable as error:
                heard[error.reason] += 1
            asked += tally.upstream_requests

    print("ready", flush=True)
    sys.stdin.readline()
    if threads == "die":
        threading.Thread(target=ask, daemon=True).start()
        time.sleep(0.3)
        print("asked", flush=True)
        sys.stdin.readline()
        return
    workers = [threading.Thread(target=ask) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(json.dumps({"heard": heard, "asked": asked}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
