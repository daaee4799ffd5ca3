"""How fast callers call: within what the company and its calendar are set up to take.

Scripted callers speak faster than people, so that thirty calls fit into a minute. Without a pace they
would hear ``rate_limited`` and ``unavailable``, and test the limits in place of their scripts.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

MINUTE_SECONDS = 60.0
# What a call may need at most in functions, and at its busiest in requests to the calendar.
CALL_FUNCTIONS = 6
CALL_REQUESTS = 5
SHARE = 0.85
PAUSE_SECONDS = 0.1


@dataclass(slots=True)
class _Line:
    """One company's functions of the last minute (monotonic seconds), and the calls going on."""

    used: deque[float]
    running: int = 0
    last_start: float = float("-inf")


@dataclass(slots=True)
class Pacer:
    """Lets a call begin when its company can take it. Safe to share between threads.

    ``per_second``: requests that a calendar account may be asked a second.
    """

    per_second: float
    _lines: dict[str, _Line] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, company: str, *, per_minute: int, recent: Iterable[float] = ()) -> None:
        """Wait for a call's turn. ``recent``: seconds ago of functions that others have called."""
        while not self._try(company, per_minute=per_minute, recent=recent):
            time.sleep(PAUSE_SECONDS)

    def end(self, company: str, *, functions: int) -> None:
        """A call is over and has used so many functions."""
        with self._lock:
            line = self._lines[company]
            line.running -= 1
            line.used.extend([time.monotonic()] * functions)

    def _try(self, company: str, *, per_minute: int, recent: Iterable[float]) -> bool:
        now = time.monotonic()
        with self._lock:
            if company not in self._lines:
                self._lines[company] = _Line(deque(sorted(now - ago for ago in recent)))
            line = self._lines[company]
            while line.used and now - line.used[0] > MINUTE_SECONDS:
                line.used.popleft()
            wanted = len(line.used) + CALL_FUNCTIONS * (line.running + 1)
            crowded = wanted > per_minute * SHARE and (line.used or line.running)
            if crowded or now - line.last_start < CALL_REQUESTS / self.per_second:
                return False
            line.running += 1
            line.last_start = now
            return True
