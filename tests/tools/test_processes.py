from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.processes import Processes, ProcessFailedError

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)"
)
FAMILY = (
    f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); child.wait()"
)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Processes]:
    with Processes(folder=tmp_path, log_folder=tmp_path / "log", environment=dict(os.environ)) as running:
        yield running


def group_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_log(path: Path, word: str) -> None:
    deadline = time.monotonic() + 10
    while word not in path.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{path.name} never said {word}"
        time.sleep(0.02)


def test_leaving_stops_every_child(tmp_path: Path) -> None:
    with Processes(folder=tmp_path, log_folder=tmp_path, environment=dict(os.environ)) as running:
        leaders = [running.start(name, SLEEP).process.pid for name in ("first", "second")]
        assert all(group_lives(leader) for leader in leaders)
    assert not any(group_lives(leader) for leader in leaders)


def test_an_error_stops_them_as_well(tmp_path: Path) -> None:
    running = Processes(folder=tmp_path, log_folder=tmp_path, environment=dict(os.environ))

    def interrupted() -> None:
        with running:
            leaders.append(running.start("first", SLEEP).process.pid)
            raise KeyboardInterrupt

    leaders: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not group_lives(leaders[0])


def test_a_grandchild_that_ignores_the_asking_is_killed(started: Processes) -> None:
    started.patience = 0.3
    child = started.start("family", (sys.executable, "-c", FAMILY))
    wait_for_log(child.log, "up")
    started.stop()
    deadline = time.monotonic() + 5  # the orphan is gone when init has taken note of it
    while group_lives(child.process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_was_not_started_here_goes_on(started: Processes) -> None:
    with subprocess.Popen(SLEEP) as bystander:
        started.start("first", SLEEP)
        started.stop()
        assert bystander.poll() is None
        bystander.kill()


def test_a_child_that_ended_is_reported_with_its_last_words(started: Processes) -> None:
    child = started.start("web", (sys.executable, "-c", "import sys; print('port taken'); sys.exit(3)"))
    child.process.wait()
    with pytest.raises(ProcessFailedError, match=r"(?s)web ended with 3:\nport taken"):
        started.check()


def test_running_children_are_no_fault(started: Processes) -> None:
    started.start("first", SLEEP)
    started.check()


def test_a_child_gets_the_environment_it_was_given(tmp_path: Path) -> None:
    code = "import os; print(os.environ['A'], os.environ['B'], flush=True)"
    with Processes(folder=tmp_path, log_folder=tmp_path, environment={"A": "1", "B": "1"}) as running:
        child = running.start("first", (sys.executable, "-c", code), environment={"B": "2"})
        child.process.wait()
        assert child.last_words() == "1 2"
