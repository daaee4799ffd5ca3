"""What is really left of a listed start: our own bookings and what others were offered taken away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.scheduling import occupancy
from apps.scheduling.alternatives import Slot
from apps.scheduling.availability import Listing, Window
from apps.scheduling.models import Appointment, BookingAttempt, Hold
from apps.scheduling.places import Place
from apps.scheduling.versions import raise_version
from apps.tenants.scoping import company_scope
from tests.factories import (
    CALLER,
    OTHER_NUMBER,
    Business,
    make_appointment,
    make_attempt,
    make_business,
    make_customer,
)
from tests.scheduling.calendars import WEDNESDAY, at
from tests.scheduling.engine import place_of

DAY = Window(WEDNESDAY, WEDNESDAY)
QUARTERS = ("09:15", "09:30", "10:00", "10:30", "10:45")


@pytest.fixture
def business(db: None, clock: time_machine.Traveller) -> Business:
    return make_business()


def listing(*clocks: str, seats: dict[str, tuple[int, int]] | None = None, asked_at: float = 0) -> Listing:
    return Listing(
        starts=tuple(int(at(clock).timestamp()) for clock in clocks),
        seats={int(at(clock).timestamp()): value for clock, value in (seats or {}).items()},
        asked_at=asked_at or timezone.now().timestamp(),
        expires=timezone.now().timestamp() + 60,
        first=DAY.first,
        last=DAY.last,
        blank=False,
    )


def slots(
    business: Business,
    listed: Listing,
    *,
    owner: str = "call:1",
    phone: str | None = None,
    moving: Appointment | None = None,
    capacity: int = 1,
) -> dict[str, Slot]:
    with company_scope(business.company.pk):
        place = place_of(business)
        place.service.capacity = capacity
        moving_id = moving.pk if moving is not None else None
        taken = occupancy.read(place, DAY, owner=owner, phone=phone, moving_id=moving_id)
        found = taken.slots(listed, place, owner=owner)
    return {f"{slot.start.astimezone(place.zone):%H:%M}": slot for slot in found}


def free(found: dict[str, Slot]) -> list[str]:
    return [clock for clock, slot in found.items() if slot.seats > 0]


def hold(business: Business, clock: str, *, owner: str, seat: int = 0, **values: Any) -> None:
    with company_scope(business.company.pk):
        Hold.objects.create(
            company=business.company,
            event_type=business.event_type,
            start=at(clock),
            end=at(clock) + timedelta(minutes=45),
            seat=seat,
            owner=owner,
            **{"expires_at": timezone.now() + timedelta(seconds=60), **values},
        )


def test_without_anything_of_ours_all_that_is_listed_is_free(business: Business) -> None:
    found = slots(business, listing(*QUARTERS))
    assert list(found) == list(QUARTERS)
    assert set(found.values()) == {Slot(at(clock), held=False, seats=1) for clock in QUARTERS}


@pytest.mark.parametrize("status", ["confirmed", "requested"])
def test_a_booking_of_ours_that_is_still_listed_is_not_free(business: Business, status: str) -> None:
    make_appointment(business, start=at("10:00"), status=status)
    assert free(slots(business, listing(*QUARTERS))) == ["09:15", "10:45"]


@pytest.mark.parametrize("status", ["cancelled", "rejected"])
def test_a_booking_that_is_gone_takes_nothing_away(business: Business, status: str) -> None:
    make_appointment(business, start=at("10:00"), status=status)
    assert free(slots(business, listing(*QUARTERS))) == list(QUARTERS)


@pytest.mark.parametrize("state", ["requested", "submitting", "unknown"])
@pytest.mark.parametrize("kind", ["book", "reschedule"])
def test_what_may_have_been_booked_is_not_free(business: Business, state: str, kind: str) -> None:
    make_attempt(business, start=at("10:00"), state=state, kind=kind)
    assert free(slots(business, listing(*QUARTERS))) == ["09:15", "10:45"]


def test_what_was_rejected_or_only_cancels_takes_nothing_away(business: Business) -> None:
    make_attempt(business, start=at("10:00"), key="a", state=BookingAttempt.State.REJECTED)
    make_attempt(business, start=at("10:00"), key="b", kind=BookingAttempt.Kind.CANCEL)
    assert free(slots(business, listing(*QUARTERS))) == list(QUARTERS)


def test_bookings_of_another_calendar_or_company_take_nothing_away(business: Business) -> None:
    other = make_business("linden", number="+493087654321")
    elsewhere = make_business("elsewhere", number="+493087654322", event_type=999)
    for one in (other, elsewhere):
        make_appointment(one, start=at("10:00"))
        hold(one, "10:30", owner="call:9", seat=5)
    assert free(slots(business, listing(*QUARTERS))) == list(QUARTERS)


def test_the_services_capacity_is_used_up_one_by_one(business: Business) -> None:
    make_appointment(business, start=at("10:00"), uid="a")
    found = slots(business, listing(*QUARTERS), capacity=2)
    assert {clock: slot.seats for clock, slot in found.items()} == {
        "09:15": 2, "09:30": 1, "10:00": 1, "10:30": 1, "10:45": 2,
    }  # fmt: skip
    make_appointment(business, start=at("10:30"), uid="b")
    assert free(slots(business, listing(*QUARTERS), capacity=2)) == ["09:15", "09:30", "10:45"]


class TestSeats:
    def test_a_listed_count_already_knows_our_older_bookings(
        self, business: Business, clock: time_machine.Traveller
    ) -> None:
        make_appointment(business, start=at("10:00"))
        clock.shift(timedelta(seconds=30))
        found = slots(business, listing("10:00", seats={"10:00": (2, 3)}))
        assert found["10:00"].seats == 2

    def test_a_booking_made_just_before_it_was_asked_may_not_be_counted_yet(
        self, business: Business, clock: time_machine.Traveller
    ) -> None:
        make_appointment(business, start=at("10:00"))
        clock.shift(timedelta(seconds=3))
        assert slots(business, listing("10:00", seats={"10:00": (1, 3)}))["10:00"].seats == 0

    def test_a_booking_made_since_is_taken_away(
        self, business: Business, clock: time_machine.Traveller
    ) -> None:
        listed = listing("10:00", seats={"10:00": (1, 3)})
        clock.shift(timedelta(seconds=40))
        make_appointment(business, start=at("10:00"))
        assert slots(business, listed)["10:00"].seats == 0

    def test_an_unsettled_attempt_takes_a_seat(self, business: Business) -> None:
        make_attempt(business, start=at("10:00"), state=BookingAttempt.State.UNKNOWN)
        assert slots(business, listing("10:00", seats={"10:00": (2, 3)}))["10:00"].seats == 1

    def test_there_are_never_more_than_the_total_less_ours(
        self, business: Business, clock: time_machine.Traveller
    ) -> None:
        for number in range(2):
            make_appointment(business, start=at("10:00"), uid=f"u{number}")
        clock.shift(timedelta(minutes=5))
        # A stale count: it says that nobody has booked.
        assert slots(business, listing("10:00", seats={"10:00": (3, 3)}))["10:00"].seats == 1

    def test_seats_of_other_starts_are_their_own(self, business: Business) -> None:
        make_appointment(business, start=at("09:30"))
        found = slots(business, listing("09:30", "10:00", seats={"09:30": (1, 1), "10:00": (1, 1)}))
        assert (found["09:30"].seats, found["10:00"].seats) == (0, 1)


# --- Holds --------------------------------------------------------------------------------------


def test_what_another_call_holds_is_held_and_what_this_call_holds_is_not(business: Business) -> None:
    hold(business, "10:00", owner="call:2")
    found = slots(business, listing(*QUARTERS))
    assert [clock for clock, slot in found.items() if slot.held] == ["09:30", "10:00", "10:30"]
    own = slots(business, listing(*QUARTERS), owner="call:2")
    assert not any(slot.held for slot in own.values())


def test_an_expired_hold_holds_nothing(business: Business) -> None:
    hold(business, "10:00", owner="call:2", expires_at=timezone.now())
    assert not any(slot.held for slot in slots(business, listing(*QUARTERS)).values())


def test_a_start_is_held_when_all_that_is_left_of_it_is(business: Business) -> None:
    hold(business, "10:00", owner="call:2")
    assert not slots(business, listing("10:00"), capacity=2)["10:00"].held
    hold(business, "10:00", owner="call:3", seat=1)
    assert slots(business, listing("10:00"), capacity=2)["10:00"].held
    seats = listing("10:00", seats={"10:00": (3, 5)})
    assert not slots(business, seats)["10:00"].held


def test_hundreds_of_holds_are_no_trouble(business: Business) -> None:
    with company_scope(business.company.pk):
        Hold.objects.bulk_create(
            Hold(
                company=business.company,
                event_type=business.event_type,
                start=at("10:00") + timedelta(minutes=15 * (number % 20)),
                end=at("10:45") + timedelta(minutes=15 * (number % 20)),
                seat=number,
                owner=f"call:{number + 100}",
                expires_at=timezone.now() + timedelta(seconds=60),
            )
            for number in range(400)
        )
    found = slots(business, listing("09:15", "10:00", "12:00", "16:00"))
    assert [clock for clock, slot in found.items() if slot.held] == ["10:00", "12:00"]


def test_a_start_that_only_this_calls_own_reservation_hides_is_listed(business: Business) -> None:
    """Incident 59: a call was blocked by its own reservation."""
    hold(business, "10:00", owner="call:1", reservation_uid="r1")
    assert list(slots(business, listing("09:00", "11:00"))) == ["09:00", "10:00", "11:00"]
    assert list(slots(business, listing("09:00", "11:00"), owner="call:2")) == ["09:00", "11:00"]


# --- The caller's own time ----------------------------------------------------------------------


def busy(
    place: Place, *, owner: str = "call:1", phone: str | None = CALLER, moving: int | None = None
) -> int:
    return len(occupancy.read(place, DAY, owner=owner, phone=phone, moving_id=moving).busy)


def test_the_callers_own_time_is_known_wherever_in_the_company(business: Business) -> None:
    customer = make_customer(business.company)
    far = make_appointment(business, start=at("10:00") + timedelta(days=40), customer=customer)
    with company_scope(business.company.pk):
        place = place_of(business)
        assert busy(place) == 1
        assert busy(place, phone="+491709999999") == 0
        assert busy(place, phone=None) == 0
        assert busy(place, moving=far.pk) == 0


def test_what_this_call_may_have_booked_is_its_own_time_too(business: Business) -> None:
    make_attempt(business, start=at("10:00"), owner="call:1", state=BookingAttempt.State.UNKNOWN)
    with company_scope(business.company.pk):
        place = place_of(business)
        assert busy(place, phone=None) == 1
        assert busy(place, phone=None, owner="call:2") == 0


def test_what_began_the_day_before_and_lasts_into_the_day_takes_up_its_time(business: Business) -> None:
    midnight = at("00:00")
    make_appointment(
        business, start=midnight - timedelta(hours=23), end=midnight + timedelta(minutes=30), uid="long"
    )
    make_appointment(business, start=midnight - timedelta(hours=2), end=midnight, uid="over")
    with company_scope(business.company.pk):
        taken = occupancy.read(place_of(business), DAY, owner="call:1", phone=None, moving_id=None)
    assert [one.end for one in taken.standing] == [(midnight + timedelta(minutes=30)).timestamp()]


def test_what_is_over_is_not_in_the_way(business: Business, clock: time_machine.Traveller) -> None:
    customer = make_customer(business.company)
    make_appointment(business, start=at("10:00"), customer=customer)
    clock.move_to(at("10:45"))
    with company_scope(business.company.pk):
        assert busy(place_of(business)) == 0


def test_the_appointment_that_is_moved_is_not_in_its_own_way(business: Business) -> None:
    moving = make_appointment(business, start=at("10:00"))
    assert "10:00" not in free(slots(business, listing(*QUARTERS)))
    assert free(slots(business, listing(*QUARTERS), moving=moving)) == list(QUARTERS)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_all_of_it_is_one_message(clock: time_machine.Traveller) -> None:
    business = make_business()
    make_appointment(business, start=at("10:00"), customer=make_customer(business.company))
    hold(business, "10:00", owner="call:2")
    with company_scope(business.company.pk):
        place = place_of(business)
        occupancy.read(place, DAY, owner="call:1", phone=CALLER, moving_id=None)
        with CaptureQueriesContext(connection) as messages:
            taken = occupancy.read(place, DAY, owner="call:1", phone=CALLER, moving_id=None)
    assert len(messages) == 1
    assert (len(taken.standing), len(taken.holds), len(taken.busy)) == (1, 1, 1)


def passing(phone: str | None = CALLER) -> occupancy.Passing:
    return occupancy.passing_of(occupancy.passing(phone=phone).rows(), phone=phone)


class TestKnown:
    """What was read with the call, and what this process has read under the calendar's version."""

    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However slow the machine is, what was read with the call counts as just read."""
        monkeypatch.setattr(occupancy, "AT_ONCE_SECONDS", 60.0)

    @pytest.fixture
    def place(self, business: Business) -> Place:
        """The caller's own appointment and a hold of another call; the day was looked at before."""
        make_appointment(business, start=at("10:00"), customer=make_customer(business.company))
        hold(business, "10:30", owner="call:2")
        with company_scope(business.company.pk):
            place = place_of(business)
            occupancy.read(place, DAY, owner="call:9", phone=None, moving_id=None)
            return place

    def ask(
        self, place: Place, passes: occupancy.Passing | None = None, **who: Any
    ) -> occupancy.Occupancy | None:
        asked: dict[str, Any] = {"owner": "call:1", "phone": CALLER, **who}
        return occupancy.known(place, DAY, passes or passing(), **asked)

    def test_it_is_what_reading_it_says_and_costs_nothing(
        self, business: Business, place: Place, django_assert_num_queries: Any
    ) -> None:
        make_attempt(business, start=at("11:00"), owner="call:1")
        with company_scope(business.company.pk):
            read = occupancy.read(place, DAY, owner="call:1", phone=CALLER, moving_id=None)
            passes = passing()
            with django_assert_num_queries(0):
                known = self.ask(place, passes)
        assert known == replace(read, now=passes.now)
        assert (len(read.standing), len(read.unsettled), len(read.holds), len(read.busy)) == (1, 1, 1, 2)

    def test_what_passes_is_as_it_was_when_the_call_was_read(self, business: Business, place: Place) -> None:
        hold(business, "12:00", owner="call:3")
        with company_scope(business.company.pk):
            known = self.ask(place)
        assert known is not None
        assert len(known.holds) == 2

    def test_after_a_change_of_the_calendar_it_is_read_anew(self, business: Business, place: Place) -> None:
        with company_scope(business.company.pk):
            raise_version([business.event_type.pk])
            assert self.ask(place_of(business)) is None

    def test_another_day_is_read(self, business: Business, place: Place) -> None:
        tomorrow = Window(DAY.first + timedelta(days=1), DAY.last + timedelta(days=1))
        with company_scope(business.company.pk):
            assert occupancy.known(place, tomorrow, passing(), owner="call:1", phone=CALLER) is None

    def test_for_who_goes_by_another_number_than_the_one_that_calls_it_is_read(
        self, business: Business, place: Place
    ) -> None:
        with company_scope(business.company.pk):
            assert self.ask(place, phone="+491709999999") is None
            assert self.ask(place, passing(None), phone=None) is not None

    def test_after_a_wait_it_is_read(self, business: Business, place: Place) -> None:
        with company_scope(business.company.pk):
            passes = passing()
            waited = replace(passes, read_at=passes.read_at - occupancy.AT_ONCE_SECONDS)
            assert self.ask(place, waited) is None

    def test_another_company_with_the_same_event_type_knows_nothing_of_it(
        self, business: Business, place: Place
    ) -> None:
        other = make_business("linden-clinic", number=OTHER_NUMBER)
        assert other.event_type == business.event_type
        with company_scope(other.company.pk):
            there = place_of(other)
            assert self.ask(there) is None
            occupancy.read(there, DAY, owner="call:9", phone=None, moving_id=None)
            known = self.ask(there)
        assert known is not None
        assert (known.standing, known.holds, known.busy) == ([], [], [])

    def test_no_more_is_kept_than_a_process_may_know(
        self, business: Business, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(occupancy, "MOST_SEEN", 3)
        with company_scope(business.company.pk):
            for days in range(5):
                day = DAY.first + timedelta(days=days)
                occupancy.read(place, Window(day, day), owner="call:9", phone=None, moving_id=None)
        assert len(occupancy._seen) == 3


def test_a_free_seat_is_one_that_no_hold_has(business: Business) -> None:
    for seat in (0, 1, 3):
        hold(business, "10:00", owner=f"call:{seat + 2}", seat=seat)
    with company_scope(business.company.pk):
        taken = occupancy.read(place_of(business), DAY, owner="call:1", phone=None, moving_id=None)
    assert taken.free_seat(at("10:00").timestamp()) == 2
    assert taken.free_seat(at("10:15").timestamp()) == 0
    assert replace(taken, holds=[]).free_seat(at("10:00").timestamp()) == 0
