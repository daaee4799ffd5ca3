"""The drift check: webhooks come at most once, so the calendar is asked what changed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from apps.core import runtime
from apps.sandbox import accounts, changes, wire
from apps.sandbox.model import Booking
from apps.sandbox.reading import Table
from apps.sandbox.server import SandboxServer
from apps.scheduling import following, gateway, reconciliation, tasks
from apps.scheduling.calcom import client as calcom_client
from apps.scheduling.calcom.payloads import BookingList
from apps.scheduling.calcom.reading import parse_booking
from apps.scheduling.models import Appointment, BookingAttempt, CalendarAccount
from apps.tenants.scoping import company_scope
from tests.factories import API_KEY, Business
from tests.scheduling.engine import (
    LATER,
    START,
    appointments,
    attempts,
    book,
    booked,
    fresh,
    the_attempt,
    version,
)

Status = Appointment.Status
pytestmark = pytest.mark.usefixtures("plenty")
State = BookingAttempt.State


def follow(business: Business) -> int | None:
    return following.follow(business.company.pk)


def followed_until(business: Business) -> datetime | None:
    with company_scope(business.company.pk):
        return CalendarAccount.objects.values_list("followed_until", flat=True).get()


def elsewhere(sandbox: SandboxServer, start: datetime = START, **values: Any) -> Booking:
    """Somebody books in the calendar itself, and its webhook gets lost."""
    raw = {
        "event_type": 123,
        "start": start.isoformat(),
        "name": "Anna Muster",
        "phone": "+4915112345678",
        **values,
    }
    return accounts.add_booking(sandbox.calendar, sandbox.calendar.accounts[API_KEY], Table(raw, "bookings"))


def test_what_was_booked_elsewhere_is_found(practice: Business, sandbox: SandboxServer) -> None:
    there = elsewhere(sandbox)
    before = version(practice)
    assert follow(practice) == 1
    (appointment,) = appointments(practice)
    assert (appointment.calendar_uid, appointment.start) == (there.uid, START)
    assert appointment.booked_elsewhere
    assert appointment.customer is not None
    assert version(practice) > before


def test_a_second_look_finds_nothing_new_and_raises_no_version(
    practice: Business, sandbox: SandboxServer
) -> None:
    elsewhere(sandbox)
    booked(practice, LATER)
    follow(practice)
    before = version(practice)
    assert follow(practice) == 2
    assert version(practice) == before
    assert len(appointments(practice)) == 2


def test_moves_cancellations_and_confirmations_that_nobody_told_are_followed(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    sandbox.calendar.accounts[API_KEY].event_types[123].requires_confirmation = True
    rows = [booked(practice, START + timedelta(hours=n), owner=f"call:{n}") for n in range(3)]
    moving, going, waiting = (sandbox.calendar.bookings[one.calendar_uid] for one in rows)
    clock.shift(10)
    target = START + timedelta(hours=3)
    new = changes.reschedule(sandbox.calendar, booking=moving, start=int(target.timestamp()))
    changes.cancel(sandbox.calendar, booking=going)
    changes.confirm(sandbox.calendar, booking=waiting)
    follow(practice)
    moved, gone, confirmed = (fresh(one) for one in rows)
    assert (moved.calendar_uid, moved.start, moved.moves) == (new.uid, target, 1)
    assert gone.status == Status.CANCELLED
    assert confirmed.status == Status.CONFIRMED
    assert len(appointments(practice)) == 3


def test_a_chain_of_several_moves_since_the_last_look_is_one_appointment(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    appointment = booked(practice)
    there = sandbox.calendar.bookings[appointment.calendar_uid]
    for hours in (1, 2, 3):
        clock.shift(5)
        target = START + timedelta(hours=hours)
        there = changes.reschedule(sandbox.calendar, booking=there, start=int(target.timestamp()))
    follow(practice)
    moved = fresh(appointment)
    assert (moved.calendar_uid, moved.start) == (there.uid, START + timedelta(hours=3))
    assert len(appointments(practice)) == 1


def test_our_own_booking_whose_answer_never_came_is_settled_by_it(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.calendar.behaviour.read_lag_ms = 1_000
    sandbox.faults.add("commit_then_500", method="POST", count=1)
    book(practice)
    sandbox.calendar.behaviour.read_lag_ms = 0
    follow(practice)
    assert the_attempt(practice).state == State.CONFIRMED
    assert not appointments(practice)[0].booked_elsewhere


def test_one_that_appears_after_it_was_given_up_is_adopted(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.calendar.behaviour.read_lag_ms = 60_000
    sandbox.faults.add("commit_then_500", method="POST", count=1)
    book(practice)
    with company_scope(practice.company.pk):
        reconciliation.settle(the_attempt(practice).pk, final=True)
    sandbox.calendar.behaviour.read_lag_ms = 0
    follow(practice)
    assert attempts(practice)[0].state == State.CONFIRMED
    assert len(appointments(practice)) == 1


def test_looks_overlap_so_that_nothing_falls_between_two_clocks(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    clock.shift(timedelta(minutes=10))
    began = timezone.now()
    follow(practice)
    assert followed_until(practice) == began - timedelta(minutes=2)
    # The calendar's clock is a minute behind ours.
    sandbox.calendar.clock_offset = -60
    there = elsewhere(sandbox)
    sandbox.calendar.clock_offset = 0
    clock.shift(timedelta(minutes=5))
    follow(practice)
    assert [one.calendar_uid for one in appointments(practice)] == [there.uid]


def test_a_calendar_that_cannot_be_asked_is_followed_from_where_the_last_look_was(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    follow(practice)
    reached = followed_until(practice)
    there = elsewhere(sandbox)
    sandbox.faults.add("status", method="GET", status=503)
    clock.shift(timedelta(minutes=30))
    assert follow(practice) is None
    assert followed_until(practice) == reached
    sandbox.faults.clear()
    runtime.breaker(practice.calendar.pk).reset()
    follow(practice)
    assert [one.calendar_uid for one in appointments(practice)] == [there.uid]


def test_what_a_list_cannot_hold_is_left_to_the_next_look(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calcom_client, "PAGE", 2)
    listing = calcom_client.CalcomClient._list

    def short(self: Any, params: Any, **asked: Any) -> Any:
        return listing(self, params, **{**asked, "max_items": 2})

    monkeypatch.setattr(calcom_client.CalcomClient, "_list", short)
    for number in range(7):
        clock.shift(timedelta(minutes=3))
        elsewhere(sandbox, START + timedelta(hours=number), phone=f"+49151123456{number:02d}")
    seen = []
    for _ in range(8):
        clock.shift(5)
        follow(practice)
        seen.append(len(appointments(practice)))
    assert seen[-1] == 7
    assert seen == sorted(seen)


def test_a_list_of_more_pages_than_a_second_allows_is_read_to_its_end(
    practice: Business,
    sandbox: SandboxServer,
    settings: Settings,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sweep may spend half of what is allowed in a second: for the rest it waits, and gets on."""
    settings.CALCOM_REQUESTS_PER_SECOND = 2
    runtime.forget()
    monkeypatch.setattr(calcom_client, "PAGE", 2)
    naps = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        clock.shift(seconds)
        time.sleep(seconds)

    # Its own clock alone: other threads' naps are none of this test's.
    monkeypatch.setattr(gateway, "time", SimpleNamespace(sleep=nap, monotonic=time.monotonic))
    for number in range(5):
        elsewhere(sandbox, START + timedelta(hours=number))
    assert follow(practice) == 5
    assert naps
    assert len(appointments(practice)) == 5


