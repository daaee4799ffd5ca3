"""The second provider's requests, checked by the adapter that has to understand them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from apps.calls.providers import PROVIDERS
from apps.sandbox.callers.conversation import WIRES
from apps.sandbox.callers.vapi_wire import VapiCall, VapiWebhooks
from apps.sandbox.callers.wire import Reply
from tests.factories import NUMBER, SIGNING_KEY

VAPI = PROVIDERS["vapi"]
CALLER = "+493023125001"


class Recorded(VapiWebhooks):
    """Checks the signature of what would be sent, keeps it, and answers like the platform."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", account="vapi-main", key=SIGNING_KEY)
        self.sent: list[tuple[str, Mapping[str, Any]]] = []
        self.answer: dict[str, Any] = {"status": "services", "say": "Ja."}

    def post(self, endpoint: str, body: Mapping[str, Any]) -> Reply:
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {name.title(): value for name, value in self._headers(raw).items()}
        assert VAPI.verify(raw=raw, headers=headers, keys=[SIGNING_KEY], now_ms=int(time.time() * 1000))
        assert not VAPI.verify(
            raw=raw + b" ", headers=headers, keys=[SIGNING_KEY], now_ms=int(time.time() * 1000)
        )
        self.sent.append((endpoint, json.loads(raw)))
        if endpoint == "functions":
            return Reply(200, dict(VAPI.render_answers([(VAPI.invocations(body)[0], self.answer)])), 1.0)
        if endpoint == "inbound":
            return Reply(200, dict(VAPI.render_inbound({"company_name": "Praxis"})), 1.0)
        return Reply(204, None, 1.0)


@pytest.fixture
def webhooks() -> Recorded:
    return Recorded()


def make_call(webhooks: Recorded, *, caller: str = CALLER) -> VapiCall:
    return VapiCall(webhooks, caller=caller, dialled=NUMBER, agent_name="Praxis")


def test_a_whole_call_is_understood(webhooks: Recorded) -> None:
    call = make_call(webhooks)
    rung = call.ring()
    assert rung.body == {"call_inbound": {"dynamic_variables": {"company_name": "Praxis"}}}
    call.start()
    call.transcript.say("agent", "Guten Tag.")
    call.transcript.say("user", "Größe und Ähnliches")
    (answer,) = call.function("check_availability", {"when": "morgen früh"})
    assert answer.body == webhooks.answer
    call.end("user_hangup")
    bodies = dict(webhooks.sent)
    asked = VAPI.inbound(bodies["inbound"])
    assert asked is not None
    assert (asked.line.dialled, asked.line.caller, asked.line.call_id) == (NUMBER, CALLER, call.call_id)
    (function,) = VAPI.invocations(bodies["functions"])
    assert (function.name, function.args) == ("check_availability", {"when": "morgen früh"})
    assert (function.line, bool(function.tool_call_id)) == (asked.line, True)
    events = [VAPI.event(body) for endpoint, body in webhooks.sent if endpoint == "events"]
    assert [event.kind for event in events] == ["started", "ended", "analyzed"]
    assert all(event.recognised and event.line.call_id == call.call_id for event in events)
    assert events[-1].transcript == "Agent: Guten Tag.\nUser: Größe und Ähnliches\n"
    assert events[-1].duration_ms == round(call.transcript.clock * 1000)


def test_a_request_sent_twice_has_one_tool_call_id(webhooks: Recorded) -> None:
    replies = make_call(webhooks).function("list_services", {}, twice=True)
    assert len(replies) == 2
    ids = {VAPI.invocations(body)[0].tool_call_id for _, body in webhooks.sent}
    assert len(ids) == 1


def test_a_withheld_number_is_not_there(webhooks: Recorded) -> None:
    call = make_call(webhooks, caller="")
    call.start()
    assert VAPI.event(webhooks.sent[0][1]).line.caller == ""


def test_an_answer_to_another_tool_call_is_none(webhooks: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = Reply(200, {"results": [{"toolCallId": "another", "result": "{}"}]}, 1.0)
    monkeypatch.setattr(webhooks, "post", lambda endpoint, body: foreign)
    (reply,) = make_call(webhooks).function("list_services", {})
    assert reply.body is None


def test_every_provider_can_be_played() -> None:
    assert WIRES.keys() == PROVIDERS.keys()
