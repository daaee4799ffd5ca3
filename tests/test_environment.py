"""The tests' own environment: nothing of the developer's shell or ``.env`` reaches a test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import dotenv

ROOT = Path(__file__).resolve().parent.parent
# Whatever a developer may have set, for good reasons of their own.
STRANGE = {
    "DEBUG": "false",
    "SECRET_KEY": "the-developers-own",
    "DATA_DIR": "the-developers-own",
    "DATABASE_URL": "postgres://127.0.0.1/the-developers-own",
    "REDIS_URL": "redis://127.0.0.1/9",
    "CALL_BUDGET_SECONDS": "77",
    "STALE_CALL_MINUTES": "77",
    "FEATURE_SKIP_ALTERNATIVES_FOR_VOICE": "true",
    "METRICS_TOKEN": "the-developers-own",
}
# Nothing of ours, but a ``.env`` may hold it.
OF_ANOTHER_PROGRAM = "OF_ANOTHER_PROGRAM"
TELL = """
import json, os
import tests.environment
from booking_platform import settings
told = {name: str(getattr(settings, name)) for name in dir(settings) if name.isupper()}
print(json.dumps({"settings": told, "environment": dict(os.environ)}))
tests.environment.pytest_unconfigure()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of the project as its settings need, with a ``.env`` in it."""
    for folder in ("booking_platform", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "tests").mkdir()
    for name in ("tests/__init__.py", "tests/environment.py", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name)
    lines = (f"{name}={value}" for name, value in {**STRANGE, OF_ANOTHER_PROGRAM: "77"}.items())
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("shell", [{}, {k: v for k, v in STRANGE.items() if not k.endswith("_URL")}])
def test_a_developers_env_file_and_shell_do_not_reach_the_tests(
    checkout: Path, shell: dict[str, str]
) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), **shell}
    told = json.loads(
        subprocess.run(
            [sys.executable, "-c", TELL], cwd=checkout, env=environment, capture_output=True, check=True
        ).stdout
    )
    assert told["settings"]["CALL_BUDGET_SECONDS"] == "5.0"
    assert told["settings"]["FEATURE_SKIP_ALTERNATIVES_FOR_VOICE"] == "False"
    assert OF_ANOTHER_PROGRAM not in told["environment"]
    seen = {**told["settings"], **{name: told["environment"].get(name) for name in STRANGE}}
    assert not [name for name, value in seen.items() if "the-developers-own" in str(value)]
    assert not [name for name, value in seen.items() if value == "77"]
    assert "redis" not in told["settings"]["REDIS_URL"]


def test_every_setting_has_a_value_of_its_own_in_the_tests() -> None:
    """So that a process which a test starts does not look it up in ``.env`` either."""
    assert set(dotenv.read(ROOT / ".env.example")) <= set(os.environ)
