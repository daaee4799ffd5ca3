"""The record of what operators changed: written once, never edited."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.errors import PlatformError
from apps.tenants.models import Company
from apps.tenants.scoping import TenantModel


class RecordIsFinal(PlatformError):
    """Somebody was about to rewrite history."""

    code = "record_is_final"
    message = "An entry of the audit log cannot be changed."


class AuditEntry(TenantModel):
    """Who changed what, with old and new values; of a secret only that it changed."""

    class Action(models.TextChoices):
        ADDED = "added", _("added")
        CHANGED = "changed", _("changed")
        DELETED = "deleted", _("deleted")
        DONE = "done", _("done")

    company = models.ForeignKey(  # type: ignore[assignment]  # NULL: what belongs to no company
        Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("company")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Kept beside the account, which may be deleted one day.
    username = models.CharField(_("by"), max_length=150)
    at = models.DateTimeField(_("at"), auto_now_add=True)
    action = models.CharField(_("action"), max_length=10, choices=Action.choices)
    model = models.CharField(_("kind of row"), max_length=60)
    object_id = models.CharField(max_length=40)
    label = models.CharField(_("row"), max_length=200)
    # {"field": [old, new]}, of a secret {"field": "changed"}
    changes = models.JSONField(_("changes"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["company", "at"], name="audit_by_time"),
            models.Index(fields=["model", "object_id"], name="audit_by_row"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.get_action_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise RecordIsFinal
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RecordIsFinal
