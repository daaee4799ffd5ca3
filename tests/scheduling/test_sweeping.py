"""After a change: expired holds and dead entries go, the next weeks are fetched from spare budget."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.core import caching, runtime
from apps.core.limits import Priority
from apps.sandbox.server import SandboxServer
from apps.scheduling import sweeping, tasks
from apps.scheduling.models import Hold
from apps.scheduling.versions import raise_version
from apps.tenants.scoping import ScopeMissing, company_scope
from tests.factories import Business
from tests.scheduling.calendars import at, said, wish
from tests.scheduling.engine import place_of
from tests.scheduling.test_search import search, windows


def sweep(business: Business) -> None:
    """The task as a worker runs it: outside of any scope, with nothing but ids."""
    tasks.sweep(business.company.pk, business.event_type.pk)


def hold(business: Business, *, seconds: int) -> None:
    with company_scope(business.company.pk):
        Hold.objects.create(
            company=business.company,
            event_type=business.event_type,
            start=at("10:00") + timedelta(hours=max(seconds, 0)),
            end=at("10:45") + timedelta(hours=max(seconds, 0)),
            owner="call:9",
            expires_at=timezone.now() + timedelta(seconds=seconds),
        )


def test_the_next_weeks_are_there_before_anybody_asks(practice: Business, sandbox: SandboxServer) -> None:
    sweep(practice)
    assert windows(sandbox) == [("2026-01-05", "2026-01-26")]
    assert said(search(practice, wish("10:00")).matches) == ["Wed 10:00"]
    assert len(windows(sandbox)) == 1


def test_expired_holds_go_and_living_ones_stay(practice: Business) -> None:
    hold(practice, seconds=-1)
    hold(practice, seconds=1)
    sweep(practice)
    with company_scope(practice.company.pk):
        assert Hold.objects.count() == 1


def test_sweeping_twice_is_like_once(practice: Business, sandbox: SandboxServer) -> None:
    sweep(practice)
    sweep(practice)
    assert len(windows(sandbox)) == 1


def test_a_calendar_is_warmed_at_most_once_a_minute_however_often_it_changes(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, settings: Any
) -> None:
    if settings.REDIS_URL:
        pytest.skip("SQLite alone: Redis forgets by a clock that the test cannot move")
    for _ in range(3):
        raise_version([practice.event_type.pk])
        clock.shift(timedelta(seconds=5))
        sweep(practice)
        clock.shift(timedelta(seconds=10))
    assert len(windows(sandbox)) == 1
    clock.shift(timedelta(seconds=25))
    sweep(practice)
    assert len(windows(sandbox)) == 2


def test_of_changes_in_quick_succession_the_last_ones_sweep_warms(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    raise_version([practice.event_type.pk])
    clock.shift(timedelta(seconds=4))
    raise_version([practice.event_type.pk])
    clock.shift(timedelta(seconds=1))
    sweep(practice)
    assert windows(sandbox) == []
    clock.shift(timedelta(seconds=4))
    sweep(practice)
    clock.shift(timedelta(seconds=50))
    assert said(search(practice, wish("10:00")).matches) == ["Wed 10:00"]
    assert windows(sandbox)[0] == ("2026-01-05", "2026-01-26")
    assert len(windows(sandbox)) == 1


def test_without_spare_budget_nothing_is_asked_and_nothing_fails(
    practice: Business, sandbox: SandboxServer, settings: Any
) -> None:
    settings.CALCOM_REQUESTS_PER_MINUTE = 4
    budget = runtime.budget(practice.calendar.pk)
    for _ in range(2):
        assert budget.take(Priority.BOOKING).allowed
    sweep(practice)  # a sweep may spend half of it
    assert windows(sandbox) == []
    search(practice, wish("10:00"))  # a caller may still
    assert len(windows(sandbox)) == 1


def test_without_a_cache_nothing_is_asked_however_often_it_is_swept(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "add", lambda *args, **values: None)
    for _ in range(3):
        sweep(practice)
    assert windows(sandbox) == []


def test_an_account_that_was_told_to_wait_is_left_alone(practice: Business, sandbox: SandboxServer) -> None:
    runtime.budget(practice.calendar.pk).block(seconds=30)
    with company_scope(practice.company.pk):
        assert not sweeping.warm(place_of(practice))
    assert windows(sandbox) == []


def test_a_calendar_that_fails_fails_no_sweep(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.faults.replace([{"kind": "status", "path": "/v2/slots", "status": 500}])
    sweep(practice)
    with company_scope(practice.company.pk):
        assert not sweeping.warm(place_of(practice))


def test_a_company_that_was_switched_off_is_tidied_but_not_asked_for(
    practice: Business, sandbox: SandboxServer
) -> None:
    hold(practice, seconds=-1)
    with company_scope(practice.company.pk):
        practice.company.active = False
        practice.company.save()
    sweep(practice)
    assert windows(sandbox) == []
    with company_scope(practice.company.pk):
        assert Hold.objects.count() == 0


def test_an_event_type_that_nobody_offers_any_more_is_no_error(
    practice: Business, sandbox: SandboxServer
) -> None:
    with company_scope(practice.company.pk):
        practice.place.delete()
    sweep(practice)
    assert windows(sandbox) == []


def test_another_companys_holds_are_not_touched(practice: Business, linden: Business) -> None:
    hold(practice, seconds=-1)
    sweep(linden)
    with company_scope(practice.company.pk):
        assert Hold.objects.count() == 1


def test_dead_entries_go_with_the_sweep_once_a_minute(
    practice: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[int] = []
    monkeypatch.setattr(caching, "tidy", lambda: tidied.append(1) or 0)
    sweep(practice)
    sweep(practice)
    assert len(tidied) == 1


def test_a_sweep_outside_a_company_is_refused(db: None) -> None:
    with pytest.raises(ScopeMissing):
        sweeping.sweep(1)


def test_after_a_change_three_sweeps_are_queued(practice: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[tuple[str, tuple[int, int], float]] = []

    def queue(task: Any, *args: int, seconds: float = 0) -> bool:
        queued.append((task.name, args, seconds))  # type: ignore[arg-type]
        return True

    monkeypatch.setattr(tasks, "enqueue", queue)
    with company_scope(practice.company.pk):
        tasks.sweep_after_change(practice.company.pk, practice.event_type.pk)
    ids = (practice.company.pk, practice.event_type.pk)
    assert queued == [("scheduling.sweep", ids, seconds) for seconds in (5, 30, 300)]
