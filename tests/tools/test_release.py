from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tools import procfile

ROOT = Path(__file__).resolve().parents[2]


def release(**environment: str) -> None:
    line = procfile.read(ROOT / "Procfile")["release"]
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
    subprocess.run(["sh", "-c", line], cwd=ROOT, env={**os.environ, "PATH": path, **environment}, check=True)


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an owner's database that has been released, for which a user's was named as well."""
    folder = tmp_path_factory.mktemp("released")
    owner, user = folder / "owner.sqlite3", folder / "user.sqlite3"
    release(DATABASE_URL=f"sqlite:///{user}", DATABASE_MIGRATION_URL=f"sqlite:///{owner}")
    return folder


def test_the_owners_database_is_migrated_when_one_is_named(migrated: Path) -> None:
    assert "tenants_company" in tables(migrated / "owner.sqlite3")
    assert not (migrated / "user.sqlite3").exists()


def test_without_an_owner_the_database_itself_is_migrated(migrated: Path, tmp_path: Path) -> None:
    user = tmp_path / "user.sqlite3"
    shutil.copy(migrated / "owner.sqlite3", user)
    with closing(sqlite3.connect(user)) as connection:  # one migration is missing: all take many seconds
        connection.executescript(
            "DROP TABLE django_session; DELETE FROM django_migrations WHERE app = 'sessions'"
        )
    release(DATABASE_URL=f"sqlite:///{user}", DATABASE_MIGRATION_URL="")
    assert "django_session" in tables(user)
