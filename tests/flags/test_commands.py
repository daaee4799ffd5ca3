"""``list_flags`` and ``toggle_flag``."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line

from apps.flags.models import FlagChange, FlagSetting
from apps.flags.registry import Flag
from apps.flags.state import is_on
from tests.factories import make_company
from tests.flags.override import override_flag

# The commands' own commits have to be real: what they print is read after them.
pytestmark = pytest.mark.django_db(transaction=True)


def printed(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    call_command(*command)
    return capsys.readouterr().out


def test_a_toggle_prints_before_and_after_and_is_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    assert is_on(Flag.SLOT_HOLDS)
    line = printed(capsys, "toggle_flag", "slot_holds", "off")
    assert line == "slot_holds for everyone: default → off (in force: off by everyone)\n"
    assert not is_on(Flag.SLOT_HOLDS)
    line = printed(capsys, "toggle_flag", "slot_holds", "off")
    assert line == "slot_holds for everyone: off already, nothing to change (in force: off by everyone)\n"
    line = printed(capsys, "toggle_flag", "slot_holds", "default")
    assert line == "slot_holds for everyone: off → default (in force: on by default)\n"
    assert list(FlagChange.objects.values_list("after", "source")) == [
        ("default", "command"),
        ("off", "command"),
    ]


def test_a_toggle_for_one_company_leaves_the_others_alone(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make_company("first"), make_company("second")
    printed(capsys, "toggle_flag", "messages_only", "on", "--company", "first")
    assert is_on(Flag.MESSAGES_ONLY, company_id=first.pk)
    assert not is_on(Flag.MESSAGES_ONLY, company_id=second.pk)
    change = json.loads(
        printed(capsys, "toggle_flag", "messages_only", "off", "--company", "first", "--json")
    )
    assert change == {
        "name": "messages_only",
        "company": "first",
        "before": "on",
        "after": "off",
        "on": False,
        "origin": "company",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["slot_hold", "on"],
            "NAME: 'slot_hold' is not a flag (known: skip_alternatives_for_voice, slot_holds, ",
        ),
        (["slot_holds", "on", "--company", "nobody"], "--company: 'nobody' is not a company"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("toggle_flag", *arguments)
    assert str(refused.value).startswith(message)
    assert len(str(refused.value).splitlines()) == 1
    assert refused.value.returncode == 1
    assert not FlagSetting.objects.exists()


@pytest.mark.parametrize("arguments", [[], ["slot_holds"], ["slot_holds", "maybe"]])
def test_bad_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "toggle_flag", *arguments])
    assert ended.value.code == 2
    assert "on|off|default" in capsys.readouterr().err


def test_the_list_shows_every_flag_with_what_is_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    company = make_company("first")
    with override_flag(Flag.PREWARM, False), override_flag(Flag.SLOT_HOLDS, False, company_id=company.pk):
        everyone = {row["name"]: row for row in json.loads(printed(capsys, "list_flags", "--json"))}
        own = {
            row["name"]: row
            for row in json.loads(printed(capsys, "list_flags", "--json", "--company", "first"))
        }
        text = printed(capsys, "list_flags")
    assert list(everyone) == [flag.value for flag in Flag]
    assert (everyone["prewarm"]["on"], everyone["prewarm"]["origin"]) == (False, "everyone")
    assert (everyone["slot_holds"]["on"], everyone["slot_holds"]["companies"]) == (True, {"first": False})
    assert (own["slot_holds"]["on"], own["slot_holds"]["origin"]) == (False, "company")
    assert (own["messages_only"]["on"], own["messages_only"]["origin"]) == (False, "default")
    assert "for companies: first off" in text
    assert all(flag.value in text for flag in Flag)


def test_the_list_for_an_unknown_company_is_refused() -> None:
    with pytest.raises(CommandError, match="'nobody' is not a company"):
        call_command("list_flags", "--company", "nobody")
