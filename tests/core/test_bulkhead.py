"""One company's slow calendar takes its share of the threads, a quick one as many as come."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from apps.core import counts
from apps.core.bulkhead import Bulkhead, ShareUsedUp

MOMENT = 0.15


@pytest.fixture
def bulkhead() -> Bulkhead:
    return Bulkhead(share=2, moment_seconds=MOMENT)


@contextmanager
def several(bulkhead: Bulkhead, number: int, *, key: str = "a") -> Iterator[list[float]]:
    """So many wait at once; how long each of them may."""
    with ExitStack() as stack:
        yield [stack.enter_context(bulkhead.waiting(key, seconds=9.0)) for _ in range(number)]


def test_a_quick_calendar_is_never_noticed(bulkhead: Bulkhead) -> None:
    for _ in range(20):
        with several(bulkhead, 2) as allowed:
            assert allowed == [9.0, 9.0]
        assert bulkhead.count("a") == 0


def test_who_comes_while_the_share_is_waiting_waits_for_a_moment(bulkhead: Bulkhead) -> None:
    with several(bulkhead, 5) as allowed:
        assert allowed == [9.0, 9.0, MOMENT, MOMENT, MOMENT]
        with bulkhead.waiting("a", seconds=0.01) as seconds:
            assert seconds == 0.01


def test_once_the_share_has_waited_for_long_others_are_refused_at_once(bulkhead: Bulkhead) -> None:
    refused = counts.noted().get("waits_refused", 0)
    with several(bulkhead, 2):
        time.sleep(MOMENT + 0.05)
        with pytest.raises(ShareUsedUp), bulkhead.waiting("a", seconds=9.0):
            pass
        with bulkhead.waiting("a", seconds=9.0, refusable=False) as seconds:
            assert seconds == MOMENT
        with several(bulkhead, 2, key="b") as allowed:
            assert allowed == [9.0, 9.0]
    assert counts.noted()["waits_refused"] == refused + 1
    with bulkhead.waiting("a", seconds=9.0) as seconds:
        assert seconds == 9.0


def test_places_are_given_back_whatever_happens(bulkhead: Bulkhead) -> None:
    def fail() -> None:
        with pytest.raises(ZeroDivisionError), bulkhead.waiting("a", seconds=9.0):
            raise ZeroDivisionError

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bulkhead.count("a") == 0
