"""The real client against the sandbox: every request it sends, held against Cal.com's OpenAPI."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from apps.sandbox.server import SandboxServer
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.errors import (
    CalendarError,
    CalendarNonsense,
    CalendarTimeout,
    ConfigDrift,
    OutcomeUnknown,
    RateLimited,
    Reason,
    Refusal,
    Unauthorized,
)
from apps.scheduling.calcom.payloads import Booking, BookingRequest
from tests.contract.openapi import check_request, needs_openapi
from tests.sandbox.caller import event_type, scenario

KEY = "key"
SCENARIO = scenario(
    event_type(1, slot_interval=30),
    event_type(2, requires_confirmation=True),
    event_type(3, seats=2),
    event_type(4, lengths=[15, 30], email_required=True, phone="optional"),
    event_type(5, fields=[{"slug": "kasse", "type": "select", "options": ["gesetzlich", "privat"]}]),
    event_type(6, active_bookings_limit=1),
    event_type(7, booking_limits={"day": 1}),
    account={"rate_limit": 1000},
)
PATHS = {
    "/v2/slots",
    "/v2/slots/reservations",
    "/v2/bookings",
    "/v2/event-types",
    "/v2/me",
    "/v2/webhooks",
}


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def workday(ahead: int = 1, hour: int = 10) -> datetime:
    """The n-th working day from now at a full hour UTC: inside the practice's hours, summer and winter."""
    day = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    while ahead:
        day += timedelta(days=1)
        ahead -= day.weekday() < 5
    return day


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(scenario=SCENARIO) as server:
        yield server


@pytest.fixture
def cal(sandbox: SandboxServer) -> Iterator[CalcomClient]:
    sandbox.application.reset()
    sandbox.application.journal.clear()
    yield CalcomClient(base_url=sandbox.base_url, api_key=KEY)
    sandbox.faults.clear()


def request(number: int = 1, *, start: datetime | None = None, **changes: object) -> BookingRequest:
    given: dict[str, object] = {
        "event_type_id": number,
        "start": start or workday(),
        "name": "Anna Muster",
        "time_zone": "Europe/Berlin",
        "phone": "+4915112345678",
        "language": "de",
        "metadata": {"idem": "b7c1f0", "call_id": "call_01J9ZK"},
    }
    return BookingRequest(**given | changes)  # type: ignore[arg-type]


def book(cal: CalcomClient, number: int = 1, **changes: object) -> Booking:
    return cal.create_booking(request(number, **changes), deadline=soon())


def everything(cal: CalcomClient) -> None:
    """Every method of the client once, and each optional argument."""
    day, start = workday(1, 0), workday()
    cal.me(deadline=soon())
    cal.event_types(deadline=soon())
    cal.event_type(event_type_id=1, deadline=soon())
    first = book(cal)
    book(cal, 4, start=workday(2), email="anna@example.com", length_minutes=15)
    book(cal, 5, start=workday(3), responses={"kasse": "privat"})
    seated = book(cal, 3, start=workday(4))
    cal.slots(
        event_type_id=1,
        start=day,
        end=day + timedelta(days=1),
        time_zone="Europe/Berlin",
        booking_uid_to_reschedule=first.uid,
        deadline=soon(),
    )
    cal.get_booking(uid=first.uid, deadline=soon())
    cal.find_bookings(
        after_start=start - timedelta(minutes=1),
        before_end=start + timedelta(hours=1),
        event_type_id=1,
        attendee_email="4915112345678@sms.cal.com",
        deadline=soon(),
    )
    since = datetime.now(UTC) - timedelta(hours=1)
    cal.bookings_updated_after(since=since, deadline=soon())
    cal.bookings_created_after(since=since, deadline=soon())
    moved = cal.reschedule_booking(
        uid=first.uid,
        start=start + timedelta(hours=1),
        reason="passt nicht",
        rescheduled_by="praxis@example.org",
        deadline=soon(),
    )
    cal.cancel_booking(uid=moved.uid, reason="krank", deadline=soon())
    seat = seated.attendees[0].seat_uid
    reseated = cal.reschedule_booking(uid=seated.uid, start=workday(5), seat_uid=seat, deadline=soon())
    cal.cancel_booking(
        uid=reseated.uid, reason="", seat_uid=reseated.attendees[0].seat_uid or seat, deadline=soon()
    )
    held = cal.reserve_slot(event_type_id=1, start=start, minutes=5, deadline=soon())
    cal.release_slot(reservation_uid=held.uid, deadline=soon())
    cal.create_webhook(
        subscriber_url=f"http://127.0.0.1:9/hooks/{uuid.uuid4()}/",
        secret="webhook-secret",
        triggers=["BOOKING_CREATED", "BOOKING_CANCELLED"],
        deadline=soon(),
    )
    cal.webhooks(deadline=soon())


