"""What a benchmark prints: measured beside its floor, and whether the target is met."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("what", "measured", "floor", "ratio", "target", "ok")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``ok`` None is shown but not judged."""

    what: str
    measured: str
    floor: str = "–"
    ratio: float | None = None
    target: str = "–"
    ok: bool | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        verdict = "–" if self.ok is None else ("yes" if self.ok else "NO")
        return (self.what, self.measured, self.floor, ratio, self.target, verdict)


def ms(seconds: float) -> str:
    """Seconds as milliseconds."""
    return f"{seconds * 1000:.2f} ms"


def finish(rows: Sequence[Row]) -> None:
    """Print the table; exit 1 when a target is missed."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for number, line in enumerate(lines):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    sys.stdout.flush()
    if any(row.ok is False for row in rows):
        sys.exit(1)
