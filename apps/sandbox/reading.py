"""Reads mappings out of TOML or JSON with a complaint that names place, key and value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

Choice = TypeVar("Choice", bound=str)
_MISSING: Any = object()


class ScenarioError(ValueError):
    """Something in a scenario (or a control request) is not as it must be; the message says where."""


class Table:
    """One mapping; every key must be asked for before ``done()``, or it is an unknown key."""

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, Mapping):
            raise ScenarioError(f"{where}: {raw!r} is not a table")
        self.where = where
        self._raw: Mapping[str, Any] = raw
        self._asked: set[str] = set()

    def at(self, key: str) -> str:
        return f"{self.where}.{key}"

    def _get(self, key: str, kind: type, name: str, default: Any) -> Any:
        self._asked.add(key)
        value = self._raw.get(key, _MISSING)
        if value is _MISSING:
            if default is _MISSING:
                raise ScenarioError(f"{self.at(key)}: missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ScenarioError(f"{self.at(key)}: {value!r} is not {name}")
        return value

    def text(self, key: str, default: str = _MISSING) -> str:
        return str(self._get(key, str, "text", default))

    def integer(self, key: str, default: int = _MISSING) -> int:
        return int(self._get(key, int, "a whole number", default))

    def switch(self, key: str, default: bool) -> bool:
        return bool(self._get(key, bool, "true or false", default))

    def choice(self, key: str, choices: tuple[Choice, ...]) -> Choice:
        """One of the choices; the first is the default."""
        value = self.text(key, choices[0])
        for one in choices:
            if one == value:
                return one
        raise ScenarioError(f"{self.at(key)}: {value!r} is none of {', '.join(filter(None, choices))}")

    def zone(self, key: str, default: ZoneInfo) -> ZoneInfo:
        name = self.text(key, default.key)
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ScenarioError(f"{self.at(key)}: {name!r} is no time zone") from None

    def mapping(self, key: str) -> dict[str, Any]:
        return dict(self._get(key, dict, "a table", {}))

    def numbers(self, key: str) -> dict[str, int]:
        found = self.mapping(key)
        for unit, value in found.items():
            if unit not in ("day", "week", "month", "year") or not isinstance(value, int):
                raise ScenarioError(
                    f"{self.at(key)}: {unit} = {value!r} is not a limit per day, week, month or year"
                )
        return found

    def _list(self, key: str, kind: type, name: str, default: Sequence[Any]) -> list[Any]:
        values = list(self._get(key, list, "a list", list(default)))
        for value in values:
            if not isinstance(value, kind):
                raise ScenarioError(f"{self.at(key)}: {value!r} is not {name}")
        return values

    def texts(self, key: str) -> list[str]:
        return self._list(key, str, "text", ())

    def integers(self, key: str) -> list[int]:
        return self._list(key, int, "a whole number", ())

    def tables(self, key: str, default: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        return self._list(key, dict, "a table", default)

    def done(self) -> None:
        unknown = sorted(set(self._raw) - self._asked)
        if unknown:
            raise ScenarioError(f"{self.at(unknown[0])}: unknown key")
