"""What a tenant is set up with: event types (2024-06-14), schedules (2024-06-11), the user."""

from __future__ import annotations

from apps.sandbox import catalogue
from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError
from apps.sandbox.http import Answer, Request, Routes, success

EVENT_TYPES = frozenset(("2024-06-14",))
SCHEDULES = frozenset(("2024-06-11",))


class SetupEndpoints:
    """Read alone: scenarios and the control side change them."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def add_to(self, table: Routes) -> None:
        listed = "/v2/event-types"
        table.add("GET", listed, self.event_types, versions=EVENT_TYPES, fallback=self.event_types_2024_04_15)
        table.add("GET", "/v2/event-types/{id}", self.event_type, versions=EVENT_TYPES)
        table.add("GET", "/v2/schedules", self.schedules, versions=SCHEDULES)
        table.add("GET", "/v2/schedules/default", self.default_schedule, versions=SCHEDULES)
        table.add("GET", "/v2/schedules/{id}", self.schedule, versions=SCHEDULES)
        table.add("GET", "/v2/me", self.me)

    def event_types(self, request: Request) -> Answer:
        """One's own, hidden ones included; or the open ones of a username. Team events are elsewhere."""
        username, slug = request.query.get("username"), request.query.get("eventSlug")
        account = self.calendar.account_by_username(username) if username else request.owner()
        found = [
            one
            for one in (account.event_types.values() if account else ())
            if (slug is None or one.slug == slug)
            and (account is request.account or not one.hidden)
            and not one.scheduling
        ]
        live = self.calendar.behaviour.live_shapes
        return success([catalogue.event_type(one, live=live) for one in found])

    def event_types_2024_04_15(self, request: Request) -> Answer:
        return success(catalogue.event_types_2024_04_15(request.owner()))

    def event_type(self, request: Request) -> Answer:
        wanted = request.params["id"]
        found = request.owner().event_types.get(int(wanted)) if wanted.isdecimal() else None
        if found is None:
            raise RefusedError(404, f"Event type with id {wanted} not found")
        return success(catalogue.event_type(found, live=self.calendar.behaviour.live_shapes))

    def schedules(self, request: Request) -> Answer:
        owner = request.owner()
        return success([catalogue.schedule(one, owner_id=owner.user_id) for one in owner.schedules])

    def default_schedule(self, request: Request) -> Answer:
        owner = request.owner()
        for one in owner.schedules:
            if one.is_default:
                return success(catalogue.schedule(one, owner_id=owner.user_id))
        raise RefusedError(404, "Default schedule not found")

    def schedule(self, request: Request) -> Answer:
        owner = request.owner()
        for one in owner.schedules:
            if str(one.id) == request.params["id"]:
                return success(catalogue.schedule(one, owner_id=owner.user_id))
        raise RefusedError(404, f"Schedule with id={request.params['id']} not found")

    def me(self, request: Request) -> Answer:
        return success(catalogue.me(request.owner()))
