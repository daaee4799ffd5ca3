"""A telephone for tests: signed requests in Retell's shape through Django's test client."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.factories import CALLER, Business

_numbers = itertools.count(1)


def signature(raw: bytes, key: str, *, at_ms: int | None = None) -> str:
    """Retell's header for these bytes."""
    stamp = str(int(time.time() * 1000) if at_ms is None else at_ms)
    return f"v={stamp},d={hmac.new(key.encode(), raw + stamp.encode(), hashlib.sha256).hexdigest()}"


@dataclass
class Phone:
    """One call to a business. ``function`` asks one in-call function and returns the envelope."""

    business: Business
    caller: str = CALLER
    call_id: str = ""
    dialled: str = ""
    client: Client = field(default_factory=Client)
    tool_calls: int = 0

    def __post_init__(self) -> None:
        self.call_id = self.call_id or f"call_{next(_numbers):027d}"
        self.dialled = self.dialled or self.business.number.number

    @property
    def account(self) -> str:
        return self.business.account.slug

    @property
    def key(self) -> str:
        return self.business.account.signing_key

    def call_object(self, *, tool_call_id: str = "", name: str = "", **extra: Any) -> dict[str, Any]:
        call: dict[str, Any] = {
            "call_id": self.call_id,
            "call_type": "phone_call",
            "agent_id": "agent_1",
            "agent_version": 3,
            "call_status": "ongoing",
            "from_number": self.caller,
            "to_number": self.dialled,
            "direction": "inbound",
            "metadata": {"tenant_hint": "somebody-else"},
            **extra,
        }
        if tool_call_id:
            call["transcript_with_tool_calls"] = [
                {"role": "agent", "content": "Guten Tag"},
                {
                    "role": "tool_call_invocation",
                    "tool_call_id": tool_call_id,
                    "name": name,
                    "arguments": "{}",
                },
            ]
        return call

    def body(self, name: str, args: dict[str, Any], *, tool_call_id: str | None = None) -> dict[str, Any]:
        self.tool_calls += 1
        tool = f"tool_{self.call_id}_{self.tool_calls}" if tool_call_id is None else tool_call_id
        return {"name": name, "args": args, "call": self.call_object(tool_call_id=tool, name=name)}

    def post(
        self,
        path: str,
        body: Any,
        *,
        key: str | None = None,
        at_ms: int | None = None,
        header: str | None = None,
    ) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        signed = signature(raw, self.key if key is None else key, at_ms=at_ms) if header is None else header
        return self.client.post(
            f"/webhooks/telephony/{self.account}/{path}/",
            data=raw,
            content_type="application/json",
            headers={"X-Retell-Signature": signed},
        )

    def function(self, name: str, /, *, tool_call_id: str | None = None, **args: Any) -> dict[str, Any]:
        answer = self.post("functions", self.body(name, args, tool_call_id=tool_call_id))
        assert answer.status_code == 200, answer.content
        envelope: dict[str, Any] = json.loads(answer.content)
        return envelope

    def event(self, name: str, **extra: Any) -> HttpResponse:
        return self.post("events", {"event": name, "call": self.call_object(**extra)})
