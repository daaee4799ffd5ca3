"""Answers about a booking: read back, made, lost to somebody else, not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.calls.conversation.replies.base import answer, offers_of, start_phrase
from apps.calls.conversation.reply import Confirmation, Reply, appointment_of
from apps.calls.conversation.turn import Turn
from apps.calls.models import Offer
from apps.calls.speech.catalogue import mark, text
from apps.calls.speech.say import capitalised, say_list, say_start
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish

BOOKED = mark("Your appointment is booked: {service}, {start}.")
STANDS = mark("Your appointment already stands: {service}, {start}.")
REQUESTED = mark("Your request for {service}, {start}, has been passed on. It still has to be confirmed.")


def confirm_booking(
    turn: Turn,
    place: Place,
    start: datetime,
    offer: Offer | None,
    *,
    confirmation: Confirmation,
    wish: Wish | None,
) -> Reply:
    """Read back before booking a start that was not offered."""
    said = start_phrase(turn, start, wish, confirmation)
    say = text(
        "{start}, {service}: shall I book that?",
        language=turn.language,
        service=place.service.name,
        start=capitalised(said),
    )
    reply = answer(turn, "confirm", say, place=place, wish=wish)
    reply.confirmation = confirmation
    if offer is not None:
        reply.slot = offers_of(turn, [offer])[0]
    return reply


def booked(turn: Turn, place: Place, appointment: Appointment, *, again: bool) -> Reply:
    """It stands in the calendar; or, where the business must confirm, it is requested."""
    if appointment.status == Appointment.Status.REQUESTED:
        return requested(turn, place, appointment)
    status, sentence = ("already_booked", STANDS) if again else ("booked", BOOKED)
    return _made(turn, place, appointment, status, sentence)


def requested(turn: Turn, place: Place, appointment: Appointment) -> Reply:
    """The business must confirm it first: nothing is promised."""
    return _made(turn, place, appointment, "pending", REQUESTED)


def _made(turn: Turn, place: Place, appointment: Appointment, status: str, sentence: str) -> Reply:
    start = say_start(appointment.start, now=turn.now, language=turn.language)
    say = text(sentence, language=turn.language, service=place.service.name, start=start)
    reply = answer(turn, status, say, place=place)
    reply.appointment = appointment_of(appointment, now=turn.now)
    return reply


def slot_taken(turn: Turn, place: Place, offers: Sequence[Offer]) -> Reply:
    """Somebody was faster; the alternatives are fresh."""
    if offers:
        said = say_list([offer.start for offer in offers], now=turn.now, language=turn.language)
        say = text(
            "That time has just been taken. I could offer you {starts}.", language=turn.language, starts=said
        )
    else:
        say = text("That time has just been taken. Which other day would suit you?", language=turn.language)
    reply = answer(turn, "slot_taken", say, place=place)
    reply.alternatives = offers_of(turn, offers)
    return reply


def pending(turn: Turn, place: Place | None) -> Reply:
    """The calendar has not said yet; the caller must not book again."""
    say = text(
        "The calendar has not answered yet. I am checking it, please do not book again.",
        language=turn.language,
    )
    return answer(turn, "pending", say, place=place)
