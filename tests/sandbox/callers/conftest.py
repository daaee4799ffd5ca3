from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.sandbox.server import SandboxServer
from tests.sandbox.callers.platform import Platform, calendar


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """A calendar with one event type, free around the clock."""
    with SandboxServer(port=0, scenario=calendar()) as server:
        yield server


@pytest.fixture
def platform(sandbox: SandboxServer) -> Iterator[Platform]:
    """Something to call; honest unless a test changes its manner."""
    with Platform(sandbox) as serving:
        yield serving
