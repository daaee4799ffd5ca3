"""The shared cache: gone means miss, and what is in files is tidied without being listed at every write."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import time_machine
from django.core.cache import caches

from apps.core import caching, runtime
from apps.core.file_cache import SharedFileCache


@pytest.fixture
def files(tmp_path: Path) -> SharedFileCache:
    return SharedFileCache(str(tmp_path / "cache"), {"OPTIONS": {"MAX_ENTRIES": 20_000}})


@pytest.fixture
def default_cache() -> Iterator[Callable[[object], None]]:
    """Puts another cache behind the default name."""
    with pytest.MonkeyPatch.context() as patch:

        def use(cache: object) -> None:
            patch.setattr(caches._connections, "default", cache, raising=False)

        yield use
    runtime.forget()


def entries(cache: SharedFileCache) -> int:
    return len(cache._list_cache_files())


def test_what_is_kept_is_there_until_its_time_is_over() -> None:
    caching.put("k", (1, ("a", None)), seconds=30)
    assert caching.get("k") == (1, ("a", None))
    assert caching.get_many(["k", "l"]) == {"k": (1, ("a", None))}
    caching.drop(["k"])
    assert caching.get("k") is None
    caching.put("k", 1, seconds=0)
    caching.put("k", 1, seconds=-1)
    assert caching.get("k") is None
    caching.put("k", 1, seconds=0.2)
    time.sleep(0.3)
    assert caching.get("k") is None


def test_of_two_who_add_one_does() -> None:
    assert caching.add("k", 1, seconds=30) is True
    assert caching.add("k", 2, seconds=30) is False
    assert caching.get("k") == 1


def test_a_redis_that_refuses_is_a_miss_and_left_alone_for_a_moment(
    default_cache: Callable[[object], None],
) -> None:
    from django_redis.cache import RedisCache

    default_cache(RedisCache("redis://127.0.0.1:1/0", {}))
    failed = caching.failures()
    assert caching.get("k") is None
    assert caching.get_many(["k"]) == {}
    assert caching.add("k", 1, seconds=5) is None
    caching.put("k", 1, seconds=5)
    caching.drop(["k"])
    assert caching.failures() == failed + 1  # asked once, then left alone
    assert not runtime.redis_health().usable


def test_an_entry_that_cannot_be_read_is_a_miss(
    default_cache: Callable[[object], None], files: SharedFileCache
) -> None:
    default_cache(files)
    for content in (
        b"",
        b"rubbish",
        pickle.dumps(time.time() + 60) + b"rubbish",
        pickle.dumps(time.time() + 60),
    ):
        caching.put("k", 1, seconds=60)
        (name,) = files._list_cache_files()
        Path(name).write_bytes(content)
        assert caching.get("k") is None
        files.clear()


def test_a_disk_that_is_full_or_gone_is_a_miss(
    default_cache: Callable[[object], None], tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    broken = SharedFileCache(str(tmp_path / "cache"), {})
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_text("no folder")
    default_cache(broken)
    caching.put("k", 1, seconds=60)
    assert caching.get("k") is None
    assert caching.add("k", 1, seconds=60) is None


def test_expired_files_are_removed_and_live_ones_stay(
    default_cache: Callable[[object], None], files: SharedFileCache
) -> None:
    default_cache(files)
    for number in range(5):
        caching.put(f"short-{number}", number, seconds=10)
    caching.put("long", 1, seconds=1_000)
    files.set("forever", 1, timeout=None)
    assert caching.tidy() == 0
    with time_machine.travel(time.time() + 60, tick=False):
        assert caching.tidy() == 5
        assert (caching.get("long"), files.get("forever")) == (1, 1)
    assert entries(files) == 2


def test_a_cache_that_forgets_by_itself_needs_no_tidying(default_cache: Callable[[object], None]) -> None:
    from django.core.cache.backends.locmem import LocMemCache

    default_cache(LocMemCache("here", {}))
    assert caching.tidy() == 0


def test_an_entry_that_another_process_removes_meanwhile_is_no_error(
    files: SharedFileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.set("k", 1, timeout=0.01)
    time.sleep(0.05)
    names = files._list_cache_files()
    os.unlink(names[0])
    monkeypatch.setattr(files, "_list_cache_files", lambda: names)
    assert files.remove_expired() == 0


def test_a_write_does_not_list_the_folder(files: SharedFileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = 0
    really = files._list_cache_files

    def counted() -> list[str]:
        nonlocal listed
        listed += 1
        return really()

    monkeypatch.setattr(files, "_list_cache_files", counted)
    for number in range(300):
        files.set(f"k{number}", number)
    assert listed < 60  # twice in fifty writes; each write would have


def test_a_full_cache_of_files_is_emptied_in_part(tmp_path: Path) -> None:
    small = SharedFileCache(str(tmp_path / "cache"), {"OPTIONS": {"MAX_ENTRIES": 100}})
    for number in range(600):
        small.set(f"k{number}", number)
    assert entries(small) < 500


def test_of_many_processes_that_add_the_same_key_one_succeeds(tmp_path: Path) -> None:
    caches_of_processes = [SharedFileCache(str(tmp_path / "cache"), {}) for _ in range(8)]
    barrier, done = threading.Barrier(8), []

    def add(cache: SharedFileCache) -> None:
        barrier.wait()
        done.append(cache.add("k", 1, timeout=60))

    threads = [threading.Thread(target=add, args=(cache,)) for cache in caches_of_processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 7 + [True]
