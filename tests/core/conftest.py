from __future__ import annotations

from tests.core.stores import dead_client, live_client, name, storage

__all__ = ["dead_client", "live_client", "name", "storage"]
