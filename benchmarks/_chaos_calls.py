"""Scripted callers of the chaos: they ask, choose, book, move, cancel, hang up, ask again – and remember.

A caller speaks over a ``Line``: anything that posts a signed body and returns what came back. Each has a
number of their own, so that whatever stands in the calendar can be held against what they were told. When
the call is over its transcript is delivered, as the provider does: what the agent really heard and said.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from benchmarks._chaos_world import SIGNING_KEY, Practice, Want

FIRST = ("Anna", "Bernd", "Clara", "Dieter", "Erika", "Frieda", "Georg", "Hanna", "Ingo", "Jonas", "Karin")
LAST = ("Albers", "Becker", "Conrad", "Dietz", "Ebert", "Fuchs", "Graf", "Huber", "Jansen", "Keller", "Lang")
TOLD_BOOKED = frozenset({"booked", "already_booked", "rescheduled"})
BOOK, MOVE, CANCEL = "book_appointment", "reschedule_appointment", "cancel_appointment"
# How often a request that nothing came back of is sent: a function, an event.
SENDS, EVENT_SENDS = 3, 8
_tool_calls = itertools.count(1)


class Line(Protocol):
    """The way to the platform."""

    def post(self, path: str, raw: bytes, headers: dict[str, str], *, hang_up: bool) -> tuple[int, bytes]:
        """Status and body; status 0 when nothing came back. ``hang_up``: do not wait for it."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """One answer. ``status`` "" = never heard; ``start`` is the appointment's, None where none was named."""

    function: str
    status: str
    start: datetime | None
    booked: bool = False

    @property
    def promises(self) -> bool:
        """Whether the caller believes now that it is booked."""
        return self.booked or self.status in TOLD_BOOKED


