"""What became of a booking that was answered `pending`: the caller is owed it.

While the call is on, the agent is told and says it. When it is over, or the provider cannot be told,
somebody calls back. The callback is opened first, in the transaction that settles the attempt: whatever
happens to the message to the agent, the answer is not lost.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q

from apps.calls import promises, tasks
from apps.calls.callbacks import call_id_of, close_callbacks, made_up_for, open_callback, open_lost
from apps.calls.live_update import tell_agent
from apps.calls.models import Call, CallbackRequest, FunctionCall, SettlementNotice
from apps.calls.speech.catalogue import mark, text
from apps.calls.speech.say import say_label, say_start
from apps.scheduling.models import Appointment, BookingAttempt
from apps.scheduling.truth import attempt_settled
from apps.tenants.scoping import company_scope

log = structlog.get_logger(__name__)

Kind = BookingAttempt.Kind
State = BookingAttempt.State
Told = SettlementNotice.Told

# What the agent is told to say.
TELL = mark("The calendar has answered. Tell the caller now: {outcome}")
CONFIRMED = {
    Kind.BOOK: mark("Your appointment is booked: {service}, {start}."),
    Kind.RESCHEDULE: mark("Your appointment is now {start}."),
    Kind.CANCEL: mark("Your appointment is cancelled: {start}."),
}
REQUESTED = mark("Your request for {service}, {start}, has been passed on. It still has to be confirmed.")
REJECTED = {
    Kind.BOOK: mark("That did not work, nothing was booked. Shall I look for another time?"),
    Kind.RESCHEDULE: mark("That did not work, your appointment has not been moved."),
    Kind.CANCEL: mark("That did not work, your appointment has not been cancelled."),
}
# What the operator reads.
TOPICS = {
    Kind.BOOK: mark("Booked: {start}. The caller was told that it is being checked."),
    Kind.RESCHEDULE: mark("Moved to: {start}. The caller was told that it is being checked."),
    Kind.CANCEL: mark("Cancelled: {start}. The caller was told that it is being checked."),
}


def connect() -> None:
    """Listen to scheduling."""
    attempt_settled.connect(_settled, dispatch_uid="caller_is_owed_the_outcome")


def _settled(attempt: BookingAttempt, **_: object) -> None:
    transaction.on_commit(lambda: follow_up(attempt.company_id, attempt.pk), robust=True)


def after_pending(call: Call) -> None:
    """A function of this call was just answered `pending`: its attempt may have been settled meanwhile."""
    settled = BookingAttempt.objects.filter(owner=call.owner_key, state__in=[State.CONFIRMED, State.REJECTED])
    for attempt_id in settled.values_list("pk", flat=True):
        follow_up(call.company_id, attempt_id)


def heard(call: Call, *, reference: str) -> None:
    """A function of this call was just answered with this appointment: whoever asked again knows it."""
    notices = SettlementNotice.objects.filter(
        call_id=call.pk, attempt__appointment__reference=reference, told=Told.OPERATOR
    )
    for notice in notices.select_related("attempt"):
        _told_in_the_call(notice)


def follow_up(company_id: int, attempt_id: int) -> None:
    """Tell the outcome of an attempt to whoever should hear it, once; nobody if the caller has heard it."""
    with company_scope(company_id):
        attempt = (
            BookingAttempt.objects.select_related("appointment", "service")
            .filter(pk=attempt_id, state__in=[State.CONFIRMED, State.REJECTED])
            .first()
        )
        if attempt is None:
            return
        call_id = call_id_of(attempt.owner)
        if call_id is None:
            return
        call = Call.objects.select_related("company").get(pk=call_id)
        if _is_owed(attempt, call):
            notice = _note(attempt, call)
            if notice is not None and not _is_owed(attempt, call):
                _told_in_the_call(notice)  # answered while this was written down
            elif notice is not None and call.state == Call.State.ONGOING:
                tasks.tell_settlement_later(company_id, notice.pk)
        compare(call.pk)


def compare(call_id: int) -> None:
    """Compare what was said with what stands now.

    The analysis may tell what was said at this very moment: of the two who compare, the second must see
    what the first has written.
    """
    with transaction.atomic():
        rows = Call.objects.select_for_update(no_key=True, of=("self",)).select_related("company")
        promises.compare(rows.get(pk=call_id))


def tell(notice_id: int) -> bool:
    """Tell the agent of a call that is on what the notice says; the operator's task is done then."""
    notice = SettlementNotice.objects.select_related(
        "call__account", "call__company", "attempt__appointment", "attempt__service"
    ).get(pk=notice_id)
    call = notice.call
    if notice.told == Told.AGENT or call.state != Call.State.ONGOING:
        return False
    said = outcome(notice.attempt, call)
    if not tell_agent(call, text(TELL, language=call.company.language, outcome=said)):
        return False
    _told_in_the_call(notice)
    log.info("outcome_told", call=call.pk, attempt=notice.attempt_id, state=notice.state)
    return True


