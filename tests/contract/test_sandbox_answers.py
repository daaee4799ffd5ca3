"""Everything the sandbox is asked and answers, held against Cal.com's published OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.sandbox.server import SandboxServer
from tests.contract.openapi import check_request, check_response, needs_openapi
from tests.sandbox.caller import ANNA, Caller, Reply, event_type, scenario, utc

pytestmark = needs_openapi

EMAIL = {"name": "Ben Muster", "timeZone": "Europe/Berlin", "email": "ben@example.org"}
SCENARIO = scenario(
    event_type(1, slot_interval=15, booking_limits={"day": 4}, active_bookings_limit=3),
    event_type(2, requires_confirmation=True, booking_window={"days": 30}),
    event_type(3, seats=2),
    event_type(4, lengths=[15, 30], email_required=True, phone="optional"),
    event_type(5, price=1500, hidden=True),
    event_type(6, fields=[{"slug": "kasse", "type": "select", "options": ["gesetzlich", "privat"]}]),
    event_type(7, scheduling="roundRobin", team_id=7, team_slug="team", hosts=["praxis", "jan"]),
    account={
        "hosts": [{"username": "praxis"}, {"username": "jan", "name": "Jan"}],
        "schedules": [{"overrides": [{"date": "2026-12-24"}, {"date": "2026-12-31", "endTime": "12:00"}]}],
        "rate_limit": 1000,
    },
)


class Checked(Caller):
    """A caller whose every request and answer is held against the file."""

    def call(
        self, method: str, path: str, body: object = None, *, good: bool = True, **options: Any
    ) -> Reply:
        """``good``: whether the request itself is meant to be a valid one."""
        if good:
            headers = self.headers(path, options.get("version"))
            check_request(method, path, options.get("query"), headers, body)
        reply = super().call(method, path, body, **options)
        check_response(method, path, reply.status, reply.body)
        return reply


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(scenario=SCENARIO) as server:
        yield server


@pytest.fixture
def cal(sandbox: SandboxServer) -> Iterator[Checked]:
    sandbox.application.reset()
    with Checked(sandbox) as caller:
        yield caller


@pytest.fixture
def nobody(sandbox: SandboxServer) -> Iterator[Checked]:
    with Checked(sandbox, None) as caller:
        yield caller


def workday(ahead: int = 1, hour: int = 10) -> datetime:
    """The n-th working day from now, at a full hour of UTC."""
    day = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    while ahead:
        day += timedelta(days=1)
        ahead -= day.weekday() < 5
    return day


@pytest.mark.parametrize("shape", ["time", "range"])
@pytest.mark.parametrize("number", [1, 3, 7])
def test_slots(cal: Checked, number: int, shape: str) -> None:
    query = {
        "eventTypeId": str(number),
        "start": utc(workday(1, 0)),
        "end": utc(workday(3, 0)),
        "timeZone": "Europe/Berlin",
        "format": shape,
    }
    assert cal.call("GET", "/v2/slots", query=query).data


def test_slots_of_a_session_that_is_filling(cal: Checked) -> None:
    cal.book(3, workday())
    start, end = utc(workday(1, 0)), utc(workday(1, 20))
    reply = cal.call("GET", "/v2/slots", query={"eventTypeId": "3", "start": start, "end": end})
    assert any("bookingUid" in slot for slots in reply.data.values() for slot in slots)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"eventTypeId": "1", "start": "yesterday", "end": "2030-01-01"}, 400),
        ({"eventTypeId": "99", "start": "2030-01-01", "end": "2030-01-02"}, 404),
        ({"eventTypeId": "1", "start": "2030-01-01", "end": "2030-01-02", "format": "list"}, 400),
        ({"eventTypeId": "1", "username": "praxis", "start": "2030-01-01", "end": "2030-01-02"}, 400),
        ({"eventTypeSlug": "x", "username": "nobody", "start": "2030-01-01", "end": "2030-01-02"}, 404),
    ],
)
def test_refused_slots(cal: Checked, query: dict[str, str], status: int) -> None:
    assert cal.call("GET", "/v2/slots", query=query).status == status


def test_reservations(cal: Checked) -> None:
    body = {"eventTypeId": 1, "slotStart": utc(workday()), "reservationDuration": 5}
    uid = cal.call("POST", "/v2/slots/reservations", body).data["reservationUid"]
    path = f"/v2/slots/reservations/{uid}"
    assert cal.call("GET", path).data["reservationUid"] == uid
    assert cal.call("POST", "/v2/slots/reservations", body).status == 422
    assert cal.call("PATCH", path, {"eventTypeId": 1, "slotStart": utc(workday(2))}).status == 200
    assert cal.call("DELETE", path).status == 200
    assert cal.call("GET", path).data is None


@pytest.mark.parametrize(
    ("number", "more"),
    [
        (1, {}),
        (1, {"attendee": {**ANNA, "email": "anna@example.org"}, "guests": ["guest@example.org"]}),
        (2, {}),
        (3, {}),
        (4, {"attendee": EMAIL, "lengthInMinutes": 15}),
        (6, {"bookingFieldsResponses": {"kasse": "privat"}, "metadata": {"call_id": "c1", "idem": "b7c1f0"}}),
        (7, {}),
    ],
)
def test_a_booking_and_its_reading(cal: Checked, number: int, more: dict[str, Any]) -> None:
    data = cal.book(number, workday(), **more).data
    assert cal.call("GET", f"/v2/bookings/{data['uid']}").data["uid"] == data["uid"]
    found = cal.call("GET", "/v2/bookings", query={"eventTypeId": str(number), "take": "50"})
    assert [one["uid"] for one in found.data] == [data["uid"]]


def test_a_booking_by_slug(cal: Checked) -> None:
    body = {"eventTypeSlug": "termin-1", "username": "praxis", "start": utc(workday()), "attendee": ANNA}
    assert cal.call("POST", "/v2/bookings", body).status == 201


@pytest.mark.parametrize(
    ("number", "more", "status"),
    [
        (99, {}, 404),
        (1, {"start": "2020-01-01T10:00:00Z"}, 400),
        (1, {"start": utc(workday(1, 2))}, 400),
        (2, {"start": utc(workday(45))}, 400),
        (4, {}, 400),
        (5, {}, 400),
        (6, {}, 400),
        (6, {"bookingFieldsResponses": {"kasse": "keine"}}, 400),
    ],
)
def test_refused_bookings(cal: Checked, number: int, more: dict[str, Any], status: int) -> None:
    assert cal.book(number, workday(), **more).status == status


@pytest.mark.parametrize(
    "wrong",
    [
        {"attendee": {"name": "Anna", "timeZone": "Europe/Berlin"}},
        {"attendee": {**ANNA, "phoneNumber": "0151 123"}},
        {"attendee": {**ANNA, "email": "anna"}},
        {"unknown": 1},
    ],
)
def test_a_request_that_breaks_the_contract_is_refused_by_both(cal: Checked, wrong: dict[str, Any]) -> None:
    body = {"eventTypeId": 1, "start": utc(workday()), "attendee": ANNA, **wrong}
    with pytest.raises(AssertionError, match="POST /v2/bookings: body"):
        check_request("POST", "/v2/bookings", None, cal.headers("/v2/bookings"), body)
    assert cal.call("POST", "/v2/bookings", body, good=False).status == 400


def test_a_lost_race_a_busy_host_and_limits(cal: Checked) -> None:
    start = workday()
    assert cal.book(1, start).status == 201
    assert cal.book(1, start).status == 409
    assert cal.book(1, start + timedelta(minutes=15)).status == 400
    assert [cal.book(1, start + timedelta(hours=hour)).status for hour in (1, 2, 3)] == [201, 201, 400]
    other = {"attendee": {**ANNA, "phoneNumber": "+4915112345679"}}
    assert cal.book(1, start + timedelta(hours=3), **other).status == 201
    assert cal.book(1, start + timedelta(hours=4), **other).status == 401


def test_moving_and_cancelling(cal: Checked) -> None:
    uid = cal.book(1, workday()).data["uid"]
    body = {"start": utc(workday(2)), "reschedulingReason": "später", "rescheduledBy": "anna@example.org"}
    moved = cal.call("POST", f"/v2/bookings/{uid}/reschedule", body).data
    assert cal.call("GET", f"/v2/bookings/{uid}").data["rescheduledToUid"] == moved["uid"]
    assert cal.call("POST", f"/v2/bookings/{uid}/reschedule", body).status == 400
    path = f"/v2/bookings/{moved['uid']}/cancel"
    assert cal.call("POST", path, {"cancellationReason": "krank"}).data["status"] == "cancelled"
    assert cal.call("POST", path, {"cancellationReason": "krank"}).status == 400
    assert cal.call("POST", "/v2/bookings/nothing/cancel", {}).status == 404


def test_a_seat_is_moved_and_given_back(cal: Checked) -> None:
    first = cal.book(3, workday()).data
    second = cal.book(3, workday(), attendee={**ANNA, "phoneNumber": "+4915112345679"}).data
    path = f"/v2/bookings/{first['uid']}"
    body = {"start": utc(workday(2)), "seatUid": first["seatUid"]}
    assert cal.call("POST", f"{path}/reschedule", body).data["uid"] != first["uid"]
    cancelled = cal.call("POST", f"{path}/cancel", {"seatUid": second["seatUid"]})
    assert cancelled.data["status"] == "cancelled"


def test_confirming_and_declining(cal: Checked, nobody: Checked) -> None:
    one, two = cal.book(2, workday()).data["uid"], cal.book(2, workday(2)).data["uid"]
    assert nobody.call("POST", f"/v2/bookings/{one}/confirm", good=False).status == 401
    assert cal.call("POST", f"/v2/bookings/{one}/confirm").data["status"] == "accepted"
    assert cal.call("POST", f"/v2/bookings/{two}/decline", {"reason": "zu"}).data["status"] == "rejected"


def test_the_list_in_both_ways_of_paging(cal: Checked) -> None:
    for hour in (8, 9, 10):
        cal.book(1, workday(1, hour))
    query = {"take": "2", "skip": "1", "status": "upcoming,past", "sortStart": "desc"}
    assert cal.call("GET", "/v2/bookings", query=query).body["pagination"]["totalItems"] == 3
    query = {"limit": "2", "afterStart": utc(workday(1, 0)), "beforeEnd": utc(workday(1, 23))}
    first = cal.call("GET", "/v2/bookings", query=query, version="2026-05-01").body
    assert first["pagination"]["hasMore"]
    query["cursor"] = first["pagination"]["nextCursor"]
    assert len(cal.call("GET", "/v2/bookings", query=query, version="2026-05-01").data) == 1
    assert cal.call("GET", "/v2/bookings", query={"take": "251"}, good=False).status == 400


def test_what_a_tenant_is_set_up_with(cal: Checked, nobody: Checked) -> None:
    assert {one["id"] for one in cal.call("GET", "/v2/event-types").data} == {1, 2, 3, 4, 5, 6}
    for number in range(1, 8):
        assert cal.call("GET", f"/v2/event-types/{number}").data["id"] == number
    assert cal.call("GET", "/v2/event-types/99").status == 404
    assert cal.call("GET", "/v2/schedules").data[0]["overrides"]
    assert cal.call("GET", "/v2/schedules/default").data["isDefault"]
    assert cal.call("GET", "/v2/me").data["username"] == "praxis"
    assert nobody.call("GET", "/v2/me", good=False).status == 401
    query = {"username": "praxis", "eventSlug": "termin-1"}
    assert len(nobody.call("GET", "/v2/event-types", query=query).data) == 1


def test_webhooks(cal: Checked) -> None:
    body = {
        "active": True,
        "subscriberUrl": "http://127.0.0.1:9/webhooks/calcom/praxis/",
        "secret": "whsec",
        "triggers": ["BOOKING_CREATED", "BOOKING_CANCELLED"],
    }
    number = cal.call("POST", "/v2/webhooks", body).data["id"]
    assert cal.call("POST", "/v2/webhooks", body).status == 409
    assert cal.call("POST", "/v2/webhooks", {"active": True}, good=False).status == 400
    assert cal.call("GET", "/v2/webhooks", query={"take": "10"}).data[0]["id"] == number
    assert not cal.call("PATCH", f"/v2/webhooks/{number}", {"active": False}).data["active"]
    assert cal.call("GET", f"/v2/webhooks/{number}").data["secret"] == "whsec"
    assert cal.call("DELETE", f"/v2/webhooks/{number}").status == 200
    assert cal.call("GET", "/v2/webhooks").data == []


@pytest.mark.parametrize("status", [429, 500])
def test_errors_on_request(cal: Checked, sandbox: SandboxServer, status: int) -> None:
    sandbox.faults.add("status", path="/v2/me", status=status)
    assert cal.call("GET", "/v2/me").status == status


def test_a_foreign_key_is_refused_everywhere(sandbox: SandboxServer) -> None:
    sandbox.application.reset()
    with Checked(sandbox, "cal_foreign") as stranger:
        assert stranger.call("GET", "/v2/me").status == 401
        query = {"eventTypeId": "1", "start": "2030-01-01", "end": "2030-01-02"}
        assert stranger.call("GET", "/v2/slots", query=query).status == 401
        assert stranger.book(1, workday()).status == 401
