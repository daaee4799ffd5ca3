"""The admin of rows that belong to companies: operators see and change only theirs, by their rank.

Two walls again. Tenant tables are read through the scope that the middleware has set; and every list,
here also that of a table outside the scope (numbers, accounts, memberships), is filtered by the
companies in which the operator has the rank that looking needs. Django's own permissions play no part.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.core.admin import BaseAdmin, BaseForm, BaseInline
from apps.core.edits import Edit
from apps.tenants.models import Company
from apps.tenants.operators import Rank, operator_of


class CompanyForm(BaseForm):
    """A form whose choices all belong to the row's own company."""

    one_company = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None or not self.one_company:
            return
        company_id = getattr(self.instance, "company_id", None)
        for name, field in self._choices_of_a_company():
            if name != "company":
                field.queryset = field.queryset.filter(company_id=company_id)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if not self.one_company:
            return cleaned
        company_id = self.company_id(cleaned)
        for name, _field in self._choices_of_a_company():
            chosen = cleaned.get(name)
            if chosen is not None and chosen.company_id != company_id:
                self.add_error(name, _("This belongs to another company."))
        return cleaned

    def company_id(self, cleaned: dict[str, Any]) -> int | None:
        """The company of the row that is being written."""
        if self.instance.pk is not None:
            own: int | None = self.instance.company_id  # type: ignore[attr-defined]
            return own
        return getattr(cleaned.get("company"), "pk", None)

    def _choices_of_a_company(self) -> list[tuple[str, Any]]:
        return [
            (name, field)
            for name, field in self.fields.items()
            if isinstance(field, ModelChoiceField)
            and field.queryset is not None
            and belongs_to_a_company(field.queryset.model)
        ]


def belongs_to_a_company(model: type[models.Model]) -> bool:
    """Whether rows of this model name their company."""
    return model is not Company and any(field.name == "company" for field in model._meta.concrete_fields)


class OperatorAdmin(BaseAdmin):
    """One model of companies. Subclasses say which rank is needed for what."""

    form: type[BaseForm] = CompanyForm
    # The field that holds the row's company.
    company_path = "company_id"
    to_view = Rank.READ_ONLY
    to_add = Rank.NOBODY
    to_change = Rank.NOBODY
    to_delete = Rank.NOBODY
    # Whether cached answers depend on these rows: a change makes the company's old ones unreachable.
    shapes_answers = False

    def company_id_of(self, row: models.Model) -> int | None:
        found: int | None = getattr(row, self.company_path, None)
        return found

    # What is seen

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        rows = super().get_queryset(request)
        companies = operator_of(request).companies(self.to_view)
        return rows if companies is None else rows.filter(**{f"{self.company_path}__in": companies})

    def get_list_display(self, request: HttpRequest) -> Any:
        """Whoever runs one company needs no column that says so."""
        shown = super().get_list_display(request)
        if operator_of(request).only_company is None:
            return shown
        return [name for name in shown if name != "company"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        only = operator_of(request).only_company
        return {"company": str(only), **initial} if only is not None else initial

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """A row never moves to another company."""
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "company") if obj is not None and belongs_to_a_company(type(obj)) else fixed

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices are the rows this operator sees in the list of the other model."""
        other = self.admin_site._registry.get(db_field.remote_field.model)
        if "queryset" not in kwargs and isinstance(other, OperatorAdmin):
            kwargs["queryset"] = self.choices(request, db_field.name, other.get_queryset(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def choices(
        self, request: HttpRequest, name: str, rows: QuerySet[models.Model]
    ) -> QuerySet[models.Model]:
        """The rows offered for a relation; only companies in which the operator may write."""
        companies = operator_of(request).companies(min(self.to_add, self.to_change))
        if companies is None:
            return rows
        if rows.model is Company:
            return rows.filter(pk__in=companies)
        return rows.filter(company_id__in=companies) if belongs_to_a_company(rows.model) else rows

    # What may be done

    def may(self, request: HttpRequest, needed: Rank, obj: Any) -> bool:
        """Whether the operator has the rank for this row, or anywhere when no row is meant."""
        operator = operator_of(request)
        if obj is None:
            return operator.may(needed)
        row = obj if isinstance(obj, models.Model) else self.get_object(request, str(obj))
        return row is not None and operator.may_in(self.company_id_of(row), needed)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.to_view, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, self.to_add, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.to_change, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self.to_delete, obj)

    def after_edit(self, request: HttpRequest, edit: Edit) -> None:
        if self.shapes_answers and edit.company_id is not None:
            Company.objects.filter(pk=edit.company_id).update(config_version=F("config_version") + 1)


class OperatorInline(BaseInline):
    """Rows of the same company on another row's page: what the parent shows, its scope shows."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True
