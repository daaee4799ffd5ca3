"""Small records that all processes share: a breaker's state, an account's block.

A record is a short JSON object under a name. With Redis all records of one kind are the fields of
one hash, so they can be listed without scanning keys; without Redis they are one file of the machine.
While Redis does not answer, they live in this process. A dead Redis degrades, is counted, and never
raises: after an error it is left alone for ``SULK_SECONDS``, so that its timeout is not paid on every
call.

A change is a pure function of the old record, applied by compare-and-set in one short Lua script.
So there is one implementation of every rule, whatever the storage, and changes that several
processes make at once never overwrite each other.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.core.shared_files import change_json

T = TypeVar("T")
Record: TypeAlias = Mapping[str, Any]
Change: TypeAlias = Callable[[Record], tuple[Record, T]]

MEMO_SECONDS = 1.0
"""A process may act on a record that it read this long ago."""

SULK_SECONDS = 2.0

ROUNDS = 64
"""Compare-and-set rounds; every lost round is another process's change that went through."""

EMPTY: Record = {}

_SWAP = """
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""

logger = logging.getLogger(__name__)


def redis_client(url: str, *, timeout: float = 0.25) -> redis.Redis:
    """A client for shared records and limits: short timeouts and no retries.

    redis-py's default retries with back-off; a dead server costs four seconds a call then.
    """
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )
    return client


class RedisHealth:
    """Whether Redis may be asked now, and how often it could not be: one for all users of a client."""

    def __init__(self, *, sulk_seconds: float = SULK_SECONDS) -> None:
        self._sulk_seconds = sulk_seconds
        self._asleep_until = 0.0
        self.degraded = 0
        """Operations that were done without Redis because of an error; for the metrics."""

    @property
    def usable(self) -> bool:
        """False for a while after an error."""
        return time.monotonic() >= self._asleep_until

    def failed(self, error: Exception) -> None:
        """Count an error and leave Redis alone for a while."""
        self.degraded += 1
        self._asleep_until = time.monotonic() + self._sulk_seconds
        logger.warning("redis_unavailable", extra={"error": type(error).__name__})


class SharedRecords:
    """The records of one kind, in the Redis hash ``name``, in ``file``, or in this process.

    ``client`` is bytes or text; ``None`` keeps everything in the file, or in this process without one.
    """

    def __init__(
        self,
        name: str,
        *,
        client: redis.Redis | None = None,
        health: RedisHealth | None = None,
        file: Path | None = None,
        memo_seconds: float = MEMO_SECONDS,
    ) -> None:
        self.name = name
        self.health = health or RedisHealth()
        self._file = file if client is None else None
        self._client = client
        self._swap = client.register_script(_SWAP) if client is not None else None
        self._memo_seconds = memo_seconds
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._local: dict[str, Record] = {}
        self._memo: dict[str, tuple[float, Record]] = {}

    def glance(self, key: str) -> Record:
        """The record as this process last saw it, at most ``memo_seconds`` ago; empty when there is none."""
        seen = self._memo.get(key)
        if seen is not None and time.monotonic() < seen[0]:
            return seen[1]
        return self.read(key)

    def read(self, key: str) -> Record:
        """The record as it is now."""
        client = self._usable()
        if client is not None:
            try:
                record = _decode(client.hget(self.name, key))
            except redis.RedisError as error:
                self.health.failed(error)
            else:
                return self._remember(key, record)
        return self._remember(key, self._outside_redis(lambda records: records.get(key, EMPTY)))

    def change(self, key: str, rule: Change[T]) -> T:
        """Apply ``rule`` atomically; an empty new record is removed. ``rule`` may run several times."""
        client = self._usable()
        if client is not None:
            try:
                for _ in range(ROUNDS):
                    old = _text(client.hget(self.name, key))
                    before = _decode(old)
                    after, result = rule(before)
                    if after == before or self._swapped(key, old, _encode(after)):
                        self._remember(key, after)
                        return result
            except redis.RedisError as error:
                self.health.failed(error)

        def apply(records: dict[str, Record]) -> T:
            after, result = rule(records.get(key, EMPTY))
            if after:
                records[key] = after
            else:
                records.pop(key, None)
            self._remember(key, after)
            return result

        return self._outside_redis(apply)

    def all(self) -> dict[str, Record]:
        """Every record there is."""
        client = self._usable()
        if client is not None:
            try:
                return {_text(key): _decode(value) for key, value in client.hgetall(self.name).items()}
            except redis.RedisError as error:
                self.health.failed(error)
        return self._outside_redis(dict)

    def _outside_redis(self, use: Callable[[dict[str, Record]], T]) -> T:
        """Let ``use`` work on the records of the machine, or of this process, while nobody else does."""
        with self._lock:
            if self._file is not None:
                with suppress(OSError):
                    return change_json(self._file, use)
            return use(self._local)

    def _usable(self) -> redis.Redis | None:
        return self._client if self.health.usable else None

    def _swapped(self, key: str, old: str, new: str) -> bool:
        assert self._swap is not None
        return bool(self._swap(keys=[self.name], args=[key, old, new]))

    def _remember(self, key: str, record: Record) -> Record:
        if self._memo_seconds > 0:
            self._memo[key] = (time.monotonic() + self._memo_seconds, record)
        return record


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def _encode(record: Record) -> str:
    return json.dumps(record, separators=(",", ":"), sort_keys=True) if record else ""


def _decode(value: Any) -> Record:
    """A record that cannot be read counts as none: it is overwritten by the next change."""
    try:
        record = json.loads(_text(value) or "{}")
    except ValueError:
        return EMPTY
    return record if isinstance(record, dict) else EMPTY
