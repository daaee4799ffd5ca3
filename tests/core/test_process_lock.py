"""Locks between processes: one has it, and nobody's death keeps it longer than two seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from apps.core import process_lock, runtime
from apps.core.process_lock import FileLocks, Locks, RedisLocks
from apps.core.shared_state import redis_client
from tests.core.stores import both_storages

ROOT = Path(__file__).resolve().parents[2]
Make = Callable[[], Locks]


@pytest.fixture
def make(storage: redis.Redis | None, tmp_path: Path) -> Make:
    """Another process's locks, as far as one process can have them."""
    if storage is None:
        return lambda: FileLocks(tmp_path / "locks")
    return lambda: RedisLocks(storage)


@both_storages
def test_one_has_the_lock_and_the_others_know_it(make: Make, name: str) -> None:
    here, there = make(), make()
    release = here.acquire(name)
    assert release is not None
    assert there.acquire(name) is None
    assert here.acquire(name) is None
    assert there.is_held(name)
    assert not there.is_held(f"{name}-other")
    release()
    assert not there.is_held(name)
    assert there.acquire(name) is not None


@both_storages
def test_any_text_is_a_key(make: Make, name: str) -> None:
    locks = make()
    for key in (f"{name}:a/b", f"{name} ../c\x00d", name + "x" * 5_000):
        release = locks.acquire(key)
        assert release is not None
        assert locks.is_held(key)
        release()


@both_storages
def test_of_many_who_try_at_once_one_gets_it(make: Make, name: str) -> None:
    barrier, got = threading.Barrier(8), []

    def attempt() -> None:
        locks = make()
        barrier.wait()
        release = locks.acquire(name)
        if release is not None:
            got.append(release)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


@both_storages
def test_a_lock_is_kept_as_long_as_its_owner_lives(
    make: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_lock, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(process_lock, "RENEW_SECONDS", 0.1)
    release = make().acquire(name)
    assert release is not None
    time.sleep(1.2)
    assert make().acquire(name) is None
    release()
    assert make().acquire(name) is not None


@both_storages
def test_giving_a_lost_lock_back_does_not_take_it_from_the_next_owner(
    make: Make, storage: redis.Redis | None, name: str
) -> None:
    release = make().acquire(name)
    assert release is not None
    if storage is not None:
        storage.delete(process_lock._name(name))  # it lapsed: its process was stopped for seconds
    else:
        release()
    other = make().acquire(name)
    assert other is not None
    if storage is not None:
        release()
    assert make().is_held(name)


def killed_owner(name: str, folder: Path) -> None:
    """A process that takes the lock and is killed outright."""
    script = (
        "import os, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'booking_platform.settings'\n"
        "django.setup()\n"
        "from pathlib import Path\n"
        "from apps.core import runtime\n"
        "from apps.core.process_lock import FileLocks, RedisLocks\n"
        "client = runtime.redis_client()\n"
        f"locks = FileLocks(Path({str(folder)!r})) if sys.argv[1] == 'files' else RedisLocks(client)\n"
        f"held = locks.acquire({name!r})\n"
        "print('held' if held else 'free', flush=True)\n"
        "sys.stdin.read()\n"
    )
    kind = "files" if folder.name == "locks" else "redis"
    process = subprocess.Popen(
        [sys.executable, "-c", script, kind],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ.copy(),
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline().strip() == "held"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_file_that_a_killed_process_left_behind_locks_nobody_out(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "locks"
    killed_owner(name, folder)
    assert len(list(folder.iterdir())) == 1
    assert not FileLocks(folder).is_held(name)
    release = FileLocks(folder).acquire(name)
    assert release is not None
    release()
    assert list(folder.iterdir()) == []


@pytest.mark.redis
def test_a_killed_process_loses_its_lock_within_its_lease(
    live_client: redis.Redis, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = "bp"  # as the other process has it
    monkeypatch.setitem(process_lock.settings.CACHES["default"], "KEY_PREFIX", prefix)
    killed_owner(name, tmp_path / "redis")
    locks = RedisLocks(live_client)
    assert locks.is_held(name)
    until = time.monotonic() + process_lock.LEASE_SECONDS + 0.5
    while locks.is_held(name) and time.monotonic() < until:
        time.sleep(0.05)
    assert not locks.is_held(name)


def test_a_redis_that_is_gone_locks_nothing_and_says_so_once(name: str) -> None:
    with redis_client("redis://127.0.0.1:1/0") as dead:
        locks = RedisLocks(dead)
        first, second = locks.acquire(name), locks.acquire(name)
        assert first is not None
        assert second is not None
        assert not locks.is_held(name)
        first()
        assert runtime.redis_health().degraded == 1
    runtime.forget()


def test_a_folder_that_takes_no_file_locks_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "locks").write_text("a file where the folder should be")
    locks = FileLocks(tmp_path / "locks")
    release = locks.acquire(name)
    assert release is not None
    release()
    assert not locks.is_held(name)
