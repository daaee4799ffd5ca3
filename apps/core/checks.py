"""System checks of the installation itself; each has an id and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning
from django.core.checks import register as register_check
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from apps.core.encryption import cipher


def encryption_keys_work(**_: Any) -> list[CheckMessage]:
    """The configured keys encrypt and decrypt."""
    try:
        token = cipher().encrypt(b"probe")
        cipher().decrypt(token)
    except (ImproperlyConfigured, RuntimeError, ValueError):
        return [
            Error(
                "FIELD_ENCRYPTION_KEYS holds no usable Fernet key.",
                hint="Make one with cryptography.fernet.Fernet.generate_key().",
                id="core.E001",
            )
        ]
    return []


def data_dir_is_writable(**_: Any) -> list[CheckMessage]:
    """The data directory takes a file: the embedded database, cache and broker live there."""
    probe = settings.DATA_DIR / ".probe"
    try:
        probe.write_text("")
        probe.unlink()
    except OSError:
        return [Error(f"DATA_DIR {settings.DATA_DIR} is not writable.", id="core.E002")]
    return []


def tables_are_analyzed(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """PostgreSQL's autovacuum is on: what it tells of a table's size is what makes the plans for it good."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('autovacuum')")
                if cursor.fetchone() != ("on",):
                    found.append(
                        Warning(
                            "PostgreSQL's autovacuum is off: nothing tells the planner how tables grow.",
                            hint="Switch it on in postgresql.conf, or run VACUUM (ANALYZE) every minute.",
                            id="core.W003",
                        )
                    )
    return found


def register() -> None:
    """Make the checks known to Django."""
    register_check(encryption_keys_work, Tags.security)
    register_check(data_dir_is_writable, Tags.files)
    register_check(tables_are_analyzed, Tags.database)
