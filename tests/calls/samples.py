"""The provider's bodies as they come, byte for byte, with the signatures made for them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpResponse

from apps.calls.models import TelephonyAccount
from tests.phone import Phone

DATA = Path(__file__).parent.parent / "data" / "retell"


@cache
def signatures() -> dict[str, Any]:
    """``{"api_key", "timestamp_ms", "signatures": {file name: header}}``."""
    found: dict[str, Any] = json.loads((DATA / "SIGNATURES.json").read_text())
    return found


def raw(name: str) -> bytes:
    """The bytes of one sample, named without its ending."""
    return (DATA / f"{name}.json").read_bytes()


def trusted(account: TelephonyAccount) -> TelephonyAccount:
    """The account with the key that the samples are signed with."""
    account.signing_key = signatures()["api_key"]
    account.save()
    return account


def post(phone: Phone, path: str, name: str) -> HttpResponse:
    """Send one sample exactly as it was signed; the clock must stand at its timestamp."""
    return phone.post(path, raw(name), header=signatures()["signatures"][f"{name}.json"])
