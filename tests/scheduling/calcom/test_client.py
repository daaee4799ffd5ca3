from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import responses
from responses import matchers

from apps.core import http
from apps.core.limits import BudgetExhausted
from apps.scheduling.calcom.client import CalcomClient, Exchange
from apps.scheduling.calcom.errors import (
    CalendarError,
    CalendarFault,
    CalendarTimeout,
    CalendarUnreachable,
    ConfigDrift,
    OutcomeUnknown,
    Reason,
    Refusal,
    Unauthorized,
)
from apps.scheduling.calcom.payloads import BookingRequest
from apps.scheduling.calcom.versions import VERSIONS, Operation
from apps.scheduling.calcom.wire import rate_headers
from tests.scheduling.calcom.answers import (
    BASE,
    KEY,
    START,
    UID,
    Script,
    answer,
    booking,
    client,
    raw,
    soon,
    success,
)

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 11, 24, tzinfo=BERLIN)


def request(**changes: Any) -> BookingRequest:
    given: dict[str, Any] = {
        "event_type_id": 123,
        "start": START,
        "name": "Anna Muster",
        "time_zone": "Europe/Berlin",
        "phone": "+4915112345678",
    }
    return BookingRequest(**given | changes)


# What goes out


def test_slots_are_asked_for_in_utc_with_key_and_version() -> None:
    script = Script(answer(success({"2026-11-24": [{"start": "2026-11-24T09:00:00.000+01:00"}]})))
    found = client(script).slots(
        event_type_id=123,
        start=MIDNIGHT,
        end=MIDNIGHT + timedelta(days=1),
        time_zone="Europe/Berlin",
        deadline=soon(),
        booking_uid_to_reschedule="old",
    )
    assert script.asked == [
        {
            "method": "GET",
            "path": "/slots",
            "headers": {
                "Authorization": f"Bearer {KEY}",
                "Accept": "application/json",
                "cal-api-version": "2024-09-04",
            },
            "params": {
                "eventTypeId": 123,
                "start": "2026-11-23T23:00:00Z",
                "end": "2026-11-24T22:59:59Z",
                "timeZone": "Europe/Berlin",
                "bookingUidToReschedule": "old",
            },
            "body": None,
        }
    ]
    assert [slot.start for slot in found.slots] == [START]
    assert (found.start, found.end) == (MIDNIGHT, MIDNIGHT + timedelta(days=1))
    assert found.start.tzinfo is UTC
    assert (found.request_id, found.elapsed) == ("req-1", 0.01)


def test_an_end_at_midnight_utc_does_not_ask_for_one_day_more() -> None:
    script = Script(answer(success({})))
    day = datetime(2026, 11, 24, tzinfo=UTC)
    client(script).slots(
        event_type_id=1, start=day, end=day + timedelta(days=1), time_zone="UTC", deadline=soon()
    )
    assert script.asked[0]["params"]["end"] == "2026-11-24T23:59:59Z"


@pytest.mark.parametrize(
    ("operation", "version"),
    [
        (Operation.SLOTS, "2024-09-04"),
        (Operation.RESERVE_SLOT, "2024-09-04"),
        (Operation.CREATE_BOOKING, "2024-08-13"),
        (Operation.LIST_BOOKINGS, "2024-08-13"),
        (Operation.EVENT_TYPES, "2024-06-14"),
        (Operation.ME, None),
        (Operation.WEBHOOKS, None),
    ],
)
def test_each_operation_has_the_version_that_works_everywhere(
    operation: Operation, version: str | None
) -> None:
    assert VERSIONS[operation] == version


def test_there_is_a_version_for_every_operation() -> None:
    assert set(VERSIONS) == set(Operation)


