"""The root of every error the platform raises on purpose.

``code`` is for programs (stable, snake_case), ``message`` for operators (one English sentence,
never personal data or a secret), ``retryable`` says whether the same request may succeed later
without anybody changing anything.
"""

from __future__ import annotations


class PlatformError(Exception):
    """An expected failure. Subclasses set the class attributes or pass them."""

    code: str = "platform_error"
    message: str = "The platform could not do this."
    retryable: bool = False

    def __init__(
        self, message: str | None = None, *, code: str | None = None, retryable: bool | None = None
    ) -> None:
        if code is not None:
            self.code = code
        if message is not None:
            self.message = message
        if retryable is not None:
            self.retryable = retryable
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def sqlstate(error: BaseException) -> str | None:
    """What PostgreSQL itself called a database error: a deadlock, a time-out, a lost connection."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state if isinstance(state, str) else None
