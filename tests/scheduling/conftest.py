"""A practice whose calendar is an empty sandbox, on a stopped clock: Monday, 5 January 2026, 09:00."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from tests.calls.conftest import (
    OTHER_KEY,
    _quiet_afterwards,
    account,
    linden,
    practice,
    sandbox,
    standing,
)

__all__ = ["_quiet_afterwards", "linden", "plenty", "practice", "sandbox", "scenario", "standing"]


@pytest.fixture
def scenario() -> dict[str, Any]:
    return {"accounts": [account(), account(OTHER_KEY, username="linden")]}


@pytest.fixture
def plenty(settings: Settings) -> None:
    """A budget that the tests' pace does not use up: Redis counts by a clock that they cannot stop."""
    settings.CALCOM_REQUESTS_PER_SECOND = 1_000
    settings.CALCOM_REQUESTS_PER_MINUTE = 10_000