@dataclass(slots=True)
class Caller:
    """One call and what was heard in it."""

    line: Line
    want: Want
    phone: str
    rng: random.Random
    name: str = ""
    call_id: str = ""
    told: list[Told] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    bookings: int = 0

    def __post_init__(self) -> None:
        self.name = self.name or f"{self.rng.choice(FIRST)} {self.rng.choice(LAST)}"
        self.call_id = self.call_id or f"call_{self.phone[1:]}"

    # --- What callers do ------------------------------------------------------------------------

    def talk(self) -> None:
        """One call from its first wish to its end."""
        token = self.choose()
        if token and self.rng.random() >= 0.02:  # some hang up before they have chosen
            status = self._book(token)
            if status in TOLD_BOOKED:
                self._change_mind()
        self.hang_up()

    def again(self) -> Caller:
        """The same person, who calls once more with the same wish."""
        return Caller(
            self.line, self.want, self.phone, self.rng, name=self.name, call_id=f"{self.call_id}_again"
        )

    @property
    def is_unsure(self) -> bool:
        """Whether the last that was heard of a booking is no answer."""
        heard = [one.status for one in self.told if one.function == BOOK]
        return bool(heard) and heard[-1] in ("pending", "unavailable", "")

    def choose(self) -> str:
        """The token of a time that suits; "" when there is none."""
        want = self.want
        for attempt in range(2):
            day = want.start + timedelta(days=attempt)
            answer = self.ask(
                "check_availability",
                service_id=str(want.service.event_type),
                date=day.date().isoformat(),
                time=f"{day:%H:%M}",
            )
            offers = [one for one in (answer.get("slot"), *answer.get("alternatives", [])) if one]
            if offers:
                return str(self.rng.choice(offers)["slot"])
        return ""

    def _book(self, token: str) -> str:
        """Book it, as insistently as callers are; the last status heard."""
        status = ""
        for _ in range(3):
            answer = self._ask_to_book(token)
            status = str(answer.get("status", ""))
            if status == "slot_taken" and answer.get("alternatives"):
                token = str(answer["alternatives"][0]["slot"])
            elif status in ("pending", "unavailable", "") and self.rng.random() < 0.4:
                time.sleep(self.rng.random() * 0.5)
            else:
                break
        return status

    def _ask_to_book(self, token: str) -> dict[str, Any]:
        self.bookings += 1
        manner = self.rng.random()
        arguments = {"slot": token, "customer_name": self.name}
        if manner < 0.03:  # the provider sends it twice
            body = self._body(BOOK, arguments)
            self._send(BOOK, body)
            return self._send(BOOK, body)
        if manner < 0.05:  # the connection breaks off before the answer
            return self._send(BOOK, self._body(BOOK, arguments), hang_up=True)
        return self.ask(BOOK, **arguments)

    def _change_mind(self) -> None:
        mind = self.rng.random()
        if mind < 0.10:
            later = self.want.start + timedelta(days=self.rng.randint(1, 3))
            answer = self.ask(MOVE, when=f"{later:%d.%m.%Y} um {later:%H:%M} Uhr", confirmed=True)
            if answer.get("alternatives") and self.rng.random() < 0.7:
                self.ask(MOVE, slot=answer["alternatives"][0]["slot"], confirmed=True)
        elif mind < 0.25:
            self.ask(CANCEL, confirmed=True)

    def hang_up(self) -> None:
        """The end of the call, and what was spoken in it."""
        self._event("call_ended")
        words = "\n".join(["Agent: Guten Tag.", "User: Guten Tag.", *(f"Agent: {one}" for one in self.said)])
        self._event("call_analyzed", transcript=words)

    # --- On the wire ----------------------------------------------------------------------------

    def ask(self, function: str, **arguments: Any) -> dict[str, Any]:
        """The envelope; {} when none came."""
        return self._send(function, self._body(function, arguments))

    def _send(self, function: str, raw: bytes, *, hang_up: bool = False) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for attempt in range(1 if hang_up else SENDS):
            if attempt:
                time.sleep(0.2)
            status, body = self._post("functions", raw, hang_up=hang_up)
            if status == 200:
                answer = json.loads(body)
                self.said.append(str(answer.get("say", "")))
                break
        start = (answer.get("appointment") or {}).get("start")
        heard = datetime.fromisoformat(start) if start else None
        self.told.append(
            Told(function, str(answer.get("status", "")), heard, booked=answer.get("booked") is True)
        )
        return answer

    def _event(self, name: str, **more: Any) -> None:
        raw = json.dumps({"event": name, "call": {**self._call(), **more}}).encode()
        for attempt in range(EVENT_SENDS):
            if attempt:
                time.sleep(0.5)
            status, body = self._post("events", raw)
            if status == 204:
                return
        raise RuntimeError(f"{name} of {self.call_id} was not taken: {status} {body[:80]!r}")

    def _post(self, kind: str, raw: bytes, *, hang_up: bool = False) -> tuple[int, bytes]:
        stamp = str(int(time.time() * 1000))
        digest = hmac.new(SIGNING_KEY.encode(), raw + stamp.encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Retell-Signature": f"v={stamp},d={digest}"}
        path = f"/webhooks/telephony/{self.practice.account}/{kind}/"
        return self.line.post(path, raw, headers, hang_up=hang_up)

    @property
    def practice(self) -> Practice:
        """Who is called."""
        return self.want.practice

    def _call(self) -> dict[str, Any]:
        return {
            "call_id": self.call_id,
            "call_type": "phone_call",
            "from_number": self.phone,
            "to_number": self.practice.number,
            "direction": "inbound",
        }

    def _body(self, function: str, arguments: dict[str, Any]) -> bytes:
        tool = {"role": "tool_call_invocation", "tool_call_id": f"t{next(_tool_calls)}", "name": function}
        call = {**self._call(), "transcript_with_tool_calls": [tool]}
        return json.dumps({"name": function, "args": arguments, "call": call}).encode()


def phone_of(number: int) -> str:
    """A mobile number of nobody."""
    return f"+49151{10_000_000 + number:08d}"


def bookings_of(callers: Sequence[Caller]) -> int:
    """How often these have asked to book."""
    return sum(caller.bookings for caller in callers)
