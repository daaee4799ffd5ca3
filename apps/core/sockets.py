"""Sockets that know when the whole exchange has to be over.

A read timeout of ``requests`` is a limit on the silence between two bytes: a server that sends
one byte a second can stretch a three-second timeout to an hour. Here every single operation on
the socket – connect, TLS handshake, send, each receive of status line, headers and body – gets
the time that is *left* of the one deadline, and every received byte is counted. Nothing else is
needed: no watchdog thread, no race between a timer and a reused file descriptor.

The current exchange is held per thread. Connections are never shared between threads
(``apps.core.http`` keeps one session a thread), so a socket always finds its own exchange.

What the deadline cannot cut short is the operating system's name lookup; its own time-outs
apply (``run_with_deadline`` answers the caller in time all the same).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


@dataclass(slots=True)
class Exchange:
    """One request and its answer: what is allowed, and what has happened so far."""

    deadline: float
    max_bytes: int
    connect_timeout: float
    sent: bool = False
    received: int = 0
    expired: bool = False
    oversized: bool = False

    def time_left(self) -> float:
        """Seconds to the deadline; raises ``TimeoutError`` when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            self.expired = True
            raise TimeoutError("the deadline of the exchange has passed")
        return left

    def count(self, received: int) -> int:
        """Count received bytes; raises ``OSError`` beyond the cap."""
        self.received += received
        if self.received > self.max_bytes:
            self.oversized = True
            raise OSError("the answer is larger than allowed")
        return received


class _Current(threading.local):
    exchange: Exchange | None = None


_current = _Current()


@contextmanager
def exchange(*, deadline: float, max_bytes: int, connect_timeout: float) -> Iterator[Exchange]:
    """Bind every socket operation of this thread to one deadline (monotonic seconds)."""
    before = _current.exchange
    now = Exchange(deadline=deadline, max_bytes=max_bytes, connect_timeout=connect_timeout)
    _current.exchange = now
    try:
        yield now
    finally:
        _current.exchange = before


@contextmanager
def _within_deadline(sock: socket.socket, *, sends: bool = False) -> Iterator[Exchange | None]:
    """One operation of a socket; None outside of an exchange, where nothing binds it."""
    current = _current.exchange
    if current is None:
        yield None
        return
    sock.settimeout(current.time_left())
    current.sent = current.sent or sends
    try:
        yield current
    except TimeoutError:
        current.expired = True
        raise


class DeadlineSocket(socket.socket):
    """A plain socket that obeys the thread's current exchange."""

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        with _within_deadline(self) as current:
            received = super().recv_into(buffer, nbytes, flags)
            return received if current is None else current.count(received)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        with _within_deadline(self, sends=True):
            super().sendall(data, flags)


class DeadlineTLSSocket(ssl.SSLSocket):
    """The same over TLS; OpenSSL's own loops take the socket's timeout as a total."""

    def do_handshake(self, block: bool = False) -> None:
        current = _current.exchange
        if current is not None:
            self.settimeout(min(current.time_left(), current.connect_timeout))
        super().do_handshake(block)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        with _within_deadline(self) as current:
            received = super().recv_into(buffer, nbytes, flags)
            return received if current is None else current.count(received)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        with _within_deadline(self, sends=True):
            return super().send(data, flags)


def _connect(connection: HTTPConnection) -> socket.socket:
    """Try the host's addresses in order, all of them within the exchange's deadline."""
    current = _current.exchange
    if current is None:
        raise RuntimeError("a connection is opened only inside an exchange")
    try:
        addresses = socket.getaddrinfo(
            connection._dns_host, connection.port, socket.AF_UNSPEC, socket.SOCK_STREAM
        )
    except (socket.gaierror, UnicodeError) as error:
        cause = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(connection.host, connection, cause) from error
    failure: OSError = OSError("the host name has no address")
    for family, kind, protocol, _, address in addresses:
        sock = DeadlineSocket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(min(current.time_left(), current.connect_timeout))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
            if current.expired:
                break
        else:
            return sock
    raise NewConnectionError(connection, f"no connection: {type(failure).__name__}") from failure


class DeadlineHTTPConnection(HTTPConnection):
    """urllib3's connection on a :class:`DeadlineSocket`."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class DeadlineHTTPSConnection(HTTPSConnection):
    """urllib3's TLS connection on a :class:`DeadlineSocket`."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class DeadlineHTTPPool(HTTPConnectionPool):
    ConnectionCls = DeadlineHTTPConnection


class DeadlineHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = DeadlineHTTPSConnection


def obeying(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same TLS context, handing out sockets that obey the deadline."""
    context.sslsocket_class = DeadlineTLSSocket
    return context
