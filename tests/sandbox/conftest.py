"""A sandbox of one practice (see ``caller``), its clock stopped where the tests want it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from apps.sandbox.server import SandboxServer
from tests.sandbox.caller import Caller

Start = Callable[[dict[str, Any]], Caller]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a sandbox with a scenario and answers a caller of it."""
    with ExitStack() as stack:

        def started(scenario: dict[str, Any]) -> Caller:
            sandbox = stack.enter_context(SandboxServer(scenario=scenario))
            return stack.enter_context(Caller(sandbox))

        yield started
