"""From a wish to offers: what is searched, what is left of it, what is kept for the call."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from apps.core.deadline import Deadline
from apps.flags.registry import Flag
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway
from apps.scheduling.availability import Window
from apps.scheduling.gateway import CalendarUnavailable
from apps.scheduling.models import BookingAttempt, Hold
from apps.scheduling.search import Asker, Found, Search
from apps.scheduling.wish import Wish
from apps.tenants.scoping import company_scope
from tests.calls.conftest import account
from tests.factories import CALLER, Business, make_appointment, make_attempt, make_customer
from tests.flags.override import override_flag
from tests.scheduling.calendars import BERLIN, MONDAY, WEDNESDAY, at, said, wish
from tests.scheduling.engine import book, place_of

pytestmark = pytest.mark.usefixtures("plenty")

THURSDAY = WEDNESDAY + timedelta(days=1)


def search(
    business: Business,
    wanted: Wish,
    *,
    owner: str = "call:1",
    phone: str | None = CALLER,
    patience: float = 5,
    **values: Any,
) -> Found:
    """What a call is told."""
    with company_scope(business.company.pk):
        return Search(
            place=place_of(business),
            wish=wanted,
            asker=Asker(owner, phone),
            deadline=Deadline.after(patience),
            **values,
        ).run()


def windows(sandbox: SandboxServer) -> list[tuple[str, str]]:
    """The days that the calendar was asked for, both ends inclusive."""
    asked = [one["query"] for one in sandbox.requests if one["path"] == "/v2/slots"]
    return [
        tuple(_day(query[end]) for end in ("start", "end"))  # type: ignore[misc]
        for query in asked
    ]


def _day(text: str) -> str:
    return datetime.fromisoformat(unquote(text)).astimezone(BERLIN).date().isoformat()


def held(business: Business, *, owner: str = "call:1") -> list[str]:
    with company_scope(business.company.pk):
        return said(list(Hold.objects.filter(owner=owner).order_by("start").values_list("start", flat=True)))


def busy(sandbox: SandboxServer, *spans: tuple[str, str, date]) -> None:
    import requests

    for begin, end, day in spans:
        body = {"account": "praxis", "start": at(begin, day).isoformat(), "end": at(end, day).isoformat()}
        requests.post(f"{sandbox.root_url}/sandbox/busy", json=body, timeout=5).raise_for_status()


# --- What is searched ---------------------------------------------------------------------------


def test_a_wish_and_its_alternatives_are_one_question(practice: Business, sandbox: SandboxServer) -> None:
    busy(sandbox, ("14:30", "15:00", WEDNESDAY))
    found = search(practice, wish("14:30"))
    assert (found.matches, said(found.nearest)) == ((), ["Wed 15:00", "Wed 15:15"])
    assert windows(sandbox) == [("2026-01-07", "2026-01-14")]
    assert found.searched == Window(WEDNESDAY, date(2026, 1, 14))
    assert (found.reason, found.empty) == ("taken", False)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        (wish(day=MONDAY, until=date(2026, 1, 9)), "2026-01-05", "2026-01-16"),
        (wish(day=date(2026, 1, 1), until=WEDNESDAY), "2026-01-05", "2026-01-14"),  # partly over
        (wish(day=date(2025, 12, 1), until=date(2025, 12, 2)), "2026-01-05", "2026-01-12"),  # all over
        (wish(day=MONDAY, until=date(2026, 2, 4), asap=True), "2026-01-05", "2026-01-12"),
        (wish(day=date(2026, 12, 1), until=date(2026, 12, 31)), "2026-12-01", "2027-01-07"),
        (wish(day=MONDAY, until=date(2026, 6, 30)), "2026-01-05", "2026-02-11"),  # not more than a month
    ],
)
def test_the_wishes_days_and_a_week_more_are_searched(
    practice: Business, sandbox: SandboxServer, wanted: Wish, first: str, last: str
) -> None:
    found = search(practice, wanted)
    assert windows(sandbox) == [(first, last)]
    assert (found.searched.first.isoformat(), found.searched.last.isoformat()) == (first, last)


def test_how_many_days_more_is_a_setting(practice: Business, sandbox: SandboxServer, settings: Any) -> None:
    settings.SEARCH_DAYS = 3
    search(practice, wish("10:00"))
    assert windows(sandbox) == [("2026-01-07", "2026-01-10")]


def test_days_are_those_of_the_branch_just_after_midnight(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    clock.move_to(at("00:30"))  # in UTC it is still Tuesday
    search(practice, wish(day=MONDAY, until=THURSDAY))
    assert windows(sandbox)[0][0] == "2026-01-07"


class TestLittleIsFree:
    """One start a week, on Wednesdays at ten."""

    @pytest.fixture
    def scenario(self) -> dict[str, Any]:
        park = account()
        hours = {"days": ["Wednesday"], "startTime": "10:00", "endTime": "10:45"}
        park["schedules"] = [{"availability": [hours]}]
        return {"accounts": [park]}

    def test_when_nothing_is_left_two_weeks_are_searched_once(
        self, practice: Business, sandbox: SandboxServer
    ) -> None:
        busy(sandbox, *(("10:00", "11:00", WEDNESDAY + timedelta(days=n)) for n in (0, 7)))
        found = search(practice, wish("14:30"))
        assert windows(sandbox) == [("2026-01-07", "2026-01-14"), ("2026-01-07", "2026-01-21")]
        assert said(found.nearest) == ["Wed 10:00"]
        assert found.searched == Window(WEDNESDAY, date(2026, 1, 21))

    def test_when_nothing_is_left_in_two_weeks_either_that_is_what_was_searched(
        self, practice: Business, sandbox: SandboxServer
    ) -> None:
        busy(sandbox, *(("10:00", "11:00", WEDNESDAY + timedelta(days=n)) for n in (0, 7, 14)))
        found = search(practice, wish("14:30"))
        assert (found.matches, found.nearest) == ((), ())
        assert found.searched == Window(WEDNESDAY, date(2026, 1, 21))
        assert found.empty
        assert len(windows(sandbox)) == 2

    def test_when_the_second_question_fails_the_first_answer_stands(
        self, practice: Business, sandbox: SandboxServer
    ) -> None:
        busy(sandbox, *(("10:00", "11:00", WEDNESDAY + timedelta(days=n)) for n in (0, 7)))
        sandbox.faults.replace([{"kind": "status", "path": "/v2/slots", "status": 503, "skip": 1}])
        found = search(practice, wish("14:30"))
        assert (found.nearest, found.searched) == ((), Window(WEDNESDAY, date(2026, 1, 14)))

    def test_only_the_wish_itself_is_looked_at_where_nothing_else_is_wanted(
        self, practice: Business, sandbox: SandboxServer
    ) -> None:
        found = search(practice, wish("14:30"), only_inside=True)
        assert (found.matches, found.nearest) == ((), ())
        assert len(windows(sandbox)) == 1
        assert held(practice) == []
        assert said(search(practice, wish("10:00"), only_inside=True).matches) == ["Wed 10:00"]

    def test_what_another_call_holds_is_not_offered_while_two_weeks_have_anything_else(
        self, practice: Business, sandbox: SandboxServer
    ) -> None:
        assert said(search(practice, wish("10:00")).matches) == ["Wed 10:00"]
        other = search(practice, wish("10:00"), owner="call:2", phone="+491700000001")
        assert (other.matches, said(other.nearest)) == ((), ["Wed 10:00"])
        assert other.nearest[0] == at("10:00", date(2026, 1, 14))
        assert other.reason is not None

    def test_what_another_call_holds_is_offered_without_a_hold_when_nothing_else_is_left(
        self, practice: Business, sandbox: SandboxServer
    ) -> None:
        busy(sandbox, *(("10:00", "11:00", WEDNESDAY + timedelta(days=n)) for n in (7, 14)))
        first = search(practice, wish("10:00"))
        second = search(practice, wish("10:00"), owner="call:2", phone="+491700000001")
        assert said(first.matches) == said(second.matches) == ["Wed 10:00"]
        assert (held(practice), held(practice, owner="call:2")) == (["Wed 10:00"], [])

    def test_of_calls_that_ask_at_once_one_holds_it(self, practice: Business, sandbox: SandboxServer) -> None:
        busy(sandbox, *(("10:00", "11:00", WEDNESDAY + timedelta(days=n)) for n in (7, 14)))
        search(practice, wish("10:00"), owner="call:0")
        with company_scope(practice.company.pk):
            Hold.objects.all().delete()
        heard: list[list[str]] = []

        def call(number: int) -> None:
            try:
                found = search(practice, wish("10:00"), owner=f"call:{number}", phone=None)
                heard.append(said(found.matches))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=call, args=(number,)) for number in range(1, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert heard == [["Wed 10:00"]] * 5
        with company_scope(practice.company.pk):
            assert Hold.objects.count() == 1


# --- What is left -------------------------------------------------------------------------------


def test_what_we_have_booked_is_not_offered_although_the_calendar_still_lists_it(
    practice: Business, sandbox: SandboxServer
) -> None:
    outcome = book(practice, at("14:00"))
    assert outcome.settled == "done"
    sandbox.faults.replace([{"kind": "stale_slots", "path": "/v2/slots"}])
    found = search(practice, wish("14:00"), owner="call:2", phone="+491700000001")
    assert (found.matches, said(found.nearest)) == ((), ["Wed 14:45", "Wed 13:15"])


def test_what_may_have_been_booked_is_not_offered(practice: Business) -> None:
    make_attempt(practice, start=at("14:00"), state=BookingAttempt.State.UNKNOWN, owner="call:9")
    found = search(practice, wish("14:00"))
    assert (found.matches, said(found.nearest)) == ((), ["Wed 14:45", "Wed 13:15"])


def test_the_callers_own_appointments_are_not_offered_over_wherever_they_are(practice: Business) -> None:
    """Incident 15."""
    elsewhere = make_appointment(
        practice, start=at("14:00"), customer=make_customer(practice.company), status="confirmed"
    )
    with company_scope(practice.company.pk):
        from tests.factories import make_event_type

        elsewhere.event_type = make_event_type(777)
        elsewhere.save()
    with override_flag(Flag.SLOT_HOLDS, False):
        assert search(practice, wish("14:15")).matches == ()
        others = search(practice, wish("14:15"), owner="call:2", phone="+491700000001")
    assert said(others.matches) == ["Wed 14:15"]


def test_the_services_notice_is_kept(practice: Business) -> None:
    practice.service.minimum_notice_minutes = 3 * 24 * 60
    with company_scope(practice.company.pk):
        practice.service.save()
    found = search(practice, wish("14:00"))
    assert (found.matches, said(found.nearest)) == ((), ["Thu 14:00", "Thu 14:15"])
    assert found.reason == "too_soon"


def test_the_appointment_that_is_moved_is_in_nobodys_way(practice: Business) -> None:
    outcome = book(practice, at("14:00"))
    found = search(practice, wish("14:15"), moving=outcome.appointment)
    assert said(found.matches) == ["Wed 14:15"]


# --- What is kept -------------------------------------------------------------------------------


def test_what_is_offered_is_held_for_the_call(practice: Business) -> None:
    found = search(practice, wish())
    assert said(found.matches) == held(practice) == ["Wed 09:00", "Wed 10:00"]


def test_a_call_that_asks_again_is_offered_its_own_slots_again(practice: Business) -> None:
    assert search(practice, wish("10:00")).matches == search(practice, wish("10:00")).matches
    assert held(practice) == ["Wed 10:00"]


def test_two_calls_are_offered_different_slots(practice: Business) -> None:
    """Incident 17."""
    first = search(practice, wish("14:00"))
    second = search(practice, wish("14:00"), owner="call:2", phone="+491700000001")
    assert said(first.matches) == ["Wed 14:00"]
    assert (second.matches, said(second.nearest)) == ((), ["Wed 14:45", "Wed 13:15"])


def test_a_refused_offer_is_given_back_and_never_made_again(practice: Business) -> None:
    found = search(practice, wish())
    refused = frozenset(found.matches)
    again = search(practice, wish(), refused=refused)
    assert refused.isdisjoint(again.matches)
    assert said(again.matches) == held(practice) == ["Wed 09:15", "Wed 10:15"]


def test_a_hold_that_ran_out_is_free_for_the_next_caller(
    practice: Business, clock: time_machine.Traveller
) -> None:
    search(practice, wish("14:00"))
    clock.shift(timedelta(seconds=121))
    assert said(search(practice, wish("14:00"), owner="call:2", phone=None).matches) == ["Wed 14:00"]
    assert held(practice) == []


def test_without_holds_nothing_is_kept_and_nobody_is_held_off(practice: Business) -> None:
    with override_flag(Flag.SLOT_HOLDS, False):
        for number in (1, 2):
            found = search(practice, wish("14:00"), owner=f"call:{number}", phone=None)
            assert said(found.matches) == ["Wed 14:00"]
    with company_scope(practice.company.pk):
        assert Hold.objects.count() == 0


def test_somebody_who_is_faster_between_looking_and_keeping_changes_the_offer(
    practice: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another call keeps the nearest slot after this one has looked; this one hears of the next."""
    from apps.scheduling import occupancy

    really, looked = occupancy.read, []

    def look_and_be_overtaken(*args: Any, **values: Any) -> Any:
        taken = really(*args, **values)
        looked.append(values["owner"])
        if len(looked) == 1:
            Hold.objects.create(
                company=practice.company,
                event_type=practice.event_type,
                start=at("09:45"),
                end=at("10:30"),
                owner="call:2",
                expires_at=timezone.now() + timedelta(seconds=60),
            )
        return taken

    monkeypatch.setattr(occupancy, "read", look_and_be_overtaken)
    found = search(practice, wish())
    assert said(found.matches) == held(practice) == ["Wed 09:00", "Wed 10:30"]
    assert len(looked) == 2


