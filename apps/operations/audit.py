"""Every edit of the back office becomes an entry of the audit log."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from apps.core.edits import Edit, edited
from apps.operations.models import AuditEntry
from apps.tenants.scoping import all_companies


def record(edit: Edit, **signal: Any) -> None:
    """Write the entry. The scope is opened for it: what nobody owns is recorded as well."""
    with all_companies():
        AuditEntry.objects.create(
            company_id=edit.company_id,
            user_id=edit.user_id,
            username=edit.username,
            action=edit.action,
            model=edit.model,
            object_id=edit.object_id,
            label=edit.label[:200],
            changes=edit.changes,
        )


def listen() -> None:
    """Called once, when the application is ready."""
    edited.connect(record, dispatch_uid="audit")


def kind_of(entry: AuditEntry) -> str:
    """What kind of row was changed, as an operator reads it."""
    model = _model(entry)
    return entry.model if model is None else str(model._meta.verbose_name)


def changes_shown(entry: AuditEntry) -> str:
    """The changes of an entry, a line each."""
    model = _model(entry)
    names = {field.name: field.verbose_name for field in model._meta.fields} if model is not None else {}
    return format_html_join(
        "",
        "<div>{}</div>",
        ((_line(names.get(name, name), change),) for name, change in entry.changes.items()),
    )


def _model(entry: AuditEntry) -> type[models.Model] | None:
    try:
        return apps.get_model(entry.model)
    except (LookupError, ValueError):
        return None


def _line(name: object, change: object) -> str:
    if not isinstance(change, list):
        return format_html("<b>{}</b>: {}", name, _("changed"))
    before, after = (_("nothing") if value in (None, "") else value for value in change)
    return format_html("<b>{}</b>: {} → {}", name, before, after)
