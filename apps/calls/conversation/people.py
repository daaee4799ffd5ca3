"""request_callback and transfer_to_person: a person takes over, now or later."""

from __future__ import annotations

from apps.calls.callbacks import open_callback
from apps.calls.conversation import replies
from apps.calls.conversation.booking import keep_contact
from apps.calls.conversation.reply import Reply
from apps.calls.conversation.turn import Turn


def request_callback(turn: Turn) -> Reply:
    """Note that somebody should call back; once a call, with what was said last."""
    keep_contact(turn)
    if turn.phone is None:
        return replies.question(turn, "needs_phone")
    args = turn.args
    open_callback(
        company_id=turn.company.pk,
        branch_id=turn.branch.pk,
        kind="caller",
        key=str(turn.call.pk),
        call_id=turn.call.pk,
        name=turn.call.spoken_name,
        phone=turn.phone,
        topic=(args.reason or args.notes or args.service)[:300],
        preferred=(args.when or " ".join(part for part in (args.date, args.time) if part))[:200],
    )
    return replies.callback_requested(turn)


def transfer_to_person(turn: Turn) -> Reply:
    """Put the caller through; where no number is set up, offer a callback instead."""
    if turn.company.fallback_number:
        return replies.transfer(turn)
    return replies.no_person(turn)
