"""A stand-in for the language model: passes the caller's words, follows ``status``, speaks ``say``.

It is deterministic and honest. Every argument is a phrase the caller has said, a slot the platform
has offered, or ``confirmed`` after a yes; every sentence it speaks is the platform's own, but for
the greeting and the goodbye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.sandbox.callers.script import Act, Model

JsonObject = dict[str, Any]
PERSONAL = {"name": "customer_name", "phone": "customer_phone", "email": "customer_email", "notes": "notes"}
WISH = ("when", "date", "time", "service", "branch")
# What a caller's act becomes when nothing has to be carried over.
FUNCTIONS: Mapping[Act, str] = {
    "services": "list_services",
    "list": "list_appointments",
    "cancel": "cancel_appointment",
    "move": "reschedule_appointment",
    "callback": "request_callback",
    "person": "transfer_to_person",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller said, as a language model understands it: the act and the phrases by argument."""

    act: Act
    facts: Mapping[str, str] = field(default_factory=dict)
    takes: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    name: str
    args: JsonObject


class Agent:
    """Remembers what was said and asked; ``request`` turns the next utterance into a function call."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._person: dict[str, str] = {}
        self._last: Request | None = None
        self._answer: JsonObject = {}
        self._moving: JsonObject | None = None

    def hear(self, answer: JsonObject) -> None:
        """Take note of the platform's answer to the last request."""
        self._answer = answer

    def request(self, heard: Heard) -> Request | None:
        """The function to call now, or None when there is nothing to ask the platform."""
        self._person |= {PERSONAL[key]: words for key, words in heard.facts.items() if key in PERSONAL}
        request = self._decide(heard)
        if request is not None:
            self._last = request
        return request

    def offers(self) -> list[JsonObject]:
        """What the last answer offered, in the order it was spoken."""
        slot = self._answer.get("slot")
        return ([slot] if slot else []) + list(self._answer.get("alternatives") or [])

    def _decide(self, heard: Heard) -> Request | None:
        match heard.act:
            case "wish":
                return self._wish(heard)
            case "take":
                return self._take(heard)
            case "yes":
                return self._agreed()
            case "answer":
                return self._again(heard)
            case "move":
                self._moving = _only(heard.facts, "reference", "old_date", as_={"reference": "appointment"})
                return Request(FUNCTIONS["move"], {**self._moving, **_only(heard.facts, *WISH)})
            case "cancel":
                named = _only(heard.facts, "reference", "when", "reason", as_={"reference": "appointment"})
                return Request(FUNCTIONS["cancel"], named)
            case "callback":
                contact = {key: self._person[key] for key in self._person if key != "customer_email"}
                return Request(FUNCTIONS["callback"], {**contact, **_only(heard.facts, "reason", "when")})
            case "services" | "list" | "person":
                return Request(FUNCTIONS[heard.act], {})
            case _:
                return None

    def _wish(self, heard: Heard) -> Request:
        wish = _only(heard.facts, *WISH)
        if self._moving is not None:
            return Request(FUNCTIONS["move"], {**self._moving, **wish})
        if self._model.opens == "book":
            return Request("book_appointment", {**wish, **self._person})
        return Request("check_availability", wish)

    def _take(self, heard: Heard) -> Request:
        """Book what was picked: by its token, or by the caller's own words for it."""
        offers = self.offers()
        if self._model.picks == "token" and 0 < heard.takes <= len(offers):
            picked: JsonObject = {"slot": offers[heard.takes - 1]["slot"]}
        else:
            picked = {"when": heard.facts.get("when", heard.words)}
        if self._moving is not None:
            return Request(FUNCTIONS["move"], {**self._moving, **picked})
        return Request("book_appointment", {**picked, **self._person})

    def _agreed(self) -> Request | None:
        """A yes: to what ``confirm`` read back, or to the slot that was found free."""
        if self._last is None:
            return None
        status = self._answer.get("status")
        if status == "confirm":
            return Request(self._last.name, {**self._last.args, **self._known_person(), "confirmed": True})
        slot = self._answer.get("slot")
        if status == "available" and slot:
            if self._moving is not None:
                return Request(FUNCTIONS["move"], {**self._moving, "slot": slot["slot"], "confirmed": True})
            if self._model.picks == "words":
                wish = {key: self._last.args[key] for key in WISH if key in self._last.args}
                return Request("book_appointment", {**wish, **self._person, "confirmed": True})
            return Request("book_appointment", {"slot": slot["slot"], **self._person})
        return None

    def _again(self, heard: Heard) -> Request | None:
        """The last request once more, with what was missing."""
        if self._last is None:
            return None
        more = _only(heard.facts, *WISH, "reference", as_={"reference": "appointment"})
        return Request(self._last.name, {**self._last.args, **self._known_person(), **more})

    def _known_person(self) -> dict[str, str]:
        books = self._last is not None and self._last.name in ("book_appointment", "request_callback")
        return self._person if books else {}


def _only(facts: Mapping[str, str], *keys: str, as_: Mapping[str, str] | None = None) -> JsonObject:
    names = as_ or {}
    return {names.get(key, key): facts[key] for key in keys if key in facts}
