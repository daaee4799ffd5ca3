"""One company's slow calendar takes at most its share of the threads that answer requests.

Whoever waits for a calendar in a request's thread says so. A calendar that answers quickly is never
noticed: any number may wait for it for a moment. Once a company's share of the threads has waited longer
than that, further ones are refused at once; and whoever comes while more than the share is waiting, though
none of them for long yet, waits for a moment only.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from apps.core import counts
from apps.core.errors import PlatformError

MOMENT_SECONDS = 1.0


class ShareUsedUp(PlatformError):
    """This company's share of the threads is waiting already, and not just for a moment."""

    code = "share_used_up"
    message = "Too many requests wait for this company's calendar already."
    retryable = True


class Bulkhead:
    """Who waits, by key, in this process. ``share``: how many of a key may wait for long."""

    def __init__(self, *, share: int, moment_seconds: float = MOMENT_SECONDS) -> None:
        self._share = share
        self._moment = moment_seconds
        self._lock = threading.Lock()
        self._since: defaultdict[str, dict[object, float]] = defaultdict(dict)

    @contextmanager
    def waiting(self, key: str, *, seconds: float, refusable: bool = True) -> Iterator[float]:
        """The block waits; yields for how many seconds it may. Raises :class:`ShareUsedUp`.

        What is not ``refusable`` (something was sent already) waits for a moment at least.
        """
        mark = object()
        with self._lock:
            others = self._since[key]
            now = time.monotonic()
            long = sum(1 for since in others.values() if now - since > self._moment)
            used_up, crowded = long >= self._share, len(others) >= self._share
            if used_up and refusable:
                counts.note("waits_refused")
                raise ShareUsedUp
            others[mark] = now
        if crowded:
            counts.note("waits_shortened")
        try:
            yield min(seconds, self._moment) if crowded else seconds
        finally:
            with self._lock:
                others.pop(mark, None)
                if not others:
                    self._since.pop(key, None)

    def count(self, key: str) -> int:
        """How many of a key are waiting."""
        with self._lock:
            return len(self._since.get(key, ()))
