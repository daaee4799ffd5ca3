"""What a file changes, in words an operator reads; a secret is changed without being shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from django.db import models

from apps.operations.company_file.problems import shown


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``before`` and ``after`` are None where there is nothing (more) to say."""

    key: str
    action: str
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        line = f"{self.key} {self.action}"
        if self.after is None:
            return line
        return f"{line}: {self.after}" if self.before is None else f"{line}: {self.before} → {self.after}"

    def as_json(self) -> dict[str, str | None]:
        """The change as an object for ``--json``."""
        return asdict(self)


def write(
    row: models.Model,
    values: Mapping[str, object],
    *,
    path: str,
    log: list[Change],
    secrets: Iterable[str] = (),
) -> bool:
    """Bring the row's fields to these values and note what changed; True when anything did."""
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        log.append(_change(row, name, values[name], path=path, is_secret=name in secrets))
        setattr(row, name, values[name])
    if changed:
        row.save()
    return bool(changed)


def _change(row: models.Model, name: str, value: object, *, path: str, is_secret: bool) -> Change:
    if name == "active":
        return Change(path, "switched on" if value else "switched off")
    key = f"{path}.{name}"
    if is_secret:
        return Change(key, "changed" if value else "removed")
    return Change(key, "changed", shown(getattr(row, name)), shown(value))
