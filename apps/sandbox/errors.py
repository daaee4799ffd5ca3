"""The three error envelopes of Cal.com's API v2, as answers that can be raised.

A: an exception of its web framework, with ``details``. B: a raw ``{"statusCode", "message"}``.
C: envelope A without ``details`` (database and field validation filters).
"""

from __future__ import annotations

from typing import Literal

Envelope = Literal["A", "B", "C"]
NAMES = {
    400: ("BadRequestException", "Bad Request"),
    401: ("UnauthorizedException", "Unauthorized"),
    403: ("ForbiddenException", "Forbidden"),
    404: ("NotFoundException", "Not Found"),
    409: ("ConflictException", "Conflict"),
    422: ("UnprocessableEntityException", "Unprocessable Entity"),
    429: ("ThrottlerException", "Too Many Requests"),
    500: ("InternalServerErrorException", "Internal Server Error"),
}


class RefusedError(Exception):
    """An answer other than success: status, message and the envelope it is wrapped in."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        envelope: Envelope = "A",
        code: str = "",
        details: object = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.envelope = envelope
        self.code = code
        self.details = details

    def body(self, *, path: str, timestamp: str) -> dict[str, object]:
        """The JSON of this refusal for the path asked for (with its query, as Cal.com echoes it)."""
        if self.envelope == "B":
            return {"statusCode": self.status, "message": self.message}
        name, title = NAMES.get(self.status, ("HttpException", "Error"))
        error: dict[str, object] = {"code": self.code or name, "message": self.message}
        if self.envelope == "A":
            error["details"] = self.details or {
                "message": self.message,
                "error": title,
                "statusCode": self.status,
            }
        return {"status": "error", "timestamp": timestamp, "path": path, "error": error}


def wrong_property(prop: str, constraint: str) -> RefusedError:
    """The booking and slot inputs' own validation: one line naming property and constraint."""
    return RefusedError(400, f"{prop} property is wrong,{constraint}")


def wrong_attendee(prop: str, constraint: str) -> RefusedError:
    return RefusedError(400, f"attendee property is wrong, {prop} property is wrong,{constraint}")


def invalid_input(errors: list[dict[str, object]]) -> RefusedError:
    """The global pipe's refusal; its details echo what was sent, as Cal.com's do."""
    return RefusedError(
        400,
        "Bad Request Exception",
        details={"message": "Validation failed", "errors": errors, "statusCode": 400},
    )
