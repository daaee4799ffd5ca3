"""What nobody could say is settled by looking: every state that a dying process may leave has an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.calls.models import CallbackRequest
from apps.core import runtime
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway, reconciliation, tasks, truth
from apps.scheduling.booking import Attendee
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.payloads import Booking, BookingRequest
from apps.scheduling.models import Appointment, BookingAttempt
from apps.scheduling.reconciliation import Settlement
from apps.tenants.scoping import company_scope
from tests.factories import API_KEY, CALLER, Business, make_appointment, make_attempt, make_call
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

State = BookingAttempt.State
Kind = BookingAttempt.Kind
Status = Appointment.Status
pytestmark = pytest.mark.usefixtures("plenty")
Standing = Callable[[], list[Any]]


def client(sandbox: SandboxServer) -> CalcomClient:
    return CalcomClient(base_url=sandbox.base_url, api_key=API_KEY)


def deadline() -> float:
    return time.monotonic() + 5


def in_calendar(
    sandbox: SandboxServer, *, key: str = "", name: str = "Erika Muster", **values: Any
) -> Booking:
    """A booking that is in the calendar, made by whoever; with ``key`` by one of our requests."""
    request = BookingRequest(
        event_type_id=123,
        start=values.get("start", START),
        name="Erika Muster",
        time_zone="Europe/Berlin",
        phone=values.get("phone", CALLER),
        metadata={"idem": key} if key else {},
    )
    return client(sandbox).create_booking(request, deadline=deadline())


def left_behind(business: Business, state: State, **values: Any) -> BookingAttempt:
    """An attempt as a process left it that was killed; its time to be looked at has come."""
    known: dict[str, Any] = {"submitted_at": timezone.now() if state != State.REQUESTED else None}
    return make_attempt(business, start=START, state=state, **{**known, **values})


def settle(business: Business, attempt: BookingAttempt, *, final: bool = False) -> Settlement | None:
    with company_scope(business.company.pk):
        return reconciliation.settle(attempt.pk, final=final)


def state_of(business: Business, attempt: BookingAttempt) -> str:
    with company_scope(business.company.pk):
        return BookingAttempt.objects.values_list("state", flat=True).get(pk=attempt.pk)


def callbacks(business: Business) -> list[str]:
    with company_scope(business.company.pk):
        return list(CallbackRequest.objects.order_by("id").values_list("kind", flat=True))


def posts(sandbox: SandboxServer) -> int:
    return sandbox.journal.count("POST", "/v2/bookings")


# --- A process killed between any two steps -----------------------------------------------------


def test_killed_before_it_asked_nothing_was_sent_and_the_slot_is_free(
    practice: Business, sandbox: SandboxServer
) -> None:
    attempt = left_behind(practice, State.REQUESTED)
    settlement = settle(practice, attempt)
    assert settlement is not None
    assert (settlement.state, attempts(practice)[0].error_code) == (State.REJECTED, "never_sent")
    assert sandbox.requests == []
    assert book(practice).settled == "done"


def test_killed_while_it_asked_and_nothing_arrived(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, standing: Standing
) -> None:
    attempt = left_behind(practice, State.SUBMITTING)
    settle(practice, attempt)
    assert state_of(practice, attempt) == State.UNKNOWN
    for _ in range(4):
        clock.shift(timedelta(minutes=11))
        settle(practice, attempt)
    assert (state_of(practice, attempt), attempts(practice)[0].error_code) == (
        State.REJECTED,
        "not_in_calendar",
    )
    assert (posts(sandbox), standing()) == (0, [])


def test_killed_after_the_calendar_had_booked(practice: Business, sandbox: SandboxServer) -> None:
    attempt = left_behind(practice, State.SUBMITTING)
    there = in_calendar(sandbox, key=attempt.calendar_key)
    settlement = settle(practice, attempt)
    assert settlement is not None
    assert settlement.state == State.CONFIRMED
    (appointment,) = appointments(practice)
    assert (appointment.calendar_uid, appointment.start) == (there.uid, START)
    assert the_attempt(practice).appointment == appointment


def test_killed_after_the_record_the_repeated_wish_is_answered(
    practice: Business, sandbox: SandboxServer
) -> None:
    booked(practice)
    assert book(practice).settled == "already"
    assert posts(sandbox) == 1


def test_killed_while_it_moved(practice: Business, sandbox: SandboxServer) -> None:
    appointment = booked(practice)
    attempt = left_behind(
        practice, State.SUBMITTING, kind=Kind.RESCHEDULE, appointment=appointment, key="move", owner="call:2"
    )
    with company_scope(practice.company.pk):
        BookingAttempt.objects.filter(pk=attempt.pk).update(start=LATER, end=LATER + timedelta(minutes=45))
    there = client(sandbox).reschedule_booking(uid=appointment.calendar_uid, start=LATER, deadline=deadline())
    settle(practice, attempt)
    moved = fresh(appointment)
    assert (moved.calendar_uid, moved.start, moved.moves) == (there.uid, LATER, 1)
    assert moved.root_uid == appointment.calendar_uid
    assert state_of(practice, attempt) == State.CONFIRMED


def test_killed_while_it_cancelled(practice: Business, sandbox: SandboxServer) -> None:
    appointment = booked(practice)
    attempt = left_behind(
        practice, State.SUBMITTING, kind=Kind.CANCEL, appointment=appointment, key="cancel", owner="call:2"
    )
    client(sandbox).cancel_booking(uid=appointment.calendar_uid, reason="x", deadline=deadline())
    settle(practice, attempt)
    assert (fresh(appointment).status, state_of(practice, attempt)) == (Status.CANCELLED, State.CONFIRMED)


@pytest.mark.parametrize("kind", [Kind.RESCHEDULE, Kind.CANCEL])
def test_killed_before_a_change_arrived_the_appointment_stands_and_somebody_calls(
    practice: Business, sandbox: SandboxServer, kind: BookingAttempt.Kind
) -> None:
    appointment = booked(practice)
    attempt = left_behind(
        practice, State.SUBMITTING, kind=kind, appointment=appointment, key="change", owner="call:2"
    )
    with company_scope(practice.company.pk):
        BookingAttempt.objects.filter(pk=attempt.pk).update(start=LATER, end=LATER + timedelta(minutes=45))
    settle(practice, attempt, final=True)
    assert (fresh(appointment).status, fresh(appointment).start) == (Status.CONFIRMED, START)
    assert state_of(practice, attempt) == State.REJECTED
    assert callbacks(practice) == ["lost_change"]


def test_a_live_request_is_left_alone_until_its_time_is_over(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    attempt = left_behind(practice, State.SUBMITTING, check_at=timezone.now() + timedelta(seconds=35))
    assert settle(practice, attempt) is None
    assert state_of(practice, attempt) == State.SUBMITTING
    assert sandbox.requests == []
    clock.shift(36)
    assert settle(practice, attempt) is not None


# --- When it is looked --------------------------------------------------------------------------


def test_it_is_looked_after_one_three_and_eight_seconds_then_every_few_minutes(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    sandbox.faults.add("reset", method="POST", count=1)
    book(practice)
    became_unknown = timezone.now()
    looks: list[float] = []
    for _ in range(6):
        due = the_attempt(practice).check_at
        assert due is not None
        looks.append((due - became_unknown).total_seconds())
        clock.move_to(due)
        settle(practice, the_attempt(practice))
    assert looks == [1, 3, 8, 128, 248, 368]


def test_not_found_before_half_an_hour_is_not_given_up_and_then_it_is(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    sandbox.faults.add("reset", method="POST", count=1)
    book(practice)
    began = timezone.now()
    while the_attempt(practice).state == State.UNKNOWN:
        due = the_attempt(practice).check_at
        assert due is not None
        clock.move_to(due)
        settle(practice, the_attempt(practice))
    minutes = (timezone.now() - began).total_seconds() / 60
    assert 30 < minutes < 34
    assert book(practice, owner="call:2").settled == "done"


def test_a_calendar_that_cannot_be_asked_proves_nothing(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    attempt = left_behind(practice, State.UNKNOWN)
    sandbox.faults.add("status", method="GET", status=503)
    for _ in range(4):
        clock.shift(timedelta(minutes=20))
        settle(practice, attempt, final=True)
        runtime.breaker(practice.calendar.pk).reset()
    row = the_attempt(practice)
    assert (row.state, row.checks) == (State.UNKNOWN, 0)
    sandbox.faults.clear()
    there = in_calendar(sandbox, key=attempt.calendar_key)
    clock.shift(60)
    settle(practice, attempt)
    assert appointments(practice)[0].calendar_uid == there.uid


def test_a_list_that_is_not_complete_proves_no_absence(practice: Business, sandbox: SandboxServer) -> None:
    attempt = left_behind(practice, State.UNKNOWN)
    sandbox.faults.add("malformed", method="GET", form="wrong_shape")
    settle(practice, attempt, final=True)
    assert state_of(practice, attempt) == State.UNKNOWN


def test_two_who_look_at_once_are_one_look(practice: Business, sandbox: SandboxServer) -> None:
    attempt = left_behind(practice, State.UNKNOWN)
    sandbox.faults.add("latency", method="GET", ms=150)
    seen = at_once(*[lambda: settle(practice, attempt)] * 4)
    assert sum(one is not None for one in seen) == 1
    assert sandbox.journal.count("GET", "/v2/bookings") == 1


def test_the_schedule_settles_what_is_due_company_by_company(
    practice: Business, linden: Business, sandbox: SandboxServer
) -> None:
    here = left_behind(practice, State.SUBMITTING)
    there = left_behind(linden, State.REQUESTED)
    later = left_behind(linden, State.UNKNOWN, key="wish-2", check_at=timezone.now() + timedelta(minutes=1))
    in_calendar(sandbox, key=here.calendar_key)
    assert reconciliation.companies_with_due() == [practice.company.pk, linden.company.pk]
    assert [reconciliation.settle_due(one.company.pk) for one in (practice, linden)] == [1, 1]
    assert state_of(practice, here) == State.CONFIRMED
    assert state_of(linden, there) == State.REJECTED
    assert state_of(linden, later) == State.UNKNOWN


def test_without_a_broker_the_schedule_settles_by_itself(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = left_behind(practice, State.SUBMITTING)
    in_calendar(sandbox, key=attempt.calendar_key)

    def gone(*args: Any, **kwargs: Any) -> Any:
        raise ConnectionRefusedError

    for task in (tasks.settle_company, tasks.sweep):
        monkeypatch.setattr(task, "apply_async", gone)
    tasks.settle_due_attempts()
    assert state_of(practice, attempt) == State.CONFIRMED


def test_an_attempt_of_a_company_without_a_calendar_ends_too(practice: Business) -> None:
    attempt = left_behind(practice, State.UNKNOWN)
    with company_scope(practice.company.pk):
        practice.calendar.delete()
    settle(practice, attempt)
    assert attempts(practice)[0].error_code == "no_calendar"


def test_by_hand_the_looks_follow_each_other_and_end_it(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.faults.add("reset", method="POST", count=1)
    book(practice)
    old = left_behind(
        practice, State.UNKNOWN, key="old", submitted_at=timezone.now() - timedelta(minutes=5), owner="call:9"
    )
    pauses: list[float] = []
    monkeypatch.setattr(gateway, "pause", pauses.append)
    settled = {one.attempt_id: one.state for one in reconciliation.settle_now(practice.company.pk)}
    assert pauses == [1, 2, 5]
    assert settled == {attempts(practice)[0].pk: State.REJECTED, old.pk: State.REJECTED}
    # One in the request itself, three more; and one for the old one.
    assert sandbox.journal.count("GET", "/v2/bookings") == 1 + 3 + 1
    assert book(practice, owner="call:2").settled == "done"


def test_by_hand_a_live_request_is_looked_beside_and_not_given_up_too_early(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, standing: Standing
) -> None:
    """The answer is on its way for longer than the looks take: adopted, and somebody calls."""
    sandbox.faults.add("latency", method="POST", ms=900)
    assert book(practice, patience=0.6).settled == "pending"
    monkeypatch.setattr(gateway, "pause", lambda seconds: None)
    (settled,) = reconciliation.settle_now(practice.company.pk)
    assert settled.state == State.REJECTED
    assert gateway.drain(seconds=5)
    assert the_attempt(practice).state == State.CONFIRMED
    assert len(standing()) == len(appointments(practice)) == 1
    assert callbacks(practice) == ["lost_booking", "late_booking"]


def test_by_hand_what_the_calendar_has_already_is_found_beside_its_live_request(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.faults.add("latency", method="POST", ms=900, at="after")
    assert book(practice, patience=0.6).settled == "pending"
    until = deadline()
    while not sandbox.calendar.bookings and time.monotonic() < until:
        time.sleep(0.01)
    pauses: list[float] = []
    monkeypatch.setattr(gateway, "pause", pauses.append)
    (settled,) = reconciliation.settle_now(practice.company.pk)
    assert (settled.state, pauses) == (State.CONFIRMED, [1])
    assert gateway.drain(seconds=5)
    assert len(appointments(practice)) == 1
    assert callbacks(practice) == []


# --- What appears after all ---------------------------------------------------------------------


def test_what_a_caller_was_told_is_being_checked_and_is_not_there_becomes_a_callback(
    practice: Business, sandbox: SandboxServer
) -> None:
    call = make_call(practice)
    sandbox.faults.add("reset", method="POST", count=1)
    book(practice, owner=call.owner_key)
    settle(practice, the_attempt(practice), final=True)
    with company_scope(practice.company.pk):
        callback = CallbackRequest.objects.get()
    assert (callback.kind, callback.call_id, callback.branch_id) == (
        "lost_booking",
        call.pk,
        practice.branch.pk,
    )
    assert (callback.name, callback.phone) == ("Erika Muster", CALLER)


def test_who_got_another_appointment_in_the_same_call_is_not_called_back(
    practice: Business, sandbox: SandboxServer
) -> None:
    call = make_call(practice)
    sandbox.faults.add("reset", method="POST", count=1)
    book(practice, owner=call.owner_key)
    booked(practice, LATER, owner=call.owner_key)
    settle(practice, attempts(practice)[0], final=True)
    assert callbacks(practice) == []


def test_a_slot_that_was_lost_while_the_caller_was_told_to_wait_becomes_a_callback(
    practice: Business, sandbox: SandboxServer
) -> None:
    booked(practice, owner="call:9", attendee=Attendee("Max Muster", "+491709999999"))
    sandbox.faults.add("latency", method="POST", ms=900)
    assert book(practice, patience=0.7).settled == "pending"
    assert gateway.drain(seconds=5)
    assert attempts(practice)[-1].state == State.REJECTED
    assert callbacks(practice) == ["lost_booking"]


def test_a_refusal_that_its_caller_hears_is_no_callback(practice: Business) -> None:
    booked(practice, owner="call:9", attendee=Attendee("Max Muster", "+491709999999"))
    assert book(practice).settled == "taken"
    assert callbacks(practice) == []


def test_a_booking_that_appears_after_it_was_given_up_is_adopted_and_somebody_calls(
    practice: Business, sandbox: SandboxServer
) -> None:
    attempt = left_behind(practice, State.UNKNOWN)
    settle(practice, attempt, final=True)
    there = in_calendar(sandbox, key=attempt.calendar_key)
    with company_scope(practice.company.pk):
        truth.confirm_booking(attempt, there)
        truth.confirm_booking(attempt, there)
    assert state_of(practice, attempt) == State.CONFIRMED
    assert [one.calendar_uid for one in appointments(practice)] == [there.uid]
    assert callbacks(practice) == ["lost_booking", "late_booking"]


def test_two_bookings_of_one_wish_are_found_and_the_later_one_is_cancelled(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, standing: Standing
) -> None:
    first, second = made_twice(practice, sandbox, clock)
    attempt = attempts(practice)[0]
    settle(practice, attempt)
    assert state_of(practice, attempt) == State.CONFIRMED
    undoing = attempts(practice)[1]
    assert (undoing.kind, undoing.owner, undoing.error_code) == (Kind.CANCEL, "platform", "double_booking")
    settle(practice, undoing)
    assert [one.uid for one in standing()] == [first.uid]
    assert {one.calendar_uid: one.status for one in appointments(practice)} == {
        first.uid: Status.CONFIRMED,
        second.uid: Status.CANCELLED,
    }
    assert callbacks(practice) == []


def made_twice(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> tuple[Booking, Booking]:
    """A request that a proxy sent twice, to a team of two: both bookings carry its key."""
    owner = sandbox.calendar.accounts[API_KEY]
    team = owner.event_types[123]
    colleague = replace(team.hosts[0], id=99, username="kollege", email="k@praxis.example", days={}, busy=[])
    team.hosts, team.scheduling = [team.hosts[0], colleague], "roundRobin"
    attempt = left_behind(practice, State.UNKNOWN)
    first = in_calendar(sandbox, key=attempt.calendar_key)
    clock.shift(1)
    second = in_calendar(sandbox, key=attempt.calendar_key, phone="+491700000000")
    assert first.uid != second.uid
    return first, second


def test_a_double_that_turns_up_after_the_confirmation_is_cancelled_too(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, standing: Standing
) -> None:
    first, second = made_twice(practice, sandbox, clock)
    attempt = attempts(practice)[0]
    with company_scope(practice.company.pk):
        truth.confirm_booking(attempt, first)
        for _ in range(2):
            truth.confirm_booking(attempt, second)
    assert len(attempts(practice)) == 2
    settle(practice, attempts(practice)[1])
    assert [one.uid for one in standing()] == [first.uid]


def test_a_double_that_cannot_be_read_back_yet_is_not_taken_for_gone(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, standing: Standing
) -> None:
    first, _ = made_twice(practice, sandbox, clock)
    settle(practice, attempts(practice)[0])
    sandbox.calendar.behaviour.read_lag_ms = 5_000
    settle(practice, attempts(practice)[1])
    assert attempts(practice)[1].state == State.UNKNOWN
    clock.shift(10)
    settle(practice, attempts(practice)[1])
    assert [one.uid for one in standing()] == [first.uid]


def test_a_double_waits_for_the_calendar_as_long_as_it_takes(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller, standing: Standing
) -> None:
    first, _ = made_twice(practice, sandbox, clock)
    settle(practice, attempts(practice)[0])
    sandbox.faults.add("status", path="/v2/bookings/*", status=503)
    for _ in range(3):
        clock.shift(timedelta(minutes=40))
        settle(practice, attempts(practice)[1], final=True)
        runtime.breaker(practice.calendar.pk).reset()
    assert attempts(practice)[1].state == State.UNKNOWN
    sandbox.faults.clear()
    clock.shift(timedelta(minutes=1))
    settle(practice, attempts(practice)[1])
    assert [one.uid for one in standing()] == [first.uid]


def test_a_double_that_may_not_be_cancelled_becomes_somebodys_business(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    made_twice(practice, sandbox, clock)
    settle(practice, attempts(practice)[0])
    sandbox.calendar.accounts[API_KEY].event_types[123].disable_cancelling = True
    settle(practice, attempts(practice)[1])
    assert attempts(practice)[1].error_code == "cancel_not_allowed"
    assert callbacks(practice) == ["double_booking"]


def test_a_moved_booking_is_no_double_of_itself(practice: Business, sandbox: SandboxServer) -> None:
    """Cal.com carries the metadata over: the booking at the new time has our key as well."""
    appointment = booked(practice)
    attempt = the_attempt(practice)
    moved = client(sandbox).reschedule_booking(uid=appointment.calendar_uid, start=LATER, deadline=deadline())
    assert moved.metadata["idem"] == attempt.calendar_key
    with company_scope(practice.company.pk):
        truth.confirm_booking(attempt, moved)
    assert len(attempts(practice)) == 1


# --- Moving and cancelling ----------------------------------------------------------------------


def test_a_move_gives_the_appointment_its_new_uid_and_keeps_its_first(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    appointment = booked(practice)
    before = version(practice)
    outcome = move(practice, appointment)
    assert outcome.settled == "done"
    moved = fresh(appointment)
    (there,) = standing()
    assert (moved.calendar_uid, moved.start, moved.moves) == (there.uid, LATER, 1)
    assert moved.root_uid == appointment.calendar_uid
    assert version(practice) > before
    assert move(practice, moved, LATER).settled == "already"
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/reschedule") == 1


def test_a_time_that_is_taken_leaves_the_appointment_where_it_was(
    practice: Business, standing: Standing
) -> None:
    appointment = booked(practice)
    booked(practice, LATER, owner="call:9", attendee=Attendee("Max Muster", "+491709999999"))
    assert move(practice, appointment).settled == "taken"
    assert fresh(appointment).start == START
    assert len(standing()) == 2


@pytest.mark.parametrize("fault", ["commit_then_500", "commit_then_reset"])
def test_a_move_that_was_made_is_seen_at_once_by_its_chain(
    practice: Business, sandbox: SandboxServer, standing: Standing, fault: str
) -> None:
    """Incident 13: "error", though moved."""
    appointment = booked(practice)
    sandbox.faults.add(fault, method="POST")
    assert move(practice, appointment).settled == "done"
    (there,) = standing()
    assert (fresh(appointment).calendar_uid, fresh(appointment).start) == (there.uid, LATER)
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/reschedule") == 1


@pytest.mark.parametrize("fault", ["commit_then_500", "commit_then_reset"])
def test_a_cancellation_that_was_made_is_seen_at_once(
    practice: Business, sandbox: SandboxServer, standing: Standing, fault: str
) -> None:
    appointment = booked(practice)
    sandbox.faults.add(fault, method="POST")
    assert cancel(practice, appointment).settled == "done"
    assert (fresh(appointment).status, standing()) == (Status.CANCELLED, [])


def test_a_change_that_did_not_arrive_is_pending_and_sent_once(
    practice: Business, sandbox: SandboxServer
) -> None:
    appointment = booked(practice)
    sandbox.faults.add("reset", method="POST")
    assert move(practice, appointment).settled == "pending"
    assert move(practice, appointment).settled == "pending"
    assert cancel(practice, appointment).settled == "pending"
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/reschedule") == 1
    assert sandbox.journal.count("POST", "/v2/bookings/{uid}/cancel") == 1


def test_cancelling_what_the_business_has_cancelled_is_done(
    practice: Business, sandbox: SandboxServer
) -> None:
    appointment = booked(practice)
    client(sandbox).cancel_booking(uid=appointment.calendar_uid, reason="x", deadline=deadline())
    assert cancel(practice, appointment).settled == "done"
    assert fresh(appointment).status == Status.CANCELLED


def test_cancelling_what_the_calendar_cannot_read_back_yet_is_not_done(
    practice: Business, sandbox: SandboxServer, standing: Standing, clock: time_machine.Traveller
) -> None:
    """Booked a moment ago, its replica knows nothing of it: "not found" is no cancellation."""
    appointment = booked(practice)
    sandbox.calendar.behaviour.read_lag_ms = 500
    assert cancel(practice, appointment).settled == "pending"
    assert (fresh(appointment).status, len(standing())) == (Status.CONFIRMED, 1)
    clock.shift(2)
    settle(practice, attempts(practice)[1])
    assert attempts(practice)[1].state == State.REJECTED
    assert (fresh(appointment).status, callbacks(practice)) == (Status.CONFIRMED, ["lost_change"])
    assert cancel(practice, appointment).settled == "done"
    assert (fresh(appointment).status, standing()) == (Status.CANCELLED, [])


def test_cancelling_what_is_no_longer_in_the_calendar_at_all_is_done(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    appointment = booked(practice)
    sandbox.calendar.bookings.clear()
    clock.shift(timedelta(minutes=2))
    assert cancel(practice, appointment).settled == "done"
    assert fresh(appointment).status == Status.CANCELLED


def test_cancelling_what_was_moved_elsewhere_meanwhile_cancels_nothing(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    """Cal.com says "cancelled already" of the old uid; the appointment stands, at another time."""
    appointment = booked(practice)
    client(sandbox).reschedule_booking(uid=appointment.calendar_uid, start=LATER, deadline=deadline())
    outcome = cancel(practice, appointment)
    assert (outcome.settled, outcome.code) == ("refused", "moved_meanwhile")
    (there,) = standing()
    assert (fresh(appointment).calendar_uid, fresh(appointment).start) == (there.uid, LATER)
    assert fresh(appointment).status == Status.CONFIRMED


def test_moving_what_was_moved_elsewhere_meanwhile_moves_nothing(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    appointment = booked(practice)
    elsewhere = START + timedelta(hours=2)
    client(sandbox).reschedule_booking(uid=appointment.calendar_uid, start=elsewhere, deadline=deadline())
    outcome = move(practice, appointment)
    assert (outcome.settled, outcome.code) == ("refused", "moved_meanwhile")
    assert fresh(appointment).start == elsewhere
    assert len(standing()) == 1


def test_moving_what_is_cancelled_is_refused_and_noted(practice: Business, sandbox: SandboxServer) -> None:
    appointment = booked(practice)
    client(sandbox).cancel_booking(uid=appointment.calendar_uid, reason="x", deadline=deadline())
    outcome = move(practice, appointment)
    assert (outcome.settled, outcome.code) == ("refused", "already_cancelled")
    assert fresh(appointment).status == Status.CANCELLED


def test_moved_and_cancelled_at_once_from_two_calls_ends_in_what_the_calendar_has(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    appointment = booked(practice)
    sandbox.faults.add("latency", method="POST", ms=50)
    moving, cancelling = at_once(lambda: move(practice, appointment), lambda: cancel(practice, appointment))
    row = fresh(appointment)
    there = {one.uid: one.start for one in standing()}
    if there:
        assert (moving.settled, cancelling.code) == ("done", "moved_meanwhile")
        assert (list(there), row.status, row.start) == ([row.calendar_uid], Status.CONFIRMED, LATER)
    else:
        assert (moving.code, cancelling.settled) == ("already_cancelled", "done")
        assert row.status == Status.CANCELLED
    assert all(one.state in (State.CONFIRMED, State.REJECTED) for one in attempts(practice))


def test_moved_twice_at_once_from_two_calls_stands_at_one_of_both_times(
    practice: Business, sandbox: SandboxServer, standing: Standing
) -> None:
    appointment = booked(practice)
    sandbox.faults.add("latency", method="POST", ms=50)
    other = START + timedelta(hours=2)
    outcomes = at_once(
        lambda: move(practice, appointment, LATER, owner="call:2"),
        lambda: move(practice, appointment, other, owner="call:3"),
    )
    assert sorted(one.settled for one in outcomes) == ["done", "refused"]
    (there,) = standing()
    row = fresh(appointment)
    assert (row.calendar_uid, row.start.timestamp(), row.moves) == (there.uid, there.start, 1)


def test_a_late_answer_moves_nothing_back(practice: Business, sandbox: SandboxServer) -> None:
    """Two moves one after the other, and the first one's answer comes last."""
    appointment = booked(practice)
    first = client(sandbox).reschedule_booking(uid=appointment.calendar_uid, start=LATER, deadline=deadline())
    attempt = left_behind(
        practice, State.SUBMITTING, kind=Kind.RESCHEDULE, appointment=appointment, key="m", owner="call:2"
    )
    elsewhere = START + timedelta(hours=2)
    with company_scope(practice.company.pk):
        truth.confirm_move(attempt, first)
    outcome = move(practice, fresh(appointment), elsewhere, owner="call:3")
    assert outcome.settled == "done"
    with company_scope(practice.company.pk):
        truth.confirm_move(attempt, first)
    assert (fresh(appointment).start, fresh(appointment).moves) == (elsewhere, 2)


