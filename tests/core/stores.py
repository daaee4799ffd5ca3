"""The storages that shared records and limits have: this process, Redis where it is given, a dead Redis."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
import redis

from apps.core.shared_state import redis_client

NAMESPACE = f"test-{uuid.uuid4().hex[:8]}"

both_storages = pytest.mark.parametrize(
    "storage", ["memory", pytest.param("redis", marks=pytest.mark.redis)], indirect=True
)


@pytest.fixture
def live_client() -> Iterator[redis.Redis]:
    """A client of the Redis at ``REDIS_URL``, for tests marked ``redis``; cleans up afterwards."""
    with redis_client(os.environ["REDIS_URL"], timeout=2) as client:
        yield client
        for key in client.scan_iter(f"*{NAMESPACE}*", count=1000):
            client.delete(key)


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> redis.Redis | None:
    """``None`` for this process alone, or the live Redis; with ``both_storages``."""
    if request.param == "memory":
        return None
    live: redis.Redis = request.getfixturevalue("live_client")
    return live


@pytest.fixture
def dead_client() -> Iterator[redis.Redis]:
    """A Redis that refuses connections."""
    with redis_client("redis://127.0.0.1:1/0") as client:
        yield client


@pytest.fixture
def name() -> str:
    """A name of this test's own."""
    return f"{NAMESPACE}-{uuid.uuid4().hex[:8]}"
