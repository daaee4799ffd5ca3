"""Free slots: asked for once, cached in two layers, never older than the calendar's version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from django.core.cache import cache

from apps.core import caching, runtime
from apps.sandbox.server import SandboxServer
from apps.scheduling import availability, gateway
from apps.scheduling.availability import Listing, Window
from apps.scheduling.gateway import CalendarUnavailable, Priority
from apps.scheduling.places import Place
from apps.scheduling.versions import raise_version
from apps.tenants.scoping import company_scope
from tests.calls.conftest import OTHER_KEY, account
from tests.factories import API_KEY, BERLIN, Business, make_branch, make_business, make_place
from tests.scheduling.calendars import WEDNESDAY, at
from tests.scheduling.engine import place_of

ROOT = Path(__file__).resolve().parents[2]
WEEK = Window(WEDNESDAY, WEDNESDAY + timedelta(days=7))
TEN = int(at("10:00").timestamp())


def ask(place: Place, window: Window = WEEK, *, patience: float = 5, **values: Any) -> Listing:
    return availability.listed(place, window, patience=patience, **values)


def questions(sandbox: SandboxServer) -> list[dict[str, Any]]:
    """The questions for slots that the calendar got."""
    return [one["query"] for one in sandbox.requests if one["path"] == "/v2/slots"]


def slow(sandbox: SandboxServer, milliseconds: int, **more: Any) -> None:
    sandbox.faults.replace([{"kind": "latency", "path": "/v2/slots", "ms": milliseconds, **more}])


def raised(business: Business) -> Place:
    """The place after something has changed in its calendar."""
    raise_version([business.event_type.pk])
    return place_of(business)


def take(sandbox: SandboxServer, clock: str = "10:00") -> None:
    """Somebody takes this time, elsewhere."""
    start = at(clock)
    body = {"start": start.isoformat(), "end": (start + timedelta(minutes=45)).isoformat()}
    import requests

    requests.post(
        f"{sandbox.root_url}/sandbox/busy", json={"account": "praxis", **body}, timeout=5
    ).raise_for_status()


# --- One question -------------------------------------------------------------------------------


def test_one_question_for_whole_days_of_the_branchs_calendar(
    practice: Business, sandbox: SandboxServer
) -> None:
    found = ask(place_of(practice))
    (query,) = questions(sandbox)
    assert query["eventTypeId"] == "123"
    assert (unquote(query["start"]), unquote(query["end"])) == (
        "2026-01-06T23:00:00Z",
        "2026-01-14T22:59:59Z",
    )
    assert unquote(query["timeZone"]) == "Europe/Berlin"
    assert TEN in found.starts
    assert list(found.starts) == sorted(set(found.starts))
    assert not found.blank


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        (date(2026, 3, 29), "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z"),  # 23 hours
        (date(2026, 10, 25), "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z"),  # 25 hours
    ],
)
def test_days_on_which_the_clocks_change_are_asked_for_whole(
    practice: Business, sandbox: SandboxServer, day: date, start: str, end: str
) -> None:
    ask(place_of(practice), Window(day, day))
    (query,) = questions(sandbox)
    assert (unquote(query["start"]), unquote(query["end"])) == (start, end)


def test_the_second_caller_costs_no_question(practice: Business, sandbox: SandboxServer) -> None:
    place = place_of(practice)
    first = ask(place)
    assert ask(place) == first
    assert ask(place_of(practice)) == first
    assert len(questions(sandbox)) == 1


def test_fifty_who_ask_at_once_cost_one_question(practice: Business, sandbox: SandboxServer) -> None:
    place = place_of(practice)
    slow(sandbox, 300)
    heard: list[Listing] = []
    threads = [threading.Thread(target=lambda: heard.append(ask(place))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 50
    assert len({one.starts for one in heard}) == 1
    assert len(questions(sandbox)) == 1


class Processes:
    """Several real processes that ask at the same time."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self._base_url = sandbox.base_url
        self._prefix = f"test-{uuid.uuid4().hex[:8]}"
        self.running: list[subprocess.Popen[str]] = []

    def start(self, threads: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.scheduling.asking", self._base_url, threads, self._prefix],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ.copy(),
        )
        self.running.append(process)
        return process

    def told(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def tell(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


@pytest.fixture
def processes(sandbox: SandboxServer) -> Iterator[Processes]:
    made = Processes(sandbox)
    yield made
    made.close()


def test_processes_that_ask_at_once_share_one_question(
    clock: time_machine.Traveller, sandbox: SandboxServer, processes: Processes
) -> None:
    slow(sandbox, 400)
    several = [processes.start("10") for _ in range(2)]
    assert [processes.told(one) for one in several] == ["ready"] * 2
    for one in several:
        processes.tell(one)
    told = [json.loads(processes.told(one)) for one in several]
    assert len(questions(sandbox)) == 1
    assert sum(one["asked"] for one in told) == 1
    assert len({json.dumps(one["heard"]) for one in told}) == 1
    assert [sum(one["heard"].values()) for one in told] == [10] * 2


def test_a_leader_that_is_killed_holds_nobody_beyond_its_deadline(
    clock: time_machine.Traveller, sandbox: SandboxServer, processes: Processes
) -> None:
    sandbox.faults.replace([{"kind": "silence", "path": "/v2/slots", "count": 1}])
    leader, follower = processes.start("die"), processes.start("3")
    assert (processes.told(leader), processes.told(follower)) == ("ready", "ready")
    processes.tell(leader)
    assert processes.told(leader) == "asked"
    processes.tell(follower)
    leader.kill()
    heard = json.loads(processes.told(follower))["heard"]
    assert [reason for reason in heard if "starts" in reason]
    assert sum(heard.values()) == 3
    assert len(questions(sandbox)) == 2


# --- Two layers ---------------------------------------------------------------------------------


def test_another_branch_with_other_hours_costs_no_question_and_has_its_own_view(
    practice: Business, sandbox: SandboxServer
) -> None:
    afternoon = make_branch(practice.company, slug="sued", hours={"wed": [["14:00", "18:00"]]})
    make_place(afternoon, service=practice.service, event_type=practice.event_type)
    with company_scope(practice.company.pk):
        nord, sued = availability_places(practice)
    everything, some = ask(nord), ask(sued)
    assert len(questions(sandbox)) == 1
    assert set(some.starts) < set(everything.starts)
    assert TEN not in some.starts
    assert some.blank is False


def availability_places(business: Business) -> list[Place]:
    from apps.scheduling.places import load_places

    return load_places(business.company)


def test_changed_hours_meet_no_old_view_and_cost_no_question(
    practice: Business, sandbox: SandboxServer
) -> None:
    assert TEN in ask(place_of(practice)).starts
    with company_scope(practice.company.pk):
        practice.branch.hours = {"wed": [["11:00", "18:00"]]}
        practice.branch.save()
    # Nobody has raised the company's configuration version: the rules themselves are in the key.
    assert TEN not in ask(place_of(practice)).starts
    assert len(questions(sandbox)) == 1


def test_a_changed_configuration_meets_no_old_view(practice: Business, sandbox: SandboxServer) -> None:
    place = place_of(practice)
    ask(place)
    keys = {availability._view_key(place, WEEK, "")}
    practice.company.config_version += 1
    with company_scope(practice.company.pk):
        practice.company.save()
    keys.add(availability._view_key(place_of(practice), WEEK, ""))
    assert len(keys) == 2


def test_two_companies_with_the_same_event_type_never_share_an_answer(
    practice: Business, linden: Business, sandbox: SandboxServer
) -> None:
    """Incident 1: slots of another salon were offered."""
    take(sandbox)
    here, there = place_of(practice), place_of(linden)
    assert here.event_type_id == there.event_type_id
    assert TEN not in ask(here).starts
    assert TEN in ask(there).starts
    assert len(questions(sandbox)) == 2
    assert TEN not in ask(here).starts


def test_what_is_cached_is_plain_values(practice: Business) -> None:
    place = place_of(practice)
    ask(place)
    for key in (availability._view_key(place, WEEK, ""), availability._slots_key(place, WEEK, "")):
        value = caching.get(key)
        assert isinstance(value, tuple)
        assert {type(one) for one in value} <= {tuple, dict, float, date, bool}


@pytest.mark.parametrize("rubbish", ["text", 7, (1, 2), ("a",) * 7, {"starts": []}])
def test_rubbish_under_our_keys_is_asked_anew(
    practice: Business, sandbox: SandboxServer, rubbish: object
) -> None:
    place = place_of(practice)
    for key in (
        availability._view_key(place, WEEK, ""),
        availability._slots_key(place, WEEK, ""),
        availability._ahead_key(place),
    ):
        caching.put(key, rubbish, seconds=60)
    assert TEN in ask(place).starts
    assert len(questions(sandbox)) == 1
    ask(place)
    assert len(questions(sandbox)) == 1


def test_without_a_shared_cache_each_process_asks_once_and_answers(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "get_many", lambda _: {})
    place = place_of(practice)
    for questions_by_now in (1, 2):
        assert TEN in ask(place).starts
        assert TEN in ask(place).starts
        assert len(questions(sandbox)) == questions_by_now
        availability.forget()  # as another process


def test_what_a_process_has_seen_is_not_fetched_from_the_shared_cache_again(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(practice)
    first = ask(place)
    monkeypatch.setattr(caching, "get_many", lambda _: pytest.fail("asked again"))
    assert ask(place) == first
    raise_version([practice.event_type.pk])
    with pytest.raises(pytest.fail.Exception):
        ask(place_of(practice))


def test_what_another_process_has_fetched_anew_is_not_fetched_by_this_one_too(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    place = place_of(practice)
    availability.fetch_ahead(place, patience=3, priority=Priority.READ)
    old = dict(availability._seen)
    clock.shift(timedelta(seconds=40))
    availability.fetch_ahead(place, patience=3, priority=Priority.READ)
    assert len(questions(sandbox)) == 2
    availability._seen.update(old)  # as the process that has not seen the younger answer
    found = availability.fetch_ahead(place, patience=3, priority=Priority.READ)
    assert not found.ages
    assert len(questions(sandbox)) == 2


def test_a_process_keeps_no_more_answers_than_it_may(
    practice: Business, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "MOST_SEEN", 3)
    for days in range(4):
        ask(place_of(practice), Window(WEEK.first, WEEK.last - timedelta(days=days)))
    assert len(availability._seen) == 3


def test_keys_are_short_and_plain_also_for_odd_uids(practice: Business) -> None:
    place = replace(place_of(practice))
    uid = "üid with spaces/\x00" * 20
    for key in (
        availability._view_key(place, WEEK, uid),
        availability._slots_key(place, WEEK, uid),
        availability._ahead_key(place),
    ):
        assert len(cache.make_key(key)) < 250
        assert uid not in key
        assert all(33 <= ord(character) < 127 for character in key)


# --- The version, and time ----------------------------------------------------------------------


def test_a_raised_version_makes_both_layers_unreachable(practice: Business, sandbox: SandboxServer) -> None:
    assert TEN in ask(place_of(practice)).starts
    take(sandbox)
    assert TEN in ask(place_of(practice)).starts  # nobody has told us
    assert TEN not in ask(raised(practice)).starts
    assert len(questions(sandbox)) == 2


def test_one_raise_is_for_every_company_that_uses_the_event_type(
    practice: Business, linden: Business, sandbox: SandboxServer
) -> None:
    for business in (practice, linden):
        ask(place_of(business))
    raise_version([practice.event_type.pk])
    for business in (practice, linden):
        ask(place_of(business))
    assert len(questions(sandbox)) == 4


def test_a_slow_answer_that_began_before_the_raise_is_never_served_after_it(
    practice: Business, sandbox: SandboxServer
) -> None:
    old = place_of(practice)
    slow(sandbox, 700, at="after", count=1)  # it is made now, and comes late
    heard: list[Listing] = []
    early = threading.Thread(target=lambda: heard.append(ask(old)))
    early.start()
    while not questions(sandbox):
        pass
    threading.Event().wait(0.2)
    take(sandbox)
    new = raised(practice)
    assert TEN not in ask(new).starts
    early.join()
    assert TEN in heard[0].starts
    # It has been stored by now, under a version that nobody reads any more.
    assert TEN not in ask(place_of(practice)).starts
    assert len(questions(sandbox)) == 2


def test_an_answer_lives_as_long_as_the_setting_says(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    ask(place_of(practice))
    clock.shift(timedelta(seconds=59))
    ask(place_of(practice))
    assert len(questions(sandbox)) == 1
    clock.shift(timedelta(seconds=2))
    ask(place_of(practice))
    assert len(questions(sandbox)) == 2


def test_an_answer_fetched_just_after_a_raise_lives_five_seconds(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    place = raised(practice)
    clock.shift(timedelta(seconds=4))
    ask(place)
    clock.shift(timedelta(seconds=4))
    ask(place)
    assert len(questions(sandbox)) == 1
    clock.shift(timedelta(seconds=2))
    ask(place)
    assert len(questions(sandbox)) == 2
    # That was ten seconds after the raise: it lives a minute.
    clock.shift(timedelta(seconds=50))
    ask(place)
    assert len(questions(sandbox)) == 2


def test_who_joins_late_does_not_make_the_answer_younger(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    place = raised(practice)
    slow(sandbox, 600)
    heard: list[Listing] = []
    leader = threading.Thread(target=lambda: heard.append(ask(place)))
    leader.start()
    while not questions(sandbox):
        pass
    clock.shift(timedelta(seconds=5.5))
    joined = ask(place)
    leader.join()
    assert joined.expires == heard[0].expires
    assert joined.expires == time.time() + 5
    assert len(questions(sandbox)) == 1


def test_an_answer_that_takes_longer_than_it_may_live_is_there_for_who_asks_again(
    practice: Business, sandbox: SandboxServer, clock: time_machine.Traveller
) -> None:
    """A calendar is slow just after a booking too: the caller who asks again must not begin anew."""
    place = raised(practice)
    slow(sandbox, 600)
    with pytest.raises(CalendarUnavailable):
        ask(place, patience=0.1)
    while not questions(sandbox):
        pass
    clock.shift(timedelta(seconds=6))
    assert gateway.drain(seconds=5)
    assert TEN in ask(place, patience=0).starts
    clock.shift(timedelta(seconds=6))
    ask(place)
    assert len(questions(sandbox)) == 2


# --- Patience, faults, budget -------------------------------------------------------------------


def test_an_answer_that_missed_its_asker_is_there_for_the_next(
    practice: Business, sandbox: SandboxServer
) -> None:
    place = place_of(practice)
    slow(sandbox, 500)
    with pytest.raises(CalendarUnavailable) as failed:
        ask(place, patience=0.1)
    assert failed.value.reason == "timeout"
    assert gateway.drain(seconds=5)
    assert TEN in ask(place, patience=0).starts
    assert len(questions(sandbox)) == 1


def test_a_missed_deadline_counts_against_the_calendar_once(
    practice: Business, sandbox: SandboxServer, settings: Any
) -> None:
    settings.CALCOM_SLOTS_TIMEOUT = 0.3
    place = place_of(practice)
    slow(sandbox, 900)
    with pytest.raises(CalendarUnavailable):
        ask(place, patience=0.3)
    with pytest.raises(CalendarUnavailable):
        ask(place, patience=0.1)
    assert runtime.breaker(place.calendar.account_id).state().failures == 1
    assert gateway.drain(seconds=5)
    # It came after all: taken back.
    assert runtime.breaker(place.calendar.account_id).state().failures == 0


def test_a_caller_without_time_does_not_make_the_calendar_look_slow(
    practice: Business, sandbox: SandboxServer
) -> None:
    place = place_of(practice)
    slow(sandbox, 400)
    for _ in range(6):
        with pytest.raises(CalendarUnavailable):
            ask(place, patience=0.01)
    assert runtime.breaker(place.calendar.account_id).state().failures == 0


def test_a_calendar_that_fails_is_unavailable_and_nothing_of_it_is_cached(
    practice: Business, sandbox: SandboxServer
) -> None:
    place = place_of(practice)
    sandbox.faults.replace([{"kind": "status", "path": "/v2/slots", "status": 500}])
    with pytest.raises(CalendarUnavailable):
        ask(place)
    sandbox.faults.clear()
    assert TEN in ask(place).starts


def test_with_the_budget_used_up_a_cached_answer_still_answers(
    practice: Business, sandbox: SandboxServer, settings: Any
) -> None:
    place = place_of(practice)
    ask(place)
    settings.CALCOM_REQUESTS_PER_MINUTE = 1
    runtime.budget(place.calendar.account_id).block(seconds=30)
    assert TEN in ask(place).starts
    with pytest.raises(CalendarUnavailable) as failed:
        ask(place, Window(WEEK.first, WEEK.first))
    assert failed.value.reason == "budget"
    assert len(questions(sandbox)) == 1


# --- Ahead of the wish --------------------------------------------------------------------------


def test_the_weeks_fetched_ahead_answer_every_wish_inside_them(
    practice: Business, sandbox: SandboxServer
) -> None:
    place = place_of(practice)
    availability.fetch_ahead(place, patience=5, priority=Priority.READ)
    assert len(questions(sandbox)) == 1
    inside = ask(place)
    assert TEN in inside.starts
    bounds = [bound.timestamp() for bound in place.bounds(WEEK.first, WEEK.last)]
    assert all(bounds[0] <= start < bounds[1] for start in inside.starts)
    ahead = availability.window_ahead(place)
    friday = ahead.last - timedelta(days=2)
    assert ask(place, Window(friday, ahead.last)).starts
    assert len(questions(sandbox)) == 1
    ask(place, Window(ahead.last, ahead.last + timedelta(days=1)))
    assert len(questions(sandbox)) == 2


def test_fetching_ahead_twice_asks_once(practice: Business, sandbox: SandboxServer) -> None:
    place = place_of(practice)
    for _ in range(2):
        availability.fetch_ahead(place, patience=5, priority=Priority.SWEEP)
    assert len(questions(sandbox)) == 1


def test_a_wish_waits_for_the_weeks_that_are_being_fetched(
    practice: Business, sandbox: SandboxServer
) -> None:
    place = place_of(practice)
    slow(sandbox, 600)
    ahead = threading.Thread(
        target=lambda: availability.fetch_ahead(place, patience=5, priority=Priority.READ)
    )
    ahead.start()
    while not questions(sandbox):
        pass
    assert TEN in ask(place).starts
    ahead.join()
    assert len(questions(sandbox)) == 1


def test_a_wish_beyond_the_weeks_that_are_being_fetched_is_asked_at_once(
    practice: Business, sandbox: SandboxServer
) -> None:
    place = place_of(practice)
    slow(sandbox, 1500, count=1)
    ahead = threading.Thread(
        target=lambda: availability.fetch_ahead(place, patience=5, priority=Priority.READ)
    )
    ahead.start()
    while not questions(sandbox):
        pass
    last = availability.window_ahead(place).last
    assert ask(place, Window(last, last + timedelta(days=3)), patience=1).starts
    assert ahead.is_alive()
    ahead.join()


# --- Kinds of answers ---------------------------------------------------------------------------


def test_nothing_listed_is_blank_and_only_that_is(practice: Business, sandbox: SandboxServer) -> None:
    place = place_of(practice)
    closed = replace(place, opening=replace(place.opening, closures=frozenset(WEEK.days())))
    found = ask(closed)
    assert (found.starts, found.blank) == ((), False)  # the branch is closed, the calendar is not empty
    sandbox.faults.replace([{"kind": "empty_slots", "path": "/v2/slots"}])
    found = ask(raised(practice))
    assert (found.starts, found.blank) == ((), True)


@pytest.mark.parametrize("form", ["grouped", "flat", "strings"])
def test_older_shapes_of_the_answer_are_the_same_answer(
    practice: Business, sandbox: SandboxServer, form: str
) -> None:
    """Incident 23: a flat list was read as empty."""
    expected = ask(place_of(practice)).starts
    sandbox.faults.replace([{"kind": "old_slots", "path": "/v2/slots", "form": form}])
    assert ask(raised(practice)).starts == expected


class TestSeats:
    @pytest.fixture
    def scenario(self) -> dict[str, Any]:
        return {"accounts": [account(API_KEY, seats=3), account(OTHER_KEY, username="linden")]}

    def test_seats_are_kept_with_the_start(self, practice: Business) -> None:
        found = ask(place_of(practice))
        assert found.seats[TEN] == (3, 3)
        assert ask(place_of(practice)).seats == found.seats


def test_the_time_of_the_booking_that_is_moved_counts_as_free(
    practice: Business, sandbox: SandboxServer
) -> None:
    from tests.scheduling.engine import book

    outcome = book(practice, datetime(2026, 1, 7, 10, 0, tzinfo=BERLIN))
    assert outcome.appointment is not None
    place = place_of(practice)
    assert TEN not in ask(place).starts
    moving = ask(place, moving_uid=outcome.appointment.calendar_uid)
    assert TEN in moving.starts
    assert TEN not in ask(place).starts
    assert questions(sandbox)[-1]["bookingUidToReschedule"] == outcome.appointment.calendar_uid


def test_a_business_with_another_zone_has_days_of_its_own(
    practice: Business, sandbox: SandboxServer, transactional_db: None
) -> None:
    lisbon = make_business(
        "lisboa", number="+351210000000", base_url=sandbox.base_url, company={"timezone": "Europe/Lisbon"}
    )
    ask(place_of(lisbon), Window(WEDNESDAY, WEDNESDAY))
    query = questions(sandbox)[-1]
    assert unquote(query["start"]) == "2026-01-07T00:00:00Z"
    assert unquote(query["timeZone"]) == "Europe/Lisbon"
