"""Numbers of the monitoring table as they are read, and a row's own part of the audit log."""

from __future__ import annotations

from typing import Any

from django import template
from django.db import models
from django.utils.formats import number_format

from apps.operations.audit import changes_shown
from apps.operations.models import AuditEntry
from apps.operations.monitoring import Line
from apps.operations.targets import TARGETS

register = template.Library()
UNITS = {"percent": " %", "seconds": " s", "count": ""}
COLOURS = {"ok": "success", "warn": "warning", "alert": "danger", "no_data": ""}
HISTORY = 50


def _number(value: float, line: Line, *, places: int | None = None) -> str:
    text = number_format(value, decimal_pos=places) if places is not None else number_format(f"{value:g}")
    return f"{text}{UNITS[line.unit]}"


@register.filter
def metric_value(line: Line) -> str:
    """The value with its unit, "–" where there is none."""
    if line.value is None:
        return "–"
    return _number(line.value, line, places=2 if line.unit == "seconds" and line.value < 10 else 1)


@register.filter
def metric_target(line: Line) -> str:
    """What is aimed at: "> 80 %"."""
    standard = TARGETS[line.metric]
    sign = ("≥" if standard.higher_is_better else "≤") if standard.reached_at_target else _better(line)
    return f"{sign} {_number(line.target, line)}"


@register.filter
def metric_alert(line: Line) -> str:
    """Where somebody must look: "< 70 %"."""
    return f"{'<' if _better(line) == '>' else '>'} {_number(line.alert, line)}"


def _better(line: Line) -> str:
    return ">" if TARGETS[line.metric].higher_is_better else "<"


@register.filter
def state_colour(state: str) -> str:
    """The colour of a state's badge."""
    return COLOURS[state]


@register.simple_tag
def edits_of(row: models.Model) -> list[dict[str, Any]]:
    """The latest entries of the audit log about a row."""
    entries = AuditEntry.objects.filter(model=row._meta.label_lower, object_id=str(row.pk))[:HISTORY]
    return [{"entry": entry, "changes": changes_shown(entry)} for entry in entries]
