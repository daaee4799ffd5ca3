"""The provider's own API on loopback: keeps what it was asked and answers what it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from apps.calls.models import TelephonyAccount
from tests.core.loopback import Loopback, Peer


@dataclass
class Asked:
    """One request: its line, its headers in lower case, its JSON body (None without one)."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class ProviderStub:
    """``answers`` by path, each a status line and a body; anything else is 404."""

    url: str
    answers: dict[str, tuple[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def handle(self, peer: Peer) -> None:
        head, _, body = peer.request().partition(b"\r\n\r\n")
        if not head:
            return
        line, *fields = head.decode().split("\r\n")
        method, path, _ = line.split(" ")
        headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in fields)}
        self.asked.append(Asked(method, path, headers, json.loads(body) if body else None))
        status, answer = self.answers.get(path, ("404 Not Found", {"error": "not_found"}))
        if status == "silence":
            peer.silence()
        peer.answer(json.dumps(answer).encode(), status=status)


@contextmanager
def provider_stub(account: TelephonyAccount) -> Iterator[ProviderStub]:
    """A provider for this account, at the address that the account names from now on."""
    stub = ProviderStub(url="")
    with Loopback(stub.handle) as server:
        parts = urlsplit(server.url)
        account.api_url = stub.url = f"{parts.scheme}://{parts.netloc}"
        account.save()
        yield stub
