"""Ask once: who asks the same at the same time shares one answer, and one failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from apps.core.flight import Flights, Waited
from apps.core.process_lock import locks

PATIENCE = 5.0


class Upstream:
    """Something slow that counts how often it is asked."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.asked = 0
        self.answer = threading.Event()
        self._error = error
        self._pool = ThreadPoolExecutor(4)

    def start(self) -> Future[str]:
        self.asked += 1
        number = self.asked
        return self._pool.submit(self._work, number)

    def _work(self, number: int) -> str:
        assert self.answer.wait(10)
        if self._error is not None:
            raise self._error
        return f"answer {number}"

    def close(self) -> None:
        self.answer.set()
        self._pool.shutdown()


@pytest.fixture
def upstream() -> Any:
    made = Upstream()
    yield made
    made.close()


def nothing_stored() -> str | None:
    return None


def together(count: int, ask: Callable[[], str]) -> list[str | Exception]:
    """What each of several threads heard; all ask before anything is answered."""
    heard: list[str | Exception] = []

    def one() -> None:
        try:
            heard.append(ask())
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what this asker heard
            heard.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard


def soon(event: threading.Event, seconds: float = 0.2) -> None:
    threading.Timer(seconds, event.set).start()


def test_a_hundred_who_ask_at_once_share_one_answer(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    soon(upstream.answer)
    heard = together(
        100, lambda: flights.ask(name, start=upstream.start, look=nothing_stored, patience=PATIENCE)
    )
    assert heard == ["answer 1"] * 100
    assert upstream.asked == 1


def test_different_questions_do_not_wait_for_each_other(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    quick = Upstream()
    quick.answer.set()
    slow = threading.Thread(
        target=lambda: flights.ask(f"{name}-a", start=upstream.start, look=nothing_stored, patience=PATIENCE)
    )
    slow.start()
    assert flights.ask(f"{name}-b", start=quick.start, look=nothing_stored, patience=PATIENCE) == "answer 1"
    assert slow.is_alive()
    upstream.answer.set()
    slow.join()
    quick.close()


def test_the_next_question_after_an_answer_is_a_new_one(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    upstream.answer.set()
    for number in (1, 2):
        answer = flights.ask(name, start=upstream.start, look=nothing_stored, patience=PATIENCE)
        assert answer == f"answer {number}"


def test_a_stored_answer_is_found_also_by_the_one_who_would_ask(upstream: Upstream, name: str) -> None:
    """Another process may have stored it between this one's look and its taking the lead."""
    flights: Flights[str] = Flights()
    answer = flights.ask(name, start=upstream.start, look=lambda: "stored", patience=PATIENCE)
    assert (answer, upstream.asked) == ("stored", 0)
    assert not locks().is_held(name)


def test_everybody_who_waits_hears_of_a_failure_and_the_next_one_asks_anew(name: str) -> None:
    flights: Flights[str] = Flights()
    broken = Upstream(error=ValueError("no"))
    soon(broken.answer)
    heard = together(
        10, lambda: flights.ask(name, start=broken.start, look=nothing_stored, patience=PATIENCE)
    )
    assert {str(one) for one in heard} == {"no"}
    assert broken.asked == 1
    good = Upstream()
    good.answer.set()
    assert flights.ask(name, start=good.start, look=nothing_stored, patience=PATIENCE) == "answer 1"
    broken.close()
    good.close()


def test_a_question_that_may_not_be_asked_fails_at_once_and_holds_nobody(
    upstream: Upstream, name: str
) -> None:
    flights: Flights[str] = Flights()

    def refuse() -> Future[str]:
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        flights.ask(name, start=refuse, look=nothing_stored, patience=PATIENCE)
    assert not locks().is_held(name)
    upstream.answer.set()
    assert flights.ask(name, start=upstream.start, look=nothing_stored, patience=PATIENCE) == "answer 1"


def test_an_error_of_the_work_that_is_a_timeout_is_not_mistaken_for_impatience(name: str) -> None:
    flights: Flights[str] = Flights()
    broken = Upstream(error=TimeoutError("upstream's own"))
    broken.answer.set()
    with pytest.raises(TimeoutError, match="upstream's own"):
        flights.ask(name, start=broken.start, look=nothing_stored, patience=PATIENCE)
    broken.close()


def test_who_has_no_patience_left_still_sets_the_question_going(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    with pytest.raises(Waited) as waited:
        flights.ask(name, start=upstream.start, look=nothing_stored, patience=0)
    assert waited.value.work is not None
    soon(upstream.answer, 0.05)
    # The one who comes next joins what is under way.
    assert flights.ask(name, start=upstream.start, look=nothing_stored, patience=PATIENCE) == "answer 1"
    assert upstream.asked == 1


def test_a_slow_question_goes_on_after_its_asker_has_left(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    began = time.monotonic()
    with pytest.raises(Waited) as waited:
        flights.ask(name, start=upstream.start, look=nothing_stored, patience=0.1)
    assert time.monotonic() - began < 2
    assert waited.value.since >= began
    upstream.answer.set()
    assert waited.value.work is not None
    assert waited.value.work.result(timeout=5) == "answer 1"


def test_while_another_process_asks_this_one_looks_for_what_it_stores(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    release = locks().acquire(name)  # as another process has it
    assert release is not None
    stored: list[str] = []
    threading.Timer(0.15, lambda: stored.append("from elsewhere")).start()
    answer = flights.ask(
        name, start=upstream.start, look=lambda: stored[0] if stored else None, patience=PATIENCE
    )
    assert (answer, upstream.asked) == ("from elsewhere", 0)
    release()


def test_one_waiter_looks_for_all_of_its_process(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    release = locks().acquire(name)
    assert release is not None
    looks: list[float] = []
    stored = threading.Event()
    soon(stored, 0.4)

    def look() -> str | None:
        looks.append(time.monotonic())
        return "stored" if stored.is_set() else None

    heard = together(50, lambda: flights.ask(name, start=upstream.start, look=look, patience=PATIENCE))
    assert heard == ["stored"] * 50
    # 0.4 s at 20 ms are twenty looks of one waiter, not a thousand of fifty.
    assert len(looks) < 100
    release()


def test_a_leader_elsewhere_that_is_gone_without_an_answer_is_followed_by_this_process(
    upstream: Upstream, name: str
) -> None:
    flights: Flights[str] = Flights()
    release = locks().acquire(name)
    assert release is not None
    threading.Timer(0.1, release).start()
    upstream.answer.set()
    assert flights.ask(name, start=upstream.start, look=nothing_stored, patience=PATIENCE) == "answer 1"


def test_who_waits_for_another_process_leaves_when_patience_ends(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    release = locks().acquire(name)
    assert release is not None
    with pytest.raises(Waited) as waited:
        flights.ask(name, start=upstream.start, look=nothing_stored, patience=0.1)
    assert (waited.value.work, upstream.asked) == (None, 0)
    assert flights._flying == {}
    release()


def test_a_question_waits_behind_a_larger_one_whose_answer_will_do(upstream: Upstream, name: str) -> None:
    flights: Flights[str] = Flights()
    large = Upstream()
    stored: list[str] = []

    def start_large() -> Future[str]:
        work = large.start()
        work.add_done_callback(lambda done: stored.append(f"part of {done.result()}"))
        return work

    asked_large = threading.Thread(
        target=lambda: flights.ask(f"{name}-large", start=start_large, look=nothing_stored, patience=PATIENCE)
    )
    asked_large.start()
    while not large.asked:
        time.sleep(0.01)
    soon(large.answer)
    answer = flights.ask(
        f"{name}-small",
        start=upstream.start,
        look=lambda: stored[0] if stored else None,
        patience=PATIENCE,
        behind=f"{name}-large",
    )
    asked_large.join()
    assert (answer, upstream.asked) == ("part of answer 1", 0)
    large.close()


def test_behind_a_larger_question_nobody_waits_longer_than_half_of_the_patience(
    upstream: Upstream, name: str
) -> None:
    flights: Flights[str] = Flights()
    release = locks().acquire(f"{name}-large")  # it is slow
    assert release is not None
    upstream.answer.set()
    began = time.monotonic()
    answer = flights.ask(
        f"{name}-small", start=upstream.start, look=nothing_stored, patience=1.0, behind=f"{name}-large"
    )
    assert (answer, upstream.asked) == ("answer 1", 1)
    assert 0.4 < time.monotonic() - began < 0.95
    release()
