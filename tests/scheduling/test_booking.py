"""A booking is made once, or honestly not."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import kombu.exceptions
import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from apps.core import runtime
from apps.sandbox import payloads, wire
from apps.sandbox.faults import FORMS
from apps.sandbox.model import BookingField, EventType
from apps.sandbox.server import SandboxServer
from apps.scheduling import following, gateway, reconciliation, tasks, truth
from apps.scheduling.appointments import insert_appointment
from apps.scheduling.attempts import read
from apps.scheduling.booking import Attendee
from apps.scheduling.calcom.reading import parse_booking
from apps.scheduling.models import Appointment, BookingAttempt, Customer, Hold
from apps.tenants.scoping import company_scope
from tests.factories import API_KEY, CALLER, Business, make_appointment
from tests.scheduling.calendars import wish
from tests.scheduling.engine import (
    LATER,
    START,
    appointments,
    at_once,
    attempts,
    book,
    booked,
    cancel,
    fresh,
    move,
    the_attempt,
    version,
)
from tests.scheduling.test_search import search

State = BookingAttempt.State
Status = Appointment.Status
pytestmark = pytest.mark.usefixtures("plenty")
Standing = Callable[[], list[Any]]


def posts(sandbox: SandboxServer) -> int:
    """How often a booking was asked of the calendar."""
    return sandbox.journal.count("POST", "/v2/bookings")


def event_type(sandbox: SandboxServer) -> EventType:
    """The practice's event type in the calendar, to be made stricter."""
    return sandbox.calendar.accounts[API_KEY].event_types[123]


def is_quiet(business: Business) -> bool:
    """Whether the breaker has seen no fault."""
    return runtime.breaker(business.calendar.pk).state().failures == 0


# --- All is well --------------------------------------------------------------------------------


