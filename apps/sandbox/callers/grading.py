"""The grade of a call: the calendar's final state against the script, and what was spoken against both.

Nothing the platform says about itself counts as proof. A booking is one that stands in the
sandbox's ledger; "booked" may be spoken exactly when it does, for exactly that start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.sandbox.callers.conversation import Asked, Record
from apps.sandbox.callers.ledger import Entry
from apps.sandbox.callers.planning import Plan

ANSWER_KEYS = (
    "status", "say", "booked", "confirmation", "requested", "service", "slot", "alternatives", "appointment",
)  # fmt: skip
LARGEST_ANSWER = 2_048
BOOKED = ("booked", "already_booked", "rescheduled")
# A status after which something may stand in the calendar that was not called booked.
UNSETTLED = ("pending",)
_CLAIMS = re.compile(
    r"\b(?:ist|sind|habe|haben|wurde)\b[^.!?]*\b(?:gebucht|eingetragen|verschoben|verlegt)\b"
    r"|\b(?:is|are|have|has|been|you're|you are)\b[^.!?]*\b(?:booked|moved|rescheduled)\b",
    re.IGNORECASE,
)
_DENIALS = re.compile(r"\b(?:nicht|nichts|kein\w*|noch|not|nothing|no|yet|n't|bevor|before)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Graded:
    """A call with its verdict: ``faults`` is empty when all is right.

    ``standing`` are the bookings the call left in the calendar, ``gone`` those of this caller it ended.
    """

    record: Record
    faults: tuple[str, ...]
    standing: tuple[Entry, ...] = ()
    gone: tuple[Entry, ...] = ()

    @property
    def right(self) -> bool:
        return not self.faults


def grade(record: Record, *, before: Sequence[Entry], after: Sequence[Entry], alone: bool) -> Graded:
    """Compare. ``alone``: nobody else was on the phone, so every change of the calendar is this call's."""
    standing = _new(record.plan, before=before, after=after, alone=alone)
    faults = [record.problem] if record.problem else []
    faults += _wire_faults(record)
    for asked in record.functions():
        faults += _answer_faults(asked)
    faults += _course_faults(record)
    faults += _offer_faults(record)
    faults += _calendar_faults(record, standing)
    faults += _change_faults(record, before=before, after=after, alone=alone)
    faults += _spoken_faults(record, standing)
    open_now = {entry.uid for entry in after if entry.open}
    gone = [one for one in before if one.open and one.uid not in open_now and _is_of(record.plan, one)]
    return Graded(record, tuple(dict.fromkeys(faults)), tuple(standing), tuple(gone))


def _new(plan: Plan, *, before: Sequence[Entry], after: Sequence[Entry], alone: bool) -> list[Entry]:
    known = {entry.uid for entry in before}
    return [one for one in after if one.open and one.uid not in known and (alone or _is_of(plan, one))]


def _is_of(plan: Plan, entry: Entry) -> bool:
    return entry.phone == plan.number


def _wire_faults(record: Record) -> Iterator[str]:
    for asked in record.entries:
        if not isinstance(asked, Asked):
            continue
        expected = 204 if asked.kind == "event" else 200
        if asked.reply.status != expected:
            yield f"{asked.what}: {asked.reply.error or asked.reply.status} instead of {expected}"
        if asked.repeated is not None and asked.repeated.body != asked.reply.body:
            yield f"{asked.what}: the repeated request got another answer"
        if asked.kind == "inbound":
            inbound = asked.answer.get("call_inbound") or {}
            variables = inbound.get("dynamic_variables") or {}
            wrong = [name for name, value in variables.items() if not isinstance(value, str)]
            if wrong:
                yield f"inbound: the variable {wrong[0]} is not text"


