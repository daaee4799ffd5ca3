"""The sandbox and the clock of the calls' tests, for tests that tell two companies apart."""

from __future__ import annotations

from tests.calls.conftest import _quiet_afterwards, linden, sandbox, scenario

__all__ = ["_quiet_afterwards", "linden", "sandbox", "scenario"]
