"""Slow is not unknown: the caller's answer has a deadline, the work behind it goes on.

A caller hears something within seconds. The question to the calendar may take longer, and its
answer is worth having all the same: it fills a cache or settles a booking. So the work runs in a
thread of a bounded pool; the caller waits as long as it may and then leaves with a pending
:class:`Outcome`, while the work goes on up to a deadline of its own.

The pool never queues. Work that cannot start now is refused (:class:`Saturated`): a booking that
sat in a queue would go out after its caller was told something else. ``per_key`` is the bulkhead:
one calendar account's slow answers take at most their share of the threads.

The threads are no daemons: at shutdown the interpreter waits for requests that are on their way
(they have a deadline), so that a booking's outcome is still recorded. A process killed outright
leaves what any dead process leaves: something to look up.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from apps.core import deadline
from apps.core.deadline import Deadline
from apps.core.errors import PlatformError

LONGEST_SECONDS = 60.0
"""When work in a thread must be over: its context is a copy, but the caller's deadline is not its own."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Saturated(PlatformError):
    """All threads, or all of this key's, are busy; nothing was started."""

    code = "saturated"
    message = "Too much is in flight already."
    retryable = True


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What the caller leaves with: finished work, or work that still goes on."""

    _future: Future[T]
    pending: bool

    def result(self) -> T:
        """The value of finished work, or its error raised. Not for pending work."""
        if self.pending:
            raise RuntimeError("the work has not finished")
        return self._future.result()


class _Handover:
    """Exactly one side deals with the result: the caller that waits, or the work when the caller has gone."""

    __slots__ = ("_lock", "_settled")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = False

    def claim(self) -> bool:
        """True for the first of the two, false for the second."""
        with self._lock:
            first, self._settled = not self._settled, True
            return first


class WorkPool:
    """Bounded threads for work that may outlive the one who waits for it.

    ``after_each`` runs in the thread after every piece of work (closing database connections).
    """

    def __init__(
        self,
        *,
        name: str,
        threads: int = 32,
        per_key: int = 8,
        after_each: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._threads = threads
        self._per_key = per_key
        self._after_each = after_each
        self._begin()
        # A forked child has none of its parent's threads.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._in_flight: Counter[str] = Counter()
        self._executor: ThreadPoolExecutor | None = None

    def run_with_deadline(
        self,
        work: Callable[[], T],
        *,
        key: str,
        answer_within: float,
        on_late: Callable[[T], None] | None = None,
    ) -> Outcome[T]:
        """Run ``work`` in a thread, in a copy of the caller's context; wait ``answer_within`` seconds for it.

        ``work`` bounds itself with its own, longer deadline and records what has to outlive the
        caller. ``on_late(value)`` is called in the thread if it succeeds after the caller has left,
        and only then. Raises :class:`Saturated`.
        """
        handover = _Handover()

        def whole() -> T:
            value = work()
            if not handover.claim() and on_late is not None:
                on_late(value)
            return value

        future = self.start(whole, key=key)
        wait((future,), timeout=max(0.0, answer_within))
        if future.done() or not handover.claim():
            return Outcome(future, pending=False)
        future.add_done_callback(_report_lost_error)
        return Outcome(future, pending=True)

    def start(self, work: Callable[[], T], *, key: str) -> Future[T]:
        """Run ``work`` in a thread, in a copy of the caller's context; several may wait for its future.

        Raises :class:`Saturated`.
        """
        self._enter(key)

        def whole() -> T:
            try:
                with deadline.in_force(Deadline.after(LONGEST_SECONDS)):
                    return work()
            finally:
                self._leave(key)

        try:
            return self._pool().submit(contextvars.copy_context().run, whole)
        except RuntimeError as error:
            # The interpreter is shutting down: no new work.
            self._leave(key)
            raise Saturated from error

    def in_flight(self, key: str | None = None) -> int:
        """Pieces of work that are running, of one key or of all."""
        with self._lock:
            return self._in_flight.total() if key is None else self._in_flight[key]

    def drain(self, *, timeout: float) -> bool:
        """Wait until nothing is running; false when something still is after ``timeout`` seconds."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._in_flight.total(), timeout)

    def close(self) -> None:
        """Wait for running work and end the threads; the next work starts new ones."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True)

    def _enter(self, key: str) -> None:
        with self._lock:
            if self._in_flight[key] >= self._per_key or self._in_flight.total() >= self._threads:
                raise Saturated
            self._in_flight[key] += 1

    def _leave(self, key: str) -> None:
        try:
            if self._after_each is not None:
                self._after_each()
        finally:
            with self._idle:
                self._in_flight[key] -= 1
                if not self._in_flight[key]:
                    del self._in_flight[key]
                self._idle.notify_all()

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
            return self._executor


def _report_lost_error(future: Future[T]) -> None:
    """Nobody waits for this error any more; it must not vanish."""
    error = future.exception()
    if error is not None:
        logger.error("late_work_failed", extra={"error": getattr(error, "code", type(error).__name__)})
