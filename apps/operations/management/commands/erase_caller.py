"""Personal data out, on request."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from apps.core.commands import OneLineCommand
from apps.operations import personal_data
from apps.operations.phone_option import add_phone_option, phone_of
from apps.tenants.command_options import add_company_option, company_id_of
from apps.tenants.scoping import company_scope


class Command(OneLineCommand):
    """``erase_caller --company SLUG --phone E164 [--json]``"""

    help = (
        "Erase everything a company holds about a caller: customer, calls with transcripts, function logs "
        "and events, callbacks, bookings. Appointments still to come stay in the calendar, without a name "
        "here."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_option(parser, help="the company that was asked", required=True)
        add_phone_option(parser)
        parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        phone = phone_of(options["phone"])
        company_id = company_id_of(options["company"])
        assert company_id is not None  # the option is required
        with company_scope(company_id):
            erasure = personal_data.erase(phone)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(erasure), indent=2))
            return
        told = [f"{count} {name.replace('_', ' ')}" for name, count in erasure.erased.items() if count]
        self.stdout.write(f"erased: {', '.join(told) or 'nothing was held'}")
        if erasure.provider_copies:
            self.stdout.write(f"queued: the provider's copies of {erasure.provider_copies} calls")
        if erasure.still_booked:
            self.stdout.write(
                f"still in the calendar: {erasure.still_booked} appointments to come; cancel them in Cal.com"
            )
