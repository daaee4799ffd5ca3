"""Offered slots are kept for the call that heard them: one seat, one call, until it lets go or time is up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connections
from django.utils import timezone

from apps.scheduling import holds, occupancy
from apps.scheduling.availability import Window
from apps.scheduling.models import Hold
from apps.tenants.scoping import company_scope
from tests.factories import Business
from tests.scheduling.calendars import WEDNESDAY, at
from tests.scheduling.engine import place_of

DAY = Window(WEDNESDAY, WEDNESDAY)
TEN, QUARTER_PAST, ELEVEN = at("10:00"), at("10:15"), at("11:00")


def keep(
    business: Business,
    starts: Iterable[datetime],
    *,
    owner: str,
    seats: int = 1,
    read: Callable[[], None] | None = None,
) -> set[datetime]:
    """What a call does with what it is about to offer; ``read`` happens between looking and keeping."""
    with company_scope(business.company.pk):
        place = place_of(business)
        taken = occupancy.read(place, DAY, owner=owner, phone=None, moving_id=None)
        if read is not None:
            read()
        return holds.keep(place, dict.fromkeys(starts, seats), owner=owner, taken=taken)


def held(business: Business) -> list[tuple[str, str]]:
    with company_scope(business.company.pk):
        rows = Hold.objects.filter(expires_at__gt=timezone.now()).order_by("start", "seat")
        return [(f"{row.start.astimezone(business.company.zone):%H:%M}", row.owner) for row in rows]


def test_an_offered_start_is_kept_for_its_call(practice: Business, settings: Any) -> None:
    assert keep(practice, [TEN, ELEVEN], owner="call:1") == {TEN, ELEVEN}
    with company_scope(practice.company.pk):
        hold = Hold.objects.get(start=TEN)
    assert (hold.end - hold.start, hold.seat) == (timedelta(minutes=45), 0)
    assert hold.expires_at - timezone.now() == timedelta(seconds=settings.SLOT_HOLD_SECONDS)


def test_nothing_to_keep_keeps_nothing(practice: Business) -> None:
    assert keep(practice, [], owner="call:1") == set()


def test_what_overlaps_anothers_hold_is_not_kept(practice: Business) -> None:
    keep(practice, [TEN], owner="call:1")
    assert keep(practice, [QUARTER_PAST, ELEVEN], owner="call:2") == {ELEVEN}
    assert held(practice) == [("10:00", "call:1"), ("11:00", "call:2")]


def test_a_call_is_never_blocked_by_its_own_hold(practice: Business) -> None:
    """Incident 57."""
    keep(practice, [TEN], owner="call:1")
    assert keep(practice, [TEN, QUARTER_PAST], owner="call:1") == {TEN, QUARTER_PAST}


def test_offering_again_keeps_it_longer(practice: Business, clock: time_machine.Traveller) -> None:
    keep(practice, [TEN], owner="call:1")
    clock.shift(timedelta(seconds=100))
    assert keep(practice, [TEN], owner="call:1") == {TEN}
    clock.shift(timedelta(seconds=100))
    assert held(practice) == [("10:00", "call:1")]


def test_a_hold_ends_by_itself(practice: Business, clock: time_machine.Traveller) -> None:
    keep(practice, [TEN], owner="call:1")
    clock.shift(timedelta(seconds=119))
    assert keep(practice, [TEN], owner="call:2") == set()
    clock.shift(timedelta(seconds=2))
    assert held(practice) == []
    # Its row may still be there: it is no obstacle.
    assert keep(practice, [TEN], owner="call:2") == {TEN}
    assert held(practice) == [("10:00", "call:2")]


def test_its_own_expired_hold_is_alive_again_when_it_is_offered_again(
    practice: Business, clock: time_machine.Traveller
) -> None:
    keep(practice, [TEN], owner="call:1")
    clock.shift(timedelta(seconds=130))
    assert keep(practice, [TEN], owner="call:1") == {TEN}
    assert held(practice) == [("10:00", "call:1")]


def test_its_own_expired_hold_stays_dead_when_another_call_was_faster(
    practice: Business, clock: time_machine.Traveller
) -> None:
    keep(practice, [TEN], owner="call:1")
    clock.shift(timedelta(seconds=130))

    def somebody_is_faster() -> None:
        assert keep(practice, [TEN], owner="call:2") == {TEN}

    assert keep(practice, [TEN], owner="call:1", read=somebody_is_faster) == set()
    assert held(practice) == [("10:00", "call:2")]


def test_there_are_as_many_holds_as_seats(practice: Business) -> None:
    kept = [keep(practice, [TEN], owner=f"call:{number}", seats=2) for number in range(3)]
    assert kept == [{TEN}, {TEN}, set()]
    with company_scope(practice.company.pk):
        assert sorted(Hold.objects.values_list("seat", flat=True)) == [0, 1]


def test_who_looked_before_another_was_faster_is_told(practice: Business) -> None:
    def somebody_is_faster() -> None:
        keep(practice, [QUARTER_PAST], owner="call:2")

    assert keep(practice, [TEN], owner="call:1", read=somebody_is_faster) == set()
    assert held(practice) == [("10:15", "call:2")]


def test_the_same_seat_taken_in_between_is_told_too(practice: Business) -> None:
    def two_are_faster() -> None:
        for owner in ("call:2", "call:3"):
            keep(practice, [TEN], owner=owner, seats=3)

    # Two of three seats are gone; the seat number it had looked up is one of them.
    assert keep(practice, [TEN], owner="call:1", seats=3, read=two_are_faster) == set()
    assert keep(practice, [TEN], owner="call:1", seats=3) == {TEN}


def test_of_many_calls_that_are_offered_overlapping_starts_at_once_one_keeps_them(practice: Business) -> None:
    starts = [TEN, QUARTER_PAST, at("10:30")]
    barrier, kept = threading.Barrier(9), []

    def call(number: int) -> None:
        try:
            barrier.wait()
            kept.append(keep(practice, [starts[number % 3]], owner=f"call:{number}"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in kept if one]) == 1
    assert len(held(practice)) == 1


def test_two_companies_with_the_same_event_type_hold_the_same_start_each_for_a_call_of_its_own(
    practice: Business, linden: Business
) -> None:
    """Incident 1. A company that could not keep its offer would make it to its next caller too."""
    assert keep(practice, [TEN], owner="call:1") == {TEN}
    assert keep(linden, [TEN], owner="call:1") == {TEN}
    assert keep(linden, [TEN], owner="call:2") == set()
    assert (held(practice), held(linden)) == ([("10:00", "call:1")],) * 2


def test_the_database_itself_takes_one_hold_a_seat(practice: Business) -> None:
    keep(practice, [TEN], owner="call:1")
    with company_scope(practice.company.pk):
        row = Hold.objects.get()
        row.pk, row.owner = None, "call:2"
        with pytest.raises(IntegrityError):
            row.save()


# --- Letting go ---------------------------------------------------------------------------------


def test_all_of_a_calls_holds_are_given_back_at_once(practice: Business) -> None:
    keep(practice, [TEN, ELEVEN], owner="call:1")
    keep(practice, [at("14:00")], owner="call:2")
    with company_scope(practice.company.pk):
        assert holds.release(owner="call:1") == 2
        assert holds.release(owner="call:1") == 0
    assert held(practice) == [("14:00", "call:2")]


def test_refused_starts_are_given_back_alone(practice: Business) -> None:
    keep(practice, [TEN, ELEVEN], owner="call:1")
    with company_scope(practice.company.pk):
        assert holds.release_starts(place_of(practice), [TEN, at("15:00")], owner="call:1") == 1
        assert holds.release_starts(place_of(practice), [ELEVEN], owner="call:2") == 0
    assert held(practice) == [("11:00", "call:1")]


def test_another_companys_holds_are_not_given_back(practice: Business, linden: Business) -> None:
    keep(practice, [TEN], owner="call:1")
    with company_scope(linden.company.pk):
        assert holds.release(owner="call:1") == 0
        assert holds.release_expired(practice.event_type.pk) == 0
    assert held(practice) == [("10:00", "call:1")]


def test_what_expired_is_removed_and_what_lives_is_not(
    practice: Business, clock: time_machine.Traveller
) -> None:
    keep(practice, [TEN], owner="call:1")
    clock.shift(timedelta(seconds=60))
    keep(practice, [ELEVEN], owner="call:2")
    clock.shift(timedelta(seconds=61))
    with company_scope(practice.company.pk):
        assert holds.release_expired(practice.event_type.pk) == 1
        assert list(Hold.objects.values_list("owner", flat=True)) == ["call:2"]


def test_what_expired_is_removed_when_the_next_one_is_offered_something(
    practice: Business, clock: time_machine.Traveller
) -> None:
    keep(practice, [TEN], owner="call:1")
    clock.shift(timedelta(seconds=130))
    with company_scope(practice.company.pk):
        place = place_of(practice)
        taken = occupancy.read(place, DAY, owner="call:2", phone=None, moving_id=None)
        holds.settle(place, [], owner="call:2", taken=taken)
        assert Hold.objects.count() == 0


# --- One chosen start ---------------------------------------------------------------------------


def test_a_chosen_start_is_kept_unless_others_have_every_seat(practice: Business) -> None:
    with company_scope(practice.company.pk):
        place = place_of(practice)
        assert holds.hold(place, TEN, owner="call:1")
        assert holds.hold(place, TEN, owner="call:1")
        assert not holds.hold(place, QUARTER_PAST, owner="call:2")
    assert held(practice) == [("10:00", "call:1")]


@pytest.mark.postgres
def test_a_hold_waits_for_a_booking_that_changes_the_calendar(practice: Business) -> None:
    """The calendar's row is the lock: a version that is being raised lets nobody look past it."""
    from django.db import transaction

    from apps.scheduling.versions import raise_version

    done = threading.Event()

    def offer() -> None:
        try:
            keep(practice, [TEN], owner="call:2")
            done.set()
        finally:
            connections.close_all()

    with company_scope(practice.company.pk), transaction.atomic():
        raise_version([practice.event_type.pk])
        thread = threading.Thread(target=offer)
        thread.start()
        assert not done.wait(0.3)
    thread.join(timeout=10)
    assert done.is_set()
