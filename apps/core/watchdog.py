"""Ends a wait that cannot end itself: one thread a process that breaks what is overdue.

A database driver waits for the server as long as the connection stands. Where the server, or a network
that swallows packets, says nothing at all, only somebody else can end that wait. ``watching`` notes
what to call when; in the ordinary case it costs two operations on a dictionary.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Watched:
    due: float
    end: Callable[[], None]


class Watchdog:
    """``broken`` counts the waits that had to be ended; for the metrics."""

    def __init__(self) -> None:
        self.broken = 0
        self._begin()
        # A forked child has none of its parent's threads.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, _Watched] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, seconds: float, end: Callable[[], None]) -> Iterator[None]:
        """Call ``end`` from the watchdog's thread unless the block is over within ``seconds``."""
        one = _Watched(time.monotonic() + seconds, end)
        with self._lock:
            self._watched[id(one)] = one
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            # Whoever is being ended waits here until that is done: ``end`` never meets what comes next.
            with self._lock:
                self._watched.pop(id(one), None)

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_SECONDS)
            now = time.monotonic()
            with self._lock:
                overdue = [(key, one) for key, one in self._watched.items() if one.due <= now]
                for key, one in overdue:
                    del self._watched[key]
                    self._end(one)

    def _end(self, one: _Watched) -> None:
        self.broken += 1
        log.warning("overdue_wait_ended")
        try:
            one.end()
        except OSError as error:
            log.warning("overdue_wait_not_ended", error=type(error).__name__)


_dog = Watchdog()
watching = _dog.watching


def broken() -> int:
    """How many waits this process had to end."""
    return _dog.broken
