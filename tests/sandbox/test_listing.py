from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from apps.sandbox.listing import candidates
from apps.sandbox.slots import bookings_between
from tests.sandbox.caller import ANNA, Caller, event_type, scenario, utc
from tests.sandbox.conftest import Start

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=BERLIN)
NOON = datetime(2026, 1, 6, 12, 0, tzinfo=BERLIN)
BEN = {**ANNA, "name": "Ben", "phoneNumber": "+4915112345699"}


@pytest.fixture(autouse=True)
def monday() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY.astimezone(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def filled(start: Start, monday: time_machine.Traveller) -> tuple[Caller, dict[str, str]]:
    """Five bookings by letter: a and b of Anna, c of Ben, d cancelled, e pending; a minute apart."""
    caller = start(scenario(event_type(), event_type(2), event_type(3, requires_confirmation=True)))
    uids: dict[str, str] = {}
    for letter, number, hours, attendee in (
        ("a", 1, 0, ANNA),
        ("b", 2, 1, ANNA),
        ("c", 1, 2, BEN),
        ("d", 1, 3, BEN),
        ("e", 3, 4, ANNA),
    ):
        uids[letter] = caller.book(number, NOON + timedelta(hours=hours), attendee=attendee).data["uid"]
        monday.shift(60)
    caller.call("POST", f"/v2/bookings/{uids['d']}/cancel", {})
    return caller, uids


def letters(caller: Caller, uids: dict[str, str], **query: Any) -> str:
    names = {uid: letter for letter, uid in uids.items()}
    return "".join(names[one["uid"]] for one in caller.call("GET", "/v2/bookings", query=query).data)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abcde"),
        ({"status": "upcoming"}, "abc"),
        ({"status": "cancelled"}, "d"),
        ({"status": "unconfirmed"}, "e"),
        ({"status": "upcoming,unconfirmed"}, "abce"),
        ({"status": "past"}, ""),
        ({"eventTypeId": 1}, "acd"),
        ({"eventTypeIds": "2,3"}, "be"),
        ({"attendeeEmail": "4915112345699@sms.cal.com"}, "cd"),
        ({"attendeeEmail": "4915112345699@SMS.cal.com", "eventTypeId": 2}, ""),
        ({"attendeeName": "Ben"}, "cd"),
        ({"afterStart": utc(NOON + timedelta(hours=2))}, "cde"),
        ({"beforeEnd": utc(NOON + timedelta(hours=1, minutes=30))}, "ab"),
        (
            {"eventTypeId": 1, "afterStart": utc(NOON), "beforeEnd": utc(NOON + timedelta(minutes=30))},
            "a",
        ),
        ({"afterCreatedAt": utc(MONDAY + timedelta(minutes=2))}, "cde"),
        ({"beforeCreatedAt": utc(MONDAY + timedelta(minutes=1))}, "ab"),
        ({"afterUpdatedAt": utc(MONDAY + timedelta(minutes=4, seconds=30))}, "d"),
        ({"beforeUpdatedAt": utc(MONDAY + timedelta(minutes=3))}, "abc"),
        ({"sortStart": "desc"}, "edcba"),
        ({"sortUpdatedAt": "desc"}, "decba"),
        ({"take": 2, "skip": 1}, "bc"),
    ],
)
def test_each_filter_does_what_it_says(
    filled: tuple[Caller, dict[str, str]], query: dict[str, Any], expected: str
) -> None:
    assert letters(*filled, **query) == expected


def test_one_booking_by_its_uid(filled: tuple[Caller, dict[str, str]]) -> None:
    caller, uids = filled
    assert letters(caller, uids, bookingUid=uids["c"]) == "c"
    assert letters(caller, uids, bookingUid="nothing") == ""


def test_pages_are_counted(filled: tuple[Caller, dict[str, str]]) -> None:
    pagination = filled[0].call("GET", "/v2/bookings", query={"take": 2, "skip": 2}).body["pagination"]
    assert pagination == {
        "returnedItems": 2,
        "totalItems": 5,
        "itemsPerPage": 2,
        "remainingItems": 1,
        "currentPage": 2,
        "totalPages": 3,
        "hasNextPage": True,
        "hasPreviousPage": True,
    }


