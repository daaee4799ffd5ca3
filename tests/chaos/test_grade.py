"""The grade of the chaos can fail: whatever must not be is found when it is planted."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from apps.calls.models import CallbackRequest
from apps.scheduling.models import Appointment, BookingAttempt
from apps.tenants.scoping import company_scope
from benchmarks._chaos_after import Settled
from benchmarks._chaos_calls import BOOK, CANCEL, Caller, Told
from benchmarks._chaos_crowd import Meeting
from benchmarks._chaos_grade import Entry, Verdict, grade
from benchmarks._chaos_report import BEGIN, END, Chaos, table, write
from benchmarks._chaos_world import Bookable, Practice, Want
from tests.chaos.conftest import InProcess
from tests.factories import BERLIN, CALLER, Business, make_appointment, make_attempt, make_business

START = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)
KEY = "key-of-the-wish"
OTHER = "+491709999999"

DOUBLE = "double bookings beyond capacity"
TWICE = "bookings made twice of one wish"
EMPTY = "“booked” without the booking at exactly that start"
STANDING = "“cancelled” while the booking stands"
UNTOLD = "bookings nobody was told of"
WAITING = "“it is being checked”, and nothing after it"
UNKNOWN = "bookings of ours that no appointment knows"
GHOST = "appointments that the calendar does not have so"
ENDLESS = "attempts without an end"


@pytest.fixture
def business(transactional_db: None) -> Business:
    return make_business()


def entry(uid: str = "uid-1", *, start: datetime = START, **values: object) -> Entry:
    """A booking in the calendar that the platform did not make, unless a key is given."""
    known: dict[str, object] = {
        "account": "practice00",
        "event_type": 123,
        "end": start + timedelta(minutes=30),
        "status": "accepted",
        "hosts": ("host-1",),
        "phone": CALLER,
        "key": "",
    }
    return Entry(uid=uid, start=start, **{**known, **values})  # type: ignore[arg-type]


def caller(*told: Told, phone: str = CALLER) -> Caller:
    """Somebody who remembers this of a call."""
    practice = Practice(1, "practice-00", "phone", "+493010000000", "practice00", "key", ())
    want = Want(practice, Bookable("allein", 123, 1), START)
    made = Caller(InProcess(), want, phone, random.Random(1))
    made.told.extend(told)
    return made


def heard(status: str, start: datetime | None = None, *, function: str = BOOK) -> Told:
    return Told(function, status, start)


def found(verdicts: list[Verdict]) -> dict[str, int]:
    return {one.what: one.count for one in verdicts if one.count}


def recorded(business: Business, *, uid: str = "uid-1", key: str = KEY) -> Appointment:
    """The platform's own record of a booking that was made."""
    appointment = make_appointment(business, start=START, uid=uid)
    attempt = make_attempt(
        business,
        start=START,
        key=key,
        state=BookingAttempt.State.CONFIRMED,
        appointment=appointment,
        settled_at=START,
        check_at=None,
    )
    with company_scope(business.company.pk):
        BookingAttempt.objects.filter(pk=attempt.pk).update(calendar_key=key)
    return appointment


def test_a_booking_that_was_made_recorded_and_told_is_all_right(business: Business) -> None:
    recorded(business)
    assert found(grade([entry(key=KEY)], [caller(heard("booked", START))])) == {}


def test_a_planted_double_booking_is_found(business: Business) -> None:
    both = [entry("uid-1"), entry("uid-2", start=START + timedelta(minutes=15), phone=OTHER)]
    assert found(grade(both, [])) == {DOUBLE: 1}
    beside = [entry("uid-1"), entry("uid-2", hosts=("host-2",)), entry("uid-3", status="cancelled")]
    assert found(grade(beside, [])) == {}


def test_a_wish_that_was_booked_twice_is_found(business: Business) -> None:
    recorded(business)
    recorded(business, uid="uid-2", key="another")
    twice = [entry(key=KEY), entry("uid-2", key=KEY, hosts=("host-2",))]
    assert found(grade(twice, [caller(heard("booked", START))])) == {TWICE: 1}


@pytest.mark.parametrize("promise", [heard("booked", START), Told(BOOK, "pending", START, booked=True)])
def test_a_planted_booked_without_a_booking_is_found(business: Business, promise: Told) -> None:
    assert found(grade([], [caller(promise)])) == {EMPTY: 1}
    elsewhere = entry(start=START + timedelta(minutes=15))
    assert EMPTY in found(grade([elsewhere], [caller(promise)]))
    somebody_elses = entry(phone=OTHER)
    assert EMPTY in found(grade([somebody_elses], [caller(promise)]))


