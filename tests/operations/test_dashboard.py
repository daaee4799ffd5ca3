"""The first page: the monitoring table and what waits, of the operator's companies alone, in few queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core import runtime
from apps.scheduling.models import BookingAttempt, CalendarAccount, CalendarSweep
from apps.services.models import BranchService, EventType
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import Business, make_attempt, make_call, make_event_type, make_operator
from tests.operations.back_office import START, everything_of, make_callback, make_function

pytestmark = pytest.mark.django_db
MOST_QUERIES = 24


def open_breaker(business: Business) -> None:
    breaker = runtime.breaker(business.calendar.pk)
    for _ in range(5):
        breaker.allow().fault()


def visit(client: Client, *companies: Business, superuser: bool = False, query: str = "") -> HttpResponse:
    operator = make_operator(*(one.company for one in companies), username="me", is_superuser=superuser)
    client.force_login(operator)
    answer = client.get(f"/admin/{query}")
    assert answer.status_code == 200
    return answer


def tiles(answer: HttpResponse) -> dict[str, tuple[str, str]]:
    return {str(tile.title): (str(tile.value), tile.tone) for tile in answer.context["tiles"]}  # type: ignore[attr-defined]


def metrics(answer: HttpResponse) -> dict[str, object]:
    return {row.line.metric: row.line for row in answer.context["metrics"]}  # type: ignore[attr-defined]


def test_an_empty_installation_has_a_dashboard(client: Client) -> None:
    answer = visit(client, superuser=True)
    assert tiles(answer)["Calls today"] == ("0", "plain")
    assert tiles(answer)["Cache and worker"] == ("good", "ok")


def test_what_waits_is_counted(client: Client, company: Business) -> None:
    call = make_call(company)
    make_callback(call, key="1")
    make_callback(call, key="2", status="done")
    make_attempt(company, start=START, state=BookingAttempt.State.UNKNOWN, check_at=timezone.now())
    open_breaker(company)
    found = tiles(visit(client, company))
    assert found["Calls today"] == ("1", "plain")
    assert found["Open callbacks"] == ("1", "warn")
    assert found["Pending bookings"] == ("1", "warn")
    assert found["Calendars left alone"] == ("1", "alert")


def test_a_booking_that_nobody_looked_up_in_time_is_an_alert(client: Client, company: Business) -> None:
    late = timezone.now() - timedelta(minutes=5)
    make_attempt(company, start=START, state=BookingAttempt.State.UNKNOWN, check_at=late)
    assert tiles(visit(client, company))["Pending bookings"] == ("1", "alert")


def test_a_sweep_that_never_came_says_that_the_worker_is_behind(client: Client, company: Business) -> None:
    with company_scope(company.company.pk):
        CalendarSweep.objects.create(
            company=company.company,
            event_type=company.event_type,
            changed_at=timezone.now() - timedelta(minutes=5),
        )
    assert tiles(visit(client, company))["Cache and worker"] == ("failing", "alert")


def test_a_calendar_without_any_free_time_is_named(
    client: Client, company: Business, other_company: Business
) -> None:
    elsewhere = make_event_type(999)
    with all_companies():
        BranchService.objects.filter(pk=other_company.place.pk).update(event_type=elsewhere)
    EventType.objects.update(empty_since=timezone.now() - timedelta(hours=3))
    text = visit(client, company).content.decode()
    assert "Fußpflege · Filiale Nord" in text
    assert "for 3\xa0hours" in text
    assert "Linden" not in text


def test_the_last_webhook_is_shown(client: Client, company: Business) -> None:
    assert "never" in visit(client, company).content.decode()
    with all_companies():
        CalendarAccount.objects.update(webhook_received_at=timezone.now() - timedelta(minutes=7))
    assert "7\xa0minutes ago" in client.get("/admin/").content.decode()


def test_nothing_of_another_company_is_on_the_page(
    client: Client, company: Business, other_company: Business
) -> None:
    everything_of(other_company, name="Wer Anders")
    open_breaker(other_company)
    late = timezone.now() - timedelta(minutes=5)
    make_attempt(other_company, start=START, key="late", state=BookingAttempt.State.UNKNOWN, check_at=late)
    for number in range(6):
        make_call(other_company, external_id=f"theirs{number}", wanted_appointment=True)
    answer = visit(client, company)
    page = answer.content.decode()
    assert "Linden" not in page
    assert "Wer Anders" not in page
    assert {value for title, (value, _) in tiles(answer).items() if title != "Cache and worker"} == {"0"}
    assert {line.cases for line in metrics(answer).values()} == {0}  # type: ignore[attr-defined]


def test_an_operator_of_two_companies_looks_at_both_or_one(
    client: Client, company: Business, other_company: Business
) -> None:
    for number in range(3):
        make_call(company, external_id=f"a{number}")
    make_call(other_company, external_id="b")
    assert tiles(visit(client, company, other_company))["Calls today"][0] == "4"
    assert tiles(client.get("/admin/?company=linden-clinic"))["Calls today"][0] == "1"  # type: ignore[arg-type]


def test_somebody_elses_company_cannot_be_chosen(
    client: Client, company: Business, other_company: Business
) -> None:
    answer = visit(client, company, query="?company=linden-clinic")
    assert answer.context["chosen"].slug == "praxis-am-park"  # type: ignore[attr-defined]


def test_one_company_is_held_to_its_own_targets(client: Client, company: Business) -> None:
    with all_companies():
        Company.objects.update(targets={"call_duration": {"target": 120, "alert": 180}})
    assert metrics(visit(client, company))["call_duration"].target == 120  # type: ignore[attr-defined]


def test_a_visitor_is_asked_to_sign_in(client: Client) -> None:
    answer = client.get("/admin/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_somebody_without_a_company_sees_an_empty_page(client: Client, company: Business) -> None:
    everything_of(company)
    page = visit(client).content.decode()
    assert "Praxis" not in page


@pytest.mark.parametrize("superuser", [True, False])
def test_the_page_takes_few_queries_however_much_there_is(
    client: Client, company: Business, other_company: Business, superuser: bool
) -> None:
    everything_of(company)
    everything_of(other_company)
    visit(client, company, other_company, superuser=superuser)
    with CaptureQueriesContext(connection) as few:
        client.get("/admin/")
    for number in range(30):
        call = make_call(company, external_id=f"more{number}", wanted_appointment=True)
        make_function(call, key="1", status="none_available")
        make_callback(call, key=f"more{number}")
    with CaptureQueriesContext(connection) as many:
        client.get("/admin/")
    announced = [one for one in many if "set_config" in one["sql"]]
    assert len(many) - len(announced) <= min(MOST_QUERIES, len(few))
