"""The sandbox's own side, under ``/sandbox/``: what graders read and what tests turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from apps.sandbox import accounts, catalogue, changes, wire
from apps.sandbox.dates import instant_from
from apps.sandbox.errors import RefusedError
from apps.sandbox.faults import FaultError
from apps.sandbox.http import Answer, Endpoint, Request, Routes
from apps.sandbox.model import Account, Booking, JsonObject
from apps.sandbox.reading import ScenarioError, Table
from apps.sandbox.webhooks import update

if TYPE_CHECKING:
    from apps.sandbox.application import Application


class Control:
    """Reads and changes the running sandbox; mistakes are 400 with one sentence."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.calendar = application.calendar

    def routes(self) -> Routes:
        table = Routes()
        endpoints: tuple[tuple[str, str, Callable[[Request], object]], ...] = (
            ("GET", "state", self.state),
            ("GET", "requests", self.requests),
            ("DELETE", "requests", self.forget_requests),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.set_faults),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "reset", self.reset),
            ("POST", "busy", self.busy),
            ("POST", "bookings", self.book),
            ("POST", "cancel", self.cancel),
            ("POST", "confirm", self.confirm),
            ("POST", "reschedule", self.reschedule),
            ("POST", "ping", self.ping),
            ("POST", "clock", self.clock),
            ("POST", "event-types", self.add_event_type),
            ("POST", "accounts", self.add_account),
            ("POST", "behaviour", self.behaviour),
            ("POST", "webhooks", self.webhooks),
            ("GET", "webhooks", self.deliveries),
        )
        for method, name, endpoint in endpoints:
            table.add(method, f"/sandbox/{name}", answering(endpoint))
        return table

    # -- reading -----------------------------------------------------------------------------

    def state(self, request: Request) -> object:
        """All bookings, oldest first; ``?account=`` and ``?status=`` (comma list) narrow it."""
        wanted = [part for part in request.query.get("status", "").split(",") if part]
        with self.calendar.lock:
            account = self._account(request.query["account"]) if "account" in request.query else None
            bookings = account.bookings if account else list(self.calendar.bookings.values())
            return {
                "now": wire.moment(self.calendar.now()),
                "bookings": [summary(one) for one in bookings if not wanted or one.status in wanted],
                "reservations": [
                    wire.reservation(one, with_duration=True) for one in self.calendar.reservations.values()
                ],
            }

    def requests(self, request: Request) -> object:
        journal = self.application.journal
        limit = request.query.get("limit", "50")
        recent = journal.listed()[-int(limit) :] if limit.isdecimal() and int(limit) else []
        return {"counts": journal.counts(), "recent": recent}

    def forget_requests(self, request: Request) -> object:
        self.application.journal.clear()
        return {}

    def faults(self, request: Request) -> object:
        return {"rules": self.application.faults.listed()}

    def deliveries(self, request: Request) -> object:
        return {
            "manner": asdict(self.application.webhooks.manner),
            "deliveries": [asdict(one) for one in list(self.application.webhooks.deliveries)],
        }

    # -- turning -----------------------------------------------------------------------------

    def set_faults(self, request: Request) -> object:
        """One rule, or ``{"rules": […], "seed": n}``; replaces the others unless ``"add": true``."""
        body = request.json()
        seed, adding = body.pop("seed", None), body.pop("add", False)
        rules = Table(body, "faults").tables("rules") if "rules" in body else [body]
        if seed is not None and not isinstance(seed, int):
            raise ScenarioError(f"seed: {seed!r} is not a whole number")
        self.application.faults.replace([*(self._current_rules() if adding else []), *rules], seed=seed)
        return self.faults(request)

    def _current_rules(self) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in rule.items() if key != "fired" and value is not None}
            for rule in self.application.faults.listed()
        ]

    def clear_faults(self, request: Request) -> object:
        self.application.faults.clear()
        return {}

    def reset(self, request: Request) -> object:
        self.application.reset()
        return {}

    def busy(self, request: Request) -> object:
        body = request.json()
        account = self._account(body.pop("account", ""))
        accounts.add_busy(self.calendar, account, Table(body, "busy"))
        return {}

    def book(self, request: Request) -> object:
        """A booking made elsewhere; ``"webhook": false`` keeps it quiet."""
        body = request.json()
        account, tell = self._account(body.pop("account", "")), body.pop("webhook", True)
        if "eventTypeId" in body:
            body["event_type"] = body.pop("eventTypeId")
        booking = accounts.add_booking(self.calendar, account, Table(body, "bookings"))
        if tell:
            self.application.webhooks.created(booking, booking.attendees[0])
        return summary(booking)

    def cancel(self, request: Request) -> object:
        body = request.json()
        booking, reason = self._booking(body), str(body.get("reason") or "")
        cancelled = changes.cancel(self.calendar, booking=booking, reason=reason)
        if body.get("webhook", True):
            self.application.webhooks.tell_cancelled(cancelled, reason=reason)
        return summary(cancelled)

    def confirm(self, request: Request) -> object:
        """As from the e-mail's link, which tells nobody; ``"webhook": true`` as from the page."""
        body = request.json()
        booking = changes.confirm(self.calendar, booking=self._booking(body))
        if body.get("webhook", False):
            self.application.webhooks.confirmed(booking)
        return summary(booking)

    def reschedule(self, request: Request) -> object:
        body = request.json()
        old = self._booking(body)
        start = instant_from(
            str(body.get("start")), zone=old.event_type.account.zone, now=self.calendar.now(), where="start"
        )
        new = changes.reschedule(
            self.calendar, booking=old, start=start, reason=str(body.get("reason") or "")
        )
        if body.get("webhook", True):
            self.application.webhooks.rescheduled(old, new)
        return summary(new)

    def ping(self, request: Request) -> object:
        """The test button of an account's webhooks."""
        self.application.webhooks.ping(self._account(request.json().get("account")))
        return {}

    def clock(self, request: Request) -> object:
        """``{"now": ISO}`` or ``{"offset_seconds": n}``; neither sets the true time again."""
        body = request.json()
        offset = body.get("offset_seconds", 0)
        if "now" in body:
            wanted = instant_from(str(body["now"]), zone=UTC_ZONE, now=self.calendar.now(), where="now")
            offset = wanted - datetime.now(UTC).timestamp()
        if not isinstance(offset, int | float) or isinstance(offset, bool):
            raise ScenarioError(f"offset_seconds: {offset!r} is not a number")
        self.calendar.clock_offset = float(offset)
        return {"now": wire.moment(self.calendar.now())}

    def add_event_type(self, request: Request) -> object:
        body = request.json()
        account = self._account(body.pop("account", ""))
        with self.calendar.changing():
            added = accounts.event_type_from(Table(body, "event_type"), account)
        return catalogue.event_type(added, live=self.calendar.behaviour.live_shapes)

    def add_account(self, request: Request) -> object:
        with self.calendar.changing():
            account = accounts.add_account(self.calendar, request.json(), where="account")
        return catalogue.me(account)

    def behaviour(self, request: Request) -> object:
        update(self.calendar.behaviour, request.json())
        return asdict(self.calendar.behaviour)

    def webhooks(self, request: Request) -> object:
        update(self.application.webhooks.manner, request.json())
        return asdict(self.application.webhooks.manner)

    # -- finding -----------------------------------------------------------------------------

    def _account(self, name: object) -> Account:
        """By key or username; the only one needs no name."""
        known = list(self.calendar.accounts.values())
        if not name and len(known) == 1:
            return known[0]
        for account in known:
            if name in (account.key, account.username):
                return account
        raise ScenarioError(f"account: there is no account {name!r}")

    def _booking(self, body: JsonObject) -> Booking:
        booking = self.calendar.bookings.get(str(body.get("uid")))
        if booking is None:
            raise RefusedError(404, f"there is no booking {body.get('uid')!r}", envelope="B")
        return booking


