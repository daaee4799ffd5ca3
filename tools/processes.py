"""Child processes that are stopped together, whatever happens to the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ProcessFailedError(Exception):
    """A child ended by itself, or did not come up; the message ends with the last lines it logged."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running child: the leader of its own session, so that its group is exactly its own family."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self, *, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def ask_to_end(self) -> None:
        """SIGTERM to the leader alone: servers and workers end their own children in order."""
        if self.process.poll() is None:
            self.process.terminate()

    def kill_group(self) -> None:
        """SIGKILL to what is left of the family."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def group_lives(self) -> bool:
        """Whether anything of the family still runs."""
        self.process.poll()
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not interrupt the stopping, whose time is bounded."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Processes:
    """``with Processes(...) as processes``: on the way out every child's process group is stopped.

    What has not ended ``patience`` seconds after it was asked to is killed.
    """

    def __init__(
        self, *, folder: Path, log_folder: Path, environment: Mapping[str, str], patience: float = 10.0
    ) -> None:
        self.folder = folder
        self.log_folder = log_folder
        self.environment = dict(environment)
        self.patience = patience
        self.children: list[Child] = []

    def __enter__(self) -> Self:
        self.log_folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            self.stop()

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start ``command`` in a session of its own, its output in ``<name>.log``."""
        log = self.log_folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name=name, process=process, log=log)
        self.children.append(child)
        return child

    def check(self) -> None:
        """Raise ``ProcessFailedError`` when a child has ended."""
        for child in self.children:
            if (code := child.process.poll()) is not None:
                raise ProcessFailedError(f"{child.name} ended with {code}:\n{child.last_words()}")

    def stop(self) -> None:
        """Ask every child to end, the last started first; kill the groups that have not ended in time."""
        for child in reversed(self.children):
            child.ask_to_end()
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline and any(child.group_lives() for child in self.children):
            time.sleep(0.05)
        for child in self.children:
            if child.group_lives():
                child.kill_group()
            child.process.wait()
        self.children.clear()
