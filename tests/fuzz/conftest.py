"""The practice of the calls' tests, for requests that make no sense."""

from __future__ import annotations

from tests.calls.conftest import _quiet_afterwards, practice, sandbox, scenario

__all__ = ["_quiet_afterwards", "practice", "sandbox", "scenario"]
