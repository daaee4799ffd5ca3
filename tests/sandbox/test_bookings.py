from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from apps.sandbox.server import SandboxServer
from tests.sandbox.caller import ANNA, Caller, event_type, scenario
from tests.sandbox.conftest import Start

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=BERLIN)
NOON = datetime(2026, 1, 6, 12, 0, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def monday() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY.astimezone(UTC), tick=False) as traveller:
        yield traveller


def person(number: int) -> dict[str, Any]:
    return {**ANNA, "name": f"Person {number}", "phoneNumber": f"+49151{10_000_000 + number}"}


def test_a_caller_with_only_a_phone_gets_a_synthetic_address(start: Start) -> None:
    data = start(scenario()).book(1, NOON, metadata={"idem": "b7c1f0"}).data
    assert data["status"] == "accepted"
    assert data["attendees"][0]["email"] == "4915112345678@sms.cal.com"
    assert (data["start"], data["end"]) == ("2026-01-06T11:00:00.000Z", "2026-01-06T11:30:00.000Z")
    assert data["metadata"] == {"idem": "b7c1f0"}
    assert data["updatedAt"] is None


@pytest.mark.parametrize(
    "text", ["2026-01-06T11:00:00", "2026-01-06T12:00:00+01:00", "2026-01-06T11:00:00.000Z"]
)
def test_a_start_without_an_offset_is_utc(start: Start, text: str) -> None:
    assert start(scenario()).book(1, text).data["start"] == "2026-01-06T11:00:00.000Z"


@pytest.mark.parametrize("phone", ["optional", "hidden"])
def test_a_phone_alone_is_not_enough_where_the_event_type_asks_for_an_address(
    start: Start, phone: str
) -> None:
    reply = start(scenario(event_type(phone=phone, email_required=False))).book(1, NOON)
    assert (reply.status, reply.message) == (400, "responses - {email}error_required_field, ")
    assert "details" not in reply.body["error"]


WRONG_INPUTS: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "property colour should not exist"),
    ({"allowConflicts": True}, "property allowConflicts should not exist"),
    ({"attendee": None}, "attendee"),
    ({"attendee": {**ANNA, "age": 7}}, "property age should not exist"),
    ({"attendee": {**ANNA, "name": ""}}, "name must be a string"),
    ({"attendee": {**ANNA, "timeZone": "CET+1"}}, "timeZone must be a valid IANA time-zone"),
    (
        {"attendee": {**ANNA, "email": "anna@"}},
        "attendee property is wrong, email property is wrong,Invalid email format",
    ),
    (
        {"attendee": {**ANNA, "phoneNumber": "0151 1234"}},
        "Invalid phone number format. Please use international",
    ),
    ({"attendee": {**ANNA, "language": "klingon"}}, "language"),
    (
        {"attendee": {"name": "Anna", "timeZone": "Europe/Berlin"}},
        "Attendee must have at least one contact method (email or phone number)",
    ),
    ({"start": "tomorrow"}, "start must be a valid ISO 8601 date string"),
    ({"metadata": {"x" * 41: "1"}}, "40 characters"),
    ({"metadata": {"x": "y" * 501}}, "500 characters"),
    ({"metadata": {str(number): "1" for number in range(51)}}, "50 keys"),
    ({"metadata": {"x": {"y": 1}}}, "strings, numbers or booleans"),
    ({"guests": ["nobody"]}, "each value in guests must be an email"),
    ({"lengthInMinutes": 45}, "Can't specify 'lengthInMinutes'"),
    ({"location": {"type": "moon"}}, "location type is not valid"),
    ({"location": {"type": "phone"}}, "Location with type=phone"),
    ({"eventTypeId": None}, "Either eventTypeId or eventTypeSlug + username"),
    (
        {"attendee": {**ANNA, "phoneNumber": None, "email": "anna@example.org"}},
        "Missing attendee phone number",
    ),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG_INPUTS)
def test_wrong_input_is_a_400_in_cal_coms_words_and_books_nothing(
    start: Start, wrong: dict[str, Any], message: str
) -> None:
    caller = start(scenario())
    reply = caller.book(1, NOON, **wrong)
    assert reply.status == 400
    assert message in reply.message
    assert caller.sandbox.calendar.bookings == {}


