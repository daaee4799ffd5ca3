"""What every call asks of the database and writes, put into SQL once instead of every time.

Building a queryset and turning it into SQL costs several times what the database needs to answer it. So a
``Prepared`` query is written as a queryset like any other, as a function of its parameters, put into SQL at
its first use, once for each kind of database, and from then on only bound, by name where the connection
keeps its plan (``apps.core.statements``).

Rows that belong to a tenant are guarded by whoever makes the statements, as by the managers elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Field, Model, QuerySet
from django.db.models.base import ModelState

from apps.core.statements import Convert, Named, Row, Statement, ask, here, send

__all__ = [
    "Prepared",
    "PreparedSql",
    "Row",
    "Statement",
    "ask",
    "change",
    "columns",
    "insertion",
    "instance",
    "send",
]

# Values that no parameter of a query ever has by itself: they are looked for in the finished SQL's.
_INTEGERS_FROM = 2**52 + 1_000
_MOMENTS_FROM = datetime(1800, 1, 1, 1, 23, 45, tzinfo=UTC)


# --- Queries ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """The SQL for one kind of database."""

    sql: str
    places: tuple[tuple[bool, Any], ...]
    converters: tuple[tuple[int, Convert], ...]
    named: Named | None


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
        connection = here()
        plan = self._plans.get(connection.vendor)
        if plan is None:
            plan = self._plans[connection.vendor] = self._compile(connection)
        given = _adapted(connection, values)
        arguments = [given[name] for name in self._kinds]
        return Statement(plan.sql, arguments, plan.places, plan.converters, plan.named)

    def rows(self, **values: Any) -> list[Row]:
        """The rows for these values of the parameters."""
        return self.bound(**values).rows()

    def first(self, **values: Any) -> Row | None:
        """The first row, or None."""
        rows = self.rows(**values)
        return rows[0] if rows else None

    def _compile(self, connection: BaseDatabaseWrapper) -> _Plan:
        stand_ins = {name: _stand_in(kind, number) for number, (name, kind) in enumerate(self._kinds.items())}
        compiler = self._build(**stand_ins).query.get_compiler(DEFAULT_DB_ALIAS)
        with transaction.atomic():  # Django makes the SQL of a lock inside of one only
            sql, parameters = compiler.as_sql()
        numbers = {value: number for number, value in enumerate(_adapted(connection, stand_ins).values())}
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        places = tuple((True, numbers[one]) if one in numbers else (False, one) for one in parameters)
        return _Plan(
            sql=sql,
            places=places,
            converters=tuple(converters.items()),
            named=_named(connection, sql, places, self._kinds) if connection.vendor == "postgresql" else None,
        )


class PreparedSql:
    """SQL written by hand, with ``%(name)s`` for each parameter; ``parameters`` names their types too."""

    def __init__(self, sql: str, **parameters: type) -> None:
        numbers = {name: number for number, name in enumerate(parameters)}
        self._places = tuple((True, numbers[name]) for name in _PLACE.findall(sql))
        self._sql = _PLACE.sub("%s", sql)
        self._kinds = parameters
        self._name: Named | None = None

    def bound(self, **values: Any) -> Statement:
        """The SQL for these values of the parameters, to be sent."""
        connection = here()
        if self._name is None and connection.vendor == "postgresql":
            self._name = _named(connection, self._sql, self._places, self._kinds)
        given = _adapted(connection, values)
        named = self._name if connection.vendor == "postgresql" else None
        return Statement(self._sql, [given[name] for name in self._kinds], self._places, named=named)


_PLACE = re.compile(r"%\((\w+)\)s")
TYPES: Mapping[type, str] = {int: "bigint", str: "text", datetime: "timestamptz"}


def _named(
    connection: BaseDatabaseWrapper,
    sql: str,
    places: Sequence[tuple[bool, Any]],
    kinds: Mapping[str, type],
) -> Named:
    """The same query with numbered parameters; what is always the same stands in it."""
    pieces = sql.split("%s")
    with connection.cursor() as cursor:
        filled = [f"${one + 1}" if is_number else cursor.mogrify("%s", [one]) for is_number, one in places]
    joined = pieces[0] + "".join(place + piece for place, piece in zip(filled, pieces[1:], strict=True))
    types = ", ".join(TYPES[kind] for kind in kinds.values())
    return _kept(f"({types})", joined.replace("%%", "%"), parameters=len(kinds))


def _kept(types: str, text: str, *, parameters: int) -> Named:
    name = f"kept_{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    return Named(
        name=name,
        preparation=f"PREPARE {name} {types} AS {text}",
        execution=f"EXECUTE {name} ({', '.join(['%s'] * parameters)})",
    )


def _stand_in(kind: type, number: int) -> Any:
    stand_ins: Mapping[type, Any] = {
        int: _INTEGERS_FROM + number,
        str: f"\x01{number}",
        datetime: _MOMENTS_FROM + timedelta(days=number),
    }
    return stand_ins[kind]


def _adapted(connection: BaseDatabaseWrapper, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as this kind of database takes them."""
    if connection.vendor == "postgresql":
        return dict(values)
    adapt = connection.ops.adapt_datetimefield_value
    return {name: adapt(one) if isinstance(one, datetime) else one for name, one in values.items()}


