"""Cal.com's rate limit: a fixed minute per key, and a blocked minute for whoever exceeds it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from apps.sandbox.errors import RefusedError
from apps.sandbox.model import Account

ANONYMOUS_LIMIT = 100_000
PERIOD_SECONDS = 60.0
TOO_MANY = "CustomThrottlerGuard - Too many requests. Please try again later."


@dataclass(slots=True)
class Bucket:
    began: float
    used: int = 0
    blocked_until: float = 0.0


class Limiter:
    """One bucket per key, one for everybody without."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}

    def take(self, account: Account | None, *, now: float) -> tuple[dict[str, str], RefusedError | None]:
        """Count a request at ``now`` (epoch seconds): every answer's headers, and a refusal when blocked."""
        most = account.rate_limit if account else ANONYMOUS_LIMIT
        with self._lock:
            bucket = self._buckets.setdefault(account.key if account else "", Bucket(now))
            if now - bucket.began >= PERIOD_SECONDS and now >= bucket.blocked_until:
                bucket.began, bucket.used = now, 0
            bucket.used += 1
            if bucket.used > most and now >= bucket.blocked_until:
                bucket.blocked_until = now + PERIOD_SECONDS
            blocked = now < bucket.blocked_until
            reset = (bucket.blocked_until if blocked else bucket.began + PERIOD_SECONDS) - now
            remaining = max(0, most - bucket.used)
        headers = {
            "X-RateLimit-Limit-Default": str(most),
            "X-RateLimit-Remaining-Default": str(remaining),
            "X-RateLimit-Reset-Default": str(max(1, round(reset))),
        }
        return headers, too_many() if blocked else None

    def clear(self) -> None:
        with self._lock:
            self._buckets.clear()


def too_many() -> RefusedError:
    return RefusedError(429, TOO_MANY, details=TOO_MANY)
