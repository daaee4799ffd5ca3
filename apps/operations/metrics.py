"""``/metrics/``: what Prometheus asks for, computed from the rows at every scrape.

Whichever process answers, the numbers are the installation's. Counters and histograms of calls count
from midnight UTC and begin anew there, which Prometheus' ``rate()`` knows how to read. Only what no row
tells (a cache that failed, a task that could not be queued) is counted by process, under its number.
No label ever names a person, a number or a call.
"""

from __future__ import annotations

import hmac
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Min, Q, Sum
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.request import Request

from apps.calls.conversation.functions import BY_NAME
from apps.calls.models import Call, CallbackRequest, FunctionCall
from apps.core import background, caching, runtime
from apps.core.machine_view import MachineView
from apps.core.refusals import Refusal, RefusalSchema
from apps.operations.monitoring import Period
from apps.scheduling.models import BookingAttempt, CalendarAccount, CalendarSweep
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_MS = (50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000)
BREAKER_STATES = ("closed", "half_open", "open")


@dataclass(slots=True)
class Latency:
    """Durations of one function: how many, their sum in ms, and how many in each bucket or below."""

    count: int = 0
    sum_ms: int = 0
    buckets: dict[int, int] = field(default_factory=lambda: dict.fromkeys(BUCKETS_MS, 0))


class Installation(Collector):
    """Collects everything, in the scope of all companies."""

    def collect(self) -> Iterator[Metric]:
        with all_companies():
            slugs = dict(Company.objects.values_list("pk", "slug"))
            midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            today = Period.since_then(midnight)
            yield from _functions(today, slugs)
            yield from _calls(today, slugs)
            yield from _attempts()
            yield from _sweeps()
            yield from _calendars(slugs)
        yield from _process()


def _functions(today: Period, slugs: dict[int, str]) -> Iterator[Metric]:
    within = {f"le_{edge}": Count("pk", filter=Q(duration_ms__lte=edge)) for edge in BUCKETS_MS}
    rows = (
        FunctionCall.objects.filter(today.of("started_at"), state=FunctionCall.State.DONE)
        .values("company_id", "name", "status")
        .annotate(
            count=Count("pk"),
            took=Sum("duration_ms"),
            requests=Sum("upstream_requests"),
            timeouts=Sum("upstream_timeouts"),
            **within,
        )
        .order_by()
    )
    answered: dict[tuple[str, str], int] = defaultdict(int)
    latency: dict[str, Latency] = defaultdict(Latency)
    upstream: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        # A name that no function has would be a label that anybody can invent.
        known = BY_NAME.get(row["name"])
        name = known.name if known is not None else "unknown"
        answered[name, row["status"]] += row["count"]
        _add(latency[name], row)
        requests, timeouts = upstream[slugs[row["company_id"]]]
        upstream[slugs[row["company_id"]]] = (requests + row["requests"], timeouts + row["timeouts"])
    yield _counter(
        "booking_functions",
        "In-call functions answered since midnight UTC.",
        ("function", "status"),
        answered,
    )
    yield _histogram(latency)
    yield _counter(
        "booking_calendar_requests",
        "Requests to calendars during calls since midnight UTC.",
        ("company",),
        {(slug,): requests for slug, (requests, _) in upstream.items()},
    )
    yield _counter(
        "booking_calendar_timeouts",
        "Those that missed their deadline.",
        ("company",),
        {(slug,): timeouts for slug, (_, timeouts) in upstream.items()},
    )


def _add(latency: Latency, row: Mapping[str, Any]) -> None:
    latency.count += row["count"]
    latency.sum_ms += row["took"] or 0
    for edge in BUCKETS_MS:
        latency.buckets[edge] += row[f"le_{edge}"]


def _calls(today: Period, slugs: dict[int, str]) -> Iterator[Metric]:
    calls = Call.objects.filter(today.of("created_at")).values("state").annotate(count=Count("pk")).order_by()
    yield _gauge(
        "booking_calls_today",
        "Calls since midnight UTC by what state they are in now.",
        ("state",),
        {(row["state"],): row["count"] for row in calls},
    )
    waiting = CallbackRequest.objects.filter(status=CallbackRequest.Status.OPEN)
    counted = waiting.values("company_id").annotate(count=Count("pk")).order_by()
    yield _gauge(
        "booking_callbacks_open",
        "Callers who wait to be called back.",
        ("company",),
        {(slugs[row["company_id"]],): row["count"] for row in counted},
    )


