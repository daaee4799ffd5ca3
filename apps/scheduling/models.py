"""The truth about appointments: what was asked of the calendar, and what it confirmed."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.encryption import EncryptedTextField
from apps.services.models import EventType, Service
from apps.tenants.models import Branch, Company
from apps.tenants.scoping import TenantModel

# No 0/o, 1/l/i, u/v: a reference is read aloud.
REFERENCE_ALPHABET = "abcdefghjkmnpqrstwxyz23456789"


def new_reference() -> str:
    """A short reference a caller can say and hear: six unmistakable characters."""
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(6))


class CalendarAccount(TenantModel):
    """A company's access to Cal.com. The key is never shown again after it was set."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="calendar_account")
    base_url = models.URLField(_("address"), default="https://api.cal.com/v2")
    api_key = EncryptedTextField(_("API key"))
    webhook_secret = EncryptedTextField(_("webhook secret"), blank=True, default="")
    # Where the drift check stands: everything updated before it has been compared.
    followed_until = models.DateTimeField(_("followed until"), null=True, blank=True)
    # The last webhook of this calendar whose signature was right.
    webhook_received_at = models.DateTimeField(_("last webhook"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("calendar account")
        verbose_name_plural = _("calendar accounts")

    def __str__(self) -> str:
        return self.base_url


class Customer(TenantModel):
    """A person as one company knows them: by number, never across companies."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    # NULL, not "", for a withheld number: two of them must not collide (incident 39).
    phone = models.CharField(_("phone"), max_length=16, null=True, blank=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    email = models.EmailField(_("e-mail"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = [
            models.UniqueConstraint(fields=["company", "phone"], name="customer_once_per_number"),
            models.CheckConstraint(
                condition=Q(phone__isnull=True) | Q(phone__startswith="+"),
                name="customer_phone_is_international",
            ),
            models.CheckConstraint(condition=~Q(email=""), name="customer_email_is_null_not_empty"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Appointment(TenantModel):
    """What stands in the calendar, as far as we know it."""

    class Status(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        REQUESTED = "requested", _("requested")
        CANCELLED = "cancelled", _("cancelled")
        REJECTED = "rejected", _("rejected")

    # The only ways a status may change; enforced by a conditional UPDATE in `truth`.
    TRANSITIONS: ClassVar[dict[str, frozenset[str]]] = {
        Status.REQUESTED: frozenset({Status.CONFIRMED, Status.CANCELLED, Status.REJECTED}),
        # A move of what the business must confirm asks anew.
        Status.CONFIRMED: frozenset({Status.REQUESTED, Status.CANCELLED, Status.REJECTED}),
        Status.REJECTED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
    OPEN: ClassVar[tuple[str, ...]] = (Status.CONFIRMED, Status.REQUESTED)

    # Columns that begin a composite index have none of their own: each costs every booking a write.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    reference = models.CharField(_("reference"), max_length=8, default=new_reference)
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+")
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(
        Customer, on_delete=models.SET_NULL, null=True, blank=True, related_name="appointments"
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    start = models.DateTimeField(_("start"))
    end = models.DateTimeField(_("end"))
    attendee_name = models.CharField(_("attendee"), max_length=80, blank=True)
    calendar_uid = models.CharField(_("calendar uid"), max_length=120)
    # The uid it was first booked under: Cal.com gives a new one at every reschedule.
    root_uid = models.CharField(max_length=120)
    seat_uid = models.CharField(max_length=120, blank=True)
    moves = models.PositiveSmallIntegerField(_("moves"), default=0)
    booked_elsewhere = models.BooleanField(_("booked elsewhere"), default=False)
    # The calendar's own clock of the last change we applied; an older webhook changes nothing.
    calendar_changed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        ordering = ["start"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "calendar_uid", "seat_uid"], name="one_appointment_per_booking"
            ),
            models.UniqueConstraint(fields=["company", "reference"], name="reference_once_per_company"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="appointment_ends_after_it_starts"),
            models.CheckConstraint(condition=~Q(calendar_uid=""), name="appointment_stands_in_the_calendar"),
            models.CheckConstraint(
                condition=Q(status__in=["confirmed", "requested", "cancelled", "rejected"]),
                name="appointment_status_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["event_type", "start"], name="appointment_by_calendar"),
            models.Index(fields=["company", "customer", "start"], name="appointment_by_customer"),
            models.Index(fields=["company", "root_uid"], name="appointment_by_root"),
        ]

    def __str__(self) -> str:
        return self.reference


class BookingAttempt(TenantModel):
    """One thing asked of the calendar. Written before it is asked, settled by what the calendar says."""

    class Kind(models.TextChoices):
        BOOK = "book", _("book")
        RESCHEDULE = "reschedule", _("reschedule")
        CANCEL = "cancel", _("cancel")

    class State(models.TextChoices):
        REQUESTED = "requested", _("requested")
        SUBMITTING = "submitting", _("submitting")
        CONFIRMED = "confirmed", _("confirmed")
        REJECTED = "rejected", _("rejected")
        UNKNOWN = "unknown", _("unknown")

    TRANSITIONS: ClassVar[dict[str, frozenset[str]]] = {
        State.REQUESTED: frozenset({State.SUBMITTING, State.REJECTED}),
        State.SUBMITTING: frozenset({State.CONFIRMED, State.REJECTED, State.UNKNOWN}),
        State.UNKNOWN: frozenset({State.CONFIRMED, State.REJECTED}),
        # A booking that appears after we gave up is adopted: the calendar has the last word.
        State.REJECTED: frozenset({State.CONFIRMED}),
        State.CONFIRMED: frozenset(),
    }
    UNSETTLED: ClassVar[tuple[str, ...]] = (State.REQUESTED, State.SUBMITTING, State.UNKNOWN)

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.REQUESTED)
    # The same wish again in the same call is the same attempt.
    idempotency_key = models.CharField(max_length=64)
    # Sent as metadata and looked for in the calendar; ours alone.
    calendar_key = models.CharField(max_length=40, unique=True)
    # The booking that is to be moved or cancelled, as the calendar called it when it was asked.
    asked_uid = models.CharField(max_length=120, blank=True)
    # The conversation it belongs to: opaque here, scheduling knows nothing of phones.
    owner = models.CharField(max_length=80, db_index=True)
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+")
    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The appointment that came of it, or that is moved or cancelled.
    appointment = models.ForeignKey(
        Appointment, on_delete=models.SET_NULL, null=True, blank=True, related_name="attempts"
    )
    start = models.DateTimeField(_("start"))
    end = models.DateTimeField(_("end"))
    attendee_name = models.CharField(_("attendee"), max_length=80, blank=True)
    attendee_phone = models.CharField(_("phone"), max_length=16, blank=True)
    attendee_email = models.CharField(_("e-mail"), max_length=254, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    error_detail = models.CharField(_("for the operator"), max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    # When reconciliation looks next; set whenever the state is not an end state.
    check_at = models.DateTimeField(null=True, blank=True)
    checks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("booking attempt")
        verbose_name_plural = _("booking attempts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["company", "idempotency_key"], name="attempt_once_per_wish"),
            models.CheckConstraint(
                condition=Q(state__in=["requested", "submitting", "confirmed", "rejected", "unknown"]),
                name="attempt_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(appointment__isnull=False) | Q(settled_at__isnull=False),
                name="attempt_confirmed_is_settled",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["confirmed", "rejected"]) | Q(check_at__isnull=False),
                name="attempt_open_is_looked_at",
            ),
        ]
        indexes = [
            models.Index(fields=["event_type", "start"], name="attempt_by_calendar"),
            models.Index(fields=["company", "created_at"], name="attempt_by_time"),
            models.Index(
                fields=["check_at"],
                name="attempt_due",
                condition=Q(state__in=["requested", "submitting", "unknown"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk} {self.state}"


class Hold(TenantModel):
    """An offered slot kept for one conversation until it expires. One row a seat, by constraint.

    Of the company: what others who use the event type have offered is not known to it, nor in its way.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    event_type = models.ForeignKey(EventType, on_delete=models.CASCADE, related_name="+", db_index=False)
    start = models.DateTimeField(_("start"))
    end = models.DateTimeField(_("end"))
    seat = models.PositiveSmallIntegerField(default=0)
    owner = models.CharField(max_length=80)
    expires_at = models.DateTimeField(_("expires"))
    # Cal.com's own reservation, when the flag calcom_reservations is on.
    reservation_uid = models.CharField(max_length=80, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "event_type", "start", "seat"], name="one_hold_per_seat"
            ),
            models.UniqueConstraint(
                fields=["company", "event_type", "start", "owner"], name="one_hold_per_owner_and_start"
            ),
        ]
        indexes = [models.Index(fields=["company", "owner"], name="hold_by_owner")]

    def __str__(self) -> str:
        return f"{self.event_type_id} {self.start.isoformat()}"


class CalendarSweep(TenantModel):
    """A change of a calendar, and when the tidying up after it was done: what the monitoring counts."""

    event_type = models.ForeignKey(EventType, on_delete=models.CASCADE, related_name="+")
    changed_at = models.DateTimeField(_("changed"))
    # The event type's own record of its last new version, read after the change.
    raised_at = models.DateTimeField(_("version raised at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("sweep finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("calendar change")
        verbose_name_plural = _("calendar changes")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["company", "changed_at"], name="sweep_by_time"),
            models.Index(
                fields=["company", "event_type"],
                name="sweep_unfinished",
                condition=Q(finished_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type_id} {self.changed_at.isoformat()}"
