from __future__ import annotations

import contextvars
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from apps.core.upstream import Saturated, WorkPool

company: contextvars.ContextVar[str] = contextvars.ContextVar("company", default="none")


class Boom(Exception):
    pass


@pytest.fixture
def pool() -> Iterator[WorkPool]:
    pool = WorkPool(name="test", threads=4, per_key=2)
    yield pool
    assert pool.drain(timeout=5)
    pool.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Work waits here until the test lets it go; never longer than the test."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_work_that_is_done_in_time_gives_its_value(pool: WorkPool) -> None:
    outcome = pool.run_with_deadline(lambda: 42, key="a", answer_within=5)
    assert not outcome.pending
    assert outcome.result() == 42


def test_work_that_fails_in_time_gives_its_own_error(pool: WorkPool) -> None:
    def fail() -> None:
        raise Boom

    outcome = pool.run_with_deadline(fail, key="a", answer_within=5)
    assert not outcome.pending
    with pytest.raises(Boom):
        outcome.result()


def test_a_timeout_of_the_work_itself_is_not_taken_for_the_callers(pool: WorkPool) -> None:
    def time_out() -> None:
        raise TimeoutError

    outcome = pool.run_with_deadline(time_out, key="a", answer_within=5)
    assert not outcome.pending
    with pytest.raises(TimeoutError):
        outcome.result()


def test_slow_work_leaves_the_caller_in_time_and_goes_on(pool: WorkPool, gate: threading.Event) -> None:
    recorded: list[str] = []

    def book() -> str:
        gate.wait(5)
        recorded.append("done")
        return "uid"

    began = time.monotonic()
    outcome = pool.run_with_deadline(book, key="a", answer_within=0.05)
    assert 0.04 < time.monotonic() - began < 1
    assert outcome.pending
    assert recorded == []
    with pytest.raises(RuntimeError):
        outcome.result()
    gate.set()
    assert pool.drain(timeout=5)
    assert recorded == ["done"]


def test_a_late_success_is_reported_once_and_one_in_time_never(pool: WorkPool, gate: threading.Event) -> None:
    late: list[str] = []

    def work() -> str:
        gate.wait(5)
        return "value"

    assert pool.run_with_deadline(work, key="a", answer_within=0.02, on_late=late.append).pending
    gate.set()
    assert pool.drain(timeout=5)
    assert late == ["value"]
    assert not pool.run_with_deadline(work, key="a", answer_within=5, on_late=late.append).pending
    assert late == ["value"]


