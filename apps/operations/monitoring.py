"""The monitoring table: what the business is measured by, counted from rows, never from log files.

Everything is aggregated by the database over one period, for the companies in scope, in a handful of
queries along indexes that begin with company and time. What each number counts:

``booking_success_rate``
    Calls that wanted an appointment (a check or a booking was asked for) of which at least one booking
    stands confirmed / calls that wanted one. A call that is still on counts as it stands.
``conflict_rate``
    Bookings that the calendar refused because the slot had gone / bookings that the calendar decided.
    Not decided: what was never sent (breaker, budget) and what could not be found again.
``alternatives_rate``
    Answers with alternatives / answers to a wish that was not free. ``not_available`` – alternatives are
    switched off – is not counted.
``call_duration``
    Average length of calls in which something was booked, in seconds, by the provider's own clock.
``invalidations``
    Changes of a calendar whose version rose and whose sweep was done within 60 s / changes; those of the
    last minute only once they are done.
``timeout_rate``
    Requests to the calendar that missed their deadline during a call / requests to it during calls.
``confirmations``
    Read-backs asked in calls with a booking / bookings of these calls.
``latency_p95``
    The nearest-rank 95th percentile of the time an in-call function took, in seconds. Retries that were
    answered from memory are not functions of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Avg, CharField, Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from apps.calls.models import Call, FunctionCall
from apps.operations.targets import TARGETS, Target
from apps.scheduling.calcom.errors import Reason
from apps.scheduling.models import BookingAttempt, CalendarSweep
from apps.tenants.models import Company

FEWEST_CASES = 5
SWEPT_WITHIN = timedelta(seconds=60)
# The calendar's ways to say that somebody was faster.
TAKEN = (Reason.SLOT_TAKEN, Reason.HOST_BUSY, Reason.CONFLICT, Reason.NO_SEATS)
# Rejections that are no word of the calendar's.
UNDECIDED = Q(error_code__startswith="unavailable") | Q(
    error_code__in=("never_sent", "no_calendar", "not_in_calendar", "request_lost")
)

State = Literal["ok", "warn", "alert", "no_data"]


@dataclass(frozen=True, slots=True)
class Period:
    """What is counted: from ``since`` to ``until``, both aware, and whose rows.

    The companies in scope are named one by one even where all are meant: the indexes begin with them.
    """

    since: datetime
    until: datetime
    companies: tuple[int, ...]

    @classmethod
    def last(cls, *, hours: float) -> Period:
        """The last hours, up to now, of the companies in scope."""
        return cls.since_then(timezone.now() - timedelta(hours=hours))

    @classmethod
    def since_then(cls, moment: datetime) -> Period:
        """From then up to now, of the companies in scope."""
        return cls(moment, timezone.now(), tuple(Company.objects.values_list("pk", flat=True)))

    def of(self, field: str) -> Q:
        """Rows whose ``field`` lies in the period."""
        return Q(
            **{"company_id__in": self.companies, f"{field}__gte": self.since, f"{field}__lte": self.until}
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """A number and how many cases it comes from; None where there were none."""

    value: float | None
    cases: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; value, target and alert in the metric's unit (percent, seconds, count)."""

    metric: str
    value: float | None
    target: float
    alert: float
    state: State
    cases: int

    @property
    def unit(self) -> str:
        """percent, seconds or count."""
        return TARGETS[self.metric].unit


def table(period: Period, *, targets: Mapping[str, Target] = TARGETS) -> list[Line]:
    """The whole table; needs the scope that the period was made in."""
    measures = {**_of_calls(period), **_of_functions(period), **_of_attempts(period), **_of_sweeps(period)}
    return [_line(name, measures[name], targets[name]) for name in TARGETS]


def _line(name: str, measure: Measure, target: Target) -> Line:
    value = None if measure.value is None else round(measure.value, 3)
    return Line(name, value, target.target, target.alert, _state(value, measure.cases, target), measure.cases)


def _state(value: float | None, cases: int, target: Target) -> State:
    if value is None or cases < FEWEST_CASES:
        return "no_data"
    if target.is_alarming(value):
        return "alert"
    return "ok" if target.is_reached(value) else "warn"


