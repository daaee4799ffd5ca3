"""The chaos in small: bookings under every fault, held against what everybody was told.

The long one, with processes that are killed, is ``make chaos``.
"""

from __future__ import annotations

import itertools
import random
import threading

import pytest

from apps.sandbox import changes
from apps.sandbox.errors import RefusedError
from apps.sandbox.server import SandboxServer
from apps.sandbox.webhooks import update
from apps.scheduling import gateway, submission
from apps.scheduling.models import BookingAttempt
from benchmarks import _chaos_weather as weather
from benchmarks._chaos_after import calm, settle_all
from benchmarks._chaos_calls import Line, bookings_of
from benchmarks._chaos_crowd import Crowd, conflicts
from benchmarks._chaos_grade import grade
from benchmarks._chaos_world import Practice
from tests.chaos.conftest import calendar

BOOKINGS = 70
CALLERS = 8
# A busy machine may take so long, and need not come to as many.
SECONDS, LEAST = 18.0, 15
TURN_SECONDS = 0.4
DIES = 0.05

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


class Killed(BaseException):
    """What nobody catches: the thread ends where it is, as in a process that is killed."""


def storm(sandbox: SandboxServer, names: list[str], over: threading.Event, by_business: set[str]) -> None:
    """Other faults twice a second; the business moves and cancels in its own calendar."""
    rng = random.Random(1)
    for turn in itertools.count():
        # A body of megabytes takes the one process that all share here.
        rules = [rule for rule in weather.rules(turn, names, rng) if rule.get("form") != "huge"]
        sandbox.faults.replace(rules, seed=turn)
        update(sandbox.calendar.behaviour, weather.behaviour(turn))
        if over.wait(TURN_SECONDS):
            break
        standing = [one for one in list(sandbox.calendar.bookings.values()) if one.status == "accepted"]
        for one in rng.sample(standing, k=min(1, len(standing))):
            try:
                if rng.random() < 0.5:
                    changes.cancel(sandbox.calendar, booking=one)
                else:
                    moved = changes.reschedule(sandbox.calendar, booking=one, start=one.start + 86_400)
                    by_business.add(moved.uid)
            except RefusedError:
                continue
    sandbox.faults.clear()
    update(sandbox.calendar.behaviour, weather.CALM)


def die_sometimes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some writers die after the calendar has answered, before anything of it is recorded."""
    record, rng = submission._record_success, random.Random(2)

    def dying(attempt: BookingAttempt, booking: object) -> None:
        if rng.random() < DIES:
            raise Killed
        record(attempt, booking)  # type: ignore[arg-type]

    monkeypatch.setattr(submission, "_record_success", dying)


def test_whatever_breaks_no_booking_is_doubled_promised_in_vain_or_forgotten(
    practices: list[Practice], sandbox: SandboxServer, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_sometimes(monkeypatch)
    over, by_business = threading.Event(), set[str]()
    names = [practice.username for practice in practices]
    blowing = threading.Thread(target=storm, args=(sandbox, names, over, by_business))
    blowing.start()
    crowd = Crowd(line, practices, seed=1, days=2)
    crowd.run(callers=CALLERS, bookings=BOOKINGS, seconds=SECONDS, tell=False)
    over.set()
    blowing.join()
    assert crowd.problems == []
    assert gateway.drain(seconds=10)
    monkeypatch.undo()
    monkeypatch.setattr(gateway, "pause", lambda seconds: None)
    ids = [practice.company_id for practice in practices]
    calm(ids)
    assert settle_all(ids).quiet
    verdicts = grade(calendar(sandbox), crowd.calls, by_business=by_business)
    assert {one.what: one.cases for one in verdicts if one.count} == {}
    # It was a storm, and they did book.
    statuses = [told.status for caller in crowd.calls for told in caller.told]
    assert {"booked", "pending"} <= set(statuses)
    assert bookings_of(crowd.calls) >= LEAST


def test_a_crowd_that_wants_the_same_day_does_not_meet_in_one_slot(
    practices: list[Practice], sandbox: SandboxServer, line: Line
) -> None:
    """Offers are kept for the call that heard them: nobody hears that somebody was faster."""
    met = conflicts(line, practices, crowds=((2, 3), (4, 2), (6, 1)))
    assert met.taken == 0
    assert met.booked >= 10  # of 20; on a busy machine somebody may have to wait too long
    assert gateway.drain(seconds=10)
    assert len([one for one in calendar(sandbox) if one.stands]) >= met.booked
