"""What would fail a real call, before the first caller finds it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.commands import OneLineCommand
from apps.operations.finding import Finding
from apps.operations.setup_check import check
from apps.tenants.command_options import add_company_option, company_id_of
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies


class Command(OneLineCommand):
    """``check_setup [--company SLUG] [--json]``"""

    help = (
        "Check keys, event types, required booking fields, hours, numbers, webhooks and the fallback number; "
        "exits with 1 when a call would fail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_option(parser, help="only this company (default: every active one)")
        parser.add_argument("--json", action="store_true", help="print a JSON list, an object a company")

    def handle(self, *args: Any, **options: Any) -> None:
        companies = _companies(company_id_of(options["company"]))
        found = {slug: check(company_id) for company_id, slug in companies}
        if options["json"]:
            self.stdout.write(
                json.dumps([_as_json(*one) for one in found.items()], ensure_ascii=False, indent=2)
            )
        else:
            for slug, findings in found.items():
                self.stdout.write("\n".join(_as_lines(slug, findings)))
        failing = [slug for slug, findings in found.items() if _fails(findings)]
        if failing:
            raise CommandError(f"calls would fail: {', '.join(failing)}")


def _companies(company_id: int | None) -> list[tuple[int, str]]:
    with all_companies():
        rows = Company.objects.order_by("slug")
        rows = rows.filter(active=True) if company_id is None else rows.filter(pk=company_id)
        return list(rows.values_list("pk", "slug"))


def _fails(findings: list[Finding]) -> bool:
    return any(finding.level == "fail" for finding in findings)


def _as_lines(slug: str, findings: list[Finding]) -> list[str]:
    if not findings:
        return [f"{slug}: everything is in place"]
    return [f"{slug}: {one.level} {one.code}: {one.subject}: {one.detail}" for one in findings]


def _as_json(slug: str, findings: list[Finding]) -> dict[str, Any]:
    return {"company": slug, "ok": not _fails(findings), "findings": [asdict(one) for one in findings]}
