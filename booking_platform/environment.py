"""Reading the environment strictly: a typo stops the start, it never becomes a default."""

from __future__ import annotations

import base64
import binascii
import math
import sys
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import environ

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", ""})
DATABASE_SCHEMES = frozenset({"postgres", "postgresql", "sqlite"})
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})
BROKER_SCHEMES = frozenset({"redis", "rediss", "redis+socket", "amqp", "amqps", "filesystem", "memory"})
WEB_SCHEMES = frozenset({"http", "https"})
FERNET_KEY_BYTES = 32
# As seconds some thirty years: what is added to a moment stays a moment.
LARGEST_NUMBER = 1e9


def stop(reason: str) -> NoReturn:
    """End the process with one clear line: a half-configured installation must not answer calls."""
    sys.stderr.write(f"booking_platform: {reason}\n")
    raise SystemExit(1)


def _is_whole(url: str) -> bool:
    """Whether the parts of a URL are what they must be: a port is a number, a host is closed."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _ends_with_number(url: str) -> bool:
    """Whether a Redis URL names its database by a number, or none; redis-py takes a word for 0."""
    database = urlsplit(url).path.strip("/")
    return not database or database.isdecimal()


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

    def number(
        self, name: str, *, default: float, minimum: float = 0, maximum: float = LARGEST_NUMBER
    ) -> float:
        """A strict number within its bounds; blank counts as absent."""
        raw = str(self.str(name, default="")).strip() or str(default)
        try:
            value = float(raw)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            stop(f"{name} must be a number, not {raw!r}")
        if value < minimum:
            stop(f"{name} must be at least {minimum:g}, not {raw}")
        if value > maximum:
            stop(f"{name} must be at most {maximum:g}, not {raw}")
        return value

    def whole(self, name: str, *, default: int, minimum: int = 0, maximum: float = LARGEST_NUMBER) -> int:
        """A strict whole number within its bounds; blank counts as absent."""
        value = self.number(name, default=default, minimum=minimum, maximum=maximum)
        if not value.is_integer():
            stop(f"{name} must be a whole number, not {value:g}")
        return int(value)

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        """Django's settings of a database URL; blank counts as absent, a URL is never printed."""
        url = str(self.str(name, default="")) or default
        if url.partition("://")[0] not in DATABASE_SCHEMES:
            stop(f"{name} must be a postgres:// or sqlite:// URL")
        found = dict(self.db_url_config(url)) if _is_whole(url) else {}
        if not found.get("NAME"):
            stop(f"{name} must be a URL such as postgres://user:password@host:5432/name")
        return found

    def redis(self, name: str) -> str:
        """The URL of a Redis, or blank; it is never printed."""
        url = str(self.str(name, default=""))
        if url and url.partition("://")[0] not in REDIS_SCHEMES:
            stop(f"{name} must be a redis:// URL")
        if not _is_whole(url) or not (url.startswith("unix:") or _ends_with_number(url)):
            stop(f"{name} must be a URL such as redis://host:6379/0")
        return url

    def broker(self, name: str, *, default: str) -> str:
        """The URL of the queue; it is never printed. Celery would take an unknown one for a host's name."""
        url = str(self.str(name, default="")) or default
        if url.partition("://")[0] not in BROKER_SCHEMES or not _is_whole(url):
            stop(f"{name} must be a redis:// or amqp:// URL")
        return url

    def origins(self, name: str) -> list[str]:
        """Addresses with their scheme and nothing behind the host."""
        origins = self.words(name)
        for origin in origins:
            if origin.partition("://")[0] not in WEB_SCHEMES or not _is_whole(origin):
                stop(f"{name} must be origins such as https://termine.example, not {origin!r}")
        return origins

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
        try:
            Environment.read_env(str(env_file), overwrite=False)
        except UnicodeDecodeError:
            stop(".env is not UTF-8 text")
    return env
