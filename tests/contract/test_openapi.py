"""The judge itself: it lets pass what is right and says what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.openapi import check_request, check_response, needs_openapi

pytestmark = needs_openapi

SLOTS = {"cal-api-version": "2024-09-04", "Authorization": "Bearer key"}
BOOKINGS = {"cal-api-version": "2024-08-13", "Authorization": "Bearer key"}
RANGE = {"eventTypeId": "1", "start": "2026-01-06", "end": "2026-01-07"}
BOOKING = {
    "eventTypeId": 1,
    "start": "2026-01-06T11:00:00Z",
    "attendee": {"name": "Anna", "timeZone": "Europe/Berlin", "phoneNumber": "+4915112345678"},
}
RESERVED = {
    "eventTypeId": 1,
    "slotStart": "2026-01-06T11:00:00.000Z",
    "slotEnd": "2026-01-06T11:30:00.000Z",
    "slotDuration": 30,
    "reservationUid": "e84be5a3-4696-49e3-acc7-b2f3999c3b94",
    "reservationUntil": "2026-01-05T07:05:00.000Z",
}
CONFLICT = {"statusCode": 409, "message": "booking_conflict_error"}
NOT_FOUND = {
    "status": "error",
    "timestamp": "2026-01-05T07:00:00.000Z",
    "path": "/v2/event-types/9",
    "error": {"code": "NotFoundException", "message": "Event type with id 9 not found"},
}


def test_what_is_right_passes() -> None:
    check_request("GET", "/v2/slots", RANGE, SLOTS)
    check_request("POST", "/v2/bookings", None, BOOKINGS, BOOKING)
    check_request("GET", "/v2/bookings", {"status": "upcoming,past", "take": "5"}, BOOKINGS)
    check_request("DELETE", "/v2/slots/reservations/abc", None, SLOTS)
    check_response("GET", "/v2/slots", 200, {"status": "success", "data": {}})
    check_response("POST", "/v2/bookings", 409, CONFLICT)
    check_response("GET", "/v2/event-types/9", 404, NOT_FOUND)
    check_response("GET", "/v2/slots/reservations/abc", 200, {"status": "success", "data": RESERVED})
    check_response("GET", "/v2/slots/reservations/abc", 200, {"status": "success", "data": None})


WRONG_REQUESTS: list[tuple[str, str, dict[str, str] | None, dict[str, str], Any, str]] = [
    ("GET", "/v2/slots", RANGE, {"Authorization": "Bearer key"}, None, "header 'cal-api-version' is missing"),
    ("GET", "/v2/slots", RANGE, BOOKINGS, None, "'2024-08-13' is not one of"),
    ("GET", "/v2/slots", {"eventTypeId": "1"}, SLOTS, None, "query '(start|end)' is missing"),
    ("GET", "/v2/slots", {**RANGE, "eventTypeId": "one"}, SLOTS, None, "is not of type 'number'"),
    ("GET", "/v2/slots", {**RANGE, "eventSlug": "x"}, SLOTS, None, "the query 'eventSlug' is not documented"),
    ("GET", "/v2/slots/available", RANGE, SLOTS, None, "not in Cal.com's API"),
    ("GET", "/v2/bookings", {"take": "500"}, BOOKINGS, None, "500.0 is greater than the maximum of 250"),
    ("GET", "/v2/me", None, {}, None, "header 'Authorization' is missing"),
    ("POST", "/v2/bookings/abc/confirm", None, BOOKINGS, {"why": 1}, "takes no body"),
    ("POST", "/v2/bookings", None, BOOKINGS, None, "the body is missing"),
    ("POST", "/v2/bookings", None, BOOKINGS, {**BOOKING, "idempotencyKey": "x"}, "idempotencyKey"),
    ("POST", "/v2/bookings", None, BOOKINGS, {**BOOKING, "start": "2026-01-06T11:00:00"}, "date-time"),
    ("POST", "/v2/bookings", None, BOOKINGS, {"eventTypeId": 1, "start": BOOKING["start"]}, "attendee"),
    ("POST", "/v2/bookings", None, BOOKINGS, {**BOOKING, "metadata": {"idem": "x" * 501}}, "is too long"),
    ("POST", "/v2/bookings/abc/cancel", None, BOOKINGS, {"reason": "x"}, "reason"),
]


@pytest.mark.parametrize(("method", "path", "query", "headers", "body", "complaint"), WRONG_REQUESTS)
def test_a_wrong_request_is_told_where_and_why(
    method: str, path: str, query: dict[str, str] | None, headers: dict[str, str], body: Any, complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_request(method, path, query, headers, body)


@pytest.mark.parametrize(
    ("path", "status", "body", "complaint"),
    [
        ("/v2/slots", 200, {"status": "success", "data": {"2026-01-06": ["x"]}}, "is not of type 'object'"),
        ("/v2/slots", 200, {"status": "success"}, "'data' is a required property"),
        ("/v2/slots", 418, {"error": "teapot"}, "'statusCode' is a required property"),
        ("/v2/slots", 201, {"status": "success", "data": {}}, "this status is not documented"),
        (
            "/v2/slots/reservations/abc",
            200,
            {"status": "success", "data": {"eventTypeId": 1}},
            "'slotStart' is a required property",
        ),
        ("/v2/bookings/abc", 200, {"status": "success", "data": {"uid": "abc"}}, "is a required property"),
    ],
)
def test_a_wrong_answer_is_told_where_and_why(path: str, status: int, body: Any, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_response("GET", path, status, body)
