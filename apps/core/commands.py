"""Commands whose usage errors are one clear line, as those of their values are."""

from __future__ import annotations

import codecs
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError


class OneLineParser(CommandParser):
    """A parser that does not print the whole usage above its complaint; ``--help`` does that."""

    def error(self, message: str) -> NoReturn:
        if not self.called_from_command_line:
            raise CommandError(f"Error: {message}", returncode=2)
        self.exit(2, f"{self.prog}: {message}\n")


class OneLineCommand(BaseCommand):
    """The base of the product's commands."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # Django makes the parser itself and leaves no other way to say of what kind.
        parser.__class__ = OneLineParser
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """A database that is gone, or was never migrated, is one line too; ``--traceback`` shows more."""
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CommandError(
                f"the database cannot be used: {said} (`python -m tools.release` sets it up)"
            ) from error
        except UnicodeEncodeError as error:
            # A shell passes any bytes on; those that are no text cannot be sent to a database.
            if codecs.lookup(error.encoding).name != "utf-8":
                raise
            raise CommandError("an argument is not UTF-8 text", returncode=2) from error
