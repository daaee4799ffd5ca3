"""What every answer has, and how slots and starts are shown in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.calls.conversation.reply import Confirmation, Reply, offer_of, requested_of, service_of
from apps.calls.conversation.turn import Turn
from apps.calls.models import Offer
from apps.calls.speech.say import say_label, say_time
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish


def offers_of(turn: Turn, offers: Sequence[Offer]) -> list[dict[str, object]]:
    return [offer_of(offer, now=turn.now, language=turn.language) for offer in offers]


def answer(
    turn: Turn, status: str, say: str, *, place: Place | None = None, wish: Wish | None = None
) -> Reply:
    return Reply(
        status=status,
        say=say,
        service=service_of(place.service) if place is not None else None,
        requested=requested_of(wish) if wish is not None else None,
    )


def start_phrase(turn: Turn, start: datetime, wish: Wish | None, confirmation: Confirmation) -> str:
    """The start as it is read back: with weekday and date, unless only the time changed."""
    if confirmation == "brief" and not (wish is not None and wish.ambiguous):
        return say_time(start.astimezone(turn.now.tzinfo).time(), language=turn.language)
    return say_label(start, now=turn.now, language=turn.language)
