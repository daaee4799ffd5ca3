from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from tests.sandbox.caller import ANNA, Caller, Reply, event_type, scenario, utc
from tests.sandbox.conftest import Start

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=BERLIN)
NOON = datetime(2026, 1, 6, 12, 0, tzinfo=BERLIN)
LATER = NOON + timedelta(hours=2)


@pytest.fixture(autouse=True)
def monday() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY.astimezone(UTC), tick=False) as traveller:
        yield traveller


def move(caller: Caller, uid: str, start: datetime, **more: str) -> Reply:
    return caller.call("POST", f"/v2/bookings/{uid}/reschedule", {"start": utc(start), **more})


def cancel(caller: Caller, uid: str, **more: str) -> Reply:
    return caller.call("POST", f"/v2/bookings/{uid}/cancel", more)


def test_a_move_is_a_new_booking_and_the_old_one_names_it(start: Start) -> None:
    caller = start(scenario())
    old = caller.book(1, NOON, metadata={"idem": "x"}).data
    new = move(caller, old["uid"], LATER, reschedulingReason="später").data
    assert new["uid"] != old["uid"]
    assert (new["start"], new["rescheduledFromUid"], new["metadata"]) == (
        "2026-01-06T13:00:00.000Z",
        old["uid"],
        {"idem": "x"},
    )
    before = caller.call("GET", f"/v2/bookings/{old['uid']}").data
    assert (before["status"], before["rescheduledToUid"]) == ("cancelled", new["uid"])
    assert caller.book(1, NOON).status == 201
    assert caller.book(1, LATER, attendee={**ANNA, "name": "Ben"}).status == 409


def test_a_booking_that_was_moved_or_cancelled_cannot_be_moved_again(start: Start) -> None:
    caller = start(scenario())
    old = caller.book(1, NOON).data["uid"]
    new = move(caller, old, LATER).data["uid"]
    again = move(caller, old, LATER)
    assert again.status == 400
    assert f"rescheduled already to booking with uid={new}" in again.message
    cancel(caller, new)
    gone = move(caller, new, NOON)
    assert (gone.status, "has been cancelled. Please provide" in gone.message) == (400, True)
    assert move(caller, "nothing", NOON).status == 404


def test_a_move_that_is_refused_changes_nothing(start: Start) -> None:
    caller = start(scenario())
    uid = caller.book(1, NOON).data["uid"]
    caller.book(1, LATER, attendee={**ANNA, "phoneNumber": "+4915112345699"})
    assert move(caller, uid, LATER).status == 409
    assert (
        move(caller, uid, MONDAY - timedelta(hours=1)).message == "Attempting to book a meeting in the past."
    )
    assert caller.call("GET", f"/v2/bookings/{uid}").data["status"] == "accepted"


def test_a_move_may_overlap_the_old_time(start: Start) -> None:
    caller = start(scenario(event_type(length=60)))
    uid = caller.book(1, NOON).data["uid"]
    assert move(caller, uid, NOON + timedelta(minutes=30)).status == 201


def test_a_move_keeps_the_length(start: Start) -> None:
    caller = start(scenario(event_type(lengths=[30, 60])))
    uid = caller.book(1, NOON, lengthInMinutes=60).data["uid"]
    assert move(caller, uid, LATER).data["duration"] == 60


def test_a_move_within_its_notice_is_a_raw_403(start: Start) -> None:
    caller = start(scenario(event_type(reschedule_notice=60 * 48)))
    uid = caller.book(1, NOON).data["uid"]
    reply = move(caller, uid, LATER)
    assert (reply.status, reply.body["statusCode"]) == (403, 403)


def test_a_move_of_what_must_be_confirmed_is_pending_unless_the_owner_moves(start: Start) -> None:
    caller = start(scenario(event_type(requires_confirmation=True)))
    uid = caller.book(1, NOON).data["uid"]
    caller.call("POST", f"/v2/bookings/{uid}/confirm")
    moved = move(caller, uid, LATER).data
    assert moved["status"] == "pending"
    assert move(caller, moved["uid"], NOON, rescheduledBy="praxis@example.org").data["status"] == "accepted"


def test_cancelling_frees_the_time_and_twice_is_a_400(start: Start) -> None:
    caller = start(scenario())
    uid = caller.book(1, NOON).data["uid"]
    data = cancel(caller, uid, cancellationReason="krank").data
    assert (data["status"], data["cancellationReason"]) == ("cancelled", "krank")
    again = cancel(caller, uid)
    assert again.status == 400
    assert f"Can't cancel booking with uid={uid} because it has been cancelled already." in again.message
    assert caller.book(1, NOON).status == 201


