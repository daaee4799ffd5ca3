from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from tools import audit
from tools.audit import Advisory, Snapshot

LOCK = """\
# a comment
django==5.2.7 \\
    --hash=sha256:aa
    # via -r base.in
psycopg[binary]==3.2.0 \\
    --hash=sha256:bb
"""
BAD_DJANGO = Advisory("django", ">=5.2,<5.2.8", "CVE-1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Locks of two packages, and a copy that knows of an older advisory."""
    for name in audit.LOCKS:
        (tmp_path / f"{name}.txt").write_text(LOCK, encoding="utf-8")
    audit.write(tmp_path / "advisories.toml", Snapshot((Advisory("psycopg", "<3", "CVE-0"),), None, {}))
    return tmp_path


def report(*, vulns: list[dict[str, Any]], known: bool = True) -> dict[str, object]:
    """pip-audit's answer about the two packages of ``LOCK``."""
    psycopg: dict[str, Any] = {"name": "psycopg", "version": "3.2.0", "vulns": []}
    if not known:
        psycopg = {"name": "psycopg", "skip_reason": "Dependency not found"}
    return {"dependencies": [{"name": "django", "version": "5.2.7", "vulns": vulns}, psycopg]}


def found(*advisories: Advisory, accepted: dict[str, str] | None = None) -> list[str]:
    return list(audit.faults({"django": "5.2.7"}, Snapshot(advisories, None, accepted or {})))


def test_the_projects_own_locks_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["check"]) == 0
    assert "none affected by" in capsys.readouterr().out


def test_a_locked_version_that_is_affected_fails() -> None:
    assert found(BAD_DJANGO) == ["django 5.2.7: CVE-1 affects >=5.2,<5.2.8"]
    assert found(Advisory("Django", "<5.2.7", "CVE-2"), Advisory("other", ">=0", "CVE-3")) == []


def test_an_advisory_that_is_accepted_with_a_reason_passes_while_it_applies() -> None:
    reason = {"CVE-1": "the admin's search is not public"}
    assert found(BAD_DJANGO, accepted=reason) == []
    assert found(accepted=reason) == ["CVE-1 is accepted, but affects nothing that is locked"]


def test_nothing_is_accepted_without_a_reason(folder: Path) -> None:
    audit.write(folder / "advisories.toml", Snapshot((), None, {"CVE-1": " "}))
    with pytest.raises(ValueError, match="CVE-1"):
        audit.read(folder / "advisories.toml")


@pytest.mark.parametrize("line", ["django>=5.2 \\", "django==5.2.7", "git+https://example.org/x"])
def test_a_lock_without_version_or_hash_is_no_lock(line: str) -> None:
    with pytest.raises(ValueError, match="not locked"):
        list(audit.pins([line]))


def test_the_copy_reads_as_it_was_written(folder: Path) -> None:
    snapshot = Snapshot((BAD_DJANGO,), datetime.date(2026, 1, 7), {"CVE-1": 'it is "not" used: ß'})
    audit.write(folder / "advisories.toml", snapshot)
    assert audit.read(folder / "advisories.toml") == snapshot


def test_what_the_service_says_is_added_and_dated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vulns = [{"id": "CVE-1", "fix_versions": ["4.2.26", "5.2.8", "6.0"]}, {"id": "CVE-2", "fix_versions": []}]
    monkeypatch.setattr(audit, "ask", lambda folder: report(vulns=vulns))
    assert audit.refresh(folder).startswith("2 locked packages, 2 advisories")
    snapshot = audit.read(folder / "advisories.toml")
    assert snapshot.refreshed
    assert {(one.id, one.affected) for one in snapshot.advisories} == {
        ("CVE-0", "<3"),
        ("CVE-1", "<5.2.8"),
        ("CVE-2", ">=0"),
    }
    assert len(list(audit.faults(audit.locked(folder), snapshot))) == 2


def test_a_service_that_does_not_know_everything_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "advisories.toml").read_bytes()
    monkeypatch.setattr(audit, "ask", lambda folder: report(vulns=[], known=False))
    with pytest.raises(audit.NotAnsweredError, match="1 of 2"):
        audit.refresh(folder)
    assert (folder / "advisories.toml").read_bytes() == before