def test_the_newest_version_pages_by_cursor(filled: tuple[Caller, dict[str, str]]) -> None:
    seen, cursor = 0, None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        body = filled[0].call("GET", "/v2/bookings", query=query, version="2026-05-01").body
        seen += len(body["data"])
        cursor = body["pagination"]["nextCursor"]
        if not body["pagination"]["hasMore"]:
            break
    assert (seen, cursor) == (5, None)


def test_the_filters_can_be_ignored_as_some_builds_do(filled: tuple[Caller, dict[str, str]]) -> None:
    caller, uids = filled
    caller.sandbox.calendar.behaviour.filters_ignored = True
    query = {"attendeeEmail": "4915112345699@sms.cal.com", "afterStart": utc(NOON + timedelta(hours=2))}
    assert letters(caller, uids, **query) == "abcde"
    assert letters(caller, uids, eventTypeId=2, **query) == "b"


def test_a_new_booking_is_read_late_where_the_replica_lags(
    start: Start, monday: time_machine.Traveller
) -> None:
    caller = start(scenario(behaviour={"read_lag_ms": 2000}))
    uid = caller.book(1, NOON).data["uid"]
    assert caller.call("GET", "/v2/bookings").data == []
    assert caller.call("GET", f"/v2/bookings/{uid}").status == 404
    monday.shift(3)
    assert len(caller.call("GET", "/v2/bookings").data) == 1
    assert caller.call("GET", f"/v2/bookings/{uid}").status == 200


@pytest.mark.parametrize(
    "query",
    [
        {"take": "0"},
        {"take": "251"},
        {"skip": "x"},
        {"status": "old"},
        {"sortStart": "up"},
        {"colour": "red"},
    ],
)
def test_a_bad_query_is_a_400(filled: tuple[Caller, dict[str, str]], query: dict[str, str]) -> None:
    assert filled[0].call("GET", "/v2/bookings", query=query).status == 400


def test_a_foreign_accounts_bookings_are_not_listed(start: Start) -> None:
    accounts = [
        {"key": "key", "username": "one", "event_types": [event_type()]},
        {"key": "other", "username": "two", "event_types": [event_type(2)]},
    ]
    caller = start({"accounts": accounts})
    uid = caller.book(1, NOON).data["uid"]
    with Caller(caller.sandbox, "other") as other, Caller(caller.sandbox, None) as nobody:
        assert other.call("GET", "/v2/bookings").data == []
        assert other.call("GET", "/v2/bookings", query={"bookingUid": uid}).data == []
        assert (
            other.call("GET", "/v2/bookings", query={"attendeeEmail": "4915112345678@sms.cal.com"}).data == []
        )
        assert nobody.call("GET", "/v2/bookings").status == 401


def test_a_great_calendar_is_not_searched_from_end_to_end(start: Start) -> None:
    """The indexes hold: a look-up touches its own days and people, however much there is elsewhere."""
    caller = start(scenario(event_type(), event_type(2)))
    for number in range(200):
        body = {"eventTypeId": 2, "start": f"+{20_000 + 30 * number} minutes", "webhook": False}
        assert caller.call("POST", "/sandbox/bookings", body).status == 200
    uid = caller.book(2, NOON).data["uid"]
    calendar = caller.sandbox.calendar
    account = calendar.accounts["key"]
    for query in (
        {"attendeeEmail": "4915112345678@sms.cal.com"},
        {"bookingUid": uid},
        {"eventTypeId": "2", "afterStart": utc(NOON), "beforeEnd": utc(NOON + timedelta(hours=1))},
    ):
        assert [one.uid for one in candidates(calendar, account, query)] == [uid]
    first, last = int(NOON.timestamp()), int(NOON.timestamp()) + 86_400
    assert [one.uid for one in bookings_between(account.hosts[0].days, first, last)] == [uid]
