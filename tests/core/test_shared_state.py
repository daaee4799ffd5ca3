from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import redis

from apps.core.shared_state import Record, RedisHealth, SharedRecords, redis_client
from tests.core.loopback import Loopback, Peer
from tests.core.stores import both_storages


def plus_one(record: Record) -> tuple[Record, int]:
    count = record.get("count", 0) + 1
    return {"count": count}, count


@both_storages
def test_a_change_sees_what_was_there_and_stays(storage: redis.Redis | None, name: str) -> None:
    records = SharedRecords(name, client=storage)
    assert records.read("a") == {}
    assert [records.change("a", plus_one) for _ in range(3)] == [1, 2, 3]
    assert records.read("a") == {"count": 3}
    assert records.read("b") == {}
    assert records.all() == {"a": {"count": 3}}


@both_storages
def test_an_empty_record_is_removed(storage: redis.Redis | None, name: str) -> None:
    records = SharedRecords(name, client=storage)
    records.change("a", plus_one)
    records.change("a", lambda _: ({}, None))
    assert records.all() == {}


@both_storages
def test_changes_made_at_once_are_all_counted(storage: redis.Redis | None, name: str) -> None:
    records = SharedRecords(name, client=storage)
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for _ in range(10):
            records.change("a", plus_one)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert records.read("a") == {"count": 80}
    assert records.health.degraded == 0


@pytest.mark.redis
def test_another_process_sees_a_change_and_a_glance_at_most_a_memo_late(
    live_client: redis.Redis, name: str
) -> None:
    here, there = (SharedRecords(name, client=live_client, memo_seconds=0.1) for _ in range(2))
    assert here.glance("a") == {}
    there.change("a", plus_one)
    assert here.glance("a") == {}
    assert here.read("a") == {"count": 1}
    there.change("a", plus_one)
    time.sleep(0.12)
    assert here.glance("a") == {"count": 2}


def test_without_redis_another_process_sees_a_change_in_the_file(tmp_path: Path) -> None:
    here, there = (SharedRecords("a", file=tmp_path / "a.json", memo_seconds=0) for _ in range(2))
    assert [here.change("a", plus_one), there.change("a", plus_one)] == [1, 2]
    assert here.read("a") == {"count": 2}
    there.change("a", lambda _: ({}, None))
    assert here.all() == {}


def test_where_the_disk_takes_no_file_a_record_lives_in_its_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    records = SharedRecords("a", file=tmp_path / "file" / "a.json")
    assert [records.change("a", plus_one) for _ in range(2)] == [1, 2]
    assert records.all() == {"a": {"count": 2}}


@pytest.mark.redis
def test_a_record_that_cannot_be_read_counts_as_none_and_is_overwritten(
    live_client: redis.Redis, name: str
) -> None:
    records = SharedRecords(name, client=live_client)
    live_client.hset(name, mapping={"a": "{broken", "b": "[1]"})
    assert records.read("a") == {}
    assert records.change("a", plus_one) == 1
    assert records.all() == {"a": {"count": 1}, "b": {}}


def test_a_dead_redis_is_counted_and_left_alone_while_work_goes_on(dead_client: redis.Redis) -> None:
    health = RedisHealth(sulk_seconds=30)
    records = SharedRecords("dead", client=dead_client, health=health)
    assert records.change("a", plus_one) == 1
    began = time.monotonic()
    for _ in range(100):
        records.change("a", plus_one)
    assert time.monotonic() - began < 1
    assert records.read("a") == {"count": 101}
    assert records.all() == {"a": {"count": 101}}
    assert health.degraded == 1


def test_after_a_while_redis_is_tried_again(dead_client: redis.Redis) -> None:
    records = SharedRecords("dead", client=dead_client, health=RedisHealth(sulk_seconds=0))
    records.read("a")
    records.read("a")
    assert records.health.degraded == 2


def test_a_redis_that_does_not_answer_costs_its_timeout_once() -> None:
    def silent(peer: Peer) -> None:
        peer.silence()

    with Loopback(silent) as server:
        port = server.url.split(":")[2].split("/")[0]
        with redis_client(f"redis://127.0.0.1:{port}/0", timeout=0.3) as client:
            records = SharedRecords("mute", client=client)
            began = time.monotonic()
            assert [records.change("a", plus_one) for _ in range(5)] == [1, 2, 3, 4, 5]
            assert time.monotonic() - began < 1.2
            assert records.health.degraded == 1
