"""Everything that is held about one caller of one company: shown on request, erased on request.

A caller is their number. Found by it: the customer, every call from it or in which it was said, and what
hangs on these – functions, events, offers, callbacks, wishes – and the bookings made for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import structlog
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.calls.models import (
    Call,
    CallbackRequest,
    CallEvent,
    CallTransition,
    FunctionCall,
    Offer,
    SettlementNotice,
    WaitingWish,
)
from apps.calls.replay import REMEMBERED
from apps.operations import tasks
from apps.operations.models import AuditEntry
from apps.scheduling.models import Appointment, BookingAttempt, Customer

log = structlog.get_logger(__name__)

ERASED = "–"
# Told to a retry of a function whose answer was erased: the keys of the row still keep it from running twice.
ERASED_ANSWER = "Die Daten dieses Anrufs wurden gelöscht. The data of this call have been erased."


@dataclass(frozen=True, slots=True)
class Held:
    """The rows about one caller, by kind; querysets, evaluated when they are used."""

    customers: QuerySet[Customer]
    appointments: QuerySet[Appointment]
    attempts: QuerySet[BookingAttempt]
    calls: QuerySet[Call]
    transitions: QuerySet[CallTransition]
    functions: QuerySet[FunctionCall]
    events: QuerySet[CallEvent]
    offers: QuerySet[Offer]
    callbacks: QuerySet[CallbackRequest]
    waiting_wishes: QuerySet[WaitingWish]
    late_outcomes: QuerySet[SettlementNotice]

    def kinds(self) -> Iterator[tuple[str, QuerySet[Any]]]:
        """Name and rows of each kind."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)


def held_about(phone: str) -> Held:
    """What the company in scope holds about this number (E.164)."""
    customers = list(Customer.objects.filter(phone=phone).values_list("pk", flat=True))
    booked_in = BookingAttempt.objects.filter(attendee_phone=phone, owner__startswith="call:")
    owners = [int(owner[5:]) for owner in booked_in.values_list("owner", flat=True) if owner[5:].isdigit()]
    calls = list(
        Call.objects.filter(Q(caller_number=phone) | Q(spoken_phone=phone) | Q(pk__in=owners)).values_list(
            "pk", flat=True
        )
    )
    attempts = BookingAttempt.objects.filter(
        Q(attendee_phone=phone)
        | Q(customer_id__in=customers)
        # Moving and cancelling name no number; what was booked for somebody else's is about them.
        | Q(owner__in=[f"call:{call}" for call in calls], attendee_phone="")
    )
    made = list(attempts.exclude(appointment=None).values_list("appointment_id", flat=True))
    return Held(
        customers=Customer.objects.filter(pk__in=customers),
        appointments=Appointment.objects.filter(Q(customer_id__in=customers) | Q(pk__in=made)),
        attempts=attempts,
        calls=Call.objects.filter(pk__in=calls),
        transitions=CallTransition.objects.filter(call_id__in=calls),
        functions=FunctionCall.objects.filter(Q(call_id__in=calls) | Q(arguments__icontains=phone)),
        events=CallEvent.objects.filter(Q(call_id__in=calls) | Q(call=None, payload__icontains=phone)),
        offers=Offer.objects.filter(call_id__in=calls),
        callbacks=CallbackRequest.objects.filter(Q(phone=phone) | Q(call_id__in=calls)),
        waiting_wishes=WaitingWish.objects.filter(Q(phone=phone) | Q(call_id__in=calls)),
        late_outcomes=SettlementNotice.objects.filter(call_id__in=calls),
    )


def export(phone: str) -> dict[str, list[dict[str, Any]]]:
    """Every row about this number with all its fields, by kind."""
    return {name: [_as_data(row) for row in rows.order_by("pk")] for name, rows in held_about(phone).kinds()}


def _as_data(row: models.Model) -> dict[str, Any]:
    return {field.attname: field.value_from_object(row) for field in row._meta.concrete_fields}


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, by kind; ``still_booked`` appointments stand in the calendar, without a name here."""

    erased: dict[str, int]
    still_booked: int
    provider_copies: int


def erase(phone: str) -> Erasure:
    """Erase everything about this number, in one transaction; the providers' copies are queued.

    What is still to come stays in the calendar, and without a name here, so that it can be followed.
    A call that is on loses what it holds so far; what it brings later is new.
    """
    with transaction.atomic():
        found = held_about(phone)
        counts = {name: rows.count() for name, rows in found.kinds()}
        copies = list(found.calls.values_list("account_id", "external_id"))
        _forget_in_audit_log(found)
        _keep_from_running_again(found.functions, calls=set(found.calls.values_list("pk", flat=True)))
        for rows in (found.callbacks, found.waiting_wishes, found.events, found.functions):
            rows.delete()
        still_booked = _erase_bookings(found)
        # The rest goes with its call.
        found.calls.delete()
        found.customers.delete()
        transaction.on_commit(lambda: _queue(copies))
    log.info("caller_erased", **{name: count for name, count in counts.items() if count})
    return Erasure(counts, still_booked, len(copies))


def _queue(copies: list[tuple[int, str]]) -> None:
    for account_id, external_id in copies:
        tasks.erase_provider_copy_later(account_id, external_id)


def _keep_from_running_again(functions: QuerySet[FunctionCall], *, calls: set[int]) -> None:
    """A provider may repeat a request for a day: the row stays as long, with nothing in it but its keys."""
    recent = functions.filter(started_at__gt=timezone.now() - REMEMBERED)
    for function in recent:
        answer = function.answer or {}
        function.answer = {
            "status": answer.get("status", "unavailable"),
            "say": ERASED_ANSWER,
            "booked": answer.get("booked", False),
            "confirmation": "none",
            "requested": None,
            "service": None,
            "slot": None,
            "alternatives": [],
            "appointment": None,
        }
        function.state = FunctionCall.State.DONE
        function.arguments = {}
        if function.call_id in calls:
            function.call = None
        function.save(update_fields=["answer", "state", "arguments", "call"])


def _erase_bookings(found: Held) -> int:
    """Attempts and appointments: what is over goes, what is to come or unsettled loses the person."""
    nobody = {"attendee_name": "", "customer": None}
    coming = Q(status__in=Appointment.OPEN, end__gt=timezone.now())
    appointments = list(found.appointments.values_list("pk", flat=True))
    attempts = list(found.attempts.values_list("pk", flat=True))
    kept = Appointment.objects.filter(coming, pk__in=appointments)
    still_booked = kept.update(**nobody)
    unsettled = Q(state__in=BookingAttempt.UNSETTLED) | Q(appointment__in=kept.values("pk"))
    BookingAttempt.objects.filter(pk__in=attempts).filter(unsettled).update(
        **nobody, attendee_phone="", attendee_email="", reason=""
    )
    BookingAttempt.objects.filter(pk__in=attempts).exclude(unsettled).delete()
    Appointment.objects.filter(pk__in=appointments).exclude(coming).delete()
    return still_booked


def _forget_in_audit_log(found: Held) -> None:
    """Old and new values of these rows are personal data too; that somebody edited them is not."""
    for _, rows in found.kinds():
        ids = [str(pk) for pk in rows.values_list("pk", flat=True)]
        entries = AuditEntry.objects.filter(model=rows.model._meta.label_lower, object_id__in=ids)
        entries.update(label=ERASED, changes={})
