"""The shared cache, as a helper that may die: gone means miss, counted, never an error.

A Redis that failed is left alone for two seconds, so that its timeout is not paid by every question of
every call.
"""

from __future__ import annotations

import logging
import pickle
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from django.core.cache import cache, caches
from redis.exceptions import RedisError

from apps.core import runtime
from apps.core.file_cache import SharedFileCache

log = structlog.get_logger(__name__)

# What a cache raises when its server, its disk or one of its entries is broken; an entry of another
# release may name what no longer exists.
BROKEN = (
    RedisError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    ImportError,
    pickle.UnpicklingError,
    zlib.error,
)

logging.getLogger("django_redis").setLevel(logging.ERROR)


class _Count:
    failures = 0


def failures() -> int:
    """How often the cache failed in this process."""
    return _Count.failures


def _failed(action: str, error: Exception) -> None:
    _Count.failures += 1
    if isinstance(error, RedisError):
        runtime.redis_health().failed(error)
    log.warning("cache_failed", action=action, error=type(error).__name__)


def get(key: str) -> Any:
    """The value, or None."""
    if not runtime.redis_health().usable:
        return None
    try:
        return cache.get(key)
    except BROKEN as error:
        _failed("get", error)
        return None


def get_many(keys: Iterable[str]) -> Mapping[str, Any]:
    """The values that are there."""
    if not runtime.redis_health().usable:
        return {}
    try:
        return cache.get_many(list(keys))
    except BROKEN as error:
        _failed("get_many", error)
        return {}


def put(key: str, value: Any, *, seconds: float) -> None:
    """Keep a value for some seconds."""
    if seconds <= 0 or not runtime.redis_health().usable:
        return
    try:
        cache.set(key, value, timeout=seconds)
    except BROKEN as error:
        _failed("set", error)


def add(key: str, value: Any, *, seconds: float) -> bool | None:
    """Set if absent: True when this process did it, False when another had, None when the cache is gone."""
    if not runtime.redis_health().usable:
        return None
    try:
        return bool(cache.add(key, value, timeout=seconds))
    except BROKEN as error:
        _failed("add", error)
        return None


def drop(keys: Iterable[str]) -> None:
    """Forget keys."""
    if not runtime.redis_health().usable:
        return
    try:
        cache.delete_many(list(keys))
    except BROKEN as error:
        _failed("delete", error)


def tidy() -> int:
    """Remove what has expired where the cache does not do so by itself; returns how many entries went."""
    backend = caches["default"]
    if not isinstance(backend, SharedFileCache):
        return 0
    try:
        return backend.remove_expired()
    except BROKEN as error:
        _failed("tidy", error)
        return 0
