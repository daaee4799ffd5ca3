"""System checks of the installation: what they find, and that they look."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.db import connection

from apps.core import checks


@pytest.mark.django_db
def test_an_embedded_database_needs_no_upkeep() -> None:
    found = checks.tables_are_analyzed(databases=["default"])
    assert found == [] or connection.vendor == "postgresql"
    assert checks.tables_are_analyzed(databases=None) == []


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize(("said", "ids"), [("off", ["core.W003"]), ("on", [])])
def test_a_server_without_autovacuum_is_reported(said: str, ids: list[str]) -> None:
    """The server's own setting cannot be changed by a test: what it says is put in its mouth."""

    def speak(execute: Any, sql: str, *rest: Any) -> Any:
        assert "autovacuum" in sql
        return execute(f"SELECT '{said}'", *rest)

    with connection.execute_wrapper(speak):
        found: list[CheckMessage] = checks.tables_are_analyzed(databases=["default"])
    assert [one.id for one in found] == ids
    assert all(one.hint for one in found)
