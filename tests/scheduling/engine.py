"""Booking, moving and cancelling without a telephone: the engine as the phone side uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connections

from apps.core.deadline import Deadline
from apps.scheduling import booking
from apps.scheduling.booking import Attendee, Outcome
from apps.scheduling.models import Appointment, BookingAttempt
from apps.scheduling.places import Place, load_places
from apps.services.models import EventType
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import BERLIN, CALLER, Business

T = TypeVar("T")

START = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)
LATER = START + timedelta(hours=1)
ERIKA = Attendee(name="Erika Muster", phone=CALLER, verified=True)
PATIENCE = 4.0


def place_of(business: Business) -> Place:
    """The business's only place, with the calendar's version as it is now."""
    with company_scope(business.company.pk):
        return load_places(business.company)[0]


def book(
    business: Business,
    start: datetime = START,
    *,
    attendee: Attendee = ERIKA,
    owner: str = "call:1",
    patience: float = PATIENCE,
    notes: str = "",
    asked_at: datetime | None = None,
) -> Outcome:
    """Book as a call would."""
    with company_scope(business.company.pk):
        return booking.book(
            place_of(business),
            start=start,
            attendee=attendee,
            owner=owner,
            deadline=Deadline.after(patience),
            notes=notes,
            asked_at=asked_at,
        )


def move(
    business: Business,
    appointment: Appointment,
    start: datetime = LATER,
    *,
    owner: str = "call:2",
    patience: float = PATIENCE,
) -> Outcome:
    """Move as a call would."""
    with company_scope(business.company.pk):
        return booking.reschedule(
            place_of(business), appointment, start=start, owner=owner, deadline=Deadline.after(patience)
        )


def cancel(
    business: Business, appointment: Appointment, *, owner: str = "call:3", patience: float = PATIENCE
) -> Outcome:
    """Cancel as a call would."""
    with company_scope(business.company.pk):
        return booking.cancel(
            place_of(business), appointment, reason="", owner=owner, deadline=Deadline.after(patience)
        )


def booked(business: Business, start: datetime = START, **asked: Any) -> Appointment:
    """An appointment that stands, made the ordinary way."""
    outcome = book(business, start, **asked)
    assert outcome.settled == "done"
    assert outcome.appointment is not None
    return outcome.appointment


def attempts(business: Business) -> list[BookingAttempt]:
    """The business's attempts, oldest first."""
    with company_scope(business.company.pk):
        return list(BookingAttempt.objects.select_related("appointment").order_by("id"))


def the_attempt(business: Business) -> BookingAttempt:
    (attempt,) = attempts(business)
    return attempt


def appointments(business: Business) -> list[Appointment]:
    """The business's appointments, oldest first."""
    with company_scope(business.company.pk):
        return list(Appointment.objects.select_related("customer").order_by("id"))


def fresh(row: Appointment) -> Appointment:
    """The row as it is now."""
    with all_companies():
        return Appointment.objects.select_related("customer").get(pk=row.pk)


def version(business: Business) -> int:
    return EventType.objects.values_list("version", flat=True).get(pk=business.event_type.pk)


def at_once(*works: Callable[[], T]) -> list[T]:
    """What these return, all begun at the same moment, in their order. Raises what one of them raises."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        try:
            barrier.wait(5)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))
