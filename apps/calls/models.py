"""The phone side: accounts at the provider, calls, what was asked in them and what was answered."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.encryption import EncryptedTextField
from apps.scheduling.models import REFERENCE_ALPHABET, Appointment, BookingAttempt
from apps.services.models import BranchService, Service
from apps.tenants.models import Branch, Company
from apps.tenants.scoping import TenantModel

TOKEN_CHARACTERS = 8


def new_slot_token() -> str:
    """An offer's token, unguessable enough within its call: ``s_`` and eight characters."""
    size = len(REFERENCE_ALPHABET)
    # One question to the system's randomness instead of eight.
    number = secrets.randbelow(size**TOKEN_CHARACTERS)
    return "s_" + "".join(
        REFERENCE_ALPHABET[number // size**place % size] for place in range(TOKEN_CHARACTERS)
    )


class TelephonyAccount(models.Model):
    """One workspace at a provider. The directory: found by the URL before any tenant is known."""

    slug = models.SlugField(_("slug"), unique=True, max_length=60)
    provider = models.CharField(_("provider"), max_length=20)
    # Where the provider's own API answers; blank = its public address.
    api_url = models.URLField(_("API address"), blank=True, default="")
    signing_key = EncryptedTextField(_("signing key"))
    previous_signing_key = EncryptedTextField(_("previous signing key"), blank=True, default="")
    previous_key_until = models.DateTimeField(_("previous key valid until"), null=True, blank=True)
    # Only the file that created the account may change its key.
    owner = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+", verbose_name=_("owner"))
    web_calls_branch = models.ForeignKey(
        Branch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("web calls branch"),
    )
    # Beside the branch, so that the way to a tenant needs no tenant's row.
    web_calls_company = models.ForeignKey(
        Company, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("telephony account")
        verbose_name_plural = _("telephony accounts")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        branch = self.web_calls_branch
        self.web_calls_company_id = branch.company_id if branch is not None else None
        super().save(*args, **kwargs)


class AccountCompany(models.Model):
    """Which companies an account serves: a number of any other company is unknown to it."""

    account = models.ForeignKey(TelephonyAccount, on_delete=models.CASCADE, related_name="companies")
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("company of an account")
        verbose_name_plural = _("companies of accounts")
        constraints = [
            models.UniqueConstraint(fields=["account", "company"], name="account_serves_company_once")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} → {self.company_id}"


class Call(TenantModel):
    """One telephone call and what it has agreed on so far."""

    class State(models.TextChoices):
        INBOUND = "inbound", _("inbound")
        ONGOING = "ongoing", _("ongoing")
        COMPLETED = "completed", _("completed")
        ANALYZED = "analyzed", _("analyzed")
        FAILED = "failed", _("failed")

    # Columns that begin a composite index have none of their own: each costs every call a write, and misleads
    # the planner while it does not know yet how large the table is. What changes during a call has none
    # either, so that a change of the row leaves every index as it is.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(TelephonyAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    external_id = models.CharField(_("provider's call id"), max_length=128)
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.INBOUND)
    direction = models.CharField(_("direction"), max_length=8, default="inbound")
    # E.164, or NULL when withheld.
    caller_number = models.CharField(_("caller"), max_length=16, null=True, blank=True)
    agent_version = models.CharField(_("agent version"), max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    duration_ms = models.PositiveBigIntegerField(_("duration (ms)"), null=True, blank=True)
    cost_cents = models.DecimalField(
        _("cost (cents)"), max_digits=12, decimal_places=4, null=True, blank=True
    )
    disconnection_reason = models.CharField(_("ended because"), max_length=80, blank=True)
    transcript = models.TextField(_("transcript"), blank=True)
    transcript_turns = models.PositiveIntegerField(default=0)
    analysis = models.JSONField(_("analysis"), default=dict, blank=True)
    # How trustworthy the event was that each of these facts came from (see ``facts.py``).
    fact_ranks = models.JSONField(default=dict, editable=False)
    # Whether the agent told the caller that something is booked; NULL = nobody knows what was spoken.
    said_booked = models.BooleanField(_("said to be booked"), null=True, blank=True)
    alarm = models.CharField(_("needs a look"), max_length=40, blank=True)

    # What stands for this call.
    standing_branch = models.ForeignKey(
        Branch, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    standing_service = models.ForeignKey(
        Service, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    standing_from = models.DateField(null=True, blank=True)
    standing_to = models.DateField(null=True, blank=True)
    # The last wish that was searched: "was anderes" goes on from there.
    last_wish = models.JSONField(null=True, blank=True)
    # What was said of a wish that could not be searched yet, for want of an answer to a question.
    open_wish = models.JSONField(null=True, blank=True)
    spoken_name = models.CharField(_("name said"), max_length=80, blank=True)
    spoken_phone = models.CharField(_("number said"), max_length=16, blank=True)
    spoken_email = models.EmailField(_("e-mail said"), blank=True)
    # What the last `confirm` named: {"action", "start", "place", "appointment"}; null = nothing stands.
    standing_confirm = models.JSONField(null=True, blank=True)
    confirmations = models.PositiveSmallIntegerField(_("confirmations asked"), default=0)
    refusals = models.PositiveSmallIntegerField(_("offers refused"), default=0)
    wanted_appointment = models.BooleanField(_("wanted an appointment"), default=False)

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "external_id"], name="call_once_per_account"),
            models.CheckConstraint(
                condition=Q(state__in=["inbound", "ongoing", "completed", "analyzed", "failed"]),
                name="call_state_is_known",
            ),
        ]
        indexes = [models.Index(fields=["company", "created_at"], name="call_by_time")]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def owner_key(self) -> str:
        """Who this conversation is for scheduling: holder of slots, asker of attempts."""
        return f"call:{self.pk}"


class CallTransition(TenantModel):
    """One change of a call's state: history, in order."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="transitions")
    from_state = models.CharField(max_length=10)
    to_state = models.CharField(max_length=10)
    event = models.CharField(max_length=60)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("change of state")
        verbose_name_plural = _("changes of state")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class CallEvent(TenantModel):
    """A provider's event as it came; of an unknown number: kept without a tenant."""

    company = models.ForeignKey(  # type: ignore[assignment]  # the one that may be nobody's
        Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    account = models.ForeignKey(TelephonyAccount, on_delete=models.CASCADE, related_name="+")
    call = models.ForeignKey(Call, on_delete=models.CASCADE, null=True, blank=True, related_name="events")
    kind = models.CharField(max_length=60)
    dedup_key = models.CharField(max_length=64)
    # The provider's call id, so that what came before the call was known can still be found.
    external_id = models.CharField(max_length=128, blank=True)
    # False for an event, or a reason for the end of a call, that its provider's adapter does not know.
    recognised = models.BooleanField(_("recognised"), default=True)
    payload = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("call event")
        verbose_name_plural = _("call events")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "dedup_key"], name="event_once_per_account")
        ]
        indexes = [
            models.Index(
                fields=["account", "external_id"], name="event_of_nobody", condition=Q(company__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class FunctionCall(TenantModel):
    """One in-call function: the log, and the memory that makes a retry get the first answer."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(TelephonyAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    call = models.ForeignKey(
        Call, on_delete=models.CASCADE, null=True, blank=True, related_name="functions", db_index=False
    )
    # sha256 of the signature (and of the position, where one request carries several tool calls).
    signature_key = models.CharField(max_length=64)
    # sha256 of call id, function and tool call id; NULL without a tool call id.
    tool_key = models.CharField(max_length=64, null=True, blank=True)
    # sha256 of function and arguments, for the loop guard.
    argument_key = models.CharField(max_length=64)
    name = models.CharField(_("function"), max_length=64)
    arguments = models.JSONField(_("arguments"), default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    status = models.CharField(_("status"), max_length=24, blank=True)
    answer = models.JSONField(_("answer"), null=True, blank=True)
    confirmation = models.CharField(max_length=5, blank=True)
    started_at = models.DateTimeField(_("started"))
    duration_ms = models.PositiveIntegerField(_("duration (ms)"), null=True, blank=True)
    upstream_requests = models.PositiveSmallIntegerField(default=0)
    upstream_timeouts = models.PositiveSmallIntegerField(default=0)
    retries = models.PositiveSmallIntegerField(_("retries answered"), default=0)
    # When somebody who asked the same again was told that it is being checked, and not the answer.
    told_to_wait_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("function call")
        verbose_name_plural = _("function calls")
        ordering = ["-id"]
        constraints = [
            # The account last: no plan for one key can be misled into reading an account's whole log.
            models.UniqueConstraint(fields=["signature_key", "account"], name="function_once_per_signature"),
            models.UniqueConstraint(fields=["tool_key", "account"], name="function_once_per_tool_call"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(answer__isnull=False), name="function_done_has_an_answer"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "started_at"], name="function_by_time"),
            models.Index(fields=["call", "argument_key", "started_at"], name="function_by_arguments"),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"


class Offer(TenantModel):
    """A free slot that was named to the caller; only such slots are booked without a read-back."""

    # Offers are only ever looked for in their call.
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+", db_index=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="offers", db_index=False)
    token = models.CharField(max_length=16, default=new_slot_token)
    place = models.ForeignKey(BranchService, on_delete=models.CASCADE, related_name="+", db_index=False)
    start = models.DateTimeField()
    # Offers of one answer share a round; "der zweite" means the second of the last round.
    round = models.PositiveIntegerField()
    position = models.PositiveSmallIntegerField()
    # Set when the offer is for moving this appointment: then only that may be done with it.
    moving = models.ForeignKey(
        Appointment, on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    # The slot of a `confirm` was not offered: it is booked only after a yes to what was read back.
    read_back = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        ordering = ["round", "position"]
        constraints = [models.UniqueConstraint(fields=["call", "token"], name="offer_token_once_per_call")]
        indexes = [
            models.Index(fields=["call", "round"], name="offer_by_round"),
            models.Index(fields=["moving"], name="offer_to_move", condition=Q(moving__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.token


class CallbackRequest(TenantModel):
    """Somebody of the business should call back: an outcome with an owner, not an apology."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        DONE = "done", _("done")

    REASONS: ClassVar[tuple[str, ...]] = (
        "caller",
        "late_booking",
        "lost_booking",
        "lost_change",
        "double_booking",
        "promised_not_booked",
        "booked_not_promised",
        "settled_late",
        "waiting_list",
    )

    call = models.ForeignKey(Call, on_delete=models.SET_NULL, null=True, blank=True, related_name="callbacks")
    branch = models.ForeignKey(Branch, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=24, default="caller")
    name = models.CharField(_("name"), max_length=80, blank=True)
    phone = models.CharField(_("phone"), max_length=16, blank=True)
    topic = models.CharField(_("topic"), max_length=300, blank=True)
    preferred = models.CharField(_("when"), max_length=200, blank=True)
    dedup_key = models.CharField(max_length=80)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("callback request")
        verbose_name_plural = _("callback requests")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["company", "dedup_key"], name="callback_once_per_reason")
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class SettlementNotice(TenantModel):
    """What became of a booking that was answered `pending`: told once, to the agent or the operator."""

    class Told(models.TextChoices):
        NOBODY = "", _("nobody yet")
        AGENT = "agent", _("the agent, during the call")
        OPERATOR = "operator", _("the operator")

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="settlements")
    attempt = models.ForeignKey(BookingAttempt, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(_("outcome"), max_length=10)
    told = models.CharField(_("told"), max_length=8, choices=Told.choices, blank=True, default=Told.NOBODY)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("late outcome")
        verbose_name_plural = _("late outcomes")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "state"], name="outcome_told_once"),
        ]

    def __str__(self) -> str:
        return f"{self.attempt_id} {self.state}"


class WaitingWish(TenantModel):
    """A wish that nothing was free for: the next slot that fits is offered to whoever has waited longest."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        OFFERED = "offered", _("offered")

    call = models.ForeignKey(Call, on_delete=models.SET_NULL, null=True, blank=True, related_name="wishes")
    place = models.ForeignKey(BranchService, on_delete=models.CASCADE, related_name="+")
    # Inclusive, on the branch's clock; NULL = any time of day.
    date_from = models.DateField(_("from"))
    date_to = models.DateField(_("to"))
    time_from = models.TimeField(null=True, blank=True)
    time_to = models.TimeField(null=True, blank=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    phone = models.CharField(_("phone"), max_length=16)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.OPEN)
    offered_start = models.DateTimeField(_("offered"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("waiting wish")
        verbose_name_plural = _("waiting list")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["call", "place", "date_from", "date_to"], name="wish_once_per_call"
            ),
            models.CheckConstraint(
                condition=Q(date_to__gte=models.F("date_from")), name="wish_ends_after_it_starts"
            ),
        ]
        indexes = [
            models.Index(fields=["company", "status", "date_to"], name="wish_open"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.date_from}"
