"""The way to Cal.com and back: one question, and its answer or what its failure means.

A read is repeated once after a broken connection or a server's error, if there is time. A write is
sent once, ever: without a trustworthy answer its outcome is unknown.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, Protocol, TypeVar
from urllib.parse import urlsplit

from apps.core import http
from apps.core.errors import PlatformError
from apps.scheduling.calcom.errors import (
    CalendarError,
    CalendarFault,
    CalendarNonsense,
    CalendarTimeout,
    CalendarUnreachable,
    ConfigDrift,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
)
from apps.scheduling.calcom.failures import classify, hidden_refusal
from apps.scheduling.calcom.payloads import RateHeaders
from apps.scheduling.calcom.reading import Malformed
from apps.scheduling.calcom.versions import HEADER, Operation

T = TypeVar("T")

BLOCKED_SECONDS = 60.0
"""How long Cal.com blocks a key that went over its limit, when it does not say."""

RETRY_STATUSES = frozenset({500, 502, 503, 504, 520, 521, 522, 523, 524})
RETRY_NEEDS_SECONDS = 0.5

_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
_EPOCH = 1_000_000_000


class Transport(Protocol):
    """``apps.core.http.send``, or what a test puts in its place."""

    def __call__(
        self,
        *,
        method: str,
        url: str,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: http.QueryParams | None = None,
        json_body: object | None = None,
        connect_timeout: float = 2.0,
        max_bytes: int = 2_000_000,
    ) -> http.HttpAnswer: ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to Cal.com for logs, metrics and the budget. ``status`` 0: no answer; ``error``: a code."""

    operation: Operation
    status: int
    elapsed: float
    request_id: str
    rate: RateHeaders | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One request; ``path`` below the base URL, ``deadline`` in ``time.monotonic()`` seconds."""

    operation: Operation
    method: str
    path: str = field(repr=False)
    deadline: float
    # A caller's data and the paths' uids stay out of tracebacks that show locals.
    params: http.QueryParams | None = field(default=None, repr=False)
    body: Mapping[str, object] | None = field(default=None, repr=False)

    @property
    def is_read(self) -> bool:
        return self.method == "GET"


class Wire:
    """One account's way to Cal.com: address, key, versions, and who is asked and told of requests.

    Raises :class:`ConfigDrift` (``bad_base_url``) and :class:`Unauthorized` (``no_key``).
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        transport: Transport,
        gate: Callable[[], None] | None,
        observer: Callable[[Exchange], None] | None,
        versions: Mapping[Operation, str | None],
        connect_timeout: float,
    ) -> None:
        self._base = base_url.strip().rstrip("/")
        if not _is_address(self._base):
            raise ConfigDrift("bad_base_url")
        if not _KEY.fullmatch(api_key):
            raise Unauthorized("no_key", status=0)
        self._key = api_key
        self._transport = transport
        self._gate = gate
        self._observer = observer
        self._versions = versions
        self._connect_timeout = connect_timeout

    @property
    def host(self) -> str:
        """Where the account lives."""
        return urlsplit(self._base).hostname or ""

    def ask(self, question: Question) -> http.HttpAnswer:
        """The answer with a 2xx status; raises :class:`CalendarError`, or what the gate raises."""
        try:
            return self._once(question)
        except CalendarFault as error:
            left = question.deadline - time.monotonic()
            if not question.is_read or not _worth_repeating(error) or left < RETRY_NEEDS_SECONDS:
                raise
            try:
                return self._once(question)
            except PlatformError as again:
                # A budget that allows no second try does not hide why there was a first failure.
                raise (again if isinstance(again, CalendarError) else error) from None

    def _once(self, question: Question) -> http.HttpAnswer:
        if self._gate is not None:
            self._gate()
        began = time.monotonic()
        try:
            answer = self._transport(
                method=question.method,
                url=self._base + question.path,
                deadline=question.deadline,
                headers=self._headers(question.operation),
                params=question.params,
                json_body=question.body,
                connect_timeout=self._connect_timeout,
            )
        except http.TransportError as error:
            failure = _failed(question, error)
            self._observe(question, error=failure, elapsed=time.monotonic() - began)
            raise failure from None
        except http.BadRequestSetup:
            raise ConfigDrift("bad_base_url", operation=question.operation) from None
        refusal = _refused(question, answer)
        self._observe(question, answer=answer, error=refusal, elapsed=answer.elapsed)
        if refusal is not None:
            raise refusal
        return answer

    def _headers(self, operation: Operation) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        version = self._versions[operation]
        if version is not None:
            headers[HEADER] = version
        return headers

    def _observe(
        self,
        question: Question,
        *,
        elapsed: float,
        answer: http.HttpAnswer | None = None,
        error: CalendarError | None = None,
    ) -> None:
        if self._observer is None:
            return
        self._observer(
            Exchange(
                operation=question.operation,
                status=answer.status if answer else 0,
                elapsed=elapsed,
                request_id=request_id(answer) if answer else "",
                rate=rate_headers(answer.headers) if answer else None,
                error=error.code if error else "",
            )
        )


