"""Encrypt every stored secret with the newest of ``FIELD_ENCRYPTION_KEYS``; then the older ones may go."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import models, transaction

from apps.core.commands import OneLineCommand
from apps.core.encryption import EncryptedTextField
from apps.tenants.context import all_companies


class Command(OneLineCommand):
    """``rotate_keys``"""

    help = (
        "Encrypt every stored secret with the newest of FIELD_ENCRYPTION_KEYS. To change the key: put a new "
        "one in front, restart everything, run this, then take the old one out and restart again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for model in apps.get_models():
            names = [
                one.attname for one in model._meta.concrete_fields if isinstance(one, EncryptedTextField)
            ]
            if names:
                count = _rotated(model, names)
                self.stdout.write(f"{model._meta.label}: {count} row{'' if count == 1 else 's'}")


def _rotated(model: type[models.Model], names: list[str]) -> int:
    """Write each row's secrets again, one transaction a row; returns how many rows."""
    rows = model._base_manager
    count = 0
    with all_companies():
        for key in list(rows.order_by("pk").values_list("pk", flat=True)):
            try:
                with transaction.atomic():
                    row = rows.select_for_update().filter(pk=key).only(*names).first()
                    if row is not None:
                        count += rows.filter(pk=key).update(**{name: getattr(row, name) for name in names})
            except ImproperlyConfigured as error:
                raise CommandError(f"{model._meta.label} #{key}: {error}") from error
    return count
