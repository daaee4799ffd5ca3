"""System checks of the installation itself; each has an id and a hint."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check
from django.core.exceptions import ImproperlyConfigured

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


def register() -> None:
    """Make the checks known to Django."""
    register_check(encryption_keys_work, Tags.security)
    register_check(data_dir_is_writable, Tags.files)
