from __future__ import annotations

import json

import pytest

from apps.sandbox.callers.wire import PhoneCall, Reply, Transcript, Webhooks, sign
from tests.factories import NUMBER, SIGNING_KEY
from tests.sandbox.callers.platform import Platform

FUNCTION_KEYS = {"name", "args", "call"}
CALL_KEYS = {
    "call_id", "call_type", "agent_id", "agent_version", "agent_name", "call_status", "from_number",
    "to_number", "direction", "start_timestamp", "transcript", "transcript_object",
    "transcript_with_tool_calls",
}  # fmt: skip


def make_call(platform: Platform, *, caller: str = "+493023125001", key: str = SIGNING_KEY) -> PhoneCall:
    webhooks = Webhooks(platform.url, account="retell-main", key=key)
    return PhoneCall(webhooks, caller=caller, dialled=NUMBER, agent_name="Praxis")


def test_the_signature_is_the_one_of_the_providers_own_test_vector() -> None:
    assert sign(b'{"event":"call_ended"}', key="test-api-key", at_ms=1700000000000) == (
        "v=1700000000000,d=07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e"
    )


def test_every_request_of_a_call_is_accepted_by_an_independent_check(platform: Platform) -> None:
    call = make_call(platform)
    replies = [call.ring(), call.start(), *call.function("get_call_context", {}), *call.end("user_hangup")]
    assert [reply.status for reply in replies] == [200, 204, 200, 204, 204]
    assert platform.refused == 0


def test_a_foreign_key_is_refused(platform: Platform) -> None:
    assert make_call(platform, key="another").ring().status == 401
    assert platform.refused == 1


def test_a_function_carries_the_call_and_its_pending_invocation(platform: Platform) -> None:
    call = make_call(platform)
    call.ring()
    call.start()
    call.transcript.say("user", "Größe und Ähnliches")
    call.function("get_call_context", {"a": "ü"})
    body = platform.requests[-1][1]
    assert body.keys() == FUNCTION_KEYS
    assert body["call"].keys() >= CALL_KEYS
    pending = body["call"]["transcript_with_tool_calls"][-1]
    assert pending["role"] == "tool_call_invocation"
    assert (pending["name"], json.loads(pending["arguments"])) == ("get_call_context", {"a": "ü"})
    assert body["call"]["transcript"] == "User: Größe und Ähnliches\n"
    assert body["call"]["retell_llm_dynamic_variables"] == {"company": "Praxis"}


def test_every_tool_call_has_an_id_of_its_own_and_a_retry_the_same(platform: Platform) -> None:
    call = make_call(platform)
    first, again = call.function("get_call_context", {}, twice=True)
    call.function("get_call_context", {})
    ids = [body["call"]["transcript_with_tool_calls"][-1]["tool_call_id"] for _, body in platform.requests]
    assert ids[0] == ids[1] != ids[2]
    assert first.body == again.body


def test_the_transcript_grows_and_keeps_results(platform: Platform) -> None:
    call = make_call(platform)
    call.transcript.say("agent", "Guten Tag")
    call.function("get_call_context", {})
    call.transcript.say("user", "Hallo")
    call.end("user_hangup")
    roles = [one["role"] for one in platform.requests[-1][1]["call"]["transcript_with_tool_calls"]]
    assert roles == ["agent", "tool_call_invocation", "tool_call_result", "user"]


def test_the_end_of_a_call_says_why_and_how_long_in_milliseconds(platform: Platform) -> None:
    call = make_call(platform)
    call.start()
    call.transcript.say("agent", " ".join(["Wort"] * 150))
    call.end("user_hangup")
    (_, ended), (_, analyzed) = platform.requests[-2:]
    assert [ended["event"], analyzed["event"]] == ["call_ended", "call_analyzed"]
    assert "call_analysis" in analyzed["call"]
    assert "call_analysis" not in ended["call"]
    call_object = ended["call"]
    assert call_object["disconnection_reason"] == "user_hangup"
    assert call_object["duration_ms"] == call_object["end_timestamp"] - call_object["start_timestamp"]
    assert 60_000 <= call_object["duration_ms"] <= 61_000


def test_a_withheld_number_arrives_as_the_provider_writes_it(platform: Platform) -> None:
    make_call(platform, caller="").ring()
    assert platform.requests[0][1]["call_inbound"]["from_number"] == "anonymous"


def test_nobody_listening_is_a_reply_without_a_status() -> None:
    reply = Webhooks("http://127.0.0.1:9", account="a", key="k").post("events", {})
    assert (reply.status, reply.body, reply.error) == (0, None, "ConnectionRefusedError")


def test_words_are_timed_in_seconds_and_turns_have_a_pause() -> None:
    transcript = Transcript()
    transcript.say("agent", "eins zwei")
    transcript.say("user", "drei")
    first, second = (entry["words"] for entry in transcript.spoken())
    assert [word["end"] - word["start"] for word in first] == pytest.approx([0.4, 0.4])
    assert second[0]["start"] - first[-1]["end"] == pytest.approx(0.8)
    assert (transcript.turns, transcript.words) == (2, 3)


def test_the_time_a_function_took_passes_on_the_transcripts_clock() -> None:
    transcript = Transcript()
    before = transcript.clock
    transcript.result("toolcall_1", Reply(200, {}, 500.0))
    assert transcript.clock - before == pytest.approx(0.5)
