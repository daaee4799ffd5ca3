"""Which ``cal-api-version`` each operation is asked with: the "works everywhere" column.

The header is compared as an exact string; an unknown or missing value silently falls back to
2024-04-15 with other shapes. Newer values exist on the hosted service only, so these are the ones
that hosted and self-hosted installations both know. Source: Cal.com API v2 reference, 2026-09.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

HEADER = "cal-api-version"

SLOTS = "2024-09-04"
BOOKINGS = "2024-08-13"
EVENT_TYPES = "2024-06-14"


class Operation(StrEnum):
    """What is asked of Cal.com; the value names it in logs, metrics and errors."""

    SLOTS = "slots"
    RESERVE_SLOT = "reserve_slot"
    RELEASE_SLOT = "release_slot"
    CREATE_BOOKING = "create_booking"
    GET_BOOKING = "get_booking"
    LIST_BOOKINGS = "list_bookings"
    CANCEL_BOOKING = "cancel_booking"
    RESCHEDULE_BOOKING = "reschedule_booking"
    EVENT_TYPE = "event_type"
    EVENT_TYPES = "event_types"
    ME = "me"
    WEBHOOKS = "webhooks"
    CREATE_WEBHOOK = "create_webhook"


VERSIONS: Mapping[Operation, str | None] = MappingProxyType(
    {
        Operation.SLOTS: SLOTS,
        Operation.RESERVE_SLOT: SLOTS,
        Operation.RELEASE_SLOT: SLOTS,
        Operation.CREATE_BOOKING: BOOKINGS,
        Operation.GET_BOOKING: BOOKINGS,
        Operation.LIST_BOOKINGS: BOOKINGS,
        Operation.CANCEL_BOOKING: BOOKINGS,
        Operation.RESCHEDULE_BOOKING: BOOKINGS,
        Operation.EVENT_TYPE: EVENT_TYPES,
        Operation.EVENT_TYPES: EVENT_TYPES,
        Operation.ME: None,
        Operation.WEBHOOKS: None,
        Operation.CREATE_WEBHOOK: None,
    }
)
