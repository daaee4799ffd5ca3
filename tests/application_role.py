"""The role under which the tests use PostgreSQL: it owns nothing, so the policies bind it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from apps.tenants import row_security

# The login of DATABASE_URL, for tests about the owner.
OWNER: dict[str, str] = {}


@contextmanager
def as_application_role() -> Iterator[None]:
    """Log every connection in as the application's role. Elsewhere than on PostgreSQL nothing happens."""
    if connection.vendor != "postgresql":
        yield
        return
    settings = connection.settings_dict
    role, password = f"{settings['NAME']}_app", secrets.token_hex(16)
    _make(role, password)
    row_security.grant(connection, role=role)
    OWNER.update({name: settings[name] for name in ("USER", "PASSWORD")})
    connection.close()
    settings.update(USER=role, PASSWORD=password)
    bound = row_security.role_of(connection)
    assert not bound.unbound, f"row level security does not bind {role}"
    assert not bound.owner, f"{role} owns tables"
    yield
    connection.close()
    settings.update(OWNER)


def _make(role: str, password: str) -> None:
    """Make the role, or give the one of an earlier run a new password."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
        verb = "ALTER" if cursor.fetchone() is not None else "CREATE"
        cursor.execute(f'{verb} ROLE "{role}" LOGIN PASSWORD %s', [password])
        # No test outlives the power, so none waits for the disk.
        cursor.execute(f'ALTER ROLE "{role}" SET synchronous_commit = off')
