"""The provider's own copy of a call is erased there, sooner or later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from apps.calls.models import TelephonyAccount
from apps.operations import tasks
from tests.core.loopback import Loopback, Peer, nobody_listens
from tests.factories import SIGNING_KEY, Business

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard() -> list[bytes]:
    return []


@pytest.fixture
def status() -> str:
    return "204 No Content"


@pytest.fixture
def provider(company: Business, status: str, heard: list[bytes]) -> Iterator[TelephonyAccount]:
    """An account whose provider answers on loopback."""

    def answer(peer: Peer) -> None:
        heard.append(peer.request())
        peer.answer(b"", status=status)

    with Loopback(answer) as server:
        company.account.api_url = server.url.removesuffix("/v2/x")
        company.account.save()
        yield company.account


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was queued, instead of a queue."""
    calls: list[tuple[Any, ...]] = []

    def note(_task: Any, *args: Any, seconds: float = 0) -> bool:
        calls.append((*args, seconds))
        return True

    monkeypatch.setattr(tasks, "enqueue", note)
    return calls


def erase(account: TelephonyAccount, *, tries: int = 0) -> list[Any]:
    with capture_logs() as logs:
        tasks.erase_provider_copy(account.pk, "call_1", tries)
    assert SIGNING_KEY not in str(logs)
    return [entry["event"] for entry in logs]


def test_the_provider_is_asked_to_erase_the_call(
    provider: TelephonyAccount, heard: list[bytes], queued: list[Any]
) -> None:
    assert erase(provider) == ["provider_copy_erased"]
    assert heard[0].startswith(b"DELETE /v2/delete-call/call_1 HTTP/1.1")
    assert f"Authorization: Bearer {SIGNING_KEY}".encode() in heard[0]
    assert queued == []


@pytest.mark.parametrize("status", ["404 Not Found"])
def test_what_the_provider_no_longer_knows_is_erased(provider: TelephonyAccount, queued: list[Any]) -> None:
    assert erase(provider) == ["provider_copy_erased"]


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_a_provider_that_cannot_now_is_asked_later(provider: TelephonyAccount, queued: list[Any]) -> None:
    erase(provider)
    assert queued == [(provider.pk, "call_1", 1, tasks.WAITS[0])]


@pytest.mark.parametrize("status", ["503 Service Unavailable"])
def test_in_the_end_the_operator_is_told(provider: TelephonyAccount, queued: list[Any]) -> None:
    assert erase(provider, tries=len(tasks.WAITS)) == ["provider_copy_not_erased"]
    assert queued == []


@pytest.mark.parametrize("status", ["403 Forbidden"])
def test_a_refusal_is_not_repeated(provider: TelephonyAccount, queued: list[Any]) -> None:
    assert erase(provider) == ["provider_copy_not_erased"]
    assert queued == []


def test_a_provider_that_cannot_be_reached_is_asked_later(company: Business, queued: list[Any]) -> None:
    company.account.api_url = nobody_listens()
    company.account.save()
    assert erase(company.account) == ["provider_not_reached"]
    assert len(queued) == 1


def test_a_provider_without_such_an_api_is_named_to_the_operator(
    company: Business, queued: list[Any]
) -> None:
    company.account.provider = "vapi"
    company.account.save()
    assert erase(company.account) == ["provider_copy_not_erasable"]
