"""Retell: signature, shapes, words. Source: retell-sdk 6.2 and docs.retellai.com (2026)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from apps.calls.providers import retell_agent, tolerance
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

SIGNATURE = re.compile(r"v=(\d{1,16}),d=([0-9a-f]{64})")
WINDOW_MS = 5 * 60 * 1000

KINDS: dict[str, EventKind] = {
    "call_started": "started",
    "call_ended": "ended",
    "call_analyzed": "analyzed",
    "transcript_updated": "transcript",
    "transfer_started": "transfer",
    "transfer_bridged": "transfer",
    "transfer_cancelled": "transfer",
    "transfer_ended": "transfer",
}
# Why a call ended, in words that may be new tomorrow: what is none of these counts as an ordinary end.
ENDED = tolerance.word_set(
    """user_hangup agent_hangup user_requested_dnc user_requested_callback call_transfer voicemail_reached
    ivr_reached inactivity max_duration_reached no_concurrency_fallback transfer_bridged transfer_cancelled
    manual_stopped call_take_over"""
)
NOT_CONNECTED = tolerance.word_set(
    """dial_busy dial_failed dial_no_answer invalid_destination telephony_provider_permission_denied
    telephony_provider_unavailable sip_routing_error marked_as_spam network_blocked user_declined
    error_user_not_joined registered_call_timeout"""
)
ERRORS = tolerance.word_set(
    """concurrency_limit_reached no_valid_payment credit_exhausted budget_reached scam_detected
    error_llm_websocket_open error_llm_websocket_lost_connection error_llm_websocket_runtime
    error_llm_websocket_corrupt_payload error_no_audio_received error_asr error_retell error_unknown"""
)
KNOWN_REASONS = ENDED | NOT_CONNECTED | ERRORS | {""}
# Only where no reason is told: the documentation's own sample of an ended call is "registered".
STATUS_ENDINGS: dict[str, Ending] = {"not_connected": "not_connected", "error": "error"}
CALL_STATUSES: dict[str, EventKind] = {
    "registered": "started",
    "ongoing": "started",
    "ended": "ended",
    "not_connected": "ended",
    "error": "ended",
}
CHATS = frozenset({"chat_started", "chat_ended", "chat_analyzed"})
SPOKEN = tolerance.word_set(
    """transcript transcript_object transcript_with_tool_calls scrubbed_transcript_with_tool_calls
    pre_session_transcript_with_tool_calls post_session_transcript_with_tool_calls
    scrubbed_pre_session_transcript_with_tool_calls scrubbed_post_session_transcript_with_tool_calls
    call_analysis collected_dynamic_variables recording_url recording_multi_channel_url
    scrubbed_recording_url scrubbed_recording_multi_channel_url public_log_url
    knowledge_base_retrieved_contents_url"""
)


class Retell:
    """The adapter."""

    name = "retell"
    api_url = "https://api.retellai.com"
    spoken_keys = SPOKEN

    def verify(
        self, *, raw: bytes, headers: Mapping[str, str], keys: Sequence[str], now_ms: int
    ) -> str | None:
        """HMAC-SHA256 over raw body + timestamp; ± 5 minutes both ways, exactly five still counts."""
        match = SIGNATURE.fullmatch(headers.get("X-Retell-Signature", ""))
        if match is None or abs(now_ms - int(match[1])) > WINDOW_MS:
            return None
        signed = raw + match[1].encode()
        for key in keys:
            made = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
            if hmac.compare_digest(made, match[2]):
                return f"{match[1]}:{match[2]}"
        return None

    def invocations(self, body: Json) -> Sequence[ToolInvocation]:
        """Retell sends one function a request; the fields' other spellings come from the field."""
        raw_name = body.get("name") or body.get("function_name")
        spelled = (tolerance.arguments(body.get(key)) for key in ("args", "arguments", "parameters"))
        call = tolerance.mapping(body.get("call"))
        return (
            ToolInvocation(
                line=self._line(call),
                name=tolerance.function_name(raw_name),
                args=next(filter(None, spelled), {}),
                tool_call_id=self._pending_tool_call(call),
            ),
        )

    def render_answers(self, answers: Sequence[tuple[ToolInvocation, Json]]) -> Json:
        return answers[0][1]

    def event(self, body: Json) -> LifecycleEvent:
        call = tolerance.mapping(body.get("call"))
        name = tolerance.text(body.get("event"), limit=60)
        line = self._line(call)
        if line.call_id:
            return self._event(body, call, line, name=name, kind=KINDS.get(name, "other"))
        chat = tolerance.mapping(body.get("chat"))
        return LifecycleEvent(
            line=line,
            kind="other",
            name=name or "unnamed",
            identity=tolerance.identifier(chat.get("chat_id")) or tolerance.fingerprint(body),
            recognised=name in CHATS,
            raw=body,
        )

    def _event(self, body: Json, call: Json, line: Line, *, name: str, kind: EventKind) -> LifecycleEvent:
        reason = tolerance.text(call.get("disconnection_reason"), limit=80)
        transcript = tolerance.transcript(call.get("transcript"))
        analysis = tolerance.mapping(call.get("call_analysis"))
        custom = tolerance.mapping(analysis.get("custom_analysis_data"))
        return LifecycleEvent(
            line=line,
            kind=kind,
            name=name or "unnamed",
            identity=self._transfer_identity(body, call) if kind == "transfer" else "",
            started_at=line.started_at,
            ended_at=tolerance.moment_ms(call.get("end_timestamp")),
            duration_ms=tolerance.whole(call.get("duration_ms")),
            cost_cents=tolerance.cents(tolerance.mapping(call.get("call_cost")).get("combined_cost")),
            ending=self._ending(call, reason) if kind in ("ended", "analyzed") else "",
            disconnection_reason=reason,
            transcript=transcript,
            transcript_turns=self._turns(call) or len(transcript.splitlines()),
            analysis=analysis,
            said_booked=tolerance.boolean(custom.get("appointment_booked")),
            recognised=name in KINDS and reason in KNOWN_REASONS,
            raw=body,
        )

    def inbound(self, body: Json) -> InboundQuestion | None:
        asked = tolerance.mapping(body.get("call_inbound"))
        if not asked:
            return None
        line = self._line({**asked, "direction": "inbound"})
        return InboundQuestion(line=line)

    def render_inbound(self, variables: Mapping[str, str] | None) -> Json:
        return {"call_inbound": {"dynamic_variables": dict(variables)} if variables else {}}

    def _line(self, call: Json) -> Line:
        outbound = call.get("direction") == "outbound"
        from_number = tolerance.text(call.get("from_number"), limit=40)
        to_number = tolerance.text(call.get("to_number"), limit=40)
        return Line(
            call_id=tolerance.identifier(call.get("call_id")),
            dialled=from_number if outbound else to_number,
            caller=to_number if outbound else from_number,
            direction="outbound" if outbound else "inbound",
            is_web_call=call.get("call_type") == "web_call" and not (from_number or to_number),
            agent_version=tolerance.text(call.get("agent_version"), limit=40),
            started_at=tolerance.moment_ms(call.get("start_timestamp")),
        )

    def _pending_tool_call(self, call: Json) -> str:
        turns = call.get("transcript_with_tool_calls")
        for turn in reversed(turns if isinstance(turns, list) else []):
            if tolerance.mapping(turn).get("role") == "tool_call_invocation":
                return tolerance.identifier(turn.get("tool_call_id"))
        return ""

    def _transfer_identity(self, body: Json, call: Json) -> str:
        destination: Any = body.get("transfer_destination") or call.get("transfer_destination")
        if isinstance(destination, dict):
            destination = f"{destination.get('number')}/{destination.get('extension')}"
        return f"{tolerance.text(destination, limit=200)}@{tolerance.text(call.get('start_timestamp'))}"

    def call_request(self, call_id: str, *, key: str) -> ApiRequest | None:
        return ApiRequest("GET", f"/v2/get-call/{quote(call_id, safe='')}", headers=_bearer(key))

    def call_event(self, body: Json) -> LifecycleEvent | None:
        line = self._line(body)
        kind = CALL_STATUSES.get(tolerance.text(body.get("call_status")))
        if not line.call_id or kind is None:
            return None
        if kind == "ended" and tolerance.mapping(body.get("call_analysis")):
            kind = "analyzed"
        name = f"call_{kind}"
        return self._event({"event": name, "call": body}, body, line, name=name, kind=kind)

    def erasure_request(self, call_id: str, *, key: str) -> ApiRequest | None:
        return ApiRequest("DELETE", f"/v2/delete-call/{quote(call_id, safe='')}", headers=_bearer(key))

    def agent_definition(self, agent: AgentDescription) -> Json:
        return retell_agent.definition(agent)

    def live_update_request(self, call_id: str, *, key: str, context: str) -> ApiRequest | None:
        return ApiRequest(
            "PATCH",
            f"/v2/update-live-call/{quote(call_id, safe='')}",
            headers=_bearer(key),
            body={"call_control": {"additional_context": context, "trigger_response": True}},
        )

    def _ending(self, call: Json, reason: str) -> Ending:
        if reason in NOT_CONNECTED:
            return "not_connected"
        if reason in ERRORS or reason.startswith("error_"):
            return "error"
        if reason:
            return "completed"
        return STATUS_ENDINGS.get(tolerance.text(call.get("call_status")), "completed")

    def _turns(self, call: Json) -> int:
        turns = call.get("transcript_object")
        return len(turns) if isinstance(turns, list) else 0


def _bearer(key: str) -> Mapping[str, str]:
    """Requests are signed with the key that also opens the API."""
    return {"Authorization": f"Bearer {key}"}
