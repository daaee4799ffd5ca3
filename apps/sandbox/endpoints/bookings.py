"""``/v2/bookings``: create, list, read, move, cancel, confirm, decline (2024-08-13)."""

from __future__ import annotations

from apps.sandbox import booking, changes, inputs, listing, wire
from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError
from apps.sandbox.http import Answer, Request, Routes, success
from apps.sandbox.model import Account, Booking, EventType, JsonObject
from apps.sandbox.webhooks import Dispatcher

HOST_VERSION = "2026-02-25"
VERSIONS = frozenset(("2024-08-13", HOST_VERSION))
LIST_VERSIONS = frozenset(("2024-08-13", "2026-05-01"))
LISTED_BY_FALLBACK = 100
AUTHENTICATION = "checkBookingRequiresAuthentication - "


class BookingEndpoints:
    """Each change tells the webhooks."""

    def __init__(self, calendar: Calendar, webhooks: Dispatcher) -> None:
        self.calendar = calendar
        self.webhooks = webhooks

    def add_to(self, table: Routes) -> None:
        all_, one = "/v2/bookings", "/v2/bookings/{uid}"
        table.add("POST", all_, self.book, versions=VERSIONS)
        table.add("GET", all_, self.list, versions=LIST_VERSIONS, fallback=self.list_2024_04_15)
        table.add("GET", one, self.get, versions=VERSIONS)
        table.add("POST", f"{one}/cancel", self.cancel, versions=VERSIONS)
        table.add("POST", f"{one}/reschedule", self.reschedule, versions=VERSIONS)
        table.add("POST", f"{one}/confirm", self.confirm, versions=VERSIONS)
        table.add("POST", f"{one}/decline", self.decline, versions=VERSIONS)

    def book(self, request: Request) -> Answer:
        body = request.json()
        inputs.refuse_unknown(body, allowed_keys(inputs.BOOKING_KEYS, request))
        person = inputs.booking_attendee(body)
        start = inputs.instant(body.get("start"), "start")
        event_type = self._booked_event_type(body, account=request.account)
        refuse_unbookable(event_type, account=request.account)
        wanted = booking.Wanted(
            event_type,
            start,
            length=inputs.length(body, event_type),
            attendee=inputs.attendee(person, body, event_type, now=self.calendar.now()),
            location=inputs.location(body, event_type),
            metadata=inputs.metadata(body),
            guests=tuple(inputs.guests(body)),
        )
        inputs.refuse_blocked(wanted.attendee, event_type.account)
        older = last_open(event_type) if request.hit("existing_booking") else None
        if older is not None:
            return success(wire.booking(older), status=201)
        host = request.account is event_type.account
        booked, new = booking.book(
            self.calendar,
            wanted=wanted,
            ignore_bounds=host and body.get("allowBookingOutOfBounds") is True,
            ignore_limits=host and body.get("skipBookingLimits") is True,
        )
        if new:
            self.webhooks.created(booked, wanted.attendee)
        return success(wire.booking(booked, seat_uid=wanted.attendee.seat_uid), status=201)

    def _booked_event_type(self, body: JsonObject, *, account: Account | None) -> EventType:
        wanted, slug = body.get("eventTypeId"), body.get("eventTypeSlug")
        if wanted is not None:
            found = self.calendar.event_type(wanted, account=account) if isinstance(wanted, int) else None
            if found is None:
                raise RefusedError(404, f"Event type with id {wanted} not found.")
            return found
        username, team = str(body.get("username") or ""), str(body.get("teamSlug") or "")
        if not slug or not (username or team):
            raise RefusedError(
                400,
                "Either eventTypeId or eventTypeSlug + username or eventTypeSlug + teamSlug must be provided",
            )
        found = self.calendar.event_type_by_slug(str(slug), username=username, team_slug=team)
        if found is None:
            owner = f"user {username}" if username else f"team {team}"
            raise RefusedError(404, f"Event type with slug {slug} belonging to {owner} not found.")
        return found

    def list(self, request: Request) -> Answer:
        return listing.answer(self.calendar, request.owner(), request.query, version=request.version)

    def list_2024_04_15(self, request: Request) -> Answer:
        """Without a known version header the list has another shape altogether."""
        bookings = request.owner().bookings[-LISTED_BY_FALLBACK:]
        return success({"bookings": [wire.booking_2024_04_15(one) for one in bookings]})

    def get(self, request: Request) -> Answer:
        return success(wire.booking(self._booking(request, missing="was not found in the database")))

    def _booking(self, request: Request, *, missing: str = "not found") -> Booking:
        """Whoever holds the uid may read and change: no key is asked for, as with Cal.com."""
        uid = request.params["uid"]
        found = self.calendar.booking(uid)
        if found is None:
            raise RefusedError(404, f"Booking with uid={uid} {missing}")
        return found

    def cancel(self, request: Request) -> Answer:
        body = request.json()
        inputs.refuse_unknown(body, inputs.CANCEL_KEYS)
        found = self._booking(request)
        seat_uid, reason = str(body.get("seatUid") or ""), str(body.get("cancellationReason") or "")
        host = request.account is found.event_type.account
        if found.event_type.seats and not seat_uid and not host:
            raise RefusedError(401, "User not a host of this event", envelope="B")
        leaving = [one for one in found.attendees if one.seat_uid == seat_uid] if seat_uid else None
        changes.check_cancellable(self.calendar, booking=found, reason=reason)
        self.webhooks.cancelling(found, reason=reason, attendees=leaving)
        cancelled = changes.cancel(
            self.calendar,
            booking=found,
            reason=reason,
            by=found.event_type.account.email if host else "",
            seat_uid=seat_uid,
        )
        self.webhooks.cancelled(cancelled, reason=reason, attendees=leaving)
        return success(wire.booking(cancelled))

    def reschedule(self, request: Request) -> Answer:
        body = request.json()
        inputs.refuse_unknown(body, allowed_keys(inputs.RESCHEDULE_KEYS, request))
        old = self._booking(request)
        host = request.account is old.event_type.account
        new = changes.reschedule(
            self.calendar,
            booking=old,
            start=inputs.instant(body.get("start"), "start"),
            reason=str(body.get("reschedulingReason") or ""),
            by=str(body.get("rescheduledBy") or ""),
            seat_uid=str(body.get("seatUid") or ""),
            ignore_bounds=host and body.get("allowBookingOutOfBounds") is True,
        )
        self.webhooks.rescheduled(old, new)
        return success(wire.booking(new, seat_uid=new.attendees[-1].seat_uid), status=201)

    def confirm(self, request: Request) -> Answer:
        confirmed = changes.confirm(self.calendar, booking=self._as_host(request, act="confirm"))
        self.webhooks.confirmed(confirmed)
        return success(wire.booking(confirmed))

    def decline(self, request: Request) -> Answer:
        reason = str(request.json().get("reason") or "")
        declined = changes.decline(
            self.calendar, booking=self._as_host(request, act="decline"), reason=reason
        )
        self.webhooks.rejected(declined)
        return success(wire.booking(declined))

    def _as_host(self, request: Request, *, act: str) -> Booking:
        owner = request.owner()
        found = self._booking(request)
        if found.event_type.account is not owner:
            raise RefusedError(401, f"User is not authorized to {act} this booking")
        return found


def allowed_keys(keys: frozenset[str], request: Request) -> frozenset[str]:
    """The host's own switches are known to the newest version alone."""
    return keys | inputs.HOST_KEYS if request.version == HOST_VERSION else keys


def refuse_unbookable(event_type: EventType, *, account: Account | None) -> None:
    """Event types that a booking by key and voice can never satisfy."""
    if event_type.requires_authentication and account is None:
        raise RefusedError(401, f"{AUTHENTICATION}event type requires authentication to be booked.")
    if event_type.requires_authentication and account is not event_type.account:
        raise RefusedError(403, f"{AUTHENTICATION}user is not authorized to book this event type.")
    if event_type.requires_verification:
        raise RefusedError(400, "email_verification_required", envelope="B")
    if event_type.price:
        raise RefusedError(400, "Missing payment credentials", envelope="B")


def last_open(event_type: EventType) -> Booking | None:
    """The youngest booking that still stands, of this event type before any other of the account."""
    own = [one for one in event_type.account.bookings if one.open]
    return next((one for one in reversed(own) if one.event_type is event_type), own[-1] if own else None)
