"""Cal.com's webhook: who is believed, and what is made of what it says, in whatever order it comes."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from apps.calls.models import CallbackRequest
from apps.sandbox import changes, payloads
from apps.sandbox.server import SandboxServer
from apps.scheduling import reconciliation, truth
from apps.scheduling.models import Appointment, BookingAttempt, CalendarAccount, Customer
from apps.services.models import EventType
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import (
    CALLER,
    Business,
    make_appointment,
    make_attempt,
    make_branch,
    make_business,
    make_event_type,
    make_place,
    make_service,
)
from tests.scheduling.engine import (
    LATER,
    START,
    appointments,
    attempts,
    book,
    booked,
    cancel,
    fresh,
    move,
    the_attempt,
    version,
)
from tests.scheduling.webhooks import INDEX, SAMPLE_SECRET, deliver, sample, sample_body, sign

State = BookingAttempt.State
Kind = BookingAttempt.Kind
Status = Appointment.Status
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plenty")]

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MOVED_TO = datetime(2026, 11, 26, 13, 30, tzinfo=UTC)


def written() -> tuple[int, ...]:
    """Everything a webhook may write."""
    with all_companies():
        return (
            Appointment.objects.count(),
            Customer.objects.count(),
            BookingAttempt.objects.count(),
            CallbackRequest.objects.count(),
            *EventType.objects.order_by("pk").values_list("version", flat=True),
        )


def only(business: Business) -> Appointment:
    (appointment,) = appointments(business)
    return appointment


# --- Who is believed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "no-secret-provided",
        "0" * 64,
        sign(sample("booking_created"), "another"),
        "sha256=00",
        "ä",
        "é" * 64,
    ],
)
def test_what_the_companys_secret_did_not_sign_is_refused_and_writes_nothing(
    company: Business, signature: str
) -> None:
    before = written()
    answer = deliver(company, sample("booking_created"), signature=signature)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert written() == before
    with company_scope(company.company.pk):
        assert CalendarAccount.objects.get().webhook_received_at is None


def test_a_company_without_a_secret_believes_nobody(company: Business) -> None:
    with company_scope(company.company.pk):
        company.calendar.webhook_secret = ""
        company.calendar.save()
    raw = sample("booking_created")
    for signature in ("", "no-secret-provided", sign(raw, "")):
        assert deliver(company, raw, signature=signature).status_code == 401
    assert appointments(company) == []


def test_a_byte_that_was_changed_is_noticed(company: Business) -> None:
    raw = sample("booking_created")
    answer = deliver(company, raw.replace(b"Anna", b"Anne"), signature=sign(raw))
    assert answer.status_code == 401


def test_another_companys_signature_counts_for_nothing(company: Business, other_company: Business) -> None:
    with company_scope(other_company.company.pk):
        other_company.calendar.webhook_secret = "secret of the others"
        other_company.calendar.save()
    raw = sample("booking_created")
    assert deliver(company, raw, signature=sign(raw, "secret of the others")).status_code == 401
    assert deliver(other_company, raw, secret="secret of the others").status_code == 204
    assert appointments(company) == []
    assert len(appointments(other_company)) == 1


def test_the_signature_is_of_the_bytes_not_of_what_they_mean(company: Business) -> None:
    raw = json.dumps(json.loads(sample("booking_created")), indent=3).encode()
    assert deliver(company, raw).status_code == 204
    assert deliver(company, raw, signature=sign(raw).upper()).status_code == 204


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_is_a_bad_request(company: Business, raw: bytes) -> None:
    assert deliver(company, raw).status_code == 400


def test_refusals_come_in_the_order_of_the_contract(company: Business) -> None:
    from django.test import Client

    assert Client().get("/webhooks/calcom/nobody/").status_code == 405
    huge = b"{" + b" " * (5 * 1024 * 1024) + b"}"
    assert deliver(company, huge, slug="nobody", signature="x").status_code == 413
    assert deliver(company, b"[", slug="nobody", signature="x").status_code == 404
    assert deliver(company, b"[", signature="x").status_code == 401
    assert deliver(company, b"[").status_code == 400


def test_an_inactive_company_is_not_there(company: Business) -> None:
    with all_companies():
        company.company.active = False
        company.company.save()
    assert deliver(company, sample("booking_created")).status_code == 404


# --- Every sample -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(INDEX))
def test_every_sample_is_acknowledged_with_its_own_signature_once_and_again(
    company: Business, name: str
) -> None:
    with company_scope(company.company.pk):
        company.calendar.webhook_secret = SAMPLE_SECRET
        company.calendar.save()
    raw = sample(name.removesuffix(".json"))
    header = INDEX[name]["headers"]["X-Cal-Signature-256"]
    assert deliver(company, raw, signature=header).status_code == 204
    after = written()
    for _ in range(3):
        assert deliver(company, raw, signature=header).status_code == 204
    assert written() == after


BOOKS = {
    "booking_created": Status.CONFIRMED,
    "booking_created_phone_only": Status.CONFIRMED,
    "booking_created_round_robin_team": Status.CONFIRMED,
    "booking_created_v2026_07_27": Status.CONFIRMED,
    "booking_paid": Status.CONFIRMED,
    "booking_requested": Status.REQUESTED,
    "booking_rescheduled": Status.CONFIRMED,
    "booking_cancelled": Status.CANCELLED,
    "booking_cancelled_with_metadata": Status.CANCELLED,
    "booking_cancelled_request_reschedule": Status.CANCELLED,
    "booking_rejected": Status.REJECTED,
}


@pytest.mark.parametrize(("name", "status"), BOOKS.items())
def test_what_was_booked_elsewhere_is_known_as_the_calendar_has_it(
    company: Business, name: str, status: Status
) -> None:
    before = version(company)
    external = json.loads(sample(name))["payload"]["eventTypeId"]
    if external != company.event_type.external_id:
        with company_scope(company.company.pk):
            company.place.event_type = make_event_type(external)
            company.place.save()
    deliver(company, sample(name))
    appointment = only(company)
    assert (appointment.status, appointment.booked_elsewhere) == (status, True)
    assert appointment.attendee_name == "Anna Muster"
    start = MOVED_TO if name == "booking_rescheduled" else AT
    assert (appointment.start, appointment.end) == (start, start + timedelta(minutes=30))
    if external == company.event_type.external_id:
        assert version(company) > before


SILENT = sorted(
    set(INDEX)
    - {f"{name}.json" for name in BOOKS}
    - {"booking_created_recurring_occurrence.json", "booking_reassigned.json"}
)


@pytest.mark.parametrize("name", SILENT)
def test_what_books_nothing_here_writes_nothing(company: Business, name: str) -> None:
    """Test buttons, no-shows, meetings that ended, seats, and triggers nobody has heard of."""
    with company_scope(company.company.pk):
        make_place(
            company.branch,
            service=make_service(company.company, slug="kurs"),
            event_type=make_event_type(124),
        )
    before = written()
    deliver(company, sample(name.removesuffix(".json")))
    assert written()[:4] == before[:4]


def test_an_unknown_trigger_is_acknowledged(company: Business) -> None:
    before = written()
    for body in (
        {"triggerEvent": "SOMETHING_NEW", "payload": {"uid": "x", "eventTypeId": 123}},
        {"triggerEvent": None},
        {"triggerEvent": ["BOOKING_CREATED"]},
        {},
    ):
        assert deliver(company, body).status_code == 204
    assert written() == before


def test_each_occurrence_of_a_series_is_an_appointment(company: Business) -> None:
    for number in range(3):
        day = AT + timedelta(days=7 * number)
        body = sample_body(
            "booking_created_recurring_occurrence",
            eventTypeId=123,
            uid=f"occurrence-{number}",
            startTime=day.isoformat(),
            endTime=(day + timedelta(minutes=30)).isoformat(),
        )
        deliver(company, body)
    assert [one.start for one in appointments(company)] == [AT + timedelta(days=7 * n) for n in range(3)]


STRANGE: tuple[Any, ...] = (
    None,
    0,
    -1,
    True,
    2**70,
    "",
    "x" * 5_000,
    "\x00",
    "\ud800",
    [],
    [None],
    {},
    {"a": 1},
    "0001-01-01T00:00:00+14:00",
)


@pytest.mark.parametrize(
    "key",
    [
        "uid", "startTime", "endTime", "eventTypeId", "attendees", "metadata", "status", "iCalUID",
        "rescheduleUid", "seatsPerTimeSlot", "attendeeSeatId",
    ],
)  # fmt: skip
def test_no_value_of_any_type_breaks_it(company: Business, key: str) -> None:
    for value in STRANGE:
        assert deliver(company, sample_body("booking_rescheduled", **{key: value})).status_code == 204


def test_no_attendee_and_no_payload_of_any_type_breaks_it(company: Business) -> None:
    for value in STRANGE:
        attendees = [{"name": value, "phoneNumber": value, "email": value}]
        assert deliver(company, sample_body("booking_created", attendees=attendees)).status_code == 204
        assert deliver(company, {**sample_body("booking_created"), "payload": value}).status_code == 204
        assert deliver(company, {**sample_body("booking_created"), "createdAt": value}).status_code == 204


# --- Whose it is --------------------------------------------------------------------------------


def test_who_booked_elsewhere_is_a_customer_by_number(company: Business) -> None:
    deliver(company, sample("booking_created"))
    customer = only(company).customer
    assert customer is not None
    assert (customer.phone, customer.name) == ("+4915112345678", "Anna Muster")


@pytest.mark.parametrize(
    ("attendee", "phone"),
    [
        ({"phoneNumber": "+49 151 / 123-45678"}, "+4915112345678"),
        ({"phoneNumber": None, "email": "4915112345678@sms.cal.com"}, "+4915112345678"),
        ({"phoneNumber": "0151 12345678", "email": "a@b.de"}, None),
        ({"phoneNumber": "+49151123456789012345"}, None),
        ({"phoneNumber": 15}, None),
    ],
)
def test_a_number_is_known_in_international_form_or_not_at_all(
    company: Business, attendee: dict[str, Any], phone: str | None
) -> None:
    deliver(company, sample_body("booking_created", attendees=[{"name": "Anna Muster", **attendee}]))
    customer = only(company).customer
    assert (customer.phone if customer is not None else None) == phone


def test_an_event_type_of_another_company_is_nobodys_here(company: Business) -> None:
    other = make_business("linden-clinic", number="+493087654321", event_type=777)
    before = written()
    assert deliver(company, sample_body("booking_created", eventTypeId=777)).status_code == 204
    assert written() == before
    assert appointments(other) == []


def test_an_equal_event_type_id_in_another_calendar_is_another_event_type(company: Business) -> None:
    with company_scope(company.company.pk):
        company.calendar.base_url = "http://127.0.0.1:8601/v2"
        company.calendar.save()
    deliver(company, sample("booking_created"))
    assert appointments(company) == []


def test_of_several_places_the_one_that_is_active_is_meant(company: Business) -> None:
    south = make_branch(company.company, slug="sued")
    make_place(south, service=company.service)
    with company_scope(company.company.pk):
        company.place.active = False
        company.place.save()
    deliver(company, sample("booking_created"))
    assert only(company).branch_id == south.pk


def test_two_companies_hear_of_the_same_uid_apart(company: Business, other_company: Business) -> None:
    deliver(company, sample("booking_created"))
    deliver(other_company, sample("booking_cancelled"))
    assert only(company).status == Status.CONFIRMED
    assert only(other_company).status == Status.CANCELLED


# --- In any order -------------------------------------------------------------------------------


def story() -> list[dict[str, Any]]:
    """Booked, moved, moved again, cancelled: one chain under one calendar entry."""
    created = sample_body("booking_created")
    moved = sample_body("booking_rescheduled")
    again = sample_body(
        "booking_rescheduled", uid="third-uid", rescheduleUid=moved["payload"]["uid"],
        startTime="2026-11-27T10:00:00Z", endTime="2026-11-27T10:30:00Z", iCalSequence=2,
    )  # fmt: skip
    again["createdAt"] = "2026-11-21T09:00:00.000Z"
    cancelled = sample_body(
        "booking_cancelled", uid="third-uid",
        startTime="2026-11-27T10:00:00+00:00", endTime="2026-11-27T10:30:00+00:00",
    )  # fmt: skip
    return [created, moved, again, cancelled]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_a_story_told_in_any_order_and_twice_ends_the_same(company: Business, order: tuple[int, ...]) -> None:
    told = story()
    for number in order:
        deliver(company, told[number])
        deliver(company, told[number])
    appointment = only(company)
    assert (appointment.status, appointment.calendar_uid) == (Status.CANCELLED, "third-uid")
    assert appointment.root_uid == told[0]["payload"]["uid"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_story_that_ends_well_is_one_open_appointment_at_its_last_time(
    company: Business, order: tuple[int, ...]
) -> None:
    told = story()[:3]
    for number in (*order, *order):
        deliver(company, told[number])
    appointment = only(company)
    assert (appointment.status, appointment.calendar_uid) == (Status.CONFIRMED, "third-uid")
    assert appointment.start == datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


def test_without_a_calendar_entry_the_links_are_followed_one_by_one(company: Business) -> None:
    told = [{**body, "payload": {**body["payload"], "iCalUID": None}} for body in story()]
    for body in told:
        deliver(company, body)
    assert (only(company).status, only(company).moves) == (Status.CANCELLED, 2)


def test_two_rows_of_one_chain_become_one(company: Business) -> None:
    """The new booking was told of first without a word of where it came from."""
    told = [{**body, "payload": {**body["payload"], "iCalUID": None}} for body in story()[:2]]
    created, moved = told
    alone = json.loads(json.dumps(moved))
    del alone["payload"]["rescheduleUid"]
    deliver(company, created)
    deliver(company, alone)
    assert len(appointments(company)) == 2
    moved["payload"]["endTime"] = "2026-11-26T14:15:00Z"
    moved["createdAt"] = "2026-11-22T08:00:00Z"
    deliver(company, moved)
    appointment = only(company)
    assert (appointment.calendar_uid, appointment.root_uid) == (
        moved["payload"]["uid"],
        created["payload"]["uid"],
    )
    assert (appointment.start, appointment.moves) == (MOVED_TO, 1)


def test_a_cancelled_booking_is_not_brought_back_by_an_old_webhook(company: Business) -> None:
    deliver(company, sample("booking_created"))
    deliver(company, sample("booking_cancelled"))
    deliver(company, sample("booking_created"))
    assert only(company).status == Status.CANCELLED


def test_a_cancellation_needs_no_metadata(company: Business) -> None:
    deliver(company, sample("booking_created"))
    before = version(company)
    assert "metadata" not in sample_body("booking_cancelled")["payload"]
    deliver(company, sample("booking_cancelled"))
    assert only(company).status == Status.CANCELLED
    assert version(company) > before


def test_who_was_asked_to_choose_another_time_and_did_has_an_appointment_again(company: Business) -> None:
    deliver(company, sample("booking_created"))
    deliver(company, sample("booking_cancelled_request_reschedule"))
    assert only(company).status == Status.CANCELLED
    deliver(company, sample("booking_rescheduled"))
    ended, resumed = appointments(company)
    assert (ended.status, resumed.status) == (Status.CANCELLED, Status.CONFIRMED)
    assert (resumed.customer, resumed.start) == (ended.customer, MOVED_TO)


def test_a_request_is_confirmed_rejected_or_stays(company: Business) -> None:
    deliver(company, sample("booking_requested"))
    assert only(company).status == Status.REQUESTED
    deliver(company, sample("booking_created"))
    assert only(company).status == Status.CONFIRMED
    deliver(company, sample("booking_requested"))
    assert only(company).status == Status.CONFIRMED


def test_a_rejected_request_is_over(company: Business) -> None:
    deliver(company, sample("booking_requested"))
    deliver(company, sample("booking_rejected"))
    assert only(company).status == Status.REJECTED
    deliver(company, sample("booking_requested"))
    assert only(company).status == Status.REJECTED


def test_the_reschedule_of_what_must_be_confirmed_comes_as_a_request(company: Business) -> None:
    """Issue 21169 of Cal.com: BOOKING_REQUESTED with rescheduleUid, and no BOOKING_RESCHEDULED."""
    deliver(company, sample("booking_created"))
    moved = sample_body("booking_rescheduled", status="PENDING", requiresConfirmation=True)
    moved["triggerEvent"] = "BOOKING_REQUESTED"
    deliver(company, moved)
    appointment = only(company)
    assert (appointment.status, appointment.start) == (Status.REQUESTED, MOVED_TO)
    assert appointment.calendar_uid == moved["payload"]["uid"]


def test_an_earlier_word_about_the_time_changes_nothing(company: Business) -> None:
    deliver(company, sample("booking_created"))
    late = sample_body("booking_reassigned", startTime="2026-11-24T08:00:00Z", endTime="2026-11-24T08:30:00Z")
    late["createdAt"] = "2026-11-19T00:00:00Z"
    deliver(company, late)
    assert only(company).start == AT
    late["createdAt"] = "2026-11-23T00:00:00Z"
    deliver(company, late)
    assert only(company).start == AT - timedelta(hours=1)


def test_a_seat_that_is_given_back_is_that_persons_alone(company: Business) -> None:
    for number, name in enumerate(("Anna Muster", "Max Muster")):
        make_appointment(company, start=AT, uid="session", attendee_name=name, seat_uid=f"seat-{number}")
    attendees = [{"name": "Max Muster", "email": "max@example.com"}]
    deliver(company, sample_body("booking_cancelled", uid="session", attendees=attendees, seatsPerTimeSlot=5))
    assert {one.attendee_name: one.status for one in appointments(company)} == {
        "Anna Muster": Status.CONFIRMED,
        "Max Muster": Status.CANCELLED,
    }


# --- Our own bookings ---------------------------------------------------------------------------


def told_of(sandbox: SandboxServer, uid: str, trigger: str = "BOOKING_CREATED") -> dict[str, Any]:
    """The webhook of a booking in the sandbox."""
    there = sandbox.calendar.bookings[uid]
    payload = payloads.full(there, there.attendees[0])
    return payloads.envelope(trigger, payload, now=sandbox.calendar.now())


def test_the_echo_of_our_own_booking_changes_nothing(practice: Business, sandbox: SandboxServer) -> None:
    appointment = booked(practice)
    before = written()
    for _ in range(3):
        deliver(practice, told_of(sandbox, appointment.calendar_uid))
    assert written() == before


def test_a_booking_whose_answer_never_came_is_settled_by_its_webhook(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.calendar.behaviour.read_lag_ms = 60_000
    sandbox.faults.add("commit_then_500", method="POST", count=1)
    assert book(practice).settled == "pending"
    (uid,) = sandbox.calendar.bookings
    deliver(practice, told_of(sandbox, uid))
    assert the_attempt(practice).state == State.CONFIRMED
    appointment = only(practice)
    assert (appointment.calendar_uid, appointment.booked_elsewhere) == (uid, False)
    assert appointment.customer is not None
    assert appointment.customer.phone == CALLER
    assert book(practice).settled == "already"


def test_a_booking_that_appears_after_it_was_given_up_is_adopted_and_somebody_calls(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.calendar.behaviour.read_lag_ms = 60_000
    sandbox.faults.add("commit_then_500", method="POST", count=1)
    book(practice)
    with company_scope(practice.company.pk):
        reconciliation.settle(the_attempt(practice).pk, final=True)
    assert the_attempt(practice).state == State.REJECTED
    (uid,) = sandbox.calendar.bookings
    for _ in range(2):
        deliver(practice, told_of(sandbox, uid))
    assert the_attempt(practice).state == State.CONFIRMED
    with company_scope(practice.company.pk):
        assert list(CallbackRequest.objects.order_by("pk").values_list("kind", flat=True)) == [
            "lost_booking",
            "late_booking",
        ]


def test_what_came_and_went_while_nobody_believed_in_it_calls_nobody(practice: Business) -> None:
    attempt = make_attempt(practice, start=START)
    with company_scope(practice.company.pk):
        truth.reject(attempt, code="never_sent")
    body = sample_body("booking_cancelled_with_metadata", metadata={"idem": attempt.calendar_key})
    deliver(practice, body)
    assert the_attempt(practice).state == State.REJECTED
    assert only(practice).status == Status.CANCELLED
    with company_scope(practice.company.pk):
        assert not CallbackRequest.objects.exists()


def test_a_second_booking_under_our_key_is_noted_to_be_cancelled(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    appointment = booked(practice)
    body = told_of(sandbox, appointment.calendar_uid)
    body["payload"] |= {"uid": "double", "iCalUID": "double@Cal.com"}
    for _ in range(2):
        deliver(practice, body)
    kept, double = appointments(practice)
    assert (kept, double.calendar_uid, double.customer) == (appointment, "double", None)
    undoing = attempts(practice)[1]
    assert (undoing.kind, undoing.state, undoing.asked_uid) == (Kind.CANCEL, State.UNKNOWN, "double")
    # The calendar does not know it (any more): that is as good as cancelled.
    clock.shift(timedelta(minutes=2))
    with company_scope(practice.company.pk):
        reconciliation.settle(undoing.pk)
    assert fresh(double).status == Status.CANCELLED
    assert fresh(appointment).status == Status.CONFIRMED


def test_a_move_of_ours_that_a_webhook_tells_first_is_settled_by_it(
    practice: Business, sandbox: SandboxServer
) -> None:
    appointment = booked(practice)
    sandbox.faults.add("commit_then_500", method="POST", count=1)
    sandbox.faults.add("status", method="GET", status=503)
    assert move(practice, appointment).settled == "pending"
    old = sandbox.calendar.bookings[appointment.calendar_uid]
    new = sandbox.calendar.bookings[old.rescheduled_to]
    deliver(
        practice,
        payloads.envelope("BOOKING_RESCHEDULED", payloads.rescheduled(old, new), now=sandbox.calendar.now()),
    )
    moved = fresh(appointment)
    assert (moved.calendar_uid, moved.start, moved.moves) == (new.uid, LATER, 1)
    assert attempts(practice)[1].state == State.CONFIRMED


@pytest.mark.parametrize("hours_ago", [0, 30])
def test_a_move_that_comes_true_after_its_caller_was_told_otherwise_is_told(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, hours_ago: int
) -> None:
    """The calendar has moved it and said that somebody was faster. A day later it is no news any more."""
    appointment = booked(practice)
    asked = make_attempt(
        practice, start=LATER, key="move", kind=Kind.RESCHEDULE, appointment=appointment, state="submitting"
    )
    with company_scope(practice.company.pk):
        truth.reject(asked, code="conflict")
    clock.shift(timedelta(hours=hours_ago))
    old = sandbox.calendar.bookings[appointment.calendar_uid]
    new = changes.reschedule(sandbox.calendar, booking=old, start=int(LATER.timestamp()))
    body = payloads.envelope(
        "BOOKING_RESCHEDULED", payloads.rescheduled(old, new), now=sandbox.calendar.now()
    )
    for _ in range(2):
        deliver(practice, body)
    assert fresh(appointment).start == LATER
    told = hours_ago == 0
    assert attempts(practice)[1].state == (State.CONFIRMED if told else State.REJECTED)
    with company_scope(practice.company.pk):
        kinds = list(CallbackRequest.objects.values_list("kind", flat=True))
    assert kinds == (["late_booking"] if told else [])


def test_a_cancellation_of_ours_that_a_webhook_tells_first_is_settled_by_it(
    practice: Business, sandbox: SandboxServer
) -> None:
    appointment = booked(practice)
    sandbox.faults.add("status", path="/v2/bookings*", status=503)
    assert cancel(practice, appointment).settled == "pending"
    there = sandbox.calendar.bookings[appointment.calendar_uid]
    payload = payloads.cancelled(there, there.attendees, reason="x", metadata=False)
    deliver(practice, payloads.envelope("BOOKING_CANCELLED", payload, now=sandbox.calendar.now()))
    assert fresh(appointment).status == Status.CANCELLED
    assert attempts(practice)[1].state == State.CONFIRMED


def test_a_webhook_adopted_without_our_key_is_recognised_when_the_answer_comes(
    practice: Business, sandbox: SandboxServer
) -> None:
    """Whose it is and for which service is known to our own record alone."""
    sandbox.calendar.behaviour.read_lag_ms = 1_000
    sandbox.faults.add("commit_then_500", method="POST", count=1)
    book(practice)
    (uid,) = sandbox.calendar.bookings
    body = told_of(sandbox, uid)
    body["payload"]["metadata"] = {}
    deliver(practice, body)
    assert only(practice).booked_elsewhere
    sandbox.calendar.behaviour.read_lag_ms = 0
    with company_scope(practice.company.pk):
        reconciliation.settle(the_attempt(practice).pk, final=True)
    appointment = only(practice)
    assert (the_attempt(practice).appointment, appointment.booked_elsewhere) == (appointment, False)


def test_the_sandbox_tells_of_moves_cancellations_and_confirmations_and_we_follow(
    practice: Business, sandbox: SandboxServer
) -> None:
    """End to end with the sandbox's own webhooks, each applied as it was sent."""
    appointment = booked(practice)
    there = sandbox.calendar.bookings[appointment.calendar_uid]
    new = changes.reschedule(sandbox.calendar, booking=there, start=int(LATER.timestamp()))
    deliver(
        practice,
        payloads.envelope(
            "BOOKING_RESCHEDULED", payloads.rescheduled(there, new), now=sandbox.calendar.now()
        ),
    )
    assert fresh(appointment).start == LATER
    changes.cancel(sandbox.calendar, booking=new)
    cancelled = payloads.cancelled(new, new.attendees, reason="", metadata=False)
    deliver(practice, payloads.envelope("BOOKING_CANCELLED", cancelled, now=sandbox.calendar.now()))
    assert fresh(appointment).status == Status.CANCELLED
