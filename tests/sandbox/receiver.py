"""Somebody who is told of changes: keeps every delivery as it arrived."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Received:
    body: bytes
    headers: dict[str, str]
    at: float

    @property
    def trigger(self) -> str:
        return str(self.json["triggerEvent"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def payload(self) -> Any:
        return self.json["payload"]


class Receiver:
    """Listens on loopback; ``on_delivery`` runs while the sender waits."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status = 204
        self.on_delivery: Callable[[Received], None] | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                one = Received(body, dict(self.headers), time.perf_counter())
                receiver.received.append(one)
                if receiver.on_delivery:
                    receiver.on_delivery(one)
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/calcom/praxis/"

    @property
    def triggers(self) -> list[str]:
        return [one.trigger for one in self.received]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
