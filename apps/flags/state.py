"""Which flags are in force: company over everyone over default, at most five seconds old.

The settings of all companies are one small snapshot, copied into each process for a few seconds:
a check costs a dictionary look-up, and a change is in force everywhere within the copy's life.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

from django.db import transaction

from apps.flags.models import FlagChange, FlagSetting
from apps.flags.registry import Flag, declarations

COPY_SECONDS = 3.0

Choice = Literal["on", "off", "default"]
Origin = Literal["company", "everyone", "default"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All settings at one moment: (flag, company id or None) -> on."""

    taken_at: float
    settings: dict[tuple[str, int | None], bool]


class _Copy:
    lock = threading.Lock()
    snapshot: Snapshot | None = None


def _snapshot() -> Snapshot:
    snapshot = _Copy.snapshot
    now = time.monotonic()
    if snapshot is None or now - snapshot.taken_at > COPY_SECONDS:
        rows = FlagSetting.objects.values_list("name", "company_id", "enabled")
        snapshot = Snapshot(now, {(name, company_id): enabled for name, company_id, enabled in rows})
        with _Copy.lock:
            _Copy.snapshot = snapshot
    return snapshot


def forget() -> None:
    """Drop this process's copy: the next check reads the database."""
    with _Copy.lock:
        _Copy.snapshot = None


def explain(flag: Flag, *, company_id: int | None = None) -> tuple[bool, Origin]:
    """Whether the flag is on, and whose word that is."""
    chosen = _snapshot().settings
    # A flag is a string: its own name.
    if company_id is not None and (flag, company_id) in chosen:
        return chosen[flag, company_id], "company"
    if (flag, None) in chosen:
        return chosen[flag, None], "everyone"
    return declarations()[flag].default, "default"


def is_on(flag: Flag, *, company_id: int | None = None) -> bool:
    """Whether the flag is on for this company (or for everyone)."""
    return explain(flag, company_id=company_id)[0]


def choose(
    flag: Flag, choice: Choice, *, company_id: int | None = None, user_id: int | None = None, source: str
) -> Choice:
    """Set a flag to on, off or default; the change and its history are one transaction.

    Returns what was set before.
    """
    with transaction.atomic():
        rows = FlagSetting.objects.select_for_update().filter(name=flag.value)
        scoped = (
            rows.filter(company__isnull=True) if company_id is None else rows.filter(company_id=company_id)
        )
        row = scoped.first()
        before: Choice = "default" if row is None else ("on" if row.enabled else "off")
        if choice == "default":
            if row is not None:
                row.delete()
        elif row is None:
            FlagSetting.objects.create(name=flag.value, company_id=company_id, enabled=choice == "on")
        elif before != choice:
            row.enabled = choice == "on"
            row.save()
        if before != choice:
            FlagChange.objects.create(
                name=flag.value,
                company_id=company_id,
                before=before,
                after=choice,
                user_id=user_id,
                source=source,
            )
        transaction.on_commit(forget)
    return before
