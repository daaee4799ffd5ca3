from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from apps.sandbox.callers.ledger import Ledger
from apps.sandbox.callers.places import Place
from apps.sandbox.callers.planning import PlanError, Planner
from apps.sandbox.reading import ScenarioError
from apps.sandbox.server import SandboxServer
from tests.factories import BERLIN
from tests.sandbox.callers.platform import EVENT_TYPE
from tests.sandbox.callers.scripts import make_place, make_script

DAY = timedelta(days=1)


@pytest.fixture
def planner() -> Planner:
    return Planner(now=datetime.now(UTC))


@pytest.fixture
def place(sandbox: SandboxServer) -> Place:
    return make_place(sandbox)


def today() -> date:
    return datetime.now(BERLIN).date()


def test_the_first_open_day_is_tomorrow_when_everything_is_free(planner: Planner, place: Place) -> None:
    start = planner.plan(make_script(), place).starts["wish"]
    assert (start.date(), start.strftime("%H:%M")) == (today() + DAY, "14:30")


def test_later_open_days_come_after_earlier_ones(planner: Planner, place: Place) -> None:
    script = make_script(moments={"wish": "open+1 10:00", "other": "open+2 10:00"})
    starts = planner.plan(script, place).starts
    assert starts["other"] - starts["wish"] == DAY


def test_closed_days_and_hours_are_passed_over(planner: Planner, sandbox: SandboxServer) -> None:
    place = make_place(
        sandbox,
        closed=frozenset({today() + DAY}),
        hours={day: [("14:00", "14:30")] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
    )
    assert (
        planner.plan(make_script(moments={"wish": "open+1 14:15"}), place).starts["wish"].date()
        == today() + 2 * DAY
    )
    with pytest.raises(PlanError, match="no day within 300 on which wish is free"):
        planner.plan(make_script(moments={"wish": "open+1 14:30"}), place)


def test_feast_days_are_passed_over(sandbox: SandboxServer) -> None:
    place = make_place(sandbox, holidays="DE-BE")
    assert not place.is_open(datetime(2026, 10, 3, 10, tzinfo=BERLIN))
    assert place.is_open(datetime(2026, 10, 5, 10, tzinfo=BERLIN))


def test_a_taken_time_is_passed_over(planner: Planner, place: Place) -> None:
    start = place.instant(today() + DAY, 14 * 60)
    Ledger(place).take(start, start + timedelta(hours=1))
    assert planner.plan(make_script(), place).starts["wish"].date() == today() + 2 * DAY


def test_what_the_platform_believes_to_stand_is_passed_over(planner: Planner, sandbox: SandboxServer) -> None:
    place = make_place(sandbox)
    start = place.instant(today() + DAY, 14 * 60)
    believed = make_place(sandbox, taken=((start, start + timedelta(minutes=45)),))
    assert planner.plan(make_script(), believed).starts["wish"].date() == today() + 2 * DAY


def test_two_calls_are_never_near_each_other(planner: Planner, place: Place) -> None:
    starts = [planner.plan(make_script(), place).starts["wish"] for _ in range(3)]
    assert [start.date() for start in starts] == [today() + ahead * DAY for ahead in (1, 2, 3)]


def test_calls_with_little_room_share_a_day(planner: Planner, place: Place) -> None:
    morning = planner.plan(make_script(moments={"wish": "open+1 09:00"}, room=60), place)
    afternoon = planner.plan(make_script(moments={"wish": "open+1 14:30"}, room=60), place)
    assert morning.starts["wish"].date() == afternoon.starts["wish"].date()


def test_the_soonest_is_the_first_start_the_calendar_has(planner: Planner, place: Place) -> None:
    soonest = planner.plan(make_script(moments={"wish": "soonest"}, room="day"), place).starts["wish"]
    assert soonest == Ledger(place).free(EVENT_TYPE, first=today(), days=3)[0]
    assert planner.plan(make_script(), place).starts["wish"].date() > soonest.date()


def test_a_moment_that_need_not_be_free_is_taken_as_it_is(planner: Planner, place: Place) -> None:
    script = make_script(moments={"wish": "open+1 23:00 anyway"})
    assert planner.plan(script, place).starts["wish"].hour == 23


def test_every_call_has_a_number_of_its_own_that_belongs_to_nobody(planner: Planner, place: Place) -> None:
    plans = [planner.plan(make_script(), place) for _ in range(3)]
    assert len({plan.number for plan in plans}) == 3
    assert all(plan.number.startswith("+493023125") and len(plan.number) <= 16 for plan in plans)
    spoken = plans[0].value("phone")
    assert spoken.replace(" ", "") == "0" + plans[0].number.removeprefix("+49")
    assert len(spoken.split()[0]) == 2


def test_a_withheld_number_is_known_to_the_caller_alone(planner: Planner, place: Place) -> None:
    plan = planner.plan(make_script(caller="withheld"), place)
    assert plan.shown_number == ""
    assert plan.number


def test_repeated_calls_have_names_of_their_own(planner: Planner, place: Place) -> None:
    names = [planner.plan(make_script(), place, repetition=number).person for number in range(60)]
    assert len(set(names)) == 60
    assert names[0] == "Sabine Müller"
    assert all(name.startswith("Sabine Müller") for name in names)


def test_the_setup_takes_its_times_and_the_rest_is_noted_as_free(planner: Planner, place: Place) -> None:
    plan = planner.plan(make_script(setup={"busy": [{"at": "wish", "after": 15, "minutes": 30}]}), place)
    planner.prepare([plan])
    wish = plan.starts["wish"]
    near = sorted(abs(start - wish) for start in plan.free)[:2]
    assert wish not in plan.free
    assert near == [timedelta(minutes=30), timedelta(minutes=45)]


def test_a_whole_day_can_be_taken(planner: Planner, place: Place) -> None:
    plan = planner.plan(make_script(setup={"busy": [{"at": "wish", "day": True}]}), place)
    planner.prepare([plan])
    assert plan.starts["wish"].date() not in {start.astimezone(BERLIN).date() for start in plan.free}
    assert plan.free


def test_an_unknown_service_is_named(planner: Planner, place: Place) -> None:
    with pytest.raises(ScenarioError, match=r"praxis-am-park/nord has no 'massage'"):
        planner.plan(make_script(service="massage"), place)


def test_words_for_nothing_are_refused(planner: Planner, place: Place) -> None:
    plan = planner.plan(make_script(), place)
    for name in ("wish.year", "then.day", "email"):
        with pytest.raises(ScenarioError, match="nothing to say for"):
            plan.value(name)
