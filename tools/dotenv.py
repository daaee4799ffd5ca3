"""A ``.env`` with fresh secrets for a checkout that has none."""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

COMPANY_VARIABLE = re.compile(r'"env:([A-Za-z_][A-Za-z0-9_]*)"')
ASSIGNMENT = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$")


def fresh_secrets() -> dict[str, str]:
    """New values for the two secrets that no installation starts without."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


def fresh_keys(names: Iterable[str]) -> dict[str, str]:
    """A random key for each name."""
    return {name: f"key_{secrets.token_hex(20)}" for name in sorted(names)}


def company_variables(files: Iterable[Path]) -> set[str]:
    """The names that companies' files read from the environment (``"env:NAME"``)."""
    return {name for file in files for name in COMPANY_VARIABLE.findall(file.read_text(encoding="utf-8"))}


def filled(lines: Iterable[str], values: Mapping[str, str]) -> Iterator[str]:
    """The template's lines with ``values`` put in, and at the end the values it has no line for."""
    left = dict(values)
    for line in lines:
        match = ASSIGNMENT.match(line)
        if match and match["name"] in left:
            yield f"{match['name']}={left.pop(match['name'])}"
        else:
            yield line
    yield from (f"{name}={value}" for name, value in left.items())


def write(path: Path, *, template: Path, values: Mapping[str, str]) -> None:
    """Write ``path`` from ``template``, readable by its owner alone. An existing file is never touched."""
    content = "\n".join(filled(template.read_text(encoding="utf-8").splitlines(), values)) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


def read(path: Path) -> dict[str, str]:
    """The plain ``NAME=value`` lines of ``path``; none when there is no such file."""
    if not path.is_file():
        return {}
    matches = (ASSIGNMENT.match(line.strip()) for line in path.read_text(encoding="utf-8").splitlines())
    return {match["name"]: match["value"].strip("\"'") for match in matches if match}
