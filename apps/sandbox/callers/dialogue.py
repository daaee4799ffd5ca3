"""A call as people read it: who said what, what was asked of the platform, and how long it took."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from apps.sandbox.callers.conversation import Asked, Said
from apps.sandbox.callers.grading import Graded
from apps.sandbox.callers.ledger import Entry
from apps.sandbox.callers.planning import Plan
from apps.sandbox.callers.wire import WITHHELD

WORDS = {
    "de": {
        "caller": "Anrufer",
        "agent": "Assistent",
        "one": "Im Kalender steht genau diese Buchung:",
        "several": "Im Kalender stehen genau diese Buchungen:",
        "gone": "Nicht mehr im Kalender:",
        "none": "Im Kalender steht nichts Neues, wie es sein soll.",
        "wrong": "So darf es nicht sein:",
    },
    "en": {
        "caller": "Caller",
        "agent": "Assistant",
        "one": "The calendar holds exactly this booking:",
        "several": "The calendar holds exactly these bookings:",
        "gone": "No longer in the calendar:",
        "none": "The calendar holds nothing new, as it should be.",
        "wrong": "This must not be:",
    },
}
WIDTH = 11


def dialogue(graded: Graded) -> Iterator[str]:
    """The call line by line, with the check of the calendar at its end."""
    plan, words = graded.record.plan, WORDS[graded.record.plan.script.language]
    yield f"{plan.script.title} ({plan.label})"
    number = plan.shown_number or WITHHELD
    yield f"{plan.place.company_name}, {plan.place.branch_name} · {number} → {plan.dialled}"
    yield ""
    for entry in graded.record.entries:
        if isinstance(entry, Said):
            yield f"{words[entry.who] + ':':<{WIDTH}}{entry.text}"
        else:
            yield f"{'':<{WIDTH}}{_request(entry)}"
    yield ""
    yield from _verdict(graded, words)


def _request(asked: Asked) -> str:
    """``→ check_availability(when="morgen um halb drei") · alternatives · 212 ms``."""
    args = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in asked.args.items())
    call = f"{asked.what}({args})" if asked.kind == "function" else asked.what
    status = asked.status if asked.kind == "function" else asked.reply.error or str(asked.reply.status)
    twice = f" · again {asked.repeated.milliseconds:.0f} ms" if asked.repeated else ""
    return f"→ {call} · {status} · {asked.reply.milliseconds:.0f} ms{twice}"


def _verdict(graded: Graded, words: dict[str, str]) -> Iterator[str]:
    if graded.faults:
        yield words["wrong"]
        yield from (f"  ✗ {fault}" for fault in graded.faults)
        return
    if graded.standing:
        yield words["one"] if len(graded.standing) == 1 else words["several"]
        yield from (f"  ✓ {line}" for line in told(graded, graded.standing))
    if graded.gone:
        yield words["gone"]
        yield from (f"  ✓ {line}" for line in told(graded, graded.gone))
    if not graded.standing and not graded.gone:
        yield words["none"]


def told(graded: Graded, entries: Sequence[Entry]) -> Iterator[str]:
    """Bookings as people read them: service, start on the branch's clock, attendee."""
    plan = graded.record.plan
    names = {service.event_type: service.name for service in plan.place.services.values()}
    for entry in entries:
        start = entry.start.astimezone(plan.place.zone)
        yield f"{names.get(entry.event_type, entry.event_type)}, {start:%Y-%m-%d %H:%M}, {entry.name}"


def progress(graded: Graded, *, number: int, total: int) -> str:
    """``[ 3/30] ok    hesitant    booked    4 functions    120 ms``, and a line for each fault."""
    plan: Plan = graded.record.plan
    functions = graded.record.functions()
    waited = sum(one.reply.milliseconds for one in functions)
    ended = graded.record.statuses()[-1] if graded.record.statuses() else "-"
    line = (
        f"[{number:>{len(str(total))}}/{total}] {'ok   ' if graded.right else 'WRONG'} {plan.label:<28} "
        f"{ended:<18} {len(functions)} functions {waited:>6.0f} ms"
    )
    return "\n".join([line, *(f"      ✗ {fault}" for fault in graded.faults)])
