from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from apps.sandbox.webhooks import Dispatcher
from tests.sandbox.caller import ANNA, Caller, event_type, scenario, utc
from tests.sandbox.conftest import Start
from tests.sandbox.receiver import Receiver

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=BERLIN)
NOON = datetime(2026, 1, 6, 12, 0, tzinfo=BERLIN)
SECRET = "whsec_test_secret"
SAMPLES = Path(__file__).resolve().parent.parent / "data" / "calcom-webhooks"


@pytest.fixture(autouse=True)
def monday() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY.astimezone(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def caller(start: Start, receiver: Receiver) -> Caller:
    return practice(start, receiver)


def practice(start: Start, receiver: Receiver, **manner: Any) -> Caller:
    """A practice whose changes the receiver is told of."""
    host = {
        "id": 4711,
        "username": "praxis-keller",
        "name": "Dr. Sabine Keller",
        "email": "keller@praxis.example",
    }
    kinds = [
        event_type(123, title="Erstberatung", slug="erstberatung"),
        event_type(124, title="Gruppenkurs", slug="gruppenkurs", seats=5),
        event_type(125, title="Team-Termin", slug="team-termin", scheduling="roundRobin", team_id=77),
        event_type(126, requires_confirmation=True),
    ]
    account = {
        "username": "praxis-keller",
        "hosts": [host],
        "webhooks": [{"url": receiver.url, "secret": SECRET}],
    }
    return start(scenario(*kinds, account=account, webhooks=manner))


def told(caller: Caller, receiver: Receiver, count: int) -> Receiver:
    dispatcher: Dispatcher = caller.sandbox.webhooks
    assert dispatcher.wait()
    assert len(receiver.received) == count
    return receiver


def change(caller: Caller, uid: str, name: str, **body: Any) -> Any:
    return caller.call("POST", f"/v2/bookings/{uid}/{name}", body).data


def test_a_booking_is_told_with_a_signature_over_the_exact_bytes(caller: Caller, receiver: Receiver) -> None:
    data = caller.book(123, NOON, metadata={"idem": "b7c1f0"}).data
    (one,) = told(caller, receiver, 1).received
    assert one.trigger == "BOOKING_CREATED"
    assert (
        one.headers["X-Cal-Signature-256"] == hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
    )
    assert one.headers["X-Cal-Webhook-Version"] == "2021-10-20"
    assert (one.payload["uid"], one.payload["bookingId"]) == (data["uid"], data["id"])
    assert (one.payload["metadata"], one.payload["startTime"]) == ({"idem": "b7c1f0"}, "2026-01-06T11:00:00Z")


def test_each_change_has_its_trigger(caller: Caller, receiver: Receiver) -> None:
    first = caller.book(123, NOON).data["uid"]
    second = change(caller, first, "reschedule", start=utc(NOON + timedelta(hours=1)))["uid"]
    change(caller, second, "cancel", cancellationReason="krank")
    created, moved, cancelled = told(caller, receiver, 3).received
    assert receiver.triggers == ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED"]
    assert (moved.payload["uid"], moved.payload["rescheduleUid"]) == (second, first)
    assert moved.payload["rescheduleStartTime"] == created.payload["startTime"]
    assert cancelled.payload["uid"] == second
    assert "metadata" not in cancelled.payload
    assert cancelled.payload["startTime"].endswith("+00:00")
    assert (cancelled.payload["cancellationReason"], cancelled.payload["status"]) == ("krank", "CANCELLED")


def test_what_must_be_confirmed_is_requested_then_created_or_rejected(
    caller: Caller, receiver: Receiver
) -> None:
    one = caller.book(126, NOON).data["uid"]
    told(caller, receiver, 1)
    change(caller, one, "confirm")
    told(caller, receiver, 2)
    two = change(caller, one, "reschedule", start=utc(NOON + timedelta(hours=1)))["uid"]
    told(caller, receiver, 3)
    change(caller, two, "decline", reason="zu")
    told(caller, receiver, 4)
    assert receiver.triggers == [
        "BOOKING_REQUESTED",
        "BOOKING_CREATED",
        "BOOKING_REQUESTED",
        "BOOKING_REJECTED",
    ]
    assert receiver.received[2].payload["rescheduleUid"] == one
    assert receiver.received[3].payload["rejectionReason"] == "zu"


def test_a_seat_is_told_alone(caller: Caller, receiver: Receiver) -> None:
    caller.book(124, NOON)
    second = caller.book(124, NOON, attendee={**ANNA, "name": "Ben", "phoneNumber": "+4915112345699"}).data
    change(caller, second["uid"], "cancel", seatUid=second["seatUid"])
    told(caller, receiver, 3)
    assert [one.payload["attendees"][0]["name"] for one in receiver.received] == ["Anna Muster", "Ben", "Ben"]
    assert receiver.received[1].payload["attendeeSeatId"] == second["seatUid"]


SHAPES = [
    ("booking_created.json", 123, ()),
    ("booking_created_phone_only.json", 123, ()),
    ("booking_created_seated.json", 124, ()),
    ("booking_created_round_robin_team.json", 125, ()),
    ("booking_requested.json", 126, ()),
    ("booking_rescheduled.json", 123, ("reschedule",)),
    ("booking_cancelled.json", 123, ("cancel",)),
    ("booking_rejected.json", 126, ("decline",)),
]


@pytest.mark.parametrize(("sample", "number", "changes"), SHAPES)
def test_the_shape_is_that_of_the_sample(
    caller: Caller, receiver: Receiver, sample: str, number: int, changes: tuple[str, ...]
) -> None:
    """The same keys with the same kinds of values, all the way down."""
    body = {"bookingFieldsResponses": {"notes": "gebucht per Telefon"}, "metadata": {"idem": "b7c1f0"}}
    uid = caller.book(number, NOON, **body).data["uid"]
    for name in changes:
        change(
            caller, uid, name, **({"start": utc(NOON + timedelta(hours=1))} if name == "reschedule" else {})
        )
    told(caller, receiver, 1 + len(changes))
    expected = json.loads((SAMPLES / sample).read_bytes())
    assert shape(receiver.received[-1].json) == shape(expected)


def shape(value: Any) -> Any:
    """Keys and kinds of values; lists by their first entry. Metadata and who cancelled are as they come."""
    if isinstance(value, dict):
        return {
            name: "object" if name == "metadata" else shape(one)
            for name, one in sorted(value.items())
            if name != "cancelledBy"
        }
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__


def test_before_the_answer_means_before_the_answer(start: Start, receiver: Receiver) -> None:
    caller = practice(start, receiver, before_answer=True)
    data = caller.book(123, NOON).data
    assert [one.payload["uid"] for one in receiver.received] == [data["uid"]]


def test_an_inline_cancellation_is_told_before_the_row_changes(start: Start, receiver: Receiver) -> None:
    caller = practice(start, receiver, before_answer=True)
    uid = caller.book(123, NOON).data["uid"]
    seen: list[str] = []

    def look(_: object) -> None:
        with Caller(caller.sandbox) as other:
            seen.append(other.call("GET", f"/v2/bookings/{uid}").data["status"])

    receiver.on_delivery = look
    change(caller, uid, "cancel")
    assert seen == ["accepted"]
    assert receiver.triggers == ["BOOKING_CREATED", "BOOKING_CANCELLED"]


def test_twice_never_late_or_forged(start: Start, receiver: Receiver) -> None:
    caller = practice(start, receiver, duplicate=1.0)
    manner = caller.sandbox.webhooks.manner
    caller.book(123, NOON)
    one, two = told(caller, receiver, 2).received
    assert one.body == two.body
    manner.duplicate, manner.drop = 0.0, 1.0
    caller.book(123, NOON + timedelta(hours=1))
    told(caller, receiver, 2)
    assert caller.sandbox.webhooks.deliveries[-1].status == -1
    manner.drop, manner.delay_ms = 0.0, 80
    caller.book(123, NOON + timedelta(hours=2))
    assert len(receiver.received) == 2
    told(caller, receiver, 3)
    manner.delay_ms, manner.bad_signature = 0, 1.0
    caller.book(123, NOON + timedelta(hours=3))
    forged = told(caller, receiver, 4).received[-1]
    good = hmac.new(SECRET.encode(), forged.body, hashlib.sha256).hexdigest()
    assert forged.headers["X-Cal-Signature-256"] != good


def test_in_order_unless_disorder_is_asked_for(start: Start, receiver: Receiver) -> None:
    caller = practice(start, receiver)
    order = book_and_cancel(caller, 12)
    assert told(caller, receiver, 24).received
    by_uid = {uid: [one.trigger for one in receiver.received if one.payload["uid"] == uid] for uid in order}
    assert set(map(tuple, by_uid.values())) == {("BOOKING_CREATED", "BOOKING_CANCELLED")}
    caller.sandbox.webhooks.manner.out_of_order_ms = 60
    receiver.received.clear()
    order = book_and_cancel(caller, 12)
    told(caller, receiver, 24)
    by_uid = {uid: [one.trigger for one in receiver.received if one.payload["uid"] == uid] for uid in order}
    assert ("BOOKING_CANCELLED", "BOOKING_CREATED") in set(map(tuple, by_uid.values()))


def book_and_cancel(caller: Caller, count: int) -> list[str]:
    uids = [caller.book(123, NOON + timedelta(minutes=30 * (one % 8))).data["uid"] for one in range(8)][
        :count
    ]
    for uid in uids:
        change(caller, uid, "cancel")
    more = [
        caller.book(123, NOON + timedelta(minutes=30 * one)).data["uid"] for one in range(count - len(uids))
    ]
    for uid in more:
        change(caller, uid, "cancel")
    return uids + more


def test_a_refused_cancellation_is_told_to_nobody(start: Start, receiver: Receiver) -> None:
    caller = practice(start, receiver, before_answer=True)
    uid = caller.book(123, NOON).data["uid"]
    change(caller, uid, "cancel")
    assert caller.call("POST", f"/v2/bookings/{uid}/cancel", {}).status == 400
    assert receiver.triggers == ["BOOKING_CREATED", "BOOKING_CANCELLED"]


def test_cancellations_can_carry_metadata(start: Start, receiver: Receiver) -> None:
    caller = practice(start, receiver, cancel_metadata=True)
    change(caller, caller.book(123, NOON, metadata={"idem": "x"}).data["uid"], "cancel")
    assert told(caller, receiver, 2).received[-1].payload["metadata"] == {"idem": "x"}


def test_only_loopback_is_told(caller: Caller, receiver: Receiver) -> None:
    body = {
        "active": True,
        "subscriberUrl": "https://hooks.example.com/calcom/",
        "secret": "s",
        "triggers": ["BOOKING_CREATED"],
    }
    assert caller.call("POST", "/v2/webhooks", body).status == 201
    caller.book(123, NOON)
    told(caller, receiver, 1)
    assert [one.status for one in caller.sandbox.webhooks.deliveries if "example.com" in one.url] == [-1]


def test_whoever_registers_is_told_what_they_asked_for_and_refuses_are_not_repeated(
    start: Start, receiver: Receiver
) -> None:
    caller = start(scenario())
    receiver.status = 500
    body = {"active": True, "subscriberUrl": receiver.url, "triggers": ["BOOKING_CANCELLED"]}
    number = caller.call("POST", "/v2/webhooks", body).data["id"]
    uid = caller.book(1, NOON).data["uid"]
    change(caller, uid, "cancel")
    (one,) = told(caller, receiver, 1).received
    assert one.headers["X-Cal-Signature-256"] == "no-secret-provided"
    assert caller.sandbox.webhooks.deliveries[-1].status == 500
    caller.call("PATCH", f"/v2/webhooks/{number}", {"active": False})
    change(caller, caller.book(1, NOON).data["uid"], "cancel")
    told(caller, receiver, 1)


def test_nobody_listening_does_no_harm(start: Start, receiver: Receiver) -> None:
    caller = practice(start, receiver)
    account = caller.sandbox.calendar.accounts["key"]
    next(iter(account.webhooks.values())).url = "http://127.0.0.1:9/"
    assert caller.book(123, NOON).status == 201
    told(caller, receiver, 0)
    assert caller.sandbox.webhooks.deliveries[-1].status == 0
