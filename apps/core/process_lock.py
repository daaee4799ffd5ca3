"""Locks between processes that never outlive their owner by more than two seconds.

With Redis a lock is a key with a short life that its owner's process keeps renewing; without Redis it
is a locked file, which the system unlocks when its owner dies. A Redis that does not answer, or a disk
that takes no file, locks nothing: every process then works for itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import redis
from django.conf import settings

from apps.core import runtime

LEASE_SECONDS = 2.0
RENEW_SECONDS = 0.5

_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

Release = Callable[[], None]


class Locks(Protocol):
    """One way to lock. Keys are any text."""

    def acquire(self, key: str) -> Release | None:
        """Take the lock if it is free; call what is returned to give it back."""

    def is_held(self, key: str) -> bool:
        """Whether somebody has the lock now."""


def locks() -> Locks:
    """The locks of this installation."""
    client = runtime.redis_client()
    return _file_locks(settings.DATA_DIR / "locks") if client is None else _redis_locks(client)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]


# --- In files -----------------------------------------------------------------------------------


class FileLocks:
    """A file in ``folder`` for each lock; removed when it is given back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def acquire(self, key: str) -> Release | None:
        """See ``Locks``. A file that a dead process left behind is locked like a new one."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return _lock_file(self._folder / _digest(key))
        except OSError:
            return _nothing

    def is_held(self, key: str) -> bool:
        """See ``Locks``."""
        try:
            handle = os.open(self._folder / _digest(key), os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False


def _lock_file(path: Path) -> Release | None:
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        if _is_at(path, handle):
            return lambda: _remove(path, handle)
        # Its owner removed it between our opening and our locking it: a lock on nothing.
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))


def _remove(path: Path, handle: int) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
    os.close(handle)


# --- In Redis -----------------------------------------------------------------------------------


class RedisLocks:
    """Keys that live ``LEASE_SECONDS`` and are renewed by a thread while this process holds any."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._begin()
        # A forked child owns none of its parent's locks, and has none of its threads.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, str] = {}
        self._keeper: threading.Thread | None = None

    def acquire(self, key: str) -> Release | None:
        """See ``Locks``."""
        if not runtime.redis_health().usable:
            return _nothing
        name, token = _name(key), secrets.token_hex(8)
        try:
            taken = self._client.set(name, token, nx=True, px=int(LEASE_SECONDS * 1000))
        except redis.RedisError as error:
            runtime.redis_health().failed(error)
            return _nothing
        if not taken:
            return None
        with self._guard:
            self._held[name] = token
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="lock-keeper", daemon=True)
                self._keeper.start()
        return lambda: self._give_back(name, token)

    def is_held(self, key: str) -> bool:
        """See ``Locks``."""
        if not runtime.redis_health().usable:
            return False
        try:
            return bool(self._client.exists(_name(key)))
        except redis.RedisError as error:
            runtime.redis_health().failed(error)
            return False

    def _give_back(self, name: str, token: str) -> None:
        with self._guard:
            self._held.pop(name, None)
        self._ask(self._release, name, token)

    def _keep(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self._guard:
                held = list(self._held.items())
                if not held:
                    self._keeper = None
                    return
            for name, token in held:
                self._ask(self._renew, name, token, int(LEASE_SECONDS * 1000))

    def _ask(self, script: Callable[..., object], name: str, *arguments: str | int) -> None:
        """Run a script; a lock that Redis cannot be told about ends by itself."""
        if not runtime.redis_health().usable:
            return
        try:
            script(keys=[name], args=arguments)
        except redis.RedisError as error:
            runtime.redis_health().failed(error)


def _name(key: str) -> str:
    return f"{settings.CACHES['default'].get('KEY_PREFIX', '')}:lock:{_digest(key)}"


def _nothing() -> None:
    """Give back a lock that was never taken."""


@lru_cache(maxsize=4)
def _file_locks(folder: Path) -> FileLocks:
    return FileLocks(folder)


@lru_cache(maxsize=4)
def _redis_locks(client: redis.Redis) -> RedisLocks:
    return RedisLocks(client)
