"""The breaker's rules as pure functions: whatever happens in whatever order, these hold."""

from __future__ import annotations

import redis
from hypothesis import given
from hypothesis import strategies as st

from apps.core.breaker import (
    QUIET,
    Breaker,
    Circuit,
    CircuitOpen,
    Limits,
    Permit,
    admit,
    fail,
    take_back,
)
from apps.core.shared_state import RedisHealth, SharedRecords

LIMITS = Limits(failures=3, open_seconds=60, successes=2, probe_seconds=20)
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "success", "fault", "ignore", "late", "wait"]), st.integers(0, 30)),
    max_size=60,
)


def ask(breaker: Breaker) -> tuple[Permit | None, float]:
    """The permit, or for how long there is none."""
    try:
        return breaker.allow(), 0.0
    except CircuitOpen as refused:
        return None, refused.retry_in


@given(STEPS)
def test_whatever_happens_one_probe_at_a_time_and_no_breaker_is_stuck(steps: list[tuple[str, int]]) -> None:
    now = 1000.0
    breaker = Breaker(SharedRecords("steps", memo_seconds=0), "cal", limits=LIMITS, clock=lambda: now)
    permits: list[Permit] = []
    probes: list[tuple[Permit, float]] = []
    for step, number in steps:
        before = breaker.state()
        permit = permits[number % len(permits)] if permits else None
        if step == "wait":
            now += number
        elif step == "ask":
            asked, refused_for = ask(breaker)
            if asked is None:
                assert before.state != "closed"
                assert 0 < refused_for <= 60
                continue
            permits.append(asked)
            if asked.is_probe:
                assert before.state == "half_open"
                probes.append((asked, now + 20))
                # All others must have been settled, or their lease must be over.
                assert all(one._settled or until <= now for one, until in probes[:-1])
        elif permit is not None:
            settle = {
                "success": permit.success,
                "fault": permit.fault,
                "ignore": permit.ignore,
                "late": permit.late_success,
            }
            settle[step]()
        after = breaker.state()
        assert after.failures >= 0
        assert after.state != "closed" or after.failures < LIMITS.failures
        assert before.state != "closed" or after.state != "half_open"
    # Left alone long enough, it lets somebody try, and two good answers close it.
    now += 100
    for _ in range(2):
        breaker.allow().success()
    assert breaker.state() == QUIET


@given(st.integers(1, 10), st.integers(0, 10))
def test_fewer_faults_than_the_limit_never_open_it(limit: int, faults: int) -> None:
    limits, circuit = Limits(failures=limit), QUIET
    for number in range(faults):
        circuit = fail(circuit, limits, now=1000 + number, probe="", mark="run")
    assert (circuit.state == "open") == (faults >= limit)


@given(st.integers(1, 12))
def test_taking_every_fault_back_leaves_nothing(faults: int) -> None:
    circuit = QUIET
    for _ in range(faults):
        circuit = fail(circuit, LIMITS, now=1000, probe="", mark="run")
    for _ in range(faults):
        circuit = take_back(circuit, LIMITS, epoch="run", probed=False)
    assert circuit == QUIET


def test_a_closed_breaker_admits_without_a_probe() -> None:
    circuit, admission = admit(QUIET, LIMITS, now=1000, mark="p")
    assert (circuit, admission.allowed, admission.probe) == (Circuit(), True, "")


def test_with_a_dead_redis_the_process_keeps_its_own_count(dead_client: redis.Redis) -> None:
    health = RedisHealth(sulk_seconds=30)
    breaker = Breaker(SharedRecords("dead", client=dead_client, health=health), "cal")
    for _ in range(5):
        breaker.allow().fault()
    asked, refused_for = ask(breaker)
    assert asked is None
    assert refused_for > 59
    assert health.degraded == 1
