"""``release`` with two roles on PostgreSQL: the owner migrates, the application gets rows and no tables."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection

from apps.tenants import row_security
from tests.application_role import OWNER

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.postgres, pytest.mark.django_db, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Roles:
    """A database of its own, and its two logins."""

    owner: str
    application: str


@pytest.fixture(scope="module")
def roles(django_db_setup: None) -> Iterator[Roles]:
    settings = connection.settings_dict
    name, password = f"test_release_{os.getpid()}", secrets.token_hex(8)
    place = f"{settings['HOST'] or '127.0.0.1'}:{settings['PORT'] or 5432}"
    login = f"{quote(OWNER['USER'])}:{quote(OWNER['PASSWORD'])}" if OWNER["PASSWORD"] else OWNER["USER"]
    server = f"postgres://{login}@{place}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as owner:
        owner.execute(f'CREATE DATABASE "{name}"')
        owner.execute(f"CREATE ROLE \"{name}_app\" LOGIN PASSWORD '{password}'")
        yield Roles(f"{server}/{name}", f"postgres://{name}_app:{password}@{place}/{name}")
        owner.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        owner.execute(f'DROP ROLE "{name}_app"')


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_application_gets_rows_and_no_tables(roles: Roles) -> None:
    urls = {"DATABASE_URL": roles.application, "DATABASE_MIGRATION_URL": roles.owner}
    released = run("-m", "tools.release", **urls)
    assert released.returncode == 0, released.stderr
    assert "tenants.W" not in released.stderr
    checked = run("manage.py", "check", "--database", "default", "--fail-level", "WARNING", **urls)
    assert checked.returncode == 0, checked.stderr
    with psycopg.connect(roles.application, autocommit=True) as application:
        tables = list(row_security.tenant_tables())
        for table in (*tables, "calls_telephonyaccount", "auth_user"):
            assert application.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (0,)
        for forbidden in (
            'ALTER TABLE "tenants_branch" DISABLE ROW LEVEL SECURITY',
            'DROP POLICY company_scope ON "tenants_branch"',
            'TRUNCATE "tenants_branch" CASCADE',
            "DELETE FROM django_migrations",
            "CREATE TABLE public.mine (id int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(forbidden)


def test_a_role_that_does_not_exist_stops_the_release_with_one_line(roles: Roles) -> None:
    nobody = roles.application.replace("_app:", "_nobody:")
    released = run("-m", "tools.release", DATABASE_URL=nobody, DATABASE_MIGRATION_URL=roles.owner)
    assert released.returncode == 1
    assert released.stderr.splitlines()[-1].startswith("booking_platform: the role ")
