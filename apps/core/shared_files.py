"""What the processes of one machine share in an installation without Redis: small files, each with a lock.

A lock is held for microseconds. Who does not get it soon, or finds no disk, gets ``OSError`` and goes on
with what its own process knows.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 0.05
POLL_SECONDS = 0.001


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """The file for its holder alone; made, with its folder, when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0) as file:
        _lock(file)
        yield file  # closing it gives the lock back, as the end of its process does


def change_json(path: Path, use: Callable[[dict[str, Any]], T]) -> T:
    """Let ``use`` read and change the JSON object of the file. One that cannot be read counts as empty."""
    with locked(path) as file:
        written = file.read()
        content = _object(written)
        result = use(content)
        changed = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
        if changed != (written or b"{}"):
            file.seek(0)
            file.truncate()
            file.write(changed)
        return result


def _lock(file: BinaryIO) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, "locked by another process", file.name) from None
            time.sleep(POLL_SECONDS)
        else:
            return


def _object(written: bytes) -> dict[str, Any]:
    try:
        content = json.loads(written or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