def read(question: Question, answer: http.HttpAnswer, parse: Callable[[object], T]) -> T:
    """The ``data`` of a success envelope, parsed; anything else is nonsense, or unknown after a write."""
    body = content(answer)
    if not isinstance(body, dict) or body.get("status") != "success" or body.get("data") is None:
        _distrust(question, answer)
    try:
        return parse(body["data"])
    except Malformed:
        _distrust(question, answer)


def rate_headers(headers: Mapping[str, str]) -> RateHeaders | None:
    """The tightest of the ``x-ratelimit-*`` headers; a key's own limits come with their own suffix.

    Reset is in seconds; a value beyond 10^9 is read as a unix time.
    """
    limits = _numbers(headers, "x-ratelimit-limit")
    remaining = _numbers(headers, "x-ratelimit-remaining")
    resets = [
        max(0.0, value - time.time()) if value > _EPOCH else value
        for value in _numbers(headers, "x-ratelimit-reset")
    ]
    if not (limits or remaining or resets):
        return None
    return RateHeaders(
        limit=int(min(limits)) if limits else None,
        remaining=int(min(remaining)) if remaining else None,
        reset_seconds=max(resets) if resets else None,
    )


def _numbers(headers: Mapping[str, str], prefix: str) -> list[float]:
    found = []
    for name, value in headers.items():
        if name.lower().startswith(prefix):
            try:
                found.append(float(value))
            except ValueError:
                continue
    return [value for value in found if 0 <= value < float("inf")]


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # A port that is none raises when it is read.
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and not (parts.username or parts.password or parts.query or parts.fragment)


def request_id(answer: http.HttpAnswer) -> str:
    """``X-Request-Id``, for the log."""
    return answer.headers.get("x-request-id", "")[:100]


def content(answer: http.HttpAnswer) -> object:
    """The parsed JSON, or ``None`` for a body that is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _failed(question: Question, error: http.TransportError) -> CalendarError:
    """No answer at all. A write that may have arrived has an unknown outcome."""
    if error.sent and not question.is_read:
        code = "no_answer_in_time" if isinstance(error, http.DeadlineExceeded) else error.code
        return OutcomeUnknown(code, operation=question.operation)
    if isinstance(error, http.DeadlineExceeded):
        return CalendarTimeout(sent=error.sent, operation=question.operation)
    if isinstance(error, http.BodyTooLarge):
        return CalendarNonsense(error.code, operation=question.operation)
    return CalendarUnreachable(operation=question.operation)


def _refused(question: Question, answer: http.HttpAnswer) -> CalendarError | None:
    """The error that the answer's status and text stand for, or ``None`` for 2xx."""
    status, request, operation = answer.status, request_id(answer), question.operation
    if 200 <= status < 300:
        return None
    body = content(answer)
    if status == 429:
        return RateLimited(
            retry_after=_retry_after(answer), operation=operation, status=status, request_id=request
        )
    if 400 <= status < 500 and isinstance(body, dict):
        return classify(operation=operation, status=status, body=body, request_id=request)
    if status in (404, 405):
        # Not Cal.com's JSON: some other server answers at this address.
        return ConfigDrift("wrong_address", operation=operation, status=status, request_id=request)
    if status >= 500:
        hidden = hidden_refusal(operation=operation, status=status, body=body, request_id=request)
        if hidden is not None:
            return hidden
    if 300 <= status < 400 and question.is_read:
        return ConfigDrift("redirected", operation=operation, status=status, request_id=request)
    if question.is_read or 400 <= status < 500:
        # A 4xx without JSON is a page of the proxy in front: Cal.com has not seen the request.
        return CalendarFault(f"http_{status}", operation=operation, status=status, request_id=request)
    return OutcomeUnknown(f"http_{status}", operation=operation, status=status, request_id=request)


def _retry_after(answer: http.HttpAnswer) -> float:
    stated = answer.headers.get("retry-after", "")
    if stated.isdigit():
        return min(float(stated), 3600.0)
    rate = rate_headers(answer.headers)
    if rate is not None and rate.reset_seconds:
        return min(rate.reset_seconds, 3600.0)
    return BLOCKED_SECONDS


def _distrust(question: Question, answer: http.HttpAnswer) -> NoReturn:
    kind = CalendarNonsense if question.is_read else OutcomeUnknown
    raise kind(
        "calendar_nonsense",
        operation=question.operation,
        status=answer.status,
        request_id=request_id(answer),
    )


def _worth_repeating(error: CalendarFault) -> bool:
    return isinstance(error, CalendarUnreachable) or error.status in RETRY_STATUSES
