from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from apps.sandbox.server import SandboxServer
from tests.sandbox.caller import ANNA, Caller, event_type, scenario, utc
from tests.sandbox.conftest import Start

ROOT = Path(__file__).resolve().parents[2]
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=BERLIN)
NOON = datetime(2026, 1, 6, 12, 0, tzinfo=BERLIN)


@pytest.fixture
def monday() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY.astimezone(UTC), tick=False) as traveller:
        yield traveller


def test_the_built_in_scenario_has_two_practices_and_a_taken_half_past_two(
    monday: time_machine.Traveller,
) -> None:
    with SandboxServer() as sandbox, Caller(sandbox, "cal_sandbox_park") as park:
        day = NOON.replace(hour=0)
        starts = park.slots(123, day, day + timedelta(hours=23), timeZone="Europe/Berlin")
        clocks = [one[11:16] for one in starts]
        assert "14:30" not in clocks
        assert clocks[clocks.index("14:00") + 1] == "15:15"
        with Caller(sandbox, "cal_sandbox_linde") as linde:
            assert linde.call("GET", "/v2/event-types/123").data["title"] == "Check-up"
            assert linde.call("GET", "/v2/me").data["timeZone"] == "Europe/London"


def test_one_connection_serves_many_requests(start: Start) -> None:
    caller = start(scenario())
    caller.call("GET", "/v2/me")
    first = caller._connection.sock
    for _ in range(5):
        assert caller.call("GET", "/v2/me").status == 200
    assert caller._connection.sock is first


def test_it_listens_on_loopback_alone_and_its_port_is_free_afterwards() -> None:
    with SandboxServer(scenario=scenario()) as sandbox:
        port = sandbox.port
        assert sandbox.base_url == f"http://127.0.0.1:{port}/v2"
        assert sandbox._server.server_address[0] == "127.0.0.1"
    with SandboxServer(port=port, scenario=scenario()) as again:
        assert again.port == port


def test_two_hundred_callers_wait_at_the_same_time(start: Start) -> None:
    caller = start(scenario())
    caller.sandbox.faults.add("latency", path="/v2/me", ms=400)
    began = time.perf_counter()

    def ask(_: int) -> int:
        with Caller(caller.sandbox, timeout=20) as one:
            return one.call("GET", "/v2/me").status

    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(ask, range(200))) == {200}
    assert time.perf_counter() - began < 8  # one after the other it would be 80


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/v2/slots?eventTypeId=1&start=2026-01-06&end=2026-01-06", "2024-08-13"),
        ("/v2/slots?eventTypeId=1&start=2026-01-06&end=2026-01-06", '"2024-09-04"'),
        ("/v2/slots?eventTypeId=1&start=2026-01-06&end=2026-01-06", ""),
        ("/v2/event-types/1", ""),
        ("/v2/bookings/nothing", "2024-09-04"),
    ],
)
def test_an_unknown_version_falls_back_to_one_that_has_no_such_path(
    start: Start, path: str, version: str
) -> None:
    reply = start(scenario()).call("GET", path, version=version)
    assert reply.status == 404
    assert reply.message == f"Cannot GET {path}"
    assert reply.body["path"] == path


def test_booking_without_a_version_is_no_path_either(start: Start) -> None:
    reply = start(scenario()).call("POST", "/v2/bookings", {"eventTypeId": 1}, version="")
    assert (reply.status, reply.message) == (404, "Cannot POST /v2/bookings")


def test_lists_without_a_version_have_other_shapes(start: Start, monday: time_machine.Traveller) -> None:
    caller = start(scenario())
    caller.book(1, NOON)
    assert "eventTypeGroups" in caller.call("GET", "/v2/event-types", version="").data
    assert caller.call("GET", "/v2/bookings", version="").data["bookings"][0]["startTime"]


def test_a_self_hosted_calendar_knows_no_version_of_2026(
    start: Start, monday: time_machine.Traveller
) -> None:
    caller = start(scenario())
    uid = caller.book(1, NOON).data["uid"]
    assert caller.call("GET", f"/v2/bookings/{uid}", version="2026-02-25").status == 200
    caller.sandbox.calendar.behaviour.self_hosted = True
    assert caller.call("GET", f"/v2/bookings/{uid}", version="2026-02-25").status == 404
    assert caller.call("GET", f"/v2/bookings/{uid}", version="2024-08-13").status == 200


def test_the_hosts_own_switches_need_the_newest_version_and_the_hosts_key(
    start: Start, monday: time_machine.Traveller
) -> None:
    caller = start(scenario(event_type(minimum_notice=6000, booking_limits={"day": 1})))
    body = {"eventTypeId": 1, "start": utc(NOON), "attendee": ANNA, "allowBookingOutOfBounds": True}
    with Caller(caller.sandbox, None) as nobody:
        assert nobody.call("POST", "/v2/bookings", body, version="2026-02-25").status == 400
    assert caller.call("POST", "/v2/bookings", body, version="2024-08-13").status == 400
    uid = caller.call("POST", "/v2/bookings", body, version="2026-02-25").data["uid"]
    more = {**body, "start": utc(NOON + timedelta(hours=1))}
    assert caller.call("POST", "/v2/bookings", more, version="2026-02-25").status == 401
    assert (
        caller.call("POST", "/v2/bookings", {**more, "skipBookingLimits": True}, version="2026-02-25").status
        == 201
    )
    move = {"start": utc(NOON + timedelta(hours=2)), "allowBookingOutOfBounds": True}
    assert caller.call("POST", f"/v2/bookings/{uid}/reschedule", move, version="2026-02-25").status == 401


