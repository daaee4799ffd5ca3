"""Who is who: companies, their branches, the numbers that lead to them, the people who run them."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.tenants.scoping import CompanyScopedManager, TenantModel, guard

E164 = RegexValidator(
    r"^\+[1-9][0-9]{4,14}\Z", _("A phone number in international form, e.g. +493012345678.")
)


class Language(models.TextChoices):
    GERMAN = "de", _("German")
    ENGLISH = "en", _("English")


class Company(models.Model):
    """A tenant. Its own row is scoped by its own id."""

    SCOPE_FIELD: ClassVar[str] = "id"

    slug = models.SlugField(_("slug"), unique=True, max_length=60)
    name = models.CharField(_("name"), max_length=120)
    timezone = models.CharField(_("time zone"), max_length=60, default="Europe/Berlin")
    language = models.CharField(
        _("language"), max_length=2, choices=Language.choices, default=Language.GERMAN
    )
    holidays = models.CharField(
        _("holidays"), max_length=12, blank=True, help_text=_("Country or country-region.")
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), default=100, validators=[MinValueValidator(1)]
    )
    fallback_number = models.CharField(_("fallback number"), max_length=16, blank=True, validators=[E164])
    disclosure = models.TextField(_("disclosure"), blank=True)
    email_placeholder = models.CharField(_("e-mail placeholder"), max_length=120, blank=True)
    retention_days = models.PositiveIntegerField(_("retention (days)"), default=90)
    store_transcripts = models.BooleanField(_("store transcripts"), default=True)
    max_alternatives = models.PositiveSmallIntegerField(
        _("alternatives offered"), default=2, validators=[MinValueValidator(1), MaxValueValidator(3)]
    )
    targets = models.JSONField(_("monitoring targets"), default=dict, blank=True)
    active = models.BooleanField(_("active"), default=True)
    # Part of every cached answer's key: a change of hours or services must not meet an old answer.
    config_version = models.PositiveBigIntegerField(_("configuration version"), default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Self]] = CompanyScopedManager()

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def company_id(self) -> int:
        """The company of a company is itself."""
        return self.pk

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this company's days are counted."""
        return ZoneInfo(self.timezone)

    @property
    def country(self) -> str:
        """ISO country, for numbers said in national form."""
        return self.holidays[:2] or "DE"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            guard(self)
        super().save(*args, **kwargs)


class Branch(TenantModel):
    """A place of a company, with hours of its own."""

    slug = models.SlugField(_("slug"), max_length=60)
    name = models.CharField(_("name"), max_length=120)
    # {"mon": [["09:00", "13:00"], …]}; {} = no restriction; a weekday not listed is closed.
    hours = models.JSONField(_("hours"), default=dict, blank=True)
    closures = models.JSONField(_("closures"), default=list, blank=True, help_text=_("ISO dates."))
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("branch")
        verbose_name_plural = _("branches")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["company", "slug"], name="branch_slug_per_company")]

    def __str__(self) -> str:
        return self.name


class PhoneNumber(models.Model):
    """The directory: a dialled number leads to exactly one branch. Not a tenant table, on purpose:

    it is read before the tenant is known, and holds nothing but the way to it.
    """

    number = models.CharField(_("number"), max_length=16, unique=True, validators=[E164])
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    branch = models.ForeignKey(Branch, on_delete=models.CASCADE, related_name="+")
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("phone number")
        verbose_name_plural = _("phone numbers")
        ordering = ["number"]
        constraints = [
            models.CheckConstraint(condition=Q(number__startswith="+"), name="phone_number_is_international")
        ]

    def __str__(self) -> str:
        return self.number


class Membership(models.Model):
    """An operator's place in a company. Read before a scope exists, so not a tenant table."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        STAFF = "staff", _("staff")
        READ_ONLY = "read_only", _("read-only")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.READ_ONLY)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["user", "company"], name="one_membership_per_company")]

    def __str__(self) -> str:
        return f"{self.user_id} · {self.company_id} · {self.role}"

    @classmethod
    def company_ids_of(cls, user_id: int) -> tuple[int, ...]:
        """The companies this operator belongs to."""
        return tuple(cls.objects.filter(user_id=user_id).values_list("company_id", flat=True))
