"""Free slots of a range of days: cached in two layers, asked for once, never older than the version.

Layer one keeps what Cal.com answered, per calendar account, event type and window. Layer two keeps a
branch's view of it: the same slots less what the branch's hours, closures and holidays forbid. Both
carry the tenant and the calendar's version in their keys. What changes by the second – own bookings,
holds, notice – is taken away after the caches.
"""

from __future__ import annotations

import hashlib
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.core import caching, flight, tally
from apps.scheduling import gateway
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.payloads import SlotsAnswer
from apps.scheduling.gateway import CalendarUnavailable, Priority
from apps.scheduling.places import Place

# Cal.com itself may list a booked slot for some seconds (its own cache, a read replica).
UNSETTLED_SECONDS = 5
CACHE_FORMAT = 3
# The window that is fetched ahead of any wish: a wish for the next two weeks finds its answer in it, the
# same weekday in two weeks and the days that are searched after it included.
AHEAD_DAYS = 22
# Seconds of a call's budget that ranking, holding and answering take after the calendar has answered.
RESERVE = 0.3
# A question that waited its time but for this was not cut short.
SLACK = 0.1


@dataclass(frozen=True, slots=True)
class Window:
    """Whole days of the branch's calendar, both ends inclusive."""

    first: date
    last: date

    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@dataclass(frozen=True, slots=True)
class Listing:
    """Starts that the calendar lists as free, in order.

    ``starts`` are epoch seconds; ``seats`` says (remaining, total) of a start where the event type has
    seats. ``asked_at`` is when the question was sent, ``expires`` until when its answer may be used
    (epoch seconds both). ``blank``: the calendar listed nothing at all for the whole window, whatever
    the branch's rules say.
    """

    starts: tuple[int, ...]
    seats: Mapping[int, tuple[int, int]]
    asked_at: float
    expires: float
    first: date
    last: date
    blank: bool

    def within(self, window: Window, place: Place) -> Listing:
        """The part of it that lies in a window inside its own."""
        low, high = (bound.timestamp() for bound in place.bounds(window.first, window.last))
        starts = self.starts[bisect_left(self.starts, low) : bisect_left(self.starts, high)]
        return replace(self, starts=starts, first=window.first, last=window.last, blank=not starts)

    @property
    def ages(self) -> bool:
        """Whether more than half of an ordinary answer's life is over: good for now, not for a whole call."""
        return time.time() - self.asked_at > settings.AVAILABILITY_TTL / 2

    def answers(self, window: Window) -> bool:
        """Whether it covers the window and may still be used."""
        return self.first <= window.first and window.last <= self.last and self.expires > time.time()


_flights: flight.Flights[Listing] = flight.Flights()


def window_ahead(place: Place) -> Window:
    """The window that is fetched before anybody has wished for anything."""
    today = timezone.now().astimezone(place.zone).date()
    return Window(today, today + timedelta(days=AHEAD_DAYS - 1))


def listed(
    place: Place, window: Window, *, patience: float, priority: Priority = Priority.READ, moving_uid: str = ""
) -> Listing:
    """What Cal.com lists in the window and the branch's opening rules permit.

    ``patience``: seconds this caller can wait; a slower answer still fills the cache. ``moving_uid``:
    the booking that is moved, whose own time then counts as free. Raises ``CalendarUnavailable``.
    """
    key = _view_key(place, window, moving_uid)
    view = _kept([key], window)
    if view is not None:
        tally.current().cache_hits += 1
        return view
    raw = _raw(place, window, moving_uid, patience=patience, priority=priority)
    permitted = (start for start in raw.starts if place.opening.permits(datetime.fromtimestamp(start, UTC)))
    view = replace(raw, starts=tuple(permitted))
    _keep(key, view)
    return view


def fetch_ahead(place: Place, *, patience: float, priority: Priority) -> Listing:
    """Have the next weeks in the cache, for a while at least. Raises ``CalendarUnavailable``."""

    def young() -> Listing | None:
        return _stored(place, window, "", young=True)

    window = window_ahead(place)
    return young() or _ask(place, window, "", ahead=True, patience=patience, priority=priority, look=young)


def is_ahead(place: Place) -> bool:
    """Whether this process knows the next weeks, and for a while yet: then nothing need be fetched."""
    seen = _seen.get(_ahead_key(place))
    return seen is not None and _will_do(seen, window_ahead(place), young=True)


def is_settling(place: Place) -> bool:
    """Whether the calendar changed so lately that its own list may not show it yet."""
    raised = place.raised_at
    return raised is not None and timezone.now() - raised < timedelta(seconds=UNSETTLED_SECONDS)


# --- The two layers -----------------------------------------------------------------------------


def _calendar_key(place: Place) -> str:
    return f"{place.calendar.account_id}:{place.event_type_id}:{place.version}:{place.zone.key}"


def _uid_key(moving_uid: str) -> str:
    """A booking's uid gives access to it, so it stays out of keys."""
    return hashlib.sha256(moving_uid.encode()).hexdigest()[:20] if moving_uid else ""


def _slots_key(place: Place, window: Window, moving_uid: str) -> str:
    return f"slots:{CACHE_FORMAT}:{_calendar_key(place)}:{window.first}:{window.last}:{_uid_key(moving_uid)}"


def _ahead_key(place: Place) -> str:
    return f"slots:{CACHE_FORMAT}:{_calendar_key(place)}:ahead"


def _view_key(place: Place, window: Window, moving_uid: str) -> str:
    # The company's configuration and the rules themselves are in the key: a change meets no old view.
    return (
        f"view:{CACHE_FORMAT}:{place.company.pk}:{place.company.config_version}:{place.branch.pk}:"
        f"{place.service.pk}:{place.opening.fingerprint}:{_calendar_key(place)}:"
        f"{window.first}:{window.last}:{_uid_key(moving_uid)}"
    )


