"""What the chaos has left behind, held against each other: the calendar, the database, the callers' memories.

The calendar's state comes from the sandbox itself; nothing the platform says about itself counts as proof.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks._chaos_calls import TOLD_BOOKED, Caller

STANDING = frozenset({"accepted", "pending"})
# After these the caller knows that something may stand in the calendar.
OPEN_ENDS = frozenset({"pending", ""})


@dataclass(frozen=True, slots=True)
class Entry:
    """A booking of the calendar."""

    uid: str
    account: str
    event_type: int
    start: datetime
    end: datetime
    status: str
    hosts: tuple[str, ...]
    phone: str
    key: str

    @property
    def stands(self) -> bool:
        return self.status in STANDING


def entries(state: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """The sandbox's own list (``GET /sandbox/state``)."""
    return [
        Entry(
            uid=one["uid"],
            account=one["account"],
            event_type=one["eventTypeId"],
            start=datetime.fromisoformat(one["start"]),
            end=datetime.fromisoformat(one["end"]),
            status=one["status"],
            hosts=tuple(one["hosts"]),
            phone=str((one["attendee"] or {}).get("phone") or ""),
            key=str(one["metadata"].get("idem") or ""),
        )
        for one in state
    ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the table: what must not be, how often it was, and some cases."""

    what: str
    count: int
    cases: tuple[str, ...] = ()


def grade(calendar: Sequence[Entry], callers: Sequence[Caller]) -> list[Verdict]:
    """Everything that must be zero. Needs Django set up; every company is looked at."""
    return [
        _verdict("double bookings beyond capacity", _overlaps(calendar)),
        _verdict("bookings made twice of one wish", _doubles(calendar)),
        _verdict("“booked” without the booking at exactly that start", _empty_promises(calendar, callers)),
        _verdict("“cancelled” while the booking stands", _still_standing(calendar, callers)),
        _verdict("bookings nobody was told of", _untold(calendar, callers)),
        _verdict("bookings of ours that no appointment knows", _unknown(calendar)),
        _verdict("appointments the calendar does not have so", _ghosts(calendar)),
        _verdict("attempts without an end", _endless()),
    ]


def _verdict(what: str, cases: Iterator[str]) -> Verdict:
    found = list(cases)
    return Verdict(what, len(found), tuple(found[:5]))


def _overlaps(calendar: Sequence[Entry]) -> Iterator[str]:
    """Two standing bookings of one host at one time: beyond the capacity, which is the hosts."""
    by_host: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in calendar:
        if entry.stands:
            for host in entry.hosts:
                by_host[host].append(entry)
    for host, booked in by_host.items():
        booked.sort(key=lambda entry: entry.start)
        for one, following in itertools.pairwise(booked):
            if following.start < one.end:
                yield f"{host} {one.start.isoformat()}"


def _doubles(calendar: Sequence[Entry]) -> Iterator[str]:
    standing = Counter(entry.key for entry in calendar if entry.stands and entry.key)
    yield from (key for key, count in standing.items() if count > 1)


def _by_phone(calendar: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in calendar:
        found[entry.phone].append(entry)
    return found


def _empty_promises(calendar: Sequence[Entry], callers: Sequence[Caller]) -> Iterator[str]:
    """Whatever became of it since: it was made, for exactly that start."""
    made = {(entry.phone, entry.start) for entry in calendar}
    for caller in callers:
        for told in caller.told:
            if told.status in TOLD_BOOKED and (caller.phone, told.start) not in made:
                yield f"{caller.phone} {told.function} {told.start}"


def _still_standing(calendar: Sequence[Entry], callers: Sequence[Caller]) -> Iterator[str]:
    known = _by_phone(calendar)
    for caller in callers:
        cancelled = {told.start for told in caller.told if told.status == "cancelled"}
        for entry in known.get(caller.phone, ()):
            if entry.stands and entry.start in cancelled:
                yield f"{caller.phone} {entry.start.isoformat()}"


def _untold(calendar: Sequence[Entry], callers: Sequence[Caller]) -> Iterator[str]:
    """A booking that stands although its caller was told "no" and nothing else, and nobody calls back."""
    from apps.calls.models import CallbackRequest
    from apps.tenants.scoping import all_companies

    with all_companies():
        called_back = set(CallbackRequest.objects.values_list("phone", flat=True))
    known = _by_phone(calendar)
    for caller in callers:
        heard = {told.status for told in caller.told if told.function == "book_appointment"}
        if heard & (TOLD_BOOKED | OPEN_ENDS) or caller.phone in called_back:
            continue
        yield from (f"{caller.phone} {entry.start}" for entry in known.get(caller.phone, ()) if entry.stands)


def _unknown(calendar: Sequence[Entry]) -> Iterator[str]:
    """Each standing booking that carries our key is an open appointment, its attempt confirmed."""
    from apps.scheduling.models import Appointment, BookingAttempt
    from apps.tenants.scoping import all_companies

    with all_companies():
        open_ones = Appointment.objects.filter(status__in=Appointment.OPEN)
        known = set(open_ones.values_list("calendar_uid", flat=True))
        confirmed = set(
            BookingAttempt.objects.filter(state=BookingAttempt.State.CONFIRMED).values_list(
                "calendar_key", flat=True
            )
        )
    for entry in calendar:
        if entry.stands and entry.key and not (entry.uid in known and entry.key in confirmed):
            yield f"{entry.phone} {entry.start.isoformat()}"


def _ghosts(calendar: Sequence[Entry]) -> Iterator[str]:
    from apps.scheduling.models import Appointment
    from apps.tenants.scoping import all_companies

    standing = {entry.uid: entry.start for entry in calendar if entry.stands}
    with all_companies():
        rows = Appointment.objects.filter(status__in=Appointment.OPEN)
        for reference, uid, start in rows.values_list("reference", "calendar_uid", "start"):
            if standing.get(uid) != start:
                yield f"{reference} {start.isoformat()}"


def _endless() -> Iterator[str]:
    from apps.scheduling.models import BookingAttempt
    from apps.tenants.scoping import all_companies

    with all_companies():
        rows = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED)
        yield from (f"#{pk} {kind} {state}" for pk, kind, state in rows.values_list("pk", "kind", "state"))


def settle_all(company_ids: Iterable[int], *, rounds: int = 6) -> bool:
    """Reconcile and compare until nothing is open and nothing differs; false when that never came."""
    from apps.scheduling import drift, reconciliation
    from apps.scheduling.models import BookingAttempt
    from apps.tenants.scoping import all_companies

    ids = list(company_ids)
    for _ in range(rounds):
        for company_id in ids:
            reconciliation.settle_now(company_id)
        differences = [drift.compare(company_id) for company_id in ids]
        quiet = all(one.compared and not one.differences for one in differences)
        with all_companies():
            unsettled = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED).exists()
        if quiet and not unsettled:
            return True
    return False
