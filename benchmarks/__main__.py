"""``python -m benchmarks bench``: every benchmark here in turn; ``chaos`` and ``load``: the long ones.

A benchmark is a module with ``__main__`` behaviour of its own (``python -m benchmarks.understand``), run
in a process of its own: what one leaves in memory does not slow the next. Exit 1 when one of them fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# What takes minutes, or breaks things: run by these names, not with the others.
LONG = {"chaos": ("chaos",), "load": ("load", "isolation", "faults", "fuzz")}


def modules() -> list[str]:
    """The benchmarks by name, those that are asked for by name alone left out."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    long = {name for parts in LONG.values() for name in parts}
    return [name for name in names if name not in long]


def parts(what: str) -> list[str]:
    """The benchmarks that this name stands for."""
    if what == "bench":
        return modules()
    return [name for name in LONG.get(what, (what,)) if (FOLDER / f"{name}.py").is_file()]


def run(name: str, arguments: list[str]) -> bool:
    """Run one benchmark; whether it passed."""
    print(f"== {name}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, cwd=FOLDER.parent, check=False).returncode == 0


def main(arguments: list[str]) -> int:
    """Run what is named; arguments beyond the name go to the benchmark."""
    long = sorted({*LONG, *(name for name in LONG for name in parts(name))})
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=["bench", *long, *modules()])
    chosen, rest = parser.parse_known_args(arguments)
    failed = [name for name in parts(chosen.what) if not run(name, rest)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
