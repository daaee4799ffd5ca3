"""What an event says about its call, written down so that the order of events does not matter.

Each fact – a time, the cost, why the call ended – is kept from the most trustworthy event that tells
it: the analysis knows more than the end, the end more than the beginning. Between two events of the
same kind the greater value stays. So every order, every duplicate and every race ends in the same call.
"""

from __future__ import annotations

from typing import Any

from apps.calls import lifecycle, promises
from apps.calls.models import Call
from apps.calls.providers import tolerance
from apps.calls.providers.base import EventKind, LifecycleEvent
from apps.calls.speech.contacts import caller_number

State = Call.State

RANKS: dict[EventKind, int] = {
    "other": 0,
    "transcript": 1,
    "started": 2,
    "transfer": 3,
    "ended": 4,
    "analyzed": 5,
}
ENDED_AS = {"completed": State.COMPLETED, "not_connected": State.FAILED, "error": State.FAILED}


def apply(call: Call, event: LifecycleEvent, *, keep_words: bool) -> None:
    """Merge an event into its call and move the call on. The row must be locked by the caller.

    ``keep_words``: whether the company stores what was spoken.
    """
    changed = _merged(call, event)
    if keep_words:
        changed |= _words(call, event)
    if event.said_booked is not None and not changed.get("transcript", call.transcript):
        changed["said_booked"] = event.said_booked
    if changed:
        Call.objects.filter(pk=call.pk).update(**changed)
        for name, value in changed.items():
            setattr(call, name, value)
    target = state_of(event)
    if target is not None:
        lifecycle.advance(call, to=target, event=event.name)
    if RANKS["analyzed"] in call.fact_ranks.values():
        promises.compare(call)


def state_of(event: LifecycleEvent) -> str | None:
    """The state that an event asks for; None when it asks for none."""
    if event.kind in ("started", "transfer", "transcript"):
        return State.ONGOING
    if event.kind in ("ended", "analyzed"):
        ended = ENDED_AS.get(event.ending, State.COMPLETED)
        return State.ANALYZED if event.kind == "analyzed" and ended == State.COMPLETED else ended
    return None


def _told(event: LifecycleEvent) -> dict[str, Any]:
    """The facts that an event tells at all."""
    facts: dict[str, Any] = {
        "started_at": event.started_at,
        "ended_at": event.ended_at,
        "duration_ms": event.duration_ms,
        "cost_cents": event.cost_cents,
        "disconnection_reason": event.disconnection_reason,
        "agent_version": event.line.agent_version,
        "direction": event.line.direction,
        "caller_number": caller_number(event.line.caller_id),
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _merged(call: Call, event: LifecycleEvent) -> dict[str, Any]:
    rank = RANKS[event.kind]
    ranks: dict[str, int] = dict(call.fact_ranks)
    changed: dict[str, Any] = {}
    for name, value in _told(event).items():
        known = ranks.get(name, -1)
        if rank > known or (rank == known and value > getattr(call, name)):
            changed[name] = value
            ranks[name] = rank
    return {**changed, "fact_ranks": ranks} if changed else {}


def _words(call: Call, event: LifecycleEvent) -> dict[str, Any]:
    """What was spoken, never shorter than what is known; and the analysis."""
    changed: dict[str, Any] = {}
    if length(event.transcript, event.transcript_turns) > length(call.transcript, call.transcript_turns):
        changed = {
            "transcript": event.transcript,
            "transcript_turns": event.transcript_turns,
            "said_booked": promises.said_booked(event.transcript),
        }
    if event.kind == "analyzed" and event.analysis:
        changed["analysis"] = tolerance.storable(dict(event.analysis))
    return changed


def length(transcript: str, turns: int) -> tuple[int, int, str]:
    """Turns first; the words themselves decide between equals, so that the order of events does not."""
    return (turns, len(transcript), transcript) if transcript else (0, 0, "")
