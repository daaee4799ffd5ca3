"""What goes after a company's retention, and what stays however little it keeps."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.core.management import call_command

from apps.calls.models import Call, CallbackRequest, CallEvent, FunctionCall, Offer
from apps.operations import retention, tasks
from apps.operations.models import AuditEntry
from apps.scheduling.models import Appointment, BookingAttempt, CalendarSweep, Customer
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import Business, make_appointment, make_attempt, make_call, make_customer
from tests.operations.back_office import START, everything_of, make_function

pytestmark = pytest.mark.django_db
PERSONAL = (
    Call,
    FunctionCall,
    CallEvent,
    Offer,
    CallbackRequest,
    Appointment,
    BookingAttempt,
    Customer,
    CalendarSweep,
)


def left(business: Business, model: Any) -> int:
    with company_scope(business.company.pk):
        return int(model.objects.count())


def keep(business: Business, **values: Any) -> None:
    with all_companies():
        Company.objects.filter(pk=business.company.pk).update(**values)


def test_everything_goes_when_its_time_is_over(company: Business, clock: time_machine.Traveller) -> None:
    everything_of(company)
    clock.shift(timedelta(days=89))
    retention.purge_all()
    assert all(left(company, model) for model in PERSONAL)
    clock.shift(timedelta(days=10))
    gone = retention.purge_all()["praxis-am-park"]
    assert {model.__name__: left(company, model) for model in PERSONAL} == {
        model.__name__: 0 for model in PERSONAL
    }
    assert gone["calls"] == gone["appointments"] == gone["attempts"] == gone["customers"] == 1


def test_each_company_has_its_own_retention(
    company: Business, other_company: Business, clock: time_machine.Traveller
) -> None:
    keep(other_company, retention_days=7)
    everything_of(company)
    everything_of(other_company)
    clock.shift(timedelta(days=20))
    retention.purge_all()
    assert left(company, Call) == 1
    assert left(other_company, Call) == 0


def test_a_day_is_kept_whatever_is_set(company: Business, clock: time_machine.Traveller) -> None:
    keep(company, retention_days=0)
    everything_of(company)
    clock.shift(timedelta(hours=23))
    retention.purge_all()
    assert left(company, FunctionCall) == left(company, Call) == 1
    clock.shift(timedelta(hours=2))
    retention.purge_all()
    assert left(company, FunctionCall) == left(company, Call) == 0


def test_what_is_to_come_stays_with_its_customer(company: Business, clock: time_machine.Traveller) -> None:
    customer = make_customer(company.company)
    make_appointment(company, start=START + timedelta(days=365), customer=customer)
    clock.shift(timedelta(days=200))
    retention.purge_all()
    assert left(company, Appointment) == left(company, Customer) == 1


def test_what_is_unsettled_stays(company: Business, clock: time_machine.Traveller) -> None:
    make_attempt(company, start=START, state=BookingAttempt.State.UNKNOWN)
    clock.shift(timedelta(days=200))
    retention.purge_all()
    assert left(company, BookingAttempt) == 1


def test_a_customer_who_called_again_stays_known(company: Business, clock: time_machine.Traveller) -> None:
    make_customer(company.company)
    clock.shift(timedelta(days=200))
    make_call(company)
    retention.purge_all()
    assert left(company, Customer) == 1


def test_a_function_whose_call_was_erased_goes_too(company: Business, clock: time_machine.Traveller) -> None:
    function = make_function(make_call(company))
    with company_scope(company.company.pk):
        FunctionCall.objects.filter(pk=function.pk).update(call=None)
    clock.shift(timedelta(days=91))
    retention.purge_all()
    assert left(company, FunctionCall) == 0


def test_who_stores_no_transcripts_any_more_loses_the_old_ones(
    company: Business, clock: time_machine.Traveller
) -> None:
    everything_of(company)
    keep(company, store_transcripts=False)
    clock.shift(timedelta(hours=25))
    make_function(make_call(company, external_id="today", transcript="Heute."), key="today")
    retention.purge_all()
    with company_scope(company.company.pk):
        assert sorted(Call.objects.values_list("transcript", flat=True)) == ["", "Heute."]
        assert FunctionCall.objects.filter(arguments={}).count() == 1
        assert CallEvent.objects.get().payload == {}


def test_events_of_nobody_and_failed_sign_ins_go_after_a_month(
    company: Business, clock: time_machine.Traveller
) -> None:
    with all_companies():
        CallEvent.objects.create(company=None, account=company.account, kind="x", dedup_key="x")
    AccessAttempt.objects.create(username="eve", ip_address="192.0.2.1", failures_since_start=3)
    clock.shift(timedelta(days=29))
    assert "" not in retention.purge_all()
    clock.shift(timedelta(days=2))
    assert retention.purge_all()[""] == {"events": 1, "sign_ins": 1}


def test_the_audit_log_outlives_the_calls(company: Business, clock: time_machine.Traveller) -> None:
    everything_of(company)
    clock.shift(timedelta(days=700))
    retention.purge_all()
    assert left(company, AuditEntry) == 1
    clock.shift(timedelta(days=40))
    retention.purge_all()
    assert left(company, AuditEntry) == 0


def test_more_than_a_batch_goes_in_one_run(
    company: Business, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        make_call(company, external_id=f"c{number}")
    clock.shift(timedelta(days=91))
    assert retention.purge_all()["praxis-am-park"] == {"calls": 5}


def test_the_task_and_the_command_do_the_same(company: Business, clock: time_machine.Traveller) -> None:
    make_call(company)
    clock.shift(timedelta(days=91))
    output = StringIO()
    call_command("purge_expired", stdout=output)
    assert output.getvalue() == "praxis-am-park: 1 calls\n"
    make_call(company)
    clock.shift(timedelta(days=91))
    tasks.purge_expired()
    assert left(company, Call) == 0
    output = StringIO()
    call_command("purge_expired", stdout=output)
    assert output.getvalue() == "nothing had expired\n"


def test_the_schedule_names_a_task_that_exists() -> None:
    from booking_platform.celery import app

    app.loader.import_default_modules()
    assert tasks.purge_expired.name in app.tasks
