"""The Procfile: one shell line for each process of the installation."""

from __future__ import annotations

from pathlib import Path


def read(path: Path) -> dict[str, str]:
    """Process name -> shell line. Raises ``ValueError`` for a line without a name."""
    lines: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, command = line.partition(":")
        if not colon or not name.isidentifier() or not command.strip():
            raise ValueError(f"{path.name}:{number}: not 'name: command'")
        lines[name] = command.strip()
    return lines
