"""The provider's question before the agent speaks: who calls, where, what day it is – as strings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
from django.utils import timezone

from apps.calls.conversation.arguments import Arguments
from apps.calls.conversation.context import branch_of, caller_of, places_here
from apps.calls.conversation.turn import Turn
from apps.calls.models import Call
from apps.calls.opening_calls import open_call
from apps.calls.resolution import resolve
from apps.calls.speech.contacts import caller_number
from apps.calls.speech.say import say_now, say_start
from apps.core.deadline import Deadline
from apps.scheduling import prewarming
from apps.scheduling.places import load_places, opening_of
from apps.tenants.models import Branch
from apps.tenants.scoping import company_scope

if TYPE_CHECKING:
    from apps.calls.views import Received

log = structlog.get_logger(__name__)
BUDGET_SECONDS = 1.0


def variables(received: Received) -> Mapping[str, str] | None:
    """Dynamic variables for the call, all strings; None when there is nothing to say. Never raises."""
    try:
        return _variables(received)
    except Exception:
        # The edge: the phone is ringing; an agent that knows less is better than no agent.
        log.exception("inbound_failed", account=received.account.slug)
        return None


def _variables(received: Received) -> Mapping[str, str] | None:
    question = received.provider.inbound(received.body)
    if question is None:
        return None
    destination = resolve(received.account, question.line)
    if destination is None:
        return None
    with company_scope(destination.company_id):
        branch = (
            Branch.objects.select_related("company")
            .filter(pk=destination.branch_id, active=True, company__active=True)
            .first()
        )
        if branch is None:
            return None
        if question.line.call_id:
            call = open_call(received.account, question.line, destination, state=Call.State.INBOUND)
        else:
            # Older bodies name no call yet: the answer is made for a call that is not kept.
            call = Call(
                company_id=branch.company_id,
                branch_id=branch.pk,
                caller_number=caller_number(question.line.caller_id),
                created_at=timezone.now(),
            )
        turn = Turn(
            call=call,
            company=branch.company,
            branch=branch,
            places=load_places(branch.company),
            args=Arguments(),
            function="inbound",
            deadline=Deadline.after(BUDGET_SECONDS),
        )
        prewarming.prewarm(places_here(turn))
        return _as_strings(turn)


def _as_strings(turn: Turn) -> dict[str, str]:
    opening = opening_of(turn.branch, turn.company)
    caller, branch = caller_of(turn), branch_of(turn, opening)
    following = opening.next_opening(turn.clock)
    return {
        "company_name": turn.company.name,
        "branch_name": turn.branch.name,
        "language": turn.language,
        "disclosure": turn.company.disclosure,
        "caller_known": "true" if caller["known"] else "false",
        "today": say_now(turn.clock, language=turn.language),
        "open_now": "true" if branch["open_now"] else "false",
        "next_opening": say_start(following, now=turn.now, language=turn.language) if following else "",
        "services": ", ".join(place.service.name for place in places_here(turn)[:10]),
        "fallback_number": turn.company.fallback_number,
    }