def test_a_late_failure_is_no_success_and_is_logged_without_its_text(
    pool: WorkPool, gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    late: list[None] = []

    def work() -> None:
        gate.wait(5)
        raise Boom("Anna Muster, +4930123456")

    with caplog.at_level(logging.ERROR):
        assert pool.run_with_deadline(work, key="a", answer_within=0.02, on_late=late.append).pending
        gate.set()
        assert pool.drain(timeout=5)
        pool.close()
    assert late == []
    assert [record.message for record in caplog.records] == ["late_work_failed"]
    assert "Anna" not in caplog.text


def test_exactly_one_side_deals_with_a_result_that_comes_at_the_deadline(pool: WorkPool) -> None:
    late: list[int] = []
    pending = 0
    for number in range(60):

        def work(number: int = number) -> int:
            time.sleep(0.002)
            return number

        outcome = pool.run_with_deadline(work, key="a", answer_within=0.002, on_late=late.append)
        pending += outcome.pending
        if not outcome.pending:
            assert outcome.result() == number
        assert pool.drain(timeout=5)
    assert len(late) == pending


def test_the_work_runs_in_the_callers_context(pool: WorkPool) -> None:
    token = company.set("praxis")
    try:
        outcome = pool.run_with_deadline(company.get, key="a", answer_within=5)
    finally:
        company.reset(token)
    assert outcome.result() == "praxis"


def test_several_may_wait_for_the_same_work(pool: WorkPool, gate: threading.Event) -> None:
    def work() -> str:
        gate.wait(5)
        return company.get()

    future = pool.start(work, key="a")
    assert pool.in_flight("a") == 1
    results: list[str] = []
    waiting = [threading.Thread(target=lambda: results.append(future.result(5))) for _ in range(3)]
    for thread in waiting:
        thread.start()
    gate.set()
    for thread in waiting:
        thread.join()
    assert results == ["none"] * 3


def test_what_the_work_sets_does_not_leak_into_the_next(pool: WorkPool) -> None:
    for _ in range(4):
        outcome = pool.run_with_deadline(
            lambda: (company.get(), company.set("leaked")), key="a", answer_within=5
        )
        assert outcome.result()[0] == "none"


def test_one_key_takes_at_most_its_share_and_others_still_get_through(
    pool: WorkPool, gate: threading.Event
) -> None:
    for _ in range(2):
        pool.run_with_deadline(lambda: gate.wait(5), key="slow", answer_within=0)
    assert pool.in_flight("slow") == 2
    began = time.monotonic()
    with pytest.raises(Saturated):
        pool.run_with_deadline(lambda: None, key="slow", answer_within=5)
    assert time.monotonic() - began < 1
    assert pool.run_with_deadline(lambda: "ok", key="quick", answer_within=5).result() == "ok"
    gate.set()
    assert pool.drain(timeout=5)
    assert pool.run_with_deadline(lambda: "ok", key="slow", answer_within=5).result() == "ok"


def test_when_every_thread_is_busy_nothing_is_queued(pool: WorkPool, gate: threading.Event) -> None:
    started: list[int] = []
    for number in range(4):
        pool.run_with_deadline(lambda: gate.wait(5), key=f"k{number % 2}", answer_within=0)
    with pytest.raises(Saturated):
        pool.run_with_deadline(lambda: started.append(1), key="other", answer_within=0.1)
    gate.set()
    assert pool.drain(timeout=5)
    assert started == []


def test_failed_work_gives_its_place_back(pool: WorkPool) -> None:
    def fail() -> None:
        raise Boom

    for _ in range(10):
        with suppress(Boom):
            pool.run_with_deadline(fail, key="a", answer_within=5).result()
    assert pool.drain(timeout=5)
    assert pool.in_flight() == 0


def test_after_each_runs_in_the_works_own_thread_also_after_a_failure() -> None:
    cleaned: list[int] = []
    worked: list[int] = []
    pool = WorkPool(name="test", threads=1, after_each=lambda: cleaned.append(threading.get_ident()))

    def fail() -> None:
        worked.append(threading.get_ident())
        raise Boom

    pool.run_with_deadline(lambda: worked.append(threading.get_ident()), key="a", answer_within=5)
    pool.drain(timeout=5)
    pool.run_with_deadline(fail, key="a", answer_within=5)
    pool.drain(timeout=5)
    pool.close()
    assert cleaned == worked
    assert threading.get_ident() not in cleaned


SHUTDOWN = """
import sys, time
from apps.core.upstream import WorkPool
pool = WorkPool(name="t")
def work():
    time.sleep(0.3)
    sys.stdout.write("recorded")
print(pool.run_with_deadline(work, key="a", answer_within=0.01).pending, end=" ")
"""

FORK = """
import os, sys
from apps.core.upstream import WorkPool
pool = WorkPool(name="t")
pool.run_with_deadline(lambda: 1, key="a", answer_within=5).result()
child = os.fork()
value = pool.run_with_deadline(lambda: 2, key="a", answer_within=5).result()
if child == 0:
    os._exit(value)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), value)
"""


def run_python(code: str) -> str:
    """The output of a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True, cwd=os.getcwd()
    ).stdout.strip()


def test_a_process_that_ends_waits_for_what_is_on_its_way() -> None:
    assert run_python(SHUTDOWN) == "True recorded"


def test_a_forked_child_has_threads_of_its_own() -> None:
    assert run_python(FORK) == "2 2"
