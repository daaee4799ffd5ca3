"""Which error an answer stands for: Cal.com's texts as a table.

Messages are matched and thrown away. Texts change: matching is case-insensitive, on substrings,
and a text nobody knows still lands in a family by its status.

Source: the failure table of POST /v2/bookings and the sections on cancelling, rescheduling and
reserving in Cal.com's API v2 reference and source (2026-09).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from apps.scheduling.calcom.errors import (
    CalendarError,
    CalendarFault,
    ConfigDrift,
    Reason,
    Refusal,
    Unauthorized,
)
from apps.scheduling.calcom.versions import Operation


class Family(Enum):
    """Which exception a row of the table raises."""

    REFUSAL = "refusal"
    CONFIG = "config"
    UNAUTHORIZED = "unauthorized"
    UNCLEAR_KEY = "unclear_key"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: every word of ``needles`` occurs in the text. Empty ``statuses``: whatever the status."""

    family: Family
    code: str
    needles: tuple[str, ...] = ()
    statuses: frozenset[int] = frozenset()
    operations: frozenset[Operation] = frozenset()

    def fits(self, *, operation: Operation, status: int, text: str) -> bool:
        """Whether this row describes the answer; ``text`` in lower case."""
        return (
            (not self.statuses or status in self.statuses)
            and (not self.operations or operation in self.operations)
            and all(needle in text for needle in self.needles)
        )


def _refusal(code: Reason, *needles: str, on: tuple[int, ...] = (), of: tuple[Operation, ...] = ()) -> Rule:
    return Rule(Family.REFUSAL, code, needles, frozenset(on), frozenset(of))


def _config(code: str, *needles: str, on: tuple[int, ...] = (), of: tuple[Operation, ...] = ()) -> Rule:
    return Rule(Family.CONFIG, code, needles, frozenset(on), frozenset(of))


def _key(code: str, *needles: str, on: tuple[int, ...]) -> Rule:
    return Rule(Family.UNAUTHORIZED, code, needles, frozenset(on))


_BOOKING_PATHS = (Operation.GET_BOOKING, Operation.CANCEL_BOOKING, Operation.RESCHEDULE_BOOKING)
_CHANGES = (
    Operation.CREATE_BOOKING,
    Operation.RESCHEDULE_BOOKING,
    Operation.CANCEL_BOOKING,
    Operation.RESERVE_SLOT,
)

