from __future__ import annotations

import threading
from contextlib import suppress

import pytest
import redis

from apps.core.breaker import QUIET, Breaker, CircuitOpen, Permit, troubled
from apps.core.shared_state import SharedRecords
from tests.core.stores import both_storages

pytestmark = both_storages


class World:
    """One breaker as two processes see it, and a clock of its own."""

    def __init__(self, storage: redis.Redis | None, name: str) -> None:
        self.now = 1_000_000.0
        self.stores = [SharedRecords(name, client=storage, memo_seconds=0) for _ in range(2)]
        if storage is None:
            self.stores[1] = self.stores[0]
        self.here, self.there = (Breaker(store, "cal", clock=lambda: self.now) for store in self.stores)

    def break_it(self, faults: int = 5) -> list[Permit]:
        permits = [self.here.allow() for _ in range(faults)]
        for permit in permits:
            permit.fault()
        return permits

    def half_open(self) -> None:
        self.break_it()
        self.now += 60


@pytest.fixture
def world(storage: redis.Redis | None, name: str) -> World:
    return World(storage, name)


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.allow().ignore()
    except CircuitOpen:
        return True
    return False


def test_five_faults_in_a_row_open_it_for_every_process(world: World) -> None:
    world.break_it(4)
    assert not is_open(world.there)
    world.there.allow().fault()
    assert is_open(world.here)
    with pytest.raises(CircuitOpen) as caught:
        world.there.allow()
    assert caught.value.retry_in == 60
    assert caught.value.retryable


def test_a_success_forgets_the_faults_before_it(world: World) -> None:
    world.break_it(4)
    world.there.allow().success()
    world.break_it(4)
    assert world.here.state().failures == 4
    assert not is_open(world.here)


def test_business_refusals_count_for_nothing(world: World) -> None:
    for _ in range(20):
        world.here.allow().ignore()
    assert world.here.state() == QUIET


def test_it_stays_open_for_sixty_seconds(world: World) -> None:
    world.break_it()
    world.now += 59.9
    assert is_open(world.here)
    world.now += 0.1
    assert not is_open(world.here)


def test_half_open_lets_one_through_at_a_time(world: World) -> None:
    world.half_open()
    probe = world.here.allow()
    assert probe.is_probe
    assert is_open(world.here)
    assert is_open(world.there)
    probe.success()
    assert world.there.allow().is_probe


