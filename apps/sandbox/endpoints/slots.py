"""``/v2/slots`` and ``/v2/slots/reservations`` (2024-09-04)."""

from __future__ import annotations

from apps.sandbox import holds, inputs, wire
from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError, wrong_property
from apps.sandbox.http import Answer, Request, Routes, success
from apps.sandbox.model import Account, EventType, JsonObject, Reservation

VERSIONS = frozenset(("2024-09-04",))
SELECTORS_BESIDE_ID = ("username", "eventTypeSlug", "teamSlug", "usernames")
KEYS = frozenset(
    (
        *("start", "end", "eventTypeId", "organizationSlug", "timeZone", "duration", "format"),
        *("bookingUidToReschedule", *SELECTORS_BESIDE_ID),
    )
)
RESERVATION_DEFAULT_MINUTES = 5
STALE_DEFAULT_MS = 60_000


class SlotEndpoints:
    """Free slots, and the courtesy of holding one."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def add_to(self, table: Routes) -> None:
        one = "/v2/slots/reservations/{uid}"
        table.add("GET", "/v2/slots", self.slots, versions=VERSIONS)
        table.add("POST", "/v2/slots/reservations", self.reserve, versions=VERSIONS)
        table.add("GET", one, self.reservation, versions=VERSIONS)
        table.add("PATCH", one, self.reserve_again, versions=VERSIONS)
        table.add("DELETE", one, self.release, versions=VERSIONS)

    def slots(self, request: Request) -> Answer:
        query = request.query
        for key in query:
            if key not in KEYS:
                raise wrong_property(key, f"property {key} should not exist")
        shape = query.get("format", "time")
        if shape not in ("time", "range"):
            raise RefusedError(400, "slotFormat must be either 'range' or 'time'")
        event_type = self._asked_event_type(query, account=request.account)
        first, last = inputs.slot_bounds(query.get("start", ""), query.get("end", ""))
        zone = query.get("timeZone", "UTC")
        if not inputs.known_zone(zone):
            raise RefusedError(
                400, f"Could not adjust timezone for slot {query['start']} with timezone {zone}"
            )
        stale = request.hit("stale_slots")
        found = self.calendar.slots(
            event_type,
            first=first,
            last=last,
            length=asked_duration(query, event_type=event_type),
            without=query.get("bookingUidToReschedule", ""),
            lag=(stale.fault.ms or STALE_DEFAULT_MS) / 1000 if stale else 0.0,
        )
        return success(wire.slots(found, zone=zone, ranges=shape == "range", seats=event_type.seats))

    def _asked_event_type(self, query: dict[str, str], *, account: Account | None) -> EventType:
        """Exactly one selector; an id beside a slug is refused the way Cal.com words it."""
        if "eventTypeId" in query:
            return self._by_id(query, account=account)
        if "eventTypeSlug" not in query or not ("username" in query or "teamSlug" in query):
            raise wrong_property("eventTypeId", "eventTypeId should not be empty")
        username = query.get("username", "")
        if username and self.calendar.account_by_username(username) is None:
            raise RefusedError(404, f"User with username {username} not found")
        found = self.calendar.event_type_by_slug(
            query["eventTypeSlug"], username=username, team_slug=query.get("teamSlug", "")
        )
        if found is None:
            raise RefusedError(404, "Event Type not found")
        return found

    def _by_id(self, query: dict[str, str], *, account: Account | None) -> EventType:
        for key in SELECTORS_BESIDE_ID:
            if key in query:
                raise wrong_property(key, f"{key} property should not exist")
        wanted = query["eventTypeId"]
        found = self.calendar.event_type(int(wanted), account=account) if wanted.isdecimal() else None
        if found is None:
            raise RefusedError(404, "Event Type not found")
        return found

    def reserve(self, request: Request) -> Answer:
        reservation = self._reserve(request, uid="")
        return success(wire.reservation(reservation, with_duration=True), status=201)

    def _reserve(self, request: Request, *, uid: str) -> Reservation:
        body = request.json()
        wanted = body.get("eventTypeId")
        event_type = (
            self.calendar.event_type(wanted, account=request.account) if isinstance(wanted, int) else None
        )
        if event_type is None:
            raise RefusedError(404, f"Event Type with ID={wanted} not found")
        try:
            start = inputs.instant(body.get("slotStart"), "slotStart")
        except RefusedError:
            raise RefusedError(400, "Invalid start date") from None
        return holds.reserve(
            self.calendar,
            event_type=event_type,
            start=start,
            length=held_length(body, event_type=event_type),
            minutes=held_minutes(body, event_type=event_type, account=request.account),
            uid=uid,
        )

    def reservation(self, request: Request) -> Answer:
        found = holds.reservation(self.calendar, uid=request.params["uid"])
        return success(wire.reservation(found, with_duration=False) if found else None)

    def reserve_again(self, request: Request) -> Answer:
        uid = request.params["uid"]
        if holds.reservation(self.calendar, uid=uid) is None:
            raise RefusedError(404, f"Slot with uid={uid} not found")
        return success(wire.reservation(self._reserve(request, uid=uid), with_duration=True))

    def release(self, request: Request) -> Answer:
        with self.calendar.changing():
            self.calendar.reservations.pop(request.params["uid"], None)
        return Answer(200, {"status": "success"})


def asked_duration(query: dict[str, str], *, event_type: EventType) -> int:
    """Minutes; heeded only where the event type has several lengths."""
    wanted = query.get("duration")
    if wanted is None or not event_type.lengths:
        return event_type.length
    if not wanted.isdecimal() or int(wanted) not in event_type.lengths:
        raise wrong_property("duration", "duration is not one of the possible lengths")
    return int(wanted)


def held_minutes(body: JsonObject, *, event_type: EventType, account: Account | None) -> int:
    """How long a reservation lasts; only its owner may choose."""
    if "reservationDuration" not in body:
        return RESERVATION_DEFAULT_MINUTES
    if account is None:
        raise RefusedError(
            401,
            "reservationDuration can only be used for authenticated requests - use access token, api key or "
            "OAuth credentials",
        )
    if account is not event_type.account:
        raise RefusedError(
            403, "authenticated user is not owner of event type, host or teammate of its owner"
        )
    minutes = body["reservationDuration"]
    if not isinstance(minutes, int) or minutes < 1:
        raise RefusedError(400, "reservationDuration must not be less than 1")
    return minutes


def held_length(body: JsonObject, *, event_type: EventType) -> int:
    """Minutes of the slot; only event types of several lengths take one."""
    if "slotDuration" not in body:
        return event_type.length
    if not event_type.lengths:
        raise RefusedError(
            400, "You passed 'slotDuration' but this event type is not a variable length event type."
        )
    if body["slotDuration"] not in event_type.lengths:
        options = ", ".join(str(one) for one in event_type.lengths)
        raise RefusedError(400, f"Provided 'slotDuration' is not one of the possible lengths: {options}")
    return int(body["slotDuration"])
