"""What every adapter owes the core, and that the core learns no vendor's word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.calls.facts import RANKS
from apps.calls.models import CallEvent
from apps.calls.providers import PROVIDERS
from apps.calls.providers.base import Line, Provider
from apps.calls.providers.tolerance import word_set

APPS = Path(__file__).parents[2] / "apps"
VENDORS = re.compile(r"retell|vapi|twilio|livekit", re.IGNORECASE)
# Where a vendor may be named: its adapter, the stand-in that plays its part, the list of secret headers.
ALLOWED = ("calls/providers/", "sandbox/", "core/redaction.py")

LONG = st.sampled_from(["status-update", "x" * 500])
LONGEST_NAME = CallEvent._meta.get_field("kind").max_length

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | LONG,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = word_set(
    """event call call_id call_type from_number to_number direction disconnection_reason transcript
    agent_version transcript_object transcript_with_tool_calls call_cost call_analysis custom_analysis_data
    start_timestamp duration_ms call_inbound name args chat message type status id phoneNumber customer number
    toolCallList function arguments artifact messages endedReason cost analysis structuredData startedAt
    durationMs status-update"""
)
bodies = st.recursive(
    junk, lambda inner: st.dictionaries(st.sampled_from(sorted(KEYS)), inner, max_size=5), max_leaves=25
).filter(lambda value: isinstance(value, dict))


def test_the_core_knows_no_vendor() -> None:
    found = [
        f"{path.relative_to(APPS)}:{number}"
        for path in sorted(APPS.rglob("*.py"))
        if not str(path.relative_to(APPS)).startswith(ALLOWED)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if VENDORS.search(line)
    ]
    assert found == []


@pytest.fixture(params=sorted(PROVIDERS))
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]


def check_line(line: Line) -> None:
    assert isinstance(line.call_id, str)
    assert len(line.call_id) <= 128
    assert line.direction in ("inbound", "outbound")
    for value in (line.dialled, line.caller, line.agent_version):
        assert isinstance(value, str)
        value.encode()  # no half of a surrogate pair, which no database keeps
        assert "\x00" not in value


@given(body=bodies)
def test_no_body_breaks_an_adapter(provider: Provider, body: dict[str, Any]) -> None:
    event = provider.event(body)
    check_line(event.line)
    assert event.kind in RANKS
    assert 0 < len(event.name) <= LONGEST_NAME
    assert event.line.call_id or event.identity
    assert event.ending in ("completed", "not_connected", "error", "")
    assert event.duration_ms is None or 0 <= event.duration_ms < 2**63
    for moment in (event.started_at, event.ended_at):
        assert moment is None or moment.tzinfo is not None
    event.transcript.encode()
    invocations = provider.invocations(body)
    assert invocations
    for one in invocations:
        check_line(one.line)
        assert isinstance(one.args, dict)
    answers = [(one, {"say": "Ja."}) for one in invocations]
    json.dumps(provider.render_answers(answers))
    question = provider.inbound(body)
    if question is not None:
        check_line(question.line)
    provider.call_event(body)


@given(header=st.text(max_size=100), raw=st.binary(max_size=50))
def test_no_signature_is_made_up(provider: Provider, header: str, raw: bytes) -> None:
    headers = dict.fromkeys(("X-Retell-Signature", "X-Signature", "X-Timestamp"), header)
    assert provider.verify(raw=raw, headers=headers, keys=["key"], now_ms=1_767_603_600_000) is None


def test_nothing_to_say_is_an_answer(provider: Provider) -> None:
    assert "x" not in json.dumps(provider.render_inbound(None))
    assert '"x": "1"' in json.dumps(provider.render_inbound({"x": "1"}))


def test_what_was_spoken_has_names(provider: Provider) -> None:
    assert "transcript" in provider.spoken_keys


def test_the_providers_address_is_public_and_encrypted(provider: Provider) -> None:
    assert provider.api_url.startswith("https://")


def test_ids_in_paths_are_escaped() -> None:
    for one in PROVIDERS.values():
        for request in (
            one.call_request("../a?b", key="k"),
            one.live_update_request("../a?b", key="k", context="x"),
        ):
            assert request is None or request.path.endswith("..%2Fa%3Fb")
