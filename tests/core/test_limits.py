from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
import time_machine

from apps.core.limits import BudgetExhausted, Decision, Priority, Rate, RateLimits, UpstreamBudget
from apps.core.shared_state import RedisHealth, SharedRecords
from tests.core.stores import both_storages

# The beginning of a minute: the counter of a process without Redis is aligned to it.
NOON = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


def allowed(decisions: list[Decision]) -> int:
    return sum(decision.allowed for decision in decisions)


@both_storages
def test_a_rate_lets_its_amount_through_and_says_when_to_come_back(
    storage: redis.Redis | None, name: str
) -> None:
    limits = RateLimits(client=storage)
    decisions = [limits.allow(name, Rate.per_minute(5)) for _ in range(8)]
    assert [decision.allowed for decision in decisions] == [True] * 5 + [False] * 3
    assert all(decision.retry_after == 0 for decision in decisions[:5])
    assert all(0 < decision.retry_after <= 60 for decision in decisions[5:])


@both_storages
def test_keys_and_windows_are_counted_apart(storage: redis.Redis | None, name: str) -> None:
    limits = RateLimits(client=storage)
    for rate in (Rate.per_minute(2), Rate.per_second(2)):
        for key in (f"{name}-a", f"{name}-b"):
            assert allowed([limits.allow(key, rate) for _ in range(3)]) == 2


@both_storages
def test_looking_counts_nothing(storage: redis.Redis | None, name: str) -> None:
    limits = RateLimits(client=storage)
    assert allowed([limits.look(name, Rate.per_minute(1)) for _ in range(5)]) == 5
    assert limits.allow(name, Rate.per_minute(1)).allowed
    assert not limits.look(name, Rate.per_minute(1)).allowed


