from __future__ import annotations

import threading

import pytest

from apps.sandbox.callers import pacing
from apps.sandbox.callers.pacing import CALL_FUNCTIONS, Pacer


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(pacing, "time", stopped)
    return stopped


def calls_in(seconds: float, pacer: Pacer, clock: Clock, *, functions: int, per_minute: int) -> int:
    """How many calls one after the other begin within so many seconds."""
    began, count = clock.now, 0
    while clock.now - began < seconds:
        pacer.begin("praxis", per_minute=per_minute)
        pacer.end("praxis", functions=functions)
        count += 1
    return count


def test_a_company_is_never_asked_more_than_its_limit_in_a_minute(clock: Clock) -> None:
    calls = calls_in(60, Pacer(per_second=1000), clock, functions=4, per_minute=100)
    assert 15 <= calls <= 100 / 4


def test_a_higher_limit_lets_more_calls_begin(clock: Clock) -> None:
    assert calls_in(60, Pacer(per_second=1000), clock, functions=4, per_minute=400) > 60


def test_what_others_have_asked_counts_until_it_is_a_minute_old(clock: Clock) -> None:
    pacer, began = Pacer(per_second=1000), clock.now
    pacer.begin("praxis", per_minute=100, recent=[20.0] * 90)
    assert clock.now - began == pytest.approx(40, abs=1)


def test_companies_do_not_wait_for_each_other(clock: Clock) -> None:
    pacer, began = Pacer(per_second=1000), clock.now
    pacer.begin("praxis", per_minute=CALL_FUNCTIONS)
    pacer.begin("clinic", per_minute=CALL_FUNCTIONS)
    assert clock.now == began


def test_calls_of_one_calendar_do_not_begin_in_the_same_moment(clock: Clock) -> None:
    pacer, began = Pacer(per_second=10), clock.now
    for _ in range(3):
        pacer.begin("praxis", per_minute=1000)
    assert clock.now - began == pytest.approx(1.0, abs=0.11)


def test_a_limit_below_one_call_still_lets_a_single_call_through(clock: Clock) -> None:
    pacer, began = Pacer(per_second=1000), clock.now
    pacer.begin("praxis", per_minute=1)
    assert clock.now == began


def test_a_call_that_waits_begins_when_another_has_ended() -> None:
    pacer = Pacer(per_second=1000)
    pacer.begin("praxis", per_minute=8)
    waiting = threading.Thread(target=pacer.begin, args=("praxis",), kwargs={"per_minute": 8}, daemon=True)
    waiting.start()
    waiting.join(0.15)
    assert waiting.is_alive()
    pacer.end("praxis", functions=0)
    waiting.join(2)
    assert not waiting.is_alive()
