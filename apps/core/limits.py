"""Rate limits, and the budget of requests to an upstream account. Nothing here ever waits.

Counting is the sliding window counter of the ``limits`` library, atomic in Redis. The strategy is
part of every key: two strategies on one key end in ``WRONGTYPE``. Without Redis the processes of the
machine count in files. While Redis does not answer, each process counts for itself; that is counted
and never raises.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from math import floor
from pathlib import Path
from typing import BinaryIO, TypeVar

import redis
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from apps.core.errors import PlatformError
from apps.core.shared_files import locked
from apps.core.shared_state import EMPTY, Record, RedisHealth, SharedRecords

T = TypeVar("T")

STRATEGY = "swc"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``amount`` in any ``seconds``."""

    amount: int
    seconds: int

    @classmethod
    def per_minute(cls, amount: int) -> Rate:
        """``amount`` in any 60 seconds."""
        return cls(amount, 60)

    @classmethod
    def per_second(cls, amount: int) -> Rate:
        """``amount`` in any second."""
        return cls(amount, 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """``retry_after``: seconds until it is worth trying again; 0 when allowed."""

    allowed: bool
    retry_after: float = 0.0


ALLOWED = Decision(allowed=True)


class _Window(RateLimitItemPerSecond):
    """A window that several amounts share: the key names the window only, so that a small amount
    and a large one are thresholds on the same count."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        return "/".join([STRATEGY, *(str(name) for name in identifiers), str(self.multiples)])


class _FileStorage(MemoryStorage):
    """The counts of ``MemoryStorage``, in files that all processes of the machine share.

    A file holds the number of the running window, how many the one before had, and how many it has. A
    disk that takes no file: this process counts for itself.
    """

    _COUNTS = struct.Struct("<qqq")

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        with suppress(OSError), locked(self._path(key)) as file:
            now = time.time()
            before, current = self._counts(file, int(now // expiry))
            if floor(before * (1 - now / expiry % 1) + current) + amount > limit:
                return False
            file.seek(0)
            file.write(self._COUNTS.pack(int(now // expiry), before, current + amount))
            return True
        return super().acquire_sliding_window_entry(key, limit, expiry, amount)

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        with suppress(OSError), locked(self._path(key)) as file:
            now = time.time()
            before, current = self._counts(file, int(now // expiry))
            left = (1 - now / expiry % 1) * expiry
            return before, left if before else 0.0, current, left + expiry
        return super().get_sliding_window(key, expiry)

    def _counts(self, file: BinaryIO, window: int) -> tuple[int, int]:
        """How many the window before had, and how many this one has."""
        written = file.read(self._COUNTS.size)
        if len(written) < self._COUNTS.size:
            return 0, 0
        counted, before, current = self._COUNTS.unpack(written)
        if counted == window:
            return before, current
        return (current if counted == window - 1 else 0), 0

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:40]


class RateLimits:
    """Counters in Redis (``client``), or in this process when it does not answer; without a client in
    the files of ``folder``, if there is one."""

    def __init__(
        self,
        *,
        client: redis.Redis | None = None,
        health: RedisHealth | None = None,
        folder: Path | None = None,
    ) -> None:
        self.health = health or RedisHealth()
        storage = MemoryStorage() if folder is None or client is not None else _FileStorage(folder)
        self._local = SlidingWindowCounterRateLimiter(storage)
        self._shared: SlidingWindowCounterRateLimiter | None = None
        if client is not None:
            shared = RedisStorage(
                "redis://", connection_pool=client.connection_pool, key_prefix="limits", wrap_exceptions=True
            )
            self._shared = SlidingWindowCounterRateLimiter(shared)

    def allow(self, key: str, rate: Rate) -> Decision:
        """Count one under ``key`` unless that would exceed ``rate``. A refusal is not counted."""
        return self._with_storage(lambda limiter: _hit(limiter, key, rate))

    def look(self, key: str, rate: Rate) -> Decision:
        """What :meth:`allow` would say, without counting."""
        return self._with_storage(lambda limiter: _test(limiter, key, rate))

    def left(self, key: str, rate: Rate) -> int:
        """How many more :meth:`allow` would let through now."""
        return self._with_storage(
            lambda limiter: limiter.get_window_stats(_Window(rate.amount, rate.seconds), key).remaining
        )

    def _with_storage(self, ask: Callable[[SlidingWindowCounterRateLimiter], T]) -> T:
        if self._shared is not None and self.health.usable:
            try:
                return ask(self._shared)
            except (StorageError, redis.RedisError) as error:
                self.health.failed(error)
        return ask(self._local)


def _hit(limiter: SlidingWindowCounterRateLimiter, key: str, rate: Rate) -> Decision:
    window = _Window(rate.amount, rate.seconds)
    return ALLOWED if limiter.hit(window, key) else _refused(limiter, window, key)


def _test(limiter: SlidingWindowCounterRateLimiter, key: str, rate: Rate) -> Decision:
    window = _Window(rate.amount, rate.seconds)
    return ALLOWED if limiter.test(window, key) else _refused(limiter, window, key)


def _refused(limiter: SlidingWindowCounterRateLimiter, window: RateLimitItem, key: str) -> Decision:
    reset = limiter.get_window_stats(window, key).reset_time - time.time()
    return Decision(allowed=False, retry_after=min(max(reset, 0.05), float(window.get_expiry())))


class Priority(Enum):
    """Who may spend how much of an upstream budget; the value is the share of it."""

    BOOKING = 1.0
    READ = 0.8
    SWEEP = 0.5


class BudgetExhausted(PlatformError):
    """No request may be sent to this account now. ``retry_after`` in seconds; nothing was sent."""

    code = "budget_exhausted"
    message = "The budget of requests to this calendar account is used up for the moment."
    retryable = True

    def __init__(self, *, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after


class UpstreamBudget:
    """What one account may ask of its upstream, below the upstream's own limit.

    All priorities are thresholds on the same two counts (minute and second): whenever a booking is
    refused, reads and sweeps were refused before it. A 429 from upstream blocks the account for
    everybody, in all processes, until its reset.
    """

    def __init__(
        self,
        account: str,
        *,
        limits: RateLimits,
        blocks: SharedRecords,
        per_minute: int = 100,
        per_second: int = 10,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.account = account
        self._limits = limits
        self._blocks = blocks
        self._per_minute = per_minute
        self._per_second = per_second
        self._clock = clock

    def take(self, priority: Priority) -> Decision:
        """Spend one request, if this priority still may. Never waits."""
        blocked = self.blocked_for()
        if blocked > 0:
            return Decision(allowed=False, retry_after=blocked)
        minute = f"upstream/{self.account}/m", self._share(priority, self._per_minute, 60)
        second = f"upstream/{self.account}/s", self._share(priority, self._per_second, 1)
        # Looking first keeps a flood of refused reads from eating the seconds that bookings need.
        for ask, window in ((self._limits.look, minute), (self._limits.allow, second)):
            decision = ask(*window)
            if not decision.allowed:
                return decision
        return self._limits.allow(*minute)

    def require(self, priority: Priority) -> None:
        """The same as an exception: :class:`BudgetExhausted`."""
        decision = self.take(priority)
        if not decision.allowed:
            raise BudgetExhausted(retry_after=decision.retry_after)

    def left(self) -> int:
        """Requests of this minute that a booking could still spend; 0 while upstream says stop."""
        if self.blocked_for() > 0:
            return 0
        return self._limits.left(f"upstream/{self.account}/m", Rate.per_minute(self._per_minute))

    def block(self, *, seconds: float) -> None:
        """Upstream has said stop (429). A longer block that stands already is kept."""
        until = self._clock() + seconds

        def rule(record: Record) -> tuple[Record, None]:
            return {"until": max(until, _until(record))}, None

        self._blocks.change(self.account, rule)

    def observe(self, *, remaining: int | None, reset_seconds: float | None) -> None:
        """What an answer's rate-limit headers say: with nothing remaining the next request would be a 429."""
        if remaining is not None and remaining <= 0 and reset_seconds:
            self.block(seconds=min(reset_seconds, 60.0))

    def unblock(self) -> None:
        """Lift a block by hand."""
        self._blocks.change(self.account, lambda _: (EMPTY, None))

    def blocked_for(self) -> float:
        """Seconds that upstream's block still lasts; 0 when there is none."""
        return max(0.0, _until(self._blocks.glance(self.account)) - self._clock())

    @staticmethod
    def _share(priority: Priority, amount: int, seconds: int) -> Rate:
        return Rate(max(1, int(amount * priority.value)), seconds)


def _until(record: Record) -> float:
    return float(record.get("until", 0.0))