@needs_openapi
def test_every_request_is_one_that_cal_com_documents(sandbox: SandboxServer, cal: CalcomClient) -> None:
    everything(cal)
    sent = sandbox.requests
    for one in sent:
        body = json.loads(one["body"]) if one["body"] else None
        headers = {**one["headers"], "Authorization": f"Bearer {KEY}"}
        check_request(one["method"], one["path"], one["query"], headers, body)
    asked = {one["path"] for one in sent}
    assert asked >= PATHS
    assert {path.rpartition("/")[2] for path in asked} >= {"cancel", "reschedule"}


def test_every_request_carries_the_key(sandbox: SandboxServer, cal: CalcomClient) -> None:
    everything(cal)
    assert {one["account"] for one in sandbox.requests} == {"praxis"}
    assert KEY not in json.dumps([one["headers"] for one in sandbox.requests])


def test_a_booking_stands_at_the_asked_start_and_is_found_again(
    sandbox: SandboxServer, cal: CalcomClient
) -> None:
    start = workday()
    made = book(cal, start=start)
    assert (made.status, made.start, made.event_type_id) == ("accepted", start, 1)
    assert made.metadata["idem"] == "b7c1f0"
    found = cal.find_bookings(
        after_start=start - timedelta(minutes=1),
        before_end=start + timedelta(hours=1),
        event_type_id=1,
        attendee_email="4915112345678@sms.cal.com",
        deadline=soon(),
    )
    assert [one.uid for one in found.bookings] == [made.uid]
    assert cal.get_booking(uid=made.uid, deadline=soon()) == made
    assert len(sandbox.calendar.bookings) == 1


def free(cal: CalcomClient, number: int = 1) -> list[datetime]:
    day = workday(1, 0)
    answer = cal.slots(
        event_type_id=number,
        start=day,
        end=day + timedelta(days=1),
        time_zone="Europe/Berlin",
        deadline=soon(),
    )
    return [slot.start for slot in answer.slots]


def test_the_slots_of_every_version_are_the_same_slots(sandbox: SandboxServer, cal: CalcomClient) -> None:
    expected = free(cal)
    assert len(expected) > 10
    for form in ("grouped", "flat", "strings"):
        sandbox.faults.add("old_slots", form=form, count=1)
        assert free(cal) == expected


def test_a_booked_slot_is_refused_with_its_reason(cal: CalcomClient) -> None:
    book(cal)
    with pytest.raises(Refusal) as caught:
        book(cal, phone="+4915199999999")
    assert caught.value.code in (Reason.SLOT_TAKEN, Reason.CONFLICT)


def test_limits_unknown_event_types_and_missing_fields_are_told_apart(cal: CalcomClient) -> None:
    book(cal, 6)
    book(cal, 7, start=workday(1, 12))
    refused = {
        Reason.BOOKER_LIMIT: request(6, start=workday(2)),
        Reason.LIMIT_REACHED: request(7, start=workday(1, 14)),
        Reason.IN_PAST: request(1, start=workday() - timedelta(days=30)),
    }
    for reason, wish in refused.items():
        with pytest.raises(Refusal) as caught:
            cal.create_booking(wish, deadline=soon())
        assert caught.value.code == reason
    for code, wish in {"event_type_not_found": request(99), "missing_booking_field": request(5)}.items():
        with pytest.raises(ConfigDrift) as drifted:
            cal.create_booking(wish, deadline=soon())
        assert drifted.value.code == code


def test_what_waits_for_the_host_is_pending(cal: CalcomClient) -> None:
    assert book(cal, 2).status == "pending"


