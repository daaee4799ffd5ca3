"""Numbers, and the people who run a company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from apps.core.admin import action, display
from apps.tenants.back_office import CompanyForm, OperatorAdmin, OperatorInline
from apps.tenants.models import Membership, PhoneNumber
from apps.tenants.operators import Rank, operator_of
from apps.tenants.user_forms import NewOperatorForm

if TYPE_CHECKING:
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    BaseUserAdmin = DjangoUserAdmin

admin.site.unregister((User, Group))
if admin.site.is_registered(TOTPDevice):
    # Its own page shows the secret; a lost device is removed on the user's page.
    admin.site.unregister(TOTPDevice)


class PhoneNumberForm(CompanyForm):
    """A number's company is its branch's."""

    def company_id(self, cleaned: dict[str, Any]) -> int | None:
        if self.instance.pk is None:
            return getattr(cleaned.get("branch"), "company_id", None)
        return super().company_id(cleaned)


@admin.register(PhoneNumber)
class PhoneNumberAdmin(OperatorAdmin):
    """Which dialled number leads to which branch."""

    form = PhoneNumberForm
    list_display = ("number", "company", "branch", "active")
    list_filter = ("active",)
    list_select_related = ("company", "branch")
    search_fields = ("number", "branch__name")
    fields = ("number", "branch", "active")
    to_add = to_change = Rank.OWNER

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        return ("number",) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.company_id = obj.branch.company_id
        super().save_model(request, obj, form, change)


@admin.register(Membership)
class MembershipAdmin(OperatorAdmin):
    """Who runs which company, and what they may do there."""

    list_display = ("user", "company", "role")
    list_filter = ("role",)
    list_select_related = ("user", "company")
    search_fields = ("user__username", "user__first_name", "user__last_name")
    fields = ("user", "company", "role")
    to_view = to_add = to_change = to_delete = Rank.OWNER

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "user") if obj is not None else fixed


class MembershipInline(OperatorInline):
    """The places that the operator who looks may know of."""

    model = Membership
    fields = ("company", "role")
    show_change_link = False
    tab = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        companies = operator_of(request).companies(Rank.OWNER)
        rows = super().get_queryset(request)
        return rows if companies is None else rows.filter(company_id__in=companies)


@admin.register(User)
class OperatorUserAdmin(BaseUserAdmin, OperatorAdmin):
    """People who may sign in. An owner manages those who belong to the owner's companies alone."""

    form = UserChangeForm
    add_form = NewOperatorForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "second_factor", "last_login")
    list_filter = ("is_active",)
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ()
    inlines = (MembershipInline,)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": (("first_name", "last_name"), "email")}),
        (_("Access"), {"fields": ("is_active", ("last_login", "date_joined"))}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        (_("Access"), {"fields": ("company", "role")}),
    )
    actions_detail = ("remove_second_factor",)
    to_view = to_add = to_change = Rank.OWNER
    to_delete = Rank.SUPERUSER

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and request.user.is_superuser:
            rights = (_("Everywhere"), {"fields": ("is_staff", "is_superuser")})
            return (*fieldsets, rights)
        return fieldsets

    def get_queryset(self, request: HttpRequest) -> Any:
        device = TOTPDevice.objects.filter(user_id=OuterRef("pk"), confirmed=True)
        rows: QuerySet[models.Model] = (
            super(OperatorAdmin, self).get_queryset(request).annotate(has_second_factor=Exists(device))
        )
        companies = operator_of(request).companies(Rank.OWNER)
        if companies is None:
            return rows
        members = Membership.objects.filter(company_id__in=companies).values("user_id")
        return rows.filter(pk__in=members)

    def company_id_of(self, row: models.Model) -> int | None:
        """The company of somebody who has only one."""
        companies = Membership.company_ids_of(row.pk)
        return companies[0] if len(companies) == 1 else None

    def may(self, request: HttpRequest, needed: Rank, obj: Any) -> bool:
        operator = operator_of(request)
        if obj is None or operator.is_superuser:
            return operator.may(needed)
        user = obj if isinstance(obj, User) else self.get_object(request, str(obj))
        if not isinstance(user, User) or user.is_superuser:
            return False
        companies = Membership.company_ids_of(user.pk)
        return bool(companies) and all(operator.may_in(company_id, needed) for company_id in companies)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also of somebody who belongs to other companies too: those are not shown."""
        if obj is None or operator_of(request).is_superuser:
            return self.may(request, self.to_view, None)
        pk = obj.pk if isinstance(obj, models.Model) else obj
        return User.objects.filter(pk__in=self.get_queryset(request).filter(pk=pk).values("pk")).exists()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None and issubclass(form, NewOperatorForm):
            form.offer_companies(operator_of(request))
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        company = form.cleaned_data.get("company") if not change else None
        if company is not None:
            role = form.cleaned_data["role"]
            Membership.objects.create(user=form.instance, company=company, role=role)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        before = stored_password(id)
        answer = super().user_change_password(request, id, form_url)
        if before is not None and stored_password(id) != before:
            self.tell(request, User.objects.get(pk=id), "changed", {"password": "changed"})
        return answer

    @display(description=_("Second factor"), boolean=True)
    def second_factor(self, user: Any) -> bool:
        return bool(user.has_second_factor)

    @action(description=_("Remove second factor"), permissions=["change"], icon="phonelink_erase")
    def remove_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For somebody who lost the device; the password alone opens the door again."""
        user = User.objects.get(pk=object_id)
        if TOTPDevice.objects.filter(user_id=user.pk).delete()[0]:
            self.tell(request, user, "changed", {"second factor": ["on", "off"]})
            self.message_user(request, _("The second factor was removed."))
        return redirect("admin:auth_user_change", object_id)


def stored_password(user_id: str) -> str | None:
    """The hash that is stored for somebody, None for nobody."""
    if not user_id.isdigit():
        return None
    return User.objects.filter(pk=user_id).values_list("password", flat=True).first()
