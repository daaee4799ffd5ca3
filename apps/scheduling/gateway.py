"""The one way to Cal.com: breaker, budget, bulkhead, and a thread that may outlive the caller.

Reads and writes have pools of their own, so that slow questions never keep a booking waiting, and a
share per calendar account, so that one company's slow calendar takes only its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import structlog
from django.db import connections

from apps.core import runtime, tally
from apps.core.breaker import CircuitOpen, Permit
from apps.core.errors import PlatformError
from apps.core.limits import BudgetExhausted, Priority, UpstreamBudget
from apps.core.upstream import Saturated, WorkPool
from apps.scheduling.calcom.client import CalcomClient, Exchange
from apps.scheduling.calcom.errors import CalendarError, CalendarTimeout, RateLimited, Verdict
from apps.scheduling.places import Calendar

__all__ = ["CalendarUnavailable", "Priority", "missed_deadline", "submit", "submit_write"]

log = structlog.get_logger(__name__)
T = TypeVar("T")

READ_THREADS, READS_PER_ACCOUNT = 48, 8
WRITE_THREADS, WRITES_PER_ACCOUNT = 48, 12
LOOK_UP_SECONDS = 5.0
SHORTEST_PAUSE = 0.05
# Idle database connections that threads of writes may keep, a process.
CONNECTIONS_KEPT = 8


class CalendarUnavailable(PlatformError):
    """The calendar cannot be asked now. ``reason``: breaker, budget, saturated, timeout or a fault's code."""

    code = "calendar_unavailable"
    message = "The calendar cannot be asked right now."
    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


def close_connections() -> None:
    """After a piece of work: the thread lives on, its database connection as long as settings allow."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def after_write() -> None:
    """The same after a write, whose thread may wait half a minute for its calendar next: while many do that,
    none of them keeps a connection that others need."""
    if _writes.in_flight() <= CONNECTIONS_KEPT:
        close_connections()
        return
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


_reads = WorkPool(
    name="calendar-read", threads=READ_THREADS, per_key=READS_PER_ACCOUNT, after_each=close_connections
)
_writes = WorkPool(
    name="calendar-write", threads=WRITE_THREADS, per_key=WRITES_PER_ACCOUNT, after_each=after_write
)


@dataclass(slots=True)
class _Ticket:
    """A request under way: what its missed deadline, or its late answer, tells the breaker."""

    permit: Permit
    lock: threading.Lock
    missed: bool = False
    done: bool = False


_tickets: WeakKeyDictionary[Future[Any], _Ticket] = WeakKeyDictionary()


def client_for(
    calendar: Calendar,
    *,
    priority: Priority,
    observer: Callable[[Exchange], None] | None = None,
    wait_until: float | None = None,
) -> CalcomClient:
    """A client of this account that spends from its budget before every request.

    ``wait_until`` (``time.monotonic()``): so long it may wait for the budget, instead of giving up.
    """
    budget = runtime.budget(calendar.account_id)

    def observe(exchange: Exchange) -> None:
        if exchange.rate is not None:
            budget.observe(remaining=exchange.rate.remaining, reset_seconds=exchange.rate.reset_seconds)
        if observer is not None:
            observer(exchange)

    return CalcomClient(
        base_url=calendar.base_url,
        api_key=calendar.api_key,
        gate=lambda: _require(budget, priority, wait_until=wait_until),
        observer=observe,
    )


def _require(budget: UpstreamBudget, priority: Priority, *, wait_until: float | None) -> None:
    while True:
        decision = budget.take(priority)
        if decision.allowed:
            return
        pause = max(decision.retry_after, SHORTEST_PAUSE)
        if wait_until is None or time.monotonic() + pause >= wait_until:
            raise BudgetExhausted(retry_after=decision.retry_after)
        time.sleep(pause)


def submit(
    calendar: Calendar,
    work: Callable[[CalcomClient, float], T],
    *,
    priority: Priority,
    late: float,
    unhurried: bool = False,
) -> Future[T]:
    """Begin a read; ``work`` gets a client and its own deadline, ``late`` seconds from now.

    The future raises ``CalendarUnavailable`` whatever went wrong. Raises the same at once when
    nothing may be asked. ``unhurried``: where the budget is used up for the moment, it waits.
    """
    return _begin(_reads, calendar, work, priority=priority, late=late, plain=False, unhurried=unhurried)


def submit_write(
    calendar: Calendar, work: Callable[[CalcomClient, float], None], *, late: float
) -> Future[None]:
    """Begin a write that records its own outcome."""
    future = _begin(_writes, calendar, work, priority=Priority.BOOKING, late=late, plain=True)
    tally.current().writes_sent += 1
    return future


def _begin(
    pool: WorkPool,
    calendar: Calendar,
    work: Callable[[CalcomClient, float], T],
    *,
    priority: Priority,
    late: float,
    plain: bool,
    unhurried: bool = False,
) -> Future[T]:
    try:
        permit = runtime.breaker(calendar.account_id).allow()
    except CircuitOpen as error:
        raise CalendarUnavailable("breaker") from error
    budget = runtime.budget(calendar.account_id)
    ticket = _Ticket(permit, threading.Lock())
    counts = tally.current()
    counts.upstream_requests += 1
    until = time.monotonic() + late

    def whole() -> T:
        client = client_for(calendar, priority=priority, wait_until=until if unhurried else None)
        try:
            value = work(client, until)
        except CalendarError as error:
            _settle(ticket, error.verdict)
            if isinstance(error, RateLimited):
                budget.block(seconds=error.retry_after)
            if isinstance(error, CalendarTimeout) and not ticket.missed:
                counts.upstream_timeouts += 1
            log.warning("calendar_failed", account=calendar.account_id, error=error.code, status=error.status)
            if plain:
                raise
            raise CalendarUnavailable(error.code) from error
        except BudgetExhausted as error:
            permit.ignore()
            raise CalendarUnavailable("budget") from error
        except CalendarUnavailable:
            permit.ignore()
            raise
        _settle(ticket, Verdict.HEALTHY)
        return value

    try:
        future = pool.start(whole, key=str(calendar.account_id))
    except Saturated as error:
        permit.ignore()
        raise CalendarUnavailable("saturated") from error
    _tickets[future] = ticket
    return future


def _settle(ticket: _Ticket, verdict: Verdict) -> None:
    with ticket.lock:
        ticket.done = True
        if verdict is Verdict.HEALTHY:
            if ticket.missed:
                ticket.permit.late_success()
            else:
                ticket.permit.success()
        elif verdict is Verdict.FAULT:
            ticket.permit.fault()
        else:
            ticket.permit.ignore()


def missed_deadline(future: Future[Any]) -> None:
    """The caller has given up waiting: a fault for the breaker at once, taken back if it still answers."""
    ticket = _tickets.get(future)
    if ticket is None:
        return
    with ticket.lock:
        if ticket.done or ticket.missed:
            return
        ticket.missed = True
        ticket.permit.fault()
    tally.current().upstream_timeouts += 1


def spend(calendar: Calendar) -> UpstreamBudget:
    """The budget of an account, for sweeps that look before they ask."""
    return runtime.budget(calendar.account_id)


def short_deadline() -> float:
    """When a look-up beside a booking must be over (``time.monotonic()``)."""
    return time.monotonic() + LOOK_UP_SECONDS


def pause(seconds: float) -> None:
    """Wait a moment for a row that another process writes."""
    time.sleep(seconds)


def drain(*, seconds: float = 30.0) -> bool:
    """Wait until nothing is under way (tests, shutdown)."""
    return _reads.drain(timeout=seconds) and _writes.drain(timeout=seconds)
