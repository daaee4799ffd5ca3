"""What one in-call function works with: the call, its company, what can be booked, what time it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.calls.conversation.arguments import Arguments
from apps.calls.models import Call, Offer
from apps.core.deadline import Deadline
from apps.core.prepared import Statement, change, insertion, send
from apps.scheduling.occupancy import Passing
from apps.scheduling.places import Place
from apps.scheduling.search import Asker
from apps.tenants.models import Branch, Company
from apps.tenants.scoping import guard

# What a provider says of a call's start is believed within these of when the call was first heard of.
LONGEST_CALL = timedelta(hours=2)
LONGEST_RINGING = timedelta(minutes=5)


@dataclass(slots=True)
class Turn:
    """One function of one call. ``now`` is the start of the call on the branch's clock."""

    call: Call
    company: Company
    branch: Branch
    places: Sequence[Place]
    args: Arguments
    function: str
    deadline: Deadline
    # Of a function that writes nothing elsewhere: what it keeps is stored with its answer, all at once.
    keeps_for_later: bool = False
    # What passes in the calendars, read with the call: the slots that are offered are kept with the answer,
    # too – unless somebody was faster with one the last time it was tried; then it is None.
    passing: Passing | None = None
    last_round: int | None = None
    # When the function was asked.
    began: datetime = field(default_factory=timezone.now)
    kept: dict[str, Any] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)
    offers: list[Offer] = field(default_factory=list)
    slots: list[Statement] = field(default_factory=list)

    @property
    def language(self) -> str:
        return self.company.language

    @property
    def now(self) -> datetime:
        """When the call began: as the provider says, unless that cannot be this call."""
        first_heard, said = self.call.created_at, self.call.started_at
        likely = said is not None and first_heard - LONGEST_CALL <= said <= first_heard + LONGEST_RINGING
        return (said if said is not None and likely else first_heard).astimezone(self.company.zone)

    @property
    def clock(self) -> datetime:
        """The time it really is, on the branch's clock."""
        return timezone.now().astimezone(self.company.zone)

    @property
    def standing_date(self) -> date | None:
        """The day the call is about, when it is one day."""
        first, last = self.call.standing_from, self.call.standing_to
        return first if first is not None and first == last else None

    @property
    def phone(self) -> str | None:
        """The number to act for: one that was said and is valid wins over the caller's own."""
        return self.call.spoken_phone or self.call.caller_number or None

    @property
    def asker(self) -> Asker:
        return Asker(owner=self.call.owner_key, customer_phone=self.phone)

    def keep(self, **fields: object) -> None:
        """Keep something on the call, in the row and in this object."""
        changed = {name: value for name, value in fields.items() if getattr(self.call, name) != value}
        for name, value in changed.items():
            setattr(self.call, name, value)
        self.kept.update(changed)
        self._store_unless_later()

    def count(self, name: str) -> None:
        """One more of something on the call."""
        setattr(self.call, name, getattr(self.call, name) + 1)
        self.counted[name] += 1
        self._store_unless_later()

    def offer(self, rows: Sequence[Offer]) -> None:
        """Keep what is about to be named to the caller."""
        self.offers += rows
        self._store_unless_later()

    def keep_slots(self, keeping: Sequence[Statement]) -> None:
        """Keep the slots that are about to be named, when these are (``apps.scheduling.holds.keeping``)."""
        self.slots += keeping

    def statements(self) -> list[Statement]:
        """What is to be written of all that; it counts as written from here on."""
        offers, kept, counted, statements = self.offers, self.kept, self.counted, self.slots
        self.forget()
        for offer in offers:
            guard(offer)
        if kept or counted:
            where = {"id": self.call.pk, "company_id": self.company.pk}
            # First, as the end of a call does it: whoever locked the other way round would meet it half-way.
            statements.insert(0, change(self.call, where=where, to=kept, more=counted))
        return [*statements, insertion(offers)] if offers else statements

    def forget(self) -> None:
        """What was kept for later is not stored: another answer than the one it belongs to is given."""
        self.offers, self.kept, self.counted, self.slots = [], {}, Counter(), []

    def _store_unless_later(self) -> None:
        if not self.keeps_for_later and (statements := self.statements()):
            send(*statements, durable=False)
