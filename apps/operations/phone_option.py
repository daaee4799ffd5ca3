"""``--phone E164``, as the commands about a caller understand it."""

from __future__ import annotations

from django.core.management.base import CommandError, CommandParser

from apps.operations.company_file.values import E164


def add_phone_option(parser: CommandParser) -> None:
    """Give a command the option."""
    parser.add_argument("--phone", metavar="E164", required=True, help="the caller's number, +4930…")


def phone_of(given: str) -> str:
    """The number; raises ``CommandError`` (bad usage) for what is none. Never repeats what was typed."""
    if not E164.fullmatch(given):
        raise CommandError("--phone: give an international number such as +493012345678", returncode=2)
    return given
