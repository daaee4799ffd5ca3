"""After the chaos: reconciling until nothing moves any more, and the story of a single caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks._chaos_calls import Caller
from benchmarks._chaos_grade import Entry


@dataclass
class Settled:
    """What reconciling by hand has found. ``quiet``: in the end nothing was open and nothing differed."""

    quiet: bool = False
    found: Counter[str] = field(default_factory=Counter)
    differences: int = 0


def unsettled() -> int:
    """How many attempts are without an end now."""
    from apps.scheduling.models import BookingAttempt
    from apps.tenants.scoping import all_companies

    with all_companies():
        return BookingAttempt.objects.filter(state__in=BookingAttempt.UNSETTLED).count()


def settle_all(company_ids: Iterable[int], *, rounds: int = 12) -> Settled:
    """Do what ``reconcile_bookings`` does, company by company, until nothing is open and nothing differs."""
    from apps.scheduling import drift, reconciliation

    ids, settled = list(company_ids), Settled()
    for _ in range(rounds):
        for company_id in ids:
            settled.found.update(one.state for one in reconciliation.settle_now(company_id) if one.is_over)
        seen = [drift.compare(company_id) for company_id in ids]
        settled.differences += sum(len(one.differences) for one in seen)
        if all(one.compared and not one.differences for one in seen) and not unsettled():
            settled.quiet = True
            break
    return settled


def calm(company_ids: Iterable[int]) -> None:
    """Whoever reconciles by hand comes when the storm is over: breakers closed, no account blocked."""
    from apps.core import runtime
    from apps.scheduling.models import CalendarAccount
    from apps.tenants.scoping import all_companies

    with all_companies():
        accounts = list(CalendarAccount.objects.filter(company_id__in=list(company_ids)))
    for account in accounts:
        runtime.breaker(account.pk).reset()
        runtime.budget(account.pk).unblock()


def story(phone: str, *, calendar: Sequence[Entry], callers: Sequence[Caller]) -> Iterator[str]:
    """Everything known of one person: what they heard, what stands, what the database says."""
    from apps.calls.models import CallbackRequest, FunctionCall
    from apps.scheduling.models import Appointment, BookingAttempt
    from apps.tenants.scoping import all_companies

    for caller in callers:
        if caller.phone == phone:
            yield from (f"heard {one.function} {one.status!r} {one.start}" for one in caller.told)
    for entry in calendar:
        if entry.phone == phone:
            yield f"calendar {entry.uid} {entry.status} {entry.start} from {entry.moved_from!r} {entry.key}"
    with all_companies():
        for attempt in BookingAttempt.objects.filter(attendee_phone=phone).order_by("id"):
            times = f"{attempt.created_at:%H:%M:%S.%f} – {attempt.settled_at}"
            yield f"attempt {attempt} {attempt.error_code} {attempt.start} {times} {attempt.calendar_key}"
        for appointment in Appointment.objects.filter(customer__phone=phone):
            yield f"appointment {appointment.status} {appointment.start} {appointment.calendar_uid}"
        for row in FunctionCall.objects.filter(call__caller_number=phone).order_by("id"):
            ran = f"{row.started_at:%H:%M:%S.%f} {row.duration_ms} ms"
            yield f"function {row.name} {row.state} {row.status} {ran}"
        for callback in CallbackRequest.objects.filter(phone=phone):
            yield f"callback {callback.kind} {callback.status}"
