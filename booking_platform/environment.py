"""Reading the environment strictly: a typo stops the start, it never becomes a default."""

from __future__ import annotations

import base64
import binascii
import math
import sys
from pathlib import Path
from typing import Any, NoReturn

import environ

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", ""})
DATABASE_SCHEMES = frozenset({"postgres", "postgresql", "sqlite"})
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})
FERNET_KEY_BYTES = 32


def stop(reason: str) -> NoReturn:
    """End the process with one clear line: a half-configured installation must not answer calls."""
    sys.stderr.write(f"booking_platform: {reason}\n")
    raise SystemExit(1)


class Environment(environ.Env):  # type: ignore[misc]  # django-environ ships no types
    """``environ.Env`` whose booleans and numbers refuse what they do not understand."""

    def flag(self, name: str, *, default: bool) -> bool:
        """A strict boolean: ``environ`` itself reads "maybe" as False."""
        word = str(self.str(name, default=str(default))).strip().lower()
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
        stop(f"{name} must be true or false, not {word!r}")

    def number(self, name: str, *, default: float, minimum: float = 0) -> float:
        """A strict number not below ``minimum``."""
        raw = str(self.str(name, default=str(default)))
        try:
            value = float(raw)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            stop(f"{name} must be a number, not {raw!r}")
        if value < minimum:
            stop(f"{name} must be at least {minimum:g}, not {raw}")
        return value

    def whole(self, name: str, *, default: int, minimum: int = 0) -> int:
        """A strict whole number not below ``minimum``."""
        value = self.number(name, default=default, minimum=minimum)
        if not value.is_integer():
            stop(f"{name} must be a whole number, not {value:g}")
        return int(value)

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        """Django's settings of a database URL; blank counts as absent, a URL is never printed."""
        url = str(self.str(name, default="")) or default
        if url.partition("://")[0] not in DATABASE_SCHEMES:
            stop(f"{name} must be a postgres:// or sqlite:// URL")
        return dict(self.db_url_config(url))

    def redis(self, name: str) -> str:
        """The URL of a Redis, or blank; it is never printed."""
        url = str(self.str(name, default=""))
        if url and url.partition("://")[0] not in REDIS_SCHEMES:
            stop(f"{name} must be a redis:// URL")
        return url

    def keys(self, name: str) -> list[str]:
        """Fernet keys, comma-separated; what cannot be one stops the start and is never printed."""
        keys = self.words(name)
        for place, key in enumerate(keys, start=1):
            try:
                size = len(base64.b64decode(key, altchars=b"-_", validate=True))
            except (binascii.Error, ValueError):
                size = 0
            if size != FERNET_KEY_BYTES:
                stop(f"{name}: number {place} is not a Fernet key")
        return keys

    def words(self, name: str) -> list[str]:
        """A comma-separated list without empty entries."""
        return [part.strip() for part in str(self.str(name, default="")).split(",") if part.strip()]


def folder(path: Path) -> Path:
    """The folder, made where it is missing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        stop(f"the folder {path} cannot be made: {error.strerror}")
    return path


def load(root: Path) -> Environment:
    """The environment of this process; ``.env`` in the checkout fills what the process does not set."""
    env = Environment()
    env_file = root / ".env"
    if env_file.is_file():
        Environment.read_env(str(env_file), overwrite=False)
    return env
