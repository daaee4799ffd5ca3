from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from tests.sandbox.caller import ANNA, Caller, event_type, scenario, utc
from tests.sandbox.conftest import Start
from tests.sandbox.receiver import Receiver

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=BERLIN)
NOON = datetime(2026, 1, 6, 12, 0, tzinfo=BERLIN)


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
    kinds = (event_type(), event_type(2, requires_confirmation=True))
    return start(scenario(*kinds, account={"webhooks": [{"url": receiver.url, "secret": "s"}]}))


def control(caller: Caller, method: str, name: str, body: Any = None, *, status: int = 200) -> Any:
    reply = caller.call(method, f"/sandbox/{name}", body)
    assert reply.status == status, reply.body
    return reply.body


def state(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    return list(control(caller, "GET", f"state{query}")["bookings"])


def test_the_state_is_what_graders_need(caller: Caller) -> None:
    uid = caller.book(1, NOON, metadata={"idem": "b7c1f0"}).data["uid"]
    new = caller.call(
        "POST", f"/v2/bookings/{uid}/reschedule", {"start": utc(NOON + timedelta(hours=1))}
    ).data
    old, moved = state(caller)
    assert (old["status"], old["rescheduledToUid"], moved["rescheduledFromUid"]) == (
        "cancelled",
        new["uid"],
        uid,
    )
    assert moved["rootUid"] == uid
    assert moved["attendee"] | {"responses": {}, "metadata": {}} == {
        "name": "Anna Muster",
        "phone": "+4915112345678",
        "email": "4915112345678@sms.cal.com",
        "responses": {},
        "metadata": {},
    }
    assert (moved["start"], moved["end"]) == ("2026-01-06T12:00:00.000Z", "2026-01-06T12:30:00.000Z")
    assert (moved["account"], moved["eventTypeId"], moved["hosts"]) == ("praxis", 1, ["praxis"])
    assert moved["metadata"] == {"idem": "b7c1f0"}
    assert moved["createdAt"] == "2026-01-05T07:00:00.000Z"
    assert [one["uid"] for one in state(caller, "?status=accepted,pending")] == [new["uid"]]
    assert len(state(caller, "?account=praxis")) == 2


def test_a_booking_made_elsewhere_takes_its_time_and_is_told(caller: Caller, receiver: Receiver) -> None:
    body = {"eventTypeId": 1, "start": "tomorrow 12:00", "name": "Ben", "phone": "+4915112345699"}
    uid = control(caller, "POST", "bookings", body)["uid"]
    assert caller.book(1, NOON).status == 409
    assert caller.sandbox.webhooks.wait()
    assert [one.payload["uid"] for one in receiver.received] == [uid]
    control(caller, "POST", "reschedule", {"uid": uid, "start": "tomorrow 15:00"})
    assert caller.sandbox.webhooks.wait()
    assert receiver.triggers == ["BOOKING_CREATED", "BOOKING_RESCHEDULED"]
    assert caller.book(1, NOON).status == 201


@pytest.mark.parametrize("inline", [False, True])
def test_a_cancellation_elsewhere_is_told_or_not(caller: Caller, receiver: Receiver, inline: bool) -> None:
    uids = [caller.book(1, NOON + timedelta(hours=hour)).data["uid"] for hour in (0, 1)]
    assert caller.sandbox.webhooks.wait()
    receiver.received.clear()
    caller.sandbox.webhooks.manner.before_answer = inline
    control(caller, "POST", "cancel", {"uid": uids[0], "reason": "krank"})
    control(caller, "POST", "cancel", {"uid": uids[1], "webhook": False})
    assert caller.sandbox.webhooks.wait()
    assert [one.payload["uid"] for one in receiver.received] == [uids[0]]
    assert {one["status"] for one in state(caller)} == {"cancelled"}


def test_confirming_from_the_mail_tells_nobody(caller: Caller, receiver: Receiver) -> None:
    one, two = (caller.book(2, NOON + timedelta(hours=hour)).data["uid"] for hour in (0, 1))
    control(caller, "POST", "confirm", {"uid": one})
    control(caller, "POST", "confirm", {"uid": two, "webhook": True})
    assert caller.sandbox.webhooks.wait()
    assert sorted(receiver.triggers) == ["BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_REQUESTED"]


def test_the_test_button_pings(caller: Caller, receiver: Receiver) -> None:
    control(caller, "POST", "ping", {"account": "praxis"})
    assert caller.sandbox.webhooks.wait()
    assert receiver.triggers == ["PING"]
    assert receiver.received[0].payload["type"] == "Test"


def test_busy_times_take_slots(caller: Caller) -> None:
    control(caller, "POST", "busy", {"start": "tomorrow 11:45", "minutes": 30})
    assert caller.book(1, NOON).status == 400
    assert caller.book(1, NOON + timedelta(minutes=15)).status == 201


def test_faults_are_set_added_and_cleared(caller: Caller) -> None:
    control(caller, "POST", "faults", {"kind": "status", "path": "/v2/me", "status": 503, "count": 1})
    assert caller.raw("GET", "/v2/me")[0] == 503
    rules = [{"kind": "status", "path": "/v2/me"}, {"kind": "latency", "ms": 1}]
    assert len(control(caller, "POST", "faults", {"rules": rules, "seed": 3})["rules"]) == 2
    added = {"kind": "empty_slots", "path": "/v2/slots", "add": True}
    assert [one["kind"] for one in control(caller, "POST", "faults", added)["rules"]] == [
        "status",
        "latency",
        "empty_slots",
    ]
    assert control(caller, "POST", "faults", {"kind": "fire"}, status=400)["message"].startswith(
        "kind: unknown"
    )
    assert len(control(caller, "GET", "faults")["rules"]) == 3
    control(caller, "DELETE", "faults")
    assert caller.call("GET", "/v2/me").status == 200


def test_faults_never_strike_the_control_side(caller: Caller) -> None:
    caller.sandbox.faults.add("status")
    assert state(caller) == []


def test_requests_are_counted_by_endpoint(caller: Caller) -> None:
    caller.call("GET", "/v2/bookings/one")
    caller.call("GET", "/v2/bookings/two")
    seen = control(caller, "GET", "requests?limit=1")
    assert seen["counts"] == {"GET /v2/bookings/{uid}": 2}
    assert [one["path"] for one in seen["recent"]] == ["/v2/bookings/two"]
    control(caller, "DELETE", "requests")
    assert control(caller, "GET", "requests") == {"counts": {}, "recent": []}


def test_the_clock_can_be_set_and_let_go(caller: Caller) -> None:
    assert (
        control(caller, "POST", "clock", {"now": "2026-01-07T12:00:00Z"})["now"] == "2026-01-07T12:00:00.000Z"
    )
    assert caller.book(1, NOON).message == "Attempting to book a meeting in the past."
    assert control(caller, "POST", "clock", {"offset_seconds": 60})["now"] == "2026-01-05T07:01:00.000Z"
    assert control(caller, "POST", "clock", {})["now"] == "2026-01-05T07:00:00.000Z"


def test_a_reset_is_the_beginning_again(caller: Caller, receiver: Receiver) -> None:
    hook = {"active": True, "subscriberUrl": "http://127.0.0.1:9/", "triggers": ["BOOKING_CREATED"]}
    caller.call("POST", "/v2/webhooks", hook)
    caller.book(1, NOON)
    caller.sandbox.faults.add("status", path="/v2/me")
    control(caller, "POST", "behaviour", {"slot_lag_ms": 100})
    control(caller, "POST", "clock", {"offset_seconds": 60})
    control(caller, "POST", "reset")
    assert state(caller) == []
    assert caller.call("GET", "/v2/me").status == 200
    assert control(caller, "GET", "requests")["counts"] == {"GET /v2/me": 1}
    assert control(caller, "GET", "state")["now"] == "2026-01-05T07:00:00.000Z"
    assert {one["subscriberUrl"] for one in caller.call("GET", "/v2/webhooks").data} == {
        receiver.url,
        "http://127.0.0.1:9/",
    }
    assert caller.book(1, NOON).status == 201


def test_event_types_and_accounts_can_be_added(caller: Caller) -> None:
    added = control(caller, "POST", "event-types", {"id": 9, "title": "Neu", "length": 20})
    assert added["lengthInMinutes"] == 20
    assert caller.call("GET", "/v2/event-types/9").data["title"] == "Neu"
    kind = event_type(7)
    control(caller, "POST", "accounts", {"key": "fresh", "username": "fresh", "event_types": [kind]})
    with Caller(caller.sandbox, "fresh") as fresh:
        assert fresh.book(7, NOON).status == 201


def test_behaviour_and_webhooks_can_be_turned(caller: Caller) -> None:
    assert control(caller, "POST", "behaviour", {"exact_conflict": 400})["exact_conflict"] == 400
    caller.book(1, NOON)
    assert caller.book(1, NOON).status == 400
    assert control(caller, "POST", "webhooks", {"duplicate": 1.0})["duplicate"] == 1.0
    assert caller.sandbox.webhooks.wait()
    seen = control(caller, "GET", "webhooks")
    assert [one["trigger"] for one in seen["deliveries"]] == ["BOOKING_CREATED"]


@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        ("busy", {"start": "tomorrow 12:00"}, "busy: needs end or minutes"),
        ("busy", {"start": "whenever", "minutes": 5}, "busy.start: 'whenever' is not a moment"),
        ("bookings", {"eventTypeId": 77, "start": "tomorrow 12:00"}, "there is no event type 77"),
        ("bookings", {"account": "nobody"}, "account: there is no account 'nobody'"),
        ("behaviour", {"slot_lag_ms": True}, "slot_lag_ms: True is not a number"),
        ("behaviour", {"speed": 1}, "speed: unknown key"),
        ("webhooks", {"drop": -1}, "drop: -1 is not a number"),
        ("clock", {"offset_seconds": "x"}, "offset_seconds: 'x' is not a number"),
        ("event-types", {"title": "x"}, "event_type.id: missing"),
        ("faults", {"rules": 3}, "faults.rules: 3 is not a list"),
    ],
)
def test_what_makes_no_sense_is_a_400_with_one_sentence(
    caller: Caller, name: str, body: dict[str, Any], complaint: str
) -> None:
    assert complaint in control(caller, "POST", name, body, status=400)["message"]


def test_unknown_names_are_404(caller: Caller) -> None:
    control(caller, "POST", "cancel", {"uid": "nothing"}, status=404)
    control(caller, "GET", "secrets", status=404)


def test_a_seated_booking_lists_all_its_people(start: Start) -> None:
    caller = start(scenario(event_type(seats=3)))
    caller.book(1, NOON)
    caller.book(1, NOON, attendee={**ANNA, "name": "Ben", "phoneNumber": "+4915112345699"})
    control(caller, "POST", "bookings", {"eventTypeId": 1, "start": "tomorrow 12:00", "name": "Cleo"})
    (booking,) = state(caller)
    assert [one["name"] for one in booking["attendees"]] == ["Anna Muster", "Ben", "Cleo"]
