from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest

from apps.sandbox.scenario import DEFAULT_FILE
from tools import demo, dotenv

PORTS = demo.Ports(web=8001, sandbox=8601)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout, and a shell that names no services."""
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    preferred = demo.free_port(0)
    assert demo.free_port(preferred) == preferred


def test_another_port_is_taken_when_somebody_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert demo.free_port(taken) != taken


def test_two_servers_never_get_the_same_port() -> None:
    port = demo.free_port(0)
    assert demo.free_port(port, but_not=port) != port


def test_a_database_of_the_env_file_or_the_shell_is_left_alone(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / ".env").write_text("DEBUG=true\nDATABASE_URL=postgres://127.0.0.1/real\n", encoding="utf-8")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1")
    used = demo.settings(PORTS)
    assert (used["DATABASE_URL"], used["REDIS_URL"], used["DEBUG"]) == ("", "", "false")


def test_secrets_of_the_env_file_stand_and_missing_ones_are_made_up(checkout: Path) -> None:
    (checkout / ".env").write_text("SECRET_KEY=mine\nFIELD_ENCRYPTION_KEYS=\n", encoding="utf-8")
    used = demo.settings(PORTS)
    assert used["SECRET_KEY"] == "mine"
    assert used["FIELD_ENCRYPTION_KEYS"]
    assert used["RETELL_API_KEY"]


def test_a_real_calendar_in_the_env_file_is_left_alone(checkout: Path) -> None:
    (checkout / ".env").write_text(
        "CALCOM_BASE_URL=https://api.cal.com/v2\nPARK_CALCOM_KEY=cal_live_1\n", encoding="utf-8"
    )
    used = demo.settings(PORTS)
    assert used["CALCOM_BASE_URL"] == "http://127.0.0.1:8601/v2"
    assert used["PARK_CALCOM_KEY"] == "cal_sandbox_park"


def test_the_stand_in_calendar_knows_the_keys() -> None:
    scenario = tomllib.loads(DEFAULT_FILE.read_text(encoding="utf-8"))
    assert set(demo.STAND_IN_KEYS.values()) <= {account["key"] for account in scenario["accounts"]}


def test_an_env_file_is_written_once(checkout: Path) -> None:
    (checkout / ".env.example").write_text("SECRET_KEY=\nFIELD_ENCRYPTION_KEYS=\n", encoding="utf-8")
    demo.write_env()
    first = dotenv.read(checkout / ".env")
    demo.write_env()
    assert first["SECRET_KEY"]
    assert dotenv.read(checkout / ".env") == first


def test_a_second_demo_in_the_same_checkout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DATA_DIR", tmp_path / "var" / "demo")
    with (
        demo.alone(),
        pytest.raises(demo.DemoError, match="already runs"),
        demo.alone(),
    ):
        pass


def test_each_demo_begins_with_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DATA_DIR", tmp_path / "demo")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "db.sqlite3").touch()
    with demo.alone():
        assert not (tmp_path / "demo").exists()