def _rate(part: int | None, whole: int | None) -> Measure:
    """A share in percent."""
    return Measure(100 * (part or 0) / whole, whole) if whole else Measure(None, 0)


def confirmed_bookings(period: Period) -> QuerySet[BookingAttempt]:
    """Bookings made in the period that stand confirmed."""
    return BookingAttempt.objects.filter(
        period.of("created_at"), kind=BookingAttempt.Kind.BOOK, state=BookingAttempt.State.CONFIRMED
    )


def _of_calls(period: Period) -> dict[str, Measure]:
    bookings = confirmed_bookings(period)
    # One list of owners for all calls, rather than a look-up for each.
    booked = Q(owner__in=bookings.values("owner"))
    wanted = Q(wanted_appointment=True)
    found = (
        Call.objects.filter(period.of("created_at"))
        .annotate(owner=Concat(Value("call:"), Cast("pk", CharField()), output_field=CharField()))
        .aggregate(
            wanted=Count("pk", filter=wanted),
            got=Count("pk", filter=wanted & booked),
            lasted=Avg("duration_ms", filter=booked & Q(duration_ms__isnull=False)),
            timed=Count("duration_ms", filter=booked),
            booked=Count("pk", filter=booked),
            asked=Sum("confirmations", filter=booked),
        )
    )
    made = bookings.filter(owner__startswith="call:").count() if found["booked"] else 0
    lasted = None if found["lasted"] is None else float(found["lasted"]) / 1000
    return {
        "booking_success_rate": _rate(found["got"], found["wanted"]),
        "call_duration": Measure(lasted, found["timed"]),
        "confirmations": Measure((found["asked"] or 0) / made if made else None, found["booked"]),
    }


def _of_functions(period: Period) -> dict[str, Measure]:
    functions = FunctionCall.objects.filter(period.of("started_at"), state=FunctionCall.State.DONE)
    found = functions.aggregate(
        offered=Count("pk", filter=Q(status="alternatives")),
        nothing=Count("pk", filter=Q(status="none_available")),
        requests=Sum("upstream_requests"),
        timeouts=Sum("upstream_timeouts"),
        timed=Count("duration_ms"),
    )
    return {
        "alternatives_rate": _rate(found["offered"], found["offered"] + found["nothing"]),
        "timeout_rate": _rate(found["timeouts"], found["requests"]),
        "latency_p95": _percentile(functions, found["timed"], share=0.95),
    }


def _percentile(functions: QuerySet[FunctionCall], cases: int, *, share: float) -> Measure:
    """By nearest rank, counted from the slow end: only the few slowest have to be put in order."""
    if not cases:
        return Measure(None, 0)
    slower = cases - math.ceil(share * cases)
    timed = functions.filter(duration_ms__isnull=False).order_by("-duration_ms")
    milliseconds = timed.values_list("duration_ms", flat=True)[slower]
    return Measure((milliseconds or 0) / 1000, cases)


def _of_attempts(period: Period) -> dict[str, Measure]:
    rejected = Q(state=BookingAttempt.State.REJECTED)
    decided = Q(state=BookingAttempt.State.CONFIRMED) | (rejected & ~UNDECIDED)
    found = BookingAttempt.objects.filter(period.of("created_at"), kind=BookingAttempt.Kind.BOOK).aggregate(
        decided=Count("pk", filter=decided),
        taken=Count("pk", filter=rejected & Q(error_code__in=TAKEN)),
    )
    return {"conflict_rate": _rate(found["taken"], found["decided"])}


def _of_sweeps(period: Period) -> dict[str, Measure]:
    in_time = Q(finished_at__lte=F("changed_at") + SWEPT_WITHIN)
    rose = Q(raised_at__gte=F("changed_at") - SWEPT_WITHIN)
    due = Q(finished_at__isnull=False) | Q(changed_at__lte=period.until - SWEPT_WITHIN)
    found: dict[str, Any] = CalendarSweep.objects.filter(period.of("changed_at")).aggregate(
        changes=Count("pk", filter=due), good=Count("pk", filter=due & in_time & rose)
    )
    return {"invalidations": _rate(found["good"], found["changes"])}
