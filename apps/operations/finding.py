"""What a check of the set-up has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to put right: ``subject`` names what, ``detail`` says why, in one sentence."""

    level: Level
    code: str
    subject: str
    detail: str
