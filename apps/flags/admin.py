"""The switchboard of feature flags, and its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.edits import Edit, edited
from apps.flags.models import FlagChange, FlagSetting
from apps.flags.registry import Flag, declarations
from apps.flags.state import Choice, choose
from apps.tenants.back_office import OperatorAdmin
from apps.tenants.models import Company
from apps.tenants.operators import Operator, Rank, operator_of

CHOICES: tuple[Choice, ...] = ("on", "off", "default")
NAMES: dict[str, str | Promise] = {"on": _("on"), "off": _("off"), "default": _("default")}
RECENT = 20


@dataclass(frozen=True, slots=True)
class Switch:
    """One flag for everyone (``company`` None) or for one company, as it is set and as it holds."""

    company: Company | None
    choice: Choice
    on: bool
    may_set: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One flag with its switches."""

    flag: Flag
    meaning: str | Promise
    default: bool
    switches: tuple[Switch, ...]


def switchboard(operator: Operator, companies: list[Company]) -> list[Row]:
    """Every flag with what is set and in force, for everyone and for these companies.

    Read from the database, not from the process's copy: whoever has just set a switch sees it set.
    """
    rows = FlagSetting.objects.filter(Q(company__isnull=True) | Q(company__in=companies))
    chosen = {(row.name, row.company_id): row.enabled for row in rows}

    def switch(flag: Flag, company: Company | None, default: bool) -> Switch:
        everyone = chosen.get((flag.value, None))
        own = everyone if company is None else chosen.get((flag.value, company.pk))
        choice: Choice = "default" if own is None else ("on" if own else "off")
        inherited = default if everyone is None else everyone
        may_set = operator.is_superuser if company is None else operator.may_in(company.pk, Rank.STAFF)
        return Switch(company, choice, inherited if own is None else own, may_set)

    return [
        Row(
            flag,
            declared.meaning,
            declared.default,
            tuple(switch(flag, company, declared.default) for company in (None, *companies)),
        )
        for flag, declared in declarations().items()
    ]


@admin.register(FlagSetting)
class FlagSettingAdmin(OperatorAdmin):
    """One page with a switch for each flag; what is set here is in force everywhere within five seconds."""

    to_view = Rank.READ_ONLY

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        return _own_and_everyones(super(OperatorAdmin, self).get_queryset(request), operator_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operator_of(request).may(self.to_view)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        operator = operator_of(request)
        companies = list(Company.objects.order_by("name"))
        if request.method == "POST":
            return self._set(request, operator, companies)
        history = _own_and_everyones(FlagChange.objects.select_related("company", "user"), operator)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Feature flags"),
            "opts": self.opts,
            "rows": switchboard(operator, companies),
            "choices": NAMES.items(),
            "history": [(one, NAMES[one.before], NAMES[one.after]) for one in history[:RECENT]],
        }
        return TemplateResponse(request, "admin/flags/switchboard.html", context)

    def _set(self, request: HttpRequest, operator: Operator, companies: list[Company]) -> HttpResponse:
        flag = next((flag for flag in Flag if flag.value == request.POST.get("flag")), None)
        choice = next((choice for choice in CHOICES if choice == request.POST.get("choice")), None)
        named = request.POST.get("company", "")
        company = next((one for one in companies if str(one.pk) == named), None)
        if flag is None or choice is None or (named and company is None):
            return HttpResponseBadRequest()
        allowed = operator.is_superuser or (company is not None and operator.may_in(company.pk, Rank.STAFF))
        if not allowed:
            raise PermissionDenied
        company_id = company.pk if company is not None else None
        before = choose(flag, choice, company_id=company_id, user_id=request.user.pk, source="admin")
        if before != choice:
            self._record(request, flag, before, choice, company_id)
        where = company.name if company is not None else _("everyone")
        self.message_user(
            request,
            _("%(flag)s is set to “%(choice)s” for %(where)s.")
            % {"flag": flag.value, "choice": NAMES[choice], "where": where},
        )
        return redirect("admin:flags_flagsetting_changelist")

    def _record(
        self, request: HttpRequest, flag: Flag, before: Choice, after: Choice, company_id: int | None
    ) -> None:
        edit = Edit(
            user_id=request.user.pk,
            username=request.user.get_username(),
            action="changed",
            model=FlagSetting._meta.label_lower,
            object_id=flag.value,
            label=flag.value,
            company_id=company_id,
            changes={"choice": [before, after]},
        )
        edited.send(sender=FlagSetting, edit=edit)


def _own_and_everyones(rows: QuerySet[Any], operator: Operator) -> QuerySet[Any]:
    """What was set for the operator's companies and for everyone."""
    companies = operator.companies(Rank.READ_ONLY)
    return rows if companies is None else rows.filter(Q(company__isnull=True) | Q(company__in=companies))


@admin.register(FlagChange)
class FlagChangeAdmin(OperatorAdmin):
    """Who set which switch, when."""

    list_display = ("at", "name", "company", "before_name", "after_name", "by", "source")
    list_filter = ("name", "source")
    list_select_related = ("company", "user")
    search_fields = ("name",)
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        return _own_and_everyones(super(OperatorAdmin, self).get_queryset(request), operator_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operator_of(request).may(self.to_view)

    @admin.display(description=_("before"), ordering="before")
    def before_name(self, change: FlagChange) -> str:
        return str(NAMES[change.before])

    @admin.display(description=_("after"), ordering="after")
    def after_name(self, change: FlagChange) -> str:
        return str(NAMES[change.after])

    @admin.display(description=_("by"), ordering="user__username")
    def by(self, change: FlagChange) -> str:
        """Who it was, where it was a person."""
        return change.user.get_username() if change.user is not None else "–"
