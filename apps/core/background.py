"""Tasks: enqueued after the fact, tenant by tenant, and never a reason to fail what caused them."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery import Task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

BROKEN = (OperationalError, RedisError, OSError)

SULK_SECONDS = 10.0
"""How long a broker that failed is left alone: its timeout must not be paid for every task of a call."""


class _Broker:
    lost = 0
    asleep_until = 0.0


def lost() -> int:
    """Tasks this process could not enqueue."""
    return _Broker.lost


def forget() -> None:
    """Ask the broker again at once (tests)."""
    _Broker.asleep_until = 0.0


def enqueue(task: Task[Any, Any], *args: Any, seconds: float = 0) -> bool:
    """Queue a task to run in ``seconds``. A broker that is gone is counted: schedules catch up."""
    if time.monotonic() < _Broker.asleep_until:
        _Broker.lost += 1
        return False
    try:
        task.apply_async(args=args, countdown=seconds)
    except BROKEN as error:
        _Broker.lost += 1
        _Broker.asleep_until = time.monotonic() + SULK_SECONDS
        log.warning("task_not_queued", task=task.name, error=type(error).__name__)
        return False
    return True
