"""A new operator: the account and, in the same step, the place in a company."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from apps.tenants.models import Company, Membership
from apps.tenants.operators import Operator, Rank

if TYPE_CHECKING:
    CreationForm = AdminUserCreationForm[User]
else:
    CreationForm = UserCreationForm


class NewOperatorForm(CreationForm):
    """Name, password, company and role. Whoever is no superuser can only add to their own companies."""

    usable_password = None  # type: ignore[assignment]  # Django's own way to take a field away
    company = forms.ModelChoiceField(
        label=_("company"),
        queryset=Company._base_manager.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    role = forms.ChoiceField(
        label=_("role"),
        choices=Membership.Role.choices,
        initial=Membership.Role.STAFF,
        widget=UnfoldAdminSelectWidget,
    )

    @classmethod
    def offer_companies(cls, operator: Operator) -> None:
        """Offer the companies that this operator owns, on the form class made for one request.

        The field is copied first: classes share the fields they inherit, and the next request's
        operator is somebody else.
        """
        companies = operator.companies(Rank.OWNER)
        field = cls.base_fields["company"] = copy.deepcopy(cls.base_fields["company"])
        assert isinstance(field, forms.ModelChoiceField)
        rows = Company.objects.all()
        field.queryset = rows if companies is None else rows.filter(pk__in=companies)
        field.required = companies is not None
