"""The calendar as the grader sees it: the sandbox's own side, past the product."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from apps.core.errors import PlatformError
from apps.sandbox.callers.places import Place

TIMEOUT_SECONDS = 30.0
SLOTS_VERSION = "2024-09-04"
OPEN = ("accepted", "pending")


class LedgerError(PlatformError):
    """The sandbox did not answer as a sandbox does."""

    code = "ledger_unreachable"
    message = "The sandbox's control side did not answer."


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking of the calendar, open or not."""

    uid: str
    event_type: int
    start: datetime
    end: datetime
    status: str
    name: str
    phone: str

    @property
    def open(self) -> bool:
        return self.status in OPEN


class Ledger:
    """One company's calendar in the sandbox. Raises ``LedgerError`` when it cannot be asked."""

    def __init__(self, place: Place) -> None:
        parts = urlsplit(place.calendar_url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._api = parts.path.rstrip("/")
        self._key = place.calendar_key

    def entries(self) -> list[Entry]:
        """Every booking, oldest first."""
        found = self._ask("GET", "/sandbox/state", query={"account": self._key})
        return [_entry(one) for one in found["bookings"]]

    def free(self, event_type: int, *, first: date, days: int) -> list[datetime]:
        """The starts that the calendar itself lists as free, ``days`` days from ``first`` (UTC)."""
        found = self._ask(
            "GET",
            f"{self._api}/slots",
            query={
                "eventTypeId": str(event_type),
                "start": first.isoformat(),
                "end": (first + timedelta(days=days)).isoformat(),
            },
            headers={"Authorization": f"Bearer {self._key}", "cal-api-version": SLOTS_VERSION},
        )
        return sorted(
            datetime.fromisoformat(slot["start"]) for slots in found["data"].values() for slot in slots
        )

    def take(self, start: datetime, end: datetime) -> None:
        """Make a time busy, as if by the host's other calendar."""
        body = {"account": self._key, "start": start.isoformat(), "end": end.isoformat()}
        self._ask("POST", "/sandbox/busy", body=body)

    @contextmanager
    def faults(self, rules: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """These rules on top of those in force, and then those again."""
        if not rules:
            yield
            return
        before = [
            {key: value for key, value in rule.items() if key != "fired" and value is not None}
            for rule in self._ask("GET", "/sandbox/faults")["rules"]
        ]
        self._ask("POST", "/sandbox/faults", body={"rules": list(rules), "add": True})
        try:
            yield
        finally:
            self._ask("POST", "/sandbox/faults", body={"rules": before})

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        target = f"{path}?{urlencode(query)}" if query else path
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(
                method, target, payload, {"Content-Type": "application/json", **(headers or {})}
            )
            response = connection.getresponse()
            raw = response.read()
        except (OSError, HTTPException) as error:
            raise LedgerError(f"{self._host}:{self._port} does not answer: {type(error).__name__}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise LedgerError(
                f"{method} {path} answered {response.status}: {raw[:200].decode('utf-8', 'replace')}"
            )
        try:
            answer = json.loads(raw)
        except ValueError as error:
            raise LedgerError(f"{method} {path} answered no JSON") from error
        return answer if isinstance(answer, dict) else {}


def _entry(raw: Mapping[str, Any]) -> Entry:
    attendee = raw.get("attendee") or {}
    return Entry(
        uid=raw["uid"],
        event_type=raw["eventTypeId"],
        start=datetime.fromisoformat(raw["start"]),
        end=datetime.fromisoformat(raw["end"]),
        status=raw["status"],
        name=attendee.get("name") or "",
        phone=attendee.get("phone") or "",
    )
