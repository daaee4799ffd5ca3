"""What is wrong with a file: a sentence each, naming key and value, all of them at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from apps.core.errors import PlatformError

BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
SHOWN_CHARACTERS = 80


class FileRefused(PlatformError):
    """The file was not applied; ``problems`` holds a sentence each, never a secret. Together one line."""

    code = "company_file_refused"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))

    def __str__(self) -> str:
        return self.message


def shown(value: object) -> str:
    """A value as an operator may read it: one line, cut where it gets long."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def shown_key(key: str) -> str:
    """A key as part of a path; an odd one is quoted so that the path stays one line."""
    return key if BARE_KEY.fullmatch(key) else shown(key)
