"""What the core knows of a telephony provider. A provider's own words stop at its adapter.

verify → parse → render: an adapter checks the signature over the raw bytes, turns a body into the
types below, and turns answers back into what its provider expects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

Json = Mapping[str, Any]

EventKind = Literal["started", "ended", "analyzed", "transcript", "transfer", "other"]
Ending = Literal["completed", "not_connected", "error", ""]


@dataclass(frozen=True, slots=True)
class Line:
    """Who speaks with whom. ``dialled`` is the business's own number, whichever way the call went."""

    call_id: str
    dialled: str
    caller: str
    direction: Literal["inbound", "outbound"]
    # A browser test call of the provider: it carries no numbers at all.
    is_web_call: bool = False
    agent_version: str = ""
    # When the call began, as the provider says.
    started_at: datetime | None = None

    @property
    def caller_id(self) -> str:
        """The caller's number. A forwarded call may show the business's own: that is nobody's."""
        return "" if self.caller == self.dialled else self.caller


@dataclass(frozen=True, slots=True)
class ToolInvocation:
    """One in-call function. ``position`` tells several in one request apart."""

    line: Line
    name: str
    args: Json
    tool_call_id: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """Something happened to a call. ``kind`` is ours, ``name`` the provider's.

    ``identity`` tells repeated events of one name apart (transfers); times are aware, money is cents.
    ``transcript`` has one utterance a line, each beginning with ``Agent:`` or ``User:``. ``recognised`` is
    false for a name, or a reason for the end, that the adapter has never heard of: kept all the same.
    """

    line: Line
    kind: EventKind
    name: str
    identity: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    cost_cents: Decimal | None = None
    ending: Ending = ""
    disconnection_reason: str = ""
    transcript: str = ""
    transcript_turns: int = 0
    analysis: Json = field(default_factory=dict)
    # What the provider's analysis makes of the call: whether the caller was told that something is booked.
    said_booked: bool | None = None
    recognised: bool = True
    raw: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request to the provider's own API. ``path`` is appended to the account's or the default address."""

    method: Literal["GET", "PATCH", "POST", "DELETE"]
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Json | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class InboundQuestion:
    """The provider asks, before the agent speaks, what it should know."""

    line: Line


@dataclass(frozen=True, slots=True)
class AgentFunction:
    """One in-call function as a language model is told of it; ``arguments`` are JSON schemas by name."""

    name: str
    description: str
    arguments: Mapping[str, Json]
    takes_a_moment: bool = False


@dataclass(frozen=True, slots=True)
class AgentDescription:
    """The agent of one company: what it is told, what it may call, and under ``address`` whom it asks."""

    company_name: str
    language: str
    disclosure: str
    prompt: str
    functions: Sequence[AgentFunction]
    address: str
    numbers: Sequence[str]
    fallback_number: str
    ending: str
    handing_over: str
    # Its answer, after the call, is the analysis's ``appointment_booked``.
    booked_question: str


class Provider(Protocol):
    """An adapter. Stateless."""

    name: str
    # Where its API answers when the account names no other address.
    api_url: str
    # Keys, wherever in a body, of what was spoken or tells of it: not stored for who stores no transcripts.
    spoken_keys: frozenset[str]

    def verify(
        self, *, raw: bytes, headers: Mapping[str, str], keys: Sequence[str], now_ms: int
    ) -> str | None:
        """The signature's fingerprint when one of the keys made it within ± 5 minutes, else None."""

    def invocations(self, body: Json) -> Sequence[ToolInvocation]:
        """The in-call functions of a request, in order; at least one."""

    def render_answers(self, answers: Sequence[tuple[ToolInvocation, Json]]) -> Json:
        """The answer to a functions request."""

    def event(self, body: Json) -> LifecycleEvent:
        """The lifecycle event of a body. One of no call (a chat, anything unknown) has an empty call id."""

    def inbound(self, body: Json) -> InboundQuestion | None:
        """The question before the call, None when the body is not one."""

    def render_inbound(self, variables: Mapping[str, str] | None) -> Json:
        """The answer to it; None = nothing to say."""

    def call_request(self, call_id: str, *, key: str) -> ApiRequest | None:
        """The question how a call stands, for when its end was never told; None = it cannot be asked."""

    def call_event(self, body: Json) -> LifecycleEvent | None:
        """The answer to it as an event: ``ended``, ``analyzed``, or ``started`` while it is still on.

        None for an answer that tells nothing of a call.
        """

    def live_update_request(self, call_id: str, *, key: str, context: str) -> ApiRequest | None:
        """Tell the agent of a call that is on something, so that it says it; None = it cannot be told."""

    def erasure_request(self, call_id: str, *, key: str) -> ApiRequest | None:
        """Erase the provider's copy of a call; None = it cannot be asked to."""

    def agent_definition(self, agent: AgentDescription) -> Json:
        """The agent as the provider's API takes it. A function is given ten seconds and no second try."""
