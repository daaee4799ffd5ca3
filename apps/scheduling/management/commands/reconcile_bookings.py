"""Settle every pending booking now, and compare with the calendars."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.commands import OneLineCommand
from apps.scheduling import drift, reconciliation
from apps.scheduling.drift import Comparison, Difference
from apps.scheduling.models import CalendarAccount
from apps.scheduling.reconciliation import Settlement
from apps.tenants.command_options import add_company_option, company_id_of
from apps.tenants.scoping import all_companies


class Command(OneLineCommand):
    """``reconcile_bookings [--company SLUG] [--json]``"""

    help = (
        "Look up every booking whose outcome is not known, 1, 3 and 8 seconds after it was sent (once when "
        "it is older); what is not in the calendar then has failed and its slot is free. Then compare with "
        "the calendar."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_option(parser, help="only this company")
        parser.add_argument("--json", action="store_true", help="print a JSON list, an object a company")

    def handle(self, *args: Any, **options: Any) -> None:
        found = []
        for company_id, slug in _companies(company_id_of(options["company"])):
            settled = reconciliation.settle_now(company_id)
            comparison = drift.compare(company_id)
            found.append((slug, settled, comparison))
            if not options["json"]:
                self._tell(slug, settled, comparison)
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(*one) for one in found], ensure_ascii=False, indent=2))
        silent = [slug for slug, _, comparison in found if not comparison.compared]
        if silent:
            raise CommandError(f"the calendar could not be asked: {', '.join(silent)}")

    def _tell(self, slug: str, settled: list[Settlement], comparison: Comparison) -> None:
        for one in settled:
            self.stdout.write(f"{slug}: {one.kind} #{one.attempt_id} is {one.state}")
        for difference in comparison.differences:
            self.stdout.write(f"{slug}: {_sentence(difference)}")
        differences = len(comparison.differences)
        count = f"{differences} difference{'' if differences == 1 else 's'}"
        told = f"{count} found and taken over" if comparison.compared else "not compared"
        self.stdout.write(f"{slug}: {len(settled)} settled, {told}")


def _companies(company_id: int | None) -> list[tuple[int, str]]:
    with all_companies():
        rows = CalendarAccount.objects.order_by("company__slug")
        if company_id is not None:
            rows = rows.filter(company_id=company_id)
        return list(rows.values_list("company_id", "company__slug"))


def _sentence(difference: Difference) -> str:
    after = f"{difference.after['status']} at {difference.after['start']}"
    if difference.before is None:
        return f"appointment {difference.reference} is new: {after}"
    before = f"{difference.before['status']} at {difference.before['start']}"
    return f"appointment {difference.reference} was {before}, is {after}"


def _as_json(slug: str, settled: list[Settlement], comparison: Comparison) -> dict[str, Any]:
    return {
        "company": slug,
        "settled": [{"attempt": one.attempt_id, "kind": one.kind, "state": one.state} for one in settled],
        "compared": comparison.compared,
        "differences": [asdict(one) for one in comparison.differences],
    }
