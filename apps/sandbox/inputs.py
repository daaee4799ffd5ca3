"""What callers send, checked as Cal.com checks it: unknown keys, formats, the event type's own questions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apps.sandbox.errors import RefusedError, wrong_attendee, wrong_property
from apps.sandbox.model import Account, Attendee, BookingField, EventType, JsonObject, words

LANGUAGES = words(
    """ar az bg bn ca cs da de el en es es-419 et eu fi fr he hr hu id it iw ja km ko lv nl no pl pt pt-BR ro
    ru sk sr sv ta th tr uk vi zh-CN zh-TW"""
)
BOOKING_KEYS = words(
    """start attendee bookingFieldsResponses eventTypeId eventTypeSlug username teamSlug organizationSlug
    guests meetingUrl location metadata lengthInMinutes routing emailVerificationCode"""
)
HOST_KEYS = frozenset(("allowConflicts", "allowBookingOutOfBounds", "skipBookingLimits"))
ATTENDEE_KEYS = frozenset(("name", "email", "timeZone", "phoneNumber", "language"))
RESCHEDULE_KEYS = frozenset(
    ("start", "rescheduledBy", "reschedulingReason", "emailVerificationCode", "seatUid")
)
CANCEL_KEYS = frozenset(("cancellationReason", "cancelSubsequentBookings", "seatUid"))
EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
PHONE = re.compile(r"^\+[1-9]\d{5,14}$")
DATE_ONLY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
LOCATION_TYPES = {
    "address": "",
    "attendeeAddress": "address",
    "attendeeDefined": "location",
    "attendeePhone": "phone",
    "integration": "integration",
    "link": "",
    "phone": "",
    "organizersDefaultApp": "",
}


def refuse_unknown(body: JsonObject, allowed: Iterable[str]) -> None:
    for key in body:
        if key not in allowed:
            raise wrong_property(key, f"property {key} should not exist")


def instant(value: object, prop: str) -> int:
    """Whole epoch seconds of an ISO 8601 text, see ``moment``."""
    return int(moment(value, prop))


def moment(value: object, prop: str) -> float:
    """Epoch seconds of an ISO 8601 text; without an offset it is UTC, which is Cal.com's trap."""
    if not isinstance(value, str):
        raise wrong_property(prop, f"{prop} must be a valid ISO 8601 date string")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise wrong_property(prop, f"{prop} must be a valid ISO 8601 date string") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def slot_bounds(start: str, end: str) -> tuple[int, int]:
    """The asked range in epoch seconds: whole UTC days for bare dates, and an ``end`` at midnight too."""
    try:
        first, last = instant(start, "start"), instant(end, "end")
    except RefusedError:
        raise RefusedError(
            400, "Invalid time range given - check the 'start' and 'end' query parameters."
        ) from None
    if last % 86_400 == 0:
        last += 86_399
    if last < first:
        raise RefusedError(400, "Invalid time range given - check the 'start' and 'end' query parameters.")
    return first, last


def known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def booking_attendee(body: JsonObject) -> JsonObject:
    """The attendee's own rules, before anything is known of the event type."""
    raw = body.get("attendee")
    if not isinstance(raw, dict):
        raise wrong_property("attendee", "attendee should not be empty,attendee must be an object")
    for key in raw:
        if key not in ATTENDEE_KEYS:
            raise wrong_attendee(key, f"property {key} should not exist")
    name, zone = raw.get("name"), raw.get("timeZone")
    if not isinstance(name, str) or not name.strip():
        raise wrong_attendee("name", "name must be a string")
    if not isinstance(zone, str) or not known_zone(zone):
        raise wrong_attendee("timeZone", "timeZone must be a valid IANA time-zone")
    if "email" in raw and (not isinstance(raw["email"], str) or not EMAIL.match(raw["email"])):
        raise wrong_attendee("email", "Invalid email format")
    phone = raw.get("phoneNumber")
    if phone is not None and (not isinstance(phone, str) or not PHONE.match(phone)):
        raise wrong_attendee("phoneNumber", "Invalid phone number format. Please use international format.")
    if raw.get("language", "en") not in LANGUAGES:
        raise wrong_attendee("language", "language must be one of the supported languages")
    if not raw.get("email") and not phone:
        raise wrong_property(
            "attendee", "Attendee must have at least one contact method (email or phone number)"
        )
    return raw


def metadata(body: JsonObject) -> JsonObject:
    given = body.get("metadata", {})
    if not isinstance(given, dict) or len(given) > 50:
        raise wrong_property("metadata", "Metadata must have at most 50 keys")
    for key, value in given.items():
        if len(key) > 40:
            raise wrong_property("metadata", "Metadata keys must be at most 40 characters")
        if not isinstance(value, str | int | float | bool):
            raise wrong_property("metadata", "Metadata values must be strings, numbers or booleans")
        if isinstance(value, str) and len(value) > 500:
            raise wrong_property("metadata", "Metadata string values must be at most 500 characters")
    return given


