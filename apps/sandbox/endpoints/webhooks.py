"""``/v2/webhooks``: who is told of changes."""

from __future__ import annotations

import uuid

from apps.sandbox import catalogue
from apps.sandbox.calendar import Calendar
from apps.sandbox.errors import RefusedError, invalid_input
from apps.sandbox.http import Answer, Request, Routes, success
from apps.sandbox.model import Account, JsonObject, Subscription, words

TRIGGERS = words(
    """BOOKING_CREATED BOOKING_PAYMENT_INITIATED BOOKING_PAID BOOKING_RESCHEDULED BOOKING_REQUESTED
    BOOKING_CANCELLED BOOKING_REJECTED BOOKING_NO_SHOW_UPDATED BOOKING_LOCATION_UPDATED
    BOOKING_REASSIGNED FORM_SUBMITTED MEETING_ENDED MEETING_STARTED RECORDING_READY INSTANT_MEETING
    INSTANT_MEETING_ACCEPTED RECORDING_TRANSCRIPTION_GENERATED OOO_CREATED
    AFTER_HOSTS_CAL_VIDEO_NO_SHOW AFTER_GUESTS_CAL_VIDEO_NO_SHOW FORM_SUBMITTED_NO_EVENT
    ROUTING_FORM_FALLBACK_HIT DELEGATION_CREDENTIAL_ERROR WRONG_ASSIGNMENT_REPORT
    DELEGATION_CREDENTIAL_SECRET_ROTATION_FAILED DELEGATION_CREDENTIAL_ROTATION_REQUIRED
    DELEGATION_CREDENTIAL_SECRET_ROTATED CALENDAR_ENTRY_REJECTED"""
)
VERSIONS = ("2021-10-20", "2026-07-27")
KINDS: dict[str, type] = {
    "active": bool,
    "subscriberUrl": str,
    "triggers": list,
    "secret": str,
    "version": str,
    "payloadTemplate": str,
}
REQUIRED = ("active", "subscriberUrl", "triggers")


class WebhookEndpoints:
    """Create, read, change and remove an account's own webhooks."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def add_to(self, table: Routes) -> None:
        table.add("POST", "/v2/webhooks", self.create)
        table.add("GET", "/v2/webhooks", self.list)
        table.add("GET", "/v2/webhooks/{id}", self.get)
        table.add("PATCH", "/v2/webhooks/{id}", self.change)
        table.add("DELETE", "/v2/webhooks/{id}", self.remove)

    def create(self, request: Request) -> Answer:
        owner, body = request.owner(), checked(request.json(), required=REQUIRED)
        with self.calendar.changing():
            if any(one.url == body["subscriberUrl"] for one in owner.webhooks.values()):
                raise RefusedError(409, "Webhook with this subscriber url already exists for this user")
            subscription = Subscription(
                id=self.calendar.next_id(),
                uuid=str(uuid.uuid4()),
                url=body["subscriberUrl"],
                triggers=tuple(body["triggers"]),
                secret=body.get("secret", ""),
                active=body["active"],
                version=body.get("version", VERSIONS[0]),
                payload_template=body.get("payloadTemplate", ""),
            )
            owner.webhooks[subscription.id] = subscription
        return success(self._written(subscription, owner), status=201)

    def list(self, request: Request) -> Answer:
        owner = request.owner()
        skip, take = (request.query.get(key, "") for key in ("skip", "take"))
        first = int(skip) if skip.isdigit() else 0
        count = int(take) if take.isdigit() else 250
        return success(
            [self._written(one, owner) for one in list(owner.webhooks.values())[first : first + count]]
        )

    def get(self, request: Request) -> Answer:
        return success(self._written(self._own(request), request.owner()))

    def change(self, request: Request) -> Answer:
        subscription, body = self._own(request), checked(request.json(), required=())
        subscription.url = body.get("subscriberUrl", subscription.url)
        subscription.triggers = tuple(body.get("triggers", subscription.triggers))
        subscription.secret = body.get("secret", subscription.secret)
        subscription.active = body.get("active", subscription.active)
        subscription.version = body.get("version", subscription.version)
        return success(self._written(subscription, request.owner()))

    def remove(self, request: Request) -> Answer:
        subscription = self._own(request)
        request.owner().webhooks.pop(subscription.id, None)
        return success(self._written(subscription, request.owner()))

    def _own(self, request: Request) -> Subscription:
        wanted = request.params["id"]
        for one in request.owner().webhooks.values():
            if wanted in (str(one.id), one.uuid):
                return one
        raise RefusedError(404, f"Webhook ({wanted}) not found")

    def _written(self, subscription: Subscription, owner: Account) -> JsonObject:
        live = self.calendar.behaviour.live_shapes
        return catalogue.subscription(subscription, owner_id=owner.user_id, live=live)


def checked(body: JsonObject, *, required: tuple[str, ...]) -> JsonObject:
    """The known keys of the body (the rest is dropped, as the global pipe drops it), or its refusal."""
    errors: list[dict[str, object]] = []
    for key, kind in KINDS.items():
        if key in body and not isinstance(body[key], kind):
            errors.append(wrong(key, body[key], f"{key} must be a {kind.__name__}"))
        if key in required and key not in body:
            errors.append(wrong(key, None, f"{key} should not be empty"))
    if not errors and not set(body.get("triggers", ())) <= TRIGGERS:
        errors.append(wrong("triggers", body["triggers"], "each value in triggers must be a known trigger"))
    if not errors and body.get("version", VERSIONS[0]) not in VERSIONS:
        errors.append(wrong("version", body["version"], "version must be one of 2021-10-20, 2026-07-27"))
    if errors:
        raise invalid_input(errors)
    return {key: body[key] for key in KINDS if key in body}


def wrong(key: str, value: object, text: str) -> dict[str, object]:
    return {"property": key, "value": value, "constraints": {"invalid": text}}
