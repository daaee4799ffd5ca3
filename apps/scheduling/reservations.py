"""Cal.com's own reservation of an offered slot (flag ``calcom_reservations``): a courtesy, never a lock.

It hides the slot from the business's booking page while a caller thinks. Cal.com neither asks for it nor
frees it when something is booked (facts: api docs of "slots/reservations", cal.com issues 23947, 24670),
so it is given back with the hold it stands for. All of it happens in the background, from spare budget;
what fails is left to expire by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.conf import settings

from apps.core import deadline
from apps.scheduling import gateway
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.gateway import CalendarUnavailable, Priority
from apps.scheduling.models import Hold
from apps.scheduling.places import Calendar, Place, calendar_of
from apps.scheduling.versions import raise_version
from apps.tenants.scoping import current_company_id

log = structlog.get_logger(__name__)

LATE_SECONDS = 4.0


def reserve(place: Place, starts: Sequence[datetime], *, owner: str) -> None:
    """Ask Cal.com to keep these starts as long as our own holds of them live. Returns at once."""
    minutes = math.ceil(settings.SLOT_HOLD_SECONDS / 60)

    def work(client: CalcomClient, until: float) -> None:
        for start in starts:
            holds = Hold.objects.filter(event_type_id=place.event_type_id, start=start, owner=owner)
            if not holds.filter(reservation_uid="").exists():
                continue  # refused or booked meanwhile, or reserved already
            reserved = client.reserve_slot(
                event_type_id=place.external_id, start=start, minutes=minutes, deadline=until
            )
            if not holds.filter(reservation_uid="").update(reservation_uid=reserved.uid):
                client.release_slot(reservation_uid=reserved.uid, deadline=until)

    _in_background(place.calendar, work)


def give_back(reserved: Sequence[tuple[int, str]]) -> None:
    """Release reservations, as (event type's row id, uid). Returns at once.

    Answers that were cached meanwhile lack these starts, so the calendars' versions are raised.
    """
    calendar = calendar_of(current_company_id())
    if calendar is None:
        return

    def work(client: CalcomClient, until: float) -> None:
        for _, uid in reserved:
            client.release_slot(reservation_uid=uid, deadline=until)
        raise_version(event_type_id for event_type_id, _ in reserved)

    _in_background(calendar, work)


def _in_background(calendar: Calendar, work: Callable[[CalcomClient, float], None]) -> None:
    # Nobody waits for it: the deadline of the call that caused it does not bind it.
    with deadline.in_force(None):
        try:
            gateway.submit(calendar, work, priority=Priority.SWEEP, late=LATE_SECONDS)
        except CalendarUnavailable as error:
            log.info("not_reserved", account=calendar.account_id, reason=error.reason)
