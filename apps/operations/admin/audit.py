"""Who changed what, and who was kept out."""

from __future__ import annotations

from axes.models import AccessAttempt
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.admin import display
from apps.operations.audit import changes_shown, kind_of
from apps.operations.models import AuditEntry
from apps.tenants.back_office import OperatorAdmin
from apps.tenants.operators import Rank

ACTION_COLOURS = {"added": "success", "changed": "info", "deleted": "danger", "done": "warning"}


@admin.register(AuditEntry)
class AuditEntryAdmin(OperatorAdmin):
    """The record of every edit; nobody writes here."""

    list_display = ("at", "company", "username", "coloured_action", "kind", "label", "changes_text")
    list_filter = ("action", "model", "company")
    list_select_related = ("company",)
    search_fields = ("username", "label", "=object_id")
    date_hierarchy = "at"
    fields = ("at", "company", "username", "action", "kind", "object_id", "label", "changes_text")
    readonly_fields = ("kind", "changes_text")
    to_view = Rank.OWNER

    @display(description=_("action"), ordering="action", label=ACTION_COLOURS)
    def coloured_action(self, entry: AuditEntry) -> object:
        return entry.action, entry.get_action_display()

    @admin.display(description=_("kind of row"), ordering="model")
    def kind(self, entry: AuditEntry) -> str:
        return kind_of(entry)

    @admin.display(description=_("changes"))
    def changes_text(self, entry: AuditEntry) -> str:
        return changes_shown(entry)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(OperatorAdmin):
    """Failed sign-ins; deleting one lets somebody in again who was locked out."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start")
    search_fields = ("username", "ip_address")
    date_hierarchy = "attempt_time"
    fields = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info")
    to_view = to_delete = Rank.SUPERUSER
