"""Offered slots kept for the conversation that heard them; the database says who has which seat.

A hold protects an offer for the time a caller needs to say yes. The calendar decides in the end: whoever
books is not asked for a hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.core.prepared import Prepared, PreparedSql, Statement, send
from apps.flags.registry import Flag
from apps.flags.state import is_on
from apps.scheduling import occupancy, reservations
from apps.scheduling.availability import Window
from apps.scheduling.models import Hold
from apps.scheduling.occupancy import LONGEST, Occupancy
from apps.scheduling.places import Place
from apps.services.models import EventType
from apps.tenants.scoping import current_company_id


def keep(
    place: Place,
    starts: Mapping[datetime, int],
    *,
    owner: str,
    taken: Occupancy,
    moving_id: int | None = None,
) -> set[datetime]:
    """Keep these starts for the owner; returns those that are kept now.

    ``starts`` says how many seats are left of each, ``taken`` is what was read before they were chosen
    (without ``moving_id``). Whoever was faster since then is noticed: the calendar's row is locked, so
    that of two overlapping offers one is kept, and what was booked since then is counted.
    """
    if not starts:
        return set()
    _, *kept = send(*_statements(place, starts, _insert, owner, taken, moving_id), durable=False)
    return {start for start, rows in zip(starts, kept, strict=True) if rows}


def keeping(
    place: Place,
    starts: Mapping[datetime, int],
    *,
    owner: str,
    taken: Occupancy,
    moving_id: int | None = None,
) -> list[Statement]:
    """The same as statements, to be sent in front of what names the starts to the caller. Where somebody was
    faster, sending them raises ``IntegrityError``, and nothing of all that is done."""
    if not starts:
        return []
    return [one.in_silence for one in _statements(place, starts, _insert_or_fail, owner, taken, moving_id)]


def lock(place: Place) -> None:
    """Nobody else keeps or books anything of this calendar until the end of the transaction."""
    _lock.rows(calendar=place.event_type_id)


def hold(place: Place, start: datetime, *, owner: str, moving_id: int | None = None) -> bool:
    """Keep one start that was chosen. False: others have every seat of it, and the calendar decides."""
    day = start.astimezone(place.zone).date()
    taken = occupancy.read(place, Window(day, day), owner=owner, phone=None, moving_id=moving_id)
    left = place.service.capacity - taken.bookings_at(start.timestamp(), place)
    return bool(keep(place, {start: left}, owner=owner, taken=taken, moving_id=moving_id))


def settle(place: Place, kept: Iterable[datetime], *, owner: str, taken: Occupancy) -> None:
    """After an offer: what has expired goes, and Cal.com is told where the company wants that."""
    expired = [one.id for one in taken.holds if one.at <= taken.now and one.owner != owner]
    if expired:
        drop(Hold.objects.filter(pk__in=expired, expires_at__lte=timezone.now()))
    starts = list(kept)
    if starts and is_on(Flag.CALCOM_RESERVATIONS, company_id=place.company.pk):
        reservations.reserve(place, starts, owner=owner)


# --- Giving back --------------------------------------------------------------------------------


def drop(rows: QuerySet[Hold, Hold]) -> int:
    """Delete these holds; what Cal.com has reserved for them is given back once that is committed."""
    reserved = list(rows.exclude(reservation_uid="").values_list("event_type_id", "reservation_uid"))
    dropped = rows.delete()[0]
    if reserved:
        transaction.on_commit(lambda: reservations.give_back(reserved))
    return dropped


def release(*, owner: str) -> int:
    """Give the owner's holds back: the call has ended, or has booked; returns how many."""
    return drop(Hold.objects.filter(owner=owner))


def release_starts(place: Place, starts: Iterable[datetime], *, owner: str) -> int:
    """Give back what the caller refused."""
    return drop(_of(place, starts, owner=owner))


def release_expired(event_type_id: int) -> int:
    """Give back what nobody said yes to in time."""
    return drop(Hold.objects.filter(event_type_id=event_type_id, expires_at__lte=timezone.now()))


def _of(place: Place, starts: Iterable[datetime], *, owner: str) -> QuerySet[Hold, Hold]:
    return Hold.objects.filter(event_type_id=place.event_type_id, start__in=list(starts), owner=owner)


