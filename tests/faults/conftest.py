"""The practice of the calls' tests, for what goes wrong around it."""

from __future__ import annotations

from tests.calls.conftest import _quiet_afterwards, linden, phone, practice, sandbox, scenario, standing

__all__ = ["_quiet_afterwards", "linden", "phone", "practice", "sandbox", "scenario", "standing"]
