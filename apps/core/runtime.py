"""The process-wide pieces that settings decide on: Redis client, breakers, budgets, limits."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import redis
from django.conf import settings

from apps.core.breaker import Breaker
from apps.core.breaker import Limits as BreakerLimits
from apps.core.bulkhead import Bulkhead
from apps.core.limits import RateLimits, UpstreamBudget
from apps.core.shared_state import RedisHealth, SharedRecords
from apps.core.shared_state import redis_client as connect


@lru_cache(maxsize=1)
def redis_client() -> redis.Redis | None:
    """The shared Redis, or None in an installation without one."""
    return connect(settings.REDIS_URL) if settings.REDIS_URL else None


@lru_cache(maxsize=1)
def redis_health() -> RedisHealth:
    """Whether that Redis answers; shared by everything that uses it."""
    return RedisHealth()


def _folder() -> Path:
    """Where an installation without Redis keeps what its processes count and know of calendars."""
    folder: Path = settings.DATA_DIR / "shared"
    return folder


def _records(kind: str) -> SharedRecords:
    file = _folder() / f"{kind}.json"
    return SharedRecords(f"bp:{kind}", client=redis_client(), health=redis_health(), file=file)


@lru_cache(maxsize=1)
def circuits() -> SharedRecords:
    """The states of all breakers."""
    return _records("circuits")


@lru_cache(maxsize=1)
def blocks() -> SharedRecords:
    """The accounts that upstream has told to wait."""
    return _records("blocks")


@lru_cache(maxsize=1)
def rate_limits() -> RateLimits:
    """The counters of all limits."""
    return RateLimits(client=redis_client(), health=redis_health(), folder=_folder() / "limits")


@lru_cache(maxsize=1)
def waits() -> Bulkhead:
    """Which companies' calendars this process's requests wait for."""
    return Bulkhead(share=max(1, settings.WEB_THREADS * 3 // 8))


def breaker(account_id: int) -> Breaker:
    """The circuit breaker of one calendar account."""
    return Breaker(
        circuits(),
        str(account_id),
        limits=BreakerLimits(
            failures=settings.CIRCUIT_FAILURES,
            open_seconds=settings.CIRCUIT_OPEN_SECONDS,
            successes=settings.CIRCUIT_SUCCESSES,
        ),
    )


def budget(account_id: int) -> UpstreamBudget:
    """What one calendar account may ask of Cal.com."""
    return UpstreamBudget(
        str(account_id),
        limits=rate_limits(),
        blocks=blocks(),
        per_minute=settings.CALCOM_REQUESTS_PER_MINUTE,
        per_second=settings.CALCOM_REQUESTS_PER_SECOND,
    )


def forget() -> None:
    """Start anew (tests, after settings changed)."""
    for piece in (redis_client, redis_health, circuits, blocks, rate_limits, waits):
        piece.cache_clear()
