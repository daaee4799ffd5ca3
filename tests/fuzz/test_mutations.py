"""Real requests, changed at random: whatever comes is refused or answered, and nothing inside breaks."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from django.test import Client
from pytest_django import Settings

from apps.core import counts
from apps.scheduling import gateway
from apps.tenants.context import company_scope
from benchmarks._mutations import Mutant, Mutations, headers
from tests.factories import WEBHOOK_SECRET, Business
from tests.phone import signature

REQUESTS = 1_500
# Where a request that cannot be understood is refused.
REFUSED = frozenset({400, 401, 404, 405, 413, 429})
BROKEN = ("functions_failed", "inbound_failed", "functions_without_database", "events_without_database")


def address(mutant: Mutant, business: Business) -> str:
    if mutant.endpoint.startswith("/"):
        return mutant.endpoint
    if mutant.endpoint == "calcom":
        return f"/webhooks/calcom/{business.company.slug}/"
    return f"/webhooks/telephony/{business.account.slug}/{mutant.endpoint}/"


def signed(mutant: Mutant, business: Business) -> dict[str, str]:
    if mutant.endpoint == "calcom":
        digest = hmac.new(WEBHOOK_SECRET.encode(), mutant.raw, hashlib.sha256).hexdigest()
        return {"X-Cal-Signature-256": digest}
    return {"X-Retell-Signature": signature(mutant.raw, business.account.signing_key)}


@pytest.fixture
def busy(practice: Business, settings: Settings) -> Business:
    """A company whose limits are not what is tried here."""
    settings.EVENTS_PER_MINUTE = settings.CALL_LOOP_LIMIT = 1_000_000
    settings.CALCOM_REQUESTS_PER_SECOND = settings.CALCOM_REQUESTS_PER_MINUTE = 1_000_000
    practice.company.requests_per_minute = 1_000_000
    with company_scope(practice.company.pk):
        practice.company.save()
    return practice


def test_nothing_breaks_whatever_comes(busy: Business) -> None:
    client = Client(raise_request_exception=False)
    mutations = Mutations(seed=20260105, number=busy.number.number)
    before = counts.noted()
    answered = 0
    for number in range(REQUESTS):
        mutant = mutations.next()
        answer = client.generic(
            mutant.method,
            address(mutant, busy),
            mutant.raw,
            content_type="application/json",
            headers=headers(mutant, signed(mutant, busy)),
        )
        assert answer.status_code < 500, (number, mutant.endpoint, mutant.raw[:2000])
        if mutant.endpoint in ("functions", "inbound") and answer.status_code == 200:
            json.loads(answer.content, parse_constant=lambda name: pytest.fail(name))
            assert len(answer.content) <= 2_000 or mutant.endpoint == "inbound"
            answered += 1
        elif not mutant.endpoint.startswith("/"):
            assert answer.status_code in REFUSED | {204}, answer.content
        broken = {name for name in BROKEN if counts.noted().get(name, 0) > before.get(name, 0)}
        assert not broken, (number, mutant.endpoint, mutant.raw[:2000])
    assert answered > REQUESTS / 4
    assert gateway.drain(seconds=30)
