"""Somebody of the business should call back: because the caller asked, or because we owe them word.

Scheduling settles bookings after their calls are over and tells what came of it; who has to be called
is known here. Each request is opened once, however often its reason is told.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from apps.calls.models import Call, CallbackRequest
from apps.scheduling import doubles
from apps.scheduling.models import BookingAttempt
from apps.scheduling.truth import late_booking, lost_wish

TOPICS = {
    "late_booking": "Booked after all, although the caller was told that it failed.",
    "lost_booking": "Could not be booked, although the caller was told that it is being checked.",
    "lost_change": "Could not be changed, although the caller was told that it is being checked.",
    "double_booking": "Stands twice in the calendar and could not be cancelled.",
}


def connect() -> None:
    """Listen to scheduling."""
    late_booking.connect(_late, dispatch_uid="callback_for_late_booking")
    lost_wish.connect(_lost, dispatch_uid="callback_for_lost_wish")


def open_callback(*, company_id: int, branch_id: int, kind: str, key: str, **noted: Any) -> None:
    """One callback of a kind for a reason: asked again, it is completed and open again, never doubled."""
    dedup_key = f"{kind}:{key}"
    try:
        with transaction.atomic():
            CallbackRequest.objects.create(
                company_id=company_id, branch_id=branch_id, kind=kind, dedup_key=dedup_key, **noted
            )
    except IntegrityError:
        filled = {name: value for name, value in noted.items() if value}
        CallbackRequest.objects.filter(dedup_key=dedup_key).update(
            status=CallbackRequest.Status.OPEN, **filled
        )


def close_callbacks(*keys: str) -> None:
    """The callbacks with these keys (``<kind>:<key>``) have nothing more to tell."""
    CallbackRequest.objects.filter(dedup_key__in=keys).update(status=CallbackRequest.Status.DONE)


def _late(attempt: BookingAttempt, **_: object) -> None:
    _open_for(attempt, kind="late_booking")


def _lost(attempt: BookingAttempt, **_: object) -> None:
    if attempt.owner == doubles.OWNER:
        _open_for(attempt, kind="double_booking")
    elif not made_up_for(attempt):
        open_lost(attempt)


def open_lost(attempt: BookingAttempt) -> None:
    """What the caller was told is being checked did not come true."""
    _open_for(attempt, kind="lost_booking" if attempt.kind == BookingAttempt.Kind.BOOK else "lost_change")


def made_up_for(attempt: BookingAttempt) -> bool:
    """Whether the same conversation has come to an appointment of this service since."""
    later = BookingAttempt.objects.filter(
        owner=attempt.owner,
        kind=attempt.kind,
        service_id=attempt.service_id,
        state=BookingAttempt.State.CONFIRMED,
        pk__gt=attempt.pk,
    )
    return later.exists()


def _open_for(attempt: BookingAttempt, *, kind: str) -> None:
    local = attempt.start.astimezone(attempt.company.zone)
    open_callback(
        company_id=attempt.company_id,
        branch_id=attempt.branch_id,
        kind=kind,
        key=str(attempt.pk),
        call_id=call_id_of(attempt.owner),
        name=attempt.attendee_name,
        phone=attempt.attendee_phone,
        topic=f"{TOPICS[kind]} {local:%Y-%m-%d %H:%M}",
    )


def call_id_of(owner: str) -> int | None:
    """The call of an owner, if it is one and still there."""
    prefix, _, number = owner.partition(":")
    if prefix != "call" or not number.isdigit():
        return None
    return Call.objects.filter(pk=int(number)).values_list("pk", flat=True).first()
