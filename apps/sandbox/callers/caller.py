"""The scripted caller: what they say first, and what they say to what they hear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.sandbox.callers.agent import Heard, JsonObject
from apps.sandbox.callers.script import Act, Line, Script, read_facts, unmarked
from apps.sandbox.reading import ScenarioError

_PLACE = re.compile(r"\{([a-z_]\w*(?:\.\w+)*)\}")
# A caller who has said the same thing this often hangs up: the call goes in circles.
MOST_REPEATED = 3
# What most callers say, so that a script only has to say what is special about its own.
DEFAULTS: dict[str, dict[str, Line]] = {
    "de": {
        "available": Line("Ja, gern.", "yes"),
        "confirm": Line("Ja, genau.", "yes"),
        "alternatives": Line("Den ersten, bitte.", "take", 1),
        "slot_taken": Line("Dann den ersten, bitte.", "take", 1),
        "needs_name": Line("[name|{name}].", "answer"),
        "needs_phone": Line("[phone|{phone}].", "answer"),
        "needs_email": Line("[email|{email}].", "answer"),
        "needs_service": Line("[service|{service}].", "answer"),
        "booked": Line("Danke, tschüss.", "bye"),
        "pending": Line("Gut, danke. Tschüss.", "bye"),
        "": Line("Schade. Auf Wiederhören.", "bye"),
    },
    "en": {
        "available": Line("Yes, please.", "yes"),
        "confirm": Line("Yes, that's right.", "yes"),
        "alternatives": Line("The first one, please.", "take", 1),
        "slot_taken": Line("The first one then, please.", "take", 1),
        "needs_name": Line("[name|{name}].", "answer"),
        "needs_phone": Line("[phone|{phone}].", "answer"),
        "needs_email": Line("[email|{email}].", "answer"),
        "needs_service": Line("[service|{service}].", "answer"),
        "booked": Line("Thanks, bye.", "bye"),
        "pending": Line("All right, thanks. Bye.", "bye"),
        "": Line("What a pity. Goodbye.", "bye"),
    },
}
CONTENT = ("already_booked", "rescheduled", "cancelled", "callback_requested", "transfer", "appointments")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said aloud, what a language model makes of it, and whether the caller is gone after it.

    ``rival``: somebody else takes what the caller is about to pick.
    """

    text: str
    heard: Heard
    hangs_up: bool = False
    rival: bool = False


class Caller:
    """Plays one script. ``value`` gives the words for a place like ``wish.day`` or ``name``."""

    def __init__(self, script: Script, *, value: Callable[[str], str]) -> None:
        self._script = script
        self._value = value
        self._used: set[int] = set()
        self._repeated: dict[str, int] = {}

    def open(self) -> Utterance:
        return self._say(self._script.opening, status="", offers=())

    def react(self, status: str, *, offers: Sequence[JsonObject]) -> Utterance | None:
        """What the caller says to this answer; None when they have nothing (more) to say to it."""
        for index, reaction in enumerate(self._script.reactions):
            if index not in self._used and status in reaction.statuses:
                self._used.add(index)
                return self._say(reaction.line, status=status, offers=offers)
        line = self._default(status, choice=len(offers) > 1)
        self._repeated[status] = self._repeated.get(status, 0) + 1
        if line is None or self._repeated[status] > MOST_REPEATED:
            return None
        return self._say(line, status=status, offers=offers)

    def _default(self, status: str, *, choice: bool) -> Line | None:
        lines = DEFAULTS[self._script.language]
        if status == "available" and choice:
            return lines["alternatives"]  # a yes to two times would say neither
        if status in lines:
            return lines[status]
        if status in CONTENT:
            return lines["booked"]
        # A question needs an answer of the script's own; anything else is heard and left at that.
        return None if status.startswith("needs_") or status == "ambiguous" else lines[""]

    def _say(self, line: Line, *, status: str, offers: Sequence[JsonObject]) -> Utterance:
        filled = self._fill(line.template, offers)
        facts, text = read_facts(filled), unmarked(filled)
        text = text[:1].upper() + text[1:]
        act = line.act or _act(line, facts=facts, status=status)
        return Utterance(text, Heard(act, facts, line.takes, text), line.hangs_up, line.rival)

    def _fill(self, template: str, offers: Sequence[JsonObject]) -> str:
        def words(match: re.Match[str]) -> str:
            place = match[1]
            if place.startswith("heard."):
                return _heard(place, offers)
            return self._value(place)

        return _PLACE.sub(words, template)


def _act(line: Line, *, facts: dict[str, str], status: str) -> Act:
    """What the caller is doing, from what they say and what they were just told."""
    if line.takes:
        return "take"
    if status.startswith("needs_") or status == "ambiguous":
        return "answer"
    if facts.keys() & {"when", "date", "time", "service"}:
        return "wish"
    return "yes" if status in ("available", "confirm") else "bye"


def _heard(place: str, offers: Sequence[JsonObject]) -> str:
    """``heard.1.time``: the time of the first offer as it was spoken; ``heard.1.say``: all of it."""
    _, number, part = place.split(".")
    if not 0 < int(number) <= len(offers):
        raise ScenarioError(f"{{{place}}}: only {len(offers)} were offered")
    said = str(offers[int(number) - 1]["say"])
    return said.rpartition(", ")[2] if part == "time" else said
