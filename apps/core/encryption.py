"""Secrets at rest: a text field that the database only ever sees encrypted.

Fernet keys come from ``FIELD_ENCRYPTION_KEYS``, newest first: the first encrypts, all decrypt.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS holds a value that is not a Fernet key") from error


def cipher() -> MultiFernet:
    """The cipher of the configured keys."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=256)
def _decrypted(keys: tuple[str, ...], token: str) -> str:
    """Each call needs the same few secrets; a token never changes what it stands for."""
    return _cipher(keys).decrypt(token.encode()).decode()


class EncryptedTextField(TextField):
    """Text stored as a Fernet token; the empty string stays empty, so that "not set" is visible.

    It cannot be filtered on: two encryptions of one text differ.
    """

    description = "Encrypted text"

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        if not text:
            return text
        return cipher().encrypt(str(text).encode()).decode()

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        try:
            return _decrypted(tuple(settings.FIELD_ENCRYPTION_KEYS), value)
        except InvalidToken as error:
            raise ImproperlyConfigured(
                f"{self.model._meta.label}.{self.name} cannot be decrypted with FIELD_ENCRYPTION_KEYS"
            ) from error
