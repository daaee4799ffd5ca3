"""A TCP proxy on loopback that can be cut: how a service is gone, or silent, for one process alone."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from types import TracebackType
from typing import Literal, Self

LOOPBACK = "127.0.0.1"
CHUNK = 65536

Manner = Literal["through", "silent", "gone"]


class Proxy:
    """``with Proxy(port) as proxy``: listens on ``proxy.port`` and passes on to ``port``.

    ``manner`` may be changed at any time: ``silent`` takes everything and passes nothing on, ``gone``
    resets what is open and refuses what comes. ``delay_ms`` holds back every answer.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.manner: Manner = "through"
        self.delay_ms = 0.0
        self.port = 0
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._ends: set[socket.socket] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self._listen()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=5)
        self._close_all()

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, self.port))
        listener.listen(128)
        listener.setblocking(False)
        self._listener, self.port = listener, listener.getsockname()[1]

    def _close_all(self) -> None:
        for one in list(self._ends):
            self._drop(one)
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _run(self) -> None:
        while not self._over.is_set():
            if self.manner == "gone":
                self._close_all()
                time.sleep(0.02)
                continue
            if self._listener is None:
                self._listen()
            self._pass_on()

    def _pass_on(self) -> None:
        with selectors.DefaultSelector() as selector:
            if self._listener is not None:
                selector.register(self._listener, selectors.EVENT_READ)
            for one in self._ends:
                selector.register(one, selectors.EVENT_READ)
            for key, _ in selector.select(timeout=0.02):
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._ends:
                    self._copy(key.fileobj)

    def _accept(self) -> None:
        assert self._listener is not None
        client, _ = self._listener.accept()
        self._ends.add(client)
        if self.manner == "silent":
            return
        try:
            server = socket.create_connection((LOOPBACK, self.target), timeout=2)
        except OSError:
            self._drop(client)
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ends.add(server)
        self._pairs[client], self._pairs[server] = server, client

    def _copy(self, source: socket.socket) -> None:
        try:
            data = source.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self._drop(source)
            return
        other = self._pairs.get(source)
        if self.manner == "silent" or other is None:
            return
        if self.delay_ms and source.getpeername()[1] == self.target:
            time.sleep(self.delay_ms / 1000)
        try:
            other.sendall(data)
        except OSError:
            self._drop(source)

    def _drop(self, end: socket.socket) -> None:
        other = self._pairs.pop(end, None)
        for one in (end, other):
            if one is not None:
                self._pairs.pop(one, None)
                self._ends.discard(one)
                with contextlib.suppress(OSError):
                    one.close()
