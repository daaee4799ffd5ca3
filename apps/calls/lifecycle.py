"""A call's states and the only ways between them; every change is a row.

``inbound → ongoing → completed → analyzed``, and ``failed`` from any of them. Events come in any
order, twice, at once, late. A state only ever moves forward, and the farthest one that any event
asks for wins: an event that skips states walks through those between, one that would move back
changes nothing. ``failed`` lies farthest, because the events of one call may disagree whether it
failed: the one that knows of the failure has the last word, whichever came first.
"""

from __future__ import annotations

from django.db import transaction

from apps.calls.models import Call, CallTransition
from apps.scheduling import holds

State = Call.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.INBOUND: frozenset({State.ONGOING, State.FAILED}),
    State.ONGOING: frozenset({State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset({State.ANALYZED, State.FAILED}),
    State.ANALYZED: frozenset({State.FAILED}),
    State.FAILED: frozenset(),
}
WAY = (State.INBOUND, State.ONGOING, State.COMPLETED, State.ANALYZED)
OVER = frozenset({State.COMPLETED, State.FAILED, State.ANALYZED})


def advance(call: Call, *, to: str, event: str) -> bool:
    """Move the call on from where it really is, if that is forward; each step is recorded with it."""
    with transaction.atomic():
        # Without the key: rows that refer to the call are written at the same time, and hold its key.
        locked = Call.objects.select_for_update(no_key=True).filter(pk=call.pk)
        current = locked.values_list("state", flat=True).get()
        steps = _steps(current, to)
        for step in steps:
            if not _step(call, current, step, event=event):
                raise RuntimeError("a locked call has changed its state")
            current = step
    call.state = current
    if steps and current in OVER:
        holds.release(owner=call.owner_key)
    return bool(steps)


def _steps(current: str, to: str) -> list[str]:
    """The states to go through, nearest first; none when ``to`` is not ahead."""
    if current == State.FAILED:
        return []
    if to == State.FAILED:
        return [to]
    return [state.value for state in WAY[WAY.index(State(current)) + 1 : WAY.index(State(to)) + 1]]


def _step(call: Call, before: str, after: str, *, event: str) -> bool:
    """One change by the table: a conditional UPDATE, and its row."""
    if after not in TRANSITIONS[before]:
        return False
    if not Call.objects.filter(pk=call.pk, state=before).update(state=after):
        return False
    CallTransition.objects.create(
        company_id=call.company_id, call_id=call.pk, from_state=before, to_state=after, event=event[:60]
    )
    return True
