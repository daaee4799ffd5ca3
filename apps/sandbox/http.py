"""A request as the endpoints see it, an answer as they give it, and the table of routes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.sandbox.errors import RefusedError
from apps.sandbox.faults import Hit
from apps.sandbox.model import Account, JsonObject

NOBODY = (
    "No authentication method provided. Either pass an API key as 'Bearer' header or OAuth client "
    "credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers"
)


@dataclass(slots=True)
class Request:
    """One request: ``query`` holds the last value of each name, ``params`` the path's parts."""

    method: str
    path: str
    target: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    account: Account | None = None
    params: dict[str, str] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)

    @property
    def version(self) -> str:
        return self.headers.get("cal-api-version", "")

    def hit(self, kind: str) -> Hit | None:
        """The fault of that kind that struck this request."""
        return next((hit for hit in self.hits if hit.kind == kind), None)

    def json(self) -> JsonObject:
        """The body as an object; an empty one is ``{}``. Raises a 400 as Cal.com's parser does."""
        if not self.body:
            return {}
        try:
            parsed = json.loads(self.body)
        except ValueError as error:
            raise RefusedError(400, f"{error} in JSON") from None
        if not isinstance(parsed, dict):
            raise RefusedError(400, "Bad Request Exception")
        return parsed

    def owner(self) -> Account:
        """The account behind the key, for endpoints that demand one."""
        if self.account is None:
            raise RefusedError(401, NOBODY)
        return self.account


@dataclass(slots=True)
class Answer:
    """Status and JSON; ``raw`` replaces the JSON byte for byte, ``length`` lies about its length."""

    status: int
    body: object = None
    raw: bytes | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None

    def payload(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


def success(data: object, *, status: int = 200, **more: object) -> Answer:
    return Answer(status, {"status": "success", "data": data, **more})


Endpoint = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """``versions``: header values under which it exists; empty: the header does not matter.

    ``fallback`` answers the other values, as 2024-04-15 did; without one the path is not there.
    """

    method: str
    pattern: str
    regex: re.Pattern[str]
    endpoint: Endpoint
    versions: frozenset[str]
    fallback: Endpoint | None


class Routes:
    """Finds the endpoint of a method and path: fixed paths by dictionary, the others in order."""

    def __init__(self) -> None:
        self._fixed: dict[tuple[str, str], Route] = {}
        self._varied: list[Route] = []

    def add(
        self,
        method: str,
        pattern: str,
        endpoint: Endpoint,
        *,
        versions: frozenset[str] = frozenset(),
        fallback: Endpoint | None = None,
    ) -> None:
        regex = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern) + "$")
        route = Route(method, pattern, regex, endpoint, versions, fallback)
        if "{" in pattern:
            self._varied.append(route)
        else:
            self._fixed[method, pattern] = route

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        """The route and the parts of its path; ``None`` where there is none."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
        for route in self._varied:
            match = route.regex.match(path) if route.method == method else None
            if match:
                return route, match.groupdict()
        return None, {}
