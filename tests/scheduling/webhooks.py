"""Cal.com's webhooks as they arrive: verbatim samples with their signatures, and bodies of our own."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.factories import WEBHOOK_SECRET, Business

SAMPLES = Path(__file__).resolve().parent.parent / "data" / "calcom-webhooks"
SAMPLE_SECRET = "whsec_test_secret"
INDEX: dict[str, Any] = json.loads((SAMPLES / "_index.json").read_bytes())["files"]


def sign(raw: bytes, secret: str = WEBHOOK_SECRET) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def sample(name: str) -> bytes:
    """A sample, byte for byte."""
    return (SAMPLES / f"{name}.json").read_bytes()


def sample_body(name: str, **payload: Any) -> dict[str, Any]:
    """A sample to be changed: keys of its payload."""
    body: dict[str, Any] = json.loads(sample(name))
    body["payload"].update(payload)
    return body


def deliver(
    business: Business,
    body: bytes | dict[str, Any],
    *,
    signature: str | None = None,
    slug: str = "",
    secret: str = WEBHOOK_SECRET,
) -> HttpResponse:
    """Post to the company's address; signed with its secret unless a header is given."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = sign(raw, secret) if signature is None else signature
    return Client().post(
        f"/webhooks/calcom/{slug or business.company.slug}/",
        data=raw,
        content_type="application/json",
        headers={"X-Cal-Signature-256": header} if header else {},
    )
