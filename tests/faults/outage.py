"""A database that goes away in the middle of things."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection
from django.db.backends.signals import connection_created


class Outage:
    """Every statement from the ``after``-th on fails, on all connections of this process."""

    def __init__(self, *, after: int) -> None:
        self.after = after
        self.statements = 0
        self.over = False
        self._lock = threading.Lock()

    @property
    def happened(self) -> bool:
        return self.statements > self.after

    def __call__(self, execute: Callable[..., Any], *given: Any) -> Any:
        if self.over:
            return execute(*given)
        with self._lock:
            self.statements += 1
            gone = self.happened
        if gone:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(*given)


@contextmanager
def outage(*, after: int) -> Iterator[Outage]:
    """The database goes away after so many statements of this block."""
    one = Outage(after=after)

    def join(connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(one)

    connection_created.connect(join, weak=False)
    try:
        with connection.execute_wrapper(one):
            yield one
    finally:
        # A thread's connection object, and what wraps its statements, outlives the thread's work.
        one.over = True
        connection_created.disconnect(join)