def test_booking_cancelling_and_moving_send_what_they_should() -> None:
    script = Script(
        answer(success(booking()), 201),
        answer(success(booking(status="cancelled"))),
        answer(success(booking(uid="new")), 201),
        answer(success(booking(uid="new2")), 201),
    )
    cal = client(script)
    assert cal.create_booking(request(), deadline=soon()).uid == UID
    assert cal.cancel_booking(uid="a/b?c", reason="", deadline=soon()).status == "cancelled"
    cal.reschedule_booking(
        uid=UID, start=START, reason="kann nicht", rescheduled_by="k@p.de", deadline=soon()
    )
    cal.reschedule_booking(uid=UID, start=START, reason="x", seat_uid="s1", deadline=soon())
    assert [(asked["method"], asked["path"]) for asked in script.asked] == [
        ("POST", "/bookings"),
        ("POST", "/bookings/a%2Fb%3Fc/cancel"),
        ("POST", f"/bookings/{UID}/reschedule"),
        ("POST", f"/bookings/{UID}/reschedule"),
    ]
    assert [asked["body"] for asked in script.asked[1:]] == [
        {"cancellationReason": "Cancelled by phone"},
        {"start": "2026-11-24T08:00:00Z", "reschedulingReason": "kann nicht", "rescheduledBy": "k@p.de"},
        {"start": "2026-11-24T08:00:00Z", "seatUid": "s1"},
    ]
    assert all(asked["headers"]["cal-api-version"] == "2024-08-13" for asked in script.asked)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": "  "}, Reason.MISSING_FIELD, "name"),
        ({"phone": ""}, Reason.MISSING_FIELD, "contact"),
        ({"phone": "0151 1234567"}, Reason.INVALID_PHONE, ""),
        ({"phone": "+491511234567890123"}, Reason.INVALID_PHONE, ""),
        ({"email": "anna at example"}, Reason.INVALID_EMAIL, ""),
    ],
)
def test_what_cal_com_would_refuse_for_certain_is_not_sent(
    changes: dict[str, str], code: str, field: str
) -> None:
    script = Script(answer(success(booking()), 201))
    with pytest.raises(Refusal) as caught:
        client(script).create_booking(request(**changes), deadline=soon())
    assert (caught.value.code, caught.value.field) == (code, field)
    assert script.asked == []


def test_the_rest_of_the_operations() -> None:
    reservation = {
        "reservationUid": "e8",
        "slotStart": "2026-11-24T08:00:00.000Z",
        "reservationUntil": "2026-11-24T08:05:00.000Z",
    }
    hook = {"id": "h", "subscriberUrl": "https://x.example", "active": True, "triggers": ["BOOKING_CREATED"]}
    event = {"id": 5, "lengthInMinutes": 30}
    script = Script(
        answer(success(reservation), 201),
        answer({"status": "success"}),
        answer(success([hook])),
        answer(success(hook), 201),
        answer(success([event, {**event, "id": 6}])),
        answer(success(event)),
        answer(success({"eventType": event})),
        answer(success({"id": 1, "username": "p", "timeZone": "UTC"})),
    )
    cal = client(script)
    assert (
        cal.reserve_slot(event_type_id=5, start=START, minutes=5, slot_minutes=30, deadline=soon()).uid
        == "e8"
    )
    cal.release_slot(reservation_uid="e8", deadline=soon())
    assert cal.webhooks(deadline=soon())[0].id == "h"
    cal.create_webhook(
        subscriber_url="https://x.example", secret="s", triggers=["BOOKING_CREATED"], deadline=soon()
    )
    assert [found.id for found in cal.event_types(deadline=soon())] == [5, 6]
    assert [cal.event_type(event_type_id=5, deadline=soon()).id for _ in range(2)] == [5, 5]
    assert cal.me(deadline=soon()).username == "p"
    assert script.asked[0]["body"] == {
        "eventTypeId": 5,
        "slotStart": "2026-11-24T08:00:00Z",
        "reservationDuration": 5,
        "slotDuration": 30,
    }
    assert (script.asked[1]["method"], script.asked[1]["path"]) == ("DELETE", "/slots/reservations/e8")
    assert script.asked[3]["body"] == {
        "active": True,
        "subscriberUrl": "https://x.example",
        "secret": "s",
        "triggers": ["BOOKING_CREATED"],
    }
    assert "cal-api-version" not in script.asked[7]["headers"]


# Finding bookings


def page(*items: dict[str, Any], more: bool) -> http.HttpAnswer:
    return answer(success(list(items), pagination={"hasNextPage": more, "totalItems": 9}))


def find(script: Script, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "after_start": START - timedelta(minutes=1),
        "before_end": START + timedelta(minutes=31),
        "event_type_id": 123,
        "attendee_email": "anna@example.com",
        "deadline": soon(),
    }
    return client(script).find_bookings(**given | changes)


def test_a_search_is_filtered_here_because_cal_coms_filters_are_not_reliable() -> None:
    person = booking()["attendees"][0]
    items = [
        booking(),
        booking(uid="other event", eventType={"id": 124}),
        booking(uid="other person", attendees=[{**person, "displayEmail": "b@example.com"}]),
        booking(uid="too early", start="2026-11-24T07:58:00.000Z"),
        booking(uid="too late", end="2026-11-24T08:32:00.000Z"),
        booking(uid="upper case", attendees=[{**person, "displayEmail": "ANNA@example.com"}]),
        booking(uid="cancelled", status="cancelled"),
    ]
    script = Script(page(*items, more=False))
    found = find(script)
    assert [one.uid for one in found.bookings] == [UID, "upper case", "cancelled"]
    assert found.complete
    assert script.asked[0]["params"] == {
        "afterStart": "2026-11-24T07:59:00Z",
        "beforeEnd": "2026-11-24T08:31:00Z",
        "eventTypeId": 123,
        "attendeeEmail": "anna@example.com",
        "sortStart": "asc",
        "take": 100,
        "skip": 0,
    }


