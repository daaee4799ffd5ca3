"""What operators have set; what exists and what it means is declared in ``registry``."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.flags.registry import Flag
from apps.tenants.models import Company


class FlagSetting(models.Model):
    """One switch, for everyone (company NULL) or for one company. No row = default.

    Not a tenant table: the snapshot of all settings is read by every process.
    """

    name = models.CharField(_("flag"), max_length=40, choices=[(flag.value, flag.value) for flag in Flag])
    company = models.ForeignKey(Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    enabled = models.BooleanField(_("on"))
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("flag setting")
        verbose_name_plural = _("flag settings")
        ordering = ["name", "company_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(company__isnull=True), name="one_setting_for_everyone"
            ),
            models.UniqueConstraint(fields=["name", "company"], name="one_setting_per_company"),
        ]

    def __str__(self) -> str:
        return f"{self.name}={'on' if self.enabled else 'off'}"


class FlagChange(models.Model):
    """The history of a switch: who set what, when."""

    name = models.CharField(_("flag"), max_length=40)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    # "on", "off" or "default"
    before = models.CharField(_("before"), max_length=8)
    after = models.CharField(_("after"), max_length=8)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    source = models.CharField(_("by way of"), max_length=20)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("flag change")
        verbose_name_plural = _("flag changes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.before} → {self.after}"
