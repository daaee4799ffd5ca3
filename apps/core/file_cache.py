"""Django's cache in files, for installations without Redis: every process of the machine shares it.

Django lists the whole folder at every write to see whether it is full, and its ``add`` looks first and
writes then. Here one write in ``LOOK_EVERY`` lists the folder, what has expired goes first, and of
several processes that add the same key one succeeds.
"""

from __future__ import annotations

import os
import pickle
import random
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache

LOOK_EVERY = 50


class SharedFileCache(FileBasedCache):
    """See the module."""

    def add(
        self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Set unless it is there. ``True``: this process did."""
        if self.has_key(key, version):
            return False
        self._createdir()  # type: ignore[attr-defined]
        handle, written = tempfile.mkstemp(dir=self._dir)  # type: ignore[attr-defined]
        try:
            with open(handle, "wb") as file:
                self._write_content(file, timeout, value)  # type: ignore[attr-defined]
            os.link(written, self._key_to_file(key, version))  # type: ignore[attr-defined]
        except FileExistsError:
            return False
        finally:
            os.unlink(written)
        return True

    def remove_expired(self) -> int:
        """Delete every entry whose time is over; returns how many."""
        return sum(_removed(Path(name)) for name in self._list_cache_files())  # type: ignore[attr-defined]

    def _cull(self) -> None:
        if random.randrange(LOOK_EVERY) == 0:
            self.remove_expired()
            super()._cull()  # type: ignore[misc]


def _removed(path: Path) -> bool:
    """Delete the entry if its time is over. One that cannot be read is over too."""
    try:
        with path.open("rb") as file:
            expires = pickle.load(file)  # noqa: S301  # written by this installation's own cache
    except FileNotFoundError:
        return False
    except (EOFError, pickle.UnpicklingError, ValueError):
        expires = 0
    if expires is None or expires >= time.time():
        return False
    with suppress(FileNotFoundError):
        path.unlink()
    return True
