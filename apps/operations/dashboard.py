"""The first page of the back office: how the operator's companies are doing, and what waits for somebody."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from django.contrib import admin
from django.db import models
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.calls.models import Call, CallbackRequest
from apps.core import background, caching, runtime
from apps.core.breaker import troubled
from apps.operations.monitoring import Line, Period, confirmed_bookings, table
from apps.operations.targets import TARGETS, targets_of
from apps.scheduling.models import BookingAttempt, CalendarAccount, CalendarSweep
from apps.services.models import BranchService
from apps.tenants.models import Company
from apps.tenants.scoping import company_scope

HOURS = 24
MOST_CALENDARS = 12
BEHIND = timedelta(seconds=60)

Tone = Literal["ok", "warn", "alert", "plain"]

NAMES: dict[str, tuple[str | Promise, str | Promise]] = {
    "booking_success_rate": (_("Bookings"), _("Calls that wanted an appointment and got one")),
    "conflict_rate": (_("Conflicts"), _("Slots that had gone when they were booked")),
    "alternatives_rate": (_("Alternatives"), _("Offered when the wish was not free")),
    "call_duration": (_("Length of calls"), _("Average of calls with a booking")),
    "invalidations": (_("Invalidations"), _("Calendar changes tidied up within a minute")),
    "timeout_rate": (_("Timeouts"), _("Calendar requests past their deadline")),
    "confirmations": (_("Read-backs"), _("Confirmations asked per booking")),
    "latency_p95": (_("Answer time"), _("95 of 100 functions are faster")),
}
STATES: dict[str, str | Promise] = {
    "ok": _("good"),
    "warn": _("below target"),
    "alert": _("alert"),
    "no_data": _("too few cases"),
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One number that matters now, and where it leads."""

    title: str | Promise
    value: int | str | Promise
    tone: Tone = "plain"
    note: str | Promise = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of the table as it is read."""

    line: Line
    name: str | Promise
    meaning: str | Promise
    state: str | Promise


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """One company's calendar: is it spoken to, and does it speak to us?"""

    account: CalendarAccount
    breaker: str

    @property
    def tone(self) -> Tone:
        """Worst first."""
        if self.breaker == "open":
            return "alert"
        return "warn" if self.breaker == "half_open" or self.account.webhook_received_at is None else "ok"


def dashboard_callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The theme's hook: what ``templates/admin/index.html`` shows."""
    companies = list(Company.objects.order_by("name"))
    chosen = next((one for one in companies if one.slug == request.GET.get("company")), None)
    if chosen is None and len(companies) == 1:
        chosen = companies[0]
    scope: AbstractContextManager[None] = company_scope(chosen.pk) if chosen else nullcontext()
    with scope:
        return {
            **context,
            **_content(chosen),
            "companies": companies,
            "chosen": chosen,
            "links": _links(request),
        }


def _content(chosen: Company | None) -> dict[str, Any]:
    period = Period.last(hours=HOURS)
    lines = table(period, targets=targets_of(chosen.targets) if chosen else TARGETS)
    calendars = _calendars()
    return {
        "metrics": [MetricRow(line, *NAMES[line.metric], STATES[line.state]) for line in lines],
        "tiles": [*_today(chosen), *_waiting(), _breakers(calendars), _helpers()],
        "calendars": calendars[:MOST_CALENDARS],
        "empty_calendars": _empty_calendars(),
    }


# --- Tiles --------------------------------------------------------------------------------------


def address(model: type[models.Model], **filters: str) -> str:
    """The list of a model, filtered."""
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{page}?{urlencode(filters)}" if filters else page


def _today(chosen: Company | None) -> list[Tile]:
    """Since midnight, on the company's own clock."""
    zone = chosen.zone if chosen is not None else timezone.get_current_timezone()
    midnight = timezone.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    today = Period.since_then(midnight)
    calls = Call.objects.filter(today.of("created_at")).aggregate(
        all=Count("pk"), now=Count("pk", filter=Q(state__in=("inbound", "ongoing")))
    )
    note = _("%(count)d of them still on") % {"count": calls["now"]} if calls["now"] else ""
    booked = confirmed_bookings(today).count()
    return [
        Tile(_("Calls today"), calls["all"], note=note, link=address(Call)),
        Tile(
            _("Booked today"),
            booked,
            link=address(BookingAttempt, kind__exact="book", state__exact="confirmed"),
        ),
    ]


