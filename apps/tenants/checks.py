"""System checks of the second wall; they look into the database (``manage.py check --database default``).

``migrate`` runs them too, before it changes anything: what a pending migration is about to protect is
not an error yet, and whoever migrates may be the owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning
from django.core.checks import register as register_check
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from apps.tenants import row_security


def tenant_tables_are_protected(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Every tenant table has row level security, forced, with our policy alone."""
    found: list[CheckMessage] = []
    for connection in _postgres(databases):
        if _is_behind(connection):
            continue
        found += [
            Error(
                f"The table {table} belongs to companies, but no row level security keeps them apart.",
                hint="Add apps.tenants.row_security.Protect(…) to the migration that makes the table.",
                id="tenants.E001",
            )
            for table in row_security.unprotected(connection)
        ]
    return found


def role_is_bound(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The role in DATABASE_URL can neither bypass the policies nor take them away."""
    found: list[CheckMessage] = []
    for connection in _postgres(databases):
        role = row_security.role_of(connection)
        hint = "Use a role that owns nothing in DATABASE_URL, and the owner in DATABASE_MIGRATION_URL."
        if role.unbound:
            found.append(
                Warning(
                    f"Row level security does not bind the role {role.name}.", hint=hint, id="tenants.W002"
                )
            )
        elif role.owner:
            found.append(
                Warning(
                    f"The role {role.name} owns tables, and could take their policies away.",
                    hint=hint,
                    id="tenants.W003",
                )
            )
    return found


def register() -> None:
    """Make the checks known to Django."""
    register_check(tenant_tables_are_protected, Tags.database)
    register_check(role_is_bound, Tags.database)


def _postgres(databases: Sequence[str] | None) -> list[BaseDatabaseWrapper]:
    return [connections[alias] for alias in databases or () if connections[alias].vendor == "postgresql"]


def _is_behind(connection: BaseDatabaseWrapper) -> bool:
    """Whether migrations are missing."""
    try:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return True
