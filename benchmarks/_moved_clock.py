"""A day in minutes: a moved clock, things that happen at their times, and what works in the background.

Everything lives in this process, so that one clock moves for all of it: the application behind a threaded
server, the stand-in calendar, and the worker's part, played here: what was queued is taken from the queue
and executed when its time has come. Between two happenings the clock jumps, and before it does, everything
under way is waited for. It ticks meanwhile, so deadlines mean what they say.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from benchmarks import _stage

Script = Iterator[float]


@dataclass
class Day:
    """What happens, by its time. A script is a generator that yields the seconds until it goes on."""

    traveller: Any
    quiet: Callable[[], object]
    heap: list[tuple[datetime, int, Callable[[], object]]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=itertools.count)

    def at(self, moment: datetime, happening: Callable[[], object]) -> None:
        heapq.heappush(self.heap, (moment, next(self.order), happening))

    def play(self, moment: datetime, script: Script) -> None:
        """Go on with a script from this moment."""

        def step() -> None:
            seconds = next(script, None)
            if seconds is not None:
                self.play(now() + timedelta(seconds=seconds), script)

        self.at(moment, step)

    def every(self, seconds: float, happening: Callable[[], object], *, until: datetime) -> None:
        """What beat does."""

        def again() -> None:
            happening()
            if now() < until:
                self.at(now() + timedelta(seconds=seconds), again)

        self.at(now() + timedelta(seconds=seconds), again)

    def run(self) -> None:
        """Until nothing more happens."""
        while self.heap:
            moment, _, happening = heapq.heappop(self.heap)
            self.quiet()
            if moment > now():
                self.traveller.move_to(moment)
            happening()
            self.quiet()
            self._take_tasks()

    def _take_tasks(self) -> None:
        """What was queued meanwhile happens at its time."""
        for moment, task in queued():
            self.at(max(moment, now()), task)


def now() -> datetime:
    return datetime.now(UTC)


def queued() -> Iterator[tuple[datetime, Callable[[], object]]]:
    """Take what is in the queue: when it is to be done, and the task."""
    from booking_platform.celery import app

    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                return
            message.ack()
            task, arguments = app.tasks[message.headers["task"]], message.payload[0]
            eta = message.headers.get("eta")
            moment = datetime.fromisoformat(eta) if eta else now()
            yield moment, lambda task=task, arguments=arguments: task(*arguments)


@contextmanager
def application() -> Iterator[int]:
    """The application behind a threaded server in this process; its port."""
    from django.core.servers.basehttp import ThreadedWSGIServer
    from django.core.wsgi import get_wsgi_application
    from django.test.testcases import QuietWSGIRequestHandler

    server = ThreadedWSGIServer((_stage.HOST, 0), QuietWSGIRequestHandler)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def moved(to: datetime) -> Iterator[Any]:
    """The clock of this process at another time, ticking."""
    with time_machine.travel(to.astimezone(UTC), tick=True) as traveller:
        yield traveller
