"""The calendar's state: accounts, bookings, and the indexes that keep every question short.

Checks and changes (``booking``, ``changes``, ``holds``) run under ``lock``: so the sandbox never gives
the same time away twice, however many threads ask, which Cal.com itself does not promise.
"""

from __future__ import annotations

import random
import string
import threading
import time
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Literal

from apps.sandbox.model import (
    DAY,
    Account,
    Attendee,
    Behaviour,
    Booking,
    EventType,
    Host,
    JsonObject,
    Reservation,
)
from apps.sandbox.slots import Range, Slot, View, find_slots

_LETTERS = string.ascii_letters + string.digits
_RANDOM = random.SystemRandom()


class Calendar:
    """Accounts and bookings of one sandbox. ``clock_offset`` (seconds) shifts its now."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.behaviour = Behaviour()
        self.clock_offset = 0.0
        self.accounts: dict[str, Account] = {}
        self.bookings: dict[str, Booking] = {}
        self.seats: dict[str, Booking] = {}
        self.by_email: dict[str, list[Booking]] = {}
        self.reservations: dict[str, Reservation] = {}
        # Ids go on from a random place: a sandbox started anew must not repeat those of the last.
        self._last_id = _RANDOM.randrange(1_000_000, 900_000_000)

    def now(self) -> float:
        """Epoch seconds, shifted."""
        return time.time() + self.clock_offset

    def next_id(self) -> int:
        with self.lock:
            self._last_id += 1
            return self._last_id

    @contextmanager
    def changing(self) -> Iterator[None]:
        """The lock, for whoever edits accounts and event types in place."""
        with self.lock:
            yield

    def take_over(self, other: Calendar) -> None:
        """Replace everything by another calendar's content; the lock and the ids in use stay."""
        with self.lock:
            self.behaviour, self.clock_offset = other.behaviour, other.clock_offset
            self.accounts, self.bookings, self.seats = other.accounts, other.bookings, other.seats
            self.by_email, self.reservations = other.by_email, other.reservations

    # -- looking things up -------------------------------------------------------------------

    def event_type(self, event_type_id: int, *, account: Account | None) -> EventType | None:
        """By id, the asker's own first: ids of separate Cal.com installations may be equal."""
        if account is not None and event_type_id in account.event_types:
            return account.event_types[event_type_id]
        for other in list(self.accounts.values()):
            if event_type_id in other.event_types:
                return other.event_types[event_type_id]
        return None

    def event_type_by_slug(self, slug: str, *, username: str = "", team_slug: str = "") -> EventType | None:
        for account in list(self.accounts.values()):
            for event_type in list(account.event_types.values()):
                if event_type.slug != slug:
                    continue
                if team_slug and event_type.team_slug == team_slug:
                    return event_type
                if username and not event_type.team_slug and account.username == username:
                    return event_type
        return None

    def account_by_username(self, username: str) -> Account | None:
        return next((one for one in list(self.accounts.values()) if one.username == username), None)

    def booking(self, uid: str) -> Booking | None:
        """By its uid or a seat's; one younger than the read replica's lag is not there yet."""
        booking = self.bookings.get(uid) or self.seats.get(uid)
        return booking if booking and self.readable(booking) else None

    def readable(self, booking: Booking) -> bool:
        lag = self.behaviour.read_lag_ms / 1000
        return not lag or booking.created <= self.now() - lag

    # -- free time ---------------------------------------------------------------------------

    def view(self, *, without: str = "") -> View:
        """The eyes of a booking: nothing lags, reservations do not count."""
        return View(self.now(), without=without)

    def slots(
        self,
        event_type: EventType,
        first: int,
        last: int,
        *,
        length: int,
        without: str = "",
        lag: float = 0.0,
    ) -> list[Slot]:
        """What is listed as free; seen ``lag`` seconds late, or the calendar's own lag if longer."""
        if self.behaviour.calendar_unreachable:
            return []
        with self.lock:
            lag = max(lag, self.behaviour.slot_lag_ms / 1000)
            view = View(self.now(), lag, without, self.reserved())
            return find_slots(event_type, first, last, view, length=length)

    def reserved(self) -> dict[int, list[Range]]:
        """Held ranges by host id; those that ran out are dropped. Seats are not hidden by a hold."""
        now = self.now()
        held: dict[int, list[Range]] = {}
        for uid, reservation in list(self.reservations.items()):
            if reservation.until <= now:
                del self.reservations[uid]
            elif not reservation.event_type.seats:
                held.setdefault(reservation.host.id, []).append((reservation.start, reservation.end))
        return held

    # -- rows --------------------------------------------------------------------------------

    def insert(
        self,
        event_type: EventType,
        *,
        hosts: list[Host],
        start: int,
        end: int,
        attendees: list[Attendee],
        location: str,
        metadata: JsonObject,
        pending: bool,
    ) -> Booking:
        """A new row in every index, unchecked."""
        now, uid = self.now(), "".join(_RANDOM.choices(_LETTERS, k=22))
        booking = Booking(
            id=self.next_id(),
            uid=uid,
            root_uid=uid,
            event_type=event_type,
            hosts=hosts,
            start=start,
            end=end,
            status="pending" if pending else "accepted",
            attendees=attendees,
            created=now,
            updated=now,
            location=location,
            metadata=dict(metadata),
        )
        self.bookings[uid] = booking
        event_type.account.bookings.append(booking)
        for day in days_of(booking):
            event_type.days.setdefault(day, []).append(booking)
            for host in hosts:
                host.days.setdefault(day, []).append(booking)
        for host in hosts:
            host.booked += 1
        for attendee in attendees:
            self.remember_attendee(booking, attendee)
        self._log_change(booking)
        return booking

    def remember_attendee(self, booking: Booking, attendee: Attendee) -> None:
        self.by_email.setdefault(attendee.email.lower(), []).append(booking)
        if attendee.seat_uid:
            self.seats[attendee.seat_uid] = booking

    def changed(self, booking: Booking) -> None:
        booking.updated = self.now()
        self._log_change(booking)

    def _log_change(self, booking: Booking) -> None:
        insort(booking.event_type.account.changes, (booking.updated, booking), key=itemgetter(0))

    def free(self, booking: Booking, *, status: Literal["cancelled", "rejected"]) -> None:
        """End a booking; its time is open again, in lagging eyes a little later."""
        booking.status, booking.freed = status, self.now()
        self.changed(booking)
        if self.behaviour.slot_lag_ms:
            return
        for day in days_of(booking):
            for host in booking.hosts:
                if booking in host.days.get(day, ()):
                    host.days[day].remove(booking)


def days_of(booking: Booking) -> range:
    """The UTC days a booking touches, as the indexes count them."""
    return range(booking.start // DAY, (booking.end - 1) // DAY + 1)
