"""An offer is kept in the very transaction that stores the answer which names it: all of it, or none."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.calls import dispatch
from apps.calls.models import Call, FunctionCall, Offer
from apps.flags.registry import Flag
from apps.scheduling import gateway, occupancy
from apps.scheduling.models import Hold
from apps.tenants.models import Company
from apps.tenants.scoping import company_scope
from tests.factories import BERLIN, Business
from tests.flags.override import override_flag
from tests.phone import Phone

TEN = datetime(2026, 1, 7, 10, 0, tzinfo=BERLIN)
WISH = "Mittwoch um 10 Uhr"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, nobody counts as having waited: else each would keep before it names."""
    monkeypatch.setattr(occupancy, "AT_ONCE_SECONDS", 60.0)


def kept(business: Business) -> set[tuple[datetime, str]]:
    with company_scope(business.company.pk):
        return set(Hold.objects.values_list("start", "owner"))


def change(business: Business, **values: Any) -> None:
    with company_scope(business.company.pk):
        Company.objects.update(**values)


def somebody_keeps(business: Business, start: datetime) -> None:
    Hold.objects.create(
        company=business.company,
        event_type=business.event_type,
        start=start,
        end=start + timedelta(minutes=45),
        owner="call:somebody",
        expires_at=timezone.now() + timedelta(seconds=60),
    )


class Overtaken:
    """Somebody keeps the slot after it was looked for, ``times`` times."""

    def __init__(self, business: Business, monkeypatch: pytest.MonkeyPatch, *starts: datetime) -> None:
        self.looks = 0
        self.starts = list(starts)
        self._business, self._read = business, occupancy.read
        monkeypatch.setattr(occupancy, "read", self.read)

    def read(self, *args: Any, **values: Any) -> Any:
        taken = self._read(*args, **values)
        self.looks += 1
        if self.starts:
            somebody_keeps(self._business, self.starts.pop(0))
        return taken


def test_who_is_overtaken_between_looking_and_keeping_hears_of_other_times(
    practice: Business, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaken = Overtaken(practice, monkeypatch, TEN)
    answer = phone.function("check_availability", when=WISH)
    assert answer["status"] == "alternatives"
    assert overtaken.looks >= 2
    starts = {datetime.fromisoformat(one["start"]) for one in answer["alternatives"]}
    assert TEN not in starts
    with company_scope(practice.company.pk):
        call = Call.objects.get()
        assert {start for start, owner in kept(practice) if owner == call.owner_key} == starts
        # Nothing is left of the answer that nobody heard.
        assert set(Offer.objects.values_list("start", flat=True)) == starts
        assert set(Offer.objects.values_list("round", flat=True)) == {1}
        assert FunctionCall.objects.get().status == "alternatives"


def test_who_is_overtaken_again_and_again_gets_an_answer(
    practice: Business, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    Overtaken(practice, monkeypatch, *(TEN + timedelta(hours=hours) for hours in (0, 1, -1)))
    answer = phone.function("check_availability", when=WISH)
    assert answer["status"] == "alternatives"
    with company_scope(practice.company.pk):
        assert FunctionCall.objects.count() == 1


def test_a_refusal_is_counted_once_however_often_one_is_overtaken(
    practice: Business, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = phone.function("check_availability", when=WISH)
    assert first["slot"]["start"] == TEN.isoformat()
    Overtaken(practice, monkeypatch, TEN + timedelta(minutes=45))
    assert phone.function("get_alternatives", when="was anderes")["status"] == "alternatives"
    with company_scope(practice.company.pk):
        assert Call.objects.get().refusals == 1


def test_what_overtakes_is_not_counted_as_another_question(
    practice: Business, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(practice, requests_per_minute=1)
    Overtaken(practice, monkeypatch, TEN)
    assert phone.function("check_availability", when=WISH)["status"] == "alternatives"


def test_nobody_is_overtaken_by_another_company_though_it_has_the_same_ids(
    practice: Business, linden: Business
) -> None:
    with company_scope(practice.company.pk):
        somebody_keeps(practice, TEN)
    answer = Phone(linden).function("check_availability", when=WISH)
    assert answer["status"] == "available"
    assert answer["slot"]["start"] == TEN.isoformat()
    assert {start for start, _ in kept(linden)} == {TEN}


@pytest.mark.postgres
def test_a_wish_whose_free_times_are_known_is_two_messages(practice: Business) -> None:
    counted = []
    for _ in range(3):
        caller = Phone(practice)
        caller.function("get_call_context")
        with CaptureQueriesContext(connection) as messages:
            caller.function("check_availability", when=WISH)
        counted.append(len(messages))
        caller.event("call_ended")
    # The first ones also made plans, and read what stands.
    assert counted[-1] == 2


def test_what_somebody_booked_meanwhile_is_not_offered_from_memory(practice: Business, phone: Phone) -> None:
    first = Phone(practice, caller="+491701111111")
    slot = first.function("check_availability", when=WISH)["slot"]["slot"]
    phone.function("check_availability", when="Donnerstag um 10 Uhr")
    assert first.function("book_appointment", slot=slot, customer_name="Erika Muster")["booked"]
    answer = phone.function("check_availability", when=WISH)
    assert answer["status"] == "alternatives"
    assert TEN.isoformat() not in {one["start"] for one in answer["alternatives"]}


def test_an_answer_that_cannot_be_stored_keeps_nothing(
    practice: Business, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(dispatch, "_written", refuse)
    assert phone.function("check_availability", when=WISH)["status"] == "unavailable"
    assert kept(practice) == set()
    with company_scope(practice.company.pk):
        assert not Offer.objects.exists()


def test_who_has_waited_keeps_before_it_names(
    practice: Business, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(occupancy, "AT_ONCE_SECONDS", 0.0)
    monkeypatch.setattr(dispatch, "_written", refuse)
    assert phone.function("check_availability", when=WISH)["status"] == "unavailable"
    assert {start for start, _ in kept(practice)} == {TEN}


def test_an_offer_heard_again_is_kept_longer(practice: Business, phone: Phone, clock: Any) -> None:
    phone.function("check_availability", when=WISH)
    with company_scope(practice.company.pk):
        before = Hold.objects.get().expires_at
    clock.shift(timedelta(seconds=30))
    phone.function("check_availability", when=WISH)
    with company_scope(practice.company.pk):
        assert Hold.objects.get().expires_at - before >= timedelta(seconds=30)


def test_where_cal_com_is_told_too_slots_are_kept_first(practice: Business, phone: Phone) -> None:
    with override_flag(Flag.CALCOM_RESERVATIONS, True):
        phone.function("check_availability", when=WISH)
        assert gateway.drain(seconds=10)
    with company_scope(practice.company.pk):
        assert Hold.objects.get().reservation_uid


def test_of_many_who_want_the_same_at_once_no_two_are_offered_the_same(practice: Business) -> None:
    """Real threads: some are overtaken, each of them gets something of its own, and one log row."""
    change(practice, requests_per_minute=1_000)
    answers: list[dict[str, Any]] = []

    def ask(number: int) -> None:
        try:
            caller = Phone(practice, caller=f"+49170111{number:04d}")
            answers.append(caller.function("check_availability", when=WISH))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    offered = [one["start"] for answer in answers for one in [answer["slot"], *answer["alternatives"]] if one]
    assert len(answers) == len(threads)
    assert len(set(offered)) == len(offered)
    assert all(answer["status"] in ("available", "alternatives") for answer in answers)
