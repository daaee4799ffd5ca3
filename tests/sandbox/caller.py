"""A plain HTTP caller of the sandbox for tests: one connection, the right version header by path."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from apps.sandbox.server import SandboxServer

VERSIONS = (
    ("/v2/slots", "2024-09-04"),
    ("/v2/bookings", "2024-08-13"),
    ("/v2/event-types", "2024-06-14"),
    ("/v2/schedules", "2024-06-11"),
)
ANNA = {"name": "Anna Muster", "timeZone": "Europe/Berlin", "phoneNumber": "+4915112345678", "language": "de"}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        assert self.status in (200, 201), (self.status, self.body)
        return self.body["data"]

    @property
    def message(self) -> str:
        """Of whichever error envelope it is."""
        return str(self.body["error"]["message"] if "error" in self.body else self.body["message"])


class Caller:
    """Speaks for one key (``None``: for nobody)."""

    def __init__(self, sandbox: SandboxServer, key: str | None = "key", *, timeout: float = 5.0) -> None:
        self.sandbox = sandbox
        self.key = key
        self._connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def headers(self, path: str, version: str | None = None) -> dict[str, str]:
        found = version if version is not None else next((v for p, v in VERSIONS if path.startswith(p)), "")
        return {
            **({"Authorization": f"Bearer {self.key}"} if self.key else {}),
            **({"cal-api-version": found} if found else {}),
        }

    def raw(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, Any] | None = None,
        version: str | None = None,
    ) -> tuple[int, bytes, dict[str, str]]:
        target = path + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content is not None else {}
        self._connection.request(method, target, content, {**headers, **self.headers(path, version)})
        response = self._connection.getresponse()
        return response.status, response.read(), dict(response.headers)

    def call(self, method: str, path: str, body: object = None, **options: Any) -> Reply:
        status, content, headers = self.raw(method, path, body, **options)
        return Reply(status, json.loads(content) if content else None, headers)

    def slots(self, event_type: int, first: datetime, last: datetime, **query: Any) -> list[str]:
        """The starts listed, flat."""
        reply = self.call(
            "GET",
            "/v2/slots",
            query={"eventTypeId": event_type, "start": utc(first), "end": utc(last), **query},
        )
        return [slot["start"] for slots in reply.data.values() for slot in slots]

    def book(self, event_type: int, start: datetime | str, /, **more: Any) -> Reply:
        body = {
            "eventTypeId": event_type,
            "start": start if isinstance(start, str) else utc(start),
            "attendee": ANNA,
        }
        return self.call("POST", "/v2/bookings", body | more)


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def account(**more: Any) -> dict[str, Any]:
    """One account of a scenario: Monday to Friday, 9 to 18 in Berlin; event type 1 lasts 30 minutes."""
    return {
        "key": "key",
        "username": "praxis",
        "name": "Praxis",
        "email": "praxis@example.org",
        "event_types": [event_type()],
        **more,
    }


def event_type(number: int = 1, **more: Any) -> dict[str, Any]:
    """A phone-only event type of 30 minutes."""
    return {
        "id": number,
        "title": f"Termin {number}",
        "slug": f"termin-{number}",
        "length": 30,
        "email_required": False,
        "phone": "required",
        **more,
    }


def scenario(*event_types: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One account with these event types; ``account`` among ``more`` changes the account."""
    changes = more.pop("account", {})
    given = {"event_types": list(event_types)} if event_types else {}
    return {"accounts": [account(**given, **changes)], **more}
