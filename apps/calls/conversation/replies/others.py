"""Answers that end a conversation: a policy says no, a person takes over, nothing was understood."""

from __future__ import annotations

from collections.abc import Sequence

from apps.calls.conversation.replies.base import answer
from apps.calls.conversation.reply import Reply, service_of
from apps.calls.conversation.turn import Turn
from apps.calls.speech.catalogue import mark, text
from apps.calls.speech.say import say_duration, say_names
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish

REFUSALS = {
    "messages_only": mark("I can only take messages just now. Shall someone call you back?"),
    "too_soon": mark("That is too short notice for a booking. Shall I look for a later time?"),
    "in_past": mark("That time has already passed. Which other time would suit you?"),
    "limit_reached": mark("No further booking is possible for that day. Which other day would suit you?"),
    "booker_limit": mark(
        "You already have as many appointments as can be booked. Shall someone call you back?"
    ),
    "attendee_blocked": mark("I cannot book this appointment by phone. Shall someone call you back?"),
    "max_open_appointments": mark(
        "You already have as many open appointments as can be booked. Shall someone call you back?"
    ),
    "max_moves": mark("This appointment has been moved as often as possible. Shall someone call you back?"),
    "cancel_notice": mark("That is too short notice for a change by phone. Shall someone call you back?"),
    "not_verified": mark(
        "I cannot change appointments without your phone number. Shall someone call you back?"
    ),
    "not_changeable": mark("This appointment cannot be changed by phone. Shall someone call you back?"),
    "ended_meanwhile": mark(
        "This appointment has been cancelled meanwhile, nothing is booked. Shall I look for another time?"
    ),
    "other": mark("I cannot book this appointment by phone. Shall someone call you back?"),
}

# Said before the language is known, and when the database cannot say which it is.
UNKNOWN_NUMBER = (
    "Diese Nummer ist hier nicht eingerichtet, es wurde nichts gebucht. "
    "This number is not set up here, nothing was booked."
)
OUT_OF_ORDER = (
    "Das System ist gerade nicht erreichbar, es wurde nichts gebucht. "
    "The system cannot be reached right now, nothing was booked."
)
OUT_OF_ORDER_MEANWHILE = (
    "Das System ist gerade nicht erreichbar, Ihr Wunsch wird noch geprüft, bitte nicht noch einmal buchen. "
    "The system cannot be reached right now, your request is being checked, please do not book again."
)
TOO_MANY = (
    "Es wird gerade zu viel angefragt, es wurde nichts gebucht. "
    "Too much is being asked right now, nothing was booked."
)


def refused(turn: Turn, code: str, *, place: Place | None = None) -> Reply:
    """A policy says no, and which."""
    sentence = REFUSALS.get(code, REFUSALS["other"])
    return answer(turn, "refused", text(sentence, language=turn.language), place=place)


def unavailable(turn: Turn, place: Place | None = None, wish: Wish | None = None) -> Reply:
    """The calendar cannot be reached; nothing was booked."""
    say = text(
        "I cannot reach the calendar right now, nothing was booked. Shall someone call you back?",
        language=turn.language,
    )
    return answer(turn, "unavailable", say, place=place, wish=wish)


def callback_requested(turn: Turn) -> Reply:
    return answer(
        turn,
        "callback_requested",
        text("I have noted it. Someone will call you back.", language=turn.language),
    )


def transfer(turn: Turn) -> Reply:
    return answer(turn, "transfer", text("One moment, I am putting you through.", language=turn.language))


def services(turn: Turn, places: Sequence[Place]) -> Reply:
    """What can be booked; three are spoken, all are listed."""
    names = [place.service.name for place in places]
    if not names:
        say = text(
            "Nothing can be booked by phone here. Shall someone call you back?", language=turn.language
        )
    elif len(names) > 3:
        said = say_names(names, language=turn.language, joiner="and")
        say = text("For example {names}. Which would you like?", language=turn.language, names=said)
    elif len(names) == 1:
        only = places[0].service
        said = say_duration(only.duration_minutes, language=turn.language)
        say = text("We offer {name}, {duration}.", language=turn.language, name=only.name, duration=said)
    else:
        said = say_names(names, language=turn.language)
        say = text("Which service would you like: {names}?", language=turn.language, names=said)
    reply = answer(turn, "services", say)
    reply.extra["services"] = [service_of(place.service) for place in places]
    return reply


def rate_limited(turn: Turn) -> Reply:
    """This very request did nothing; what the call has booked before, or is being checked, stands."""
    say = text(
        "Too much is being asked at once, nothing was booked with this request. Please wait a moment.",
        language=turn.language,
    )
    return answer(turn, "rate_limited", say)


def unknown_function(turn: Turn) -> Reply:
    say = text("I cannot do that, nothing was booked.", language=turn.language)
    return answer(turn, "unknown_function", say)


def invalid(turn: Turn) -> Reply:
    say = text("I did not understand that, nothing was booked.", language=turn.language)
    return answer(turn, "invalid", say)


def no_person(turn: Turn) -> Reply:
    """Nobody can take the call now."""
    say = text("Nobody can take your call right now. Shall someone call you back?", language=turn.language)
    return answer(turn, "refused", say)
