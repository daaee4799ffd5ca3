"""States of attempts and appointments: what is not in the tables is refused by the conditional UPDATE.

A model that knows only the tables takes the same steps as the database, in every order that hypothesis
can think of; afterwards both agree. A second copy of each row, loaded at the beginning and never again,
takes part: whoever acts on an old view must not win by it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.scheduling import truth
from apps.scheduling.calcom.payloads import Booking
from apps.scheduling.models import Appointment, BookingAttempt
from apps.tenants.scoping import company_scope
from tests.factories import Business, make_appointment, make_attempt
from tests.scheduling.engine import LATER, START

State = BookingAttempt.State
Status = Appointment.Status

# The issue's own words, written down a second time: a change of the tables has to be meant.
ATTEMPT = {
    ("requested", "submitting"),
    ("requested", "rejected"),
    ("submitting", "confirmed"),
    ("submitting", "rejected"),
    ("submitting", "unknown"),
    ("unknown", "confirmed"),
    ("unknown", "rejected"),
    ("rejected", "confirmed"),
}
APPOINTMENT = {
    ("requested", "confirmed"),
    ("requested", "cancelled"),
    ("requested", "rejected"),
    ("confirmed", "requested"),
    ("confirmed", "cancelled"),
    ("confirmed", "rejected"),
}


def pairs(table: dict[str, frozenset[str]]) -> set[tuple[str, str]]:
    return {(str(source), str(target)) for source, targets in table.items() for target in targets}


def test_the_tables_are_the_ones_that_are_meant() -> None:
    assert pairs(BookingAttempt.TRANSITIONS) == ATTEMPT
    assert pairs(Appointment.TRANSITIONS) == APPOINTMENT


def fields_of(state: str) -> dict[str, Any]:
    """What the constraints want beside a state."""
    now = timezone.now()
    open_state = state in BookingAttempt.UNSETTLED
    return {"check_at": now if open_state else None, "settled_at": None if open_state else now}


@pytest.mark.parametrize("source", [state.value for state in State])
@pytest.mark.parametrize("target", [state.value for state in State])
def test_an_attempt_moves_only_as_its_table_says(inside: Business, source: str, target: str) -> None:
    attempt = make_attempt(inside, start=START, state=source, **fields_of(source))
    moved = truth.move_attempt(attempt, to=State(target), **fields_of(target))
    assert moved is ((source, target) in ATTEMPT)
    assert BookingAttempt.objects.get().state == (target if moved else source)


@pytest.mark.parametrize("source", [status.value for status in Status])
@pytest.mark.parametrize("target", [status.value for status in Status])
def test_an_appointment_moves_only_as_its_table_says(inside: Business, source: str, target: str) -> None:
    appointment = make_appointment(inside, start=START, status=source)
    moved = truth.move_appointment(appointment, to=Status(target))
    assert moved is ((source, target) in APPOINTMENT)
    assert Appointment.objects.get().status == (target if moved else source)


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.REJECTED])
def test_what_is_over_cannot_be_moved_to_another_time_either(inside: Business, status: Status) -> None:
    appointment = make_appointment(inside, start=START, status=status)
    assert not truth.change_appointment(appointment, to=Status.CONFIRMED, start=LATER)
    assert Appointment.objects.get().start == START


@pytest.mark.parametrize(
    "values",
    [
        {"state": "booked"},
        {"state": "unknown", "check_at": None},
        {"state": "submitting", "check_at": None},
        {"state": "confirmed", "settled_at": None, "check_at": None},
    ],
)
def test_the_database_refuses_an_attempt_that_makes_no_sense(
    inside: Business, values: dict[str, Any]
) -> None:
    attempt = make_attempt(inside, start=START)
    with pytest.raises(IntegrityError), transaction.atomic():
        BookingAttempt.objects.filter(pk=attempt.pk).update(**values)


@pytest.mark.parametrize(
    "values",
    [{"status": "booked"}, {"calendar_uid": ""}, {"end": START}, {"end": START - timedelta(minutes=1)}],
)
def test_the_database_refuses_an_appointment_that_makes_no_sense(
    inside: Business, values: dict[str, Any]
) -> None:
    appointment = make_appointment(inside, start=START)
    with pytest.raises(IntegrityError), transaction.atomic():
        Appointment.objects.filter(pk=appointment.pk).update(**values)


def test_one_booking_of_the_calendar_is_one_appointment(inside: Business) -> None:
    make_appointment(inside, start=START, uid="uid-1")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_appointment(inside, start=LATER, uid="uid-1")


def test_one_wish_is_one_attempt(inside: Business) -> None:
    make_attempt(inside, start=START, key="wish")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_attempt(inside, start=START, key="wish")


class Lives(RuleBasedStateMachine):
    """An attempt and its appointment, and everybody who acts on them."""

    business: Business

    def __init__(self) -> None:
        super().__init__()
        self.scope = company_scope(self.business.company.pk)
        self.scope.__enter__()
        self.attempt = make_attempt(self.business, start=START)
        self.old_view = BookingAttempt.objects.get(pk=self.attempt.pk)
        self.state, self.status = "requested", ""
        self.uid, self.start, self.links = "uid-0", START, 0
        self.appointment: Appointment | None = None

    def teardown(self) -> None:
        BookingAttempt.objects.all().delete()
        Appointment.objects.all().delete()
        self.scope.__exit__(None, None, None)

    def booking(self, **values: Any) -> Booking:
        known: dict[str, Any] = {
            "uid": self.uid,
            "status": "accepted",
            "start": self.start,
            "end": self.start + timedelta(minutes=45),
            "event_type_id": 123,
            "root_uid": "uid-0",
        }
        return Booking(**{**known, **values})

    def may(self, target: str) -> bool:
        return (self.state, target) in ATTEMPT

    @rule(stale=st.booleans())
    def submit(self, stale: bool) -> None:
        row = self.old_view if stale else self.attempt
        assert truth.submit(row, outlives=30) is self.may("submitting")
        self.state = "submitting" if self.may("submitting") else self.state

    @rule(stale=st.booleans())
    def leave_unknown(self, stale: bool) -> None:
        row = self.old_view if stale else self.attempt
        moved = truth.leave_unknown(row, code="silence", check_at=timezone.now())
        assert moved is self.may("unknown")
        self.state = "unknown" if moved else self.state

    @rule(stale=st.booleans(), code=st.sampled_from(["slot_taken", "never_sent", "unavailable_breaker"]))
    def reject(self, stale: bool, code: str) -> None:
        row = self.old_view if stale else self.attempt
        moved = truth.reject(row, code=code)
        assert moved is self.may("rejected")
        self.state = "rejected" if moved else self.state

    @precondition(lambda self: self.state != "requested")
    @rule(stale=st.booleans(), status=st.sampled_from(["accepted", "pending"]))
    def confirm(self, stale: bool, status: Any) -> None:
        row = self.old_view if stale else self.attempt
        found = truth.confirm_booking(row, self.booking(status=status))
        assert found is not None
        if self.appointment is None:
            self.appointment = found
            self.status = "confirmed" if status == "accepted" else "requested"
        assert found.pk == self.appointment.pk
        self.state = "confirmed"

    @precondition(lambda self: self.appointment is not None)
    @rule(to=st.sampled_from(["confirmed", "requested", "cancelled", "rejected"]))
    def change_status(self, to: str) -> None:
        assert self.appointment is not None
        moved = truth.move_appointment(self.appointment, to=Status(to))
        assert moved is ((self.status, to) in APPOINTMENT)
        self.status = to if moved else self.status

    @precondition(lambda self: self.status in ("confirmed", "requested"))
    @rule(hours=st.integers(1, 5), status=st.sampled_from(["accepted", "pending"]))
    def follow(self, hours: int, status: Any) -> None:
        self.links += 1
        before, self.uid = self.uid, f"uid-{self.links}"
        self.start = START + timedelta(hours=hours)
        attempt = BookingAttempt.objects.get(pk=self.attempt.pk)
        truth.follow_move(attempt, self.booking(status=status, rescheduled_from_uid=before))
        self.status = "confirmed" if status == "accepted" else "requested"

    @precondition(lambda self: self.links > 1 and self.status in ("confirmed", "requested"))
    @rule()
    def hear_of_an_older_link(self) -> None:
        attempt = BookingAttempt.objects.get(pk=self.attempt.pk)
        older = self.booking(
            uid=f"uid-{self.links - 1}", start=START, rescheduled_from_uid=f"uid-{self.links - 2}"
        )
        truth.follow_move(attempt, older)

    @invariant()
    def both_agree(self) -> None:
        row = BookingAttempt.objects.get(pk=self.attempt.pk)
        assert row.state == self.state
        assert (row.check_at is None) is (self.state in ("confirmed", "rejected"))
        appointments = list(Appointment.objects.all())
        assert [one.status for one in appointments] == ([self.status] if self.status else [])
        for one in appointments:
            assert (one.calendar_uid, one.start, one.moves) == (self.uid, self.start, self.links)


@pytest.mark.django_db
def test_the_database_and_the_tables_agree_whatever_happens(company: Business) -> None:
    Lives.business = company
    run_state_machine_as_test(
        Lives, settings=settings(max_examples=40, stateful_step_count=20, deadline=None)
    )
