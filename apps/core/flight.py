"""Ask once: identical questions in flight share one answer, across threads and processes.

In a process everybody waits for the same future. Between processes a lock says who asks; one waiter of
each other process looks for the stored answer on behalf of all. A leader that dies loses its lock
within two seconds (``apps.core.process_lock``), and somebody else asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Generic, TypeVar

from apps.core.process_lock import Release, locks

T = TypeVar("T")
POLL_SECONDS = 0.02


class Waited(Exception):
    """Nobody had the answer before this asker's patience ended.

    ``work`` is the question itself where this process asks it, and ``since`` when it began
    (``time.monotonic()`` seconds).
    """

    def __init__(self, work: Future[Any] | None, since: float) -> None:
        super().__init__()
        self.work = work
        self.since = since


class _Flight(Generic[T]):
    """One question in flight in this process. ``work`` is None while another process asks it."""

    __slots__ = ("answer", "next_look", "pilot", "since", "waiting", "work")

    def __init__(self) -> None:
        self.answer: Future[T] = Future()
        self.work: Future[T] | None = None
        self.since = 0.0
        self.pilot = threading.Lock()
        self.next_look = 0.0
        self.waiting = 0


class Flights(Generic[T]):
    """The questions in flight of one kind in this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._flying: dict[str, _Flight[T]] = {}

    def ask(
        self,
        key: str,
        *,
        start: Callable[[], Future[T]],
        look: Callable[[], T | None],
        patience: float,
        behind: str = "",
    ) -> T:
        """The answer to ``key``: another asker's, a stored one, or that of ``start``.

        ``start`` begins the work and returns its future at once; ``look`` finds an answer that was
        stored. ``behind`` names another question whose answer would do: while that one is in flight,
        and half the patience is left, this one is not asked. Raises ``Waited`` when patience
        (seconds) ends first, or what ``start`` or the work raised; of the work's error all who wait hear.
        """
        began = time.monotonic()
        until = began + patience
        flight = self._board(key)
        try:
            while not flight.answer.done():
                waits_behind = behind if time.monotonic() < began + patience / 2 else ""
                self._steer(key, flight, start=start, look=look, behind=waits_behind)
                left = until - time.monotonic()
                # While this process asks, the answer comes by itself; else somebody has to look for it.
                pause = left if flight.work is not None else min(left, POLL_SECONDS)
                try:
                    return flight.answer.result(timeout=max(pause, 0))
                except FutureTimeout:
                    if flight.answer.done() or time.monotonic() < until:
                        continue
                    raise Waited(flight.work, flight.since) from None
            return flight.answer.result()
        finally:
            self._leave(key, flight)

    def _board(self, key: str) -> _Flight[T]:
        with self._guard:
            flight = self._flying.get(key)
            if flight is None:
                flight = self._flying[key] = _Flight()
            flight.waiting += 1
            return flight

    def _leave(self, key: str, flight: _Flight[T]) -> None:
        with self._guard:
            flight.waiting -= 1
            if not flight.waiting and flight.work is None and self._flying.get(key) is flight:
                del self._flying[key]

    def _steer(
        self,
        key: str,
        flight: _Flight[T],
        *,
        start: Callable[[], Future[T]],
        look: Callable[[], T | None],
        behind: str,
    ) -> None:
        """One waiter's attempt to get on: look, or ask. Never waits."""
        if flight.work is not None or not flight.pilot.acquire(blocking=False):
            return
        try:
            now = time.monotonic()
            if flight.work is not None or flight.answer.done() or now < flight.next_look:
                return
            flight.next_look = now + POLL_SECONDS
            lead = None if behind and self._is_flying(behind) else locks().acquire(key)
            asked = False
            try:
                # Also with the lock in hand: whoever had it before may have stored the answer just now.
                found = look()
                if found is not None:
                    self._forget(key, flight)
                    flight.answer.set_result(found)
                elif lead is not None:
                    self._take_off(key, flight, start, lead)
                    asked = True
            finally:
                if lead is not None and not asked:
                    lead()
        finally:
            flight.pilot.release()

    def _is_flying(self, key: str) -> bool:
        with self._guard:
            here = key in self._flying
        return here or locks().is_held(key)

    def _take_off(self, key: str, flight: _Flight[T], start: Callable[[], Future[T]], lead: Release) -> None:
        flight.since = time.monotonic()
        flight.work = start()
        flight.work.add_done_callback(lambda work: self._land(key, flight, work, lead))

    def _land(self, key: str, flight: _Flight[T], work: Future[T], lead: Release) -> None:
        """The answer is stored by now, or there is none: whoever asks next starts anew."""
        self._forget(key, flight)
        lead()
        error = work.exception()
        if error is None:
            flight.answer.set_result(work.result())
        else:
            flight.answer.set_exception(error)

    def _forget(self, key: str, flight: _Flight[T]) -> None:
        with self._guard:
            if self._flying.get(key) is flight:
                del self._flying[key]
