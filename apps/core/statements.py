"""SQL with its values, sent together in one message, and executed by name where the connection has a plan.

Every message to the database costs a change of processes twice, and planning a query costs several times
what executing it does. On PostgreSQL statements that are sent together are one message, and a query that
has a name is planned once a connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.errors import sqlstate

Row = Sequence[Any]
Convert = tuple[Sequence[Callable[..., Any]], Any]


class Named(NamedTuple):
    """A query that the database can keep the plan of. The name says which SQL it is, in every release."""

    name: str
    preparation: str
    execution: str


class Statement(NamedTuple):
    """SQL with its arguments; ``converters`` make Python values of what some columns return.

    ``places`` are what the SQL's placeholders stand for, in order: (True, the number of an argument), or
    (False, a value that is always the same); without them the arguments, one by one. ``named``: the same
    query for a connection that keeps plans. ``returns``: it has rows to give, be they none.
    """

    sql: str
    arguments: Sequence[Any]
    places: Sequence[tuple[bool, Any]] | None = None
    converters: Sequence[tuple[int, Convert]] = ()
    named: Named | None = None
    returns: bool = True

    @property
    def values(self) -> Sequence[Any]:
        """What the SQL's placeholders stand for."""
        if self.places is None:
            return self.arguments
        return [self.arguments[one] if is_argument else one for is_argument, one in self.places]

    @property
    def in_silence(self) -> Statement:
        """The same; nobody wants to see its rows."""
        return self._replace(returns=False)

    def rows(self) -> list[Row]:
        """Execute it alone."""
        return _with_plans(here(), (self,))[0]


_IN_PASSING = Statement("SELECT set_config('synchronous_commit', 'off', true)", (), returns=False)


def here() -> BaseDatabaseWrapper:
    """This thread's connection: ``django.db.connection`` looks it up at every touch."""
    return connections[DEFAULT_DB_ALIAS]


def send(*statements: Statement, durable: bool = True) -> list[list[Row]]:
    """Execute these statements as one transaction, in one message where the database takes that.

    Returns the rows of each. Raises what executing one by one would; nothing of it is done then. Not
    ``durable``: a power failure within the next second may undo it, and nobody waits for the disk.
    """
    connection = here()
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        with transaction.atomic():
            return [_in_one_message(connection, (one,))[0] for one in statements]
    every = statements if durable else (_IN_PASSING, *statements)
    rows = _with_plans(connection, every)
    return rows if durable else rows[1:]


def ask(*statements: Statement) -> list[list[Row]]:
    """Read like ``send``. Where it is a kept connection's first message, it is the sign of life as well.

    Django would ask ``SELECT 1`` before, and wait for that answer. Instead a connection that does not answer
    at once is given up, and the question is put again on a new one.
    """
    connection = here()
    first = getattr(connection, "first_question", None)
    if first is None or connection.in_atomic_block:
        return send(*statements)
    rows: list[list[Row]] = first(lambda: send(*statements))
    return rows


def _in_one_message(
    connection: BaseDatabaseWrapper, statements: Sequence[Statement], *, by_name: bool = False
) -> list[list[Row]]:
    """Statements that come in one message are one transaction."""
    texts: list[str] = []
    values: list[Any] = []
    for one in statements:
        if by_name and one.named is not None:
            texts.append(one.named.execution)
            values += one.arguments
        else:
            texts.append(one.sql)
            values += one.values
    rows: list[list[Row]] = [[] for _ in statements]
    with connection.cursor() as cursor:
        cursor.execute("; ".join(texts), values)
        seen = 0
        for number, one in enumerate(statements):
            if one.returns:
                # What nobody looks at is passed over, behind the last rows all of it.
                for _ in range(seen, number):
                    cursor.nextset()
                seen = number
                rows[number] = _fetched(connection, cursor, one)
    return rows


# --- Plans that a connection keeps --------------------------------------------------------------

# A plan that was made for a small table reads all of it, however large it has become since. PostgreSQL
# notices when the table is analyzed, which autovacuum does within a minute or so, unless it is switched off.
PLAN_SECONDS = 300.0
NEVER = float("-inf")
# Else each connection plans each query five times more before it keeps the plan, and web threads are many.
# As a SELECT, so that the message is announced, and limited, like others (``booking_platform.postgresql``).
ONE_PLAN_FOR_ALL = "SELECT set_config('plan_cache_mode', 'force_generic_plan', false)"
# A migration that changes a table's columns makes the plans of open connections useless.
NO_SUCH_PLAN, PLAN_OUTLIVED, HAS_THAT_PLAN = "26000", "0A000", "42P05"


def _with_plans(connection: BaseDatabaseWrapper, statements: Sequence[Statement]) -> list[list[Row]]:
    """Execute by name what the connection has, or can be given, a plan for.

    A plan that cannot be used any more – a pooler has given the connection to somebody else meanwhile, a
    migration has changed a table – costs the attempt and ends the keeping of plans on this connection.
    Inside a transaction that would end the transaction too, so nothing is executed by name there.
    """
    kept: dict[str, float] | None = getattr(connection, "kept_plans", None)
    if kept is None or connection.in_atomic_block or not any(one.named for one in statements):
        return _in_one_message(connection, statements)
    old = time.monotonic() - PLAN_SECONDS
    try:
        for one in statements:
            if one.named is not None and kept.get(one.named.name, NEVER) <= old:
                _plan(connection, one.named, kept)
        return _in_one_message(connection, statements, by_name=True)
    except DatabaseError as error:
        if sqlstate(error) not in (NO_SUCH_PLAN, PLAN_OUTLIVED):
            raise
        connection.kept_plans = None  # type: ignore[attr-defined]
        return _in_one_message(connection, statements)


def _plan(connection: BaseDatabaseWrapper, named: Named, kept: dict[str, float]) -> None:
    """Have the connection plan it, anew where the plan is old."""
    anew = f"DEALLOCATE {named.name}; " if named.name in kept else ""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"{ONE_PLAN_FOR_ALL}; {anew}{named.preparation}")
    except DatabaseError as error:
        if sqlstate(error) != HAS_THAT_PLAN:
            raise
    kept[named.name] = time.monotonic()


def _fetched(connection: BaseDatabaseWrapper, cursor: Any, statement: Statement) -> list[Row]:
    rows: list[Row] = cursor.fetchall()
    if not statement.converters:
        return rows
    return [_converted(connection, row, statement.converters) for row in rows]


def _converted(connection: BaseDatabaseWrapper, row: Row, converters: Sequence[tuple[int, Convert]]) -> Row:
    values = list(row)
    for position, (converts, expression) in converters:
        for convert in converts:
            values[position] = convert(values[position], expression, connection)
    return values
