"""Which feature flags exist, and what is in force."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from apps.core.commands import OneLineCommand
from apps.flags.models import FlagSetting
from apps.flags.registry import Flag, declarations
from apps.flags.state import explain
from apps.tenants.command_options import add_company_option, company_id_of
from apps.tenants.scoping import all_companies


class Command(OneLineCommand):
    """``list_flags [--company SLUG] [--json]``"""

    help = "List the feature flags: what is in force for everyone or one company, and whose word that is."

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_option(parser, help="what is in force for this company")
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        slug: str | None = options["company"]
        company_id = company_id_of(slug)
        with all_companies():
            rows = [_describe(flag, company_id=company_id) for flag in declarations()]
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        for row in rows:
            value = "on" if row["on"] else "off"
            self.stdout.write(f"{row['name']:<28} {value:<4} {row['origin']:<9} {row['meaning']}")
            if slug is None and row["companies"]:
                overrides = ", ".join(
                    f"{name} {'on' if on else 'off'}" for name, on in row["companies"].items()
                )
                self.stdout.write(f"{'':<28} for companies: {overrides}")


def _describe(flag: Flag, *, company_id: int | None) -> dict[str, Any]:
    on, origin = explain(flag, company_id=company_id)
    declared = declarations()[flag]
    chosen = FlagSetting.objects.filter(name=flag.value, company__isnull=False)
    if company_id is not None:
        chosen = chosen.filter(company_id=company_id)
    return {
        "name": flag.value,
        "on": on,
        "origin": origin,
        "default": declared.default,
        "meaning": str(declared.meaning),
        "companies": dict(chosen.order_by("company__slug").values_list("company__slug", "enabled")),
    }
