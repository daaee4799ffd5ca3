"""Following the calendar: webhooks as they come, and a drift check because they come at most once.

Both become the same ``Change`` and the same writes (``apps.scheduling.adoption``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from apps.scheduling import adoption, changes, gateway, tasks
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.payloads import Booking, BookingList
from apps.scheduling.gateway import CalendarUnavailable, Priority
from apps.scheduling.models import CalendarAccount
from apps.scheduling.places import Calendar
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope

log = structlog.get_logger(__name__)

FIRST_LOOK_BACK = timedelta(hours=1)
OVERLAP = timedelta(minutes=2)


def apply_webhook(company: Company, body: Mapping[str, Any]) -> None:
    """Apply a webhook in the company's scope."""
    change = changes.of_webhook(body)
    if change is None:
        log.info("webhook_without_change", company=company.slug, trigger=str(body.get("triggerEvent"))[:60])
        return
    event_type_id = adoption.apply(company, change)
    if event_type_id is not None:
        tasks.sweep_after_change(company.pk, event_type_id)


def companies_to_follow() -> list[int]:
    """Every active company with a calendar."""
    with all_companies():
        rows = CalendarAccount.objects.filter(company__active=True).order_by("company_id")
        return list(rows.values_list("company_id", flat=True))


def follow(company_id: int) -> int | None:
    """Apply what changed in a company's calendar since the last look; returns how many changes were listed.

    None when the calendar could not be asked; the next look starts where this one did. What a list
    could not hold is left to the next look as well.
    """
    with company_scope(company_id):
        account = CalendarAccount.objects.select_related("company").filter(company_id=company_id).first()
        if account is None:
            return None
        calendar = Calendar(account.pk, company_id, account.base_url, account.api_key)
        began = timezone.now()
        since = account.followed_until or began - FIRST_LOOK_BACK

        def work(client: CalcomClient, until: float) -> tuple[BookingList, BookingList]:
            return (
                client.bookings_created_after(since=since, deadline=until),
                client.bookings_updated_after(since=since, deadline=until),
            )

        try:
            made, changed = gateway.submit(
                calendar,
                work,
                priority=Priority.SWEEP,
                late=settings.CALCOM_BOOKING_LATE_TIMEOUT,
                # A busy calendar's list has more pages than may be asked for in a second.
                unhurried=True,
            ).result()
        except CalendarUnavailable as error:
            log.warning("calendar_not_followed", company=account.company.slug, code=error.reason)
            return None
        bookings = list({booking.uid: booking for booking in (*made.bookings, *changed.bookings)}.values())
        for booking in sorted(bookings, key=lambda one: _told_at(one) or began):
            _apply_listed(account.company, booking)
        CalendarAccount.objects.filter(pk=account.pk).update(
            followed_until=_next_since(since, began, made=made, changed=changed)
        )
        return len(bookings)


def _told_at(booking: Booking) -> datetime | None:
    return booking.updated_at or booking.created_at


def _next_since(since: datetime, began: datetime, *, made: BookingList, changed: BookingList) -> datetime:
    """Where the next look starts: some minutes before this one, or before what a list could not hold."""
    reached = min([began, *_cut_at(made, "created_at"), *_cut_at(changed, "updated_at")])
    overlapping = reached - OVERLAP
    # A list that does not even reach past the overlap must still get on.
    return overlapping if overlapping > since else max(reached, since)


def _cut_at(listed: BookingList, field: str) -> Iterator[datetime]:
    """How far a list reaches that was cut at its bound."""
    moments = [moment for one in listed.bookings if (moment := getattr(one, field)) is not None]
    if not listed.complete and moments:
        yield max(moments)


def _apply_listed(company: Company, booking: Booking) -> None:
    if not booking.is_open and booking.rescheduled_to_uid:
        return  # its successor tells where it went
    event_type_id = adoption.apply(company, changes.of_booking(booking))
    if event_type_id is not None:
        tasks.sweep_after_change(company.pk, event_type_id)
