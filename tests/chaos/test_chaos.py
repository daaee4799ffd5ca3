"""The chaos in small: some hundred bookings under every fault, held against what everybody was told.

The long one, with processes that are killed, is ``make chaos``.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from datetime import datetime, timedelta
from datetime import time as clock

import pytest

from apps.core import runtime
from apps.sandbox import changes
from apps.sandbox.errors import RefusedError
from apps.sandbox.server import SandboxServer
from apps.sandbox.webhooks import update
from apps.scheduling import gateway
from apps.scheduling.models import BookingAttempt, CalendarAccount
from apps.tenants.scoping import all_companies
from benchmarks import _chaos_weather as weather
from benchmarks._chaos_calls import Caller, Line, phone_of
from benchmarks._chaos_grade import grade, settle_all
from benchmarks._chaos_world import BERLIN, Practice, Want, today, wanted
from tests.chaos.conftest import at_once, calendar

BOOKINGS = 220
CALLERS = 8
SECONDS = 14.0


def storm(sandbox: SandboxServer, practices: list[Practice], over: threading.Event) -> None:
    """Other faults twice a second; the business moves and cancels in its own calendar."""
    rng = random.Random(1)
    names = [practice.username for practice in practices]
    for turn in itertools.count():
        rules = [rule for rule in weather.rules(turn, names, rng) if rule.get("form") != "huge"]
        sandbox.faults.replace(rules, seed=turn)
        update(sandbox.calendar.behaviour, weather.behaviour(turn))
        if over.wait(0.5):
            break
        standing = [one for one in list(sandbox.calendar.bookings.values()) if one.status == "accepted"]
        for one in rng.sample(standing, k=min(2, len(standing))):
            try:
                if rng.random() < 0.5:
                    changes.cancel(sandbox.calendar, booking=one)
                else:
                    changes.reschedule(sandbox.calendar, booking=one, start=one.start + 86_400)
            except RefusedError:
                continue
    sandbox.faults.clear()
    update(sandbox.calendar.behaviour, weather.CALM)


def test_whatever_breaks_no_booking_is_doubled_promised_in_vain_or_forgotten(
    practices: list[Practice], sandbox: SandboxServer, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, ends = threading.Event(), time.monotonic() + SECONDS
    callers: list[Caller] = []
    numbers = itertools.count(1)

    def phone(seed: int) -> None:
        rng = random.Random(seed)
        while time.monotonic() < ends and sum(one.bookings for one in list(callers)) < BOOKINGS:
            caller = Caller(line, wanted(rng, practices, days=4), phone=phone_of(next(numbers)), rng=rng)
            callers.append(caller)
            caller.talk()

    blowing = threading.Thread(target=storm, args=(sandbox, practices, over))
    blowing.start()
    at_once([lambda seed=seed: phone(seed) for seed in range(CALLERS)])
    over.set()
    blowing.join()
    assert gateway.drain(seconds=10)
    with all_companies():
        for account in CalendarAccount.objects.all():
            runtime.breaker(account.pk).reset()
            runtime.budget(account.pk).unblock()
    monkeypatch.setattr(gateway, "pause", lambda seconds: None)
    assert settle_all(practice.company_id for practice in practices)
    verdicts = grade(calendar(sandbox), callers)
    assert {one.what: one.cases for one in verdicts if one.count} == {}
    # It was a storm, and they did book.
    statuses = {told.status for caller in callers for told in caller.told}
    assert {"booked", "pending"} <= statuses
    with all_companies():
        assert BookingAttempt.objects.filter(state=BookingAttempt.State.CONFIRMED).count() > BOOKINGS / 5


@pytest.mark.parametrize("crowd", [2, 8, 20])
def test_a_crowd_that_wants_the_same_day_does_not_meet_in_one_slot(
    practices: list[Practice], sandbox: SandboxServer, line: Line, crowd: int
) -> None:
    """Offers are kept for the call that heard them: nobody hears that somebody was faster."""
    practice = practices[0]
    start = datetime.combine(today() + timedelta(days=3), clock(10), tzinfo=BERLIN)
    want = Want(practice, practice.services[1], start)
    gate = threading.Barrier(crowd)
    callers = [Caller(line, want, phone=phone_of(n), rng=random.Random(n)) for n in range(crowd)]

    def choose_and_book(caller: Caller) -> str:
        gate.wait()
        token = caller.choose()
        return str(caller.ask("book_appointment", slot=token, customer_name=caller.name)["status"])

    statuses = at_once([lambda caller=caller: choose_and_book(caller) for caller in callers])
    assert "slot_taken" not in statuses
    assert "booked" in statuses
    assert gateway.drain(seconds=10)
    assert len([one for one in calendar(sandbox) if one.stands]) == crowd
