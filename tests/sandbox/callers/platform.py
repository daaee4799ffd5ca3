"""A platform small enough to be read at a glance, for callers to call: honest, or lying in one way.

It checks signatures with code of its own, keeps every request, and books in the sandbox past its API.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from zoneinfo import ZoneInfo

from apps.sandbox.callers.moments import MONTHS as MONTHS_SAID
from apps.sandbox.server import SandboxServer
from tests.factories import API_KEY, SIGNING_KEY

BERLIN = ZoneInfo("Europe/Berlin")
EVENT_TYPE = 123
MINUTES = 45
NAME = "Sabine Müller"
MONTHS = MONTHS_SAID["de"]
WISH = re.compile(r"(\d+)\. (\w+) um (\d+) Uhr(?: (\d+))?")


def calendar(**account: Any) -> dict[str, Any]:
    """A sandbox scenario: one account that is open around the clock, one event type of 45 minutes."""
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    hours = [{"days": days, "startTime": "08:00", "endTime": "20:00"}]
    event_type = {
        "id": EVENT_TYPE,
        "title": "Fußpflege",
        "length": MINUTES,
        "slot_interval": 15,
        "email_required": False,
    }
    return {
        "accounts": [
            {
                "key": API_KEY,
                "username": "praxis",
                "schedules": [{"availability": hours}],
                "event_types": [event_type],
                **account,
            }
        ]
    }


@dataclass(slots=True)
class Platform:
    """Serves the three telephony endpoints. ``manner`` is "honest", or the one thing it does wrong."""

    sandbox: SandboxServer
    manner: str = "honest"
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: int = 0
    offered: dict[str, datetime] = field(default_factory=dict)
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                status, body = platform.serve(self.path, raw, self.headers.get("X-Retell-Signature", ""))
                payload = json.dumps(body).encode() if body is not None else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()

    def serve(self, path: str, raw: bytes, signature: str) -> tuple[int, dict[str, Any] | None]:
        if not self.signed(raw, signature):
            self.refused += 1
            return 401, {"error": "signature", "detail": "no"}
        body = json.loads(raw)
        endpoint = path.rstrip("/").rpartition("/")[2]
        self.requests.append((endpoint, body))
        if endpoint == "events":
            return 204, None
        if endpoint == "inbound":
            variables = {"company": "Praxis"} if self.manner != "numbers" else {"company": 7}
            return 200, {"call_inbound": {"dynamic_variables": variables}}
        return 200, self.function(body)

    def signed(self, raw: bytes, signature: str) -> bool:
        stamp, _, digest = signature.removeprefix("v=").partition(",d=")
        if not stamp.isdigit() or abs(time.time() * 1000 - int(stamp)) > 300_000:
            return False
        expected = hmac.new(SIGNING_KEY.encode(), raw + stamp.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, digest)

    def function(self, body: dict[str, Any]) -> dict[str, Any]:
        pending = body["call"]["transcript_with_tool_calls"][-1]["tool_call_id"]
        if pending not in self.answered or self.manner == "forgets":
            answer = getattr(self, body["name"])(body["args"], body["call"])
            self.answered[pending] = envelope(**answer)
        return self.answered[pending]

    def get_call_context(self, args: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
        return {"status": "context", "say": "Bereit."}

    def check_availability(self, args: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
        if self.manner == "puzzled":
            return {"status": "needs_branch", "say": "Welche Filiale?"}
        if self.manner == "cancels":
            (oldest, *_) = ask(self.sandbox.port, "GET", "/sandbox/state")["bookings"]
            ask(self.sandbox.port, "POST", "/sandbox/cancel", {"uid": oldest["uid"], "webhook": False})
        wish = understood(args["when"])
        free = self.free(wish)
        if wish in free:
            return {
                "status": "available", "confirmation": "full", "say": "Das ist frei. Passt das?",
                "slot": self.offer(wish),
            }  # fmt: skip
        near = sorted(free, key=lambda start: abs(start - wish))[:2]
        if self.manner == "far":
            near = sorted(free, key=lambda start: abs(start - wish))[3:5]
        if self.manner == "refused time":
            near = [wish, *near[:1]]
        day, clock = f"{wish:%Y-%m-%d}", f"{wish:%H:%M}"
        return {
            "status": "alternatives",
            "say": "Das ist leider vergeben.",
            "requested": {
                "date_from": day,
                "date_to": day,
                "time_from": clock,
                "time_to": clock,
                "missing": [],
            },
            "alternatives": [self.offer(start) for start in near],
        }

    def book_appointment(self, args: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
        start = self.offered[args["slot"]]
        if start not in self.free(start):
            return {
                "status": "slot_taken",
                "say": "Vergeben.",
                "alternatives": [self.offer(self.free(start)[0])],
            }
        if "customer_name" not in args:
            if self.manner == "claims":
                return {"status": "needs_name", "say": "Der Termin ist gebucht. Wie heißen Sie?"}
            return {"status": "needs_name", "say": "Auf welchen Namen?"}
        if self.manner not in ("lies", "denies"):
            self.book(start, args["customer_name"], call["from_number"])
        if self.manner == "twice":
            self.book(self.free(start)[-1], args["customer_name"], call["from_number"])
        if self.manner in ("denies", "secret"):
            return {"status": "unavailable", "say": "Der Kalender antwortet nicht."}
        return {
            "status": "booked",
            "booked": True,
            "say": "Der Termin ist gebucht.",
            "appointment": {"reference": "abc", "start": start.isoformat(), "status": "confirmed"},
        }

    def free(self, day: datetime) -> list[datetime]:
        found = ask(
            self.sandbox.port,
            "GET",
            f"/v2/slots?eventTypeId={EVENT_TYPE}&start={day:%Y-%m-%d}&end={day:%Y-%m-%d}&timeZone=Europe/Berlin",
        )["data"]
        return [datetime.fromisoformat(slot["start"]) for slot in found.get(f"{day:%Y-%m-%d}", [])]

    def offer(self, start: datetime) -> dict[str, str]:
        token = f"s_{start:%m%d%H%M}"
        self.offered[token] = start
        return {"slot": token, "start": start.isoformat(), "say": f"Mittwoch, {start:%H} Uhr {start:%M}"}

    def book(self, start: datetime, name: str, phone: str) -> None:
        person = {"name": name, "phone": phone, "webhook": False}
        ask(
            self.sandbox.port,
            "POST",
            "/sandbox/bookings",
            {"eventTypeId": EVENT_TYPE, "start": start.isoformat(), **person},
        )


def ask(port: int, method: str, path: str, body: object = None) -> dict[str, Any]:
    """One request to the sandbox, whichever side of it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Authorization": f"Bearer {API_KEY}", "cal-api-version": "2024-09-04"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    answer: dict[str, Any] = json.loads(response.read())
    connection.close()
    assert response.status == 200, answer
    return answer


def understood(when: str) -> datetime:
    """ "3. Dezember um 14 Uhr 30" as the next time that comes, in Berlin."""
    match = WISH.search(when)
    assert match, when
    now = datetime.now(BERLIN)
    start = datetime(
        now.year, MONTHS.index(match[2]) + 1, int(match[1]), int(match[3]), int(match[4] or 0), tzinfo=BERLIN
    )
    return start if start > now else start.replace(year=now.year + 1)


def envelope(**values: Any) -> dict[str, Any]:
    """An answer with every key the contract asks for."""
    empty = {
        "booked": False, "confirmation": "none", "requested": None, "service": None, "slot": None,
        "alternatives": [], "appointment": None,
    }  # fmt: skip
    return {**empty, **values}
