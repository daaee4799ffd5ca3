"""Vapi: signature, shapes, words. Source: vapi_server_sdk 3.0 and docs.vapi.ai (2026).

Configure the server credential as HMAC (sha256, hex) with the header ``x-signature``, the timestamp
header ``x-timestamp`` and the payload ``{timestamp}.{body}``. Tools go to ``functions/``, server
messages to ``events/``, the assistant request to ``inbound/``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence

from apps.calls.providers import tolerance, vapi_agent
from apps.calls.providers.base import (
    AgentDescription,
    ApiRequest,
    Ending,
    EventKind,
    InboundQuestion,
    Json,
    LifecycleEvent,
    Line,
    ToolInvocation,
)

TIMESTAMP = re.compile(r"[0-9]{10,16}")
DIGEST = re.compile(r"[0-9a-f]{64}")
WINDOW_MS = 5 * 60 * 1000
SECONDS_BEFORE = 10**11  # a smaller number is seconds, not milliseconds
MOST_TOOL_CALLS = 8
STATUS_UPDATE = "status-update"
SPOKEN = tolerance.word_set(
    """artifact analysis messages messagesOpenAIFormatted conversation transcript summary recordingUrl
    stereoRecordingUrl"""
)
SPEAKER = re.compile(r"^(?:AI|Bot|Assistant):", re.MULTILINE)

STATUSES: dict[str, EventKind] = {
    "scheduled": "other",
    "queued": "other",
    "ringing": "other",
    "in-progress": "started",
    "forwarding": "transfer",
    "ended": "ended",
}
OTHER_KINDS: dict[str, EventKind] = {"end-of-call-report": "analyzed", "conversation-update": "transcript"}
# Of 600 reasons only the families matter here.
FAMILIES = (
    "assistant-",
    "call.",
    "call-",
    "customer-",
    "exceeded-max-duration",
    "manually-canceled",
    "phone-call-provider",
    "pipeline-",
    "silence-timed-out",
    "twilio-",
    "unknown-error",
    "voicemail",
    "vonage-",
    "worker-shutdown",
)
NOT_CONNECTED = ("customer-busy", "customer-did-not-answer", "twilio-failed", "vonage-failed", "call.ringing")
ERRORS = ("error", "pipeline-", "assistant-not", "call.in-progress.error", "phone-call-provider")


class Vapi:
    """The adapter."""

    name = "vapi"
    api_url = "https://api.vapi.ai"
    spoken_keys = SPOKEN

    def verify(
        self, *, raw: bytes, headers: Mapping[str, str], keys: Sequence[str], now_ms: int
    ) -> str | None:
        """HMAC-SHA256 over timestamp, dot and raw body; ± 5 minutes both ways."""
        stamp, digest = headers.get("X-Timestamp", ""), headers.get("X-Signature", "").removeprefix("sha256=")
        if not TIMESTAMP.fullmatch(stamp) or not DIGEST.fullmatch(digest):
            return None
        at = int(stamp) * (1000 if int(stamp) < SECONDS_BEFORE else 1)
        if abs(now_ms - at) > WINDOW_MS:
            return None
        signed = stamp.encode() + b"." + raw
        for key in keys:
            if hmac.compare_digest(hmac.new(key.encode(), signed, hashlib.sha256).hexdigest(), digest):
                return f"{stamp}:{digest}"
        return None

    def invocations(self, body: Json) -> Sequence[ToolInvocation]:
        """Several tool calls may come in one request; each is answered in its place."""
        message = tolerance.mapping(body.get("message"))
        line = self._line(message)
        calls = message.get("toolCallList")
        found = [
            self._invocation(line, tolerance.mapping(call), position)
            for position, call in enumerate((calls if isinstance(calls, list) else [])[:MOST_TOOL_CALLS])
        ]
        return found or [ToolInvocation(line=line, name="", args={})]

    def _invocation(self, line: Line, call: Json, position: int) -> ToolInvocation:
        function = tolerance.mapping(call.get("function"))
        name = function.get("name") or call.get("name")
        given = function.get("arguments") if "arguments" in function else call.get("arguments")
        return ToolInvocation(
            line=line,
            name=tolerance.function_name(name),
            args=tolerance.arguments(given),
            tool_call_id=tolerance.identifier(call.get("id")),
            position=position,
        )

    def render_answers(self, answers: Sequence[tuple[ToolInvocation, Json]]) -> Json:
        """One result a tool call, each a one-line string: any other shape is ignored by the agent."""
        return {
            "results": [
                {
                    "toolCallId": invocation.tool_call_id,
                    "name": invocation.name,
                    "result": json.dumps(answer, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
                }
                for invocation, answer in answers
            ]
        }

    def event(self, body: Json) -> LifecycleEvent:
        message = tolerance.mapping(body.get("message"))
        sort = tolerance.text(message.get("type"), limit=60)
        status = tolerance.text(message.get("status"), limit=40)
        kind, recognised = _kind(sort, status)
        reason = tolerance.text(message.get("endedReason"), limit=80)
        artifact = tolerance.mapping(message.get("artifact"))
        transcript = SPEAKER.sub("Agent:", tolerance.transcript(artifact.get("transcript")))
        analysis = tolerance.mapping(message.get("analysis"))
        line = self._line(message)
        return LifecycleEvent(
            line=line,
            kind=kind if line.call_id else "other",
            name=(f"{sort}:{status}" if sort == STATUS_UPDATE else sort)[:60] or "unnamed",
            identity="" if line.call_id else tolerance.fingerprint(body),
            started_at=line.started_at,
            ended_at=tolerance.moment_iso(message.get("endedAt")),
            duration_ms=tolerance.whole(message.get("durationMs")),
            cost_cents=tolerance.cents(message.get("cost"), factor=100),
            ending=self._ending(reason) if kind in ("ended", "analyzed") else "",
            disconnection_reason=reason,
            transcript=transcript,
            transcript_turns=len(transcript.splitlines()),
            analysis=analysis,
            said_booked=tolerance.boolean(
                tolerance.mapping(analysis.get("structuredData")).get("appointment_booked")
            ),
            recognised=recognised and (not reason or reason.startswith(FAMILIES)),
            raw=body,
        )

    def inbound(self, body: Json) -> InboundQuestion | None:
        message = tolerance.mapping(body.get("message"))
        if message.get("type") != "assistant-request":
            return None
        return InboundQuestion(line=self._line(message))

    def render_inbound(self, variables: Mapping[str, str] | None) -> Json:
        """Variables for the assistant that the phone number has; Vapi takes them as overrides."""
        return {"assistantOverrides": {"variableValues": dict(variables)}} if variables else {}

    def _line(self, message: Json) -> Line:
        call = tolerance.mapping(message.get("call"))
        phone = tolerance.mapping(message.get("phoneNumber")) or tolerance.mapping(call.get("phoneNumber"))
        customer = tolerance.mapping(message.get("customer")) or tolerance.mapping(call.get("customer"))
        kind = tolerance.text(call.get("type"), limit=40)
        dialled = tolerance.text(phone.get("number"), limit=40)
        return Line(
            call_id=tolerance.identifier(call.get("id")),
            dialled=dialled,
            caller=tolerance.text(customer.get("number"), limit=40),
            direction="outbound" if kind == "outboundPhoneCall" else "inbound",
            is_web_call=kind == "webCall" and not dialled,
            agent_version=tolerance.text(call.get("assistantVersion"), limit=40),
            started_at=tolerance.moment_iso(message.get("startedAt") or call.get("startedAt")),
        )

    def _ending(self, reason: str) -> Ending:
        if reason.startswith(NOT_CONNECTED):
            return "not_connected"
        if any(word in reason for word in ERRORS):
            return "error"
        return "completed"

    def call_request(self, call_id: str, *, key: str) -> ApiRequest | None:
        """None: the secret that signs requests does not open the API."""
        return None

    def call_event(self, body: Json) -> LifecycleEvent | None:
        return None

    def erasure_request(self, call_id: str, *, key: str) -> ApiRequest | None:
        """None, for the same reason."""
        return None

    def agent_definition(self, agent: AgentDescription) -> Json:
        return vapi_agent.definition(agent)

    def live_update_request(self, call_id: str, *, key: str, context: str) -> ApiRequest | None:
        """None, for the same reason."""
        return None


def _kind(sort: str, status: str) -> tuple[EventKind, bool]:
    """Our kind of a server message, and whether it is one we know."""
    if sort == STATUS_UPDATE:
        return STATUSES.get(status, "other"), status in STATUSES
    return OTHER_KINDS.get(sort, "other"), sort in OTHER_KINDS