def _answer_faults(asked: Asked) -> Iterator[str]:
    """What every answer owes the contract, whatever the call is about."""
    if asked.reply.status != 200:
        return
    answer = asked.answer
    missing = [key for key in ANSWER_KEYS if key not in answer]
    if missing:
        yield f"{asked.what}: the answer has no {missing[0]}"
    if asked.reply.size > LARGEST_ANSWER:
        yield f"{asked.what}: an answer of {asked.reply.size} bytes"
    if bool(answer.get("booked")) != (asked.status in BOOKED):
        yield f"{asked.what}: booked is {answer.get('booked')} with status {asked.status}"
    say = str(answer.get("say") or "")
    if not say:
        yield f"{asked.what}: nothing to say with status {asked.status}"
    if asked.status not in BOOKED and _claims_a_booking(say):
        yield f"{asked.what}: {say!r} is spoken with status {asked.status}"
    refused = _refused_start(asked)
    if refused is not None and refused in _starts(answer.get("alternatives")):
        yield f"{asked.what}: the refused time itself was offered"


def _claims_a_booking(say: str) -> bool:
    return any(
        _CLAIMS.search(sentence) and not _DENIALS.search(sentence)
        for sentence in re.split(r"(?<=[.!?])\s+", say)
    )


def _refused_start(asked: Asked) -> datetime | None:
    """The exact start that was asked for and not free."""
    requested = asked.answer.get("requested") or {}
    day, clock = requested.get("date_from"), requested.get("time_from")
    exact = day and clock and day == requested.get("date_to") and clock == requested.get("time_to")
    offered = asked.answer.get("alternatives") or []
    if not exact or asked.status not in ("alternatives", "slot_taken") or not offered:
        return None
    zone = datetime.fromisoformat(offered[0]["start"]).tzinfo
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)


def _starts(slots: object) -> list[datetime]:
    """The starts of offers or appointments; whatever has none is left out."""
    found = slots if isinstance(slots, list) else []
    return [datetime.fromisoformat(one["start"]) for one in found if one and one.get("start")]


def _course_faults(record: Record) -> Iterator[str]:
    """The way the call took: statuses in order, none that must not be, not asked too often."""
    expect, statuses = record.plan.script.expect, record.statuses()
    rest = iter(statuses)
    for wanted in expect.statuses:
        if not any(status == wanted for status in rest):
            yield f"no {wanted} (heard: {', '.join(statuses) or 'nothing'})"
            break
    for status in statuses:
        if status in expect.never:
            yield f"{status} must not be"
    if expect.lists:
        yield from _list_faults(record)
    if record.confirmations > expect.max_confirmations:
        yield f"{record.confirmations} confirmations, at most {expect.max_confirmations}"


def _list_faults(record: Record) -> Iterator[str]:
    """The caller was told of exactly these appointments, soonest first."""
    expected = sorted(record.plan.starts[name] for name in record.plan.script.expect.lists)
    lists = [one.answer.get("appointments") for one in record.functions() if one.status == "appointments"]
    told = _starts(lists[-1]) if lists else []
    if told != expected:
        said = ", ".join(start.isoformat(" ", "minutes") for start in told) or "none"
        yield f"told of the appointments {said}"


def _offer_faults(record: Record) -> Iterator[str]:
    plan, expect = record.plan, record.plan.script.expect
    for asked in record.functions():
        offered = _starts(asked.answer.get("alternatives")) + _starts([asked.answer.get("slot") or None])
        local = [start.astimezone(plan.place.zone) for start in offered]
        if expect.window:
            first, last = expect.window
            yield from (
                f"{start:%H:%M} was offered, outside what was asked"
                for start in local
                if not first <= start.hour * 60 + start.minute <= last
            )
        if expect.offers_on:
            day = plan.starts[expect.offers_on].date()
            yield from (
                f"{start:%Y-%m-%d} was offered instead of {day}" for start in local if start.date() != day
            )
    if expect.nearest_to:
        yield from _nearest_faults(record, plan.starts[expect.nearest_to])


