"""Write the agent definition of a company for its telephony provider."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.calls.agent import definition
from apps.calls.models import AccountCompany
from apps.calls.providers import DEFAULT_PROVIDER, PROVIDERS
from apps.core.commands import OneLineCommand
from apps.tenants.models import Company, PhoneNumber
from apps.tenants.scoping import all_companies


def public_address() -> str:
    """Where providers reach this installation, as far as the settings tell."""
    if settings.CSRF_TRUSTED_ORIGINS:
        return str(settings.CSRF_TRUSTED_ORIGINS[0])
    hosts = [host for host in settings.ALLOWED_HOSTS if host not in ("*", "localhost", "127.0.0.1", "[::1]")]
    return f"https://{hosts[0]}" if hosts else "https://localhost"


def web_address(given: str) -> str:
    """An address that a provider could reach, as given."""
    try:
        parts = urlsplit(given)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or any(character.isspace() for character in given):
        raise ArgumentTypeError(f"{given!r} is not an address such as https://termine.example")
    return given


class Command(OneLineCommand):
    help = "Write the agent definition (prompt and function schemas) of a company for its provider, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--company", required=True, metavar="SLUG", help="whose agent")
        parser.add_argument(
            "--provider", default=DEFAULT_PROVIDER, choices=sorted(PROVIDERS), help="for whom it is written"
        )
        parser.add_argument(
            "--base-url",
            type=web_address,
            default=None,
            metavar="URL",
            help="this installation's public address",
        )
        parser.add_argument("--json", action="store_true", help="the output is JSON in any case")

    def handle(self, *args: Any, **options: Any) -> None:
        with all_companies():
            company = Company.objects.filter(slug=options["company"]).first()
            if company is None:
                raise CommandError(f"there is no company {options['company']!r}")
            accounts = AccountCompany.objects.filter(
                company=company, active=True, account__active=True, account__provider=options["provider"]
            ).select_related("account")
            first = accounts.order_by("account__slug").first()
            if first is None:
                raise CommandError(f"{company.slug} has no telephony account of {options['provider']}")
            numbers = list(
                PhoneNumber.objects.filter(company=company, active=True).values_list("number", flat=True)
            )
        made = definition(
            company,
            provider=options["provider"],
            account=first.account.slug,
            base_url=options["base_url"] or public_address(),
            numbers=numbers,
        )
        self.stdout.write(json.dumps(made, ensure_ascii=False, indent=2))
