"""Fetching free slots while the phone still rings, and again while the call goes on; nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from apps.core import deadline, tally
from apps.core.upstream import Saturated, WorkPool
from apps.flags.registry import Flag
from apps.flags.state import is_on
from apps.scheduling import availability, emptiness
from apps.scheduling.gateway import CalendarUnavailable, Priority, close_connections
from apps.scheduling.places import Place, load_places
from apps.tenants.models import Company
from apps.tenants.scoping import current_company_id

log = structlog.get_logger(__name__)

MOST_CALENDARS = 5
PATIENCE = 15.0
_pool = WorkPool(name="prewarm", threads=8, per_key=2, after_each=close_connections)


def prewarm(places: Sequence[Place]) -> None:
    """Have the next weeks of these places in the cache, in the background, where the company wants that.

    What is there already costs nothing; what is busy or refused is simply asked later.
    """
    missing = [place for place in places if not availability.is_ahead(place)]
    if missing:
        _in_background(lambda: missing)


def prewarm_branch(branch_id: int) -> None:
    """The same for what a branch of the company in scope offers."""

    def places() -> list[Place]:
        company = Company.objects.filter(pk=current_company_id(), active=True).first()
        if company is None:
            return []
        return [place for place in load_places(company) if place.branch.pk == branch_id]

    _in_background(places)


def _in_background(places: Callable[[], Sequence[Place]]) -> None:
    company_id = current_company_id()
    if not is_on(Flag.PREWARM, company_id=company_id):
        return

    def work() -> None:
        calendars = list({place.event_type_id: place for place in places()}.values())
        for place in calendars[:MOST_CALENDARS]:
            _fetch(place)

    try:
        # The deadline of the call that causes it does not bind it, and what it asks is not the call's.
        with deadline.in_force(None), tally.counting():
            _pool.start(work, key=str(company_id))
    except Saturated:
        log.info("not_prewarmed", company_id=company_id, reason="saturated")


def _fetch(place: Place) -> None:
    try:
        found = availability.fetch_ahead(place, patience=PATIENCE, priority=Priority.READ)
    except CalendarUnavailable as error:
        log.info("not_prewarmed", account=place.calendar.account_id, reason=error.reason)
    else:
        emptiness.note(place, found)


def drain(*, seconds: float = 10.0) -> bool:
    """Wait until nothing is warming (tests)."""
    return _pool.drain(timeout=seconds)
