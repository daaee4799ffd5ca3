"""What the OpenAPI document allows, and what it says will come back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import settings
from schemathesis.core import NOT_SET

from apps.core import counts
from tests.factories import Business
from tests.fuzz.test_mutations import BROKEN
from tests.phone import signature

DOCUMENT: dict[str, Any] = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
ENDPOINTS = {
    ("POST", "/webhooks/telephony/{account}/events/"): {204, 400, 401, 404, 405, 413, 429, 503},
    ("POST", "/webhooks/telephony/{account}/functions/"): {200, 400, 401, 404, 405, 413},
    ("POST", "/webhooks/telephony/{account}/inbound/"): {200, 400, 401, 404, 405, 413},
    ("POST", "/webhooks/calcom/{company}/"): {204, 400, 401, 404, 405, 413, 503},
    ("GET", "/health/live/"): {200},
    ("GET", "/health/ready/"): {200, 503},
    ("GET", "/metrics/"): {200, 401, 404, 503},
}
allowed = schemathesis.openapi.from_dict(DOCUMENT)


def test_the_document_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", fail_on_warn=True, validate=True)
    assert "openapi: 3.1" in capsys.readouterr().out


def test_it_describes_every_endpoint_with_every_refusal() -> None:
    described = {
        (method.upper(), path): {int(status) for status in operation["responses"]}
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    assert described == ENDPOINTS


@allowed.parametrize()
@settings(max_examples=8)
def test_what_it_allows_is_answered_as_it_says(case: schemathesis.Case, practice: Business) -> None:
    body = {} if case.body is NOT_SET else case.body
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    before = counts.noted()
    answer = Client(raise_request_exception=False).generic(
        case.method,
        case.operation.path.format(account=practice.account.slug, company=practice.company.slug),
        raw if case.method == "POST" else b"",
        content_type="application/json",
        headers={"X-Retell-Signature": signature(raw, practice.account.signing_key)},
    )
    # Other methods are tried too: they are refused, or asked of the framework itself.
    expected = ENDPOINTS.get((case.method.upper(), case.operation.path), {200, 405}) - {503}
    assert answer.status_code in expected
    assert not {name for name in BROKEN if counts.noted().get(name, 0) > before.get(name, 0)}