def test_a_search_goes_through_the_pages() -> None:
    script = Script(page(booking(uid="a"), more=True), page(booking(uid="b"), more=False))
    found = find(script)
    assert [one.uid for one in found.bookings] == ["a", "b"]
    assert found.complete
    assert [asked["params"]["skip"] for asked in script.asked] == [0, 100]


def test_a_search_is_bounded_and_says_that_it_was_cut() -> None:
    script = Script(*(page(booking(uid=f"u{number}"), more=True) for number in range(9)))
    found = find(script, max_items=300)
    assert len(script.asked) == 3
    assert not found.complete


def test_a_server_that_ignores_skip_is_not_asked_forever() -> None:
    script = Script(page(booking(), more=True))
    found = find(script)
    assert len(script.asked) == 2
    assert [one.uid for one in found.bookings] == [UID]
    assert not found.complete


def test_without_a_word_on_pages_a_short_page_is_the_last() -> None:
    script = Script(answer(success([booking()])))
    assert find(script).complete
    assert len(script.asked) == 1


def test_changes_are_filtered_by_their_own_time() -> None:
    since = datetime(2026, 11, 20, 14, tzinfo=UTC)
    items = [
        booking(uid="changed", updatedAt="2026-11-20T14:00:00.000Z", createdAt="2026-11-01T00:00:00.000Z"),
        booking(uid="changed before", updatedAt="2026-11-20T13:59:59.000Z"),
        booking(uid="made", updatedAt=None, createdAt="2026-11-20T14:03:00.000Z"),
        booking(uid="made before", updatedAt=None, createdAt="2026-11-20T13:00:00.000Z"),
    ]
    script = Script(page(*items, more=False))
    updated = client(script).bookings_updated_after(since=since, deadline=soon())
    assert [one.uid for one in updated.bookings] == ["changed", "made"]
    assert script.asked[0]["params"]["afterUpdatedAt"] == "2026-11-20T14:00:00Z"
    created = client(script).bookings_created_after(since=since, deadline=soon())
    assert [one.uid for one in created.bookings] == ["changed before", "made"]
    assert script.asked[1]["params"]["afterCreatedAt"] == "2026-11-20T14:00:00Z"


# Once, twice, and who is told


def test_a_read_is_repeated_once_after_a_broken_connection_or_a_server_error() -> None:
    for failure in (http.ConnectionBroken(sent=True), answer(b"", 502), answer(raw(500, "x"), 500)):
        script = Script(failure, answer(success(booking())))
        assert client(script).get_booking(uid=UID, deadline=soon()).uid == UID
        assert len(script.asked) == 2


def test_a_read_is_not_repeated_twice() -> None:
    script = Script(http.ConnectionBroken(sent=True))
    with pytest.raises(CalendarUnreachable):
        client(script).get_booking(uid=UID, deadline=soon())
    assert len(script.asked) == 2


@pytest.mark.parametrize(
    "failure",
    [
        http.DeadlineExceeded(sent=True),
        http.BodyTooLarge(sent=True),
        answer(b"nonsense", 200),
        answer(b"<html>", 403),
        answer(raw(429, "slow down"), 429),
        answer(raw(400, "?"), 400),
    ],
)
def test_a_read_that_a_second_try_would_not_help_is_asked_once(failure: Any) -> None:
    script = Script(failure)
    with pytest.raises(CalendarError):
        client(script).get_booking(uid=UID, deadline=soon())
    assert len(script.asked) == 1


