"""get_call_context and list_services: what the agent should know before it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.calls.conversation import replies
from apps.calls.conversation.reply import Reply, service_of
from apps.calls.conversation.turn import Turn
from apps.calls.speech.catalogue import text
from apps.calls.speech.say import say_now, say_start
from apps.scheduling.models import Customer
from apps.scheduling.opening import OpeningRules
from apps.scheduling.places import Place, opening_of


def places_here(turn: Turn) -> list[Place]:
    """What the call's branch offers, each service once; of the whole company where it offers nothing."""
    here = [place for place in turn.places if place.branch.pk == turn.branch.pk] or list(turn.places)
    return list({place.service.pk: place for place in here}.values())


def caller_of(turn: Turn) -> dict[str, Any]:
    """Who calls, as this company knows them. The name is data: it is not spoken before the caller says it."""
    number = turn.call.caller_number
    customer = Customer.objects.filter(phone=number).first() if number else None
    name = turn.call.spoken_name or (customer.name if customer is not None else "")
    return {"known": customer is not None, "name": name or None}


def branch_of(turn: Turn, opening: OpeningRules) -> dict[str, Any]:
    """The branch with whether it is open now, and when next."""
    following = opening.next_opening(turn.clock)
    return {
        "slug": turn.branch.slug,
        "name": turn.branch.name,
        "open_now": opening.permits(turn.clock),
        "next_opening": following.isoformat(timespec="seconds") if following is not None else None,
    }


def _say(turn: Turn, opening: OpeningRules) -> str:
    if opening.permits(turn.clock):
        return text("{company}, how can I help you?", language=turn.language, company=turn.company.name)
    following = opening.next_opening(turn.clock)
    if following is None:
        return text(
            "{company}, we are closed just now. How can I help you?",
            language=turn.language,
            company=turn.company.name,
        )
    return text(
        "{company}, we are closed just now and open again {start}. How can I help you?",
        language=turn.language,
        company=turn.company.name,
        start=say_start(following, now=turn.now, language=turn.language, case="dative"),
    )


def get_call_context(turn: Turn) -> Reply:
    """Caller, branch, now, services."""
    opening = opening_of(turn.branch, turn.company)
    places: Sequence[Place] = places_here(turn)
    reply = Reply(status="context", say=_say(turn, opening))
    reply.extra = {
        "caller": caller_of(turn),
        "branch": branch_of(turn, opening),
        "now": {
            "iso": turn.clock.isoformat(timespec="seconds"),
            "say": say_now(turn.clock, language=turn.language),
        },
        "services": [service_of(place.service) for place in places],
    }
    return reply


def list_services(turn: Turn) -> Reply:
    """What can be booked at this branch."""
    return replies.services(turn, places_here(turn))
