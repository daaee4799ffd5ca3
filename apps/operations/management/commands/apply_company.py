"""Create or update a company from its file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.core.commands import OneLineCommand
from apps.operations.company_file import FileRefused, Outcome, apply, read


class Command(OneLineCommand):
    """``apply_company FILE.toml [--dry-run] [--json]``"""

    help = (
        "Create or update a company from a TOML file. Applying the same file again changes nothing; "
        "what a file no longer names is switched off, never deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE.toml", type=Path, help="the company's file")
        parser.add_argument("--dry-run", action="store_true", help="print what would change, change nothing")
        parser.add_argument("--json", action="store_true", help="print the changes as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        try:
            document = read(content, environment=os.environ)
            outcome = apply(document, now=timezone.now(), dry_run=options["dry_run"])
        except FileRefused as refused:
            raise CommandError(str(refused)) from refused
        except ImproperlyConfigured as error:
            # A stored key that FIELD_ENCRYPTION_KEYS no longer opens.
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(_as_json(outcome, dry_run=options["dry_run"]))
        else:
            self.stdout.write("\n".join(_as_lines(outcome, dry_run=options["dry_run"])))


def _as_lines(outcome: Outcome, *, dry_run: bool) -> list[str]:
    if not outcome.changes:
        return [f"{outcome.company}: nothing to change"]
    count = f"{len(outcome.changes)} change{'s' if len(outcome.changes) > 1 else ''}"
    done = f"{count} planned, nothing written (dry run)" if dry_run else f"{count} applied"
    return [*map(str, outcome.changes), f"{outcome.company}: {done}"]


def _as_json(outcome: Outcome, *, dry_run: bool) -> str:
    changes = [change.as_json() for change in outcome.changes]
    return json.dumps(
        {"company": outcome.company, "dry_run": dry_run, "changes": changes}, ensure_ascii=False, indent=2
    )