def _nearest_faults(record: Record, wish: datetime) -> Iterator[str]:
    """The first alternatives are those of the day that the calendar itself has nearest, nearest first."""
    heard = next((one for one in record.functions() if one.status in ("alternatives", "slot_taken")), None)
    if heard is None:
        return
    plan = record.plan
    # Both on the branch's clock, so that equal dates mean the same day.
    same_day = [start for start in plan.free if start != wish and start.date() == wish.date()]
    real = sorted(abs(start - wish) for start in same_day)[: plan.place.offers]
    offered = [abs(start - wish) for start in _starts(heard.answer.get("alternatives"))]
    if offered[: len(real)] != real or len(offered) < len(real):
        said = ", ".join(str(distance) for distance in offered) or "nothing"
        yield f"offered {said} away from the wish; the nearest are {', '.join(map(str, real))} away"


def _calendar_faults(record: Record, standing: Sequence[Entry]) -> Iterator[str]:
    """Exactly the bookings the script says, each with its service, start and name."""
    plan = record.plan
    left = list(standing)
    for booked in plan.script.expect.bookings:
        start = _expected_start(record, booked.start)
        service = plan.place.services.get(booked.service)
        name = booked.name or plan.person
        found = next(
            (
                entry
                for entry in left
                if entry.start == start
                and service is not None
                and entry.event_type == service.event_type
                and entry.name == name
                and entry.phone == plan.number
            ),
            None,
        )
        if found is None:
            local = start.astimezone(plan.place.zone) if start else None
            when = local.isoformat(" ", "minutes") if local else "the start that was taken"
            yield f"the calendar has no {booked.service} at {when} for {name}, {plan.number}"
        else:
            left.remove(found)
    for entry in left:
        yield f"the calendar has a booking nobody asked for: {_told(plan, entry)}"


def _expected_start(record: Record, named: str) -> datetime | None:
    if named != "taken":
        return record.plan.starts[named]
    return datetime.fromisoformat(record.taken) if record.taken else None


def _told(plan: Plan, entry: Entry) -> str:
    start = entry.start.astimezone(plan.place.zone).isoformat(" ", "minutes")
    return f"{start}, {entry.name}, {entry.phone or 'no number'}"


def _change_faults(
    record: Record, *, before: Sequence[Entry], after: Sequence[Entry], alone: bool
) -> Iterator[str]:
    """What stood before stands still, except what the script gives up."""
    plan = record.plan
    given_up = {plan.starts[name] for name in plan.script.expect.cancelled}
    open_now = {entry.uid for entry in after if entry.open}
    for entry in before:
        if not entry.open or not (alone or _is_of(plan, entry)):
            continue
        gives_up = entry.start in given_up and _is_of(plan, entry)
        if gives_up and entry.uid in open_now:
            yield f"still in the calendar: {_told(plan, entry)}"
        if not gives_up and entry.uid not in open_now:
            yield f"gone from the calendar: {_told(plan, entry)}"


def _spoken_faults(record: Record, standing: Iterable[Entry]) -> Iterator[str]:
    """Booked was spoken exactly for what stands."""
    told = _spoken_starts(record)
    stands = {entry.start for entry in standing}
    for start in sorted(told - stands):
        yield f"booked was spoken, but nothing stands at {start.isoformat(' ', 'minutes')}"
    unsettled = record.plan.script.expect.unheard or any(status in UNSETTLED for status in record.statuses())
    if not unsettled:
        for start in sorted(stands - told):
            yield f"nobody was told of the booking at {start.isoformat(' ', 'minutes')}"


def _spoken_starts(record: Record) -> set[datetime]:
    """The starts the caller believes in at the end of the call."""
    told: set[datetime] = set()
    for asked in record.functions():
        start = (asked.answer.get("appointment") or {}).get("start")
        if asked.status == "rescheduled":
            told.clear()
        if start and asked.status in BOOKED:
            told.add(datetime.fromisoformat(start))
        if start and asked.status == "cancelled":
            told.discard(datetime.fromisoformat(start))
    return told
