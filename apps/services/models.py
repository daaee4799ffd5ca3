"""What can be booked: a company's services, and the calendar event type behind each per branch."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.tenants.models import Branch
from apps.tenants.scoping import TenantModel


class EventType(models.Model):
    """One bookable calendar of Cal.com, and the version of everything cached about it.

    Shared by every company that uses the event type, so that one UPDATE makes all cached answers of
    all of them unreachable. It holds no tenant's data and is therefore outside the policies.
    """

    base_url = models.URLField(_("calendar address"), max_length=200)
    external_id = models.PositiveBigIntegerField(_("event type id"))
    version = models.PositiveBigIntegerField(_("version"), default=1)
    raised_at = models.DateTimeField(_("version raised at"), null=True, blank=True)
    # Since when the calendar lists nothing at all for weeks: an unreachable host calendar looks like that.
    empty_since = models.DateTimeField(_("without any free time since"), null=True, blank=True)
    # Whether the event type demands an e-mail address; NULL until it was looked up.
    email_required = models.BooleanField(_("e-mail required"), null=True, blank=True)

    class Meta:
        verbose_name = _("event type")
        verbose_name_plural = _("event types")
        constraints = [
            models.UniqueConstraint(fields=["base_url", "external_id"], name="event_type_once_per_calendar")
        ]

    def __str__(self) -> str:
        return f"{self.external_id} @ {self.base_url}"


class Service(TenantModel):
    """Something a caller can ask for, with the rules for booking it."""

    slug = models.SlugField(_("slug"), max_length=60)
    name = models.CharField(_("name"), max_length=120)
    synonyms = models.JSONField(_("synonyms"), default=list, blank=True)
    duration_minutes = models.PositiveSmallIntegerField(
        _("duration (minutes)"), default=30, validators=[MinValueValidator(1)]
    )
    minimum_notice_minutes = models.PositiveIntegerField(_("notice before a start (minutes)"), default=0)
    cancel_notice_minutes = models.PositiveIntegerField(_("notice for changes (minutes)"), default=0)
    max_moves = models.PositiveSmallIntegerField(_("moves allowed"), null=True, blank=True)
    max_open_appointments = models.PositiveSmallIntegerField(
        _("open appointments allowed"), null=True, blank=True
    )
    capacity = models.PositiveSmallIntegerField(_("capacity"), default=1, validators=[MinValueValidator(1)])
    booking_fields = models.JSONField(_("answers to required fields"), default=dict, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["company", "slug"], name="service_slug_per_company")]

    def __str__(self) -> str:
        return self.name


class BranchService(TenantModel):
    """A service at a branch: the event type that is asked and booked."""

    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="services")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="places")
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="+")
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("service at a branch")
        verbose_name_plural = _("services at branches")
        constraints = [models.UniqueConstraint(fields=["branch", "service"], name="service_once_per_branch")]

    def __str__(self) -> str:
        return f"{self.service_id} @ {self.branch_id}"
