"""What each number of the monitoring table counts, and when it is good, worth a look, or an alert."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.operations.monitoring import Line, Period, State, table
from apps.operations.targets import TARGETS, targets_of
from apps.scheduling.models import BookingAttempt, CalendarSweep
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import BERLIN, Business, make_attempt, make_call
from tests.operations.back_office import make_function

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
START = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)
ATTEMPT = BookingAttempt.State


def lines(business: Business | None = None, *, hours: float = 24) -> dict[str, Line]:
    scope = company_scope(business.company.pk) if business is not None else all_companies()
    with scope:
        return {line.metric: line for line in table(Period.last(hours=hours))}


def booked_call(
    business: Business, number: int, *, state: str = ATTEMPT.CONFIRMED, code: str = "", **values: object
) -> None:
    """A call that wanted an appointment, with an attempt to book one."""
    defaults: dict[str, object] = {"wanted_appointment": True, "duration_ms": 40_000, "confirmations": 1}
    call = make_call(business, external_id=f"call_{number}", **{**defaults, **values})
    make_attempt(
        business,
        start=START + timedelta(hours=number),
        key=f"wish-{number}",
        owner=call.owner_key,
        state=state,
        error_code=code,
        settled_at=timezone.now(),
        check_at=None if state in (ATTEMPT.CONFIRMED, ATTEMPT.REJECTED) else timezone.now(),
    )


def sweep(business: Business, *, after: float | None, rose: bool = True, ago: float = 600) -> None:
    """A change ``ago`` seconds ago whose sweep was done ``after`` seconds later (None: not yet)."""
    changed = timezone.now() - timedelta(seconds=ago)
    with company_scope(business.company.pk):
        CalendarSweep.objects.create(
            company=business.company,
            event_type=business.event_type,
            changed_at=changed,
            raised_at=changed if rose else changed - timedelta(hours=1),
            finished_at=None if after is None else changed + timedelta(seconds=after),
        )


def test_every_metric_of_the_contract_is_there_in_its_order() -> None:
    assert list(lines()) == [
        "booking_success_rate",
        "conflict_rate",
        "alternatives_rate",
        "call_duration",
        "invalidations",
        "timeout_rate",
        "confirmations",
        "latency_p95",
    ]


def test_without_a_case_there_is_no_number_and_no_alarm() -> None:
    assert {(line.value, line.cases, line.state) for line in lines().values()} == {(None, 0, "no_data")}


def test_success_is_a_booking_that_stands_for_a_call_that_wanted_one(company: Business) -> None:
    for number in range(7):
        booked_call(company, number)
    booked_call(company, 7, state=ATTEMPT.REJECTED, code="slot_taken")
    booked_call(company, 8, state=ATTEMPT.UNKNOWN)
    make_call(company, external_id="asked", wanted_appointment=True)
    make_call(company, external_id="wrong number")
    line = lines(company)["booking_success_rate"]
    assert (line.value, line.cases, line.state) == (70.0, 10, "warn")


def test_a_call_that_booked_twice_is_one_success(company: Business) -> None:
    for number in range(5):
        booked_call(company, number, confirmations=2)
    make_attempt(
        company,
        start=START,
        key="second",
        owner=f"call:{make_call(company, external_id='twice', wanted_appointment=True).pk}",
        state=ATTEMPT.CONFIRMED,
        check_at=None,
        settled_at=timezone.now(),
    )
    assert lines(company)["booking_success_rate"].value == 100


def test_a_conflict_is_a_slot_that_the_calendar_refused_as_gone(company: Business) -> None:
    for number in range(18):
        booked_call(company, number)
    booked_call(company, 18, state=ATTEMPT.REJECTED, code="slot_taken")
    booked_call(company, 19, state=ATTEMPT.REJECTED, code="too_soon")
    booked_call(company, 20, state=ATTEMPT.REJECTED, code="unavailable_breaker")
    booked_call(company, 21, state=ATTEMPT.UNKNOWN)
    line = lines(company)["conflict_rate"]
    assert (line.value, line.cases, line.state) == (5.0, 20, "warn")


def test_only_wishes_that_were_not_free_count_for_alternatives(company: Business) -> None:
    call = make_call(company)
    statuses = ["alternatives"] * 9 + ["none_available"] + ["available"] * 5 + ["not_available"] * 5
    for number, status in enumerate(statuses):
        make_function(call, key=str(number), status=status)
    line = lines(company)["alternatives_rate"]
    assert (line.value, line.cases, line.state) == (90.0, 10, "warn")


def test_the_length_of_calls_with_a_booking_alone(company: Business) -> None:
    for number in range(4):
        booked_call(company, number, duration_ms=50_000)
    booked_call(company, 4, duration_ms=100_000)
    booked_call(company, 5, duration_ms=None)
    booked_call(company, 6, state=ATTEMPT.REJECTED, duration_ms=500_000)
    line = lines(company)["call_duration"]
    assert (line.value, line.cases, line.state) == (60.0, 5, "warn")


def test_an_invalidation_is_a_risen_version_and_a_sweep_within_a_minute(company: Business) -> None:
    for _ in range(7):
        sweep(company, after=5)
    sweep(company, after=61)
    sweep(company, after=None)
    sweep(company, after=5, rose=False)
    sweep(company, after=None, ago=30)
    line = lines(company)["invalidations"]
    assert (line.value, line.cases, line.state) == (70.0, 10, "alert")


def test_a_timeout_rate_is_of_requests_not_of_functions(company: Business) -> None:
    call = make_call(company)
    make_function(call, key="1", upstream_requests=36, upstream_timeouts=3)
    make_function(call, key="2", upstream_requests=4, upstream_timeouts=2)
    line = lines(company)["timeout_rate"]
    assert (line.value, line.cases, line.state) == (12.5, 40, "alert")


def test_confirmations_are_counted_per_booking(company: Business) -> None:
    for number in range(4):
        booked_call(company, number, confirmations=1)
    booked_call(company, 4, confirmations=4)
    booked_call(company, 5, state=ATTEMPT.REJECTED, confirmations=50)
    line = lines(company)["confirmations"]
    assert (line.value, line.cases, line.state) == (1.6, 5, "warn")


@pytest.mark.parametrize(("count", "expected"), [(1, 0.1), (19, 1.9), (20, 1.9), (100, 9.5), (101, 9.6)])
def test_the_95th_percentile_is_by_nearest_rank(company: Business, count: int, expected: float) -> None:
    call = make_call(company)
    for number in range(1, count + 1):
        make_function(call, key=str(number), duration_ms=number * 100)
    assert lines(company)["latency_p95"].value == expected


def test_a_function_that_is_still_running_counts_nowhere(company: Business) -> None:
    make_function(make_call(company), state="running", answer=None, duration_ms=None, upstream_requests=0)
    assert lines(company)["latency_p95"].cases == 0


def test_only_the_period_counts(company: Business, clock: time_machine.Traveller) -> None:
    for number in range(5):
        booked_call(company, number)
    make_function(make_call(company, external_id="asked"))
    sweep(company, after=1)
    clock.shift(timedelta(hours=3))
    assert {line.cases for line in lines(company, hours=2).values()} == {0}
    assert lines(company, hours=4)["booking_success_rate"].cases == 5


def test_another_company_counts_for_nothing(company: Business, other_company: Business) -> None:
    for number in range(6):
        booked_call(other_company, number)
        make_function(make_call(other_company, external_id=f"f{number}"), status="none_available")
    sweep(other_company, after=None)
    assert {line.cases for line in lines(company).values()} == {0}
    assert lines()["booking_success_rate"].cases == 6


@pytest.mark.parametrize(
    ("metric", "value", "state"),
    [
        ("booking_success_rate", 80.1, "ok"),
        ("booking_success_rate", 80.0, "warn"),
        ("booking_success_rate", 70.0, "warn"),
        ("booking_success_rate", 69.9, "alert"),
        ("conflict_rate", 0.0, "ok"),
        ("conflict_rate", 1.0, "warn"),
        ("conflict_rate", 5.0, "warn"),
        ("conflict_rate", 5.1, "alert"),
        ("alternatives_rate", 95.0, "warn"),
        ("call_duration", 59.9, "ok"),
        ("call_duration", 60.0, "warn"),
        ("call_duration", 90.1, "alert"),
        ("invalidations", 100.0, "ok"),
        ("invalidations", 99.9, "warn"),
        ("timeout_rate", 2.0, "warn"),
        ("confirmations", 1.5, "ok"),
        ("confirmations", 3.0, "warn"),
        ("confirmations", 3.1, "alert"),
        ("latency_p95", 0.999, "ok"),
        ("latency_p95", 3.001, "alert"),
    ],
)
def test_the_levels_are_those_of_the_contract(metric: str, value: float, state: State) -> None:
    target = TARGETS[metric]
    found = "alert" if target.is_alarming(value) else "ok" if target.is_reached(value) else "warn"
    assert found == state


def test_the_best_there_is_reaches_any_target() -> None:
    own = targets_of({"booking_success_rate": {"target": 100}, "conflict_rate": {"target": 0, "alert": 1}})
    assert own["booking_success_rate"].is_reached(100)
    assert own["conflict_rate"].is_reached(0)
    assert not own["conflict_rate"].is_reached(0.1)


def test_a_company_may_set_its_own_levels_and_nonsense_is_passed_over() -> None:
    own = targets_of(
        {"call_duration": {"target": 120, "alert": 180}, "timeout_rate": {"alert": "viel"}, "x": 1}
    )
    assert (own["call_duration"].target, own["call_duration"].alert) == (120, 180)
    assert own["timeout_rate"] == TARGETS["timeout_rate"]


def test_the_table_takes_a_handful_of_queries(company: Business) -> None:
    for number in range(6):
        booked_call(company, number)
    with company_scope(company.company.pk), CaptureQueriesContext(connection) as queries:
        table(Period.last(hours=24))
    # On PostgreSQL the scope is announced as well.
    assert len([one for one in queries if "set_config" not in one["sql"]]) <= 7
