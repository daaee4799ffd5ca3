"""A calendar that lists nothing for weeks is reported to the operator, until it lists something again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.sandbox.server import SandboxServer
from apps.scheduling import emptiness
from apps.scheduling.availability import Listing, Window
from apps.scheduling.versions import raise_version
from apps.services.models import EventType
from apps.tenants.scoping import company_scope
from tests.factories import Business, make_business
from tests.scheduling.calendars import EVERY_DAY, MONDAY, wish
from tests.scheduling.engine import place_of
from tests.scheduling.test_search import search

TWO_WEEKS = Window(MONDAY, MONDAY + timedelta(days=14))


@pytest.fixture
def business(db: None, clock: time_machine.Traveller) -> Business:
    return make_business()


def note(business: Business, window: Window = TWO_WEEKS, *, blank: bool = True) -> datetime | None:
    listing = Listing((), {}, 0, 0, window.first, window.last, blank=blank)
    with company_scope(business.company.pk):
        emptiness.note(place_of(business), listing)
    return EventType.objects.get(pk=business.event_type.pk).empty_since


def test_an_empty_calendar_is_remembered_from_the_first_time(
    business: Business, clock: time_machine.Traveller
) -> None:
    first = note(business)
    assert first == datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    clock.shift(timedelta(hours=3))
    assert note(business) == first


def test_it_is_forgotten_as_soon_as_anything_is_listed(business: Business) -> None:
    note(business)
    assert note(business, blank=False) is None
    assert note(business, blank=False) is None


def test_what_lies_far_ahead_or_is_short_says_nothing(business: Business) -> None:
    assert note(business, Window(MONDAY, MONDAY + timedelta(days=5))) is None
    far = MONDAY + timedelta(days=8)
    assert note(business, Window(far, far + timedelta(days=14))) is None


def test_a_branch_that_is_closed_all_the_time_is_not_expected_to_have_anything(business: Business) -> None:
    with company_scope(business.company.pk):
        business.branch.hours = {day: [["09:00", "18:00"]] for day in EVERY_DAY}
        business.branch.closures = [day.isoformat() for day in TWO_WEEKS.days()]
        business.branch.save()
    assert note(business) is None
    with company_scope(business.company.pk):
        business.branch.closures = business.branch.closures[1:]
        business.branch.save()
    assert note(business) is not None


def test_a_search_that_finds_nothing_at_all_reports_it_and_one_that_does_takes_it_back(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.faults.replace([{"kind": "empty_slots", "path": "/v2/slots"}])
    assert search(practice, wish()).empty
    practice.event_type.refresh_from_db()
    assert practice.event_type.empty_since is not None
    sandbox.faults.clear()
    raise_version([practice.event_type.pk])
    assert not search(practice, wish()).empty
    practice.event_type.refresh_from_db()
    assert practice.event_type.empty_since is None
