"""Every way Cal.com says no or fails, through the real client: which error, and what it tells the breaker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core import http
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.errors import (
    CalendarError,
    CalendarFault,
    CalendarNonsense,
    CalendarTimeout,
    CalendarUnreachable,
    ConfigDrift,
    OutcomeUnknown,
    RateLimited,
    Refusal,
    Unauthorized,
    Verdict,
)
from apps.scheduling.calcom.failures import RULES, classify
from apps.scheduling.calcom.payloads import BookingRequest
from apps.scheduling.calcom.versions import Operation
from tests.scheduling.calcom.answers import (
    KEY,
    START,
    UID,
    Script,
    answer,
    bare,
    booking,
    client,
    nest,
    raw,
    soon,
    success,
)

Call = Callable[[CalcomClient], object]

REQUEST = BookingRequest(
    event_type_id=123, start=START, name="Anna Muster", time_zone="Europe/Berlin", phone="+4915112345678"
)


def create(cal: CalcomClient) -> object:
    return cal.create_booking(REQUEST, deadline=soon())


def cancel(cal: CalcomClient) -> object:
    return cal.cancel_booking(uid=UID, reason="", deadline=soon())


def move(cal: CalcomClient) -> object:
    return cal.reschedule_booking(uid=UID, start=START, deadline=soon())


def get(cal: CalcomClient) -> object:
    return cal.get_booking(uid=UID, deadline=soon())


def slots(cal: CalcomClient) -> object:
    return cal.slots(
        event_type_id=123, start=START, end=START.replace(hour=20), time_zone="UTC", deadline=soon()
    )


def find(cal: CalcomClient) -> object:
    return cal.find_bookings(after_start=START, before_end=START, deadline=soon())


def reserve(cal: CalcomClient) -> object:
    return cal.reserve_slot(event_type_id=123, start=START, deadline=soon())


def hook(cal: CalcomClient) -> object:
    return cal.create_webhook(subscriber_url="https://x.example", secret="s", triggers=[], deadline=soon())


READS: list[Call] = [get, slots, find]
WRITES: list[Call] = [create, cancel, move, reserve]


def failure(call: Call, *answers: http.HttpAnswer | Exception) -> CalendarError:
    with pytest.raises(CalendarError) as caught:
        call(client(Script(*answers)))
    return caught.value


REFUSALS: list[tuple[Call, int, dict[str, Any], str]] = [
    (
        create,
        400,
        nest(400, "User either already has booking at this time or is not available"),
        "slot_taken",
    ),
    (
        create,
        400,
        nest(400, "One of the hosts either already has booking at this time or is not available"),
        "slot_taken",
    ),
    (
        create,
        400,
        nest(400, "USER EITHER ALREADY HAS BOOKING AT THIS TIME OR IS NOT AVAILABLE."),
        "slot_taken",
    ),
    (move, 400, nest(400, "User either already has booking at this time or is not available"), "slot_taken"),
    (create, 409, raw(409, "booking_conflict_error"), "conflict"),
    (
        create,
        409,
        bare("Invalid Input: Trying to create a record that already exists.", "CONFLICT"),
        "conflict",
    ),
    (create, 409, raw(409, "already_signed_up_for_this_booking_error"), "conflict"),
    (create, 409, raw(409, "something nobody has seen yet"), "conflict"),
    (create, 409, nest(409, "No more seats left at this seated booking.", "ConflictException"), "no_seats"),
    (
        create,
        400,
        nest(
            400,
            "The event type can't be booked at the \"start\" time provided. This could be because it's too "
            "soon (violating the minimum booking notice) or too far in the future",
        ),
        "too_soon",
    ),
    (create, 400, nest(400, "Attempting to book a meeting in the past."), "in_past"),
    (
        create,
        400,
        nest(
            400,
            "Attendee with this email can't book because the maximum number of active bookings has been "
            "reached. You can reschedule your existing booking (abc) to a new time.",
        ),
        "booker_limit",
    ),
    (create, 401, raw(401, "booking_limit_reached"), "limit_reached"),
    (create, 401, raw(401, "HttpError: duration_limit_reached"), "limit_reached"),
    (create, 401, nest(401, "Booking limit for this day has been reached", "Unauthorized"), "limit_reached"),
    (create, 403, raw(403, "Cannot use this email to create the booking."), "attendee_blocked"),
    (
        create,
        403,
        raw(403, "Attendee email has been blocked. Make sure to login as anna@example.com"),
        "attendee_blocked",
    ),
    (
        create,
        400,
        nest(400, "attendee property is wrong, email property is wrong,Invalid email format "),
        "invalid_email",
    ),
    (create, 400, bare("responses - {email}email_validation_error, ", "BAD_REQUEST"), "invalid_email"),
    (create, 400, bare("responses - {attendeePhoneNumber}invalid_number, ", "BAD_REQUEST"), "invalid_phone"),
    (
        create,
        400,
        nest(
            400, "attendee property is wrong, Invalid phone number format. Please use international format."
        ),
        "invalid_phone",
    ),
    (
        create,
        400,
        nest(400, "Attendee must have at least one contact method (email or phone number)"),
        "missing_field",
    ),
    (
        create,
        400,
        nest(
            400,
            "Missing attendee phone number - it is required by the event type. Pass it as "
            '"attendee.phoneNumber" string in the request.',
        ),
        "missing_field",
    ),
    (
        create,
        400,
        nest(
            400,
            "Missing required booking field response: email - it is required by the event type booking "
            "fields",
        ),
        "missing_field",
    ),
    (create, 500, raw(500, "fixed_hosts_unavailable_for_booking"), "host_busy"),
    (create, 500, raw(500, "round_robin_host_unavailable_for_booking"), "host_busy"),
    (
        get,
        404,
        nest(404, f"Booking with uid={UID} was not found in the database", "NotFoundException"),
        "not_found",
    ),
    (cancel, 404, nest(404, f"Booking with uid={UID} not found", "NotFoundException"), "not_found"),
    (
        cancel,
        400,
        nest(
            400,
            f"Can't cancel booking with uid={UID} because it has been cancelled already. Please provide uid "
            "of a booking that is not cancelled.",
        ),
        "already_cancelled",
    ),
    (cancel, 400, raw(400, "This booking has already been cancelled."), "already_cancelled"),
    (cancel, 400, raw(400, "This event type does not allow cancellations"), "cancel_not_allowed"),
    (cancel, 400, raw(400, "Cannot cancel a booking that has already ended"), "in_past"),
    (
        move,
        400,
        nest(
            400,
            f"Can't reschedule booking with uid={UID} because it has been cancelled. Please provide uid of a "
            "booking that is not cancelled.",
        ),
        "already_cancelled",
    ),
    (
        move,
        400,
        nest(
            400,
            f"Can't reschedule booking with uid={UID} because it has been cancelled and rescheduled already "
            "to booking with uid=3uXpQk8VwY1nRd6cLh2TzM. You probably want",
        ),
        "already_rescheduled",
    ),
    (
        move,
        400,
        nest(400, f"Can't reschedule booking with uid={UID} because it was rejected"),
        "not_reschedulable",
    ),
    (
        move,
        403,
        raw(403, "Rescheduling is not allowed within the minimum notice period before the event"),
        "notice_period",
    ),
    (
        reserve,
        422,
        nest(
            422,
            "This time slot is already reserved by another user. Please choose a different time.",
            "UnprocessableEntityException",
        ),
        "slot_taken",
    ),
    (reserve, 422, nest(422, "Can't reserve a slot if the event is already booked."), "slot_taken"),
    (
        reserve,
        422,
        nest(422, "Booking with id=1 at 2026-11-24T08:00:00Z has no more seats left."),
        "no_seats",
    ),
    (
        hook,
        409,
        nest(409, "Webhook with this subscriber url already exists for this user", "ConflictException"),
        "already_exists",
    ),
]


@pytest.mark.parametrize(("call", "status", "body", "code"), REFUSALS)
def test_a_business_refusal_has_its_reason_and_is_no_fault(
    call: Call, status: int, body: dict[str, Any], code: str
) -> None:
    error = failure(call, answer(body, status))
    assert isinstance(error, Refusal)
    assert error.code == code
    assert error.verdict is Verdict.HEALTHY
    assert (error.status, error.request_id) == (status, "req-1")


def test_a_booking_that_was_moved_says_where_to() -> None:
    message = (
        f"Can't reschedule booking with uid={UID} because it has been cancelled and rescheduled already to "
    )
    error = failure(move, answer(nest(400, message + "booking with uid=3uXpQk8VwY1nRd6cLh2TzM."), 400))
    assert isinstance(error, Refusal)
    assert error.new_uid == "3uXpQk8VwY1nRd6cLh2TzM"
    assert error.new_uid not in str(error)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Missing attendee phone number - it is required by the event type.", "phone"),
        ("Missing attendee email - it is required", "email"),
        ("Attendee must have at least one contact method (email or phone number)", "contact"),
        ("Missing required booking field response: attendeePhoneNumber - it is required", "phone"),
        ("Missing required booking field response: email - it is required", "email"),
        ("responses - {email}error_required_field, ", "email"),
        ("responses - {attendeePhoneNumber}error_required_field, ", "phone"),
    ],
)
def test_what_the_caller_has_to_say_is_named(message: str, field: str) -> None:
    error = failure(create, answer(nest(400, message), 400))
    assert isinstance(error, Refusal)
    assert (error.code, error.field) == ("missing_field", field)


DRIFT: list[tuple[Call, int, dict[str, Any], str]] = [
    (
        create,
        404,
        nest(404, "Event type with id 123 not found.", "NotFoundException"),
        "event_type_not_found",
    ),
    (slots, 404, nest(404, "Event Type not found", "NotFoundException"), "event_type_not_found"),
    (reserve, 404, nest(404, "Event Type with ID=123 not found"), "event_type_not_found"),
    (
        create,
        400,
        nest(
            400,
            "Missing required booking field response: versicherung - it is required by the event type "
            "booking fields, but missing in the bookingFieldsResponses.",
        ),
        "missing_booking_field",
    ),
    (create, 400, nest(400, "Invalid type for booking field 'kasse'"), "booking_field_mismatch"),
    (
        create,
        400,
        nest(400, "Invalid option 'x' for booking field 'y'. Allowed options are: a, b"),
        "booking_field_mismatch",
    ),
    (create, 400, nest(400, "Can't specify 'lengthInMinutes' because event type"), "length_not_allowed"),
    (create, 400, raw(400, "email_verification_required"), "email_verification_required"),
    (create, 400, raw(400, "Missing payment credentials"), "payment_required"),
    (
        create,
        403,
        nest(403, "checkBookingRequiresAuthentication - user is not authorized to access this event type."),
        "booking_requires_authentication",
    ),
    (create, 422, nest(422, "Event type without hosts"), "no_hosts"),
    (create, 400, nest(400, "property allowConflicts should not exist"), "unknown_property"),
    (create, 404, nest(404, "Cannot POST /v2/bookings", "NotFoundException"), "wrong_version_or_address"),
    (slots, 404, nest(404, "Cannot GET /v2/slots", "NotFoundException"), "wrong_version_or_address"),
    (
        slots,
        400,
        nest(400, "Invalid time range given - check the 'start' and 'end' query parameters."),
        "bad_range",
    ),
    (cancel, 401, raw(401, "User not a host of this event"), "not_the_host"),
    (get, 404, nest(404, "There is nothing here"), "not_found"),
    (get, 403, nest(403, "Forbidden resource"), "forbidden"),
    (create, 400, nest(400, "a text nobody has seen"), "bad_request"),
    (create, 422, nest(422, "a text nobody has seen"), "unprocessable"),
    (create, 402, {}, "bad_request"),
]


@pytest.mark.parametrize(("call", "status", "body", "code"), DRIFT)
def test_a_set_up_that_does_not_fit_is_the_operators_matter_and_no_fault(
    call: Call, status: int, body: dict[str, Any], code: str
) -> None:
    error = failure(call, answer(body, status))
    assert isinstance(error, ConfigDrift)
    assert error.code == code
    assert error.verdict is Verdict.NEUTRAL
    assert not error.retryable


def test_the_missing_field_of_the_event_type_is_named() -> None:
    message = "Missing required booking field response: versicherung - it is required"
    error = failure(create, answer(nest(400, message), 400))
    assert isinstance(error, ConfigDrift)
    assert error.field == "versicherung"


def test_an_unknown_404_of_a_booking_does_not_prove_that_it_is_gone() -> None:
    error = failure(get, answer(nest(404, "Cannot GET /v2/bookings/x"), 404))
    assert not isinstance(error, Refusal)


@pytest.mark.parametrize(
    ("status", "body", "code", "certain"),
    [
        (
            401,
            nest(401, "CustomThrottlerGuard - Invalid API Key", "UnauthorizedException"),
            "invalid_key",
            True,
        ),
        (401, nest(401, "ApiAuthStrategy - api key - Your api key is not valid"), "invalid_key", True),
        (401, nest(401, "ApiAuthStrategy - api key - Your api key is expired"), "key_expired", True),
        (401, nest(401, "No authentication method provided. Either pass an API key"), "no_key", True),
        (403, nest(403, "PermissionsGuard - no oAuth client found"), "missing_permission", True),
        (401, raw(401, "Unauthorized"), "unauthorized", False),
    ],
)
@pytest.mark.parametrize("call", [slots, create])
def test_a_key_that_is_not_accepted_is_told_from_a_401_nobody_knows(
    call: Call, status: int, body: dict[str, Any], code: str, certain: bool
) -> None:
    error = failure(call, answer(body, status))
    assert isinstance(error, Unauthorized)
    assert (error.code, error.certain) == (code, certain)
    assert error.verdict is Verdict.NEUTRAL


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"retry_after": "7"}, 7),
        ({"x_ratelimit_reset_default": "33"}, 33),
        ({"retry_after": "soon"}, 60),
        ({"retry_after": "999999"}, 3600),
    ],
)
def test_too_many_requests_is_nothing_done_and_says_when(
    call: Call, headers: dict[str, str], seconds: float
) -> None:
    body = nest(
        429, "CustomThrottlerGuard - Too many requests. Please try again later.", "ThrottlerException"
    )
    body["error"]["details"] = "CustomThrottlerGuard - Too many requests. Please try again later."
    error = failure(call, answer(body, 429, **headers))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds
    assert error.verdict is Verdict.NEUTRAL


HTML = b"<html><body>Bad gateway</body></html>"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524, 599])
@pytest.mark.parametrize("body", [raw(500, "Internal server error"), HTML, b"", b"[1]"])
def test_a_server_error_is_a_fault_of_a_read_and_an_unknown_outcome_of_a_write(
    status: int, body: object
) -> None:
    for call in READS:
        error = failure(call, answer(body, status))
        assert isinstance(error, CalendarFault)
        assert error.code == f"http_{status}"
    for call in WRITES:
        unknown = failure(call, answer(body, status))
        assert isinstance(unknown, OutcomeUnknown)
        assert unknown.verdict is Verdict.FAULT


TRUNCATED = b'{"status":"success","data":{"2026-11-'


@pytest.mark.parametrize(
    "body",
    [
        HTML,
        b"",
        TRUNCATED,
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b'"ok"',
        b"{}",
        b'{"status":"error"}',
        b"[" * 5000,
        success(None),
        success("text"),
        success([{"uid": 1}]),
        success({"uid": "x"}),
        success({"x": {"y": 1}}),
        {"data": {}},
    ],
)
def test_success_without_sense_is_nonsense_of_a_read_and_an_unknown_outcome_of_a_write(body: object) -> None:
    for call in READS:
        error = failure(call, answer(body, 200))
        assert isinstance(error, CalendarNonsense)
        assert error.verdict is Verdict.FAULT
    for call in WRITES:
        assert isinstance(failure(call, answer(body, 201)), OutcomeUnknown)


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "2026-11-24T09:00:00.000Z", "end": "2026-11-24T09:30:00.000Z"},
        {"eventType": {"id": 124}, "eventTypeId": 124},
        {"uid": ""},
        {"status": "done"},
    ],
)
def test_an_answer_about_another_booking_is_not_taken_for_ours(changes: dict[str, Any]) -> None:
    assert isinstance(failure(create, answer(success(booking(**changes)), 201)), OutcomeUnknown)


def test_a_move_answered_with_another_time_is_unknown() -> None:
    body = success(booking(start="2026-11-24T09:00:00.000Z", end="2026-11-24T09:30:00.000Z"))
    assert isinstance(failure(move, answer(body, 201)), OutcomeUnknown)


@pytest.mark.parametrize("call", READS)
def test_a_read_without_an_answer_changed_nothing(call: Call) -> None:
    timeout = failure(call, http.DeadlineExceeded(sent=True))
    assert isinstance(timeout, CalendarTimeout)
    assert timeout.verdict is Verdict.FAULT
    assert isinstance(failure(call, http.ConnectionBroken(sent=True)), CalendarUnreachable)
    assert isinstance(failure(call, http.BodyTooLarge(sent=True)), CalendarNonsense)


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize(
    "error",
    [http.DeadlineExceeded(sent=True), http.ConnectionBroken(sent=True), http.BodyTooLarge(sent=True)],
)
def test_a_write_that_may_have_arrived_is_unknown_and_sent_once(call: Call, error: Exception) -> None:
    script = Script(error)
    with pytest.raises(OutcomeUnknown) as caught:
        call(client(script))
    assert caught.value.verdict is Verdict.FAULT
    assert len(script.asked) == 1


@pytest.mark.parametrize("call", WRITES)
def test_a_write_that_was_never_sent_changed_nothing(call: Call) -> None:
    assert isinstance(failure(call, http.ConnectionBroken(sent=False)), CalendarUnreachable)
    assert isinstance(failure(call, http.DeadlineExceeded(sent=False)), CalendarTimeout)


@pytest.mark.parametrize("call", [slots, create])
def test_a_proxys_page_in_place_of_json(call: Call) -> None:
    assert failure(call, answer(HTML, 403)).code == "http_403"
    assert isinstance(failure(call, answer(HTML, 403)), CalendarFault)
    assert isinstance(failure(call, answer(HTML, 404)), ConfigDrift)
    assert failure(call, answer(HTML, 404)).code == "wrong_address"


def test_a_redirect_is_a_wrong_address_for_a_read_and_unknown_for_a_write() -> None:
    assert failure(slots, answer(b"", 301)).code == "redirected"
    assert isinstance(failure(create, answer(b"", 303)), OutcomeUnknown)


def test_nothing_a_caller_said_and_no_key_is_in_any_error() -> None:
    message = "attendee property is wrong, Anna Muster anna@example.com +4915112345678 is wrong"
    body = nest(
        400,
        "Bad Request Exception",
        errors=[
            {
                "property": "attendee",
                "value": {"name": "Anna Muster", "email": "anna@example.com"},
                "target": {"phone": "+4915112345678"},
                "children": [{"property": "email", "constraints": {"isEmail": message}, "children": []}],
            }
        ],
    )
    for status in (400, 401, 403, 404, 409, 422, 500):
        error = failure(create, answer(body, status))
        shown = f"{error} {error!r} {error.args} {vars(error)} {error.__cause__}"
        for secret in ("Anna", "anna@example.com", "+4915112345678", KEY):
            assert secret not in shown


def test_constraints_of_a_failed_validation_are_read() -> None:
    body = nest(
        400,
        "Bad Request Exception",
        errors=[
            {"property": "attendee", "children": [{"constraints": {"isEmail": "email must be an email"}}]}
        ],
    )
    assert failure(create, answer(body, 400)).code == "invalid_email"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "details", "errors", "constraints", "children", "code"]),
            inner,
        )
    ),
    max_leaves=15,
)


@given(st.sampled_from(list(Operation)), st.integers(400, 499), json_values)
def test_whatever_the_body_there_is_an_error_for_it(operation: Operation, status: int, body: object) -> None:
    assert isinstance(classify(operation=operation, status=status, body=body), CalendarError)


def test_the_table_ends_with_a_row_for_everything() -> None:
    last = RULES[-1]
    assert (last.needles, last.statuses, last.operations) == ((), frozenset(), frozenset())


def test_a_field_that_the_booking_form_demands_is_the_set_ups() -> None:
    error = failure(create, answer(nest(400, "responses - {versicherung}error_required_field, "), 400))
    assert isinstance(error, ConfigDrift)
    assert (error.code, error.field) == ("missing_booking_field", "versicherung")
