"""A calendar that lists nothing for weeks is more often unreachable than fully booked.

When any connected calendar of a host cannot be read, Cal.com answers "no slots" (cal.com issue 23506).
The caller hears that no free times can be seen; the operator is told, until something is listed again.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.utils import timezone

from apps.scheduling.availability import Listing
from apps.scheduling.places import Place
from apps.services.models import EventType

log = structlog.get_logger(__name__)

# A calendar may end some weeks ahead: only a window that begins soon says something about it.
SOON = timedelta(days=7)


def note(place: Place, listing: Listing) -> None:
    """Remember since when this calendar has been empty, or that it no longer is."""
    if listing.blank == (place.empty_since is not None):
        return
    rows = EventType.objects.filter(pk=place.event_type_id)
    if not listing.blank:
        rows.update(empty_since=None)
        log.info("calendar_no_longer_empty", company=place.company.slug, event_type=place.external_id)
    elif _should_have_something(place, listing):
        rows.filter(empty_since__isnull=True).update(empty_since=timezone.now())
        log.warning("calendar_empty", company=place.company.slug, event_type=place.external_id)


def _should_have_something(place: Place, listing: Listing) -> bool:
    """Whether the branch is open in a window of at least a week that begins soon."""
    today = timezone.now().astimezone(place.zone).date()
    days = [listing.first + timedelta(days=n) for n in range((listing.last - listing.first).days + 1)]
    return days[0] <= today + SOON and len(days) >= SOON.days and any(map(place.opening.spans, days))
