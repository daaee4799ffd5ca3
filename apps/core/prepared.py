"""What every call asks of the database and writes, put into SQL once instead of every time.

Building a queryset and turning it into SQL costs several times what the database needs to answer it, and
every message to the database costs a change of processes twice. So a ``Prepared`` query is written as a
queryset like any other, as a function of its parameters, put into SQL at its first use, once for each
kind of database, and from then on only bound; and ``send`` sends several statements in one message where
the database takes that.

Rows that belong to a tenant are guarded by whoever makes the statements, as by the managers elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import AutoField, Field, Model, QuerySet

Row = Sequence[Any]
Convert = tuple[Sequence[Callable[..., Any]], Any]

# Values that no parameter of a query ever has by itself: they are looked for in the finished SQL's.
_INTEGERS_FROM = 2**52 + 1_000
_MOMENTS_FROM = datetime(1800, 1, 1, 1, 23, 45, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its values; ``converters`` make Python values of what some columns return."""

    sql: str
    values: Sequence[Any]
    converters: Sequence[tuple[int, Convert]] = ()

    def rows(self) -> list[Row]:
        """Execute it alone."""
        return _execute(self)


_IN_PASSING = Statement("SELECT set_config('synchronous_commit', 'off', true)", ())


def send(*statements: Statement, durable: bool = True) -> list[list[Row]]:
    """Execute these statements as one transaction, in one message where the database takes that.

    Returns the rows of each. Raises what executing one by one would; nothing of it is done then. Not
    ``durable``: a power failure within the next second may undo it, and nobody waits for the disk.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        with transaction.atomic():
            return [_execute(one) for one in statements]
    every = statements if durable else (_IN_PASSING, *statements)
    values = [value for one in every for value in one.values]
    rows: list[list[Row]] = []
    with connection.cursor() as cursor:
        # Statements that come in one message are one transaction.
        cursor.execute("; ".join(one.sql for one in every), values)
        for number, one in enumerate(every):
            if number:
                cursor.nextset()
            rows.append(_fetched(cursor, one))
    return rows if durable else rows[1:]


def _execute(statement: Statement) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.values)
        return _fetched(cursor, statement)


def _fetched(cursor: Any, statement: Statement) -> list[Row]:
    if cursor.description is None:
        return []
    rows: list[Row] = cursor.fetchall()
    if not statement.converters:
        return rows
    return [_converted(row, statement.converters) for row in rows]


def _converted(row: Row, converters: Sequence[tuple[int, Convert]]) -> Row:
    values = list(row)
    for position, (converts, expression) in converters:
        for convert in converts:
            values[position] = convert(values[position], expression, connection)
    return values


# --- Queries ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """The SQL for one kind of database. A parameter is a name, or a value that is always the same."""

    sql: str
    parameters: tuple[tuple[bool, Any], ...]
    converters: tuple[tuple[int, Convert], ...]


class Prepared:
    """``build`` gets a stand-in for each parameter and returns a queryset of ``values_list``.

    ``parameters`` names each parameter's type: int, str or datetime. Whatever ``build`` reads besides –
    the scope of a tenant's model above all – must come through a parameter.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **parameters: type) -> None:
        self._build = build
        self._kinds = parameters
        self._plans: dict[str, _Plan] = {}

    def bound(self, **values: Any) -> Statement:
        """The query for these values of the parameters, to be sent."""
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = self._compile()
        bound = [adapted(values[one]) if is_name else one for is_name, one in plan.parameters]
        return Statement(plan.sql, bound, plan.converters)

    def rows(self, **values: Any) -> list[Row]:
        """The rows for these values of the parameters."""
        return _execute(self.bound(**values))

    def first(self, **values: Any) -> Row | None:
        """The first row, or None."""
        rows = self.rows(**values)
        return rows[0] if rows else None

    def _compile(self) -> _Plan:
        stand_ins = {name: _stand_in(kind, number) for number, (name, kind) in enumerate(self._kinds.items())}
        compiler = self._build(**stand_ins).query.get_compiler(DEFAULT_DB_ALIAS)
        with transaction.atomic():  # Django makes the SQL of a lock inside of one only
            sql, parameters = compiler.as_sql()
        names = {adapted(value): name for name, value in stand_ins.items()}
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        return _Plan(
            sql=sql,
            parameters=tuple((True, names[one]) if one in names else (False, one) for one in parameters),
            converters=tuple(converters.items()),
        )


def _stand_in(kind: type, number: int) -> Any:
    stand_ins: Mapping[type, Any] = {
        int: _INTEGERS_FROM + number,
        str: f"\x01{number}",
        datetime: _MOMENTS_FROM + timedelta(days=number),
    }
    return stand_ins[kind]


def adapted(value: Any) -> Any:
    """A value as this kind of database takes it."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def columns(model: type[Model], *, under: str = "", but_not: Sequence[str] = ()) -> list[str]:
    """The names of a model's columns for ``values_list``; ``under`` is the path of relations to it."""
    prefix = f"{under}__" if under else ""
    return [prefix + field.attname for field in model._meta.concrete_fields if field.attname not in but_not]


def instance(model: type[Model], row: Row, *, but_not: Sequence[str] = ()) -> Any:
    """The object that ``columns`` of a row stand for; what was left out is loaded when it is asked for."""
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in but_not]
    return model.from_db(DEFAULT_DB_ALIAS, names, row)


# --- Writing ------------------------------------------------------------------------------------


def insertion(rows: Sequence[Model]) -> Statement:
    """Insert these objects of one model; their keys are not told them."""
    meta = rows[0]._meta
    fields = [field for field in meta.concrete_fields if not isinstance(field, AutoField)]
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = f"({', '.join(['%s'] * len(fields))})"
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection=connection)
        for row in rows
        for field in fields
    ]
    sql = f'INSERT INTO "{meta.db_table}" ({names}) VALUES {", ".join([places] * len(rows))}'  # noqa: S608
    return Statement(sql, values)


def change(
    row: Model, *, where: Mapping[str, Any], to: Mapping[str, Any], more: Mapping[str, int]
) -> Statement:
    """Update the row of an object: fields set ``to`` values, counters that become ``more``; ``where`` says
    which row, by names of fields too."""
    values: list[Any] = []
    sets = []
    for name, value in to.items():
        field = _field(row, name)
        sets.append(f'"{field.column}" = %s')
        values.append(field.get_db_prep_save(value, connection=connection))
    for name, number in more.items():
        column = _field(row, name).column
        sets.append(f'"{column}" = "{column}" + %s')
        values.append(number)
    conditions = [f'"{_field(row, name).column}" = %s' for name in where]
    values += where.values()
    sql = f'UPDATE "{row._meta.db_table}" SET {", ".join(sets)} WHERE {" AND ".join(conditions)}'  # noqa: S608
    return Statement(sql, values)


def _field(row: Model, name: str) -> Field[Any, Any]:
    field = row._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} is not a column")
    return field
