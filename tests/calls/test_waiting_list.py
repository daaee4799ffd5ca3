"""Nothing was free: the wish is kept, and a slot that becomes free is offered to it, once."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.calls import waiting_list
from apps.calls.models import Call, CallbackRequest, WaitingWish
from apps.scheduling import following, gateway, truth
from apps.scheduling.models import Appointment
from apps.tenants.scoping import all_companies, company_scope
from tests.calls.conftest import account
from tests.factories import (
    BERLIN,
    OFFICE_HOURS,
    OTHER_NUMBER,
    Business,
    make_appointment,
    make_business,
    make_call,
    make_customer,
    make_event_type,
    make_place,
    make_service,
)
from tests.phone import Phone

WEDNESDAY = date(2026, 1, 7)
START = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)


@pytest.fixture
def office(transactional_db: None, clock: time_machine.Traveller) -> Business:
    """A practice of which no calendar is asked."""
    return make_business(branch={"hours": OFFICE_HOURS})


def wish(
    business: Business, *, external_id: str = "w1", phone: str = "+491701111111", **values: Any
) -> WaitingWish:
    """A wish for Wednesday afternoon."""
    call = make_call(business, external_id=external_id, caller_number=phone)
    defaults = {
        "place": business.place,
        "date_from": WEDNESDAY,
        "date_to": WEDNESDAY,
        "time_from": time(13),
        "time_to": time(17),
    }
    with company_scope(business.company.pk):
        return WaitingWish.objects.create(
            company=business.company, call=call, phone=phone, **{**defaults, **values}
        )


def cancel(business: Business, appointment: Appointment) -> None:
    with company_scope(business.company.pk):
        assert truth.move_appointment(appointment, to=Appointment.Status.CANCELLED)


def tasks_of(business: Business) -> list[CallbackRequest]:
    with company_scope(business.company.pk):
        return list(CallbackRequest.objects.order_by("id"))


def statuses(business: Business) -> list[str]:
    with company_scope(business.company.pk):
        return list(WaitingWish.objects.order_by("id").values_list("status", flat=True))


def test_a_cancelled_slot_is_offered_to_the_first_that_it_fits(office: Business) -> None:
    too_early = wish(office, external_id="w0", phone="+491700000000", time_to=time(13, 30))
    first = wish(office, name="Sabine Müller")
    wish(office, external_id="w2", phone="+491702222222")
    cancel(office, make_appointment(office, start=START))
    (task,) = tasks_of(office)
    assert (task.kind, task.name, task.phone) == ("waiting_list", "Sabine Müller", first.phone)
    assert task.topic == "Ist frei geworden: Fußpflege, Mittwoch, 7. Januar, 14 Uhr."
    assert (task.branch_id, task.call_id) == (office.branch.pk, first.call_id)
    assert statuses(office) == ["open", "offered", "open"]
    with company_scope(office.company.pk):
        first.refresh_from_db()
    assert first.offered_start == START
    assert too_early.offered_start is None


def test_a_second_cancellation_is_offered_to_the_second(office: Business) -> None:
    wish(office)
    wish(office, external_id="w2", phone="+491702222222")
    for minutes, uid in ((0, "a"), (45, "b"), (90, "c")):
        cancel(office, make_appointment(office, start=START + timedelta(minutes=minutes), uid=uid))
    assert [task.phone for task in tasks_of(office)] == ["+491701111111", "+491702222222"]
    assert statuses(office) == ["offered", "offered"]


def test_a_slot_is_offered_once_however_often_its_end_is_told(office: Business) -> None:
    wish(office)
    wish(office, external_id="w2", phone="+491702222222")
    appointment = make_appointment(office, start=START)
    cancel(office, appointment)
    with company_scope(office.company.pk):
        assert not truth.move_appointment(appointment, to=Appointment.Status.CANCELLED)
    assert len(tasks_of(office)) == 1


def test_what_was_moved_away_leaves_its_time_free(office: Business) -> None:
    wish(office)
    appointment = make_appointment(office, start=START)
    with company_scope(office.company.pk):
        later = START + timedelta(days=1)
        truth.change_appointment(
            appointment, to=Appointment.Status.CONFIRMED, start=later, end=later + timedelta(minutes=45)
        )
    (task,) = tasks_of(office)
    assert "7. Januar, 14 Uhr" in task.topic


def test_a_cancellation_that_the_calendar_tells_of_counts_too(office: Business) -> None:
    wish(office)
    make_appointment(office, start=START, uid="uid-1")
    body = {
        "triggerEvent": "BOOKING_CANCELLED",
        "createdAt": timezone.now().isoformat(),
        "payload": {
            "uid": "uid-1",
            "status": "CANCELLED",
            "startTime": START.isoformat(),
            "endTime": (START + timedelta(minutes=45)).isoformat(),
            "eventTypeId": office.event_type.external_id,
        },
    }
    with company_scope(office.company.pk):
        for _ in range(2):
            following.apply_webhook(office.company, body)
    (task,) = tasks_of(office)
    assert task.kind == "waiting_list"


def test_a_caller_who_cancels_makes_room_for_another(practice: Business, phone: Phone) -> None:
    offered = phone.function("check_availability", when="Mittwoch um 14 Uhr")
    phone.function("book_appointment", slot=offered["slot"]["slot"], customer_name="Sabine Müller")
    wish(practice)
    later = Phone(practice)
    assert later.function("cancel_appointment")["status"] == "confirm"
    assert later.function("cancel_appointment", confirmed=True)["status"] == "cancelled"
    assert gateway.drain(seconds=5)  # the caller is answered before anybody else is thought of
    assert [task.phone for task in tasks_of(practice)] == ["+491701111111"]


@pytest.mark.parametrize(
    "values",
    [
        {"date_from": date(2026, 1, 8), "date_to": date(2026, 1, 9)},
        {"time_from": time(14, 15)},
        {"time_to": time(13, 45)},
        {"status": WaitingWish.Status.OFFERED},
    ],
)
def test_what_does_not_fit_is_not_offered(office: Business, values: dict[str, Any]) -> None:
    wish(office, **values)
    cancel(office, make_appointment(office, start=START))
    assert tasks_of(office) == []


def test_the_day_is_the_one_on_the_branchs_clock(
    transactional_db: None, clock: time_machine.Traveller
) -> None:
    """Wednesday, half past midnight in Berlin, is still Tuesday elsewhere."""
    night = make_business()
    wish(night, time_from=None, time_to=None)
    cancel(night, make_appointment(night, start=datetime(2026, 1, 7, 0, 30, tzinfo=BERLIN)))
    assert len(tasks_of(night)) == 1


def test_what_is_past_or_too_soon_or_closed_is_not_offered(
    office: Business, clock: time_machine.Traveller
) -> None:
    wish(office, time_from=None, time_to=None)
    for hours, uid in ((-10, "past"), (5, "closed")):
        start = START + timedelta(hours=hours)
        if uid == "past":
            clock.move_to(START - timedelta(hours=9))
        cancel(office, make_appointment(office, start=start, uid=uid))
    with company_scope(office.company.pk):
        office.service.minimum_notice_minutes = 24 * 60
        office.service.save()
    cancel(office, make_appointment(office, start=START, uid="soon"))
    assert tasks_of(office) == []


def test_what_somebody_has_taken_again_is_not_offered(office: Business) -> None:
    wish(office)
    make_appointment(office, start=START + timedelta(minutes=15), uid="faster")
    cancel(office, make_appointment(office, start=START))
    assert tasks_of(office) == []


def test_who_has_found_an_appointment_since_waits_no_longer(office: Business) -> None:
    customer = make_customer(office.company, phone="+491701111111")
    wish(office)
    make_appointment(office, start=START + timedelta(days=2), uid="found", customer=customer)
    cancel(office, make_appointment(office, start=START))
    assert tasks_of(office) == []


def test_nobody_is_offered_what_they_have_just_cancelled(office: Business) -> None:
    customer = make_customer(office.company, phone="+491701111111")
    appointment = make_appointment(office, start=START, customer=customer)
    wish(office)
    cancel(office, appointment)
    assert tasks_of(office) == []


def test_another_service_and_another_company_get_nothing(office: Business) -> None:
    massage = make_service(office.company, slug="massage", name="Massage", synonyms=[])
    place = make_place(office.branch, service=massage, event_type=make_event_type(999))
    other = make_business("linden-clinic", number=OTHER_NUMBER, company={"language": "en"})
    wish(office, place=place)
    wish(other, external_id="elsewhere")
    cancel(office, make_appointment(office, start=START))
    assert tasks_of(office) == tasks_of(other) == []


def test_a_name_that_was_said_after_the_wish_is_known(office: Business) -> None:
    waiting = wish(office)
    with company_scope(office.company.pk):
        Call.objects.filter(pk=waiting.call_id).update(spoken_name="Sabine Müller")
    cancel(office, make_appointment(office, start=START))
    assert tasks_of(office)[0].name == "Sabine Müller"


# --- Kept where nothing is free -----------------------------------------------------------------


class TestNothingIsFree:
    @pytest.fixture
    def scenario(self) -> dict[str, Any]:
        """Nothing for weeks."""
        full = account()
        full["busy"] = [{"start": "2026-01-05T00:00:00+01:00", "end": "2026-03-01T00:00:00+01:00"}]
        return {"accounts": [full]}

    def test_the_wish_is_kept_and_kept_once(self, phone: Phone) -> None:
        for _ in range(2):
            answer = phone.function("check_availability", when="Mittwoch nachmittag")
            assert answer["status"] == "none_available"
        with all_companies():
            (kept,) = WaitingWish.objects.all()
        assert (kept.date_from, kept.date_to, kept.phone) == (WEDNESDAY, WEDNESDAY, phone.caller)
        assert kept.time_from is not None
        assert kept.time_from >= time(12)

    def test_who_cannot_be_called_is_not_waited_for(self, practice: Business) -> None:
        phone = Phone(practice, caller="anonymous")
        assert phone.function("check_availability", when="Mittwoch")["status"] == "none_available"
        with all_companies():
            assert not WaitingWish.objects.exists()

    def test_a_cancellation_in_another_call_reaches_the_operator(
        self, practice: Business, phone: Phone
    ) -> None:
        phone.function("check_availability", when="Mittwoch nachmittag")
        customer = make_customer(practice.company, phone="+491709999999")
        make_appointment(practice, start=START, customer=customer)
        with company_scope(practice.company.pk):
            appointment = Appointment.objects.get()
            truth.move_appointment(appointment, to=Appointment.Status.CANCELLED)
        (task,) = tasks_of(practice)
        assert (task.kind, task.phone) == ("waiting_list", phone.caller)


def test_a_free_time_leaves_no_wish_behind(phone: Phone) -> None:
    assert phone.function("check_availability", when="Mittwoch um 10 Uhr")["status"] == "available"
    with all_companies():
        assert not WaitingWish.objects.exists()


def test_without_anybody_waiting_nothing_is_looked_at(office: Business) -> None:
    appointment = make_appointment(office, start=START)
    with company_scope(office.company.pk):
        assert waiting_list.offer(appointment, start=timezone.now() + timedelta(days=2)) is None
