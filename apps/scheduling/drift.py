"""What a look at the calendar changed here: appointments before and after, told as differences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.scheduling import following
from apps.scheduling.models import Appointment
from apps.tenants.scoping import company_scope

State = tuple[str, datetime, datetime]
# What ended longer ago is history to everybody.
LOOK_BACK = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Difference:
    """One appointment that the calendar had otherwise than we did; None = it was not known here."""

    reference: str
    before: dict[str, Any] | None
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``compared`` is false when the calendar could not be asked."""

    compared: bool
    differences: tuple[Difference, ...] = ()


def compare(company_id: int) -> Comparison:
    """Bring a company's appointments in line with its calendar; returns what was different.

    What a caller or a webhook changes in the same moment may be among the differences.
    """
    before = _states(company_id)
    if following.follow(company_id) is None:
        return Comparison(compared=False)
    return Comparison(compared=True, differences=tuple(_differences(before, _states(company_id))))


def _states(company_id: int) -> dict[str, State]:
    with company_scope(company_id):
        rows = Appointment.objects.filter(end__gte=timezone.now() - LOOK_BACK).order_by("start", "pk")
        return {
            reference: (status, start, end)
            for reference, status, start, end in rows.values_list("reference", "status", "start", "end")
        }


def _differences(before: dict[str, State], after: dict[str, State]) -> Iterator[Difference]:
    for reference, state in after.items():
        known = before.get(reference)
        if known != state:
            yield Difference(reference, _told(known) if known is not None else None, _told(state))


def _told(state: State) -> dict[str, Any]:
    status, start, end = state
    return {"status": status, "start": start.isoformat(), "end": end.isoformat()}
