"""The back office's side bar: what an operator works with first, what is set up once after that."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

# Group → (app_label.model, icon of the theme's icon font)
GROUPS: tuple[tuple[str | Promise, tuple[tuple[str, str], ...]], ...] = (
    (
        _("Work"),
        (
            ("calls.call", "call"),
            ("calls.callbackrequest", "phone_callback"),
            ("calls.waitingwish", "hourglass_empty"),
            ("scheduling.appointment", "event"),
            ("scheduling.customer", "person"),
        ),
    ),
    (
        _("Look into"),
        (
            ("scheduling.bookingattempt", "pending_actions"),
            ("calls.functioncall", "terminal"),
            ("calls.callevent", "bolt"),
            ("calls.offer", "sell"),
            ("scheduling.hold", "lock_clock"),
            ("scheduling.calendarsweep", "sync"),
        ),
    ),
    (
        _("Set up"),
        (
            ("tenants.company", "apartment"),
            ("tenants.branch", "store"),
            ("services.service", "spa"),
            ("services.branchservice", "event_repeat"),
            ("services.eventtype", "calendar_month"),
            ("scheduling.calendaraccount", "key"),
            ("tenants.phonenumber", "dialpad"),
            ("calls.telephonyaccount", "settings_phone"),
            ("calls.accountcompany", "hub"),
            ("flags.flagsetting", "toggle_on"),
        ),
    ),
    (
        _("Access"),
        (
            ("auth.user", "group"),
            ("tenants.membership", "badge"),
            ("operations.auditentry", "history"),
            ("flags.flagchange", "flag"),
            ("axes.accessattempt", "gpp_bad"),
        ),
    ),
)

# Where the page is more than a list of its rows.
TITLES: dict[str, str | Promise] = {"flags.flagsetting": _("Feature flags")}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with what this operator may see."""
    dashboard = {"title": _("Dashboard"), "icon": "dashboard", "link": reverse_lazy("admin:index")}
    groups: list[dict[str, Any]] = [{"title": None, "items": [dashboard]}]
    for title, entries in GROUPS:
        items = [item for label, icon in entries if (item := _item(request, label, icon)) is not None]
        if items:
            groups.append({"title": title, "items": items})
    return groups


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """What stands under the operator's own name."""
    return [{"title": _("Second factor"), "link": reverse_lazy("admin:second_factor")}]


def stylesheet(request: HttpRequest) -> str:
    """The dashboard's own style sheet."""
    return static("operations/back_office.css")


def icon(request: HttpRequest) -> str:
    """The picture on the browser's tab."""
    return static("operations/icon.svg")


def _item(request: HttpRequest, label: str, icon: str) -> dict[str, Any] | None:
    found = next(
        (one for model, one in admin.site._registry.items() if model._meta.label_lower == label), None
    )
    if found is None or not found.has_view_permission(request):
        return None
    address = reverse(f"admin:{label.replace('.', '_')}_changelist")
    title = TITLES.get(label, found.opts.verbose_name_plural)
    return {"title": capfirst(str(title)), "icon": icon, "link": address}
