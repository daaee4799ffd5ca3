"""Attempts: one row for one wish of one conversation, whoever asks, however often."""

from __future__ import annotations

import hashlib
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core.deadline import Deadline
from apps.scheduling import gateway, truth
from apps.scheduling.calcom.errors import Reason
from apps.scheduling.models import Appointment, BookingAttempt, Customer
from apps.scheduling.places import Place

Kind = BookingAttempt.Kind
State = BookingAttempt.State

# Refusals that mean the slot went to somebody else: fresh alternatives are the answer.
TAKEN = frozenset({Reason.SLOT_TAKEN, Reason.HOST_BUSY, Reason.CONFLICT, Reason.NO_SEATS})
# What is left for recording and speaking when a caller waited as long as possible, in seconds.
RESERVE = 0.5
# A row that nobody has sent by then never will be: its process is gone.
UNSENT = timedelta(seconds=60)
POLL_SECONDS = 0.05
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})

Settled = Literal["done", "already", "pending", "taken", "refused", "unavailable"]


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who comes. ``email`` may be the company's placeholder (``own_email`` is false then); "" = none.

    ``verified``: the phone is the number that calls, not one that was merely said.
    """

    name: str = field(repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    own_email: bool = True
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it. ``code`` says why not; ``attempt`` holds the operator's detail."""

    settled: Settled
    appointment: Appointment | None = None
    code: str = ""
    attempt: BookingAttempt | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is about to be asked of the calendar; ``parts`` make it the same wish when said again."""

    kind: BookingAttempt.Kind
    owner: str
    event_type_id: int
    start: datetime
    end: datetime
    attendee: Attendee
    parts: tuple[object, ...]
    customer: Customer | None = None
    appointment: Appointment | None = None
    reason: str = ""
    # When it was said: what has ended since then was not known to whoever said it.
    asked_at: datetime | None = None

    @property
    def key(self) -> str:
        """One key for one wish in one conversation."""
        text = "\x1f".join(str(part) for part in (self.owner, self.kind, *self.parts))
        return hashlib.sha256(text.encode()).hexdigest()[:48]


def folded(name: str) -> str:
    """A name as it is compared: "Sabine Müller" may come back from speech recognition as "sabine mueller"."""
    spelt = unicodedata.normalize("NFC", name).casefold().translate(UMLAUTS)
    bare = "".join(char for char in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(char))
    return " ".join(bare.replace("-", " ").split())


class TooMany(Exception):
    """The customer has as many open appointments of this service as are allowed."""


def claim(place: Place, wish: Wish) -> tuple[BookingAttempt, bool]:
    """The attempt for this wish, about to be sent (True), or the one that runs or stands (False).

    A wish whose last attempt was rejected, or whose appointment is gone again, may be tried anew: its
    key carries the number of the try, so that two at once still meet in one row. Raises ``TooMany``.
    """
    tries = _tries(wish)
    asked_before = _asked_before(wish, tries)
    if asked_before is not None:
        return asked_before, False
    same = [one for one in tries if one.owner == wish.owner and one.idempotency_key.startswith(wish.key)]
    last = same[-1] if same else None
    if last is not None and (not _is_over(last) or _ended_since(wish, last)):
        return last, False
    number = int(last.idempotency_key.rpartition(":")[2]) + 1 if last is not None else 0
    key = f"{wish.key}:{number}"
    try:
        with transaction.atomic():
            if wish.kind == Kind.BOOK and _has_too_many(place, wish.customer):
                raise TooMany
            attempt = _create(place, wish, key)
            # In one transaction with the row: whoever sees it knows that the calendar may have been asked.
            truth.submit(attempt, outlives=settings.CALCOM_BOOKING_LATE_TIMEOUT)
            return attempt, True
    except IntegrityError:
        return BookingAttempt.objects.select_related("appointment").get(idempotency_key=key), False


def other_change(wish: Wish) -> BookingAttempt | None:
    """What this conversation asked of the same appointment before, not known yet whether it came true."""
    return (
        BookingAttempt.objects.select_related("appointment")
        .filter(owner=wish.owner, appointment=wish.appointment, state__in=BookingAttempt.UNSETTLED)
        .exclude(idempotency_key__startswith=wish.key)
        .exclude(kind=Kind.BOOK)
        .order_by("id")
        .last()
    )


def _tries(wish: Wish) -> list[BookingAttempt]:
    """Everything that was asked for this start, or of this appointment, oldest first."""
    if wish.kind == Kind.BOOK:
        rows = BookingAttempt.objects.filter(event_type_id=wish.event_type_id, start=wish.start)
    else:
        rows = BookingAttempt.objects.filter(appointment=wish.appointment)
    return list(rows.filter(kind=wish.kind).select_related("appointment").order_by("id"))


def _asked_before(wish: Wish, tries: Iterable[BookingAttempt]) -> BookingAttempt | None:
    """A booking of this start that this conversation still waits for, or this caller has in another one.

    What is not settled may stand in the calendar already: asking for it under another spelling of the
    name, or in another call, must not book it a second time.
    """
    if wish.kind != Kind.BOOK:
        return None
    for one in tries:
        same_caller = wish.attendee.verified and one.attendee_phone == wish.attendee.phone
        same_person = same_caller and folded(one.attendee_name) == folded(wish.attendee.name)
        is_open = one.state in BookingAttempt.UNSETTLED
        if (is_open and one.owner == wish.owner) or (same_person and not _is_over(one)):
            return one
    return None


def _create(place: Place, wish: Wish, key: str) -> BookingAttempt:
    return BookingAttempt.objects.create(
        company_id=place.company.pk,
        kind=wish.kind,
        idempotency_key=key,
        calendar_key=uuid.uuid4().hex,
        asked_uid=wish.appointment.calendar_uid if wish.appointment is not None else "",
        owner=wish.owner,
        branch_id=place.branch.pk,
        service_id=place.service.pk,
        event_type_id=place.event_type_id,
        customer=wish.customer,
        appointment=wish.appointment,
        start=wish.start,
        end=wish.end,
        attendee_name=wish.attendee.name,
        attendee_phone=wish.attendee.phone,
        attendee_email=wish.attendee.email,
        reason=wish.reason[:500],
        check_at=timezone.now() + UNSENT,
    )


def _is_over(attempt: BookingAttempt) -> bool:
    """Whether the wish behind it may be tried again."""
    if attempt.state == State.REJECTED:
        return True
    if attempt.state != State.CONFIRMED or attempt.kind == Kind.CANCEL:
        return False
    appointment = attempt.appointment
    return (
        appointment is None
        or appointment.status not in Appointment.OPEN
        or appointment.start != attempt.start
    )


def _ended_since(wish: Wish, attempt: BookingAttempt) -> bool:
    """Whether what came of the attempt was ended while this wish was under way: a request that was slow to
    arrive must not book again what its caller has cancelled meanwhile."""
    made = attempt.appointment
    return (
        wish.asked_at is not None
        and made is not None
        and made.status not in Appointment.OPEN
        and made.updated_at > wish.asked_at
    )


def own_appointment(place: Place, *, start: datetime, phone: str, name: str) -> Appointment | None:
    """The open appointment that this number has at this start under this name."""
    rows = Appointment.objects.filter(
        event_type_id=place.event_type_id,
        start=start,
        status__in=Appointment.OPEN,
        customer__phone=phone,
    )
    return next((row for row in rows if folded(row.attendee_name) == folded(name)), None)


def _has_too_many(place: Place, customer: Customer | None) -> bool:
    """Whether the customer has as many open appointments of this service as are allowed, those counted
    that are still being asked for. The customer's row is locked: two calls at once are seen by each other."""
    limit = place.service.max_open_appointments
    if limit is None or customer is None:
        return False
    Customer.objects.select_for_update(no_key=True).filter(pk=customer.pk).first()
    coming = {"customer_id": customer.pk, "service_id": place.service.pk, "start__gt": timezone.now()}
    standing = Appointment.objects.filter(status__in=Appointment.OPEN, **coming)
    asked = BookingAttempt.objects.filter(kind=Kind.BOOK, state__in=BookingAttempt.UNSETTLED, **coming)
    return standing.count() + asked.count() >= limit


