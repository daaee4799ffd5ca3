"""The project's own files agree with each other: settings, .env.example, Procfile, Makefile, locks."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tools import dotenv, procfile

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = (ROOT / "booking_platform" / "settings.py").read_text(encoding="utf-8")
RELEASE = (ROOT / "tools" / "release.py").read_text(encoding="utf-8")
EXAMPLE = dotenv.read(ROOT / ".env.example")
READ = re.compile(r'env\.(?:\w+)\(\s*"([A-Z_]+)"')
NUMBER = re.compile(r'env\.(?:number|whole)\("([A-Z_]+)", default=([\d._]+)')
FLAG = re.compile(r'env\.flag\("([A-Z_]+)", default=(True|False)')
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==(\S+) \\$")
NAMED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
LOCKS = ("base", "dev")
A_DATABASE = "must be a URL such as postgres://user:password@host:5432/name"


def lock(name: str) -> list[str]:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def pins(name: str) -> dict[str, str]:
    """Package -> version of one lock."""
    return {match[1].lower(): match[2] for line in lock(name) if (match := PINNED.match(line))}


def run_python(
    *arguments: str, environment: dict[str, str], data_dir: Path
) -> subprocess.CompletedProcess[str]:
    """Python in the checkout with exactly this environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": "booking_platform.settings",
            **environment,
            "DATA_DIR": str(data_dir),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def check_settings(environment: dict[str, str], data_dir: Path) -> subprocess.CompletedProcess[str]:
    """``manage.py check`` with exactly this environment."""
    return run_python("manage.py", "check", environment=environment, data_dir=data_dir)


def test_the_example_environment_lists_what_settings_and_examples_read_and_nothing_else() -> None:
    settings = set(READ.findall(SETTINGS)) | set(READ.findall(RELEASE))
    assert settings | dotenv.company_variables(ROOT.glob("examples/*.toml")) == set(EXAMPLE)


def test_the_example_environment_shows_the_real_defaults() -> None:
    numbers = {name: float(value) for name, value in NUMBER.findall(SETTINGS)}
    flags = {name: value.lower() for name, value in FLAG.findall(SETTINGS)}
    assert numbers
    assert flags
    assert {name: float(EXAMPLE[name]) for name in numbers} == numbers
    assert {name: EXAMPLE[name] for name in flags} == flags


def test_the_example_environment_as_it_stands_stops_the_start_in_one_line(tmp_path: Path) -> None:
    done = check_settings(EXAMPLE, tmp_path)
    assert done.returncode == 1
    assert "SECRET_KEY" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_example_environment_with_fresh_secrets_is_a_production(tmp_path: Path) -> None:
    done = check_settings({**EXAMPLE, **dotenv.fresh_secrets()}, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_database_stops_the_start_without_its_password(tmp_path: Path) -> None:
    environment = {**EXAMPLE, **dotenv.fresh_secrets(), "DATABASE_URL": "mongodb://owner:s3cret@127.0.0.1/x"}
    done = check_settings(environment, tmp_path)
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert "s3cret" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("process", ["release", "web", "worker", "beat"])
def test_a_process_without_a_secret_ends_with_one_line(process: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", procfile.read(ROOT / "Procfile")[process]],
        cwd=ROOT,
        env={**EXAMPLE, "PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout + done.stderr == (
        "booking_platform: SECRET_KEY is missing or a default; set a long random value (or DEBUG=true)\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FIELD_ENCRYPTION_KEYS", "abc", "FIELD_ENCRYPTION_KEYS: number 1 is not a Fernet key"),
        ("CALL_BUDGET_SECONDS", "nan", "CALL_BUDGET_SECONDS must be a number, not 'nan'"),
        ("SEARCH_DAYS", "7.5", "SEARCH_DAYS must be a whole number, not 7.5"),
        ("SEARCH_DAYS", "1000", "SEARCH_DAYS must be at most 366, not 1000"),
        ("DEBUG", "maybe", "DEBUG must be true or false, not 'maybe'"),
        ("REDIS_URL", "127.0.0.1:6379", "REDIS_URL must be a redis:// URL"),
        ("REDIS_URL", "redis://host:port/0", "REDIS_URL must be a URL such as redis://host:6379/0"),
        ("REDIS_URL", "redis://host/nine", "REDIS_URL must be a URL such as redis://host:6379/0"),
        ("CELERY_BROKER_URL", "redis.example", "CELERY_BROKER_URL must be a redis:// or amqp:// URL"),
        ("DATABASE_URL", "postgres://owner@host:port/name", f"DATABASE_URL {A_DATABASE}"),
        ("DATABASE_URL", "postgres://", f"DATABASE_URL {A_DATABASE}"),
        (
            "CSRF_TRUSTED_ORIGINS",
            "https://a.example,b.example",
            "CSRF_TRUSTED_ORIGINS must be origins such as https://termine.example, not 'b.example'",
        ),
    ],
)
def test_a_setting_that_cannot_be_meant_stops_the_start_in_one_line(
    name: str, value: str, said: str, tmp_path: Path
) -> None:
    done = check_settings({**EXAMPLE, **dotenv.fresh_secrets(), name: value}, tmp_path)
    assert (done.returncode, done.stderr) == (1, f"booking_platform: {said}\n")


