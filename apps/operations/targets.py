"""The numbers the business is measured by: what is aimed at, and where somebody must look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Target:
    """One metric's target and alert level, in ``unit``; ``alert`` is always the worse of the two."""

    target: float
    alert: float
    unit: Literal["percent", "seconds", "count"]
    higher_is_better: bool
    # Whether the target itself is good enough ("≤ 1.5") or has to be passed ("< 1 %").
    reached_at_target: bool = False

    def is_ordered(self) -> bool:
        """Whether the alert level lies on the bad side of the target."""
        return self.alert <= self.target if self.higher_is_better else self.alert >= self.target

    def is_reached(self, value: float) -> bool:
        """Whether the value is as good as it is meant to be; the best there is always is."""
        best = 100.0 if self.higher_is_better and self.unit == "percent" else 0.0
        if value == self.target:
            return self.reached_at_target or value == best
        return value > self.target if self.higher_is_better else value < self.target

    def is_alarming(self, value: float) -> bool:
        """Whether somebody has to look: beyond the alert level, not at it."""
        return value < self.alert if self.higher_is_better else value > self.alert


TARGETS: Mapping[str, Target] = {
    "booking_success_rate": Target(80, 70, "percent", True),
    "conflict_rate": Target(1, 5, "percent", False),
    "alternatives_rate": Target(95, 80, "percent", True),
    "call_duration": Target(60, 90, "seconds", False),
    "invalidations": Target(100, 90, "percent", True, reached_at_target=True),
    "timeout_rate": Target(2, 10, "percent", False),
    "confirmations": Target(1.5, 3, "count", False, reached_at_target=True),
    "latency_p95": Target(1, 3, "seconds", False),
}


def targets_of(given: Mapping[str, Any]) -> dict[str, Target]:
    """Every metric's target: the company's own where it has set one (``Company.targets``), else the standard.

    What is no number is passed over: a table with a standard target is better than none.
    """
    return {name: _changed(standard, given.get(name)) for name, standard in TARGETS.items()}


def _changed(standard: Target, levels: Any) -> Target:
    if not isinstance(levels, Mapping):
        return standard
    target, alert = (_number(levels.get(name)) for name in ("target", "alert"))
    return replace(
        standard,
        target=standard.target if target is None else target,
        alert=standard.alert if alert is None else alert,
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
