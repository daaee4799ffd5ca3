"""Settling what nobody could say: look at the calendar, metadata key first, never guess.

An attempt is looked at 1, 3 and 8 seconds after it became unknown, then every few minutes. Found →
confirmed. Not there after half an hour of looks → rejected and the slot freed. Two found → the later
one is cancelled. One that appears later still is adopted by the webhook or the drift check.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone

from apps.scheduling import doubles, gateway, tasks, truth
from apps.scheduling.gateway import CalendarUnavailable, Priority
from apps.scheduling.models import BookingAttempt, CalendarAccount
from apps.scheduling.places import Calendar
from apps.scheduling.verification import Verdict, verify
from apps.tenants.scoping import all_companies, company_scope

log = structlog.get_logger(__name__)

State = BookingAttempt.State

FIRST_LOOKS = (1, 3, 8)  # seconds after it became unknown
LATER = timedelta(minutes=2)
GIVE_UP_AFTER = timedelta(minutes=30)
# A calendar that cannot be asked now: such a look does not count.
UNREACHABLE = timedelta(seconds=15)
# Whoever looks has the attempt for so long; a looker that died gives it back.
LEASE = timedelta(seconds=60)
# A task may come a little before its time.
EARLY = timedelta(milliseconds=500)
# One company's turn, in seconds: what is left then is taken up by the next.
TURN_SECONDS = 45.0
TURN_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a look found: "confirmed", "rejected", or "unknown" = look again."""

    attempt_id: int
    kind: str
    state: str

    @property
    def is_over(self) -> bool:
        return self.state in (State.CONFIRMED, State.REJECTED)


# --- By time ------------------------------------------------------------------------------------


def companies_with_due() -> list[int]:
    """The companies that have attempts to be looked at now."""
    with all_companies():
        rows = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED, check_at__lte=timezone.now())
        return list(rows.order_by("company_id").values_list("company_id", flat=True).distinct())


def settle_due(company_id: int) -> int:
    """Settle a company's due attempts, the longest due first; returns how many were looked at."""
    ends = time.monotonic() + TURN_SECONDS
    looked = 0
    with company_scope(company_id):
        due = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED, check_at__lte=timezone.now())
        for attempt_id in due.order_by("check_at").values_list("pk", flat=True)[:TURN_ATTEMPTS]:
            if time.monotonic() > ends:
                break
            if settle(attempt_id) is not None:
                looked += 1
    return looked


def settle(attempt_id: int, *, by_hand: bool = False, final: bool = False) -> Settlement | None:
    """Look at one attempt's outcome, once, in its company's scope.

    ``by_hand``: before its time too, also beside a live request. ``final``: what is not found now is
    not there. Returns None for an attempt that is settled already, that somebody else is looking at, or
    whose time has not come.
    """
    attempt = _take(attempt_id, early=by_hand or final)
    if attempt is None:
        return None
    due = final or not by_hand
    if attempt.state == State.REQUESTED:
        if due:
            # Nothing was sent, and whoever would have is gone.
            truth.reject(attempt, code="never_sent")
    elif attempt.state == State.SUBMITTING and due:
        lost = truth.leave_unknown(attempt, code="request_lost", check_at=timezone.now() + LEASE)
        if lost:
            _look(attempt, final=final)
    else:
        _look(attempt, final=final)
    attempt.refresh_from_db()
    return Settlement(attempt.pk, attempt.kind, attempt.state)


def _take(attempt_id: int, *, early: bool) -> BookingAttempt | None:
    """The attempt, if it is open, due, and nobody else took it."""
    attempt = (
        BookingAttempt.objects.select_related("event_type", "service", "appointment")
        .filter(pk=attempt_id, state__in=BookingAttempt.UNSETTLED)
        .first()
    )
    now = timezone.now()
    if attempt is None or attempt.check_at is None:
        return None
    if attempt.check_at > now + EARLY and not early:
        return None
    taken = BookingAttempt.objects.filter(
        pk=attempt.pk, state=attempt.state, check_at=attempt.check_at
    ).update(check_at=now + LEASE)
    return attempt if taken else None


