"""What a company's calendar itself says about its set-up: key, event types, webhooks, free times.

Asked directly, not past the circuit breaker: somebody who checks wants to know what is true now. The
upstream budget is respected.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from apps.core import runtime
from apps.core.limits import BudgetExhausted, Priority
from apps.operations.finding import Finding
from apps.scheduling import learning
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.errors import CalendarError, ConfigDrift, Refusal, Unauthorized
from apps.scheduling.calcom.payloads import BookingField, EventType
from apps.scheduling.places import Calendar, Place
from apps.tenants.models import Company

LOOK_SECONDS = 10.0
# Longer than any pause between two requests, shorter than a minute whose budget is spent.
TURN_SECONDS = 5.0
# Answered by the booking itself: who comes, and how to reach them.
ANSWERED = frozenset({"name", "email", "attendeePhoneNumber", "phone", "rescheduleReason"})
TRIGGERS = frozenset(
    {"BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "BOOKING_REJECTED"}
)


def _deadline() -> float:
    return time.monotonic() + LOOK_SECONDS


def _patient_client(calendar: Calendar) -> CalcomClient:
    """A client that waits for its turn: nobody is on the phone here."""
    budget = runtime.budget(calendar.account_id)

    def wait_for_turn() -> None:
        until = time.monotonic() + TURN_SECONDS
        while not (decision := budget.take(Priority.READ)).allowed:
            if time.monotonic() + decision.retry_after > until:
                raise BudgetExhausted(retry_after=decision.retry_after)
            time.sleep(decision.retry_after)

    return CalcomClient(base_url=calendar.base_url, api_key=calendar.api_key, gate=wait_for_turn)


def calendar_findings(company: Company, places: list[Place]) -> Iterator[Finding]:
    """What is found by asking the calendar; needs the company's scope."""
    if not places:
        return
    client = _patient_client(places[0].calendar)
    try:
        yield from _key(client, company)
        for place in places:
            yield from _place(client, company, place)
        yield from _webhooks(client, company)
    except Unauthorized:
        yield Finding("fail", "key_refused", "calcom.api_key", "Cal.com does not accept the company's key.")
    except BudgetExhausted:
        yield Finding(
            "fail",
            "calendar_not_asked",
            "calcom",
            "The budget of requests is used up: try again in a minute.",
        )
    except CalendarError as error:
        yield Finding(
            "fail", "calendar_unreachable", "calcom", f"The calendar cannot be asked ({error.code})."
        )


def _key(client: CalcomClient, company: Company) -> Iterator[Finding]:
    me = client.me(deadline=_deadline())
    if me.time_zone and me.time_zone != company.timezone:
        yield Finding(
            "warn",
            "time_zone_differs",
            "calcom",
            f"The calendar counts in {me.time_zone}, the company in {company.timezone}.",
        )


def _place(client: CalcomClient, company: Company, place: Place) -> Iterator[Finding]:
    name = f"{place.service.slug} at {place.branch.slug} (event type {place.external_id})"
    try:
        described = client.event_type(event_type_id=place.external_id, deadline=_deadline())
    except (ConfigDrift, Refusal):
        yield Finding("fail", "event_type_not_found", name, "Cal.com has no such event type under this key.")
        return
    learning.note(place.event_type_id, described)
    yield from refusing(described, name)
    yield from _matching(described, place, name)
    yield from _fields(described, company, place, name)
    yield from _free(client, place, name)


def refusing(described: EventType, name: str) -> Iterator[Finding]:
    """What keeps an event type from being booked, moved or cancelled by phone."""
    if described.price > 0:
        yield Finding("fail", "costs_money", name, "It demands payment, which cannot be made by phone.")
    if described.recurring:
        yield Finding("fail", "recurring", name, "It books a series, which is not booked by phone.")
    if described.requires_authentication:
        yield Finding("fail", "needs_sign_in", name, "It takes only bookers who are signed in to Cal.com.")
    if described.requires_email_verification:
        yield Finding("fail", "needs_verification", name, "It demands that the booker's e-mail is verified.")
    if described.requires_confirmation:
        yield Finding(
            "warn", "needs_confirmation", name, "Every booking waits until the business has confirmed it."
        )
    if described.cancelling_disabled:
        yield Finding("warn", "no_cancelling", name, "Callers cannot cancel.")
    if described.rescheduling_disabled:
        yield Finding("warn", "no_rescheduling", name, "Callers cannot move appointments.")


def _matching(described: EventType, place: Place, name: str) -> Iterator[Finding]:
    minutes = place.service.duration_minutes
    if described.length_minutes != minutes:
        yield Finding(
            "fail",
            "duration_differs",
            name,
            f"The event type takes {described.length_minutes} minutes, the service {minutes}.",
        )
    seats, capacity = described.seats or 1, place.service.capacity
    if capacity > seats:
        yield Finding("fail", "too_few_seats", name, f"The service takes {capacity}, the event type {seats}.")
    elif capacity < seats:
        yield Finding(
            "warn", "seats_unused", name, f"The event type has {seats} seats, the service {capacity}."
        )
    limit, allowed = described.booker_limit, place.service.max_open_appointments
    if limit is not None and (allowed is None or allowed > limit):
        yield Finding(
            "warn", "booker_limit", name, f"Cal.com allows a booker {limit} open appointments, we more."
        )


def _fields(described: EventType, company: Company, place: Place, name: str) -> Iterator[Finding]:
    given = place.service.booking_fields
    for field in described.fields:
        if not field.required or field.hidden or field.slug in ANSWERED or field.type == "email":
            continue
        if field.slug not in given:
            yield Finding(
                "fail", "field_unanswered", name, f"The booking field {field.slug!r} is required: answer it."
            )
        elif not _fits(field, given[field.slug]):
            yield Finding(
                "fail", "field_misanswered", name, f"The answer to {field.slug!r} is none of its options."
            )
    if learning.demands_email(described) and not company.email_placeholder:
        yield Finding(
            "warn", "email_demanded", name, "It demands an e-mail address: every caller has to spell theirs."
        )


def _fits(field: BookingField, answer: object) -> bool:
    if not field.options:
        return True
    chosen = answer if isinstance(answer, list) else [answer]
    return all(str(one) in field.options for one in chosen)


def _free(client: CalcomClient, place: Place, name: str) -> Iterator[Finding]:
    now = timezone.now()
    answer = client.slots(
        event_type_id=place.external_id,
        start=now,
        end=now + timedelta(days=settings.SEARCH_DAYS),
        time_zone=place.zone.key,
        deadline=_deadline(),
    )
    if not answer.slots:
        yield Finding(
            "warn",
            "nothing_free",
            name,
            f"Nothing is free in {settings.SEARCH_DAYS} days: full, or a connected calendar cannot be read.",
        )
    elif not any(place.opening.permits(slot.start) for slot in answer.slots):
        yield Finding("fail", "never_within_hours", name, "What is free lies outside the branch's hours.")


def _webhooks(client: CalcomClient, company: Company) -> Iterator[Finding]:
    address = f"/webhooks/calcom/{company.slug}/"
    ours = [
        hook
        for hook in client.webhooks(deadline=_deadline())
        if hook.active and urlsplit(hook.subscriber_url).path == address
    ]
    if not ours:
        yield Finding(
            "fail",
            "no_webhook",
            address,
            "No active webhook of Cal.com goes there: what is booked elsewhere is noticed late.",
        )
        return
    missing = TRIGGERS - frozenset().union(*(hook.triggers for hook in ours))
    if missing:
        yield Finding(
            "fail", "webhook_incomplete", address, f"It does not tell of {', '.join(sorted(missing))}."
        )