def test_a_booking_costs_one_request_and_leaves_one_truth(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    before = version(practice)
    outcome = book(practice)
    assert outcome.settled == "done"
    assert len(sandbox.requests) == 1
    (there,) = standing()
    (here,) = appointments(practice)
    attempt = the_attempt(practice)
    assert (here.calendar_uid, here.root_uid, here.status) == (there.uid, there.uid, Status.CONFIRMED)
    assert (here.start, here.attendee_name) == (START, "Erika Muster")
    assert (attempt.state, attempt.appointment, attempt.check_at) == (State.CONFIRMED, here, None)
    assert there.metadata["idem"] == attempt.calendar_key
    assert version(practice) == before + 1


def test_the_attempt_stands_in_the_database_before_the_calendar_is_asked(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.faults.add("latency", method="POST", ms=400)
    pending = book(practice, patience=0.6)
    assert pending.settled == "pending"
    attempt = the_attempt(practice)
    assert (attempt.state, posts(sandbox)) == (State.SUBMITTING, 1)
    assert attempt.check_at is not None
    assert attempt.check_at >= timezone.now() + timedelta(seconds=30)


def test_the_hold_of_the_slot_is_given_back_with_the_booking(practice: Business) -> None:
    with company_scope(practice.company.pk):
        for owner in ("call:1", "call:9"):
            Hold.objects.create(
                company=practice.company,
                event_type=practice.event_type,
                start=START,
                end=START + timedelta(minutes=45),
                seat=int(owner[-1]),
                owner=owner,
                expires_at=timezone.now() + timedelta(minutes=2),
            )
        book(practice)
        assert list(Hold.objects.values_list("owner", flat=True)) == ["call:9"]


def test_notes_and_the_companys_answers_are_sent(practice: Business, standing: Standing) -> None:
    with company_scope(practice.company.pk):
        practice.service.booking_fields = {"versicherung": "gesetzlich"}
        practice.service.save()
    book(practice, notes="kommt mit Gehhilfe")
    responses = standing()[0].attendees[0].responses
    assert (responses["versicherung"], responses["notes"]) == ("gesetzlich", "kommt mit Gehhilfe")


# --- The same wish again ------------------------------------------------------------------------


def test_the_same_wish_again_is_answered_without_a_second_request(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    first, again = book(practice), book(practice, attendee=Attendee(" erika  MUSTER ", CALLER))
    assert (first.settled, again.settled) == ("done", "already")
    assert again.appointment == first.appointment
    assert (posts(sandbox), len(standing())) == (1, 1)


def test_the_same_wish_six_times_at_once_is_one_booking(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    sandbox.faults.add("latency", method="POST", ms=150)
    outcomes = at_once(*[lambda: book(practice)] * 6)
    assert sorted(one.settled for one in outcomes) == ["already"] * 5 + ["done"]
    assert (posts(sandbox), len(standing()), len(attempts(practice))) == (1, 1, 1)


def test_two_people_of_one_call_are_two_appointments(practice: Business, standing: Standing) -> None:
    book(practice)
    outcome = book(practice, LATER, attendee=Attendee("Max Muster", CALLER))
    assert outcome.settled == "done"
    assert len(standing()) == 2


def test_a_refused_wish_may_be_tried_again(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    sandbox.faults.add("status", method="POST", status=429, count=1)
    assert book(practice).settled == "unavailable"
    assert gateway.drain(seconds=5)
    runtime.budget(practice.calendar.pk).unblock()
    assert book(practice).settled == "done"
    assert [one.state for one in attempts(practice)] == [State.REJECTED, State.CONFIRMED]
    assert len(standing()) == 1


def test_a_cancelled_appointment_may_be_booked_again(practice: Business, sandbox: SandboxServer) -> None:
    first = booked(practice)
    sandbox.calendar.free(sandbox.calendar.bookings[first.calendar_uid], status="cancelled")
    with company_scope(practice.company.pk):
        truth.move_appointment(first, to=Status.CANCELLED)
    second = book(practice)
    assert second.settled == "done"
    assert second.appointment != first


def test_a_request_that_was_slow_to_arrive_does_not_book_again_what_was_cancelled_meanwhile(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    """The provider sent it, heard nothing, sent another; that was booked, and cancelled."""
    asked_at = timezone.now()
    clock.shift(timedelta(seconds=1))
    appointment = booked(practice)
    assert cancel(practice, appointment, owner="call:1").settled == "done"
    clock.shift(timedelta(seconds=1))
    late = book(practice, asked_at=asked_at)
    assert (late.settled, late.code) == ("refused", "ended_meanwhile")
    assert posts(sandbox) == 1
    # Who says it after the cancellation means it.
    again = book(practice, asked_at=timezone.now())
    assert again.settled == "done"
    assert posts(sandbox) == 2


def test_who_hears_pending_and_calls_again_is_not_booked_a_second_time(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.faults.add("reset", method="POST", count=1)
    assert book(practice).settled == "pending"
    assert book(practice, owner="call:2").settled == "pending"
    assert posts(sandbox) == 1


def test_who_hung_up_on_a_booked_appointment_and_calls_again_hears_that_it_stands(
    practice: Business, sandbox: SandboxServer
) -> None:
    first = booked(practice)
    again = book(practice, owner="call:2")
    assert (again.settled, again.appointment) == ("already", first)
    assert posts(sandbox) == 1


def test_a_number_that_was_only_said_learns_nothing_of_its_owners_appointment(
    practice: Business, sandbox: SandboxServer
) -> None:
    booked(practice)
    stranger = Attendee("Erika Muster", CALLER, verified=False)
    outcome = book(practice, owner="call:2", attendee=stranger)
    assert (outcome.settled, outcome.appointment) == ("taken", None)


def test_another_spelling_of_the_name_joins_what_is_still_unknown(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.faults.add("reset", method="POST", count=1)
    book(practice)
    again = book(practice, attendee=Attendee("Erica Muster", CALLER))
    assert again.settled == "pending"
    assert posts(sandbox) == 1


# --- The calendar says no -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 409, 500])
def test_a_slot_that_somebody_else_has_is_taken_however_the_calendar_says_so(
    practice: Business, sandbox: SandboxServer, status: int
) -> None:
    booked(practice, owner="call:9", attendee=Attendee("Max Muster", "+491709999999"))
    sandbox.calendar.behaviour.exact_conflict = status
    before = version(practice)
    outcome = book(practice)
    assert outcome.settled == "taken"
    assert attempts(practice)[-1].state == State.REJECTED
    assert version(practice) > before
    assert is_quiet(practice)


def test_a_conflict_with_our_own_earlier_request_is_our_booking(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    """A request that a proxy sent twice on its way: what comes back is the second one's refusal."""
    sandbox.faults.add("commit_then_500", method="POST", status=409)
    outcome = book(practice)
    (there,) = standing()
    assert outcome.settled == "done"
    assert outcome.appointment is not None
    assert outcome.appointment.calendar_uid == there.uid


FUND = (BookingField("kasse", "text", "Kasse", True),)
STRICTER: list[tuple[str, dict[str, Any], str]] = [
    ("minimum notice", {"minimum_notice": 60 * 24 * 30}, "too_soon"),
    ("a limit, said as 401", {"limits_count": {"day": 1}}, "limit_reached"),
    ("active bookings", {"active_limit": 1}, "booker_limit"),
    (
        "a required field",
        {"fields": FUND},
        "setup_missing_booking_field",
    ),
    ("an e-mail", {"email_required": True}, "missing_field"),
    ("a verified e-mail", {"requires_verification": True}, "setup_email_verification_required"),
    ("a payment", {"price": 5000}, "setup_payment_required"),
    ("no hosts", {"hosts": []}, "setup_unprocessable"),
]


@pytest.mark.parametrize(("case", "rules", "code"), STRICTER, ids=[one[0] for one in STRICTER])
def test_what_the_calendar_demands_is_a_refusal_with_its_reason_and_no_fault(
    practice: Business, sandbox: SandboxServer, case: str, rules: dict[str, Any], code: str
) -> None:
    booked(practice, LATER)
    for name, value in rules.items():
        setattr(event_type(sandbox), name, value)
    outcome = book(practice)
    assert (outcome.settled, outcome.code) == ("refused", code)
    refused = attempts(practice)[-1]
    assert (refused.state, refused.error_code) == (State.REJECTED, code)
    assert refused.error_detail
    assert is_quiet(practice)


def test_the_operator_reads_which_field_is_missing(practice: Business, sandbox: SandboxServer) -> None:
    event_type(sandbox).fields = FUND
    book(practice)
    assert the_attempt(practice).error_detail == "missing_booking_field kasse"


def test_a_blocked_attendee_is_refused_with_the_reason(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.calendar.accounts[API_KEY].blocked = frozenset({CALLER})
    assert book(practice).code == "attendee_blocked"
    assert is_quiet(practice)


def test_a_start_that_has_passed_is_refused(practice: Business) -> None:
    outcome = book(practice, START - timedelta(days=7))
    assert (outcome.settled, outcome.code) == ("refused", "in_past")


def test_a_bad_key_is_no_refusal_of_the_caller(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.calendar.accounts[API_KEY].expired = True
    outcome = book(practice)
    assert (outcome.settled, outcome.code) == ("unavailable", "unavailable_key_expired")
    assert is_quiet(practice)


def test_an_existing_booking_that_is_handed_back_is_not_ours(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    """Incident 7: two appointments here, one booking there."""
    other = booked(practice, owner="call:9", attendee=Attendee("Max Muster", "+491709999999"))
    sandbox.faults.add("existing_booking", method="POST")
    outcome = book(practice)
    assert outcome.settled == "taken"
    assert appointments(practice) == [other]
    assert len(standing()) == 1


def test_an_installation_that_gives_no_metadata_back_is_believed_when_all_else_fits(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.sandbox.inputs.metadata", lambda body: {})
    assert book(practice).settled == "done"


def test_what_the_business_must_confirm_is_requested(practice: Business, sandbox: SandboxServer) -> None:
    event_type(sandbox).requires_confirmation = True
    outcome = book(practice)
    assert outcome.appointment is not None
    assert (outcome.settled, outcome.appointment.status) == ("done", Status.REQUESTED)


# --- Slow, and unknown --------------------------------------------------------------------------


def test_slow_is_not_unknown(practice: Business, sandbox: SandboxServer, standing: Standing) -> None:
    sandbox.faults.add("latency", method="POST", ms=1200)
    first = book(practice, patience=1.0)
    assert (first.settled, posts(sandbox)) == ("pending", 1)
    assert not is_quiet(practice)
    again = book(practice)
    assert again.settled == "already"
    assert (posts(sandbox), len(standing())) == (1, 1)
    assert gateway.drain(seconds=5)
    assert is_quiet(practice)


def test_a_move_whose_answer_is_lost_is_not_followed_by_another_until_it_is_known(
    practice: Business, sandbox: SandboxServer
) -> None:
    """The calendar knows it under another uid already: asked by the old one, it refuses."""
    made = booked(practice)
    sandbox.faults.add("latency", method="POST", path="*/reschedule", ms=1200, at="after")
    assert move(practice, made, patience=1.0).settled == "pending"
    assert move(practice, made, START + timedelta(hours=2), patience=0.6).settled == "pending"
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/reschedule") == 1
    sandbox.faults.clear()
    assert gateway.drain(seconds=5)
    moved = move(practice, fresh(made), START + timedelta(hours=2))
    assert (moved.settled, fresh(made).start) == ("done", START + timedelta(hours=2))


def test_what_was_cancelled_meanwhile_is_not_moved(practice: Business, sandbox: SandboxServer) -> None:
    made = booked(practice)
    sandbox.faults.add("latency", method="POST", path="*/cancel", ms=500)
    assert cancel(practice, made, owner="call:2", patience=0.6).settled == "pending"
    assert move(practice, made).settled == "refused"
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/reschedule") == 0


def test_a_webhook_that_is_faster_than_the_answer_settles_it(
    practice: Business, sandbox: SandboxServer
) -> None:
    """The echo of our own booking may come long before the answer does."""
    sandbox.faults.add("latency", method="POST", ms=2500, at="after")

    def echo() -> None:
        deadline = time.monotonic() + 2
        while not sandbox.calendar.bookings and time.monotonic() < deadline:
            time.sleep(0.02)
        (there,) = sandbox.calendar.bookings.values()
        body = payloads.envelope(
            "BOOKING_CREATED", payloads.full(there, there.attendees[0]), now=sandbox.calendar.now()
        )
        with company_scope(practice.company.pk):
            following.apply_webhook(practice.company, body)

    began = time.monotonic()
    outcome, _ = at_once(lambda: book(practice), echo)
    assert outcome.settled == "done"
    assert time.monotonic() - began < 2.3
    assert gateway.drain(seconds=5)
    (appointment,) = appointments(practice)
    assert (appointment.attendee_name, appointment.booked_elsewhere) == ("Erika Muster", False)


COMMITTED: list[dict[str, Any]] = [
    {"kind": "commit_then_500"},
    {"kind": "commit_then_500", "status": 502},
    {"kind": "commit_then_reset"},
    *({"kind": "malformed", "form": form} for form in FORMS["malformed"]),
]


@pytest.mark.parametrize("fault", COMMITTED, ids=lambda fault: str(fault.get("form") or fault["kind"]))
def test_a_booking_that_was_made_is_seen_at_once_whatever_became_of_the_answer(
    practice: Business, sandbox: SandboxServer, standing: Standing, fault: dict[str, Any]
) -> None:
    sandbox.faults.add(method="POST", **fault)
    outcome = book(practice)
    assert outcome.settled == "done"
    assert (posts(sandbox), len(standing()), len(appointments(practice))) == (1, 1, 1)
    assert is_quiet(practice)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_after_which_nothing_is_to_be_seen_is_pending_and_never_sent_again(
    practice: Business, sandbox: SandboxServer, standing: Standing, status: int
) -> None:
    sandbox.faults.add("status", method="POST", status=status)
    assert book(practice).settled == "pending"
    assert (the_attempt(practice).state, posts(sandbox)) == (State.UNKNOWN, 1)
    assert gateway.drain(seconds=5)
    assert not is_quiet(practice)
    assert book(practice).settled == "pending"
    assert (posts(sandbox), standing()) == (1, [])


def test_a_booking_that_may_stand_takes_up_one_seat_and_not_another_for_its_hold(
    practice: Business, sandbox: SandboxServer
) -> None:
    practice.service.capacity = 2
    with company_scope(practice.company.pk):
        practice.service.save()
    assert search(practice, wish("14:00")).matches == (START,)
    sandbox.faults.add("status", method="POST", status=500)
    assert book(practice).settled == "pending"
    assert the_attempt(practice).state == State.UNKNOWN
    assert search(practice, wish("14:00"), owner="call:2", phone=None).matches == (START,)
    assert search(practice, wish("14:00"), owner="call:3", phone=None).matches == ()


def test_a_read_replica_that_lags_makes_it_pending_and_reconciliation_sees_it(
    practice: Business, sandbox: SandboxServer, clock: Any
) -> None:
    sandbox.calendar.behaviour.read_lag_ms = 500
    sandbox.faults.add("commit_then_500", method="POST")
    assert book(practice).settled == "pending"
    clock.shift(1)
    with company_scope(practice.company.pk):
        settlement = reconciliation.settle(the_attempt(practice).pk)
    assert settlement is not None
    assert settlement.state == State.CONFIRMED
    assert book(practice).settled == "already"


def test_a_calendar_that_is_not_there_is_unavailable_and_nothing_is_left_open(practice: Business) -> None:
    with company_scope(practice.company.pk):
        practice.calendar.base_url = "http://127.0.0.1:9/v2"
        practice.calendar.save()
    assert book(practice).settled == "unavailable"
    assert the_attempt(practice).state == State.REJECTED


def test_an_open_breaker_sends_nothing_and_keeps_the_hold(practice: Business, sandbox: SandboxServer) -> None:
    for _ in range(5):
        runtime.breaker(practice.calendar.pk).allow().fault()
    with company_scope(practice.company.pk):
        Hold.objects.create(
            company=practice.company,
            event_type=practice.event_type,
            start=START,
            end=START + timedelta(minutes=45),
            owner="call:1",
            expires_at=timezone.now() + timedelta(minutes=2),
        )
        outcome = book(practice)
        assert (outcome.settled, outcome.code) == ("unavailable", "breaker")
        assert Hold.objects.exists()
    assert (posts(sandbox), the_attempt(practice).state) == (0, State.REJECTED)


def test_an_exhausted_budget_is_unavailable_at_once_and_nothing_is_left_open(
    practice: Business, sandbox: SandboxServer
) -> None:
    runtime.budget(practice.calendar.pk).block(seconds=30)
    began = time.monotonic()
    assert book(practice).settled == "unavailable"
    assert time.monotonic() - began < 1
    assert (posts(sandbox), the_attempt(practice).error_code) == (0, "unavailable_budget")


def test_the_outcome_is_written_through_a_moment_without_a_database(
    practice: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.scheduling.submission.DATABASE_PAUSES", (0.01, 0.01))
    confirm, failures = truth.confirm_booking, iter([OperationalError("gone"), OperationalError("gone")])

    def failing_twice(*args: Any) -> Any:
        for error in failures:
            raise error
        return confirm(*args)

    monkeypatch.setattr(truth, "confirm_booking", failing_twice)
    assert book(practice).settled == "done"


def test_a_database_that_is_gone_when_the_caller_is_to_be_told_means_pending(
    practice: Business, standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    appointment = booked(practice)

    def gone(*args: Any) -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr("apps.scheduling.submission.as_it_is", gone)
    assert move(practice, appointment).settled == "pending"
    assert standing()[0].start == LATER.timestamp()


def test_a_broker_that_is_gone_fails_and_delays_nobody(
    practice: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def gone(*args: Any, **kwargs: Any) -> Any:
        asked.append(time.monotonic())
        time.sleep(0.5)
        raise kombu.exceptions.OperationalError("no broker")

    monkeypatch.setattr(tasks.sweep, "apply_async", gone)
    began = time.monotonic()
    assert book(practice).settled == "done"
    assert time.monotonic() - began < 0.45
    assert gateway.drain(seconds=5)
    assert len(asked) == 1


def test_what_was_ended_before_its_caller_heard_of_it_is_not_called_booked(practice: Business) -> None:
    appointment = booked(practice)
    with company_scope(practice.company.pk):
        truth.move_appointment(appointment, to=Status.CANCELLED)
        outcome = read(BookingAttempt.objects.select_related("appointment").get())
    assert (outcome.settled, outcome.appointment) == ("refused", None)


# --- Who it is for ------------------------------------------------------------------------------


def customers(business: Business) -> list[Customer]:
    with company_scope(business.company.pk):
        return list(Customer.objects.order_by("id"))


def test_callers_without_an_e_mail_do_not_collide(practice: Business) -> None:
    """Incident 39: '' in a unique column."""
    booked(practice)
    booked(practice, LATER, attendee=Attendee("Max Muster", "+491709999999"))
    assert [one.email for one in customers(practice)] == [None, None]


def test_the_companys_placeholder_is_nobodys_address(practice: Business, standing: Standing) -> None:
    booked(
        practice,
        attendee=Attendee("Erika Muster", CALLER, email="termin+1@praxis.example", own_email=False),
    )
    assert standing()[0].attendees[0].email == "termin+1@praxis.example"
    assert customers(practice)[0].email is None


def test_who_books_for_somebody_else_stays_who_they_are(practice: Business, standing: Standing) -> None:
    booked(practice)
    child = booked(practice, LATER, attendee=Attendee("Max Muster", CALLER))
    (customer,) = customers(practice)
    assert (customer.name, child.attendee_name) == ("Erika Muster", "Max Muster")
    assert {one.attendees[0].name for one in standing()} == {"Erika Muster", "Max Muster"}


def test_an_address_said_later_is_kept(practice: Business) -> None:
    booked(practice)
    booked(practice, LATER, attendee=Attendee("Erika Muster", CALLER, email="erika@example.com"))
    assert customers(practice)[0].email == "erika@example.com"


def test_eight_first_bookings_of_one_number_at_once_make_one_customer(practice: Business) -> None:
    starts = [START + timedelta(hours=number) for number in range(4)]
    outcomes = at_once(*[lambda at=at: book(practice, at) for at in starts])
    assert [one.settled for one in outcomes] == ["done"] * 4
    assert len(customers(practice)) == 1


def test_two_companies_know_the_same_number_apart(practice: Business, linden: Business) -> None:
    booked(practice)
    booked(linden)
    assert [one.company_id for one in customers(practice)] == [practice.company.pk]
    assert [one.company_id for one in customers(linden)] == [linden.company.pk]


def test_no_more_open_appointments_than_the_service_allows_also_at_once(
    practice: Business, standing: Standing
) -> None:
    with company_scope(practice.company.pk):
        practice.service.max_open_appointments = 2
        practice.service.save()
    starts = [START + timedelta(hours=number) for number in range(4)]
    outcomes = at_once(*[lambda at=at: book(practice, at, owner=f"call:{at.hour}") for at in starts])
    assert sorted(one.settled for one in outcomes) == ["done", "done", "refused", "refused"]
    assert {one.code for one in outcomes if one.settled == "refused"} == {"max_open_appointments"}
    assert len(standing()) == 2
    # The same wish again is no further appointment.
    taken = next(at for at, one in zip(starts, outcomes, strict=True) if one.settled == "done")
    assert book(practice, taken, owner=f"call:{taken.hour}").settled == "already"


def test_a_reference_belongs_to_one_appointment_of_the_company(practice: Business) -> None:
    first = make_appointment(practice, start=START, uid="uid-1")
    with company_scope(practice.company.pk):
        second = insert_appointment(
            Appointment(
                company=practice.company,
                branch=practice.branch,
                service=practice.service,
                event_type=practice.event_type,
                status=Status.CONFIRMED,
                start=LATER,
                end=LATER + timedelta(minutes=45),
                calendar_uid="uid-2",
                root_uid="uid-2",
                reference=first.reference,
            )
        )
    assert second.pk is not None
    assert second.reference != first.reference


def test_a_booking_that_two_writers_record_at_once_is_one_appointment(
    practice: Business, sandbox: SandboxServer
) -> None:
    """Incident 51: two listeners, two bookings."""
    sandbox.faults.add("commit_then_500", method="POST", count=1)
    sandbox.calendar.behaviour.read_lag_ms = 60_000
    book(practice)
    (there,) = sandbox.calendar.bookings.values()
    answer = parse_booking(wire.booking(there))

    def record() -> Appointment | None:
        with company_scope(practice.company.pk):
            return truth.confirm_booking(BookingAttempt.objects.get(), answer)

    recorded = at_once(*[record] * 5)
    assert len({one.pk for one in recorded if one is not None}) == 1
    assert len(appointments(practice)) == 1
    assert len(attempts(practice)) == 1


# --- Threads ------------------------------------------------------------------------------------


def test_threads_know_whose_work_it_is_and_leave_no_connection(
    practice: Business, linden: Business, sandbox: SandboxServer
) -> None:
    sandbox.faults.add("latency", method="POST", ms=200)
    outcomes = at_once(*[lambda: book(practice), lambda: book(linden)] * 2)
    assert sorted(one.settled for one in outcomes) == ["already", "already", "done", "done"]
    for business in (practice, linden):
        assert [one.company_id for one in appointments(business)] == [business.company.pk]
    assert gateway.drain(seconds=5)


def test_a_request_whose_caller_hung_up_still_records_what_came_back(
    practice: Business, sandbox: SandboxServer
) -> None:
    sandbox.faults.add("latency", method="POST", ms=500)
    assert book(practice, patience=0.0).settled == "pending"
    assert gateway.drain(seconds=5)
    assert the_attempt(practice).state == State.CONFIRMED
    assert len(appointments(practice)) == 1
