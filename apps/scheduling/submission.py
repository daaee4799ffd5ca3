"""Asking the calendar once, in a thread that outlives the caller, and recording what came back.

A request to the calendar may take 30 seconds, its caller waits five at most. Whoever hangs up, and
whatever becomes of the answer to them, the thread goes on and writes the outcome into the attempt's row.
It never sends anything twice. Where no trustworthy answer came it looks at the calendar at once, and
leaves to reconciliation what cannot be seen yet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from copy import copy
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from apps.core import runtime
from apps.core.deadline import Deadline
from apps.core.limits import BudgetExhausted
from apps.scheduling import gateway, tasks, truth
from apps.scheduling.attempts import RESERVE, TAKEN, Outcome, as_it_is, read
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.errors import (
    CalendarError,
    ConfigDrift,
    OutcomeUnknown,
    Reason,
    Refusal,
)
from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.gateway import CalendarUnavailable
from apps.scheduling.models import BookingAttempt
from apps.scheduling.places import Calendar
from apps.scheduling.verification import Verdict, verify

log = structlog.get_logger(__name__)
Call = Callable[[CalcomClient, float], Booking]

Kind = BookingAttempt.Kind
State = BookingAttempt.State

FIRST_LOOK = timedelta(seconds=1)
# After the first second, how often the row is read in case a webhook was faster than the answer.
LOOK_ASIDE_SECONDS = 0.5
DATABASE_PAUSES = (0.2, 1.0, 3.0)
DATABASE_GONE = (OperationalError, InterfaceError)
# What Cal.com says of the booking to be changed; where it went is to be seen in the calendar.
GONE = frozenset({Reason.ALREADY_CANCELLED, Reason.ALREADY_RESCHEDULED, Reason.NOT_FOUND})
RECORDED = frozenset({Verdict.DONE, Verdict.OVER})
# A set-up that leads to no calendar at all; every other misfit is the calendar's "no" to this booking.
NO_CALENDAR = frozenset(
    {
        "bad_base_url",
        "wrong_address",
        "wrong_version_or_address",
        "redirected",
        "event_type_not_found",
        "not_found",
    }
)

# What follows from an outcome waits so long: two busy threads of one process slow each other, and one of
# them is about to answer somebody on the telephone.
ANSWER_FIRST_SECONDS = 0.015


class _Handover:
    """What the caller that waits and the thread that asks have in common."""

    def __init__(self) -> None:
        self._recorded = threading.Event()
        self.caller_left = False
        # A booking as the thread has left it; None where the database is to be asked.
        self.row: BookingAttempt | None = None

    def wait(self, seconds: float) -> bool:
        """Whether the outcome is recorded, after at most ``seconds``."""
        return self._recorded.wait(seconds)

    def recorded(self, row: BookingAttempt) -> None:
        """The thread has recorded what is known, or has ended without."""
        known = row.state != State.SUBMITTING and row.kind == Kind.BOOK
        self.row = row if known else None
        self._recorded.set()


def submit(attempt: BookingAttempt, calendar: Calendar, call: Call, *, deadline: Deadline) -> Outcome:
    """Ask the calendar and wait as long as this caller can. Raises nothing that the calendar does."""
    handover = _Handover()
    # The thread's own row: the caller reads theirs again while the thread still writes.
    row = copy(attempt)

    def work(client: CalcomClient, until: float) -> None:
        try:
            _ask_and_record(row, lambda: call(client, until), client, handover)
        finally:
            handover.recorded(row)
            _queue_what_follows(row)

    try:
        future = gateway.submit_write(calendar, work, late=settings.CALCOM_BOOKING_LATE_TIMEOUT)
    except CalendarUnavailable as error:
        truth.reject(attempt, code=f"unavailable_{error.reason}")
        return Outcome("unavailable", code=error.reason, attempt=attempt)
    if not _wait(handover, attempt, deadline=deadline):
        handover.caller_left = True
        gateway.missed_deadline(future)
    return _told(attempt, handover.row)


def _told(attempt: BookingAttempt, recorded: BookingAttempt | None) -> Outcome:
    """What is known now: as the thread has recorded it, else as the row says.

    Where the database cannot be asked: something was sent, nothing is known.
    """
    if recorded is not None:
        return read(recorded)
    try:
        return read(as_it_is(attempt))
    except DATABASE_GONE as error:
        log.error("outcome_not_read", attempt=attempt.pk, error=type(error).__name__)
        return Outcome("pending", code="database", attempt=attempt)


def _wait(handover: _Handover, attempt: BookingAttempt, *, deadline: Deadline) -> bool:
    """Whether the outcome was recorded while the caller could wait, by the thread or by a webhook."""
    patience = deadline.left(reserve=RESERVE, at_most=settings.CALCOM_BOOKING_TIMEOUT)
    waits = runtime.waits()
    with waits.waiting(str(attempt.company_id), seconds=patience, refusable=False) as seconds:
        return _recorded_within(seconds, handover, attempt)


def _recorded_within(patience: float, handover: _Handover, attempt: BookingAttempt) -> bool:
    ends = time.monotonic() + patience
    if handover.wait(min(patience, 1.0)):
        return True
    while (left := ends - time.monotonic()) > 0:
        if handover.wait(min(left, LOOK_ASIDE_SECONDS)):
            return True
        state = BookingAttempt.objects.filter(pk=attempt.pk).values_list("state", flat=True).first()
        if state in (State.CONFIRMED, State.REJECTED):
            return True
    return False


# --- In the thread ------------------------------------------------------------------------------


def _ask_and_record(
    attempt: BookingAttempt, call: Callable[[], Booking], client: CalcomClient, handover: _Handover
) -> None:
    """Ask once. Errors that say something about the calendar's health are raised again, after the record.

    No connection to the database is held while the calendar is waited for.
    """
    try:
        booking = call()
    except OutcomeUnknown as error:
        verdict = _look(attempt, client)
        if verdict in RECORDED:
            return
        if verdict is Verdict.TAKEN and error.status >= 500:
            _reject(attempt, Reason.CONFLICT, handover, detail=f"{error.code}, taken", stale=True)
            return
        _leave_unknown(attempt, error.code, handover)
        raise
    except Refusal as error:
        _record_refusal(attempt, error, client, handover)
    except BudgetExhausted:
        _reject(attempt, "unavailable_budget", handover)
        raise
    except CalendarError as error:
        _record_failure(attempt, error, handover)
        raise
    else:
        _insist(lambda: _record_success(attempt, booking), attempt, handover)


def _record_success(attempt: BookingAttempt, booking: Booking) -> None:
    if attempt.kind == Kind.BOOK:
        truth.confirm_booking(attempt, booking)
    elif attempt.kind == Kind.RESCHEDULE:
        truth.confirm_move(attempt, booking)
    else:
        truth.confirm_cancellation(attempt)


def _record_refusal(
    attempt: BookingAttempt, error: Refusal, client: CalcomClient, handover: _Handover
) -> None:
    """Cal.com says no. Where "no" may hide our own earlier request, look before apologising."""
    gone = error.code in GONE and attempt.kind != Kind.BOOK
    if gone or error.status >= 500 or error.code == Reason.CONFLICT:
        verdict = _look(attempt, client)
        if verdict in RECORDED:
            return
        if gone or verdict is None:
            # Where it went is not to be seen yet: a calendar that cannot be asked, a replica that lags.
            _leave_unknown(attempt, error.code, handover)
            return
    stale = error.code in TAKEN or error.code == Reason.TOO_SOON
    _reject(attempt, error.code, handover, detail=f"{error.code} {error.field}".strip(), stale=stale)


def _record_failure(attempt: BookingAttempt, error: CalendarError, handover: _Handover) -> None:
    """Nothing was changed: a connection that was never made, a limit, a key, a set-up that does not fit."""
    if isinstance(error, ConfigDrift) and error.code not in NO_CALENDAR:
        _reject(attempt, f"setup_{error.code}", handover, detail=f"{error.code} {error.field}".strip())
    else:
        _reject(attempt, f"unavailable_{error.code}", handover, detail=str(error))


def _look(attempt: BookingAttempt, client: CalcomClient) -> Verdict | None:
    """One look at the calendar; None when it cannot be asked."""
    try:
        return verify(attempt, client, until=gateway.short_deadline())
    except (CalendarError, BudgetExhausted, CalendarUnavailable) as error:
        log.info("outcome_not_seen", attempt=attempt.pk, error=error.code)
        return None


def _reject(
    attempt: BookingAttempt, code: str, handover: _Handover, *, detail: str = "", stale: bool = False
) -> None:
    told = handover.caller_left
    _insist(
        lambda: truth.reject(attempt, code=code, detail=detail, stale=stale, told=told), attempt, handover
    )


def _leave_unknown(attempt: BookingAttempt, code: str, handover: _Handover) -> None:
    check_at = timezone.now() + FIRST_LOOK
    _insist(lambda: truth.leave_unknown(attempt, code=code, check_at=check_at), attempt, handover)


def _insist(write: Callable[[], object], attempt: BookingAttempt, handover: _Handover) -> None:
    """Write through a moment without a database: what the calendar said is worth some seconds."""
    for pause in DATABASE_PAUSES:
        try:
            _write(write, attempt, handover)
            return
        except DATABASE_GONE as error:
            log.warning("outcome_not_recorded_yet", error=type(error).__name__)
            connection.close()
            time.sleep(pause)
    _write(write, attempt, handover)


def _write(write: Callable[[], object], attempt: BookingAttempt, handover: _Handover) -> None:
    """The caller hears it as soon as it is committed; nobody waits for what else follows from it."""

    def answer_first() -> None:
        handover.recorded(attempt)
        if not handover.caller_left:
            time.sleep(ANSWER_FIRST_SECONDS)

    with transaction.atomic():
        transaction.on_commit(answer_first)
        write()


def _queue_what_follows(attempt: BookingAttempt) -> None:
    """After the caller has been answered: nobody waits for a broker. What is not queued is found by time."""
    try:
        state = BookingAttempt.objects.filter(pk=attempt.pk).values_list("state", flat=True).first()
    except DATABASE_GONE as error:
        log.warning("nothing_queued", attempt=attempt.pk, error=type(error).__name__)
        return
    if state == State.UNKNOWN:
        tasks.settle_later(attempt.company_id, attempt.pk, seconds=FIRST_LOOK.total_seconds())
    elif state == State.CONFIRMED:
        tasks.sweep_after_change(attempt.company_id, attempt.event_type_id)