def test_cancelling_and_moving_again_say_what_happened(cal: CalcomClient) -> None:
    first = book(cal)
    moved = cal.reschedule_booking(uid=first.uid, start=workday(2), deadline=soon())
    assert moved.uid != first.uid
    old = cal.get_booking(uid=first.uid, deadline=soon())
    assert (old.status, old.rescheduled_to_uid) == ("cancelled", moved.uid)
    with pytest.raises(Refusal) as again:
        cal.reschedule_booking(uid=first.uid, start=workday(3), deadline=soon())
    assert (again.value.code, again.value.new_uid) == (Reason.ALREADY_RESCHEDULED, moved.uid)
    assert cal.cancel_booking(uid=moved.uid, reason="x", deadline=soon()).status == "cancelled"
    with pytest.raises(Refusal) as twice:
        cal.cancel_booking(uid=moved.uid, reason="x", deadline=soon())
    assert twice.value.code == Reason.ALREADY_CANCELLED
    with pytest.raises(Refusal) as nowhere:
        cal.get_booking(uid="no-such-uid", deadline=soon())
    assert nowhere.value.code == Reason.NOT_FOUND


def test_a_wrong_key_is_told(sandbox: SandboxServer, cal: CalcomClient) -> None:
    with pytest.raises(Unauthorized) as caught:
        CalcomClient(base_url=sandbox.base_url, api_key="cal_wrong_0123456789").me(deadline=soon())
    assert caught.value.certain


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "silence"}, CalendarTimeout),
        ({"kind": "drip", "ms": 20}, CalendarTimeout),
        ({"kind": "latency", "ms": 2000}, CalendarTimeout),
        ({"kind": "status", "status": 429}, RateLimited),
        ({"kind": "malformed", "form": "broken_json"}, CalendarNonsense),
        ({"kind": "malformed", "form": "html"}, CalendarNonsense),
        ({"kind": "malformed", "form": "wrong_shape"}, CalendarNonsense),
        ({"kind": "malformed", "form": "huge"}, CalendarError),
        ({"kind": "malformed", "form": "truncated"}, CalendarError),
        ({"kind": "reset"}, CalendarError),
        ({"kind": "status", "status": 502}, CalendarError),
    ],
)
def test_a_read_under_fault_ends_in_time_and_is_never_taken_for_no_slots(
    sandbox: SandboxServer, cal: CalcomClient, fault: dict[str, object], error: type[CalendarError]
) -> None:
    sandbox.faults.replace([fault])
    day, began = workday(1, 0), time.monotonic()
    with pytest.raises(error):
        cal.slots(
            event_type_id=1, start=day, end=day + timedelta(days=1), time_zone="UTC", deadline=soon(0.4)
        )
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "commit_then_silence"},
        {"kind": "commit_then_reset"},
        {"kind": "commit_then_500"},
        {"kind": "malformed", "form": "broken_json"},
        {"kind": "malformed", "form": "truncated"},
        {"kind": "malformed", "form": "wrong_shape"},
        {"kind": "latency", "ms": 3000, "at": "after"},
        {"kind": "drip", "ms": 20},
        {"kind": "reset"},
        {"kind": "status", "status": 504},
    ],
)
def test_a_booking_under_fault_is_unknown_sent_once_and_can_be_looked_up(
    sandbox: SandboxServer, cal: CalcomClient, fault: dict[str, object]
) -> None:
    sandbox.faults.replace([{**fault, "method": "POST"}])
    start, began = workday(), time.monotonic()
    with pytest.raises(OutcomeUnknown):
        cal.create_booking(request(start=start), deadline=soon(0.4))
    assert time.monotonic() - began < 1.5
    assert sum(one["method"] == "POST" for one in sandbox.requests) == 1
    found = cal.find_bookings(
        after_start=start, before_end=start + timedelta(hours=1), event_type_id=1, deadline=soon()
    )
    standing = [one.uid for one in sandbox.calendar.bookings.values()]
    assert [one.uid for one in found.bookings] == standing
    assert all(one.metadata["idem"] == "b7c1f0" for one in found.bookings)


def test_somebody_elses_booking_is_not_taken_for_ours(sandbox: SandboxServer, cal: CalcomClient) -> None:
    book(cal, phone="+4915199999999")
    sandbox.faults.add("existing_booking", method="POST")
    with pytest.raises(OutcomeUnknown):
        book(cal, start=workday(2))