def test_there_is_no_second_try_without_time_for_it() -> None:
    script = Script(http.ConnectionBroken(sent=True))
    with pytest.raises(CalendarUnreachable):
        client(script).get_booking(uid=UID, deadline=time.monotonic() + 0.3)
    assert len(script.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_is_never_repeated(status: int) -> None:
    script = Script(answer(b"", status), answer(success(booking()), 201))
    with pytest.raises(OutcomeUnknown):
        client(script).create_booking(request(), deadline=soon())
    assert len(script.asked) == 1


def test_the_gate_is_asked_before_every_request_and_page() -> None:
    asked: list[int] = []
    script = Script(
        http.ConnectionBroken(sent=True),
        page(booking(uid="a"), more=True),
        page(booking(uid="b"), more=False),
    )
    client(script, gate=lambda: asked.append(1)).find_bookings(
        after_start=START, before_end=START, deadline=soon()
    )
    assert len(asked) == len(script.asked) == 3


def test_a_gate_that_refuses_sends_nothing() -> None:
    def refuse() -> None:
        raise BudgetExhausted(retry_after=5)

    script = Script(answer(success(booking())))
    with pytest.raises(BudgetExhausted):
        client(script, gate=refuse).get_booking(uid=UID, deadline=soon())
    assert script.asked == []


def test_a_budget_without_a_second_try_shows_the_first_failure() -> None:
    left = iter([True, False])

    def gate() -> None:
        if not next(left):
            raise BudgetExhausted(retry_after=5)

    with pytest.raises(CalendarFault) as caught:
        client(Script(answer(b"", 502)), gate=gate).get_booking(uid=UID, deadline=soon())
    assert caught.value.code == "http_502"


def test_the_observer_hears_of_every_request() -> None:
    seen: list[Exchange] = []
    script = Script(
        http.ConnectionBroken(sent=True),
        answer(success(booking()), x_ratelimit_limit_default="120", x_ratelimit_remaining_default="7"),
        http.DeadlineExceeded(sent=True),
    )
    cal = client(script, observer=seen.append)
    cal.get_booking(uid=UID, deadline=soon())
    with pytest.raises(CalendarTimeout):
        cal.get_booking(uid=UID, deadline=soon())
    assert [(one.operation, one.status, one.error) for one in seen] == [
        (Operation.GET_BOOKING, 0, "calendar_unreachable"),
        (Operation.GET_BOOKING, 200, ""),
        (Operation.GET_BOOKING, 0, "calendar_timeout"),
    ]
    assert seen[1].rate is not None
    assert (seen[1].rate.limit, seen[1].rate.remaining) == (120, 7)
    assert seen[1].request_id == "req-1"


def test_the_tightest_of_several_limits_counts() -> None:
    rate = rate_headers(
        {
            "x-ratelimit-limit-default": "120",
            "x-ratelimit-remaining-default": "50",
            "x-ratelimit-reset-default": "12",
            "X-RateLimit-Limit-Custom": "30",
            "x-ratelimit-remaining-custom": "2",
            "x-ratelimit-reset-custom": str(time.time() + 40),
        }
    )
    assert rate is not None
    assert (rate.limit, rate.remaining) == (30, 2)
    assert rate.reset_seconds is not None
    assert 38 < rate.reset_seconds <= 40


@pytest.mark.parametrize(
    "headers", [{}, {"x-ratelimit-remaining-default": "many"}, {"x-ratelimit-limit": "nan"}]
)
def test_headers_that_say_nothing_give_nothing(headers: dict[str, str]) -> None:
    assert rate_headers(headers) is None


# The address and the key


@pytest.mark.parametrize(
    "url",
    ["", "api.cal.com/v2", "ftp://api.cal.com", "http://", "https://u:p@api.cal.com/v2", "http://[::1",
     "https://api.cal.com/v2?x=1", "http://h:99999/v2", "http://h:x/v2"],
)  # fmt: skip
def test_an_address_that_is_none_is_drift_of_the_set_up(url: str) -> None:
    with pytest.raises(ConfigDrift) as caught:
        CalcomClient(base_url=url, api_key=KEY)
    assert caught.value.code == "bad_base_url"


@pytest.mark.parametrize("key", ["", " ", "cal live", "cal\r\nX: 1", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        CalcomClient(base_url=BASE, api_key=key)
    assert caught.value.code == "no_key"
    assert not key.strip() or key not in repr(caught.value)


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(CalcomClient(base_url=BASE, api_key=KEY))


@responses.activate
def test_over_real_http_a_slash_at_the_end_of_the_address_makes_no_difference() -> None:
    responses.get(
        "https://api.cal.example/v2/bookings/u",
        json=success(booking()),
        headers={"X-Request-Id": "r9"},
        match=[matchers.header_matcher({"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"})],
    )
    responses.post("https://api.cal.example/v2/bookings", body="<html>", status=502, content_type="text/html")
    cal = CalcomClient(base_url="https://api.cal.example/v2/", api_key=KEY)
    assert cal.get_booking(uid="u", deadline=soon()).uid == UID
    with pytest.raises(OutcomeUnknown):
        cal.create_booking(request(), deadline=soon())
    sent = json.loads(responses.calls[1].request.body or "")
    assert sent == request().body()
    assert len(responses.calls) == 2


def test_the_default_transport_is_the_one_with_whole_answer_deadlines() -> None:
    with pytest.raises(CalendarTimeout) as caught:
        CalcomClient(base_url=BASE, api_key=KEY).me(deadline=time.monotonic() - 1)
    assert not caught.value.sent