def test_the_old_prefix_is_understood(start: Start) -> None:
    assert start(scenario()).call("GET", "/api/v2/me").status == 200


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("cal_foreign", "CustomThrottlerGuard - Invalid API Key"),
        ("cal_old", "ApiAuthStrategy - api key - Your api key is expired"),
        (None, "No authentication method provided."),
    ],
)
def test_who_is_not_known_is_a_401(start: Start, key: str | None, message: str) -> None:
    accounts = [{"key": "key", "username": "one"}, {"key": "cal_old", "username": "two", "expired": True}]
    with Caller(start({"accounts": accounts}).sandbox, key) as stranger:
        reply = stranger.call("GET", "/v2/me")
    assert reply.status == 401
    assert reply.message.startswith(message)
    assert reply.body["error"]["code"] == "UnauthorizedException"


def test_every_answer_tells_the_limit_and_its_own_id(start: Start) -> None:
    caller = start(scenario(account={"rate_limit": 120}))
    replies = [caller.call("GET", path) for path in ("/v2/me", "/v2/nothing", "/v2/me")]
    assert [one.headers["X-RateLimit-Remaining-Default"] for one in replies] == ["119", "118", "117"]
    assert {one.headers["X-RateLimit-Limit-Default"] for one in replies} == {"120"}
    assert 1 <= int(replies[0].headers["X-RateLimit-Reset-Default"]) <= 60
    assert len({one.headers["X-Request-Id"] for one in replies}) == 3


def test_whoever_exceeds_the_limit_is_blocked_for_a_minute(
    start: Start, monday: time_machine.Traveller
) -> None:
    caller = start(scenario(account={"rate_limit": 3}))
    monday.shift(55)
    assert [caller.call("GET", "/v2/me").status for _ in range(4)] == [200, 200, 200, 429]
    reply = caller.call("GET", "/v2/me")
    assert reply.body["error"]["code"] == "ThrottlerException"
    assert reply.body["error"]["details"] == reply.message
    assert reply.message == "CustomThrottlerGuard - Too many requests. Please try again later."
    with Caller(caller.sandbox, None) as nobody:
        assert nobody.call("GET", "/v2/nothing").status == 404
    monday.shift(59)
    assert caller.call("GET", "/v2/me").status == 429
    monday.shift(2)
    assert caller.call("GET", "/v2/me").status == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"text"'])
def test_a_body_that_is_no_object_is_a_400(start: Start, body: bytes) -> None:
    status, content, _ = start(scenario()).raw("POST", "/v2/bookings", body)
    assert (status, json.loads(content)["status"]) == (400, "error")


def test_a_body_without_end_is_refused(start: Start) -> None:
    caller = start(scenario())
    with socket.create_connection(("127.0.0.1", caller.sandbox.port), timeout=5) as raw:
        raw.sendall(b"POST /v2/bookings HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


def test_keys_are_not_recorded(start: Start) -> None:
    caller = start(scenario())
    caller.call("GET", "/v2/me")
    assert '"Bearer' not in json.dumps(caller.sandbox.requests)
    assert "authorization" not in caller.sandbox.requests[0]["headers"]
    assert (caller.sandbox.requests[0]["path"], caller.sandbox.requests[0]["status"]) == ("/v2/me", 200)


def test_event_types_and_webhooks_in_the_live_services_own_shapes(start: Start) -> None:
    kinds = (event_type(slot_interval=15, booking_window={"days": 30}), event_type(2, seats=3))
    caller = start(scenario(*kinds, behaviour={"live_shapes": True}))
    one, two = caller.call("GET", "/v2/event-types").data
    assert (one["slotInterval"], one["seats"]) == (15, {"disabled": True})
    assert one["bookingWindow"] == {"type": "calendarDays", "value": 30, "rolling": True}
    assert two["seats"]["seatsPerTimeSlot"] == 3
    hook = {"active": True, "subscriberUrl": "http://127.0.0.1:9/", "triggers": []}
    data = caller.call("POST", "/v2/webhooks", hook).data
    assert (len(data["id"]), data["payloadTemplate"]) == (36, None)
    assert caller.call("GET", f"/v2/webhooks/{data['id']}").status == 200


def test_a_broken_request_does_not_stop_the_server(start: Start) -> None:
    caller = start(scenario())
    with socket.create_connection(("127.0.0.1", caller.sandbox.port), timeout=5) as raw:
        raw.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        raw.recv(1000)
    assert caller.call("GET", "/v2/me").status == 200


def test_a_caller_who_hangs_up_frees_the_thread(start: Start) -> None:
    caller = start(scenario())
    caller.sandbox.faults.add("silence", path="/v2/me")
    before = threading.active_count()
    connection = http.client.HTTPConnection("127.0.0.1", caller.sandbox.port)
    connection.request("GET", "/v2/me", headers=caller.headers("/v2/me"))
    while not caller.sandbox.requests:
        time.sleep(0.002)
    assert threading.active_count() > before
    connection.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_the_server_needs_no_django() -> None:
    script = "import sys, apps.sandbox.server; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