def columns(model: type[Model], *, under: str = "", but_not: Sequence[str] = ()) -> list[str]:
    """The names of a model's columns for ``values_list``; ``under`` is the path of relations to it."""
    prefix = f"{under}__" if under else ""
    return [prefix + field.attname for field in model._meta.concrete_fields if field.attname not in but_not]


def instance(model: type[Model], row: Row, *, but_not: Sequence[str] = ()) -> Any:
    """The object that ``columns`` of a row stand for; what was left out is loaded when it is asked for.

    As Django's own ``from_db`` makes it, without the signals of a new object and a call for each field.
    """
    one = model.__new__(model)
    one.__dict__.update(zip(_attributes(model, tuple(but_not)), row, strict=True))
    one._state = ModelState()
    one._state.adding, one._state.db = False, DEFAULT_DB_ALIAS
    return one


@lru_cache(maxsize=64)
def _attributes(model: type[Model], but_not: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields if field.attname not in but_not)


# --- Writing ------------------------------------------------------------------------------------


# Of fields of these very classes a value of these classes is stored as it is.
_PLAIN_FIELDS = frozenset(
    {
        models.BigIntegerField, models.BooleanField, models.CharField, models.ForeignKey, models.IntegerField,
        models.PositiveIntegerField, models.PositiveSmallIntegerField, models.TextField,
    }
)  # fmt: skip
_PLAIN_VALUES = frozenset({bool, int, str, type(None)})


def insertion(rows: Sequence[Model]) -> Statement:
    """Insert these objects of one model; their keys are not told them."""
    connection = here()
    plan = _insertion_plan(type(rows[0]), len(rows))
    values = [_stored(connection, field, row) for row in rows for field in plan.fields]
    named = plan.named if connection.vendor == "postgresql" else None
    return Statement(plan.sql, values, named=named, returns=False)


@dataclass(frozen=True, slots=True)
class _Writing:
    sql: str
    fields: tuple[Field[Any, Any], ...]
    named: Named


def _writing(sql: str, fields: tuple[Field[Any, Any], ...], *, parameters: int) -> _Writing:
    """The columns say of what type each parameter is."""
    numbers = iter(range(1, parameters + 1))
    numbered = re.sub("%s", lambda _: f"${next(numbers)}", sql)
    return _Writing(sql, fields, _kept("", numbered, parameters=parameters))


@lru_cache(maxsize=64)
def _insertion_plan(model: type[Model], count: int) -> _Writing:
    fields = tuple(field for field in model._meta.concrete_fields if not isinstance(field, AutoField))
    names = ", ".join(f'"{field.column}"' for field in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([row] * count)}'  # noqa: S608
    return _writing(sql, fields, parameters=count * len(fields))


def _stored(connection: BaseDatabaseWrapper, field: Field[Any, Any], row: Model) -> Any:
    value = field.pre_save(row, add=True)
    if type(field) in _PLAIN_FIELDS and type(value) in _PLAIN_VALUES:
        return value
    return field.get_db_prep_save(value, connection=connection)


def change(
    row: Model, *, where: Mapping[str, Any], to: Mapping[str, Any], more: Mapping[str, int]
) -> Statement:
    """Update the row of an object: fields set ``to`` values, counters that become ``more``; ``where`` says
    which row, by names of fields too."""
    connection = here()
    plan = _change_plan(type(row), tuple(to), tuple(more), tuple(where))
    values = [
        *(
            field.get_db_prep_save(value, connection=connection)
            for field, value in zip(plan.fields, to.values(), strict=True)
        ),
        *more.values(),
        *where.values(),
    ]
    named = plan.named if connection.vendor == "postgresql" else None
    return Statement(plan.sql, values, named=named, returns=False)


# A function changes the same few fields in the same order, whoever calls.
@lru_cache(maxsize=256)
def _change_plan(
    model: type[Model], to: tuple[str, ...], more: tuple[str, ...], where: tuple[str, ...]
) -> _Writing:
    fields = tuple(_field(model, name) for name in to)
    added = [_field(model, name).column for name in more]
    sets = [*(f'"{field.column}" = %s' for field in fields), *(f'"{one}" = "{one}" + %s' for one in added)]
    conditions = [f'"{_field(model, name).column}" = %s' for name in where]
    sql = f'UPDATE "{model._meta.db_table}" SET {", ".join(sets)} WHERE {" AND ".join(conditions)}'  # noqa: S608
    return _writing(sql, fields, parameters=len(to) + len(more) + len(where))


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} is not a column")
    return field