def test_a_move_of_what_must_be_confirmed_is_requested_anew(
    practice: Business, sandbox: SandboxServer
) -> None:
    appointment = booked(practice)
    sandbox.calendar.accounts[API_KEY].event_types[123].requires_confirmation = True
    outcome = move(practice, appointment)
    assert outcome.settled == "done"
    assert (fresh(appointment).status, fresh(appointment).start) == (Status.REQUESTED, LATER)


def test_what_stands_in_the_calendar_though_we_thought_it_ended_is_known_again(
    practice: Business, sandbox: SandboxServer
) -> None:
    appointment = booked(practice)
    moved = client(sandbox).reschedule_booking(uid=appointment.calendar_uid, start=LATER, deadline=deadline())
    attempt = left_behind(
        practice, State.SUBMITTING, kind=Kind.RESCHEDULE, appointment=appointment, key="m", owner="call:2"
    )
    with company_scope(practice.company.pk):
        truth.move_appointment(appointment, to=Status.CANCELLED)
        truth.confirm_move(attempt, moved)
    ended, successor = appointments(practice)
    assert (ended.status, successor.status) == (Status.CANCELLED, Status.CONFIRMED)
    assert (successor.calendar_uid, successor.customer, successor.root_uid) == (
        moved.uid,
        ended.customer,
        ended.root_uid,
    )


def test_of_another_companys_attempt_nothing_is_settled(
    practice: Business, linden: Business, sandbox: SandboxServer
) -> None:
    attempt = left_behind(practice, State.UNKNOWN)
    assert settle(linden, attempt) is None
    assert state_of(practice, attempt) == State.UNKNOWN
    make_appointment(linden, start=START)
    assert sandbox.requests == []
