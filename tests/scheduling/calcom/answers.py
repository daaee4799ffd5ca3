"""Cal.com's answers as its documentation and source show them, and a client to feed them to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from apps.core.http import HttpAnswer, QueryParams
from apps.scheduling.calcom.client import CalcomClient, Exchange

BASE = "http://127.0.0.1:9/v2"
KEY = "cal_live_0123456789abcdef"
START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
UID = "7kFzJ4h1mR9sXQ2vT8nWbL"


def answer(body: object, status: int = 200, **headers: str) -> HttpAnswer:
    """``body``: an object for JSON, or the bytes themselves."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status=status, headers={"x-request-id": "req-1", **named}, body=content, elapsed=0.01)


def soon() -> float:
    """A deadline that no test reaches."""
    return time.monotonic() + 5


def nest(status: int, message: str, code: str = "BadRequestException", **details: Any) -> dict[str, Any]:
    """Envelope A: an exception of the framework."""
    return {
        "status": "error",
        "timestamp": "2026-11-20T14:03:22.481Z",
        "path": "/v2/bookings",
        "error": {
            "code": code,
            "message": message,
            "details": {"message": message, "error": "Bad Request", "statusCode": status, **details},
        },
    }


def raw(status: int, message: str) -> dict[str, Any]:
    """Envelope B: an error that nobody wrapped."""
    return {"statusCode": status, "message": message}


def bare(message: str, code: str) -> dict[str, Any]:
    """Envelope C: of a filter, without details."""
    return {
        "status": "error",
        "timestamp": "2026-11-20T14:03:22.481Z",
        "path": "/v2/bookings",
        "error": {"code": code, "message": message},
    }


def success(data: object, **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": data, **more}


def booking(**changes: Any) -> dict[str, Any]:
    """A booking in the 2024-08-13 shape."""
    return {
        "id": 9876543,
        "uid": UID,
        "title": "Erstberatung between Dr. Keller and Anna Muster",
        "description": "",
        "hosts": [
            {"id": 4711, "name": "Dr. Keller", "email": "k@praxis.example", "timeZone": "Europe/Berlin"}
        ],
        "status": "accepted",
        "start": "2026-11-24T08:00:00.000Z",
        "end": "2026-11-24T08:30:00.000Z",
        "duration": 30,
        "eventTypeId": 123,
        "eventType": {"id": 123, "slug": "erstberatung"},
        "location": "Hauptstrasse 1",
        "absentHost": False,
        "createdAt": "2026-11-20T14:03:22.481Z",
        "updatedAt": None,
        "metadata": {"call_id": "call_01J9ZK", "idem": "b7c1f0"},
        "attendees": [
            {
                "name": "Anna Muster",
                "email": "anna@example.com",
                "displayEmail": "anna@example.com",
                "timeZone": "Europe/Berlin",
                "absent": False,
                "phoneNumber": "+4915112345678",
            }
        ],
        "guests": [],
        "bookingFieldsResponses": {"name": "Anna Muster", "email": "anna@example.com"},
        **changes,
    }


class Script:
    """A transport that plays answers in order and keeps what was asked."""

    def __init__(self, *answers: HttpAnswer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(
        self,
        *,
        method: str,
        url: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: QueryParams | None = None,
        json_body: object | None = None,
        connect_timeout: float = 2.0,
        max_bytes: int = 2_000_000,
    ) -> HttpAnswer:
        self.asked.append(
            {
                "method": method,
                "path": url.removeprefix(BASE),
                "headers": headers,
                "params": params,
                "body": json_body,
            }
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(
    script: Script,
    *,
    gate: Callable[[], None] | None = None,
    observer: Callable[[Exchange], None] | None = None,
) -> CalcomClient:
    return CalcomClient(base_url=BASE, api_key=KEY, transport=script, gate=gate, observer=observer)