# --- The statements -----------------------------------------------------------------------------


def _build_lock(*, calendar: int) -> QuerySet[EventType, Any]:
    # "No key": rows that merely refer to the calendar are not kept waiting.
    return EventType.objects.select_for_update(no_key=True).filter(pk=calendar).values_list("pk")


_lock = Prepared(_build_lock, calendar=int)

# The owner's own hold of a start, which lasts longer now.
_prolong = PreparedSql(
    """
UPDATE scheduling_hold SET expires_at = %(until)s
WHERE company_id = %(company)s AND event_type_id = %(calendar)s AND start = %(begins)s AND owner = %(owner)s
RETURNING seat
""",
    company=int,
    calendar=int,
    begins=datetime,
    until=datetime,
    owner=str,
)

# Fewer live holds of others, open appointments and unsettled bookings overlap than there are seats.
_POSSIBLE = """(
    SELECT count(*) FROM scheduling_hold
    WHERE company_id = %(company)s AND event_type_id = %(calendar)s AND owner <> %(owner)s
        AND expires_at > %(now)s AND start < %(ends)s AND "end" > %(begins)s
) + (
    SELECT count(*) FROM scheduling_appointment
    WHERE company_id = %(company)s AND event_type_id = %(calendar)s
        AND status IN ('confirmed', 'requested') AND id <> %(moving)s
        AND start < %(ends)s AND start > %(before)s AND "end" > %(begins)s
) + (
    SELECT count(*) FROM scheduling_bookingattempt
    WHERE company_id = %(company)s AND event_type_id = %(calendar)s AND kind IN ('book', 'reschedule')
        AND state IN ('requested', 'submitting', 'unknown')
        AND start < %(ends)s AND start > %(before)s AND "end" > %(begins)s
) < %(seats)s"""


def _insertion(seat: str, condition: str) -> PreparedSql:
    return PreparedSql(
        f"""
INSERT INTO scheduling_hold
    (company_id, event_type_id, start, "end", seat, owner, expires_at, reservation_uid)
SELECT %(company)s, %(calendar)s, %(begins)s, %(ends)s, {seat}, %(owner)s, %(until)s, ''
{condition}
RETURNING seat
""",
        company=int,
        calendar=int,
        begins=datetime,
        ends=datetime,
        before=datetime,
        now=datetime,
        until=datetime,
        owner=str,
        moving=int,
        seat=int,
        seats=int,
    )


_insert = _insertion("%(seat)s", f"WHERE {_POSSIBLE} ON CONFLICT DO NOTHING")
# A hold without a seat is none: the column refuses it, and with it everything that was sent.
_insert_or_fail = _insertion(f"CASE WHEN {_POSSIBLE} THEN %(seat)s END", "")


def _statements(
    place: Place,
    starts: Mapping[datetime, int],
    insert: PreparedSql,
    owner: str,
    taken: Occupancy,
    moving_id: int | None,
) -> list[Statement]:
    """The calendar's lock, and one statement a start, which returns a row when it is kept."""
    now = timezone.now()
    alive = {hold.start: hold.at > taken.now for hold in taken.holds if hold.owner == owner}
    expired = [start for start in starts if alive.get(start.timestamp()) is False]
    if expired:
        # Somebody else may have it by now: it is asked for like any other.
        release_starts(place, expired, owner=owner)
    mine: dict[str, Any] = {
        "company": current_company_id(),
        "calendar": place.event_type_id,
        "owner": owner,
        "until": now + timedelta(seconds=settings.SLOT_HOLD_SECONDS),
    }
    return [
        _lock.bound(calendar=place.event_type_id),
        *(
            _prolong.bound(begins=start, **mine)
            if alive.get(start.timestamp())
            else insert.bound(
                begins=start,
                ends=start + place.duration,
                before=start - LONGEST,
                now=now,
                moving=moving_id or 0,
                seat=taken.free_seat(start.timestamp()),
                # So many as are taken by now, less those that were known, were taken since.
                seats=seats + taken.bookings_at(start.timestamp(), place),
                **mine,
            )
            for start, seats in starts.items()
        ),
    ]
