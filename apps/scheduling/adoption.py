"""What a change of the calendar changes here.

Changes arrive in any order and twice; what is known already changes nothing, what is over stays over,
and an earlier link of a chain of reschedules that is told late is known by the chain's root.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.scheduling import doubles, truth
from apps.scheduling.appointments import STATUS_OF, insert_appointment
from apps.scheduling.changes import Change
from apps.scheduling.models import Appointment, BookingAttempt, CalendarAccount, Customer
from apps.scheduling.versions import raise_version
from apps.services.models import BranchService
from apps.tenants.models import Company

log = structlog.get_logger(__name__)

# Longer, and what the caller was told is no news any more.
LATE = timedelta(days=1)

Status = Appointment.Status
Kind = BookingAttempt.Kind
State = BookingAttempt.State


def apply(company: Company, change: Change) -> int | None:
    """Record a change; returns the event type whose version was raised.

    None when it is none of this company's, or when it tells nothing new.
    """
    place = _place_of(company, change)
    event_type_id = place.event_type_id if place is not None else _known_event_type(change)
    if event_type_id is None or _is_known(change):
        return None
    with transaction.atomic():
        # First of all, as every writer of this calendar does: the others queue here.
        raise_version([event_type_id])
        _apply(company, place, change)
    return event_type_id


def _place_of(company: Company, change: Change) -> BranchService | None:
    """The service that is booked through this event type in this company's own calendar."""
    if change.event_type is None:
        return None
    base_url = (
        CalendarAccount.objects.filter(company_id=company.pk).values_list("base_url", flat=True).first()
    )
    return (
        BranchService.objects.filter(
            event_type__external_id=change.event_type, event_type__base_url=base_url or ""
        )
        .order_by("-active", "pk")
        .first()
    )


def _known_event_type(change: Change) -> int | None:
    uids = [uid for uid in (change.uid, change.moved_from) if uid]
    rows = Appointment.objects.filter(calendar_uid__in=uids)
    return rows.values_list("event_type_id", flat=True).first()


def _is_known(change: Change) -> bool:
    """Whether this very state is recorded: an echo of our own request, a duplicate, a replay."""
    row = _row(Appointment.objects.filter(calendar_uid=change.uid), change)
    return row is not None and (row.status, row.start, row.end) == (
        STATUS_OF[change.status],
        change.start,
        change.end,
    )


def _row(rows: QuerySet[Appointment], change: Change) -> Appointment | None:
    """The appointment among these that the change is about: of a session with seats, this person's.

    Of several that one chain has had, the one that still stands.
    """
    found = sorted(rows, key=lambda one: (one.status not in Appointment.OPEN, one.pk))
    if any(one.seat_uid for one in found):
        found = [one for one in found if change.seat_uid in ("", one.seat_uid)]
        if not change.seat_uid:
            found = [one for one in found if one.attendee_name == change.name]
    return found[0] if found else None


def _locked(change: Change, **where: object) -> Appointment | None:
    return _row(Appointment.objects.select_for_update(no_key=True).filter(**where).order_by("pk"), change)


def _apply(company: Company, place: BranchService | None, change: Change) -> None:
    row = _locked(change, calendar_uid=change.uid)
    before = _locked(change, calendar_uid=change.moved_from) if change.moved_from else None
    if row is not None:
        _update(row, change)
        if before is not None and before.status in Appointment.OPEN:
            _fold(before, row)
    elif before is not None and (before.status in Appointment.OPEN or not change.is_open):
        _follow(before, change)
    elif before is not None:
        _resume(before, change)
    elif _belongs_to_a_chain(change):
        return
    elif not _settled_attempt(change) and place is not None and not change.seated:
        _adopt(company, place, change)


def _update(row: Appointment, change: Change) -> None:
    """The same booking: ended, confirmed at last, or its times corrected."""
    target = STATUS_OF[change.status]
    at = change.at or timezone.now()
    if target not in Appointment.OPEN:
        if truth.move_appointment(row, to=target, calendar_changed_at=at):
            _settle(row, kind=Kind.CANCEL)
        return
    if target == Status.CONFIRMED and row.status == Status.REQUESTED:
        truth.move_appointment(row, to=target, calendar_changed_at=at)
    newer = row.calendar_changed_at is None or at >= row.calendar_changed_at
    if newer and (row.start, row.end) != (change.start, change.end):
        truth.change_appointment(
            row, to=Status(row.status), start=change.start, end=change.end, calendar_changed_at=at
        )


