from __future__ import annotations

import http.client
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.sandbox.faults import FaultController, FaultError, fault_from
from tests.sandbox.caller import ANNA, Caller, scenario, utc
from tests.sandbox.conftest import Start

BROKEN = (ConnectionResetError, http.client.RemoteDisconnected)


def soon() -> datetime:
    """A time that the sandbox, open around the clock, can give."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)


ALWAYS = [
    {
        "availability": [
            {
                "days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
                "startTime": "00:00",
                "endTime": "24:00",
            }
        ]
    }
]


@pytest.fixture
def caller(start: Start) -> Caller:
    return start(scenario(account={"schedules": ALWAYS}))


def slots(caller: Caller) -> tuple[int, bytes, dict[str, str]]:
    query = {"eventTypeId": 1, "start": utc(soon()), "end": utc(soon() + timedelta(hours=2))}
    return caller.raw("GET", "/v2/slots", query=query)


def test_latency_before_or_after_the_work(caller: Caller) -> None:
    caller.sandbox.faults.add("latency", path="/v2/me", ms=60, count=1)
    caller.sandbox.faults.add("latency", path="/v2/me", min_ms=30, max_ms=40, at="after", count=1)
    began = time.perf_counter()
    assert caller.call("GET", "/v2/me").status == 200
    assert time.perf_counter() - began >= 0.09
    caller.call("GET", "/v2/me")
    assert [(rule["count"], rule["fired"]) for rule in caller.sandbox.faults.listed()] == [(0, 1), (0, 1)]


def test_latency_after_the_work_answers_what_was_true_before(caller: Caller) -> None:
    caller.sandbox.faults.add("latency", path="/v2/slots", ms=200, at="after")
    with Caller(caller.sandbox) as other:
        query = {"eventTypeId": 1, "start": utc(soon()), "end": utc(soon() + timedelta(minutes=10))}
        target = "/v2/slots?" + "&".join(f"{key}={value}" for key, value in query.items())
        other._connection.request("GET", target, headers=other.headers("/v2/slots"))
        while not caller.sandbox.requests or caller.sandbox.requests[0]["status"] != 200:
            time.sleep(0.002)  # until the slots are found; they are under way for a while yet
        assert caller.book(1, soon()).status == 201
        data = json.loads(other._connection.getresponse().read())["data"]
    assert data


def test_a_drip_comes_byte_by_byte_headers_included(caller: Caller) -> None:
    caller.sandbox.faults.add("drip", path="/v2/me", ms=1)
    with socket.create_connection(("127.0.0.1", caller.sandbox.port), timeout=10) as raw:
        raw.sendall(
            b"GET /v2/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\nConnection: close\r\n\r\n"
        )
        first = raw.recv(65536)
        whole = first
        while part := raw.recv(65536):
            whole += part
    assert len(first) < len(whole) / 2
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(whole.partition(b"\r\n\r\n")[2])["status"] == "success"


def test_silence_is_silent_and_ends_when_it_is_over(caller: Caller) -> None:
    caller.sandbox.faults.add("silence", method="POST", path="/v2/bookings", seconds=0.1)
    with pytest.raises(BROKEN):
        caller.book(1, soon())
    assert caller.sandbox.calendar.bookings == {}


def test_stopping_the_sandbox_ends_all_silence(start: Start) -> None:
    caller = start(scenario())
    caller.sandbox.faults.add("silence", path="/v2/me")
    caller._connection.request("GET", "/v2/me", headers=caller.headers("/v2/me"))
    time.sleep(0.05)
    began = time.perf_counter()
    caller.sandbox.stop()
    with pytest.raises(BROKEN):
        caller._connection.getresponse()
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("kind", "booked"),
    [("reset", 0), ("commit_then_reset", 1), ("commit_then_silence", 1), ("silence", 0)],
)
def test_a_broken_answer_may_or_may_not_have_booked(caller: Caller, kind: str, booked: int) -> None:
    caller.sandbox.faults.add(kind, method="POST", path="/v2/bookings", seconds=0.05, count=1)
    with pytest.raises(BROKEN):
        caller.book(1, soon())
    assert len(caller.sandbox.calendar.bookings) == booked
    with Caller(caller.sandbox) as again:
        assert again.book(1, soon()).status == (409 if booked else 201)


def test_a_reset_is_a_reset_and_not_an_end(caller: Caller) -> None:
    caller.sandbox.faults.add("reset", path="/v2/me")
    with socket.create_connection(("127.0.0.1", caller.sandbox.port), timeout=5) as raw:
        raw.sendall(b"GET /v2/me HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            raw.recv(100)


@pytest.mark.parametrize(
    ("status", "content_type", "beginning"),
    [
        (500, "application/json", b'{"statusCode":500,"message":"Internal server error"}'),
        (502, "text/html", b"<html>"),
        (503, "text/html", b"<html>"),
        (504, "text/html", b""),
        (429, "application/json", b'{"status":"error"'),
    ],
)
def test_errors_on_request_do_nothing_but_answer(
    caller: Caller, status: int, content_type: str, beginning: bytes
) -> None:
    caller.sandbox.faults.add("status", path="/v2/bookings", status=status)
    body = {"eventTypeId": 1, "start": utc(soon()), "attendee": ANNA}
    found, content, headers = caller.raw("POST", "/v2/bookings", body)
    assert found == status
    assert headers["Content-Type"].startswith(content_type)
    assert content.startswith(beginning)
    assert "X-RateLimit-Remaining-Default" in headers
    assert caller.sandbox.calendar.bookings == {}


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_after_the_deed(caller: Caller, status: int) -> None:
    caller.sandbox.faults.add("commit_then_500", method="POST", path="/v2/bookings", status=status)
    body = {"eventTypeId": 1, "start": utc(soon()), "attendee": ANNA}
    assert caller.raw("POST", "/v2/bookings", body)[0] == status
    assert len(caller.sandbox.calendar.bookings) == 1


def test_broken_json_is_no_json(caller: Caller) -> None:
    caller.sandbox.faults.add("malformed", path="/v2/slots")
    status, content, headers = slots(caller)
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    with pytest.raises(ValueError, match="line 1"):
        json.loads(content)


def test_other_malformed_answers(caller: Caller) -> None:
    caller.sandbox.faults.add("malformed", form="html", count=1)
    assert slots(caller)[1].startswith(b"<html>")
    caller.sandbox.faults.add("malformed", form="content_type", count=1)
    status, content, headers = slots(caller)
    assert (status, headers["Content-Type"]) == (200, "text/plain")
    assert json.loads(content)["data"]
    caller.sandbox.faults.add("malformed", form="wrong_shape", count=1)
    assert isinstance(json.loads(slots(caller)[1])["data"], list)
    caller.sandbox.faults.add("malformed", form="huge", count=1)
    assert len(slots(caller)[1]) > 5 * 1024 * 1024


def test_a_truncated_answer_promises_more_than_it_gives(caller: Caller) -> None:
    caller.sandbox.faults.add("malformed", form="truncated")
    with pytest.raises(http.client.IncompleteRead):
        slots(caller)


def test_slots_of_other_days(caller: Caller) -> None:
    faults = caller.sandbox.faults
    caller.book(1, soon())
    taken = soon().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert taken.encode() not in slots(caller)[1]
    faults.add("stale_slots", path="/v2/slots", count=1)
    assert taken.encode() in slots(caller)[1]
    faults.add("empty_slots", count=1)
    assert json.loads(slots(caller)[1]) == {"status": "success", "data": {}}
    faults.add("old_slots", form="grouped", count=1)
    day = next(iter(json.loads(slots(caller)[1])["data"]["slots"].values()))
    assert set(day[0]) == {"time", "attendees", "bookingUid"}
    faults.add("old_slots", form="flat", count=1)
    assert "start" in json.loads(slots(caller)[1])["data"][0]
    faults.add("old_slots", form="strings", count=1)
    assert isinstance(next(iter(json.loads(slots(caller)[1])["data"].values()))[0], str)


def test_an_older_booking_is_answered_in_place_of_a_new_one(caller: Caller) -> None:
    older = caller.book(1, soon()).data
    caller.sandbox.faults.add("existing_booking", method="POST", path="/v2/bookings")
    answer = caller.book(1, soon() + timedelta(hours=3), attendee={**ANNA, "name": "Ben"}).data
    assert answer["uid"] == older["uid"]
    assert len(caller.sandbox.calendar.bookings) == 1


def test_a_rule_strikes_its_endpoint_alone_and_as_often_as_it_says(caller: Caller) -> None:
    caller.sandbox.faults.add("status", method="get", path="/v2/bookings*", skip=1, count=2)
    assert caller.call("GET", "/v2/me").status == 200
    statuses = [caller.call("GET", "/v2/bookings").status for _ in range(5)]
    assert statuses == [200, 500, 500, 200, 200]


def test_a_rule_may_be_for_one_account(start: Start) -> None:
    accounts = [{"key": "key", "username": "one"}, {"key": "other", "username": "two"}]
    caller = start({"accounts": accounts})
    caller.sandbox.faults.add("status", account="two")
    with Caller(caller.sandbox, "other") as other:
        assert [caller.call("GET", "/v2/me").status, other.call("GET", "/v2/me").status] == [200, 500]


def test_the_same_seed_draws_the_same_faults() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = FaultController(seed=seed)
        faults.add("status", probability=0.3)
        return [bool(faults.draw("GET", "/v2/me")) for _ in range(200)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert 30 <= sum(drawn(7)) <= 90


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ({}, "kind: missing"),
        ({"kind": "fire"}, "unknown fault 'fire'"),
        ({"kind": "latency", "msec": 3}, "msec: unknown key"),
        ({"kind": "latency", "ms": "3"}, "ms: '3' is not a number"),
        ({"kind": "latency", "path": 3}, "path: 3 is not text"),
        ({"kind": "latency", "at": "during"}, "at: must be"),
        ({"kind": "status", "probability": 2}, "probability: must be"),
        ({"kind": "malformed", "form": "round"}, "form: 'round' is none of"),
        ({"kind": "status", "count": True}, "count: True is not a number"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(raw: dict[str, Any], complaint: str) -> None:
    with pytest.raises(FaultError, match=complaint):
        fault_from(raw)


def test_silence_is_bounded() -> None:
    assert fault_from({"kind": "silence", "seconds": 9999}).seconds == 120


def test_a_request_that_never_gets_an_answer_is_counted(caller: Caller) -> None:
    caller.sandbox.faults.add("reset", path="/v2/me")
    with pytest.raises(BROKEN):
        caller.call("GET", "/v2/me")
    assert caller.sandbox.journal.count("GET", "/v2/me") == 1
    assert (caller.sandbox.requests[-1]["status"], caller.sandbox.requests[-1]["faults"]) == (0, ["reset"])
