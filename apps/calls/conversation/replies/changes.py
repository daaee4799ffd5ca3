"""Answers about the caller's own appointments: listed, moved, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from apps.calls.conversation.replies.base import answer, offers_of
from apps.calls.conversation.replies.bookings import requested
from apps.calls.conversation.reply import Confirmation, Reply, appointment_of
from apps.calls.conversation.turn import Turn
from apps.calls.models import Offer
from apps.calls.speech.catalogue import text
from apps.calls.speech.say import capitalised, say_label, say_list, say_start, say_time
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish


def appointments(turn: Turn, found: Sequence[Appointment]) -> Reply:
    """The caller's open appointments, soonest first; three are spoken, all are listed."""
    if not found:
        reply = answer(
            turn, "appointments", text("I find no open appointment of yours.", language=turn.language)
        )
    else:
        said = say_list(
            [one.start for one in found],
            now=turn.now,
            language=turn.language,
            case="nominative",
            joiner="and",
        )
        if len(found) > 3:
            sentence = text("Your next appointments: {starts}.", language=turn.language, starts=said)
        elif len(found) > 1:
            sentence = text("Your appointments: {starts}.", language=turn.language, starts=said)
        else:
            sentence = text("Your appointment: {start}.", language=turn.language, start=said)
        reply = answer(turn, "appointments", sentence + _not_confirmed_yet(turn, found))
    reply.extra["appointments"] = [appointment_of(one, now=turn.now) for one in found]
    return reply


def _not_confirmed_yet(turn: Turn, found: Sequence[Appointment]) -> str:
    """What is only requested is not said like what stands."""
    if all(one.status != Appointment.Status.REQUESTED for one in found):
        return ""
    if len(found) == 1:
        return " " + text("It still has to be confirmed.", language=turn.language)
    return " " + text("Not all of them are confirmed yet.", language=turn.language)


def not_found(turn: Turn) -> Reply:
    say = text("I find no such appointment of yours. Nothing was changed.", language=turn.language)
    return answer(turn, "not_found", say)


def confirm_cancellation(turn: Turn, appointment: Appointment) -> Reply:
    """Which appointment, with weekday and date, before it is gone."""
    start = say_label(appointment.start, now=turn.now, language=turn.language)
    reply = answer(
        turn,
        "confirm",
        text(
            "{start}, {service}: shall I cancel this appointment?",
            language=turn.language,
            start=capitalised(start),
            service=appointment.service.name,
        ),
    )
    reply.confirmation = "full"
    reply.appointment = appointment_of(appointment, now=turn.now)
    return reply


def cancelled(turn: Turn, appointment: Appointment) -> Reply:
    start = say_start(appointment.start, now=turn.now, language=turn.language)
    reply = answer(
        turn,
        "cancelled",
        text("Your appointment is cancelled: {start}.", language=turn.language, start=start),
    )
    reply.appointment = appointment_of(appointment, now=turn.now)
    return reply


def confirm_move(
    turn: Turn,
    place: Place,
    appointment: Appointment,
    start: datetime,
    offer: Offer | None,
    *,
    standing: date | None,
    wish: Wish | None = None,
) -> Reply:
    """From where to where; on the day that stands for the call the times say enough."""
    zone = turn.now.tzinfo
    before, after = appointment.start.astimezone(zone), start.astimezone(zone)
    confirmation: Confirmation = "brief" if before.date() == after.date() == standing else "full"
    if confirmation == "brief":
        old, new = (say_time(one.time(), language=turn.language) for one in (before, after))
    else:
        old, new = (say_label(one, now=turn.now, language=turn.language) for one in (before, after))
    reply = answer(
        turn,
        "confirm",
        text("From {old} to {new}: shall I move it?", language=turn.language, old=old, new=new),
        place=place,
        wish=wish,
    )
    reply.confirmation = confirmation
    reply.appointment = appointment_of(appointment, now=turn.now)
    if offer is not None:
        reply.slot = offers_of(turn, [offer])[0]
    return reply


def rescheduled(turn: Turn, place: Place, appointment: Appointment) -> Reply:
    if appointment.status == Appointment.Status.REQUESTED:
        return requested(turn, place, appointment)
    start = say_start(appointment.start, now=turn.now, language=turn.language)
    say = text("Your appointment is now {start}.", language=turn.language, start=start)
    reply = answer(turn, "rescheduled", say, place=place)
    reply.appointment = appointment_of(appointment, now=turn.now)
    return reply


def unavailable_change(turn: Turn) -> Reply:
    """The calendar cannot be reached; the appointment stands as it was."""
    say = text(
        "I cannot reach the calendar right now, nothing was changed. Shall someone call you back?",
        language=turn.language,
    )
    return answer(turn, "unavailable", say)


def pending_change(turn: Turn) -> Reply:
    """The calendar has not said yet whether the appointment was moved or cancelled."""
    say = text(
        "The calendar has not answered yet. I am checking whether the change was made.",
        language=turn.language,
    )
    return answer(turn, "pending", say)
