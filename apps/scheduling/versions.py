"""The calendar's version: one number in the database that every cached answer carries in its key.

Raising it makes everything cached about the event type unreachable, in both layers, for every
company and branch that uses it – also what a slow reader is still about to store under the old one.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F
from django.utils import timezone

from apps.services.models import EventType


def raise_version(event_type_ids: Iterable[int]) -> int:
    """Raise the version of these event types, inside the caller's transaction. Returns how many."""
    return EventType.objects.filter(pk__in=set(event_type_ids)).update(
        version=F("version") + 1, raised_at=timezone.now()
    )
