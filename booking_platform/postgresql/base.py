"""The database connection of an installation on PostgreSQL.

Every transaction announces the scope in force (``apps.tenants.context``) to the row level security
policies (``apps.tenants.row_security``), and how long a statement may take where a deadline is in
force (``apps.core.deadline``). The announcement is one ``SELECT set_config(…, true)`` in front of the
first statement, in the same message: no further round trip. Sent like that outside a transaction, the
two form one of their own, so that nothing is left behind on a connection that a pooler hands to
somebody else. Without a scope nothing is announced, and the policies show nothing.

A statement that a silent network swallows is ended by ``apps.core.watchdog``; no setting of the server
can do that.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from django.db.utils import InterfaceError, OperationalError

from apps.core import deadline, watchdog
from apps.core.errors import sqlstate
from apps.tenants import context

T = TypeVar("T")
Announced = tuple[str, int]
Execute = Callable[..., Any]
NOTHING: Announced = ("", 0)
"""What the server has at the start of every transaction: no scope, no limit of ours."""
UNSURE: Announced = ("?", 0)

GRACE_SECONDS = 0.25
"""How much later than the server's own limit a silent connection is broken."""

HEALTH_SECONDS = 0.5
"""How long a kept connection may take to say that it is still there."""

FIRST_ANSWER_SECONDS = 1.0
"""The same for a first message that asks more than that."""
TOOK_TOO_LONG = "57014"

STEP_MS = 250
"""Limits are announced in steps, so that a transaction of quick statements says its limit once."""

_BEFORE = r"(?:[\s(]|/\*.*?\*/|--[^\n]*\n)*"
# What may share a message with the announcement. What defines or controls may have to stand alone.
_DATA = re.compile(
    _BEFORE + r"(?:SELECT|INSERT|UPDATE|DELETE|WITH|TABLE|VALUES|MERGE|PREPARE|EXECUTE|EXPLAIN)\b",
    re.IGNORECASE | re.DOTALL,
)
# Said by Django itself, also in a transaction that has failed, where nothing else may be said.
_CONTROL = re.compile(r"(?:BEGIN|SAVEPOINT|RELEASE|ROLLBACK|COMMIT)\b", re.IGNORECASE)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, with the announcement before what reads or writes data."""

    # Django's own, which the stubs leave out.
    health_check_enabled: bool
    health_check_done: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.settings_dict.get("OPTIONS", {}).get("server_side_binding"):
            raise ImproperlyConfigured("server_side_binding sends no two statements in one message")
        self._announced = NOTHING
        self.kept_plans: dict[str, float] | None = None
        """Since when it keeps the plans of which queries (``apps.core.statements``); None: it keeps none."""
        self.execute_wrappers.append(self._watched)

    def _watched(self, execute: Execute, sql: Any, params: Any, many: bool, around: dict[str, Any]) -> Any:
        left = deadline.seconds_left()
        limit = self._announced[1] if left is None else max(round(left * 1000 / STEP_MS), 1) * STEP_MS
        with self._watch(left):
            return self._announcing((context.announcement(), limit), execute, sql, params, many, around)

    def _announcing(
        self, wanted: Announced, execute: Execute, sql: Any, params: Any, many: bool, around: dict[str, Any]
    ) -> Any:
        if wanted == self._announced:
            return execute(sql, params, many, around)
        cursor = around["cursor"].cursor
        if not many and isinstance(sql, str) and _DATA.match(sql):
            result = execute(f"{_words(wanted)}; {sql}", params, many, around)
            cursor.nextset()
            if not self.autocommit:
                self._announced = wanted
            return result
        if (self.autocommit and not many) or (isinstance(sql, str) and _CONTROL.match(sql)):
            # It stands alone: nothing is announced, so no rows are there.
            return execute(sql, params, many, around)
        with self.wrap_database_errors, self._one_transaction():
            cursor.execute(_words(wanted))
            return execute(sql, params, many, around)

    def _one_transaction(self) -> AbstractContextManager[Any]:
        return self.connection.transaction() if self.autocommit else nullcontext()

    def _watch(self, left: float | None) -> AbstractContextManager[None]:
        """End a wait for a silent server soon after the server itself should have ended it."""
        return nullcontext() if left is None else watchdog.watching(left + GRACE_SECONDS, self._break)

    def _break(self) -> None:
        """Called by the watchdog: whoever waits for the server stops waiting, with an error."""
        connection = self.connection
        if connection is not None and not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def is_usable(self) -> bool:
        """Asked before a kept connection is used again: one that does not say so at once is given up."""
        with self._watch(HEALTH_SECONDS):
            return super().is_usable()

    def first_question(self, ask: Callable[[], T]) -> T:
        """Ask what only reads. As a kept connection's first question it says whether that is still there:
        one that is lost, or says nothing, is given up, and the question is put to a new one. A server that
        is merely slow says so itself, and is asked again."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return ask()
        self.health_check_done = True
        left = deadline.seconds_left()
        soon = FIRST_ANSWER_SECONDS if left is None else min(left, FIRST_ANSWER_SECONDS)
        try:
            with deadline.in_force(deadline.Deadline.after(soon)):
                return ask()
        except (OperationalError, InterfaceError) as error:
            if self.connection.closed:
                self.close()
            elif sqlstate(error) != TOOK_TOO_LONG:
                raise
        return ask()

    # Where a transaction ends, what was announced in it ends too; a savepoint's end takes back what was
    # said since.

    def connect(self) -> None:
        self._announced = NOTHING
        self.kept_plans = {}
        super().connect()

    def _commit(self) -> None:
        self._announced = NOTHING
        with self._watch(deadline.seconds_left()):
            super()._commit()  # type: ignore[misc]  # the stubs leave it out

    def _rollback(self) -> None:
        self._announced = NOTHING
        with self._watch(deadline.seconds_left()):
            super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._announced = UNSURE


def _words(wanted: Announced) -> str:
    """The announcement as SQL; what is quoted here is made of digits, braces and commas, or ``all``."""
    scope, limit = wanted
    words = f"SELECT set_config('app.companies', '{scope}', true)"
    return f"{words}, set_config('statement_timeout', '{limit}', true)" if limit else words