def test_what_another_company_with_the_same_event_type_has_offered_takes_nothing_from_this_ones_callers(
    practice: Business, linden: Business
) -> None:
    """Incident 1: nothing of another company is in an answer, its holds neither."""
    assert said(search(linden, wish("10:00")).matches) == ["Wed 10:00"]
    assert said(search(practice, wish()).matches) == held(practice) == ["Wed 09:00", "Wed 10:00"]
    second = search(practice, wish("10:00"), owner="call:2", phone="+491700000001")
    assert second.matches == ()
    assert held(linden) == ["Wed 10:00"]


def test_the_limit_is_how_many_are_offered(practice: Business) -> None:
    assert said(search(practice, wish(), limit=3).matches) == ["Wed 09:00", "Wed 10:00", "Wed 11:00"]
    assert said(search(practice, wish(), limit=1, owner="call:2", phone=None).matches) == ["Wed 11:45"]


# --- When the calendar does not answer ----------------------------------------------------------


def test_no_time_left_is_no_answer(practice: Business, sandbox: SandboxServer) -> None:
    sandbox.faults.replace([{"kind": "latency", "path": "/v2/slots", "ms": 300}])
    with pytest.raises(CalendarUnavailable) as failed:
        search(practice, wish(), patience=0)
    assert failed.value.reason == "timeout"
    assert held(practice) == []
    assert gateway.drain(seconds=5)
    assert said(search(practice, wish()).matches) == ["Wed 09:00", "Wed 10:00"]


def test_a_wish_without_a_date_cannot_be_searched(practice: Business) -> None:
    with pytest.raises(ValueError, match="without a date"):
        search(practice, Wish())