def _follow(row: Appointment, change: Change) -> None:
    """The booking got a new uid; ``row`` is the link before it."""
    values: dict[str, Any] = {
        "calendar_uid": change.uid,
        "seat_uid": change.seat_uid if row.seat_uid else "",
        "start": change.start,
        "end": change.end,
        "moves": row.moves + 1,
        "calendar_changed_at": change.at or timezone.now(),
    }
    target = STATUS_OF[change.status]
    record = truth.change_appointment if target in Appointment.OPEN else truth.move_appointment
    if record(row, to=target, **values):
        _settle(row, kind=Kind.RESCHEDULE, start=change.start)


def _resume(ended: Appointment, change: Change) -> None:
    """What ended here goes on in the calendar (somebody was asked to choose another time, and did)."""
    insert_appointment(
        Appointment(
            company_id=ended.company_id,
            branch_id=ended.branch_id,
            service_id=ended.service_id,
            event_type_id=ended.event_type_id,
            customer_id=ended.customer_id,
            status=STATUS_OF[change.status],
            start=change.start,
            end=change.end,
            attendee_name=ended.attendee_name,
            calendar_uid=change.uid,
            root_uid=ended.root_uid,
            moves=ended.moves + 1,
            booked_elsewhere=True,
            calendar_changed_at=change.at,
        )
    )


def _fold(earlier: Appointment, later: Appointment) -> None:
    """Two rows of one chain, told in the wrong order: the earlier one is the appointment."""
    BookingAttempt.objects.filter(appointment_id=later.pk).update(appointment_id=earlier.pk)
    later.delete()
    values: dict[str, Any] = {
        "calendar_uid": later.calendar_uid,
        "start": later.start,
        "end": later.end,
        "moves": earlier.moves + 1 + later.moves,
        "calendar_changed_at": later.calendar_changed_at,
    }
    target = Status(later.status)
    record = truth.change_appointment if target in Appointment.OPEN else truth.move_appointment
    if record(earlier, to=target, **values):
        _settle(earlier, kind=Kind.RESCHEDULE, start=later.start)


def _belongs_to_a_chain(change: Change) -> bool:
    """Whether a chain is known that this is a link of: a later one is followed, an earlier one is history."""
    roots = {uid for uid in (change.root, change.uid, change.moved_from) if uid}
    row = _locked(change, root_uid__in=roots)
    if row is None:
        return False
    known, at = row.calendar_changed_at, change.at
    if known is not None and at is not None and at > known and row.status in Appointment.OPEN:
        _follow(row, change)
    return True


def _settle(row: Appointment, *, kind: BookingAttempt.Kind, **where: object) -> None:
    """Our own change whose answer never came is what has just arrived."""
    tried = BookingAttempt.objects.filter(appointment_id=row.pk, kind=kind, **where)
    open_ones = list(tried.filter(state__in=BookingAttempt.UNSETTLED))
    for attempt in open_ones:
        truth.settle(attempt)
    if kind == Kind.RESCHEDULE and not open_ones:
        _settle_late(tried)


def _settle_late(tried: QuerySet[BookingAttempt]) -> None:
    """A move whose caller was told that it failed has come true: the calendar did it and said no, or the
    business has done it since."""
    last = tried.order_by("-id").first()
    lately = timezone.now() - LATE
    if last is not None and last.state == State.REJECTED and last.created_at > lately and truth.settle(last):
        log.warning("late_move", attempt=last.pk)
        truth.late_booking.send(sender=BookingAttempt, attempt=last)


def _settled_attempt(change: Change) -> bool:
    """Our own booking, told of before (or instead of) the answer to our request."""
    if not change.our_key:
        return False
    attempt = (
        BookingAttempt.objects.filter(calendar_key=change.our_key, kind=Kind.BOOK)
        .select_related("event_type", "appointment")
        .first()
    )
    if attempt is None:
        return False
    booking = change.as_booking()
    if attempt.state == State.CONFIRMED and not doubles.is_double(attempt, booking):
        return False
    if attempt.state == State.REJECTED and not change.is_open:
        return False  # it came and went while nobody believed in it
    truth.confirm_booking(attempt, booking)
    return True


def _adopt(company: Company, place: BranchService, change: Change) -> None:
    """A booking made elsewhere; one that was cancelled before we heard of it is kept as cancelled."""
    customer = None
    if change.phone:
        customer, _ = Customer.objects.get_or_create(
            company_id=company.pk, phone=change.phone, defaults={"name": change.name}
        )
    insert_appointment(
        Appointment(
            company_id=company.pk,
            branch_id=place.branch_id,
            service_id=place.service_id,
            event_type_id=place.event_type_id,
            customer=customer,
            status=STATUS_OF[change.status],
            start=change.start,
            end=change.end,
            attendee_name=change.name,
            calendar_uid=change.uid,
            root_uid=change.root or change.moved_from or change.uid,
            booked_elsewhere=True,
            calendar_changed_at=change.at,
        )
    )
