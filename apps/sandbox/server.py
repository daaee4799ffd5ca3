"""The sandbox as a server on loopback: threads, keep-alive, faults on the wire.

No Django in here, so tests and benchmarks start it inside their own process::

    with SandboxServer(port=0) as sandbox:
        requests.get(f"{sandbox.base_url}/me", headers=...)
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from types import TracebackType
from typing import Any, Self

from apps.sandbox.application import Application
from apps.sandbox.calendar import Calendar
from apps.sandbox.faults import FaultController, Hit
from apps.sandbox.http import Answer
from apps.sandbox.journal import Entry, Journal
from apps.sandbox.scenario import Scenario, default_scenario, scenario_from
from apps.sandbox.webhooks import Dispatcher

GIVEN_UP_SECONDS = 0.5  # how soon a silence notices that nobody waits for it any more
LARGEST_BODY = 8 * 1024 * 1024


class _Handler(BaseHTTPRequestHandler):
    """Reads one request, lets the application answer, writes it the way the faults want it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    timeout = 300

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        application = self.server.application
        exchange = application.open(self.command, self.path, headers, body)
        if self._stopped_by(exchange.request.hits, before=True):
            return
        answer = application.answer(exchange)
        if self._stopped_by(exchange.request.hits, before=False):
            return
        self._write(answer, next((hit for hit in exchange.request.hits if hit.kind == "drip"), None))

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self._write(Answer(413, {"statusCode": 413, "message": "request entity too large"}), None)
            self.close_connection = True
            return None
        body: bytes = self.rfile.read(int(length))
        return body

    def _stopped_by(self, hits: list[Hit], *, before: bool) -> bool:
        """Waits, and ends the exchange without an answer where a fault says so."""
        for hit in hits:
            if hit.kind == "latency" and (hit.fault.at == "before") == before:
                self.server.stopping.wait(hit.seconds)
            silent = hit.kind == ("silence" if before else "commit_then_silence")
            if silent:
                self._keep_silent(hit.seconds)
            if silent or hit.kind == ("reset" if before else "commit_then_reset"):
                self._cut(reset=not silent)
                return True
        return False

    def _keep_silent(self, seconds: float) -> None:
        """Until the time is over, the server stops, or the other side has given up."""
        ends = monotonic() + seconds
        hung_up = select.poll()
        hung_up.register(self.connection, select.POLLIN | select.POLLHUP)
        while (left := ends - monotonic()) > 0:
            if self.server.stopping.wait(min(left, GIVEN_UP_SECONDS)):
                return
            if hung_up.poll(0):
                return

    def _cut(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()  # the last reference, so that the close below is the real one
            self.connection.close()

    def _write(self, answer: Answer, drip: Hit | None) -> None:
        payload = answer.payload()
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('', ''))[0] or 'Status'}"]
        lines.append(f"Content-Type: {answer.content_type}")
        declared = answer.length if answer.length is not None else len(payload)
        lines.append(f"Content-Length: {declared}")
        lines.append(f"X-Request-Id: {uuid.uuid4()}")
        lines.extend(f"{name}: {value}" for name, value in answer.headers.items())
        if declared != len(payload):
            self.close_connection = True
        if self.close_connection:
            lines.append("Connection: close")
        message = "\r\n".join([*lines, "", ""]).encode("latin-1") + payload
        try:
            if drip is None:
                self.wfile.write(message)
            else:
                self._drip(message, drip)
        except OSError:
            self.close_connection = True  # the other side gave up; nothing is left to say

    def _drip(self, message: bytes, drip: Hit) -> None:
        pause, chunk = (drip.fault.ms or 100) / 1000, max(1, drip.fault.chunk)
        waited = 0.0
        for position in range(0, len(message), chunk):
            self.wfile.write(message[position : position + chunk])
            waited += pause
            if waited > drip.fault.seconds or self.server.stopping.wait(pause):
                self.close_connection = True
                return

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what was asked is recorded by the application, without keys."""


for _method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
    setattr(_Handler, f"do_{_method}", _Handler._serve)  # the names the standard library looks for


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, port: int, application: Application) -> None:
        self.application = application
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that break are what this server is for."""


class SandboxServer:
    """A stand-in for Cal.com on ``127.0.0.1``; ``port`` 0 takes a free one.

    ``scenario``: a mapping as in a scenario file, a ``Scenario``, or ``None`` for the built-in one.
    """

    def __init__(self, port: int = 0, scenario: Mapping[str, Any] | Scenario | None = None) -> None:
        if scenario is None:
            scenario = default_scenario()
        elif not isinstance(scenario, Scenario):
            scenario = scenario_from(scenario)
        self.application = Application(scenario)
        self._server = _Server(port, self.application)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def root_url(self) -> str:
        """Without ``/v2``: where the control paths (``/sandbox/…``) are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.root_url}/v2"

    @property
    def calendar(self) -> Calendar:
        return self.application.calendar

    @property
    def faults(self) -> FaultController:
        return self.application.faults

    @property
    def webhooks(self) -> Dispatcher:
        return self.application.webhooks

    @property
    def requests(self) -> list[Entry]:
        """The recorded requests, oldest first: method, path, query, headers, body, status, at, faults."""
        return self.application.journal.listed()

    @property
    def journal(self) -> Journal:
        return self.application.journal

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends at once: whoever waits in a fault is cut off."""
        self._server.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self.application.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
