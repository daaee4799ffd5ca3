"""The endpoints of Cal.com's API v2, by what they are about."""

from __future__ import annotations

from apps.sandbox.calendar import Calendar
from apps.sandbox.endpoints.bookings import BookingEndpoints
from apps.sandbox.endpoints.setup import SetupEndpoints
from apps.sandbox.endpoints.slots import SlotEndpoints
from apps.sandbox.endpoints.webhooks import WebhookEndpoints
from apps.sandbox.http import Routes
from apps.sandbox.webhooks import Dispatcher


def routes(calendar: Calendar, webhooks: Dispatcher) -> Routes:
    """The table of all paths, each with the version headers under which it exists."""
    table = Routes()
    SlotEndpoints(calendar).add_to(table)
    BookingEndpoints(calendar, webhooks).add_to(table)
    SetupEndpoints(calendar).add_to(table)
    WebhookEndpoints(calendar).add_to(table)
    return table
