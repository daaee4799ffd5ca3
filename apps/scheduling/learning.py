"""What an event type demands, looked up once: whether a booking needs an e-mail address."""

from __future__ import annotations

import structlog

from apps.core.caching import add
from apps.scheduling import gateway
from apps.scheduling.calcom.errors import CalendarError
from apps.scheduling.calcom.payloads import EventType as CalendarEventType
from apps.scheduling.gateway import CalendarUnavailable, Priority
from apps.scheduling.places import Place
from apps.services.models import EventType

log = structlog.get_logger(__name__)

LOOK_UP_SECONDS = 10.0
AGAIN_AFTER_SECONDS = 3600


def demands_email(described: CalendarEventType) -> bool:
    """Whether the event type refuses a booking without an e-mail address."""
    return any(field.type == "email" and field.required for field in described.fields)


def note(event_type_id: int, described: CalendarEventType) -> None:
    """Keep what was learned."""
    EventType.objects.filter(pk=event_type_id).update(email_required=demands_email(described))


def learn(place: Place) -> None:
    """Look up what is not known yet, at most once an hour, from spare budget; a failure is only logged."""
    if not EventType.objects.filter(pk=place.event_type_id, email_required__isnull=True).exists():
        return
    asked = f"learned:{place.calendar.account_id}:{place.event_type_id}"
    if add(asked, 1, seconds=AGAIN_AFTER_SECONDS) is False:
        return
    try:
        described = gateway.submit(
            place.calendar,
            lambda client, until: client.event_type(event_type_id=place.external_id, deadline=until),
            priority=Priority.SWEEP,
            late=LOOK_UP_SECONDS,
        ).result()
    except (CalendarUnavailable, CalendarError) as error:
        log.info("event_type_not_learned", account=place.calendar.account_id, code=error.code)
        return
    note(place.event_type_id, described)
