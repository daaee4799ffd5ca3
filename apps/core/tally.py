"""What one in-call function cost: counted where it happens, read where it is logged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts of one function: requests to the calendar, which of them write or were late; cache hits."""

    upstream_requests: int = 0
    upstream_timeouts: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    writes_sent: int = 0


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def counting() -> Iterator[Tally]:
    """Count everything inside."""
    tally = Tally()
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)


def current() -> Tally:
    """The tally in force; outside one, counts go nowhere."""
    return _tally.get() or Tally()
