"""A point in time that is passed down: whoever waits asks how much is left.

Most of the way it is an argument. Those who cannot be given one – the database connection – read the
deadline in force, a context variable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """``at`` is in ``time.monotonic()`` seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    def left(self, *, reserve: float = 0.0, at_most: float | None = None) -> float:
        """Seconds left, less a reserve for what comes after, never negative."""
        seconds = max(self.at - time.monotonic() - reserve, 0.0)
        return seconds if at_most is None else min(seconds, at_most)

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self.at


_in_force: ContextVar[Deadline | None] = ContextVar("deadline_in_force", default=None)


@contextmanager
def in_force(deadline: Deadline | None) -> Iterator[None]:
    """Everything inside should be over by this deadline; None lifts one for what may outlive it."""
    token = _in_force.set(deadline)
    try:
        yield
    finally:
        _in_force.reset(token)


def seconds_left() -> float | None:
    """Seconds to the deadline in force, never negative; None when there is none."""
    deadline = _in_force.get()
    return None if deadline is None else deadline.left()
