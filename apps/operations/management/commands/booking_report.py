"""The monitoring table, for people and for whoever watches the exit code."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.commands import OneLineCommand
from apps.operations.monitoring import Line, Period, table
from apps.operations.targets import TARGETS, targets_of
from apps.tenants.command_options import add_company_option, company_id_of
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope

UNITS = {"percent": " %", "seconds": " s", "count": ""}
LONGEST_HOURS = 24 * 366


class Command(OneLineCommand):
    """``booking_report [--hours 24] [--company SLUG] [--fail-on-alert] [--json]``"""

    help = "Print the monitoring table: value, target, alert level and state of every metric."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hours", default="24", help="how far back to look (default: 24)")
        add_company_option(parser, help="only this company, against its own targets")
        parser.add_argument(
            "--fail-on-alert", action="store_true", help="exit with 1 when a metric is on alert"
        )
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        lines = _lines(_hours(options["hours"]), company_id_of(options["company"]))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(line) for line in lines], indent=2))
        else:
            self.stdout.write("\n".join(_as_text(lines)))
        on_alert = [line.metric for line in lines if line.state == "alert"]
        if options["fail_on_alert"] and on_alert:
            raise CommandError(f"on alert: {', '.join(on_alert)}")


def _hours(given: str) -> float:
    try:
        hours = float(given)
    except ValueError as error:
        raise CommandError(f"--hours: {given!r} is not a number", returncode=2) from error
    if not math.isfinite(hours) or not 0 < hours <= LONGEST_HOURS:
        raise CommandError(f"--hours: {given!r} is not between 0 and {LONGEST_HOURS}", returncode=2)
    return hours


def _lines(hours: float, company_id: int | None) -> list[Line]:
    if company_id is None:
        with all_companies():
            return table(Period.last(hours=hours), targets=TARGETS)
    with company_scope(company_id):
        company = Company.objects.get(pk=company_id)
        return table(Period.last(hours=hours), targets=targets_of(company.targets))


def _as_text(lines: list[Line]) -> list[str]:
    rows = [("metric", "value", "target", "alert", "state", "cases"), *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(width) if column in (0, 4) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _cells(line: Line) -> tuple[str, ...]:
    standard = TARGETS[line.metric]
    unit = UNITS[standard.unit]
    better, worse = (">", "<") if standard.higher_is_better else ("<", ">")
    if standard.reached_at_target:
        better = "≥" if standard.higher_is_better else "≤"
    value = "–" if line.value is None else f"{line.value:.1f}{unit}"
    return (
        line.metric,
        value,
        f"{better} {line.target:g}{unit}",
        f"{worse} {line.alert:g}{unit}",
        line.state,
        str(line.cases),
    )
