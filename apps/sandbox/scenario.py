"""A scenario: the accounts, event types, busy times and faults a sandbox begins with.

Read from TOML or given as a mapping. Every mistake is a ``ScenarioError`` naming the place, the key
and the value. Dates may be relative ("next workday 14:30"), so that a scenario never grows old.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.sandbox.accounts import add_account
from apps.sandbox.calendar import Calendar
from apps.sandbox.faults import fault_from
from apps.sandbox.model import Behaviour, JsonObject
from apps.sandbox.reading import ScenarioError, Table
from apps.sandbox.webhooks import Manner, update

DEFAULT_FILE = Path(__file__).parent / "scenarios" / "default.toml"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Checked once; ``calendar()`` builds a fresh state from it, relative dates counted from then."""

    accounts: tuple[JsonObject, ...]
    behaviour: JsonObject
    webhooks: JsonObject
    faults: tuple[JsonObject, ...]
    seed: int = 0

    def calendar(self) -> Calendar:
        calendar = Calendar()
        update(calendar.behaviour, self.behaviour)
        for index, raw in enumerate(self.accounts):
            add_account(calendar, raw, where=f"accounts[{index}]")
        return calendar

    def manner(self) -> Manner:
        manner = Manner()
        update(manner, self.webhooks)
        return manner


def scenario_from(raw: Mapping[str, Any]) -> Scenario:
    """Check a mapping. Raises ``ScenarioError``; nothing is built when anything is wrong."""
    table = Table(raw, "scenario")
    scenario = Scenario(
        accounts=tuple(table.tables("accounts")),
        behaviour=table.mapping("behaviour"),
        webhooks=table.mapping("webhooks"),
        faults=tuple(table.tables("faults")),
        seed=table.integer("seed", 0),
    )
    table.done()
    with complaining("behaviour"):
        update(Behaviour(), scenario.behaviour)
    with complaining("webhooks"):
        update(Manner(), scenario.webhooks)
    for index, fault in enumerate(scenario.faults):
        with complaining(f"faults[{index}]"):
            fault_from(fault)
    scenario.calendar()
    return scenario


@contextmanager
def complaining(where: str) -> Iterator[None]:
    """Adds the place to whatever another part finds wrong."""
    try:
        yield
    except ValueError as error:
        raise ScenarioError(f"scenario.{where}: {error}") from None


def scenario_file(path: Path) -> Scenario:
    """Read a TOML file. Raises ``ScenarioError``, also for a file that cannot be read."""
    try:
        return scenario_from(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from None


def default_scenario() -> Scenario:
    """The built-in one: keys ``cal_sandbox_park`` (German) and ``cal_sandbox_linde`` (English)."""
    return scenario_file(DEFAULT_FILE)
