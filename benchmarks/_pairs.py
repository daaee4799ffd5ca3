"""Something measured beside its floor, in turn, and judged by the quietest moment of the run.

On a machine that others use, medians of a whole run tell of the others. So a run is cut into batches, and
the batch counts whose floor was fastest: chosen by the floor alone, never by what is judged.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks._table import Row, ms

BATCHES = 8


@dataclass
class Pairs:
    """What was measured and its floor, in turn; seconds."""

    measured: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)

    def add(self, measured: float, floor: float) -> None:
        self.measured.append(measured)
        self.floor.append(floor)

    def quietest(self) -> tuple[float, float]:
        """Medians of what was measured and of its floor, in the batch whose floor was fastest."""
        size = max(len(self.floor) // BATCHES, 1)
        begins = range(0, len(self.floor) - size + 1, size)
        first = min(begins, key=lambda begin: statistics.median(self.floor[begin : begin + size]))
        return _median(self.measured, first, size), _median(self.floor, first, size)

    @property
    def ratio(self) -> float:
        measured, floor = self.quietest()
        return measured / floor

    def row(self, what: str, *, target: str = "–", ok: bool | None = None) -> Row:
        """The line of the table; what is not judged stands in it all the same."""
        measured, floor = self.quietest()
        return Row(what, ms(measured), ms(floor), measured / floor, target, ok)


def _median(values: Sequence[float], first: int, size: int) -> float:
    return statistics.median(values[first : first + size])
