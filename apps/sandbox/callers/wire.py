"""One call as Retell sends it: signed bodies over HTTP, with the transcript growing in each.

Shapes and signature are those of Retell's SDK 6.2.13: lifecycle events ``{"event", "call"}``,
in-call functions ``{"name", "args", "call"}`` whose last ``transcript_with_tool_calls`` entry is
the pending invocation, inbound ``{"event": "call_inbound", "call_inbound"}``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

SIGNATURE_HEADER = "X-Retell-Signature"
TIMEOUT_SECONDS = 10.0
WORD_SECONDS = 60 / 150
TURN_SECONDS = 0.8
WITHHELD = "anonymous"
AGENT_ID = "agent_5c2155a0b1d94f7e8c6d3b2a10"
JsonObject = dict[str, Any]


def sign(body: bytes, *, key: str, at_ms: int) -> str:
    """The header's value: HMAC-SHA256 over the raw body followed directly by the milliseconds."""
    stamp = str(at_ms)
    digest = hmac.new(key.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    return f"v={stamp},d={digest}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``status`` 0: nothing did, ``error`` says how. ``body``: None unless an object."""

    status: int
    body: JsonObject | None
    milliseconds: float
    size: int = 0
    error: str = ""


class Webhooks:
    """The platform's telephony endpoints for one account."""

    def __init__(self, base_url: str, *, account: str, key: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._prefix = f"{parts.path.rstrip('/')}/webhooks/telephony/{account}"
        self._key = key

    def post(self, endpoint: str, body: Mapping[str, Any]) -> Reply:
        """Send one signed body to ``events``, ``functions`` or ``inbound``; never raises for what answers."""
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **self._headers(raw)}
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        began = time.perf_counter()
        try:
            connection.request("POST", f"{self._prefix}/{endpoint}/", raw, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            return Reply(0, None, _since(began), error=type(error).__name__)
        finally:
            connection.close()
        return Reply(response.status, _object(answer), _since(began), size=len(answer))

    def _headers(self, raw: bytes) -> dict[str, str]:
        return {SIGNATURE_HEADER: sign(raw, key=self._key, at_ms=time.time_ns() // 1_000_000)}


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _object(raw: bytes) -> JsonObject | None:
    try:
        parsed = json.loads(raw)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


@dataclass(slots=True)
class Transcript:
    """What was said, with every word's seconds, and what was called in between."""

    entries: list[JsonObject] = field(default_factory=list)
    clock: float = 0.4
    turns: int = 0
    words: int = 0

    def say(self, role: str, content: str) -> None:
        """Add an utterance of ``agent`` or ``user``, spoken at 150 words a minute after a pause."""
        if self.turns:
            self.clock += TURN_SECONDS
        timed = []
        for word in content.split():
            ends = self.clock + WORD_SECONDS
            timed.append({"word": word, "start": round(self.clock, 3), "end": round(ends, 3)})
            self.clock = ends
        entry: JsonObject = {"role": role, "content": content, "words": timed}
        if role == "agent":
            entry["metadata"] = {"response_id": self.turns}
        self.entries.append(entry)
        self.turns += 1
        self.words += len(timed)

    def invoke(self, tool_call_id: str, name: str, args: Mapping[str, Any]) -> None:
        self.entries.append(
            {
                "role": "tool_call_invocation",
                "tool_call_id": tool_call_id,
                "name": name,
                "arguments": json.dumps(args, ensure_ascii=False),
                "type": "custom",
            }
        )

    def result(self, tool_call_id: str, reply: Reply) -> None:
        self.clock += reply.milliseconds / 1000
        self.entries.append(
            {
                "role": "tool_call_result",
                "tool_call_id": tool_call_id,
                "content": json.dumps(reply.body, ensure_ascii=False),
                "successful": reply.status == 200,
            }
        )

    def spoken(self) -> list[JsonObject]:
        return [entry for entry in self.entries if entry["role"] in ("agent", "user")]

    def text(self) -> str:
        names = {"agent": "Agent", "user": "User"}
        return "".join(f"{names[one['role']]}: {one['content']}\n" for one in self.spoken())


class PhoneCall:
    """One call on the wire, from ringing to its analysis."""

    def __init__(self, webhooks: Webhooks, *, caller: str, dialled: str, agent_name: str) -> None:
        self.call_id = f"call_{secrets.token_hex(14)[:27]}"
        self.transcript = Transcript()
        self._webhooks = webhooks
        self._started_ms = time.time_ns() // 1_000_000
        self._call: JsonObject = {
            "call_id": self.call_id,
            "call_type": "phone_call",
            "agent_id": AGENT_ID,
            "agent_version": 1,
            "agent_name": agent_name,
            "call_status": "ongoing",
            "from_number": caller or WITHHELD,
            "to_number": dialled,
            "direction": "inbound",
            "custom_sip_headers": {},
            "data_storage_setting": "everything",
            "opt_in_signed_url": True,
            "telephony_identifier": {"twilio_call_sid": f"CA{secrets.token_hex(16)}"},
        }

    def ring(self) -> Reply:
        """The inbound hook; its dynamic variables and metadata become the call's own."""
        reply = self._webhooks.post(
            "inbound",
            {
                "event": "call_inbound",
                "event_timestamp": self._started_ms,
                "call_inbound": {
                    "call_id": self.call_id,
                    "agent_id": AGENT_ID,
                    "agent_version": 1,
                    "from_number": self._call["from_number"],
                    "to_number": self._call["to_number"],
                },
            },
        )
        overrides = (reply.body or {}).get("call_inbound")
        if isinstance(overrides, dict):
            named = {"dynamic_variables": "retell_llm_dynamic_variables", "metadata": "metadata"}
            self._call |= {ours: overrides[name] for name, ours in named.items() if overrides.get(name)}
        return reply

    @property
    def variables(self) -> JsonObject:
        """The dynamic variables the inbound hook gave this call."""
        found: JsonObject = self._call.get("retell_llm_dynamic_variables", {})
        return found

    def start(self) -> Reply:
        self._call["start_timestamp"] = self._started_ms
        return self._event("call_started", {})

    def function(self, name: str, args: Mapping[str, Any], *, twice: bool = False) -> list[Reply]:
        """One in-call function under a fresh tool call id; ``twice``: the provider sends it again."""
        tool_call_id = f"toolcall_{secrets.token_hex(8)}"
        self.transcript.invoke(tool_call_id, name, args)
        body = {"name": name, "args": dict(args), "call": {**self._call, **self._said()}}
        replies = [self._webhooks.post("functions", body) for _ in range(2 if twice else 1)]
        self.transcript.result(tool_call_id, replies[-1])
        return replies

    def end(self, reason: str) -> list[Reply]:
        """``call_ended`` and ``call_analyzed``; the length is the modelled one of the words spoken."""
        length_ms = round(self.transcript.clock * 1000)
        ended = {
            "call_status": "ended",
            "end_timestamp": self._started_ms + length_ms,
            "duration_ms": length_ms,
            "disconnection_reason": reason,
            **self._said(),
        }
        analysis = {"call_summary": "", "in_voicemail": False, "user_sentiment": "Neutral"}
        return [
            self._event("call_ended", ended),
            self._event("call_analyzed", {**ended, "call_analysis": analysis}),
        ]

    def _event(self, event: str, more: JsonObject) -> Reply:
        return self._webhooks.post("events", {"event": event, "call": {**self._call, **more}})

    def _said(self) -> JsonObject:
        return {
            "transcript": self.transcript.text(),
            "transcript_object": self.transcript.spoken(),
            "transcript_with_tool_calls": list(self.transcript.entries),
        }