def test_of_many_at_once_exactly_one_gets_through_half_open(world: World) -> None:
    world.half_open()
    barrier = threading.Barrier(8)
    through: list[Permit] = []

    def rush(breaker: Breaker) -> None:
        barrier.wait()
        with suppress(CircuitOpen):
            through.append(breaker.allow())

    threads = [threading.Thread(target=rush, args=([world.here, world.there][n % 2],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == 1


def test_two_good_probes_close_it(world: World) -> None:
    world.half_open()
    world.here.allow().success()
    assert world.here.state().state == "half_open"
    world.there.allow().success()
    assert world.here.state() == QUIET
    assert not world.here.allow().is_probe


def test_a_bad_probe_opens_it_again_for_the_whole_time(world: World) -> None:
    world.half_open()
    world.here.allow().success()
    world.here.allow().fault()
    assert is_open(world.there)
    world.now += 59
    assert is_open(world.here)
    world.now += 1
    world.here.allow().success()
    assert world.here.state().state == "half_open"


def test_the_place_of_a_dead_probe_is_given_away_later(world: World) -> None:
    world.half_open()
    dead = world.here.allow()
    world.now += 34
    assert is_open(world.there)
    world.now += 1
    second = world.there.allow()
    assert second.is_probe
    dead.fault()
    assert world.here.state().state == "half_open"
    second.success()
    world.there.allow().success()
    assert world.here.state() == QUIET


def test_a_probe_that_says_nothing_gives_its_place_back(world: World) -> None:
    world.half_open()
    world.here.allow().ignore()
    assert world.there.allow().is_probe


def test_a_late_answer_takes_its_fault_back(world: World) -> None:
    permits = world.break_it(3)
    permits[0].late_success()
    assert world.there.state().failures == 2


def test_a_late_answer_closes_what_its_fault_has_opened(world: World) -> None:
    permits = world.break_it(5)
    assert is_open(world.here)
    permits[2].late_success()
    assert not is_open(world.there)
    assert world.here.state().failures == 4


def test_a_fault_is_taken_back_once(world: World) -> None:
    permits = world.break_it(3)
    permits[0].late_success()
    permits[0].late_success()
    assert world.here.state().failures == 2


def test_what_was_no_fault_cannot_be_taken_back(world: World) -> None:
    world.break_it(3)
    good = world.here.allow()
    good.ignore()
    good.late_success()
    assert world.here.state().failures == 3


def test_a_late_answer_does_not_touch_faults_of_a_later_run(world: World) -> None:
    permits = world.break_it(3)
    world.here.allow().success()
    world.break_it(4)
    permits[0].late_success()
    assert world.here.state().failures == 4


def test_a_late_answer_to_an_old_fault_does_not_close_after_a_bad_probe(world: World) -> None:
    permits = world.break_it(5)
    world.now += 60
    world.here.allow().fault()
    permits[0].late_success()
    assert is_open(world.here)


def test_a_late_probe_counts_as_a_good_one(world: World) -> None:
    world.half_open()
    probe = world.here.allow()
    probe.fault()
    assert is_open(world.here)
    probe.late_success()
    assert world.here.state().state == "half_open"
    world.here.allow().success()
    assert world.here.state() == QUIET


def test_a_slow_request_that_began_before_the_opening_does_not_prolong_it(world: World) -> None:
    slow = world.here.allow()
    world.break_it()
    world.now += 30
    slow.fault()
    world.now += 30
    assert not is_open(world.here)


def test_a_permit_is_settled_once(world: World) -> None:
    permit = world.here.allow()
    permit.fault()
    permit.fault()
    permit.success()
    assert world.here.state().failures == 1


def test_faults_far_apart_do_not_add_up(world: World) -> None:
    for _ in range(10):
        world.here.allow().fault()
        world.now += 601
    assert not is_open(world.here)
    assert world.here.state().failures == 1


def test_reset_closes_at_once(world: World) -> None:
    world.break_it()
    world.there.reset()
    assert not is_open(world.here)
    assert world.here.state() == QUIET


def test_keys_do_not_share_their_fate(world: World) -> None:
    other = Breaker(world.stores[0], "other", clock=lambda: world.now)
    world.break_it()
    assert not is_open(other)
    assert list(troubled(world.stores[0])) == ["cal"]
    assert troubled(world.stores[0])["cal"].state == "open"


def test_an_open_breaker_whose_time_is_over_shows_as_half_open(world: World) -> None:
    world.half_open()
    assert world.here.state().state == "half_open"


def test_a_clock_set_back_does_not_keep_it_open(world: World) -> None:
    world.break_it()
    world.now -= 3600
    assert world.here.allow().is_probe


def test_while_nothing_fails_the_storage_is_asked_once_a_second(
    name: str, storage: redis.Redis | None
) -> None:
    store = SharedRecords(name, client=storage, memo_seconds=30)
    breaker = Breaker(store, "cal")
    breaker.allow().success()
    writer = SharedRecords(name, client=storage, memo_seconds=0)
    for _ in range(5):
        Breaker(writer, "cal").allow().fault()
    if storage is not None:
        # Another process has opened it; this one acts on what it saw a moment ago.
        breaker.allow().success()
        assert writer.read("cal")["state"] == "open"
    # Its own faults are counted at once all the same.
    breaker.allow().fault()
    assert store.read("cal")["failures"] == (6 if storage is not None else 1)