# First fit wins: the special before the general, known texts before bare statuses.
RULES: tuple[Rule, ...] = (
    # The time.
    _refusal(Reason.SLOT_TAKEN, "either already has booking at this time or is not available"),
    _refusal(Reason.SLOT_TAKEN, "already reserved by another user"),
    _refusal(Reason.SLOT_TAKEN, "can't reserve a slot if the event is already booked"),
    _refusal(Reason.SLOT_TAKEN, "no_available_users_found_error"),
    _refusal(Reason.HOST_BUSY, "fixed_hosts_unavailable_for_booking"),
    _refusal(Reason.HOST_BUSY, "round_robin_host_unavailable_for_booking"),
    _refusal(Reason.NO_SEATS, "no more seats left"),
    _refusal(Reason.NO_SEATS, "booking_seats_full"),
    _refusal(Reason.CONFLICT, "booking_conflict_error"),
    _refusal(Reason.CONFLICT, "already_signed_up_for_this_booking"),
    _refusal(Reason.TOO_SOON, "can't be booked at the", "start", "time provided"),
    _refusal(Reason.IN_PAST, "attempting to book a meeting in the past"),
    _refusal(Reason.IN_PAST, "booking that has already ended"),
    # Limits; they come as 400 and as 401.
    _refusal(Reason.BOOKER_LIMIT, "maximum number of active bookings"),
    _refusal(Reason.LIMIT_REACHED, "booking_limit_reached"),
    _refusal(Reason.LIMIT_REACHED, "duration_limit_reached"),
    _refusal(Reason.LIMIT_REACHED, "limit", "reached", on=(400, 401, 403, 409), of=_CHANGES),
    # The caller.
    _refusal(Reason.ATTENDEE_BLOCKED, "cannot use this email to create the booking"),
    _refusal(Reason.ATTENDEE_BLOCKED, "attendee email has been blocked"),
    _refusal(Reason.MISSING_FIELD, "missing attendee phone number"),
    _refusal(Reason.MISSING_FIELD, "missing attendee email"),
    _refusal(Reason.MISSING_FIELD, "at least one contact method"),
    _refusal(Reason.MISSING_FIELD, "{email}", "error_required_field"),
    _refusal(Reason.MISSING_FIELD, "{attendeephonenumber}", "error_required_field"),
    _refusal(Reason.MISSING_FIELD, "{name}", "error_required_field"),
    _refusal(Reason.INVALID_PHONE, "invalid phone number"),
    _refusal(Reason.INVALID_PHONE, "{attendeephonenumber}"),
    _refusal(Reason.INVALID_PHONE, "{phone}"),
    _refusal(Reason.INVALID_PHONE, "phonenumber property is wrong"),
    _refusal(Reason.INVALID_EMAIL, "email_validation_error"),
    _refusal(Reason.INVALID_EMAIL, "invalid email"),
    _refusal(Reason.INVALID_EMAIL, "email property is wrong"),
    _refusal(Reason.INVALID_EMAIL, "email must be an email"),
    # The booking that is to be changed.
    _refusal(Reason.ALREADY_RESCHEDULED, "rescheduled already to booking with uid="),
    _refusal(Reason.ALREADY_CANCELLED, "can't cancel booking", "cancelled already"),
    _refusal(Reason.ALREADY_CANCELLED, "already been cancelled"),
    _refusal(Reason.ALREADY_CANCELLED, "can't reschedule booking", "has been cancelled"),
    _refusal(Reason.NOT_RESCHEDULABLE, "can't reschedule booking"),
    _refusal(Reason.NOTICE_PERIOD, "minimum notice period"),
    _refusal(Reason.CANCEL_NOT_ALLOWED, "does not allow cancellations"),
    _refusal(Reason.RESCHEDULE_NOT_ALLOWED, "does not allow rescheduling"),
    _refusal(Reason.NOT_FOUND, "booking with uid", "not found", on=(404,)),
    _refusal(Reason.ALREADY_EXISTS, "subscriber url already exists", on=(409,)),
    # The set-up.
    _config("missing_booking_field", "missing required booking field response"),
    _config("missing_booking_field", "responses", "error_required_field"),
    _config("booking_field_mismatch", "invalid type for booking field"),
    _config("booking_field_mismatch", "invalid option", "booking field"),
    _config("email_verification_required", "email_verification_required"),
    _config("email_verification_required", "invalid_verification_code"),
    _config("payment_required", "missing payment credentials"),
    _config("length_not_allowed", "can't specify 'lengthinminutes'"),
    _config("length_not_allowed", "slotduration"),
    _config("unknown_property", "should not exist"),
    _config("cancellation_reason_required", "cancellation reason is required"),
    _config("booking_requires_authentication", "checkbookingrequiresauthentication"),
    _config("not_the_host", "user not a host of this event"),
    _config("not_the_host", "not owner of event type"),
    _config("reservation_needs_owner", "reservationduration can only be used"),
    _config("no_hosts", "without any hosts"),
    _config("no_hosts", "without hosts", on=(422,)),
    _config("bad_range", "invalid time range given"),
    _config("bad_time_zone", "could not adjust timezone"),
    _config("event_type_not_found", "event type", "not found", on=(404,)),
    _config("user_not_found", "user with username", on=(404,)),
    # An unknown or missing version header, or a base URL that leads elsewhere.
    _config("wrong_version_or_address", "cannot get /", on=(404,)),
    _config("wrong_version_or_address", "cannot post /", on=(404,)),
    _config("wrong_version_or_address", "cannot delete /", on=(404,)),
    # The key.
    _key("key_expired", "expired", on=(401,)),
    _key("invalid_key", "invalid api key", on=(401,)),
    _key("invalid_key", "api key is not valid", on=(401,)),
    _key("invalid_key", "access token", on=(401,)),
    _key("no_key", "no authentication method", on=(401,)),
    _key("missing_permission", "permissionsguard", on=(401, 403)),
    _key("missing_permission", "scope", on=(403,)),
    # Texts nobody knows, by status.
    _refusal(Reason.CONFLICT, on=(409,), of=_CHANGES),
    Rule(Family.UNCLEAR_KEY, "unauthorized", statuses=frozenset({401})),
    _config("forbidden", on=(403,)),
    _config("not_found", on=(404,)),
    _config("unprocessable", on=(422,)),
    Rule(Family.FAULT, "upstream_timeout", statuses=frozenset({408})),
    _config("bad_request"),
)