FIELD = {"slug": "kasse", "type": "select", "options": ["gesetzlich", "privat"]}


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        ({}, "Missing required booking field response: kasse"),
        (
            {"kasse": "keine"},
            "Invalid option 'keine' for booking field 'kasse'. Allowed options are: gesetzlich, privat",
        ),
        ({"kasse": 7}, "Invalid type for booking field 'kasse'"),
    ],
)
def test_the_event_types_own_questions_must_be_answered(
    start: Start, responses: dict[str, Any], message: str
) -> None:
    caller = start(scenario(event_type(fields=[FIELD])))
    reply = caller.book(1, NOON, bookingFieldsResponses=responses)
    assert reply.status == 400
    assert message in reply.message
    data = caller.book(1, NOON, bookingFieldsResponses={"kasse": "privat"}).data
    assert data["bookingFieldsResponses"]["kasse"] == "privat"


@pytest.mark.parametrize(
    ("kind", "when", "message"),
    [
        (event_type(), MONDAY - timedelta(minutes=1), "Attempting to book a meeting in the past."),
        (event_type(minimum_notice=120), MONDAY + timedelta(hours=1), "it's too soon"),
        (event_type(booking_window={"days": 3}), NOON + timedelta(days=10), "too far in the future"),
        (
            event_type(),
            NOON.replace(hour=7),
            "User either already has booking at this time or is not available",
        ),
        (event_type(), NOON.replace(hour=17, minute=45), "User either already has booking"),
        (event_type(scheduling="managed"), NOON, "is the parent managed event type that can't be booked"),
    ],
)
def test_times_that_cannot_be_booked(
    start: Start, kind: dict[str, Any], when: datetime, message: str
) -> None:
    reply = start(scenario(kind)).book(1, when)
    assert reply.status == 400
    assert message in reply.message


def test_the_same_host_start_and_end_again_is_a_raw_conflict_and_an_overlap_a_busy_host(start: Start) -> None:
    caller = start(scenario(event_type(), event_type(2)))
    caller.book(1, NOON)
    again = caller.book(2, NOON)
    assert (again.status, again.body) == (409, {"statusCode": 409, "message": "booking_conflict_error"})
    overlap = caller.book(1, NOON + timedelta(minutes=15))
    assert overlap.status == 400
    assert overlap.body["error"]["code"] == "BadRequestException"
    assert caller.book(1, NOON + timedelta(minutes=30)).status == 201


@pytest.mark.parametrize("status", [400, 500])
def test_a_conflict_can_be_told_otherwise(start: Start, status: int) -> None:
    caller = start(scenario(behaviour={"exact_conflict": status}))
    caller.book(1, NOON)
    assert caller.book(1, NOON).status == status


def test_a_team_event_says_that_one_of_the_hosts_is_busy(start: Start) -> None:
    hosts = {"hosts": [{"username": "one"}, {"username": "two"}]}
    both = {"hosts": ["one", "two"]}
    caller = start(
        scenario(event_type(scheduling="collective", **both), event_type(2, hosts=["two"]), account=hosts)
    )
    caller.book(2, NOON)
    assert caller.book(1, NOON).message.startswith("One of the hosts either already has booking")


def test_round_robin_books_each_host_once_and_answers_the_same_person_with_what_exists(start: Start) -> None:
    hosts = {"hosts": [{"username": "one"}, {"username": "two"}]}
    caller = start(scenario(event_type(scheduling="roundRobin", hosts=["one", "two"]), account=hosts))
    first = caller.book(1, NOON, attendee=person(1)).data
    assert caller.book(1, NOON, attendee=person(1)).data["uid"] == first["uid"]
    second = caller.book(1, NOON, attendee=person(2)).data
    assert {one["hosts"][0]["username"] for one in (first, second)} == {"one", "two"}
    assert caller.book(1, NOON, attendee=person(3)).status == 400


def test_seats_fill_and_then_refuse(start: Start) -> None:
    caller = start(scenario(event_type(seats=2)))
    one, two = (caller.book(1, NOON, attendee=person(number)).data for number in (1, 2))
    assert one["uid"] == two["uid"]
    assert one["seatUid"] != two["seatUid"]
    assert caller.book(1, NOON, attendee=person(2)).body == {
        "statusCode": 409,
        "message": "already_signed_up_for_this_booking_error",
    }
    full = caller.book(1, NOON, attendee=person(3))
    assert (full.status, full.message) == (409, "No more seats left at this seated booking.")


def test_limits_come_as_401(start: Start) -> None:
    caller = start(
        scenario(event_type(booking_limits={"day": 1}), event_type(2, duration_limits={"week": 30}))
    )
    caller.book(1, NOON)
    limit = caller.book(1, NOON + timedelta(hours=1))
    assert (limit.status, limit.body) == (401, {"statusCode": 401, "message": "booking_limit_reached"})
    caller.book(2, NOON + timedelta(hours=1))
    assert caller.book(2, NOON + timedelta(days=1)).message == "duration_limit_reached"


