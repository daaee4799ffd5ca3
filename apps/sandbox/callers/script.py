"""A caller's script: what is prepared, what the caller says, and what must stand in the calendar after.

One TOML file a script, in ``scenarios/``::

    title = "Die Wunschzeit ist belegt"
    language = "de"                       # de or en: what the caller speaks
    company = "praxis-am-park"            # slug; the number dialled is found in the database
    branch = "nord"                       # optional: the company's first number otherwise
    service = "fusspflege"                # what the call is about
    caller = "new"                        # new (a number of its own), or withheld
    dialled = "+4930…"                    # optional: a number that nobody has
    room = 120                            # minutes around each moment that nobody else may use, or "day"

    [moments]                             # see moments.py
    wish = "open+1 14:30"

    [setup]
    busy = [{ at = "wish", after = 15, minutes = 30 }]      # or { at = "wish", day = true }
    appointment = "old"                   # an earlier call of this caller books this moment
    faults = [{ kind = "silence", path = "/v2/slots" }]     # as in the sandbox; gone after the call

    [agent]                               # how the language model in between behaves
    picks = "token"                       # or "words": passes the caller's words instead of the slot
    opens = "check"                       # or "book": books without having checked
    repeats = ["book_appointment"]        # the provider sends these twice
    names = { book_appointment = "book_appointment_v17" }

    [caller_says]
    name = "Sabine Müller"
    opening = "Ich hätte gern [when|{wish.day} um halb drei] einen Termin zur [service|Fußpflege]."

    [[hears]]                             # the first unused one that fits answers; else a default
    status = "alternatives"               # or a list of statuses
    says = "Dann um {heard.1.time}."
    takes = 1                             # of what was offered
    rival = true                          # somebody else takes that very slot a moment before

    [expect]
    bookings = [{ start = "taken" }]      # exactly these, of this call; "taken" or a moment
    statuses = ["alternatives", "booked"] # in this order, others in between
    never = ["slot_taken"]
    max_confirmations = 1
    nearest_to = "wish"                   # the offers are the nearest the calendar really has

Words in ``[key|…]`` are what a language model would hand over as that argument: always the
caller's own words, so that the stand-in cannot invent anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from apps.sandbox.callers.moments import Moment

Act = Literal[
    "", "wish", "take", "yes", "answer", "services", "list", "cancel", "move", "callback", "person", "bye"
]  # fmt: skip
ACTS: tuple[Act, ...] = get_args(Act)
FACTS = (
    "when", "date", "time", "service", "branch", "name", "phone", "email", "notes", "reference", "old_date",
    "reason",
)  # fmt: skip
_MARKED = re.compile(r"\[([a-z_]+)\|([^\[\]]*)\]")
WHOLE_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the caller can say; ``template`` is still marked and unfilled.

    ``takes`` is the number of the offer it picks (1 is the first), 0 for none; ``hangs_up`` ends
    the call after it without waiting for an answer; ``rival``: the slot is taken by somebody else
    a moment before.
    """

    template: str
    act: Act = ""
    takes: int = 0
    hangs_up: bool = False
    rival: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the caller says on hearing one of these statuses."""

    statuses: frozenset[str]
    line: Line


@dataclass(frozen=True, slots=True)
class Busy:
    """A time taken in the calendar: from ``after`` minutes past the moment, or its whole day."""

    at: str
    after: int = 0
    minutes: int = 0
    day: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    busy: tuple[Busy, ...] = ()
    appointment: str = ""
    faults: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """How the language model between caller and webhooks behaves."""

    picks: Literal["token", "words"] = "token"
    opens: Literal["check", "book"] = "check"
    repeats: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking that must stand: ``start`` is a moment's name or "taken"; ``name`` is as said."""

    start: str
    service: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be true after the call, beside what must be true after any (see grading.py).

    ``cancelled``: moments whose booking is gone; ``lists``: exactly the moments of the caller's
    appointments as they were told; ``offers_on``: the moment on whose day every offer lies;
    ``window`` bounds every offer on the wall clock (minutes after midnight, inclusive);
    ``unheard``: the caller may be gone before the booking could be told.
    """

    bookings: tuple[Booked, ...] = ()
    cancelled: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    never: frozenset[str] = frozenset()
    max_confirmations: int = 2
    nearest_to: str = ""
    offers_on: str = ""
    window: tuple[int, int] | None = None
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    title: str
    language: str
    company: str
    branch: str
    service: str
    caller: str
    dialled: str
    room: int
    moments: Mapping[str, Moment]
    setup: Setup
    model: Model
    person: str
    email: str
    opening: Line
    reactions: tuple[Reaction, ...]
    expect: Expectation

    @property
    def alone(self) -> bool:
        """Whether nobody else may be on the phone: faults strike every caller of the calendar."""
        return bool(self.setup.faults)

    @property
    def takes_the_soonest(self) -> bool:
        return any(moment.kind == "soonest" for moment in self.moments.values())


def read_facts(template: str) -> dict[str, str]:
    """The marked words by argument: ``{"when": "morgen um drei"}``; a later mark wins."""
    return dict(_MARKED.findall(template))


def unmarked(template: str) -> str:
    """The template as it is spoken, without marks."""
    return _MARKED.sub(r"\2", template)
