"""Tidying up after a change: what expired goes, the next days of a busy calendar are fetched again."""

from __future__ import annotations

import structlog

from apps.core import caching, runtime
from apps.scheduling import availability, emptiness, holds
from apps.scheduling.gateway import CalendarUnavailable, Priority
from apps.scheduling.places import Place, load_places
from apps.tenants.models import Company
from apps.tenants.scoping import current_company_id

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60
PATIENCE = 15.0


def sweep(event_type_id: int) -> None:
    """Remove expired holds of the company in scope and dead entries of the cache, and warm the calendar.

    Safe to run twice or never: what it removes is ignored anyway, and what it fetches would be asked for.
    """
    holds.release_expired(event_type_id)
    if caching.add("tidied", 1, seconds=EVERY_SECONDS):
        caching.tidy()
    company = Company.objects.filter(pk=current_company_id(), active=True).first()
    if company is None:
        return
    for place in load_places(company):
        if place.event_type_id == event_type_id:
            warm(place)
            return


def warm(place: Place) -> bool:
    """Have the calendar's next weeks in the cache: asked at most once a minute, from spare budget only."""
    account = place.calendar.account_id
    if runtime.budget(account).blocked_for() > 0:
        return False
    if availability.is_settling(place):
        # What is fetched now lives five seconds, and nothing else would be for a minute. That change has
        # sweeps of its own.
        return False
    # Without a cache there is nothing to warm, and nobody knows when it was warmed last.
    if not caching.add(f"warmed:{account}:{place.event_type_id}", 1, seconds=EVERY_SECONDS):
        return False
    try:
        found = availability.fetch_ahead(place, patience=PATIENCE, priority=Priority.SWEEP)
    except CalendarUnavailable as error:
        log.info("not_warmed", account=account, reason=error.reason)
        return False
    emptiness.note(place, found)
    return True