def test_many_at_one_moment_do_not_stop_it(practice: Business, sandbox: SandboxServer) -> None:
    """A cut list that does not reach past the overlap must still get on."""
    since, began = timezone.now(), timezone.now() + timedelta(hours=1)
    there = elsewhere(sandbox)
    cut = BookingList((parse_booking(wire.booking(there)),), complete=False)
    whole = BookingList((), complete=True)
    assert following._next_since(since - timedelta(seconds=30), began, made=cut, changed=whole) == since
    assert following._next_since(since, began, made=whole, changed=whole) == began - timedelta(minutes=2)


def test_each_company_is_followed_in_its_own_calendar(
    practice: Business, linden: Business, sandbox: SandboxServer
) -> None:
    elsewhere(sandbox)
    assert following.companies_to_follow() == [practice.company.pk, linden.company.pk]
    for business in (practice, linden):
        follow(business)
    assert (len(appointments(practice)), appointments(linden)) == (1, [])


def test_without_a_broker_the_schedule_follows_by_itself(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(sandbox)

    def gone(*args: Any, **kwargs: Any) -> Any:
        raise ConnectionRefusedError

    for task in (tasks.follow_calendar, tasks.sweep):
        monkeypatch.setattr(task, "apply_async", gone)
    tasks.follow_calendars()
    assert len(appointments(practice)) == 1


def test_a_company_without_a_calendar_is_not_followed(practice: Business) -> None:
    with company_scope(practice.company.pk):
        practice.calendar.delete()
    assert follow(practice) is None
    assert following.companies_to_follow() == []
