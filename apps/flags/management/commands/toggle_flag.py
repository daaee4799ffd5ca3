"""Set a feature flag, for everyone or one company."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.commands import OneLineCommand
from apps.flags.registry import Flag
from apps.flags.state import choose, explain
from apps.tenants.command_options import add_company_option, company_id_of


class Command(OneLineCommand):
    """``toggle_flag NAME on|off|default [--company SLUG] [--json]``"""

    help = "Set a feature flag to on, off or default; in force in every process within five seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the flag, as list_flags shows it")
        parser.add_argument("choice", metavar="on|off|default", choices=("on", "off", "default"))
        add_company_option(parser, help="for this company only")
        parser.add_argument("--json", action="store_true", help="print the change as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        flag = _flag_called(options["name"])
        slug: str | None = options["company"]
        company_id = company_id_of(slug)
        before = choose(flag, options["choice"], company_id=company_id, source="command")
        after = options["choice"]
        on, origin = explain(flag, company_id=company_id)
        if options["json"]:
            change = {"name": flag.value, "company": slug, "before": before, "after": after, "on": on}
            self.stdout.write(json.dumps({**change, "origin": origin}, ensure_ascii=False))
            return
        changed = f"{before} → {after}" if before != after else f"{after} already, nothing to change"
        in_force = f"{'on' if on else 'off'} by {origin}"
        self.stdout.write(f"{flag.value} for {slug or 'everyone'}: {changed} (in force: {in_force})")


def _flag_called(name: str) -> Flag:
    try:
        return Flag(name)
    except ValueError as error:
        known = ", ".join(flag.value for flag in Flag)
        raise CommandError(f"NAME: {name!r} is not a flag (known: {known})") from error
