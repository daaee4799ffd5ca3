"""What a benchmark prints: measured beside its floor, and whether the target is met."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("what", "measured", "floor", "ratio", "target", "ok")
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


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


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """The arguments that every benchmark with a table in the documentation has."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--write", action="store_true", help=f"put the table into docs/{DOCUMENT.name}")
    return made


def text_of(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def write(text: str, *, name: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between the two marks of this name. Raises ``ValueError`` where there are none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = document.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def finish(rows: Sequence[Row], *, name: str = "", measured_on: str = "") -> None:
    """Print the table, and put it into the document under ``name`` if given; exit 1 when a target is
    missed."""
    table = text_of(rows)
    print(table)
    if name:
        write(f"Measured on {measured_on}.\n\n{table}", name=name)
    sys.stdout.flush()
    if any(row.ok is False for row in rows):
        sys.exit(1)
