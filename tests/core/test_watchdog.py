"""A wait that cannot end itself is ended by somebody else, and nothing else is."""

from __future__ import annotations

import contextvars
import threading
import time

from apps.core import deadline
from apps.core.deadline import Deadline
from apps.core.upstream import WorkPool
from apps.core.watchdog import LOOK_EVERY_SECONDS, Watchdog

SOON = LOOK_EVERY_SECONDS / 2
LONG_ENOUGH = 20 * LOOK_EVERY_SECONDS


def test_what_is_overdue_is_ended_once() -> None:
    dog, ended = Watchdog(), threading.Event()
    with dog.watching(SOON, ended.set):
        assert ended.wait(LONG_ENOUGH)
        ended.clear()
        assert not ended.wait(3 * LOOK_EVERY_SECONDS)
    assert dog.broken == 1


def test_what_is_over_in_time_is_left_alone() -> None:
    dog, ended = Watchdog(), threading.Event()
    for _ in range(50):
        with dog.watching(SOON, ended.set):
            pass
    assert not ended.wait(3 * LOOK_EVERY_SECONDS)
    assert dog.broken == 0


def test_each_wait_has_its_own_end() -> None:
    dog, ended = Watchdog(), threading.Event()
    with dog.watching(60, lambda: None), dog.watching(SOON, ended.set):
        assert ended.wait(LONG_ENOUGH)
    assert dog.broken == 1


def test_an_end_that_fails_does_not_end_the_watch() -> None:
    dog, ended = Watchdog(), threading.Event()

    def fail() -> None:
        raise OSError("the line is closed already")

    with dog.watching(SOON, fail), dog.watching(2 * SOON, ended.set):
        assert ended.wait(LONG_ENOUGH)


def test_whoever_leaves_waits_for_an_end_that_has_begun() -> None:
    """Otherwise it would meet what the same connection is used for next."""
    dog, begun, over = Watchdog(), threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        time.sleep(0.1)
        over.set()

    with dog.watching(SOON, slowly):
        assert begun.wait(LONG_ENOUGH)
    assert over.is_set()


def test_the_deadline_in_force_is_the_innermost_and_ends_with_its_block() -> None:
    assert deadline.seconds_left() is None
    with deadline.in_force(Deadline.after(60)):
        with deadline.in_force(Deadline.after(0)):
            assert deadline.seconds_left() == 0
        assert (deadline.seconds_left() or 0) > 59
        with deadline.in_force(None):
            assert deadline.seconds_left() is None
    assert deadline.seconds_left() is None


def test_work_that_outlives_its_caller_has_a_deadline_of_its_own() -> None:
    pool = WorkPool(name="outliving")
    with deadline.in_force(Deadline.after(0.01)):
        left = contextvars.copy_context().run(lambda: pool.start(deadline.seconds_left, key="a")).result(5)
    assert left is not None
    assert left > 30
    pool.close()
