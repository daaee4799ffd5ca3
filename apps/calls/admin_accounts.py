"""Accounts at the telephony providers. One may serve several companies: only its owner sees it whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from apps.calls.models import AccountCompany, TelephonyAccount
from apps.calls.providers import PROVIDERS
from apps.core.admin import BaseInline, stored
from apps.tenants.back_office import CompanyForm, OperatorAdmin
from apps.tenants.models import Branch, Company
from apps.tenants.operators import Rank, operator_of
from apps.tenants.scoping import all_companies

# As long as a changed company's file keeps it.
PREVIOUS_KEY_LIFE = timedelta(hours=24)


class ServesInline(BaseInline):
    """Which companies the account serves, as far as they are the operator's own."""

    model = AccountCompany
    fields = ("company", "active")
    tab = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        companies = operator_of(request).companies(Rank.READ_ONLY)
        rows = super().get_queryset(request).select_related("company")
        return rows if companies is None else rows.filter(company_id__in=companies)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return operator_of(request).may(Rank.OWNER)
        return operator_of(request).may_in(obj.owner_id, Rank.OWNER)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        companies = operator_of(request).companies(Rank.OWNER)
        rows = Company.objects.all()
        kwargs["queryset"] = rows if companies is None else rows.filter(pk__in=companies)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class TelephonyAccountForm(CompanyForm):
    """An account belongs to its owner; browser calls may lead to any company that is offered."""

    one_company = False


@admin.register(TelephonyAccount)
class TelephonyAccountAdmin(OperatorAdmin):
    """A workspace at a provider, and the key it signs with."""

    company_path = "owner_id"
    form = TelephonyAccountForm
    list_display = ("slug", "provider", "owner", "active")
    list_filter = ("provider", "active")
    list_select_related = ("owner",)
    search_fields = ("slug",)
    inlines = (ServesInline,)
    readonly_fields = ("previous_key_until", "web_calls")
    to_add = to_change = Rank.OWNER

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        basics = ("slug", "provider", "api_url", "owner", "active")
        keys: tuple[str, ...] = ()
        if obj is None or self.has_change_permission(request, obj):
            keys = ("signing_key", "previous_key_until") if obj is not None else ("signing_key",)
        web_calls = "web_calls_branch" if self._leads_nowhere_foreign(request, obj) else "web_calls"
        return ((None, {"fields": (*basics, *keys, web_calls)}),)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "slug", "owner") if obj is not None else fixed

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "provider":
            kwargs["widget"] = UnfoldAdminSelectWidget(choices=[(name, name) for name in PROVIDERS])
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = stored(obj) if change else None
        if isinstance(before, TelephonyAccount) and before.signing_key != obj.signing_key:
            # The provider may sign with the old key until everything there has the new one.
            obj.previous_signing_key = before.signing_key
            obj.previous_key_until = timezone.now() + PREVIOUS_KEY_LIFE
        with all_companies():
            # Browser calls may lead to a branch that this operator does not see.
            super().save_model(request, obj, form, change)
        if not change:
            AccountCompany.objects.get_or_create(account=obj, company_id=obj.owner_id)

    @admin.display(description=_("web calls branch"))
    def web_calls(self, account: TelephonyAccount) -> str:
        """Of another company, its branch is not named."""
        branch_id = account.web_calls_branch_id
        if branch_id is None:
            return "–"
        return str(Branch.objects.filter(pk=branch_id).first() or _("a branch of another company"))

    def _leads_nowhere_foreign(self, request: HttpRequest, obj: models.Model | None) -> bool:
        """Whether the branch of browser calls may be chosen here: it is nobody's or the operator's own."""
        if obj is None:
            return True
        if not self.has_change_permission(request, obj):
            return False
        company_id = getattr(obj, "web_calls_company_id", None)
        return company_id is None or operator_of(request).may_in(company_id, Rank.OWNER)


@admin.register(AccountCompany)
class AccountCompanyAdmin(OperatorAdmin):
    """Which accounts serve the operator's companies."""

    list_display = ("company", "account", "active")
    list_select_related = ("company", "account")
    search_fields = ("company__name", "account__slug")
    list_filter = ("active",)
    fields = ("company", "account", "active")
    to_change = Rank.OWNER

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        return ("company", "account")
