"""``manage.py apply_company``: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line

from tests.operations.park import ENVIRONMENT, PARK, edited
from tests.operations.rows import everything

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "park.toml"
    path.write_text(PARK, encoding="utf-8")
    return path


def test_it_prints_what_it_changes_and_then_that_there_is_nothing_to_change(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("apply_company", file)
    first = capsys.readouterr().out
    assert "branches[nord] created: 'Filiale Nord'\n" in first
    assert first.endswith("praxis-am-park: 8 changes applied\n")
    call_command("apply_company", file)
    assert capsys.readouterr().out == "praxis-am-park: nothing to change\n"


def test_a_dry_run_says_so_and_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything()
    call_command("apply_company", file, "--dry-run")
    assert capsys.readouterr().out.endswith("praxis-am-park: 8 changes planned, nothing written (dry run)\n")
    assert everything() == before


def test_json_gives_every_change_as_an_object(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("apply_company", file)
    capsys.readouterr()
    file.write_text(edited(PARK, ("max_alternatives = 2", "max_alternatives = 3")), encoding="utf-8")
    call_command("apply_company", file, "--json")
    assert json.loads(capsys.readouterr().out) == {
        "company": "praxis-am-park",
        "dry_run": False,
        "changes": [{"key": "company.max_alternatives", "action": "changed", "before": "2", "after": "3"}],
    }


def test_no_key_is_ever_printed(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("apply_company", file)
    fresh = {name: f"{value} fresh" for name, value in ENVIRONMENT.items()}
    for name, value in fresh.items():
        monkeypatch.setenv(name, value)
    call_command("apply_company", file)
    call_command("apply_company", file, "--json")
    printed = capsys.readouterr().out
    assert "company.calcom.api_key changed\n" in printed
    assert not [secret for secret in (*ENVIRONMENT.values(), *fresh.values()) if secret in printed]


# A command that ends closes its connections, and with them a transaction around the test.
@pytest.mark.django_db(transaction=True)
def test_wrong_values_end_with_1_one_line_and_nothing_changed(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything()
    # The last key of the file: everything before it was fine.
    file.write_text(edited(PARK, ("max_moves = 2", "max_moves = -2"), ("DE-BE", "ZZ")), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "apply_company", str(file)])
    assert ended.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "CommandError: company.holidays: 'ZZ' is not a country or country-region such as DE or DE-BE; "
        "services[fusspflege].max_moves: -2 is not between 0 and 1000\n"
    )
    assert everything() == before


@pytest.mark.parametrize(("name", "reason"), [("gone.toml", "No such file"), ("", "Is a directory")])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(CommandError, match=rf"\A[^\n]+ cannot be read: {reason}[^\n]*\Z") as refused:
        call_command("apply_company", tmp_path / name)
    assert refused.value.returncode == 1


def test_a_missing_argument_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "apply_company"])
    assert ended.value.code == 2
    assert "FILE.toml" in capsys.readouterr().err


def test_keys_that_can_no_longer_be_opened_are_one_line(file: Path, settings: object) -> None:
    call_command("apply_company", file)
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="cannot be decrypted with FIELD_ENCRYPTION_KEYS"):
        call_command("apply_company", file)