def test_a_blank_setting_is_one_that_is_not_set(tmp_path: Path) -> None:
    blank = dict.fromkeys(EXAMPLE, "")
    shown = "from django.conf import settings as s; print(s.SEARCH_DAYS, s.CALCOM_SLOTS_TIMEOUT, s.DEBUG)"
    done = run_python("-c", shown, environment={**blank, **dotenv.fresh_secrets()}, data_dir=tmp_path)
    assert (done.stdout, done.stderr) == ("7 3.0 False\n", "")


def test_an_env_file_that_is_no_text_stops_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SECRET_KEY=\xff\xfe\n")
    load = f"from booking_platform.environment import *; load(Path({str(tmp_path)!r}))"
    done = run_python("-c", load, environment={}, data_dir=tmp_path)
    assert (done.returncode, done.stderr) == (1, "booking_platform: .env is not UTF-8 text\n")


def test_the_owners_database_is_refused_under_its_own_name(tmp_path: Path) -> None:
    environment = {**EXAMPLE, **dotenv.fresh_secrets(), "DATABASE_MIGRATION_URL": "mysql://owner@host/name"}
    done = run_python("-m", "tools.release", environment=environment, data_dir=tmp_path)
    said = "booking_platform: DATABASE_MIGRATION_URL must be a postgres:// or sqlite:// URL\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_a_data_folder_that_cannot_be_made_stops_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = check_settings({**EXAMPLE, **dotenv.fresh_secrets()}, tmp_path / "file" / "var")
    assert done.returncode == 1
    said = f"the folder {tmp_path}/file/var cannot be made: Not a directory"
    assert done.stderr == f"booking_platform: {said}\n"


ENQUEUE = """
import time, django; django.setup()
from kombu.exceptions import OperationalError
from booking_platform import celery_app
begun = time.monotonic()
try:
    celery_app.send_task("any")
except OperationalError:
    print(time.monotonic() - begun)
"""


def test_a_queue_that_refuses_costs_a_caller_no_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = run_python(
        "-c",
        ENQUEUE,
        environment={**EXAMPLE, **dotenv.fresh_secrets(), "REDIS_URL": f"redis://127.0.0.1:{port}/0"},
        data_dir=tmp_path,
    )
    assert float(done.stdout) < 2, done.stderr


def test_the_procfile_names_the_four_processes() -> None:
    assert list(procfile.read(ROOT / "Procfile")) == ["release", "web", "worker", "beat"]


@pytest.mark.parametrize("name", ["release", "web", "worker", "beat"])
def test_a_line_of_the_procfile_is_sound_shell_and_runs_a_module_that_exists(name: str) -> None:
    line = procfile.read(ROOT / "Procfile")[name]
    assert subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0
    module = re.search(r"python -m (\S+)", line)
    assert module
    assert importlib.util.find_spec(module[1])


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "chaos", "load", "lock", "messages"])
def test_make_knows_its_targets(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_and_hashes_every_requirement(name: str) -> None:
    lines = [line for line in lock(name) if line and not line.lstrip().startswith("#")]
    heads = [index for index, line in enumerate(lines) if not line.startswith(" ")]
    assert heads
    for index in heads:
        assert PINNED.match(lines[index]), lines[index]
        assert lines[index + 1].startswith("    --hash=sha256:")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_registry(name: str) -> None:
    text = "\n".join(lock(name))
    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_is_required(name: str) -> None:
    required = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8")
    names = {match.lower() for match in NAMED.findall(required)}
    assert names
    assert names <= set(pins(name))


def test_the_checks_run_on_the_versions_that_are_shipped() -> None:
    assert set(pins("base").items()) <= set(pins("dev").items())
