"""A TOML table while it is read: it knows its path, what was asked of it, and what was wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from apps.operations.company_file.problems import shown, shown_key
from apps.operations.company_file.values import ENVIRONMENT, SLUG, Reader, Unfit

T = TypeVar("T")
D = TypeVar("D")


class Table:
    """Every problem is collected, none raised: an operator wants to hear all of them at once."""

    def __init__(self, data: Mapping[str, Any], *, path: str, problems: list[str]) -> None:
        self.path = path
        self._data = data
        self._problems = problems
        self._known: set[str] = set()

    def names(self) -> list[str]:
        """The keys that the file gives here, in its order."""
        return list(self._data)

    def required(self, key: str, reader: Reader[T], *, stand_in: T, secret: bool = False) -> T:
        """The value, which has no default; ``stand_in`` keeps the reading going without it."""
        if key not in self._data:
            self.problem(key, "is missing")
        return self.take(key, reader, default=stand_in, secret=secret)

    def take(self, key: str, reader: Reader[T], *, default: D, secret: bool = False) -> T | D:
        """The value as ``reader`` gives it, or the default. A secret is never shown."""
        self._known.add(key)
        if key not in self._data:
            return default
        value = self._data[key]
        try:
            return reader(value)
        except Unfit as unfit:
            self.problem(key, f"{_hidden(value) if secret else shown(value) + ' '}{unfit}")
            return default

    def each(self, key: str, reader: Reader[T]) -> list[T]:
        """The values of a list; absent is empty."""
        found: list[T] = []
        for position, value in enumerate(self._list(key), start=1):
            try:
                found.append(reader(value))
            except Unfit as unfit:
                self.problem(key, f"{shown(value)} {unfit}", position=position)
        return found

    def table(self, key: str, *, required: bool = False) -> Table:
        """The table under this key; absent is empty."""
        self._known.add(key)
        value = self._data.get(key)
        if value is None and required:
            self.problem(key, "is missing")
        elif value is not None and not isinstance(value, dict):
            self.problem(key, f"{shown(value)} is not a table")
        return self._inner(self._path(key), value if isinstance(value, dict) else {})

    def tables(self, key: str, *, name: str) -> list[Table]:
        """An array of tables; each is called by its ``name`` in paths where it has a fit one."""
        found: list[Table] = []
        for position, value in enumerate(self._list(key), start=1):
            if not isinstance(value, dict):
                self.problem(key, f"{shown(value)} is not a table ([[{key}]])", position=position)
                continue
            called = value.get(name)
            fit = isinstance(called, str) and SLUG.fullmatch(called)
            found.append(self._inner(f"{self._path(key)}[{called if fit else f'#{position}'}]", value))
        return found

    def entries(self, key: str, *, plain_as: str) -> list[Table]:
        """A list, which has to be there, of tables or of plain values standing for ``{plain_as = value}``."""
        if key not in self._data:
            self.problem(key, "is missing")
        return [
            self._inner(
                f"{self._path(key)}[#{position}]", value if isinstance(value, dict) else {plain_as: value}
            )
            for position, value in enumerate(self._list(key), start=1)
        ]

    def problem(self, key: str, text: str, *, position: int | None = None) -> None:
        """Note what is wrong with this key (or with one entry of its list)."""
        place = "" if position is None else f"[#{position}]"
        self._problems.append(f"{self._path(key)}{place}: {text}")

    def close(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._data:
            if key not in self._known:
                self.problem(key, "is not a known key")

    def _list(self, key: str) -> list[Any]:
        self._known.add(key)
        value = self._data.get(key, [])
        if isinstance(value, list):
            return value
        self.problem(key, f"{shown(value)} is not a list")
        return []

    def _inner(self, path: str, data: Mapping[str, Any]) -> Table:
        return Table(data, path=path, problems=self._problems)

    def _path(self, key: str) -> str:
        return f"{self.path}.{shown_key(key)}" if self.path else shown_key(key)


def _hidden(value: object) -> str:
    """The name a key was to be read from is no secret; the key itself is."""
    is_name = isinstance(value, str) and value.strip().startswith(ENVIRONMENT)
    return f"{shown(value)} " if is_name else ""