# Answers that this process has seen, beside those that all share. The version of the calendar is in their
# keys, and was read from the database by whoever asks: so nobody's change need be told to this process.
_seen: dict[str, Listing] = {}
_seen_lock = threading.Lock()
MOST_SEEN = 256


def forget() -> None:
    """Let this process look into the shared cache again (tests)."""
    with _seen_lock:
        _seen.clear()


def _see(key: str, listing: Listing) -> None:
    with _seen_lock:
        _seen.pop(key, None)
        while len(_seen) >= MOST_SEEN:
            del _seen[next(iter(_seen))]  # who came first goes first, with what nobody can reach any more
        _seen[key] = listing


def _keep(key: str, listing: Listing) -> None:
    """In the shared cache as plain values: a cached object of another release could not be read."""
    plain = tuple(getattr(listing, field.name) for field in fields(Listing))
    caching.put(key, plain, seconds=listing.expires - time.time())
    _see(key, listing)


def _kept(keys: Sequence[str], window: Window, *, young: bool = False) -> Listing | None:
    """The first of these answers that may still be used, where one is kept here or for all."""
    for key in keys:
        seen = _seen.get(key)
        if seen is not None and _will_do(seen, window, young=young):
            return seen
    values = caching.get_many(keys)
    for key in keys:
        found = _read(key, values.get(key), window, young=young)
        if found is not None:
            _see(key, found)
            return found
    return None


def _will_do(found: Listing, window: Window, *, young: bool) -> bool:
    return found.answers(window) and not (young and found.ages)


def _read(key: str, value: Any, window: Window, *, young: bool) -> Listing | None:
    """What is cached as a listing, if it will do."""
    if value is None:
        return None
    try:
        found = Listing(*value)
        return found if _will_do(found, window, young=young) else None
    except TypeError:
        # Something else has written under this key, or another release has: as good as nothing.
        caching.drop([key])
        return None


def _stored(place: Place, window: Window, moving_uid: str, *, young: bool = False) -> Listing | None:
    """Layer one: the answer to this very question, or to the one that is asked ahead of all."""
    exact, ahead = _slots_key(place, window, moving_uid), _ahead_key(place)
    found = _kept([exact] if moving_uid else [exact, ahead], window, young=young)
    return found.within(window, place) if found is not None else None


def _raw(place: Place, window: Window, moving_uid: str, *, patience: float, priority: Priority) -> Listing:
    found = _stored(place, window, moving_uid)
    if found is not None:
        tally.current().cache_hits += 1
        return found
    tally.current().cache_misses += 1
    return _ask(
        place,
        window,
        moving_uid,
        ahead=False,
        patience=patience,
        priority=priority,
        look=lambda: _stored(place, window, moving_uid),
    )


def _lifetime(place: Place) -> float:
    """Seconds an answer asked for now may live."""
    if is_settling(place):
        return float(min(UNSETTLED_SECONDS, settings.AVAILABILITY_TTL))
    return float(settings.AVAILABILITY_TTL)


# --- The question -------------------------------------------------------------------------------


def _ask(
    place: Place,
    window: Window,
    moving_uid: str,
    *,
    ahead: bool,
    patience: float,
    priority: Priority,
    look: Callable[[], Listing | None],
) -> Listing:
    """One upstream question, shared by everybody who asks it now; ``look`` finds an answer that would do."""
    exact = _ahead_key(place) if ahead else _slots_key(place, window, moving_uid)
    covered = not ahead and not moving_uid and _covers(window_ahead(place), window)

    def work(client: CalcomClient, deadline: float) -> Listing:
        asked_at, lifetime = time.time(), _lifetime(place)
        start, end = place.bounds(window.first, window.last)
        answer = client.slots(
            event_type_id=place.external_id,
            start=start,
            end=end,
            time_zone=place.zone.key,
            deadline=deadline,
            booking_uid_to_reschedule=moving_uid or None,
        )
        # An answer that took longer than it may live must not be dead on arrival: whoever its asker was,
        # they ask again.
        expires = max(asked_at + lifetime, time.time() + min(lifetime, UNSETTLED_SECONDS))
        listing = _listing(answer, window, asked_at=asked_at, expires=expires)
        _keep(exact, listing)
        return listing

    try:
        return _flights.ask(
            exact,
            start=lambda: gateway.submit(
                place.calendar, work, priority=priority, late=settings.CALCOM_SLOTS_LATE_TIMEOUT
            ),
            look=look,
            patience=patience,
            behind=_ahead_key(place) if covered else "",
        )
    except flight.Waited as waited:
        if waited.work is not None and time.monotonic() - waited.since >= _full_patience():
            gateway.missed_deadline(waited.work)
        raise CalendarUnavailable("timeout") from None


def _covers(outer: Window, inner: Window) -> bool:
    return outer.first <= inner.first and inner.last <= outer.last


def _full_patience() -> float:
    """Seconds a fresh call gives the calendar. A caller with less time left must not make it look slow."""
    return float(min(settings.CALCOM_SLOTS_TIMEOUT, settings.CALL_BUDGET_SECONDS - RESERVE)) - SLACK


def _listing(answer: SlotsAnswer, window: Window, *, asked_at: float, expires: float) -> Listing:
    """The answer as it is cached."""
    seats: dict[int, tuple[int, int]] = {}
    for slot in answer.slots:
        total = slot.seats_total
        if total is not None:
            left = total if slot.seats_remaining is None else slot.seats_remaining
            seats[int(slot.start.timestamp())] = left, total
    starts = tuple(int(slot.start.timestamp()) for slot in answer.slots)
    return Listing(starts, seats, asked_at, expires, window.first, window.last, blank=not starts)