def _attempts() -> Iterator[Metric]:
    unsettled = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED)
    found = unsettled.aggregate(
        unknown=Count("pk", filter=Q(state=BookingAttempt.State.UNKNOWN)),
        all=Count("pk"),
        due=Min("check_at"),
    )
    yield _gauge("booking_attempts_unsettled", "Attempts not settled yet.", (), {(): found["all"]})
    yield _gauge(
        "booking_attempts_unknown", "Bookings whose outcome is not known.", (), {(): found["unknown"]}
    )
    late = timezone.now() - found["due"] if found["due"] is not None else timedelta()
    yield _gauge(
        "booking_attempt_overdue_seconds",
        "For how long the attempt that is due longest should have been looked up.",
        (),
        {(): max(late.total_seconds(), 0.0)},
    )


def _sweeps() -> Iterator[Metric]:
    found = CalendarSweep.objects.filter(finished_at__isnull=True).aggregate(
        count=Count("pk"), oldest=Min("changed_at")
    )
    lag = timezone.now() - found["oldest"] if found["oldest"] is not None else timedelta()
    yield _gauge(
        "booking_invalidations_unfinished", "Calendar changes without their sweep.", (), {(): found["count"]}
    )
    yield _gauge(
        "booking_invalidation_lag_seconds",
        "Age of the oldest of them.",
        (),
        {(): max(lag.total_seconds(), 0.0)},
    )


def _calendars(slugs: dict[int, str]) -> Iterator[Metric]:
    accounts = list(CalendarAccount.objects.values_list("pk", "company_id"))
    states: dict[tuple[str, ...], float] = {}
    faults: dict[tuple[str, ...], float] = {}
    left: dict[tuple[str, ...], float] = {}
    blocked: dict[tuple[str, ...], float] = {}
    for account_id, company_id in accounts:
        slug = slugs[company_id]
        circuit = runtime.breaker(account_id).state()
        states.update({(slug, state): float(circuit.state == state) for state in BREAKER_STATES})
        budget = runtime.budget(account_id)
        faults[slug,] = circuit.failures
        left[slug,] = budget.left()
        blocked[slug,] = budget.blocked_for()
    yield _gauge("booking_breaker_state", "1 for the state that holds.", ("company", "state"), states)
    yield _gauge("booking_calendar_faults", "Faults in a row, as the breaker counts.", ("company",), faults)
    yield _gauge("booking_calendar_budget_left", "Requests left in this minute.", ("company",), left)
    yield _gauge(
        "booking_calendar_blocked_seconds", "How long Cal.com has told us to wait.", ("company",), blocked
    )


def _process() -> Iterator[Metric]:
    """What only a process knows: Prometheus adds the processes up."""
    process = (str(os.getpid()),)
    counts = {
        "booking_cache_failures": ("Times the cache failed.", caching.failures()),
        "booking_redis_degraded": ("Times Redis was done without.", runtime.redis_health().degraded),
        "booking_tasks_lost": ("Tasks that could not be queued.", background.lost()),
    }
    for name, (meaning, count) in counts.items():
        yield _counter(name, meaning, ("process",), {process: count})


# --- Families -----------------------------------------------------------------------------------


def _counter(name: str, meaning: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family: Metric = CounterMetricFamily(name, meaning, labels=labels)
    return _filled(family, values)


def _gauge(name: str, meaning: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family: Metric = GaugeMetricFamily(name, meaning, labels=labels)
    return _filled(family, values)


def _filled(family: Any, values: Mapping[Any, float]) -> Metric:
    for label_values, value in sorted(values.items()):
        family.add_metric(list(label_values), float(value))
    filled: Metric = family
    return filled


def _histogram(latency: dict[str, Latency]) -> Metric:
    family = HistogramMetricFamily(
        "booking_function_duration_seconds",
        "Time until an in-call function was answered.",
        labels=("function",),
    )
    for name, one in sorted(latency.items()):
        edges = [(f"{edge / 1000:g}", float(one.buckets[edge])) for edge in BUCKETS_MS]
        family.add_metric([name], buckets=[*edges, ("+Inf", float(one.count))], sum_value=one.sum_ms / 1000)
    histogram: Metric = family
    return histogram


# --- The address --------------------------------------------------------------------------------


class MetricsView(MachineView):
    """Prometheus' text format, for whoever has the token; without a token closed, unless in DEBUG."""

    @extend_schema(
        responses={
            (200, "text/plain"): str,
            401: RefusalSchema,
            404: RefusalSchema,
            503: RefusalSchema,
        }
    )
    def get(self, request: Request) -> HttpResponse:
        self._admit(request)
        registry = CollectorRegistry(auto_describe=False)
        try:
            registry.register(Installation())
            text = generate_latest(registry)
        except DatabaseError as error:
            raise Refusal("unavailable", retry_after=5) from error
        return HttpResponse(text, content_type=CONTENT_TYPE)

    def _admit(self, request: Request) -> None:
        if not settings.METRICS_TOKEN:
            if settings.DEBUG:
                return
            raise Refusal("not_found")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "replace")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, settings.METRICS_TOKEN.encode()):
            raise Refusal("unauthorized")