def test_refusals_of_a_cancellation_are_raw(start: Start, monday: time_machine.Traveller) -> None:
    caller = start(
        scenario(event_type(disable_cancelling=True), event_type(2, requires_cancellation_reason=True))
    )
    fixed, asked = caller.book(1, NOON).data["uid"], caller.book(2, LATER).data["uid"]
    assert cancel(caller, fixed).body["message"] == "This event type does not allow cancellations"
    assert cancel(caller, asked).body["message"] == "Cancellation reason is required"
    monday.shift(timedelta(days=3))
    assert cancel(caller, asked, cancellationReason="x").body["message"] == (
        "Cannot cancel a booking that has already ended"
    )


def test_who_holds_the_uid_may_read_and_cancel_without_a_key(start: Start) -> None:
    caller = start(scenario())
    uid = caller.book(1, NOON).data["uid"]
    with Caller(caller.sandbox, None) as nobody:
        assert nobody.call("GET", f"/v2/bookings/{uid}").data["uid"] == uid
        assert cancel(nobody, uid).data["status"] == "cancelled"


def test_one_seat_goes_and_the_session_stays(start: Start) -> None:
    caller = start(scenario(event_type(seats=3)))
    one = caller.book(1, NOON).data
    two = caller.book(1, NOON, attendee={**ANNA, "phoneNumber": "+4915112345699"}).data
    with Caller(caller.sandbox, None) as nobody:
        assert cancel(nobody, one["uid"]).status == 401
        left = cancel(nobody, one["uid"], seatUid=one["seatUid"]).data
    assert [seat["seatUid"] for seat in left["attendees"]] == [two["seatUid"]]
    assert cancel(caller, one["uid"], seatUid=one["seatUid"]).status == 404
    assert cancel(caller, one["uid"], seatUid=two["seatUid"]).data["status"] == "cancelled"


def test_one_seat_moves_to_another_session(start: Start) -> None:
    caller = start(scenario(event_type(seats=3)))
    one = caller.book(1, NOON).data
    caller.book(1, NOON, attendee={**ANNA, "phoneNumber": "+4915112345699"})
    moved = move(caller, one["uid"], LATER, seatUid=one["seatUid"]).data
    assert moved["uid"] != one["uid"]
    assert len(caller.call("GET", f"/v2/bookings/{one['uid']}").data["attendees"]) == 1
    assert move(caller, one["uid"], LATER).status == 400


def test_confirming_takes_the_time_and_a_second_request_for_it_is_refused(start: Start) -> None:
    caller = start(scenario(event_type(requires_confirmation=True)))
    one = caller.book(1, NOON).data["uid"]
    two = caller.book(1, NOON, attendee={**ANNA, "phoneNumber": "+4915112345699"}).data["uid"]
    assert caller.call("POST", f"/v2/bookings/{one}/confirm").data["status"] == "accepted"
    assert caller.call("POST", f"/v2/bookings/{one}/confirm").message == "Booking already confirmed"
    assert caller.call("POST", f"/v2/bookings/{two}/confirm").status == 400
    declined = caller.call("POST", f"/v2/bookings/{two}/decline", {"reason": "besetzt"}).data
    assert declined["status"] == "rejected"


def test_cal_coms_double_confirmation_can_be_had(start: Start) -> None:
    kind = event_type(requires_confirmation=True)
    caller = start(scenario(kind, behaviour={"confirm_may_double_book": True}))
    one = caller.book(1, NOON).data["uid"]
    two = caller.book(1, NOON, attendee={**ANNA, "phoneNumber": "+4915112345699"}).data["uid"]
    for uid in (one, two):
        assert caller.call("POST", f"/v2/bookings/{uid}/confirm").data["status"] == "accepted"


def test_only_the_host_confirms(start: Start) -> None:
    accounts = [
        {"key": "key", "username": "one", "event_types": [event_type(requires_confirmation=True)]},
        {"key": "other", "username": "two"},
    ]
    caller = start({"accounts": accounts})
    uid = caller.book(1, NOON).data["uid"]
    with Caller(caller.sandbox, "other") as other:
        reply = other.call("POST", f"/v2/bookings/{uid}/confirm")
    assert (reply.status, reply.message) == (401, "User is not authorized to confirm this booking")