def _waiting() -> list[Tile]:
    """What waits for a person, and what waits for the calendar."""
    callbacks = CallbackRequest.objects.filter(status=CallbackRequest.Status.OPEN).count()
    overdue = timezone.now() - BEHIND
    found = BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED).aggregate(
        unknown=Count("pk", filter=Q(state=BookingAttempt.State.UNKNOWN) | Q(check_at__lte=overdue)),
        behind=Count("pk", filter=Q(check_at__lte=overdue)),
    )
    return [
        Tile(
            _("Open callbacks"),
            callbacks,
            tone="warn" if callbacks else "ok",
            link=address(CallbackRequest, status__exact="open"),
        ),
        Tile(
            _("Pending bookings"),
            found["unknown"],
            tone="alert" if found["behind"] else "warn" if found["unknown"] else "ok",
            note=_overdue(found["behind"]) if found["behind"] else "",
            link=address(BookingAttempt, state__exact="unknown"),
        ),
    ]


def _overdue(count: int) -> str:
    text = ngettext(
        "%(count)d should have been looked up already",
        "%(count)d should have been looked up already",
        count,
    )
    return text % {"count": count}


def _breakers(calendars: Iterable[CalendarRow]) -> Tile:
    broken = [row for row in calendars if row.breaker != "closed"]
    return Tile(
        _("Calendars left alone"),
        len(broken),
        tone="alert" if broken else "ok",
        note=", ".join(str(row.account.company) for row in broken[:3]),
        link=address(CalendarAccount),
    )


def _helpers() -> Tile:
    """Cache, queue and worker: none of them may fail a call, all of them may be missing."""
    notes = []
    since: datetime = timezone.now() - BEHIND
    if CalendarSweep.objects.filter(
        finished_at__isnull=True, changed_at__range=(since - timedelta(hours=1), since)
    ):
        notes.append(_("The worker is behind."))
    if caching.failures() or runtime.redis_health().degraded:
        notes.append(_("The cache has failed."))
    if background.lost():
        notes.append(_("Tasks could not be queued."))
    if not notes:
        return Tile(_("Cache and worker"), _("good"), tone="ok")
    return Tile(_("Cache and worker"), _("failing"), tone="alert", note=" ".join(map(str, notes)))


# --- Calendars ----------------------------------------------------------------------------------


def _calendars() -> list[CalendarRow]:
    """The calendars in scope, those in trouble first."""
    broken = {
        key: runtime.breaker(int(key)).state().state for key in troubled(runtime.circuits()) if key.isdigit()
    }
    accounts = CalendarAccount.objects.select_related("company").defer("api_key", "webhook_secret")
    rows = [
        CalendarRow(account, broken.get(str(account.pk), "closed"))
        for account in accounts.filter(company__active=True).order_by("company__name")
    ]
    return sorted(rows, key=lambda row: ("alert", "warn", "ok").index(row.tone))


def _empty_calendars() -> list[BranchService]:
    """Services whose calendar has listed nothing for weeks: more often unreachable than full."""
    rows = BranchService.objects.filter(active=True, event_type__empty_since__isnull=False)
    return list(
        rows.select_related("company", "service", "branch", "event_type").order_by("event_type__empty_since")[
            :MOST_CALENDARS
        ]
    )


def _links(request: HttpRequest) -> list[tuple[str | Promise, str]]:
    """Where an operator often goes next, as far as they may."""
    wanted: tuple[tuple[str | Promise, str], ...] = (
        (_("Calls"), "calls.call"),
        (_("Callbacks"), "calls.callbackrequest"),
        (_("Appointments"), "scheduling.appointment"),
        (_("Feature flags"), "flags.flagsetting"),
        (_("Calendar accounts"), "scheduling.calendaraccount"),
        (_("Audit log"), "operations.auditentry"),
    )
    registered = {model._meta.label_lower: one for model, one in admin.site._registry.items()}
    return [
        (name, address(registered[label].model))
        for name, label in wanted
        if registered[label].has_view_permission(request)
    ]
