"""Redis, the disk and the queue are helpers: a call goes on without them, and they are counted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from kombu.exceptions import OperationalError as BrokerError
from pytest_django import Settings

from apps.core import background, caching, runtime
from apps.scheduling import gateway, tasks
from apps.tenants.scoping import company_scope
from tests.factories import Business
from tests.phone import Phone


@contextmanager
def silent_port() -> Iterator[int]:
    """Somebody who takes every connection and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]


@contextmanager
def closed_port() -> Iterator[int]:
    """Nobody is there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    yield port


@pytest.fixture(params=["gone", "silent"])
def dead_redis(request: pytest.FixtureRequest, settings: Settings) -> Iterator[str]:
    with closed_port() if request.param == "gone" else silent_port() as port:
        url = f"redis://127.0.0.1:{port}/0"
        settings.REDIS_URL = url
        settings.CACHES = {
            "default": {
                "BACKEND": "django_redis.cache.RedisCache",
                "LOCATION": url,
                "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.25, "SOCKET_TIMEOUT": 0.25},
            }
        }
        runtime.forget()
        yield request.param
    runtime.forget()


def main_job(business: Business, *, caller: str) -> float:
    """A whole call that ends in a booking; the longest any of its answers took, in seconds."""
    phone, longest = Phone(business, caller=caller), 0.0

    def ask(name: str, **args: Any) -> dict[str, Any]:
        nonlocal longest
        began = time.monotonic()
        answer = phone.function(name, **args)
        longest = max(longest, time.monotonic() - began)
        return answer

    assert ask("get_call_context")["status"] == "context"
    offered = ask("check_availability", when="Mittwoch um halb drei")
    assert offered["status"] == "alternatives"
    slot = offered["alternatives"][-1]["slot"]
    assert ask("book_appointment", slot=slot, customer_name="Sabine Müller")["status"] == "booked"
    assert ask("book_appointment", slot=slot, customer_name="Sabine Müller")["status"] == "already_booked"
    return longest


def test_without_redis_a_call_ends_in_a_booking_all_the_same(practice: Business, dead_redis: str) -> None:
    failures, degraded = caching.failures(), runtime.redis_health().degraded
    assert main_job(practice, caller="+491700000001") < 1.5
    assert caching.failures() + runtime.redis_health().degraded > failures + degraded


def test_without_redis_limits_are_counted_in_each_process(practice: Business, dead_redis: str) -> None:
    practice.company.requests_per_minute = 3
    with company_scope(practice.company.pk):
        practice.company.save()
    phone = Phone(practice)
    statuses = [phone.function("list_services", again=number)["status"] for number in range(5)]
    assert statuses == ["services"] * 3 + ["rate_limited"] * 2


def test_a_disk_that_takes_no_file_is_a_cache_that_misses(
    practice: Business, settings: Settings, tmp_path: Path
) -> None:
    if configured.REDIS_URL:
        pytest.skip("for SQLite alone: the cache is in Redis here")
    full = tmp_path / "no-folder"
    full.write_text("a file where a folder should be")
    settings.DATA_DIR = full
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": full / "cache",
        }
    }
    failures = caching.failures()
    main_job(practice, caller="+491700000002")
    assert caching.failures() > failures


@pytest.mark.parametrize("error", [BrokerError, ConnectionRefusedError, OSError])
def test_without_a_queue_a_booking_is_made_and_the_schedule_catches_up(
    practice: Business, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    tried: list[float] = []

    def gone(**_: Any) -> None:
        tried.append(time.monotonic())
        raise error("nobody there")

    monkeypatch.setattr(tasks.sweep, "apply_async", gone)
    lost = background.lost()
    main_job(practice, caller="+491700000003")
    assert gateway.drain(seconds=10)
    assert background.lost() > lost
    assert not background.enqueue(tasks.sweep, practice.company.pk, practice.event_type.pk)
    assert len(tried) == 1, "a broker that failed is left alone for a while"
    background.forget()
