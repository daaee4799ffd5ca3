"""Known vulnerabilities of what is locked: ``check`` needs no network, ``refresh`` asks the advisory service.

``requirements/advisories.toml`` is the project's copy of what is known. ``check``, a part of ``make lint``,
fails for a locked version that an advisory in it affects, unless the file accepts that advisory and says
why, and for a requirement that is not locked to one version with hashes. ``refresh``, which is
``make audit``, asks pip-audit's service about every locked version and adds what it says to the copy.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("base", "dev")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==([^\s\\;]+)(?: ; [^\\]+)? \\$")
HASH = "    --hash=sha256:"
HEAD = """\
# What is known about versions that may get locked; `make lint` compares it with the locks, offline.
# `make audit` asks the advisory service about what is locked, adds what it says, and dates it. While no date
# stands here it was never asked, and the entries are from the projects' own release notes.
# An advisory that does not concern this project is accepted at the end, with the reason:
#   [accepted]
#   "CVE-…" = "the function is not used: …"

"""


class NotAnsweredError(Exception):
    """The advisory service was not reached, or does not know what is locked."""


@dataclass(frozen=True, slots=True, order=True)
class Advisory:
    """``affected`` is a version specifier, such as ``<5.2.8``."""

    package: str
    affected: str
    id: str

    def affects(self, version: str) -> bool:
        """Whether this version is one of the affected."""
        return SpecifierSet(self.affected).contains(version, prereleases=True)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known, when the service was last asked, and what is accepted: id -> reason."""

    advisories: tuple[Advisory, ...]
    refreshed: datetime.date | None
    accepted: Mapping[str, str]


def read(path: Path) -> Snapshot:
    """The project's copy. Raises ``ValueError`` for an entry that says nothing."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    advisories = tuple(Advisory(**entry) for entry in content.get("advisory", ()))
    for one in advisories:
        try:
            SpecifierSet(one.affected)
        except InvalidSpecifier as error:
            raise ValueError(f"{path.name}: {one.id}: {error}") from error
    accepted = content.get("accepted", {})
    if unexplained := [one for one, reason in accepted.items() if not reason.strip()]:
        raise ValueError(f"{path.name}: accepted without a reason: {', '.join(unexplained)}")
    return Snapshot(advisories, content.get("refreshed"), accepted)


def write(path: Path, snapshot: Snapshot) -> None:
    """The copy as ``read`` reads it, in a stable order."""
    parts = [f"refreshed = {snapshot.refreshed}\n"] if snapshot.refreshed else []
    parts += [
        "\n".join(("[[advisory]]", *(f"{name} = {json.dumps(getattr(one, name))}" for name in one.__slots__)))
        + "\n"
        for one in sorted(set(snapshot.advisories))
    ]
    if snapshot.accepted:
        reasons = (
            f"{json.dumps(one)} = {json.dumps(reason, ensure_ascii=False)}\n"
            for one, reason in sorted(snapshot.accepted.items())
        )
        parts.append("[accepted]\n" + "".join(reasons))
    path.write_text(HEAD + "\n".join(parts), encoding="utf-8")


def pins(lock: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(package, version) of each line of a lock. Raises ``ValueError`` for one without version or hash."""
    lines = [line for line in lock if line.strip() and not line.lstrip().startswith("#")]
    for index, line in enumerate(lines):
        if line.startswith(" "):
            continue
        match = PINNED.match(line)
        if match is None or not "".join(lines[index + 1 : index + 2]).startswith(HASH):
            raise ValueError(f"not locked to one version with hashes: {line}")
        yield canonicalize_name(match[1]), match[2]


def locked(folder: Path) -> dict[str, str]:
    """Package -> version of all locks together."""
    return {
        package: version
        for name in LOCKS
        for package, version in pins((folder / f"{name}.txt").read_text(encoding="utf-8").splitlines())
    }


def faults(versions: Mapping[str, str], snapshot: Snapshot) -> Iterator[str]:
    """One line for each locked version that a known advisory affects, and for what is accepted in vain."""
    hits = [
        one
        for one in snapshot.advisories
        if (version := versions.get(canonicalize_name(one.package))) and one.affects(version)
    ]
    for one in hits:
        if one.id not in snapshot.accepted:
            yield f"{one.package} {versions[canonicalize_name(one.package)]}: {one.id} affects {one.affected}"
    for accepted in sorted(set(snapshot.accepted) - {one.id for one in hits}):
        yield f"{accepted} is accepted, but affects nothing that is locked"


def answered(report: Mapping[str, object]) -> Iterator[tuple[str, list[Advisory]]]:
    """What the service said of each package it knows: pip-audit's JSON report."""
    dependencies = report["dependencies"]
    assert isinstance(dependencies, list)
    for entry in dependencies:
        if "skip_reason" in entry:
            continue
        package = canonicalize_name(entry["name"])
        yield (
            package,
            [
                Advisory(package, _affected(entry["version"], one["fix_versions"]), one["id"])
                for one in entry["vulns"]
            ],
        )


def _affected(version: str, fixes: Iterable[str]) -> str:
    """Everything below the next version that is fixed; without one, everything."""
    later = [fix for fix in map(Version, fixes) if fix > Version(version)]
    return f"<{min(later)}" if later else ">=0"


def ask(folder: Path) -> dict[str, object]:
    """pip-audit's report on the lock of everything; raises ``NotAnsweredError``."""
    command = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json")
    options = ("--cache-dir", str(ROOT / ".cache" / "pip-audit"), "--requirement", str(folder / "dev.txt"))
    done = subprocess.run((*command, *options), capture_output=True, text=True, check=False)
    try:
        report: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        raise NotAnsweredError(done.stderr.strip().rpartition("\n")[2] or "no answer") from None
    return report


def refresh(folder: Path) -> str:
    """Add what the service says to the copy; the sentence says how much of the lock it knows."""
    said = dict(answered(ask(folder)))
    total = len(locked(folder))
    if len(said) < total:
        raise NotAnsweredError(f"it knows {len(said)} of {total} locked packages; nothing was written")
    path = folder / "advisories.toml"
    before = read(path)
    found = tuple(one for advisories in said.values() for one in advisories)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    write(path, Snapshot((*before.advisories, *found), today, before.accepted))
    return f"{total} locked packages, {len(found)} advisories affect them; {path.name} is up to date"


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=__doc__)
    parser.add_argument("what", choices=("check", "refresh"))
    folder = ROOT / "requirements"
    try:
        if parser.parse_args(arguments).what == "refresh":
            print(refresh(folder))
        snapshot, versions = read(folder / "advisories.toml"), locked(folder)
    except NotAnsweredError as error:
        print(f"The advisory service did not answer for everything: {error}", file=sys.stderr)
        return 1
    except (OSError, ValueError, TypeError) as error:
        print(error, file=sys.stderr)
        return 1
    found = list(faults(versions, snapshot))
    print("\n".join(found) or _all_clear(versions, snapshot))
    return bool(found)


def _all_clear(versions: Mapping[str, str], snapshot: Snapshot) -> str:
    asked = f"asked on {snapshot.refreshed}" if snapshot.refreshed else "never asked from here"
    known = len(snapshot.advisories)
    return f"{len(versions)} locked versions, none affected by {known} known advisories (service {asked})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
