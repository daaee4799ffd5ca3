"""One call as Vapi sends it, for the same scripts: other envelopes, another signature, the same answers.

Shapes are those of vapi_server_sdk 3.0: server messages ``{"message": {"type", "call", "customer", …}}``,
tool calls answered by ``{"results": [{"toolCallId", "result"}]}``. Only the question before the call and
tool calls carry the dialled number, as in Vapi's own bodies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.sandbox.callers.wire import JsonObject, Reply, Transcript, Webhooks

REASONS = {
    "user_hangup": "customer-ended-call",
    "agent_hangup": "assistant-ended-call",
    "call_transfer": "assistant-forwarded-call",
}


class VapiWebhooks(Webhooks):
    """The same endpoints; HMAC-SHA256 over timestamp, dot and body."""

    def _headers(self, raw: bytes) -> dict[str, str]:
        stamp = str(time.time_ns() // 1_000_000)
        signed = hmac.new(self._key.encode(), stamp.encode() + b"." + raw, hashlib.sha256)
        return {"x-timestamp": stamp, "x-signature": signed.hexdigest()}


class VapiCall:
    """One call on the wire, from ringing to its report; the same interface as ``PhoneCall``."""

    def __init__(self, webhooks: Webhooks, *, caller: str, dialled: str, agent_name: str) -> None:
        self.call_id = str(uuid.uuid4())
        self.transcript = Transcript()
        self.variables: JsonObject = {}
        self._webhooks = webhooks
        self._began = datetime.now(UTC)
        self._customer = {"number": caller} if caller else {}
        self._number = {"id": str(uuid.uuid4()), "name": agent_name, "number": dialled}

    def ring(self) -> Reply:
        """The assistant request; its variable values are handed on as the call's dynamic variables."""
        reply = self._post("inbound", {"type": "assistant-request", "phoneNumber": self._number}, "ringing")
        overrides = (reply.body or {}).get("assistantOverrides")
        values = overrides.get("variableValues") if isinstance(overrides, dict) else None
        self.variables = values if isinstance(values, dict) else {}
        return replace(reply, body={"call_inbound": {"dynamic_variables": self.variables}})

    def start(self) -> Reply:
        return self._post("events", {"type": "status-update", "status": "in-progress"}, "in-progress")

    def function(self, name: str, args: Mapping[str, Any], *, twice: bool = False) -> list[Reply]:
        """One tool call under a fresh id; ``twice``: Vapi sends it again."""
        tool_call_id = f"call_{secrets.token_urlsafe(18)}"
        self.transcript.invoke(tool_call_id, name, args)
        arguments = json.dumps(args, ensure_ascii=False)
        call = {"id": tool_call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        message = {
            "type": "tool-calls",
            "toolCallList": [call],
            "toolWithToolCallList": [{"type": "function", "function": {"name": name}, "toolCall": call}],
            "phoneNumber": self._number,
            **self._said(),
        }
        replies = [self._post("functions", message, "in-progress") for _ in range(2 if twice else 1)]
        answers = [_unwrapped(reply, tool_call_id) for reply in replies]
        self.transcript.result(tool_call_id, answers[-1])
        return answers

    def end(self, reason: str) -> list[Reply]:
        """The status ``ended`` and the report; the length is the modelled one of the words spoken."""
        length = timedelta(seconds=self.transcript.clock)
        ended = {"endedReason": REASONS.get(reason, reason), **self._said()}
        report = {
            "type": "end-of-call-report",
            "startedAt": self._began.isoformat(),
            "endedAt": (self._began + length).isoformat(),
            "durationMs": round(length.total_seconds() * 1000),
            "cost": 0.05,
            "analysis": {"summary": ""},
            **ended,
        }
        return [
            self._post("events", {"type": "status-update", "status": "ended", **ended}, "ended"),
            self._post("events", report, "ended"),
        ]

    def _post(self, endpoint: str, message: JsonObject, status: str) -> Reply:
        call = {"id": self.call_id, "type": "inboundPhoneCall", "status": status}
        whole = {
            "timestamp": time.time_ns() // 1_000_000,
            "call": call,
            "customer": self._customer,
            **message,
        }
        return self._webhooks.post(endpoint, {"message": whole})

    def _said(self) -> JsonObject:
        names = {"agent": "bot", "user": "user"}
        spoken = self.transcript.spoken()
        return {
            "artifact": {
                "transcript": self.transcript.text().replace("Agent: ", "AI: "),
                "messages": [{"role": names[one["role"]], "message": one["content"]} for one in spoken],
            }
        }


def _unwrapped(reply: Reply, tool_call_id: str) -> Reply:
    """The envelope of the one tool call that was asked; no body when Vapi would find none."""
    results = (reply.body or {}).get("results")
    for one in results if isinstance(results, list) else []:
        if one.get("toolCallId") == tool_call_id and isinstance(one.get("result"), str):
            found = json.loads(one["result"])
            return replace(reply, body=found, size=len(one["result"].encode()))
    return replace(reply, body=None)