@both_storages
def test_many_at_once_get_exactly_the_amount(storage: redis.Redis | None, name: str) -> None:
    limits = RateLimits(client=storage)
    decisions: list[Decision] = []
    barrier = threading.Barrier(8)

    def rush() -> None:
        barrier.wait()
        decisions.extend(limits.allow(name, Rate.per_minute(20)) for _ in range(10))

    threads = [threading.Thread(target=rush) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed(decisions) == 20


def test_the_window_slides() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        limits = RateLimits()
        assert allowed([limits.allow("a", Rate.per_minute(10)) for _ in range(12)]) == 10
        clock.shift(61)
        # A minute later nearly all of the last minute still counts.
        assert allowed([limits.allow("a", Rate.per_minute(10)) for _ in range(12)]) <= 1
        clock.shift(45)
        assert 5 <= allowed([limits.allow("a", Rate.per_minute(10)) for _ in range(12)]) <= 9


def test_a_dead_redis_is_counted_and_each_process_limits_for_itself(dead_client: redis.Redis) -> None:
    health = RedisHealth(sulk_seconds=30)
    limits = RateLimits(client=dead_client, health=health)
    assert allowed([limits.allow("a", Rate.per_minute(3)) for _ in range(6)]) == 3
    assert health.degraded == 1


@pytest.mark.redis
def test_processes_share_their_counts(live_client: redis.Redis, name: str) -> None:
    here, there = RateLimits(client=live_client), RateLimits(client=live_client)
    assert allowed([here.allow(name, Rate.per_minute(4)) for _ in range(3)]) == 3
    assert allowed([there.allow(name, Rate.per_minute(4)) for _ in range(3)]) == 1


def test_without_redis_processes_share_their_counts_in_files(tmp_path: Path) -> None:
    here, there = RateLimits(folder=tmp_path), RateLimits(folder=tmp_path)
    with time_machine.travel(NOON, tick=False) as clock:
        assert allowed([here.allow("a", Rate.per_minute(4)) for _ in range(3)]) == 3
        assert allowed([there.allow("a", Rate.per_minute(4)) for _ in range(3)]) == 1
        assert there.left("a", Rate.per_minute(4)) == 0
        assert not here.look("a", Rate.per_minute(4)).allowed
        assert here.allow("b", Rate.per_minute(4)).allowed
        clock.shift(90)
        assert here.left("a", Rate.per_minute(4)) == 2
        clock.shift(60)
        assert there.left("a", Rate.per_minute(4)) == 4


def test_many_at_once_get_exactly_the_amount_from_files(tmp_path: Path) -> None:
    limits = [RateLimits(folder=tmp_path) for _ in range(8)]
    with time_machine.travel(NOON, tick=False), ThreadPoolExecutor(8) as pool:
        rushes = pool.map(lambda one: [one.allow("a", Rate.per_minute(20)) for _ in range(10)], limits)
        assert allowed([decision for rush in rushes for decision in rush]) == 20


def test_where_the_disk_takes_no_file_each_process_limits_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    limits = RateLimits(folder=tmp_path / "file")
    assert allowed([limits.allow("a", Rate.per_minute(3)) for _ in range(6)]) == 3
    assert limits.left("a", Rate.per_minute(3)) == 0


# The budget of an upstream account


def budget(
    storage: redis.Redis | None, name: str, *, per_minute: int = 100, per_second: int = 1000
) -> UpstreamBudget:
    return UpstreamBudget(
        name,
        limits=RateLimits(client=storage),
        blocks=SharedRecords(f"{name}-blocks", client=storage, memo_seconds=0),
        per_minute=per_minute,
        per_second=per_second,
    )


@both_storages
def test_reads_leave_a_fifth_to_bookings_and_sweeps_take_half(storage: redis.Redis | None, name: str) -> None:
    account = budget(storage, name)
    assert allowed([account.take(Priority.SWEEP) for _ in range(120)]) == 50
    assert allowed([account.take(Priority.READ) for _ in range(120)]) == 30
    assert allowed([account.take(Priority.BOOKING) for _ in range(120)]) == 20


@both_storages
def test_a_burst_is_cut_at_the_second_s_limit_with_room_for_bookings(
    storage: redis.Redis | None, name: str
) -> None:
    account = budget(storage, name, per_second=10)
    assert allowed([account.take(Priority.READ) for _ in range(30)]) == 8
    assert allowed([account.take(Priority.BOOKING) for _ in range(30)]) == 2


def test_reads_that_are_refused_do_not_eat_the_bookings_seconds() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        account = budget(None, "flood", per_minute=20, per_second=10)
        for _ in range(4):
            [account.take(Priority.READ) for _ in range(50)]
            clock.shift(2)
        assert allowed([account.take(Priority.READ) for _ in range(50)]) == 0
        assert allowed([account.take(Priority.BOOKING) for _ in range(4)]) == 4


@both_storages
def test_a_booking_is_never_refused_while_reads_still_pass(storage: redis.Redis | None, name: str) -> None:
    account = budget(storage, name, per_minute=40)
    for _ in range(60):
        read, booking = account.take(Priority.READ), account.take(Priority.BOOKING)
        assert booking.allowed or not read.allowed


@both_storages
def test_a_429_blocks_everybody_until_its_reset(storage: redis.Redis | None, name: str) -> None:
    here, there = budget(storage, name), budget(storage, name)
    if storage is None:
        there = here
    here.block(seconds=30)
    here.block(seconds=5)
    for priority in Priority:
        refused = there.take(priority)
        assert not refused.allowed
        assert 29 < refused.retry_after <= 30
    there.unblock()
    assert here.take(Priority.READ).allowed


def test_a_block_ends_by_itself() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        account = budget(None, "a")
        account.block(seconds=30)
        clock.shift(30)
        assert account.take(Priority.SWEEP).allowed


def test_headers_with_nothing_left_stop_the_next_request() -> None:
    account = budget(None, "a")
    account.observe(remaining=3, reset_seconds=20)
    account.observe(remaining=None, reset_seconds=20)
    account.observe(remaining=0, reset_seconds=None)
    assert account.take(Priority.SWEEP).allowed
    account.observe(remaining=0, reset_seconds=20)
    assert 19 < account.blocked_for() <= 20


def test_a_refused_request_is_an_error_that_says_when() -> None:
    account = budget(None, "a", per_minute=1)
    account.require(Priority.BOOKING)
    with pytest.raises(BudgetExhausted) as caught:
        account.require(Priority.BOOKING)
    assert caught.value.retryable
    assert 0 < caught.value.retry_after <= 60


@both_storages
def test_accounts_have_budgets_of_their_own(storage: redis.Redis | None, name: str) -> None:
    first, second = budget(storage, f"{name}-1", per_minute=2), budget(storage, f"{name}-2", per_minute=2)
    first.block(seconds=30)
    assert second.take(Priority.READ).allowed
