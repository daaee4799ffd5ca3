from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tools import dotenv


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / ".env.example"
    path.write_text("# A comment\nDEBUG=false\nSECRET_KEY=\nDATA_DIR=var\n", encoding="utf-8")
    return path


def test_the_template_is_filled_and_keeps_the_rest(template: Path, tmp_path: Path) -> None:
    target = tmp_path / ".env"
    dotenv.write(target, template=template, values={"SECRET_KEY": "s", "PARK_KEY": "p"})
    assert dotenv.read(target) == {"DEBUG": "false", "SECRET_KEY": "s", "DATA_DIR": "var", "PARK_KEY": "p"}
    assert target.read_text(encoding="utf-8").startswith("# A comment\n")


def test_only_its_owner_reads_the_secrets(template: Path, tmp_path: Path) -> None:
    target = tmp_path / ".env"
    dotenv.write(target, template=template, values={})
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_an_existing_file_is_never_touched(template: Path, tmp_path: Path) -> None:
    target = tmp_path / ".env"
    target.write_text("SECRET_KEY=mine\n", encoding="utf-8")
    with pytest.raises(FileExistsError):
        dotenv.write(target, template=template, values={"SECRET_KEY": "other"})
    assert dotenv.read(target) == {"SECRET_KEY": "mine"}


def test_no_file_has_no_values(tmp_path: Path) -> None:
    assert dotenv.read(tmp_path / "absent") == {}


def test_fresh_secrets_are_usable_and_differ_each_time() -> None:
    first, second = dotenv.fresh_secrets(), dotenv.fresh_secrets()
    assert Fernet(first["FIELD_ENCRYPTION_KEYS"])
    assert len(first["SECRET_KEY"]) >= 50
    assert all(first[name] != second[name] for name in first)


def test_the_variables_of_companies_are_found_in_their_files(tmp_path: Path) -> None:
    file = tmp_path / "company.toml"
    file.write_text('api_key = "env:PARK_KEY"\nname = "env: no"\nother = "env:HOOK_2"\n', encoding="utf-8")
    assert dotenv.company_variables([file]) == {"PARK_KEY", "HOOK_2"}