def _look(attempt: BookingAttempt, *, final: bool) -> None:
    calendar = calendar_of(attempt.company_id)
    if calendar is None:
        truth.reject(attempt, code="no_calendar")
        return
    try:
        verdict = gateway.submit(
            calendar,
            lambda client, until: verify(attempt, client, until=until),
            priority=Priority.BOOKING,
            late=settings.CALCOM_SLOTS_LATE_TIMEOUT,
        ).result()
    except CalendarUnavailable as error:
        log.info("outcome_not_seen", attempt=attempt.pk, code=error.reason)
        _look_again(attempt, timezone.now() + UNREACHABLE, checks=attempt.checks)
        return
    if verdict in (Verdict.DONE, Verdict.OVER):
        tasks.sweep_after_change(attempt.company_id, attempt.event_type_id)
    elif (final or _looked_long_enough(attempt)) and attempt.error_code != doubles.CODE:
        truth.reject(attempt, code="not_in_calendar", stale=True)
    else:
        _look_on(attempt)


def _looked_long_enough(attempt: BookingAttempt) -> bool:
    asked_at = attempt.submitted_at or attempt.created_at
    return attempt.checks >= len(FIRST_LOOKS) and timezone.now() - asked_at > GIVE_UP_AFTER


def _look_on(attempt: BookingAttempt) -> None:
    """The next look: 1, 3 and 8 seconds after it became unknown, then minutes."""
    checks = attempt.checks + 1
    if checks >= len(FIRST_LOOKS):
        _look_again(attempt, timezone.now() + LATER, checks=checks)
        return
    seconds = float(FIRST_LOOKS[checks] - FIRST_LOOKS[checks - 1])
    _look_again(attempt, timezone.now() + timedelta(seconds=seconds), checks=checks)
    tasks.settle_later(attempt.company_id, attempt.pk, seconds=seconds)


def _look_again(attempt: BookingAttempt, at: datetime, *, checks: int) -> None:
    # The column is small, and nobody counts further.
    BookingAttempt.objects.filter(pk=attempt.pk, state=State.UNKNOWN).update(
        checks=min(checks, 30_000), check_at=at
    )


def calendar_of(company_id: int) -> Calendar | None:
    """Access to a company's calendar."""
    account = CalendarAccount.objects.filter(company_id=company_id).first()
    if account is None:
        return None
    return Calendar(account.pk, company_id, account.base_url, account.api_key)


# --- By hand ------------------------------------------------------------------------------------


def settle_now(company_id: int) -> list[Settlement]:
    """Settle every open attempt of a company now: looks 1, 3 and 8 seconds after it was sent, once when
    it is older.

    What is not found then is not there: rejected, its slot freed. One whose request is answered later
    all the same is adopted. The company's scope is set here.
    """
    found: dict[int, Settlement] = {}
    with company_scope(company_id):
        rows = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED).order_by("id")
        now = timezone.now()
        ages = {row.pk: (now - (row.submitted_at or row.created_at)).total_seconds() for row in rows}
        young = [attempt_id for attempt_id, age in ages.items() if age < FIRST_LOOKS[-1]]
        for attempt_id in ages:
            if attempt_id not in young:
                _settle_into(found, attempt_id, final=True)
        waited = 0.0
        for moment in FIRST_LOOKS:
            coming = [one for one in young if ages[one] + waited < moment and not _is_over(found, one)]
            if not coming:
                continue
            pause = moment - waited - min(ages[one] for one in coming)
            gateway.pause(pause)
            waited += pause
            for attempt_id in coming:
                _settle_into(found, attempt_id, final=moment == FIRST_LOOKS[-1])
    return list(found.values())


def _is_over(found: dict[int, Settlement], attempt_id: int) -> bool:
    return attempt_id in found and found[attempt_id].is_over


def _settle_into(found: dict[int, Settlement], attempt_id: int, *, final: bool) -> None:
    settlement = settle(attempt_id, by_hand=True, final=final)
    if settlement is not None:
        found[attempt_id] = settlement