UTC_ZONE = ZoneInfo("UTC")


def answering(endpoint: Callable[[Request], object]) -> Endpoint:
    """An endpoint that answers plain JSON, and 400 with the complaint for bad input."""

    def answer(request: Request) -> Answer:
        try:
            return Answer(200, endpoint(request))
        except (ScenarioError, FaultError, ValueError) as error:
            raise RefusedError(400, str(error), envelope="B") from None

    return answer


def summary(booking: Booking) -> JsonObject:
    """A booking as graders want it: flat, with every attendee and the chain of moves."""
    first = booking.attendees[0] if booking.attendees else None
    return {
        "uid": booking.uid,
        "id": booking.id,
        "account": booking.event_type.account.username,
        "eventTypeId": booking.event_type.id,
        "start": wire.moment(booking.start),
        "end": wire.moment(booking.end),
        "status": booking.status,
        "hosts": [host.username for host in booking.hosts],
        "attendee": person(first) if first else None,
        "attendees": [person(one) for one in booking.attendees],
        "metadata": booking.metadata,
        "createdAt": wire.moment(booking.created),
        "updatedAt": wire.moment(booking.updated),
        "cancellationReason": booking.cancellation_reason,
        "rescheduledFromUid": booking.rescheduled_from or None,
        "rescheduledToUid": booking.rescheduled_to or None,
        "rootUid": booking.root_uid,
    }


def person(attendee: Any) -> JsonObject:
    return {
        "name": attendee.name,
        "phone": attendee.phone,
        "email": attendee.email,
        "responses": attendee.responses,
        "metadata": attendee.metadata,
    }
