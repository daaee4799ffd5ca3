"""A usage error is one line on stderr and exit code 2, for every command of the contract."""

from __future__ import annotations

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import CommandError
from django.db import OperationalError, ProgrammingError

from apps.core.commands import OneLineCommand

COMMANDS = sorted(name for name, app in get_commands().items() if str(app).startswith("apps."))


class Example(OneLineCommand):
    def add_arguments(self, parser):  # type: ignore[no-untyped-def]
        parser.add_argument("--phone", required=True)

    def handle(self, *args: object, **options: object) -> None:
        self.stdout.write("done")


@pytest.mark.parametrize(
    "arguments", [[], ["--phone"], ["--phone", "1", "--nonsense"], ["--phone", "1", "extra"]]
)
def test_a_usage_error_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        Example().run_from_argv(["manage.py", "example", *arguments])
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("manage.py example: ")
    assert output.err.count("\n") == 1


def test_help_still_shows_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        Example().run_from_argv(["manage.py", "example", "--help"])
    assert stopped.value.code == 0
    assert "usage: manage.py example" in capsys.readouterr().out


def test_called_from_code_it_raises() -> None:
    parser = Example().create_parser("manage.py", "example")
    with pytest.raises(CommandError):
        parser.parse_args([])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_product_is_such(name: str) -> None:
    assert isinstance(load_command_class(get_commands()[name], name), OneLineCommand)


def test_the_products_commands_are_found() -> None:
    assert {"apply_company", "toggle_flag", "understand", "simulate_calls"} <= set(COMMANDS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list_flags", {"company": "\udcff"}),
        ("clear_availability_cache", {"branch": "\udcff"}),
        ("export_agent", {"company": "\udcff"}),
    ],
)
def test_an_argument_that_is_no_text_is_bad_usage_in_one_line(name: str, arguments: dict[str, str]) -> None:
    with pytest.raises(CommandError, match=r"\Aan argument is not UTF-8 text\Z") as refused:
        call_command(name, **arguments)
    assert refused.value.returncode == 2


@pytest.mark.parametrize("error", [OperationalError, ProgrammingError])
def test_a_database_that_was_never_set_up_is_one_line(error: type[Exception]) -> None:
    class Unlucky(OneLineCommand):
        requires_system_checks = ()

        def handle(self, *args: object, **options: object) -> None:
            raise error('relation "tenants_company" does not exist\nLINE 1: SELECT 1')

    with pytest.raises(CommandError) as raised:
        call_command(Unlucky())
    assert str(raised.value) == (
        'the database cannot be used: relation "tenants_company" does not exist '
        "(`python -m tools.release` sets it up)"
    )
    assert raised.value.returncode == 1