_NEW_UID = re.compile(r"rescheduled already to booking with uid=([A-Za-z0-9_-]{1,80})")
_FIELD = re.compile(
    r"(?:booking field response|for booking field)[: ]+'?([A-Za-z0-9_-]{1,60})", re.IGNORECASE
)
# How the booking form itself says it: ``responses - {versicherung}error_required_field``.
_REQUIRED = re.compile(r"\{([A-Za-z0-9_-]{1,60})\}\s*error_required_field", re.IGNORECASE)
_CALLERS_FIELDS = {"email": "email", "attendeephonenumber": "phone", "phone": "phone", "name": "name"}


def message_of(body: object) -> str:
    """The text of any of Cal.com's three error envelopes, flattened; "" when there is none.

    For matching only – it may hold a caller's data and is never kept, logged or raised.
    """
    if not isinstance(body, Mapping):
        return ""
    error = body.get("error")
    parts = [body.get("message"), error]
    if isinstance(error, Mapping):
        parts = [error.get("message"), error.get("code"), *_details(error.get("details"))]
    return " | ".join(part for found in parts for part in _texts(found))


def _details(details: object) -> list[object]:
    if not isinstance(details, Mapping):
        return [details]
    found: list[object] = [details.get("message")]
    pending = [details.get("errors")]
    while pending and len(found) < 50:
        at = pending.pop()
        if isinstance(at, list):
            pending.extend(at[:20])
        elif isinstance(at, Mapping):
            constraints = at.get("constraints")
            if isinstance(constraints, Mapping):
                found.extend(constraints.values())
            pending.append(at.get("children"))
    return found


def _texts(found: object) -> list[str]:
    if isinstance(found, str):
        return [found[:2000]]
    if isinstance(found, list):
        return [text[:2000] for text in found[:20] if isinstance(text, str)]
    return []


def classify(*, operation: Operation, status: int, body: object, request_id: str = "") -> CalendarError:
    """The error a JSON answer with a 4xx status stands for (429 and 5xx are not in the table)."""
    text = message_of(body)
    lowered = text.lower()
    rule = next(rule for rule in RULES if rule.fits(operation=operation, status=status, text=lowered))
    return _error(rule, text=text, operation=operation, status=status, request_id=request_id)


def hidden_refusal(
    *, operation: Operation, status: int, body: object, request_id: str = ""
) -> Refusal | None:
    """A business refusal that comes dressed as 5xx with its text (busy team hosts), else ``None``."""
    text = message_of(body).lower()
    for rule in RULES:
        if (
            rule.family is Family.REFUSAL
            and rule.needles
            and rule.fits(operation=operation, status=status, text=text)
        ):
            return Refusal(rule.code, operation=operation, status=status, request_id=request_id)
    return None


def _error(rule: Rule, *, text: str, operation: Operation, status: int, request_id: str) -> CalendarError:
    field = _field(text)
    match rule.family:
        case Family.REFUSAL:
            moved = _NEW_UID.search(text)
            return Refusal(
                rule.code,
                field=_contact(text) if rule.code == Reason.MISSING_FIELD else "",
                new_uid=moved[1] if moved else "",
                operation=operation,
                status=status,
                request_id=request_id,
            )
        case Family.CONFIG if rule.code == "missing_booking_field" and field.lower() in _CALLERS_FIELDS:
            return Refusal(
                Reason.MISSING_FIELD,
                field=_CALLERS_FIELDS[field.lower()],
                operation=operation,
                status=status,
                request_id=request_id,
            )
        case Family.CONFIG:
            return ConfigDrift(
                rule.code, field=field, operation=operation, status=status, request_id=request_id
            )
        case Family.FAULT:
            return CalendarFault(rule.code, operation=operation, status=status, request_id=request_id)
        case Family.UNAUTHORIZED | Family.UNCLEAR_KEY:
            return Unauthorized(
                rule.code,
                certain=rule.family is Family.UNAUTHORIZED,
                operation=operation,
                status=status,
                request_id=request_id,
            )


def _field(text: str) -> str:
    """The slug of the booking field an error names: part of the company's set-up, no caller's data."""
    found = _FIELD.search(text) or _REQUIRED.search(text)
    return found[1] if found else ""


def _contact(text: str) -> str:
    required = _REQUIRED.search(text)
    if required is not None:
        return _CALLERS_FIELDS.get(required[1].lower(), "contact")
    lowered = text.lower()
    if "phone number" in lowered and "email" not in lowered:
        return "phone"
    return "email" if "phone" not in lowered else "contact"
