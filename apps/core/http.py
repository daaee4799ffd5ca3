"""HTTP out of the house: one session a thread, and a deadline for the whole answer.

``send`` returns a complete answer or raises; it never follows a redirect, keeps no cookies
(threads serve many companies), reads no proxy or credentials from the environment, and never
sends anything twice: whoever may repeat a request also has to account for it.

Writes go out on a connection of their own. On a kept-alive connection that the server is just
closing, a POST may be lost or executed, and nobody can tell which; a fresh connection has no
such moment. Reads reuse connections, but none that has been idle for ``IDLE_SECONDS``: a
middlebox may have forgotten it, and the question would run silently into its deadline.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidHeader, InvalidSchema, InvalidURL, MissingSchema
from urllib3.exceptions import HTTPError

from apps.core.errors import PlatformError
from apps.core.sockets import DeadlineHTTPPool, DeadlineHTTPSPool, Exchange, exchange, obeying

IDLE_SECONDS = 20.0
"""A kept connection older than this is closed instead of reused (load balancers forget after 60 s)."""

HEADER_ALLOWANCE = 256 * 1024
"""Bytes on the wire beyond the body's cap: status line, headers, chunk sizes, TLS-free framing."""

CHUNK = 64 * 1024

USER_AGENT = "booking-platform/1"

QueryParams = Mapping[str, str | int]


class TransportError(PlatformError):
    """No complete answer. ``sent``: the request may have reached the server.

    ``cause`` names what happened underneath. The exception itself is not chained: its text holds
    the whole address, and with it what was searched for.
    """

    retryable = True

    def __init__(self, *, sent: bool, cause: str = "") -> None:
        super().__init__()
        self.sent = sent
        self.cause = cause

    def __str__(self) -> str:
        return f"{super().__str__()} {self.cause}".rstrip()


class DeadlineExceeded(TransportError):
    code = "deadline_exceeded"
    message = "The whole answer did not arrive before the deadline."


class ConnectionBroken(TransportError):
    code = "connection_broken"
    message = "The connection could not be made or broke off."


class BodyTooLarge(TransportError):
    code = "body_too_large"
    message = "The answer is larger than allowed."


class BadRequestSetup(PlatformError):
    """The request cannot be sent at all: an address or a header that is none."""

    code = "bad_request_setup"
    message = "The address or a header of the request is not usable."


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer. Header names are in lower case; ``elapsed`` is in seconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float


class _Adapter(HTTPAdapter):
    """Deadline sockets, and one shared TLS context instead of one CA file load a connection."""

    def __init__(self, *, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__(pool_connections=8, pool_maxsize=1, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": DeadlineHTTPPool,
            "https": DeadlineHTTPSPool,
        }

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The shared context already verifies; requests would load the CA file once more."""
        if url.lower().startswith("https"):
            conn.cert_reqs = "CERT_REQUIRED"


class _Session(requests.Session):
    """One hop, no cookies, nothing from the environment."""

    def __init__(self, *, tls: ssl.SSLContext, keep_alive: bool) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers["User-Agent"] = USER_AGENT
        if not keep_alive:
            self.headers["Connection"] = "close"
        adapter = _Adapter(tls=tls)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.last_used = time.monotonic()

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class _Sessions(threading.local):
    reading: _Session | None = None
    writing: _Session | None = None


@lru_cache(maxsize=1)
def public_tls() -> ssl.SSLContext:
    """TLS that trusts the public certificate authorities (certifi), built once a process."""
    return ssl.create_default_context(cafile=certifi.where())


class HttpSender:
    """Sends requests; safe to share between threads.

    ``tls`` replaces the trust in public certificate authorities, for a private one.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, idle_seconds: float = IDLE_SECONDS) -> None:
        self._tls = tls
        self._idle_seconds = idle_seconds
        self._sessions = _Sessions()
        # A forked child must not speak on its parent's connections.
        os.register_at_fork(after_in_child=self._forget)

    def send(
        self,
        *,
        method: str,
        url: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: QueryParams | None = None,
        json_body: object | None = None,
        connect_timeout: float = 2.0,
        max_bytes: int = 2_000_000,
    ) -> HttpAnswer:
        """Send one request and return its complete answer.

        ``deadline`` is in ``time.monotonic()`` seconds and covers everything from connecting to
        the last byte. Raises :class:`DeadlineExceeded`, :class:`ConnectionBroken`,
        :class:`BodyTooLarge` (each with ``sent``) or :class:`BadRequestSetup`.
        """
        request = requests.Request(
            method, url, headers=dict(headers or {}), params=dict(params or {}), json=json_body
        )
        once = _Once(request=request, deadline=deadline, connect=connect_timeout, max_bytes=max_bytes)
        return self._read(once) if method == "GET" else self._write(once)

    def close(self) -> None:
        """Close this thread's kept connections."""
        for session in (self._sessions.reading, self._sessions.writing):
            if session is not None:
                session.close()

    def _read(self, once: _Once) -> HttpAnswer:
        session = self._sessions.reading
        if session is None:
            session = self._sessions.reading = self._session(keep_alive=True)
        if time.monotonic() - session.last_used > self._idle_seconds:
            session.close()
        try:
            return once.over(session)
        finally:
            session.last_used = time.monotonic()

    def _write(self, once: _Once) -> HttpAnswer:
        session = self._sessions.writing
        if session is None:
            session = self._sessions.writing = self._session(keep_alive=False)
        try:
            return once.over(session)
        finally:
            session.close()

    def _session(self, *, keep_alive: bool) -> _Session:
        return _Session(tls=obeying(self._tls or public_tls()), keep_alive=keep_alive)

    def _forget(self) -> None:
        self._sessions = _Sessions()


@dataclass(frozen=True, slots=True)
class _Once:
    """One try of one request."""

    request: requests.Request
    deadline: float
    connect: float
    max_bytes: int

    def over(self, session: _Session) -> HttpAnswer:
        began = time.monotonic()
        if began >= self.deadline:
            raise DeadlineExceeded(sent=False)
        wire_cap = self.max_bytes + HEADER_ALLOWANCE
        with exchange(deadline=self.deadline, max_bytes=wire_cap, connect_timeout=self.connect) as current:
            try:
                prepared = session.prepare_request(self.request)
                with session.send(
                    prepared, stream=True, allow_redirects=False, verify=True, timeout=self.deadline - began
                ) as response:
                    body = self._body(response)
            except (MissingSchema, InvalidSchema, InvalidURL, InvalidHeader, UnicodeError):
                raise BadRequestSetup from None
            except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
                raise self._verdict(current, cause=type(error).__name__) from None
            return HttpAnswer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=body,
                elapsed=time.monotonic() - began,
            )

    def _body(self, response: requests.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        while chunk := response.raw.read(CHUNK, decode_content=True):
            size += len(chunk)
            if size > self.max_bytes:
                raise BodyTooLarge(sent=True)
            parts.append(chunk)
        return b"".join(parts)

    def _verdict(self, current: Exchange, *, cause: str) -> TransportError:
        if current.oversized:
            return BodyTooLarge(sent=True, cause=cause)
        if current.expired or time.monotonic() >= self.deadline:
            return DeadlineExceeded(sent=current.sent, cause=cause)
        return ConnectionBroken(sent=current.sent, cause=cause)


_default = HttpSender()
send = _default.send
"""``HttpSender().send`` of the process-wide sender."""
