"""One scripted call from ringing to its analysis: caller, stand-in agent and webhooks in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from apps.sandbox.callers.agent import Agent, Request
from apps.sandbox.callers.caller import Caller, Utterance
from apps.sandbox.callers.planning import Plan
from apps.sandbox.callers.script import Script
from apps.sandbox.callers.vapi_wire import VapiCall, VapiWebhooks
from apps.sandbox.callers.wire import PhoneCall, Reply, Webhooks

MOST_ROUNDS = 14
# How the providers that can be played speak with their customers' webhooks.
WIRES: Mapping[str, tuple[type[Webhooks], type[PhoneCall] | type[VapiCall]]] = {
    "retell": (Webhooks, PhoneCall),
    "vapi": (VapiWebhooks, VapiCall),
}
GREETINGS = {"de": "Guten Tag, {name}.", "en": "Hello, {name}."}
OFFERS = {"de": "Wie kann ich helfen?", "en": "How can I help?"}
FAREWELLS = {"de": "Auf Wiederhören.", "en": "Goodbye."}
CONTEXT = "get_call_context"


@dataclass(frozen=True, slots=True)
class Said:
    who: Literal["caller", "agent"]
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the platform. ``what`` is the function, or the event or hook."""

    what: str
    kind: Literal["function", "event", "inbound"]
    args: Mapping[str, Any]
    reply: Reply
    repeated: Reply | None = None

    @property
    def answer(self) -> Mapping[str, Any]:
        return self.reply.body or {}

    @property
    def status(self) -> str:
        """The envelope's status, or what went wrong on the way."""
        if self.reply.status == 200 and self.kind == "function":
            return str(self.answer.get("status", "no status"))
        return self.reply.error or f"HTTP {self.reply.status}"


@dataclass(slots=True)
class Record:
    """All that happened in one call. ``problem`` says why it could not be played to its end.

    ``taken`` is the start (ISO) of the offer the caller picked last, "" for none.
    """

    plan: Plan
    entries: list[Said | Asked] = field(default_factory=list)
    taken: str = ""
    hung_up: bool = False
    problem: str = ""
    turns: int = 0
    words: dict[str, int] = field(default_factory=dict)

    def functions(self) -> list[Asked]:
        return [one for one in self.entries if isinstance(one, Asked) and one.kind == "function"]

    def statuses(self) -> list[str]:
        """The statuses of the functions that the conversation turned on, in order."""
        return [one.status for one in self.functions() if one.what != CONTEXT]

    @property
    def confirmations(self) -> int:
        """How often the caller was asked to confirm, in full or in brief."""
        return sum(one.answer.get("confirmation") in ("full", "brief") for one in self.functions())

    @property
    def seconds(self) -> float:
        """The modelled length: 150 words a minute, the time functions took, 0.8 s between turns."""
        speaking = sum(self.words.values()) * 60 / 150
        waiting = sum(one.reply.milliseconds for one in self.functions()) / 1000
        return speaking + waiting + 0.8 * max(0, self.turns - 1)


class Conversation:
    """Plays one plan and keeps the record."""

    def __init__(
        self, plan: Plan, *, url: str, rival: Callable[[datetime], None], pause: float = 0.0
    ) -> None:
        """``rival`` takes a start in the calendar, where a script wants somebody else to be faster.

        ``pause`` is how long the caller really takes to say something, in seconds.
        """
        self._rival = rival
        self._pause = pause
        self.record = Record(plan)
        self._script: Script = plan.script
        self._agent = Agent(plan.script.model)
        self._caller = Caller(plan.script, value=plan.value)
        webhooks, call = WIRES[plan.place.provider]
        self._call: PhoneCall | VapiCall = call(
            webhooks(url, account=plan.place.account, key=plan.place.signing_key),
            caller=plan.shown_number,
            dialled=plan.dialled,
            agent_name=plan.place.company_name,
        )

    def play(self) -> Record:
        """The whole call. Never raises for what the platform answers; the record tells it."""
        self._note("call_inbound", "inbound", self._call.ring())
        self._note("call_started", "event", self._call.start())
        context = self._ask(Request(CONTEXT, {}))
        known = context.status == "context"
        self._agent_says(self._greeting() if known else str(context.answer.get("say") or ""))
        first = self._caller.open() if known else self._caller.react(context.status, offers=())
        self._talk(first)
        reason = "user_hangup" if self.record.hung_up else "agent_hangup"
        if self._last_status() == "transfer":
            reason = "call_transfer"
        for event, reply in zip(("call_ended", "call_analyzed"), self._call.end(reason), strict=True):
            self._note(event, "event", reply)
        self.record.turns = self._call.transcript.turns
        return self.record

    def _talk(self, utterance: Utterance | None) -> None:
        for _ in range(MOST_ROUNDS):
            if utterance is None:
                self.record.problem = f"the caller had nothing to say to {self._last_status()!r}"
                return
            time.sleep(self._pause)
            self._say("caller", utterance.text)
            request = self._agent.request(utterance.heard)
            if request is None:
                self._leave(utterance)
                return
            if utterance.heard.act == "take":
                self._remember_pick(utterance.heard.takes)
            if utterance.rival and self.record.taken:
                self._rival(datetime.fromisoformat(self.record.taken))
            asked = self._ask(request)
            if asked.reply.status != 200:
                self.record.problem = f"{asked.what} failed: {asked.status}"
                return
            if utterance.hangs_up:
                self.record.hung_up = True
                return
            self._agent.hear(dict(asked.answer))
            self._agent_says(str(asked.answer.get("say") or ""))
            utterance = self._caller.react(asked.status, offers=self._agent.offers())
        self.record.problem = "the call went in circles"

    def _leave(self, utterance: Utterance) -> None:
        self.record.hung_up = utterance.hangs_up
        if not utterance.hangs_up and self._last_status() != "transfer":
            self._agent_says(FAREWELLS[self._script.language])

    def _remember_pick(self, number: int) -> None:
        offers = self._agent.offers()
        if 0 < number <= len(offers):
            self.record.taken = str(offers[number - 1]["start"])

    def _ask(self, request: Request) -> Asked:
        name = self._script.model.names.get(request.name, request.name)
        replies = self._call.function(name, request.args, twice=request.name in self._script.model.repeats)
        asked = Asked(
            request.name, "function", request.args, replies[0], replies[1] if len(replies) > 1 else None
        )
        self.record.entries.append(asked)
        if asked.status == "available":
            self.record.taken = str((asked.answer.get("slot") or {}).get("start", ""))
        return asked

    def _note(self, what: str, kind: Literal["event", "inbound"], reply: Reply) -> None:
        self.record.entries.append(Asked(what, kind, {}, reply))

    def _agent_says(self, text: str) -> None:
        if text:
            self._say("agent", text)

    def _say(self, who: Literal["caller", "agent"], text: str) -> None:
        self._call.transcript.say("user" if who == "caller" else "agent", text)
        self.record.entries.append(Said(who, text))
        self.record.words[who] = self.record.words.get(who, 0) + len(text.split())

    def _greeting(self) -> str:
        place, language = self.record.plan.place, self._script.language
        parts = (GREETINGS[language].format(name=place.company_name), place.disclosure, OFFERS[language])
        return " ".join(part for part in parts if part)

    def _last_status(self) -> str:
        functions = self.record.functions()
        return functions[-1].status if functions else ""
