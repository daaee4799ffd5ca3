"""``GET /v2/bookings``: filters, order and both ways of paging."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from apps.sandbox import inputs, wire
from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError, wrong_property
from apps.sandbox.http import Answer, success
from apps.sandbox.model import DAY, Account, Booking, words

KEYS = words(
    """status attendeeEmail attendeeName bookingUid eventTypeId eventTypeIds teamId teamsIds afterStart
    beforeEnd afterCreatedAt beforeCreatedAt afterUpdatedAt beforeUpdatedAt sortStart sortEnd sortCreated
    sortUpdatedAt take skip cursor limit"""
)
STATUSES = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
FILTERS_IN_ERROR = ("attendeeEmail", "afterStart", "beforeEnd")
SORTS = {"sortStart": "start", "sortEnd": "end", "sortCreated": "created", "sortUpdatedAt": "updated"}


def answer(calendar: Calendar, account: Account, query: dict[str, str], *, version: str) -> Answer:
    """The account's bookings; 2026-05-01 pages by cursor, 2024-08-13 by take and skip."""
    for key in query:
        if key not in KEYS:
            raise wrong_property(key, f"property {key} should not exist")
    wanted = dict(query)
    if calendar.behaviour.filters_ignored:
        for key in FILTERS_IN_ERROR:
            wanted.pop(key, None)
    with calendar.lock:
        found = [
            one
            for one in candidates(calendar, account, wanted)
            if calendar.readable(one) and matches(one, wanted, calendar.now())
        ]
        sort(found, wanted)
        if version == "2026-05-01":
            return by_cursor(found, wanted)
        return by_page(found, wanted)


def candidates(calendar: Calendar, account: Account, query: dict[str, str]) -> Iterable[Booking]:
    """The shortest list that holds every match; the filters are applied to it afterwards."""
    if "bookingUid" in query:
        one = calendar.bookings.get(query["bookingUid"])
        return [one] if one is not None and one.event_type.account is account else []
    if "attendeeEmail" in query:
        known = calendar.by_email.get(query["attendeeEmail"].lower(), ())
        return [one for one in dict.fromkeys(known) if one.event_type.account is account]
    types = event_type_ids(query)
    if types and "afterStart" in query and "beforeEnd" in query:
        first, last = (
            inputs.instant(query["afterStart"], "afterStart"),
            inputs.instant(query["beforeEnd"], "beforeEnd"),
        )
        if 0 <= last - first <= 60 * DAY:
            days = range(first // DAY - 1, last // DAY + 2)
            own = (account.event_types.get(one) for one in types)
            return dict.fromkeys(
                one for kind in own if kind for day in days for one in kind.days.get(day, ())
            )
    if "afterUpdatedAt" in query:
        since = inputs.moment(query["afterUpdatedAt"], "afterUpdatedAt")
        changes = account.changes
        return dict.fromkeys(
            one for _, one in changes[bisect_left(changes, since, key=lambda entry: entry[0]) :]
        )
    return account.bookings


def event_type_ids(query: dict[str, str]) -> set[int]:
    given = query.get("eventTypeIds") or query.get("eventTypeId") or ""
    return {int(one) for one in given.split(",") if one.strip().isdigit()}


def matches(one: Booking, query: dict[str, str], now: float) -> bool:
    types = event_type_ids(query)
    if types and one.event_type.id not in types:
        return False
    teams = {part for part in (query.get("teamsIds") or query.get("teamId") or "").split(",") if part}
    if teams and str(one.event_type.team_id) not in teams:
        return False
    if "status" in query and not any(has_status(one, each, now) for each in query["status"].split(",")):
        return False
    email, name = query.get("attendeeEmail"), query.get("attendeeName")
    if email and all(each.email.lower() != email.lower() for each in one.attendees):
        return False
    if name and all(each.name != name for each in one.attendees):
        return False
    return within(one, query)


def within(one: Booking, query: dict[str, str]) -> bool:
    """The eight bounds; both ends inclusive."""
    for key, value, after in (
        ("afterStart", one.start, True),
        ("beforeEnd", one.end, False),
        ("afterCreatedAt", one.created, True),
        ("beforeCreatedAt", one.created, False),
        ("afterUpdatedAt", one.updated, True),
        ("beforeUpdatedAt", one.updated, False),
    ):
        if key in query:
            bound = inputs.moment(query[key], key)
            if value < bound if after else value > bound:
                return False
    return True


def has_status(one: Booking, status: str, now: float) -> bool:
    if status not in STATUSES:
        raise wrong_property(
            "status", "Invalid status. Allowed are upcoming, recurring, past, cancelled, unconfirmed"
        )
    if status == "upcoming":
        return one.status == "accepted" and one.end >= now
    if status == "past":
        return one.open and one.end < now
    if status == "cancelled":
        return one.status in ("cancelled", "rejected")
    return status == "unconfirmed" and one.status == "pending" and one.end >= now


def sort(found: list[Booking], query: dict[str, str]) -> None:
    for key, attribute in SORTS.items():
        if key in query:
            if query[key] not in ("asc", "desc"):
                raise wrong_property(key, f"{key} must be either 'asc' or 'desc'.")
            found.sort(key=lambda one: float(getattr(one, attribute)), reverse=query[key] == "desc")
            return
    found.sort(key=lambda one: one.start)


def number(query: dict[str, str], key: str, *, default: int, least: int, most: int) -> int:
    raw = query.get(key)
    if raw is None:
        return default
    if not raw.isdigit() or not least <= int(raw) <= most:
        raise wrong_property(
            key, f"{key} must not be less than {least},{key} must not be greater than {most}"
        )
    return int(raw)


def by_page(found: list[Booking], query: dict[str, str]) -> Answer:
    take = number(query, "take", default=100, least=1, most=250)
    skip = number(query, "skip", default=0, least=0, most=10_000_000)
    page = found[skip : skip + take]
    remaining = max(0, len(found) - skip - len(page))
    pagination = {
        "returnedItems": len(page),
        "totalItems": len(found),
        "itemsPerPage": take,
        "remainingItems": remaining,
        "currentPage": skip // take + 1,
        "totalPages": -(-len(found) // take),
        "hasNextPage": remaining > 0,
        "hasPreviousPage": skip > 0,
    }
    return success([wire.booking(one) for one in page], pagination=pagination)


def by_cursor(found: list[Booking], query: dict[str, str]) -> Answer:
    limit = number(query, "limit", default=50, least=1, most=100)
    skip = 0
    if "cursor" in query:
        if not query["cursor"].isdigit():
            raise RefusedError(400, "Invalid cursor")
        skip = int(query["cursor"])
    more = len(found) > skip + limit
    pagination = {"nextCursor": str(skip + limit) if more else None, "hasMore": more}
    return success([wire.booking(one) for one in found[skip : skip + limit]], pagination=pagination)
