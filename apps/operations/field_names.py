"""What the back office calls the fields that their models leave to their own names.

Given to the fields when the application is ready, so that a translated label is no change of a model
and needs no migration.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FIELD_NAMES: Mapping[str, str | Promise] = {
    "account": _("telephony account"),
    "appointment": _("appointment"),
    "arguments": _("arguments"),
    "at": _("at"),
    "attempt": _("booking attempt"),
    "branch": _("branch"),
    "call": _("call"),
    "changed_at": _("changed"),
    "check_at": _("looked at next"),
    "checks": _("times looked"),
    "company": _("company"),
    "confirmation": _("read-back"),
    "created_at": _("made"),
    "customer": _("customer"),
    "event": _("event"),
    "event_type": _("event type"),
    "external_id": _("provider's call id"),
    "from_state": _("before"),
    "kind": _("kind"),
    "moving": _("appointment that is moved"),
    "object_id": _("number of the row"),
    "open_wish": _("open wish"),
    "owner": _("conversation"),
    "payload": _("content"),
    "place": _("service at a branch"),
    "position": _("position"),
    "received_at": _("received"),
    "round": _("round"),
    "seat": _("seat"),
    "service": _("service"),
    "settled_at": _("settled"),
    "standing_branch": _("branch agreed on"),
    "standing_from": _("day agreed on, from"),
    "standing_service": _("service agreed on"),
    "standing_to": _("day agreed on, to"),
    "start": _("start"),
    "state": _("state"),
    "submitted_at": _("sent"),
    "time_from": _("time, from"),
    "time_to": _("time, to"),
    "to_state": _("after"),
    "token": _("token"),
    "updated_at": _("changed"),
    "upstream_requests": _("calendar requests"),
    "upstream_timeouts": _("timeouts"),
    "user": _("user"),
}


def name_fields() -> None:
    """Give every field of ours that names itself after its column the name an operator reads."""
    for model in apps.get_models():
        if not model.__module__.startswith("apps."):
            continue
        for field in model._meta.concrete_fields:
            name = FIELD_NAMES.get(field.name)
            # ``_verbose_name`` is what the model says itself, and all that migrations compare.
            if name is not None and getattr(field, "_verbose_name", None) is None:
                field.verbose_name = name  # type: ignore[assignment]
