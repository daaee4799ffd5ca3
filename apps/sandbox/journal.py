"""What the sandbox was asked: counts without end, the requests themselves bounded, keys left out."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Any

from apps.sandbox.http import Request

KEPT_REQUESTS = 5_000
KEPT_BODY = 4_096
SECRET_HEADERS = frozenset(("authorization", "x-cal-secret-key"))

Entry = dict[str, Any]


class Journal:
    """Every request from its arrival on, so that those are counted too that never get an answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Entry] = deque(maxlen=KEPT_REQUESTS)
        self._counts: Counter[str] = Counter()

    def arrived(self, request: Request, *, pattern: str, at: float) -> Entry:
        """A new entry; ``status`` is 0 until it is answered."""
        entry: Entry = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": {name: value for name, value in request.headers.items() if name not in SECRET_HEADERS},
            "body": request.body[:KEPT_BODY].decode("utf-8", "replace"),
            "account": request.account.username if request.account else "",
            "status": 0,
            "at": at,
            "faults": [hit.kind for hit in request.hits],
        }
        with self._lock:
            self._kept.append(entry)
            self._counts[f"{request.method} {pattern}"] += 1
        return entry

    def listed(self) -> list[Entry]:
        """The requests kept, oldest first."""
        with self._lock:
            return list(self._kept)

    def counts(self) -> dict[str, int]:
        """By method and path pattern, e.g. ``{"GET /v2/slots": 3}``."""
        with self._lock:
            return dict(self._counts)

    def count(self, method: str, pattern: str) -> int:
        """How often an endpoint was asked, e.g. ``count("GET", "/v2/bookings/{uid}")``."""
        with self._lock:
            return self._counts[f"{method} {pattern}"]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._counts.clear()
