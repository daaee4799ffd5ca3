"""The second wall between companies: PostgreSQL shows and takes only rows of the announced scope.

Every tenant table has row level security, forced, so that it binds the tables' owner too, and one
policy. The connection announces the scope in every transaction (``booking_platform.postgresql``); where
nothing was announced there are no rows. Outside stand, on purpose, the directory that leads to a tenant
(account, number, membership, flags) and the calendar versions. A row of nobody (an event of an unknown
number) is seen by ``all`` alone.

SQLite has no such thing; there the managers are the only wall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from apps.tenants.scoping import CompanyScopedManager

POLICY = "company_scope"

# The second nullif keeps "all" away from the cast, whatever the planner tries out first.
_SCOPE = "current_setting('app.companies', true)"
_CONDITION = f"{_SCOPE} = 'all' OR {{column}} = ANY (nullif(nullif({_SCOPE}, ''), 'all')::bigint[])"


def scope_column(model: type[models.Model]) -> str | None:
    """The column that names a row's company; None for a table that belongs to no tenant."""
    if not isinstance(model._default_manager, CompanyScopedManager):
        return None
    # The scope's fields are named as their columns are.
    name: str = getattr(model, "SCOPE_FIELD", "company_id")
    return name


def tenant_tables() -> dict[str, str]:
    """Every tenant table and the column that names the company."""
    return {
        model._meta.db_table: column
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and (column := scope_column(model)) is not None
    }


class Protect(Operation):
    """A migration's step: put the tables of these models behind the wall. Does nothing on SQLite.

    Models are named ``app.Model``. ``column`` names the company; only in the company's own table it is
    not ``company_id``.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, *models: str, column: str = "company_id") -> None:
        self.models = models
        self.column = column

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, list(self.models), {"column": self.column})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The models stay as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for statement in self._statements(schema_editor, to_state, _protecting):
            schema_editor.execute(statement)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for statement in self._statements(schema_editor, from_state, _opening):
            schema_editor.execute(statement)

    def _statements(
        self, editor: BaseDatabaseSchemaEditor, state: ProjectState, make: Callable[[str, str], list[str]]
    ) -> list[str]:
        if editor.connection.vendor != "postgresql":
            return []
        tables = [state.apps.get_model(label)._meta.db_table for label in self.models]
        quote = editor.connection.ops.quote_name
        return [one for table in tables for one in make(quote(table), quote(self.column))]

    def describe(self) -> str:
        return f"Row level security on {', '.join(self.models)}"

    @property
    def migration_name_fragment(self) -> str:
        return "row_security"


def _protecting(table: str, column: str) -> list[str]:
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS {POLICY} ON {table}",
        f"CREATE POLICY {POLICY} ON {table} USING ({_CONDITION.format(column=column)})",
    ]


def _opening(table: str, column: str) -> list[str]:
    return [
        f"DROP POLICY IF EXISTS {POLICY} ON {table}",
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    ]


@dataclass(frozen=True, slots=True)
class Role:
    """Who this connection is to the database."""

    name: str
    unbound: bool  # a superuser, or a role that bypasses row level security
    owner: bool  # owns a tenant table, and could take its policy away


def unprotected(connection: BaseDatabaseWrapper) -> list[str]:
    """The tenant tables that exist without forced row level security or with other policies than ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
                   AND array_agg(p.polname::text || p.polcmd::text || p.polpermissive::text) = %s
            FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%s)
            GROUP BY c.oid
            """,
            [[f"{POLICY}*true"], list(tenant_tables())],
        )
        return sorted(table for table, protected in cursor.fetchall() if not protected)


def role_of(connection: BaseDatabaseWrapper) -> Role:
    """Whether the policies bind the role of this connection."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.rolname, r.rolsuper OR r.rolbypassrls, EXISTS (
                SELECT FROM pg_class c
                WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%s)
                AND c.relowner = r.oid
            )
            FROM pg_roles r WHERE r.rolname = current_user
            """,
            [list(tenant_tables())],
        )
        return Role(*cursor.fetchone())


def grant(connection: BaseDatabaseWrapper, *, role: str) -> None:
    """Give a role what the application needs, as the tables' owner: rows, never the tables themselves."""
    quoted = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = connection.ops.quote_name(cursor.fetchone()[0])
        for statement in (
            f"GRANT USAGE ON SCHEMA {schema} TO {quoted}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {quoted}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {quoted}",
            f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {quoted}",
        ):
            cursor.execute(statement)
