"""From a request to its answer: key, limiter, faults, version header, endpoint, envelope."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from apps.sandbox import endpoints, mangling, wire
from apps.sandbox.control import Control
from apps.sandbox.errors import RefusedError
from apps.sandbox.faults import FaultController
from apps.sandbox.http import Answer, Request, Route
from apps.sandbox.journal import Entry, Journal
from apps.sandbox.limiter import Limiter
from apps.sandbox.model import Account
from apps.sandbox.scenario import Scenario
from apps.sandbox.webhooks import Dispatcher

CONTROL = "/sandbox/"


@dataclass(slots=True)
class Exchange:
    """One request on its way; ``refusal`` is what was decided before any endpoint saw it."""

    request: Request
    route: Route | None
    control: bool
    refusal: RefusedError | None = None
    limits: dict[str, str] = field(default_factory=dict)
    entry: Entry = field(default_factory=dict)


class Application:
    """The sandbox without its sockets."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.calendar = scenario.calendar()
        self.faults = FaultController(seed=scenario.seed)
        self.faults.replace(scenario.faults)
        self.webhooks = Dispatcher(self.calendar, manner=scenario.manner(), seed=scenario.seed)
        self.journal = Journal()
        self.limiter = Limiter()
        self.routes = endpoints.routes(self.calendar, self.webhooks)
        self.control = Control(self).routes()

    def open(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Exchange:
        """Everything that is decided before the work: who asks, whether they may, which faults strike."""
        parts = urlsplit(target)
        path = parts.path.removesuffix("/")
        if path.startswith("/api/v2/"):
            path = path.removeprefix("/api")
        control = path.startswith(CONTROL)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(method, path, target, query, headers, body)
        route, request.params = (self.control if control else self.routes).find(method, path)
        exchange = Exchange(request, route, control)
        if not control:
            self._admit(exchange)
        return exchange

    def _admit(self, exchange: Exchange) -> None:
        request = exchange.request
        try:
            request.account = self._authenticate(request.headers)
        except RefusedError as refusal:
            exchange.refusal = refusal
        exchange.limits, limited = self.limiter.take(request.account, now=self.calendar.now())
        exchange.refusal = exchange.refusal or limited
        owner = request.account.username if request.account else ""
        request.hits = self.faults.draw(request.method, request.path, account=owner)
        pattern = exchange.route.pattern if exchange.route else request.path
        exchange.entry = self.journal.arrived(request, pattern=pattern, at=self.calendar.now())

    def _authenticate(self, headers: dict[str, str]) -> Account | None:
        """The key's account; nobody's without a key, which some endpoints allow."""
        given = headers.get("authorization")
        if given is None:
            return None
        account = self.calendar.accounts.get(given.removeprefix("Bearer ").strip())
        if account is None:
            raise RefusedError(401, "CustomThrottlerGuard - Invalid API Key")
        if account.expired:
            raise RefusedError(401, "ApiAuthStrategy - api key - Your api key is expired")
        return account

    def answer(self, exchange: Exchange) -> Answer:
        """The answer, faults that change its content included; those of the wire are the server's."""
        request = exchange.request
        try:
            answer = self._perform(exchange)
        except RefusedError as refusal:
            timestamp = wire.moment(self.calendar.now())
            answer = Answer(refusal.status, refusal.body(path=request.target, timestamp=timestamp))
        if exchange.control:
            return answer
        answer = mangling.mangle(answer, request)
        answer.headers.update(exchange.limits)
        exchange.entry["status"] = answer.status
        return answer

    def _perform(self, exchange: Exchange) -> Answer:
        request, route = exchange.request, exchange.route
        if exchange.refusal is not None:
            raise exchange.refusal
        mangling.refuse_early(request)
        if route is None:
            raise RefusedError(404, f"Cannot {request.method} {request.target}")
        if not route.versions or self._known(request.version, route.versions):
            return route.endpoint(request)
        if route.fallback is None:
            raise RefusedError(404, f"Cannot {request.method} {request.target}")
        return route.fallback(request)

    def _known(self, version: str, versions: frozenset[str]) -> bool:
        """No "nearest date": an unknown value falls back to 2024-04-15, which knows few of the paths."""
        return version in versions and not (self.calendar.behaviour.self_hosted and version >= "2026")

    def reset(self) -> None:
        """The scenario's beginning again: bookings, faults, limits, requests; webhooks stay registered."""
        with self.calendar.changing():
            registered = {key: account.webhooks for key, account in self.calendar.accounts.items()}
            self.calendar.take_over(self.scenario.calendar())
            for key, account in self.calendar.accounts.items():
                account.webhooks.update(registered.get(key, {}))
        self.webhooks.manner = self.scenario.manner()
        self.faults.replace(self.scenario.faults, seed=self.scenario.seed)
        self.journal.clear()
        self.limiter.clear()

    def close(self) -> None:
        self.webhooks.close()
