"""Flags in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from apps.flags import state
from apps.flags.models import FlagSetting
from apps.flags.registry import Flag


@contextmanager
def override_flag(flag: Flag, on: bool, *, company_id: int | None = None) -> Iterator[None]:
    """The flag is on or off inside, for everyone or one company; afterwards as before. Needs the database."""
    before = FlagSetting.objects.filter(name=flag.value, company_id=company_id).first()
    FlagSetting.objects.update_or_create(name=flag.value, company_id=company_id, defaults={"enabled": on})
    state.forget()
    try:
        yield
    finally:
        FlagSetting.objects.filter(name=flag.value, company_id=company_id).delete()
        if before is not None:
            before.save(force_insert=True)
        state.forget()
