"""The back office's one admin class: the look, secrets that are only ever written, a record of every edit.

It is the only place that knows which admin theme is installed. Who may see and change what is decided
one layer up, in ``apps.tenants.back_office``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from django import forms
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold import admin as unfold_admin
from unfold import decorators
from unfold.widgets import UnfoldAdminPasswordWidget

from apps.core.edits import Action, Changes, Edit, changes_between, edited, is_secret
from apps.core.encryption import EncryptedTextField

F = TypeVar("F", bound=Callable[..., Any])
Text: TypeAlias = str | Promise

if TYPE_CHECKING:
    from django.contrib import admin

    ModelAdmin = admin.ModelAdmin[models.Model]
    TabularInline = admin.TabularInline[models.Model, models.Model]
    ModelForm = forms.ModelForm[models.Model]

    def display(
        *,
        description: Text,
        ordering: str = "",
        boolean: bool = False,
        label: Mapping[str, str] | None = None,
    ) -> Callable[[F], F]:
        """A column; ``label`` maps values to the colours of their badges."""
else:
    ModelAdmin = unfold_admin.ModelAdmin
    TabularInline = unfold_admin.TabularInline
    ModelForm = forms.ModelForm
    display = decorators.display

__all__ = ["BaseAdmin", "BaseForm", "BaseInline", "SecretField", "action", "display"]


def action(*, description: Text, permissions: Sequence[str], icon: str) -> Callable[[F], F]:
    """A button on a row's page: ``method(self, request, object_id)``. The theme makes it a link, so it first
    asks whether it is meant; only the POST that answers does anything."""

    def decorate(method: F) -> F:
        @wraps(method)
        def confirmed(self: BaseAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            if request.method == "POST":
                done: HttpResponse = method(self, request, object_id)
                return done
            context = {
                **self.admin_site.each_context(request),
                "title": description,
                "opts": self.opts,
                "row": self.get_object(request, object_id),
            }
            return TemplateResponse(request, "admin/confirm.html", context)

        button: F = decorators.action(description=description, permissions=permissions, icon=icon)(confirmed)
        return button

    return decorate


class SecretField(forms.CharField):
    """A secret is typed in, never shown; blank keeps the one that is stored."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}))
        super().__init__(**kwargs)


class BaseForm(ModelForm):
    """A row's form in the back office."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.label = capfirst(field.label) if field.label else field.label
        for name in self._secrets():
            stored = bool(self.initial.pop(name, ""))
            if stored:
                self.fields[name].required = False
            self.fields[name].help_text = _("Set. Leave blank to keep it.") if stored else _("Not set.")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        values: dict[str, Any] = self.cleaned_data if cleaned is None else cleaned
        if self.instance.pk is not None:
            for name in self._secrets():
                if not values.get(name):
                    values.pop(name, None)
        return values

    def _secrets(self) -> list[str]:
        return [name for name, field in self.fields.items() if isinstance(field, SecretField)]


def secret_names(model: type[models.Model]) -> list[str]:
    """The model's fields whose values are never shown."""
    return [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]


def without(names: Iterable[str], fields: Sequence[Any]) -> list[Any]:
    """A fieldset's fields (names, or tuples of names on one line) without these."""
    hidden = set(names)
    kept: list[Any] = []
    for entry in fields:
        if isinstance(entry, str):
            kept += [] if entry in hidden else [entry]
        elif line := tuple(name for name in entry if name not in hidden):
            kept.append(line)
    return kept


class SecretsMixin:
    """Form fields of secrets and addresses, for admins and inlines alike."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, EncryptedTextField):
            return SecretField(label=db_field.verbose_name, required=not db_field.blank)
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]


class BaseAdmin(SecretsMixin, ModelAdmin):
    """One model in the back office. Every change made through it is told as an ``Edit``."""

    form = BaseForm
    list_per_page = 50
    show_full_result_count = False
    warn_unsaved_form = True
    list_filter_sheet = False

    def company_id_of(self, row: models.Model) -> int | None:
        """The company that this row belongs to, None for nobody's."""
        company_id: int | None = getattr(row, "company_id", None)
        return company_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Model]:
        secrets = secret_names(self.model)
        rows = super().get_queryset(request)
        return rows.defer(*secrets) if secrets else rows

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Who may not write a row does not see its secrets' fields either: they would be shown."""
        fieldsets = super().get_fieldsets(request, obj)
        hidden = [field.name for field in self.model._meta.concrete_fields if is_secret(field)]
        if not hidden or obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {**options, "fields": without(hidden, options["fields"])}) for title, options in fieldsets
        ]

    # The record of edits

    def tell(
        self, request: HttpRequest, row: models.Model, action: Action, changes: Changes, *, pk: Any = None
    ) -> None:
        """Tell that this row was edited; call it for every change that no form makes."""
        edit = Edit(
            user_id=request.user.pk,
            username=request.user.get_username(),
            action=action,
            model=row._meta.label_lower,
            object_id=str(row.pk if pk is None else pk),
            label=str(row),
            company_id=self.company_id_of(row),
            changes=changes,
        )
        edited.send(sender=type(row), edit=edit)
        self.after_edit(request, edit)

    def after_edit(self, request: HttpRequest, edit: Edit) -> None:
        """What else has to happen when a row was edited."""

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        before = stored(obj) if change else None
        super().save_model(request, obj, form, change)
        changes = changes_between(before, obj)
        if changes or not change:
            self.tell(request, obj, "changed" if change else "added", changes)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        pk, changes = obj.pk, changes_between(obj, None)
        super().delete_model(request, obj)
        self.tell(request, obj, "deleted", changes, pk=pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[models.Model]) -> None:
        gone = [(row, row.pk, changes_between(row, None)) for row in queryset]
        super().delete_queryset(request, queryset)
        for row, pk, changes in gone:
            self.tell(request, row, "deleted", changes, pk=pk)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        touched = [one.instance for one in formset.forms if one.instance.pk is not None]
        before = {row.pk: stored(row) for row in touched}
        super().save_formset(request, form, formset, change)
        for row in formset.new_objects:
            self.tell(request, row, "added", changes_between(None, row))
        for row, _fields in formset.changed_objects:
            self.tell(request, row, "changed", changes_between(before.get(row.pk), row))
        for row in formset.deleted_objects:
            pk = next((pk for pk, old in before.items() if old is not None and old == row), row.pk)
            self.tell(request, row, "deleted", changes_between(row, None), pk=pk)


class BaseInline(SecretsMixin, TabularInline):
    """Rows shown on another row's page; read only unless said otherwise."""

    extra = 0
    can_delete = False
    show_change_link = True
    hide_title = True
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def stored(row: models.Model) -> models.Model | None:
    """The row as the database has it now."""
    return type(row)._base_manager.filter(pk=row.pk).first()
