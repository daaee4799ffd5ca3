"""What the chaos has left behind, held against each other: the calendar, the database, the callers' memories.

The calendar's state comes from the sandbox itself; nothing the platform says about itself counts as proof.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks._chaos_calls import BOOK, CANCEL, MOVE, TOLD_BOOKED, Caller, Told

STANDING = frozenset({"accepted", "pending"})
# Of these the caller knows: nothing was changed by what was asked last, or what was changed is told.
ANSWERS = frozenset({"slot_taken", "refused", "not_found", "cancelled", "confirm", *TOLD_BOOKED})
WRITES = frozenset({BOOK, MOVE, CANCEL})


@dataclass(frozen=True, slots=True)
class Entry:
    """A booking of the calendar. ``key`` is the platform's own, "" where it did not make it."""

    uid: str
    account: str
    event_type: int
    start: datetime
    end: datetime
    status: str
    hosts: tuple[str, ...]
    phone: str
    key: str
    moved_from: str = ""

    @property
    def stands(self) -> bool:
        """Takes up its time."""
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
            moved_from=str(one["rescheduledFromUid"] or ""),
        )
        for one in state
    ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the table: what must not be, how often it was, and some cases (phone first)."""

    what: str
    count: int
    cases: tuple[str, ...] = ()


def grade(
    calendar: Sequence[Entry], callers: Sequence[Caller], *, by_business: Collection[str] = ()
) -> list[Verdict]:
    """Everything that must be zero. ``by_business``: the uids that the business made in its own calendar.

    Needs Django set up; every company is looked at.
    """
    heard = _by_phone(callers)
    return [
        _verdict("double bookings beyond capacity", _overlaps(calendar)),
        _verdict("bookings made twice of one wish", _doubles(calendar)),
        _verdict("“booked” without the booking at exactly that start", _empty_promises(calendar, heard)),
        _verdict("“cancelled” while the booking stands", _still_standing(calendar, heard)),
        _verdict("bookings nobody was told of", _untold(calendar, heard, by_business)),
        _verdict("“it is being checked”, and nothing after it", _left_waiting(heard)),
        _verdict("bookings of ours that no appointment knows", _unknown(calendar)),
        _verdict("appointments that the calendar does not have so", _ghosts(calendar)),
        _verdict("attempts without an end", _endless()),
    ]


def _verdict(what: str, cases: Iterator[str]) -> Verdict:
    found = list(cases)
    return Verdict(what, len(found), tuple(found[:5]))


def _by_phone(callers: Sequence[Caller]) -> dict[str, list[Told]]:
    """What each person was told, in all their calls."""
    heard: defaultdict[str, list[Told]] = defaultdict(list)
    for caller in callers:
        heard[caller.phone] += caller.told
    return heard


# --- The calendar alone -------------------------------------------------------------------------


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
                yield f"{one.phone} and {following.phone}: {host} {one.start.isoformat()}"


def _doubles(calendar: Sequence[Entry]) -> Iterator[str]:
    standing = Counter((entry.key, entry.phone) for entry in calendar if entry.stands and entry.key)
    yield from (f"{phone} {count} times {key}" for (key, phone), count in standing.items() if count > 1)


# --- The calendar and the callers ---------------------------------------------------------------


def _empty_promises(calendar: Sequence[Entry], heard: Mapping[str, Sequence[Told]]) -> Iterator[str]:
    """Whatever became of it since: it was made, for exactly that start."""
    made = {(entry.phone, entry.start) for entry in calendar}
    for phone, answers in heard.items():
        for told in answers:
            if told.promises and (phone, told.start) not in made:
                yield f"{phone} {told.function} {told.start}"


def _still_standing(calendar: Sequence[Entry], heard: Mapping[str, Sequence[Told]]) -> Iterator[str]:
    cancelled = {
        (phone, told.start)
        for phone, answers in heard.items()
        for told in answers
        if told.status == "cancelled"
    }
    for entry in calendar:
        if entry.stands and (entry.phone, entry.start) in cancelled:
            yield f"{entry.phone} {entry.start.isoformat()}"


def _untold(
    calendar: Sequence[Entry], heard: Mapping[str, Sequence[Told]], by_business: Collection[str]
) -> Iterator[str]:
    """A booking that stands, of which its caller has not heard, and of which nobody is asked to tell them.

    Heard is "booked", or "requested" where the business must confirm, with exactly this start.
    """
    named = {(phone, told.start) for phone, answers in heard.items() for told in answers if _names(told)}
    called_back = _called_back()
    for entry in calendar:
        if not entry.stands or entry.phone not in heard or entry.uid in by_business:
            continue
        if (entry.phone, entry.start) not in named and entry.phone not in called_back:
            yield f"{entry.phone} {entry.start.isoformat()}"


def _names(told: Told) -> bool:
    """Whether the answer tells of an appointment that stands now."""
    requested = told.status == "pending" and told.start is not None
    return told.function in WRITES and (told.promises or requested)


def _left_waiting(heard: Mapping[str, Sequence[Told]]) -> Iterator[str]:
    """Who was told last that it is being checked, and whom nobody is asked to call."""
    called_back = _called_back()
    for phone, answers in heard.items():
        waits = ""
        for told in answers:
            if told.function not in WRITES:
                continue
            if told.status == "pending" and told.start is None:
                waits = told.function
            elif told.status in ANSWERS or _names(told):
                waits = ""
        if waits and phone not in called_back:
            yield f"{phone} {waits}"


def _called_back() -> set[str]:
    """The numbers that somebody of the business is asked to call."""
    from apps.calls.models import CallbackRequest
    from apps.tenants.scoping import all_companies

    with all_companies():
        rows = CallbackRequest.objects.filter(status=CallbackRequest.Status.OPEN)
        return set(rows.exclude(kind="waiting_list").values_list("phone", flat=True))


# --- The calendar and the database --------------------------------------------------------------


def _unknown(calendar: Sequence[Entry]) -> Iterator[str]:
    """Each standing booking that carries our key is an open appointment, its attempt confirmed."""
    from apps.scheduling.models import Appointment, BookingAttempt
    from apps.tenants.scoping import all_companies

    with all_companies():
        open_ones = Appointment.objects.filter(status__in=Appointment.OPEN)
        known = set(open_ones.values_list("calendar_uid", flat=True))
        attempts = BookingAttempt.objects.filter(state=BookingAttempt.State.CONFIRMED)
        confirmed = set(attempts.values_list("calendar_key", flat=True))
    for entry in calendar:
        if entry.stands and entry.key and not (entry.uid in known and entry.key in confirmed):
            yield f"{entry.phone} {entry.start.isoformat()}"


def _ghosts(calendar: Sequence[Entry]) -> Iterator[str]:
    """Each open appointment stands in the calendar at its start."""
    from apps.scheduling.models import Appointment
    from apps.tenants.scoping import all_companies

    standing = {entry.uid: entry.start for entry in calendar if entry.stands}
    with all_companies():
        rows = Appointment.objects.filter(status__in=Appointment.OPEN)
        columns = rows.values_list("customer__phone", "reference", "calendar_uid", "start")
        for phone, reference, uid, start in columns:
            if standing.get(uid) != start:
                yield f"{phone} {reference} {start.isoformat()}"


def _endless() -> Iterator[str]:
    from apps.scheduling.models import BookingAttempt
    from apps.tenants.scoping import all_companies

    with all_companies():
        rows = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED)
        columns = rows.values_list("attendee_phone", "pk", "kind", "state")
        yield from (f"{phone} #{pk} {kind} {state}" for phone, pk, kind, state in columns)
