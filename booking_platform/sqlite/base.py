"""The database connection of an installation on SQLite.

One writer writes at a time; the others wait for it. Where a deadline is in force they wait no longer
than that (``apps.core.deadline``), else as long as the settings say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.sqlite3 import base

from apps.core import deadline

STEP_MS = 250
"""The patience is set in steps, so that a request of quick statements sets it once or twice."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, whose patience is set before a statement that may have to wait."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._usual_ms = int(self.settings_dict.get("OPTIONS", {}).get("timeout", 5) * 1000)
        self._patience_ms = self._usual_ms
        self.execute_wrappers.append(self._patiently)

    def connect(self) -> None:
        self._patience_ms = self._usual_ms
        super().connect()

    def _patiently(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, around: dict[str, Any]
    ) -> Any:
        left = deadline.seconds_left()
        wanted = self._usual_ms if left is None else max(round(left * 1000 / STEP_MS), 1) * STEP_MS
        if wanted != self._patience_ms:
            self.connection.execute(f"PRAGMA busy_timeout = {wanted}")
            self._patience_ms = wanted
        return execute(sql, params, many, around)
