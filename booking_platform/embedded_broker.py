"""The broker of an installation without services: files under ``DATA_DIR``.

kombu's own file transport writes a message where workers already look for it: a worker that is quick reads
half of it and ends. Here a message appears whole or not at all, and is taken by exactly one worker.
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu import transport
from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

TABLE_TRIES = 20
TABLE_PAUSE_SECONDS = 0.01


class Channel(filesystem.Channel):
    """Messages are made under a name that nobody looks for, and taken by renaming them."""

    # The stubs of its two ancestors name the second argument differently.
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        name = f"{time.time_ns():020d}_{uuid.uuid4().hex}.{queue}.msg"
        folder = Path(self.data_folder_out)
        unfinished = folder / f".{name}"
        unfinished.write_text(dumps(payload), encoding="utf-8")
        unfinished.replace(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = Path(self.processed_folder) / name
            try:
                Path(self.data_folder_in, name).rename(taken)
            except FileNotFoundError:
                continue  # another worker was faster
            payload: dict[str, Any] = loads(taken.read_text(encoding="utf-8"))
            taken.unlink()
            return payload
        raise Empty

    def get_table(self, exchange: str) -> list[Any]:
        """Which queues an exchange has: a message for an exchange without any is dropped.

        Whoever makes the table empties it first, and another thread of this process may have noted that it
        binds its queue before the table says so: then it is read again.
        """
        for _ in range(TABLE_TRIES):
            try:
                table = list(super().get_table(exchange))
            except ValueError:
                table = []
            else:
                if table or not self._is_bound(exchange):
                    return table
            time.sleep(TABLE_PAUSE_SECONDS)
        return list(super().get_table(exchange))

    def _is_bound(self, exchange: str) -> bool:
        return any(binding.exchange == exchange for binding in list(self.state.bindings or ()))


class Transport(filesystem.Transport):
    Channel = Channel
    # A folder has no host; kombu warns of each connection that lacks one.
    default_connection_params = {}


def install() -> None:
    """From here on ``filesystem://`` means this transport."""
    transport.TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