def test_a_person_has_only_so_many_open_bookings(start: Start) -> None:
    kind = event_type(active_bookings_limit=1, active_bookings_offer_reschedule=True)
    caller = start(scenario(kind))
    uid = caller.book(1, NOON).data["uid"]
    reply = caller.book(1, NOON + timedelta(hours=1))
    assert reply.status == 400
    assert "maximum number of active bookings" in reply.message
    assert uid in reply.message
    caller.call("POST", f"/v2/bookings/{uid}/cancel", {})
    assert caller.book(1, NOON + timedelta(hours=1)).status == 201


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        (event_type(price=10), 400, "Missing payment credentials"),
        (event_type(requires_verification=True), 400, "email_verification_required"),
    ],
)
def test_event_types_that_a_voice_cannot_book(
    start: Start, kind: dict[str, Any], status: int, message: str
) -> None:
    reply = start(scenario(kind)).book(1, NOON)
    assert (reply.status, reply.body) == (status, {"statusCode": status, "message": message})


def test_authentication_is_asked_for_where_the_event_type_wants_it(start: Start) -> None:
    caller = start(scenario(event_type(requires_authentication=True)))
    with Caller(caller.sandbox, None) as nobody:
        assert nobody.book(1, NOON).status == 401
    assert caller.book(1, NOON).status == 201


def test_without_a_key_an_ordinary_event_type_can_be_booked(start: Start) -> None:
    caller = start(scenario())
    with Caller(caller.sandbox, None) as nobody:
        assert nobody.book(1, NOON).status == 201


def test_a_blocked_attendee_is_a_raw_403(start: Start) -> None:
    reply = start(scenario(account={"blocked": ["+4915112345678"]})).book(1, NOON)
    assert reply.status == 403
    assert reply.body["message"].startswith("Attendee email has been blocked.")


def test_what_must_be_confirmed_is_pending_and_leaves_the_slot_open(start: Start) -> None:
    caller = start(scenario(event_type(requires_confirmation=True)))
    first = caller.book(1, NOON, attendee=person(1)).data
    assert first["status"] == "pending"
    assert caller.book(1, NOON, attendee=person(1)).data["uid"] == first["uid"]
    assert caller.book(1, NOON, attendee=person(2)).data["uid"] != first["uid"]


def test_two_accounts_may_have_the_same_event_type_id(start: Start) -> None:
    accounts = [
        {"key": "one", "username": "one", "event_types": [event_type(title="Eins")]},
        {"key": "two", "username": "two", "event_types": [event_type(title="Zwei")]},
    ]
    sandbox = start({"accounts": accounts}).sandbox
    with Caller(sandbox, "one") as one, Caller(sandbox, "two") as two:
        assert one.book(1, NOON).data["title"].startswith("Eins")
        assert two.book(1, NOON).data["title"].startswith("Zwei")
        assert len(one.call("GET", "/v2/bookings").data) == 1


def race(sandbox: SandboxServer, attempts: list[tuple[datetime, int]]) -> Counter[int]:
    """Statuses of bookings that all start at the same moment, each on a connection of its own."""

    def attempt(one: tuple[datetime, int]) -> int:
        with Caller(sandbox, timeout=20) as caller:
            return caller.book(1, one[0], attendee=person(one[1])).status

    with ThreadPoolExecutor(len(attempts)) as pool:
        return Counter(pool.map(attempt, attempts))


def test_of_many_at_once_exactly_one_wins(start: Start) -> None:
    caller = start(scenario())
    assert race(caller.sandbox, [(NOON, number) for number in range(30)]) == {201: 1, 409: 29}


def test_overlapping_times_at_once_never_both_stand(start: Start) -> None:
    caller = start(scenario())
    race(caller.sandbox, [(NOON + timedelta(minutes=number * 5), number) for number in range(24)])
    times = sorted((one.start, one.end) for one in caller.sandbox.calendar.bookings.values())
    assert len(times) >= 2
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(times))


def test_seats_at_once_are_never_more_than_there_are(start: Start) -> None:
    caller = start(scenario(event_type(seats=5)))
    assert race(caller.sandbox, [(NOON, number) for number in range(20)]) == {201: 5, 409: 15}
    (session,) = caller.sandbox.calendar.bookings.values()
    assert len(session.attendees) == 5
