from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "manage.py", "calcom_sandbox", "--port", "0", "--json"]
    environment = {**os.environ, "DEBUG": "true", "DATA_DIR": str(ROOT / ".cache")}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_it_says_where_it_is_serves_and_ends_cleanly_when_told_to(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    said = json.loads(running.stdout.readline())
    host, _, rest = said["base_url"].removeprefix("http://").partition(":")
    port = int(rest.partition("/")[0])
    connection = http.client.HTTPConnection(host, port, timeout=5)
    connection.request("GET", "/v2/me", headers={"Authorization": f"Bearer {said['accounts'][0]['key']}"})
    assert connection.getresponse().status == 200
    connection.close()
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0


def test_a_scenario_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    with pytest.raises(CommandError, match="No such file"):
        call_command("calcom_sandbox", scenario=path)
    path.write_text("colour = 1", encoding="utf-8")
    with pytest.raises(CommandError, match=r"scenario\.colour: unknown key") as caught:
        call_command("calcom_sandbox", scenario=path)
    assert caught.value.returncode == 1


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match="cannot listen on port"):
            call_command("calcom_sandbox", port=taken.getsockname()[1])


@pytest.mark.parametrize("port", ["x", "-1", "70000"])
def test_a_port_that_is_none_is_bad_usage(port: str) -> None:
    with pytest.raises(CommandError, match="is not a port"):
        call_command("calcom_sandbox", "--port", port)
