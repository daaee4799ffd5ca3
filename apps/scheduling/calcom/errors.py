"""What Cal.com's refusals and failures mean, as an exception tree.

Three families, by who has to act:

* :class:`Refusal` – Cal.com works and says no to this booking. The caller hears why.
* :class:`ConfigDrift`, :class:`Unauthorized` – the company's set-up has to be changed.
* :class:`CalendarFault`, :class:`CalendarTimeout`, :class:`OutcomeUnknown`, :class:`RateLimited` –
  Cal.com cannot answer (now).

``verdict`` says what an error means for the circuit breaker. No error holds anything that Cal.com
said in its own words: that may echo a caller's name or number. What is kept is our own code, the
HTTP status, ``X-Request-Id``, and the slug of a booking field.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import ClassVar

from apps.core.errors import PlatformError
from apps.scheduling.calcom.versions import Operation


class Verdict(Enum):
    """What an outcome tells the circuit breaker."""

    HEALTHY = "healthy"  # Cal.com answered as it should, even if it said no
    FAULT = "fault"
    NEUTRAL = "neutral"  # says nothing about Cal.com's health


class CalendarError(PlatformError):
    """Anything but success. ``operation``, ``status`` (0: no answer) and ``request_id`` for the log."""

    code = "calendar_error"
    message = "The calendar did not do what it was asked."
    verdict: ClassVar[Verdict] = Verdict.NEUTRAL

    def __init__(
        self,
        code: str | None = None,
        *,
        operation: Operation | None = None,
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(code=code)
        self.operation = operation
        self.status = status
        self.request_id = request_id

    def __str__(self) -> str:
        where = f" [{self.operation} {self.status}]" if self.operation else ""
        return f"{self.code}: {self.message}{where}"


class CalendarFault(CalendarError):
    """Cal.com is broken or unreachable; nothing was changed there."""

    code = "calendar_fault"
    message = "The calendar answered with an error of its own or not at all."
    retryable = True
    verdict = Verdict.FAULT


class CalendarUnreachable(CalendarFault):
    """No connection, or it broke off while reading."""

    code = "calendar_unreachable"
    message = "There is no connection to the calendar."


class CalendarNonsense(CalendarFault):
    """An answer that makes no sense: not JSON, not the shape asked for, a time without an offset."""

    code = "calendar_nonsense"
    message = "The calendar's answer makes no sense."


class CalendarTimeout(CalendarFault):
    """No complete answer before the deadline. ``sent``: the request may have arrived (only reads)."""

    code = "calendar_timeout"
    message = "The calendar did not answer in time."

    def __init__(self, *, sent: bool, operation: Operation | None = None) -> None:
        super().__init__(operation=operation)
        self.sent = sent


class OutcomeUnknown(CalendarError):
    """A change was sent and no trustworthy answer came: it may have been made or not. Look it up."""

    code = "outcome_unknown"
    message = "A change was sent to the calendar and its outcome is not known."
    verdict = Verdict.FAULT


class RateLimited(CalendarError):
    """Too many requests; nothing was done. ``retry_after`` in seconds."""

    code = "calendar_rate_limited"
    message = "The calendar refuses further requests for a while."
    retryable = True

    def __init__(
        self,
        *,
        retry_after: float,
        operation: Operation | None = None,
        status: int = 429,
        request_id: str = "",
    ) -> None:
        super().__init__(operation=operation, status=status, request_id=request_id)
        self.retry_after = retry_after


class Unauthorized(CalendarError):
    """The key is not accepted. ``certain`` is false for a 401 with a text nobody knows: business
    limits come as 401 too, so ask ``me()`` before anybody is alarmed."""

    code = "unauthorized"
    message = "The calendar does not accept the company's key."

    def __init__(
        self,
        code: str | None = None,
        *,
        certain: bool = True,
        operation: Operation | None = None,
        status: int = 401,
        request_id: str = "",
    ) -> None:
        super().__init__(code, operation=operation, status=status, request_id=request_id)
        self.certain = certain


class ConfigDrift(CalendarError):
    """The company's set-up and Cal.com's do not fit. ``field``: slug of the booking field that is meant."""

    code = "config_drift"
    message = "The calendar's set-up does not fit the company's."

    def __init__(
        self,
        code: str | None = None,
        *,
        field: str = "",
        operation: Operation | None = None,
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(code, operation=operation, status=status, request_id=request_id)
        self.field = field


class Refusal(CalendarError):
    """Cal.com says no. ``code`` is one of :class:`Reason`; ``new_uid`` where the booking went;
    ``field`` what is missing. A ``conflict`` may be our own earlier request: look it up first."""

    code = "refused"
    message = "The calendar refuses this booking."
    verdict = Verdict.HEALTHY

    def __init__(
        self,
        code: str,
        *,
        field: str = "",
        new_uid: str = "",
        operation: Operation | None = None,
        status: int = 0,
        request_id: str = "",
    ) -> None:
        super().__init__(code, operation=operation, status=status, request_id=request_id)
        self.field = field
        self.new_uid = new_uid


class Reason(StrEnum):
    """Codes of :class:`Refusal`."""

    SLOT_TAKEN = "slot_taken"
    HOST_BUSY = "host_busy"
    CONFLICT = "conflict"
    NO_SEATS = "no_seats"
    TOO_SOON = "too_soon"
    IN_PAST = "in_past"
    LIMIT_REACHED = "limit_reached"
    BOOKER_LIMIT = "booker_limit"
    ATTENDEE_BLOCKED = "attendee_blocked"
    INVALID_EMAIL = "invalid_email"
    INVALID_PHONE = "invalid_phone"
    MISSING_FIELD = "missing_field"
    NOT_FOUND = "not_found"
    ALREADY_CANCELLED = "already_cancelled"
    ALREADY_RESCHEDULED = "already_rescheduled"
    NOTICE_PERIOD = "notice_period"
    CANCEL_NOT_ALLOWED = "cancel_not_allowed"
    RESCHEDULE_NOT_ALLOWED = "reschedule_not_allowed"
    NOT_RESCHEDULABLE = "not_reschedulable"
    ALREADY_EXISTS = "already_exists"
