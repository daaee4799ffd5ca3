"""Forget what the companies' retention no longer allows to be kept."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from apps.core.commands import OneLineCommand
from apps.operations import retention


class Command(OneLineCommand):
    """``purge_expired [--json]``"""

    help = "Delete calls, bookings and customers that are older than their company's retention_days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        gone = retention.purge_all()
        if options["json"]:
            self.stdout.write(json.dumps(gone, indent=2))
            return
        for slug, counts in gone.items():
            told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
            self.stdout.write(f"{slug or 'no company'}: {told}")
        if not gone:
            self.stdout.write("nothing had expired")