def guests(body: JsonObject) -> list[str]:
    given = body.get("guests", [])
    if not isinstance(given, list) or not all(isinstance(one, str) and EMAIL.match(one) for one in given):
        raise wrong_property("guests", "each value in guests must be an email")
    return given


def length(body: JsonObject, event_type: EventType) -> int:
    wanted = body.get("lengthInMinutes")
    if wanted is None:
        return event_type.length
    if not event_type.lengths:
        raise RefusedError(
            400,
            "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths. "
            "Please, remove the 'lengthInMinutes' field from the request.",
        )
    if wanted not in event_type.lengths:
        options = ", ".join(str(one) for one in event_type.lengths)
        raise RefusedError(
            400,
            "Provided 'lengthInMinutes' is not one of the possible lengths for the event type. "
            f"The possible lengths are: {options}",
        )
    return int(wanted)


def attendee(raw: JsonObject, body: JsonObject, event_type: EventType, *, now: float) -> Attendee:
    """The person as stored; a caller with nothing but a phone gets ``<digits>@sms.cal.com``.

    Raises ``RefusedError`` when the event type asks for what is missing (see ``EventType.phone``).
    """
    email, phone = raw.get("email"), raw.get("phoneNumber")
    if event_type.phone == "required" and not phone:
        raise RefusedError(
            400,
            "Missing attendee phone number - it is required by the event type. "
            'Pass it as "attendee.phoneNumber" string in the request.',
        )
    if not email:
        if event_type.email_required or event_type.phone != "required":
            raise RefusedError(400, "responses - {email}error_required_field, ", envelope="C")
        email = f"{str(phone).lstrip('+')}@sms.cal.com"
    responses = {"name": raw["name"], "email": email, **field_responses(body, event_type)}
    if phone:
        responses["attendeePhoneNumber"] = phone
    return Attendee(
        name=raw["name"],
        email=email,
        phone=phone,
        zone=raw["timeZone"],
        language=raw.get("language", "en"),
        responses=responses,
        metadata=metadata(body),
        created=now,
    )


def refuse_blocked(person: Attendee, account: Account) -> None:
    if account.blocked & {person.email.lower(), person.phone or ""}:
        raise RefusedError(
            403,
            "Attendee email has been blocked. Make sure to login as "
            f"{person.email} to use this email for creating a booking.",
            envelope="B",
        )


def field_responses(body: JsonObject, event_type: EventType) -> JsonObject:
    given = body.get("bookingFieldsResponses", {})
    if not isinstance(given, dict):
        raise wrong_property("bookingFieldsResponses", "bookingFieldsResponses must be an object")
    for question in event_type.fields:
        if question.slug not in given:
            if question.required:
                raise RefusedError(
                    400,
                    f"Missing required booking field response: {question.slug} - it is required by the event "
                    "type booking fields, but missing in the bookingFieldsResponses. You can fetch the event "
                    f"type with ID {event_type.id} to see the required fields.",
                )
            continue
        check_response(question, given[question.slug])
    return given


def check_response(question: BookingField, value: object) -> None:
    expected: type = {"boolean": bool, "multiselect": list, "checkbox": list, "multiemail": list}.get(
        question.type, str
    )
    if question.type == "number":
        expected = int
    if not isinstance(value, expected):
        raise RefusedError(
            400,
            f"Invalid type for booking field '{question.slug}'. Expected type {expected.__name__} "
            f"(compatible with field type '{question.type}'), but received {type(value).__name__}.",
        )
    chosen = value if isinstance(value, list) else [value]
    for one in chosen if question.options else ():
        if one not in question.options:
            raise RefusedError(
                400,
                f"Invalid option '{one}' for booking field '{question.slug}'. "
                f"Allowed options are: {', '.join(question.options)}.",
            )


def location(body: JsonObject, event_type: EventType) -> str:
    """The place as text; without one the event type's first."""
    given = body.get("location")
    if given is None:
        return place(event_type.locations[0]) if event_type.locations else ""
    if isinstance(given, str):  # the deprecated form
        return given
    kind = given.get("type") if isinstance(given, dict) else None
    if kind not in LOCATION_TYPES:
        raise wrong_property("location", "location type is not valid")
    detail = LOCATION_TYPES[kind]
    if detail and not isinstance(given.get(detail), str):
        raise wrong_property("location", f"{detail} must be a string")
    for offered in event_type.locations:
        if offered["type"] == kind:
            return str(given[detail]) if detail else place(offered)
    raise RefusedError(400, f"Location with type={kind} is not one of the event type's locations.")


def place(offered: JsonObject) -> str:
    for key in ("address", "link", "phone", "integration", "location"):
        if key in offered:
            return str(offered[key])
    return str(offered["type"])
