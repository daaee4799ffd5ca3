"""Everything that is held about a caller, for the caller."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from apps.core.commands import OneLineCommand
from apps.operations import personal_data
from apps.operations.phone_option import add_phone_option, phone_of
from apps.tenants.command_options import add_company_option, company_id_of
from apps.tenants.scoping import company_scope


class Command(OneLineCommand):
    """``export_caller --company SLUG --phone E164``"""

    help = "Print everything a company holds about a caller as one JSON object, a list of rows by kind."

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_option(parser, help="the company that was asked", required=True)
        add_phone_option(parser)
        parser.add_argument("--json", action="store_true", help="the only form there is; may be left out")

    def handle(self, *args: Any, **options: Any) -> None:
        phone = phone_of(options["phone"])
        company_id = company_id_of(options["company"])
        assert company_id is not None  # the option is required
        with company_scope(company_id):
            held = personal_data.export(phone)
        content = {"company": options["company"], "phone": phone, **held}
        self.stdout.write(json.dumps(content, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder))
