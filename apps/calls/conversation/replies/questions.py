"""Answers that ask: each names at most three choices."""

from __future__ import annotations

from collections.abc import Sequence

from apps.calls.conversation.replies.base import answer, offers_of
from apps.calls.conversation.reply import Reply, appointment_of
from apps.calls.conversation.turn import Turn
from apps.calls.models import Offer
from apps.calls.speech.catalogue import mark, text
from apps.calls.speech.say import say_list, say_names
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish

QUESTIONS = {
    "needs_date": mark("Which day would suit you?"),
    "needs_time": mark("What time would suit you?"),
    "needs_name": mark("May I have your name for the appointment?"),
    "needs_phone": mark("On which phone number can we reach you?"),
    "needs_email": mark("Which e-mail address may I use for the appointment?"),
}


def question(turn: Turn, status: str, *, place: Place | None = None, wish: Wish | None = None) -> Reply:
    """One of the questions that name nothing."""
    return answer(turn, status, text(QUESTIONS[status], language=turn.language), place=place, wish=wish)


def choose_service(turn: Turn, names: Sequence[str]) -> Reply:
    """Which service? Names at most three."""
    if not names:
        return answer(turn, "needs_service", text("Which service would you like?", language=turn.language))
    said = say_names(names, language=turn.language)
    if len(names) > 3:
        say = text("Which service would you like, for example {names}?", language=turn.language, names=said)
    else:
        say = text("Which service would you like: {names}?", language=turn.language, names=said)
    return answer(turn, "needs_service", say)


def unknown_service(turn: Turn, names: Sequence[str]) -> Reply:
    """What was asked for is not offered; what is, at most three."""
    if not names:
        return choose_service(turn, names)
    said = say_names(names, language=turn.language)
    say = text("We do not offer that. Would you like {names}?", language=turn.language, names=said)
    return answer(turn, "needs_service", say)


def choose_branch(turn: Turn, names: Sequence[str], *, place: Place | None = None) -> Reply:
    """Which branch? Names at most three. ``place``: where the service that is known already is offered."""
    if names:
        said = say_names(names, language=turn.language)
        say = text("Which branch would you like: {names}?", language=turn.language, names=said)
    else:
        say = text("Which branch would you like?", language=turn.language)
    return answer(turn, "needs_branch", say, place=place)


def choose_offer(turn: Turn, offers: Sequence[Offer], *, place: Place | None = None) -> Reply:
    """Two offered slots fit what was said."""
    said = say_list(
        [offer.start for offer in offers], now=turn.now, language=turn.language, case="nominative"
    )
    reply = answer(
        turn, "ambiguous", text("Do you mean {starts}?", language=turn.language, starts=said), place=place
    )
    reply.alternatives = offers_of(turn, offers[:3])
    return reply


def choose_appointment(
    turn: Turn, appointments: Sequence[Appointment], *, status: str = "needs_appointment"
) -> Reply:
    """Which of the caller's own appointments?"""
    said = say_list(
        [one.start for one in appointments], now=turn.now, language=turn.language, case="nominative"
    )
    reply = answer(
        turn, status, text("Which appointment do you mean: {starts}?", language=turn.language, starts=said)
    )
    reply.extra["appointments"] = [appointment_of(one, now=turn.now) for one in appointments]
    return reply
