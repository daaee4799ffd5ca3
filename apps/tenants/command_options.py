"""``--company SLUG``, as the commands of every app understand it."""

from __future__ import annotations

from django.core.management.base import CommandError, CommandParser

from apps.tenants.models import Company
from apps.tenants.scoping import all_companies


def add_company_option(parser: CommandParser, *, help: str, required: bool = False) -> None:
    """Give a command the option."""
    parser.add_argument("--company", metavar="SLUG", help=help, required=required)


def company_id_of(slug: str | None) -> int | None:
    """The id of the company that was named, None for all; raises ``CommandError`` for an unknown one."""
    if slug is None:
        return None
    with all_companies():
        company_id = Company.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if company_id is None:
        raise CommandError(f"--company: {slug!r} is not a company")
    return company_id
