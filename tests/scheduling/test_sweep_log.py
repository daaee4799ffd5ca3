"""When a calendar changed and when the sweep after it was done."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils import timezone

from apps.scheduling import sweep_log, tasks
from apps.scheduling.models import CalendarAccount, CalendarSweep
from apps.scheduling.versions import raise_version
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import Business

pytestmark = pytest.mark.django_db


def sweeps() -> list[CalendarSweep]:
    with all_companies():
        return list(CalendarSweep.objects.order_by("id"))


def change(business: Business) -> None:
    with company_scope(business.company.pk):
        raise_version([business.event_type.pk])
        tasks.sweep_after_change(business.company.pk, business.event_type.pk)


def test_a_change_is_noted_with_the_version_it_raised(
    company: Business, clock: time_machine.Traveller
) -> None:
    change(company)
    (noted,) = sweeps()
    assert (noted.company_id, noted.event_type_id) == (company.company.pk, company.event_type.pk)
    assert noted.changed_at == noted.raised_at == timezone.now()
    assert noted.finished_at is None


def test_a_sweep_finishes_every_change_before_it_and_none_after(
    company: Business, clock: time_machine.Traveller
) -> None:
    change(company)
    change(company)
    began = timezone.now()
    clock.shift(timedelta(seconds=5))
    change(company)
    with company_scope(company.company.pk):
        assert sweep_log.note_finish(company.event_type.pk, began=began) == 2
    assert [one.finished_at is not None for one in sweeps()] == [True, True, False]


def test_the_task_finishes_what_it_swept(company: Business) -> None:
    with company_scope(company.company.pk):
        CalendarAccount.objects.all().delete()
    change(company)
    tasks.sweep(company.company.pk, company.event_type.pk)
    assert sweeps()[0].finished_at is not None


def test_another_company_on_the_same_calendar_has_sweeps_of_its_own(
    company: Business, other_company: Business
) -> None:
    change(company)
    change(other_company)
    with company_scope(other_company.company.pk):
        sweep_log.note_finish(other_company.event_type.pk, began=timezone.now())
    assert [one.finished_at is not None for one in sweeps()] == [False, True]


def test_a_note_that_cannot_be_written_costs_nothing_else(company: Business) -> None:
    def full(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT"):
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(full):
        change(company)
    assert sweeps() == []