def _told_in_the_call(notice: SettlementNotice) -> None:
    with transaction.atomic():
        SettlementNotice.objects.filter(pk=notice.pk).update(told=Told.AGENT)
        close_callbacks(*_keys(notice.attempt))


def outcome(attempt: BookingAttempt, call: Call) -> str:
    """What became of the attempt, as a caller hears it."""
    appointment = attempt.appointment
    start = appointment.start if appointment is not None else attempt.start
    if attempt.state == State.REJECTED:
        sentence = REJECTED[Kind(attempt.kind)]
    elif appointment is not None and appointment.status == Appointment.Status.REQUESTED:
        sentence = REQUESTED
    else:
        sentence = CONFIRMED[Kind(attempt.kind)]
    zone, language = call.company.zone, call.company.language
    said = say_start(start.astimezone(zone), now=call.created_at.astimezone(zone), language=language)
    return text(sentence, language=language, service=attempt.service.name, start=said)


def _is_owed(attempt: BookingAttempt, call: Call) -> bool:
    """Whether the caller was told that it is being checked, and has not heard the end of it since."""
    if attempt.state == State.REJECTED and made_up_for(attempt):
        return False
    reference = attempt.appointment.reference if attempt.appointment is not None else ""
    # No other answer says anything about it, and a long call has many.
    telling = (
        Q(status="pending") | Q(told_to_wait_at__isnull=False) | Q(answer__appointment__reference=reference)
    )
    asked = FunctionCall.objects.filter(telling, call_id=call.pk).order_by("id")
    owed = False
    for function in asked.only("state", "status", "answer", "started_at", "duration_ms", "told_to_wait_at"):
        began = function.started_at
        if function.state == FunctionCall.State.DONE:
            named = (function.answer or {}).get("appointment")
            if function.status == "pending" and named is None:
                ended = began + timedelta(milliseconds=function.duration_ms or 0)
                owed = owed or _was_open(attempt, began, ended)
            elif named is not None and named["reference"] == reference:
                owed = False
        if function.told_to_wait_at is not None:
            # The answer went to whoever asked first and listens no more.
            owed = owed or _was_open(attempt, began, function.told_to_wait_at)
    return owed


def _was_open(attempt: BookingAttempt, began: datetime, ended: datetime) -> bool:
    """Whether the attempt was open while a function ran."""
    return attempt.created_at <= ended and (attempt.settled_at is None or attempt.settled_at >= began)


def _note(attempt: BookingAttempt, call: Call) -> SettlementNotice | None:
    """Write it down, with a task for the operator; None when it is written down already."""
    with transaction.atomic():
        notice, fresh = SettlementNotice.objects.get_or_create(
            attempt_id=attempt.pk,
            state=attempt.state,
            defaults={"company_id": call.company_id, "call_id": call.pk, "told": Told.OPERATOR},
        )
        if not fresh:
            return None
        if _is_known_to_operator(attempt):
            return notice
        if attempt.state == State.REJECTED:
            open_lost(attempt)
        else:
            open_callback(
                company_id=call.company_id,
                branch_id=attempt.branch_id,
                kind="settled_late",
                key=str(attempt.pk),
                call_id=call.pk,
                name=attempt.attendee_name,
                phone=attempt.attendee_phone,
                topic=_topic(attempt, call),
            )
    return notice


def _topic(attempt: BookingAttempt, call: Call) -> str:
    """For the operator, who reads it on some other day."""
    local = attempt.start.astimezone(call.company.zone)
    start = say_label(
        local, now=call.created_at.astimezone(call.company.zone), language=call.company.language
    )
    return text(TOPICS[Kind(attempt.kind)], language=call.company.language, start=start)


def _keys(attempt: BookingAttempt) -> list[str]:
    """The callbacks that tell of this attempt's outcome."""
    return [
        f"{kind}:{attempt.pk}" for kind in ("settled_late", "late_booking", "lost_booking", "lost_change")
    ]


def _is_known_to_operator(attempt: BookingAttempt) -> bool:
    told = CallbackRequest.objects.filter(dedup_key__in=_keys(attempt))
    return told.filter(status=CallbackRequest.Status.OPEN).exists()
