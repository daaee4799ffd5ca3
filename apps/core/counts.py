"""What went wrong or was refused in this process, by name: counted where it happens, read by the metrics.

Names are facts in snake_case and end in what was done: ``functions_refused_over_rate``.
"""

from __future__ import annotations

import threading
from collections import Counter

_lock = threading.Lock()
_counts: Counter[str] = Counter()


def note(name: str) -> None:
    """One more."""
    with _lock:
        _counts[name] += 1


def noted() -> dict[str, int]:
    """Everything since this process began."""
    with _lock:
        return dict(_counts)