def join(attempt: BookingAttempt, *, deadline: Deadline) -> Outcome:
    """Somebody else asked the same: wait for what they hear, as long as this caller can."""
    while attempt.state in (State.REQUESTED, State.SUBMITTING) and deadline.left(reserve=RESERVE) > 0:
        gateway.pause(POLL_SECONDS)
        attempt = as_it_is(attempt)
    outcome = read(attempt)
    if outcome.settled == "done":
        return Outcome("already", outcome.appointment, attempt=attempt)
    return outcome


def as_it_is(attempt: BookingAttempt) -> BookingAttempt:
    """The row as it is now, with all that is told of its appointment: one query."""
    return BookingAttempt.objects.select_related("appointment__service", "appointment__branch").get(
        pk=attempt.pk
    )


def read(attempt: BookingAttempt) -> Outcome:
    """What an attempt's row says."""
    if attempt.state == State.CONFIRMED:
        return _read_confirmed(attempt)
    if attempt.state != State.REJECTED:
        return Outcome("pending", code=attempt.error_code, attempt=attempt)
    if attempt.error_code in TAKEN:
        return Outcome("taken", code=attempt.error_code, attempt=attempt)
    if attempt.error_code.startswith("unavailable"):
        return Outcome("unavailable", code=attempt.error_code, attempt=attempt)
    return Outcome("refused", code=attempt.error_code, attempt=attempt)


def _read_confirmed(attempt: BookingAttempt) -> Outcome:
    appointment = attempt.appointment
    ended = appointment is not None and appointment.status not in Appointment.OPEN
    if ended and attempt.kind != Kind.CANCEL:
        # Made, and ended by the business before its caller heard of it.
        return Outcome("refused", code="ended_meanwhile", attempt=attempt)
    return Outcome("done", appointment, attempt=attempt)
