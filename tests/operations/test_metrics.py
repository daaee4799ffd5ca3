"""What Prometheus is told, and who may ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from apps.core import runtime
from apps.core.limits import Priority
from apps.scheduling.models import BookingAttempt, CalendarSweep
from apps.tenants.scoping import company_scope
from tests.factories import Business, make_attempt, make_call
from tests.operations.back_office import START, everything_of, make_callback, make_function

TOKEN = "metrics-token-of-the-tests"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(client: Client) -> Samples:
    answer = client.get("/metrics/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


# --- Who may ask --------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ä"],
)
def test_without_the_token_nothing_is_told(client: Client, header: str | None) -> None:
    answer = client.get("/metrics/", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["error"] == "unauthorized"


def test_without_a_token_it_is_closed(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    settings.DEBUG = False
    answer = client.get("/metrics/", headers={"Authorization": "Bearer "})
    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"


@pytest.mark.django_db
def test_a_developer_without_a_token_is_let_in(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    settings.DEBUG = True
    assert client.get("/metrics/").status_code == 200


@pytest.mark.django_db
def test_a_scraper_may_ask_for_any_format(client: Client) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/openmetrics-text;version=1.0.0"}
    assert client.get("/metrics/", headers=headers).status_code == 200


def test_only_get_is_answered(client: Client) -> None:
    answer = client.post("/metrics/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 405
    assert answer.json()["error"] == "method_not_allowed"


@pytest.mark.django_db
def test_a_database_that_is_gone_is_a_refusal(client: Client) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(gone):
        answer = client.get("/metrics/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 503


# --- What is told -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_functions_are_counted_by_name_and_status_with_their_durations(
    client: Client, company: Business, clock: time_machine.Traveller
) -> None:
    call = make_call(company)
    make_function(call, key="1", name="check_availability", status="available", duration_ms=80)
    make_function(call, key="2", name="check_slots", status="available", duration_ms=700, upstream_timeouts=1)
    make_function(
        call, key="3", name="rm -rf", status="unknown_function", duration_ms=10, upstream_requests=0
    )
    samples = scrape(client)
    assert value(samples, "booking_functions_total", function="check_availability", status="available") == 2
    assert value(samples, "booking_functions_total", function="unknown", status="unknown_function") == 1
    name = "booking_function_duration_seconds"
    assert value(samples, f"{name}_bucket", function="check_availability", le="0.1") == 1
    assert value(samples, f"{name}_bucket", function="check_availability", le="1") == 2
    assert value(samples, f"{name}_bucket", function="check_availability", le="+Inf") == 2
    assert value(samples, f"{name}_count", function="check_availability") == 2
    assert value(samples, f"{name}_sum", function="check_availability") == 0.78
    assert value(samples, "booking_calendar_requests_total", company="praxis-am-park") == 2
    assert value(samples, "booking_calendar_timeouts_total", company="praxis-am-park") == 1


@pytest.mark.django_db
def test_counters_begin_anew_at_midnight_utc(
    client: Client, company: Business, clock: time_machine.Traveller
) -> None:
    make_function(make_call(company))
    clock.move_to(datetime(2026, 1, 6, 0, 0, 1, tzinfo=UTC))
    assert not [key for key in scrape(client) if key[0] == "booking_functions_total"]


@pytest.mark.django_db
def test_what_waits_is_measured(client: Client, company: Business, clock: time_machine.Traveller) -> None:
    late = timezone.now() - timedelta(seconds=90)
    make_attempt(company, start=START, state=BookingAttempt.State.UNKNOWN, check_at=late)
    make_callback(make_call(company))
    with company_scope(company.company.pk):
        CalendarSweep.objects.create(
            company=company.company,
            event_type=company.event_type,
            changed_at=timezone.now() - timedelta(seconds=40),
        )
    samples = scrape(client)
    assert value(samples, "booking_attempts_unknown") == 1
    assert value(samples, "booking_attempts_unsettled") == 1
    assert value(samples, "booking_attempt_overdue_seconds") == 90
    assert value(samples, "booking_invalidations_unfinished") == 1
    assert value(samples, "booking_invalidation_lag_seconds") == 40
    assert value(samples, "booking_callbacks_open", company="praxis-am-park") == 1
    assert value(samples, "booking_calls_today", state="ongoing") == 1


@pytest.mark.django_db
def test_breakers_and_budgets_are_told_by_company(
    client: Client, company: Business, other_company: Business
) -> None:
    for _ in range(5):
        runtime.breaker(company.calendar.pk).allow().fault()
    runtime.budget(company.calendar.pk).take(Priority.BOOKING)
    runtime.budget(other_company.calendar.pk).block(seconds=30)
    samples = scrape(client)
    assert value(samples, "booking_breaker_state", company="praxis-am-park", state="open") == 1
    assert value(samples, "booking_breaker_state", company="linden-clinic", state="closed") == 1
    assert value(samples, "booking_calendar_faults", company="praxis-am-park") == 5
    assert value(samples, "booking_calendar_budget_left", company="praxis-am-park") == 99
    assert value(samples, "booking_calendar_budget_left", company="linden-clinic") == 0
    assert 0 < value(samples, "booking_calendar_blocked_seconds", company="linden-clinic") <= 30


@pytest.mark.django_db
def test_what_only_a_process_knows_is_there(client: Client) -> None:
    names = {name for name, _ in scrape(client)}
    assert {
        "booking_cache_failures_total",
        "booking_redis_degraded_total",
        "booking_tasks_lost_total",
    } <= names


@pytest.mark.django_db
def test_no_person_is_in_the_metrics(client: Client, company: Business) -> None:
    everything_of(company, name="Erika Geheim")
    text = client.get("/metrics/", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    assert "Geheim" not in text
    assert "+49" not in text
    assert "call_1" not in text