def test_a_cancellation_that_is_none_is_found(business: Business) -> None:
    told = caller(heard("booked", START), heard("cancelled", START, function=CANCEL))
    assert found(grade([entry()], [told])) == {STANDING: 1}
    assert found(grade([entry(status="cancelled")], [told])) == {}


@pytest.mark.parametrize("last", ["unavailable", "slot_taken", "refused", "", "none_available"])
def test_a_planted_booking_nobody_was_told_of_is_found(business: Business, last: str) -> None:
    assert found(grade([entry()], [caller(heard(last))])) == {UNTOLD: 1}
    # The business's own hand knows what it did.
    assert found(grade([entry()], [caller(heard(last))], by_business={"uid-1"})) == {}
    # Somebody is asked to tell them.
    with company_scope(business.company.pk):
        callback = CallbackRequest.objects.create(
            company=business.company, branch=business.branch, kind="settled_late", phone=CALLER
        )
        assert found(grade([entry()], [caller(heard(last))])) == {}
        callback.status = CallbackRequest.Status.DONE
        callback.save()
    assert found(grade([entry()], [caller(heard(last))])) == {UNTOLD: 1}


def test_told_of_another_time_is_not_told(business: Business) -> None:
    told = caller(heard("booked", START + timedelta(hours=1)))
    calendar = [entry(), entry("uid-2", start=START + timedelta(hours=1), status="cancelled")]
    assert found(grade(calendar, [told])) == {UNTOLD: 1}


def test_who_is_left_with_it_is_being_checked_is_found(business: Business) -> None:
    waiting = caller(heard("pending"))
    assert found(grade([], [waiting])) == {WAITING: 1}
    assert found(grade([], [caller(heard("pending"), heard("slot_taken"))])) == {}
    # What the business must confirm is told: it names the appointment.
    assert found(grade([entry(status="pending")], [caller(heard("pending", START))])) == {}
    # The same person's next call may bring the answer.
    assert found(grade([entry()], [waiting, caller(heard("already_booked", START))])) == {}


def test_a_booking_of_ours_that_no_appointment_knows_is_found(business: Business) -> None:
    told = [caller(heard("booked", START))]
    assert found(grade([entry(key=KEY)], told)) == {UNKNOWN: 1}
    appointment = recorded(business)
    with company_scope(business.company.pk):
        Appointment.objects.filter(pk=appointment.pk).update(status="cancelled")
    assert found(grade([entry(key=KEY)], told)) == {UNKNOWN: 1}


def test_an_appointment_that_the_calendar_does_not_have_is_found(business: Business) -> None:
    recorded(business)
    assert found(grade([], [])) == {GHOST: 1}
    assert found(grade([entry(start=START + timedelta(hours=1), key=KEY)], [])) == {GHOST: 1}


@pytest.mark.parametrize("state", BookingAttempt.UNSETTLED)
def test_a_planted_attempt_without_an_end_is_found(business: Business, state: str) -> None:
    make_attempt(business, start=START, state=state)
    assert found(grade([], [])) == {ENDLESS: 1}


# --- The table ----------------------------------------------------------------------------------


def chaos(**values: object) -> Chaos:
    known: dict[str, object] = {
        "wanted": 100,
        "callers": 8,
        "practices": 4,
        "met": Meeting(booked=2_000),
        "asked": 100,
        "calls": [],
        "struck": {"reset": 3},
        "killed": {"web": 1},
        "open_at_first": 5,
        "storm_seconds": 60.0,
        "settled": Settled(quiet=True),
        "verdicts": [Verdict(DOUBLE, 0)],
    }
    return Chaos(**{**known, **values})  # type: ignore[arg-type]


def test_a_run_without_a_fault_passes() -> None:
    lines, passed = table(chaos())
    assert passed
    assert "| double bookings beyond capacity | 0 | 0 | yes |" in lines


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdicts": [Verdict(DOUBLE, 1, ("case",))]},
        {"asked": 99},
        {"settled": Settled(quiet=False)},
        {"met": Meeting(booked=1_998, taken=2)},
        {"met": Meeting(booked=200)},
    ],
)
def test_whatever_misses_its_target_fails_the_run(wrong: dict[str, object]) -> None:
    lines, passed = table(chaos(**wrong))
    assert not passed
    assert sum(line.endswith("| NO |") for line in lines) == 1


def test_the_table_goes_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        write(["| new |"], document, described="a machine")
    text = document.read_text(encoding="utf-8")
    assert text == f"before\n{BEGIN}\nMeasured on a machine.\n\n| new |\n{END}\nafter\n"
    document.write_text("no markers\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        write(["| new |"], document, described="a machine")
