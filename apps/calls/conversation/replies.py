"""Every answer a caller can get: each function makes the sentence and the data from the same objects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from apps.calls.conversation.reply import (
    Confirmation,
    Reply,
    appointment_of,
    offer_of,
    requested_of,
    service_of,
)
from apps.calls.conversation.turn import Turn
from apps.calls.models import Offer
from apps.calls.speech.catalogue import mark, text
from apps.calls.speech.say import (
    capitalised,
    say_duration,
    say_label,
    say_list,
    say_names,
    say_start,
    say_time,
    say_window,
)
from apps.scheduling.availability import Window
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.search import Found
from apps.scheduling.wish import Wish

QUESTIONS = {
    "needs_date": mark("Which day would suit you?"),
    "needs_time": mark("What time would suit you?"),
    "needs_name": mark("May I have your name for the appointment?"),
    "needs_phone": mark("On which phone number can we reach you?"),
    "needs_email": mark("Which e-mail address may I use for the appointment?"),
}
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
    "other": mark("I cannot book this appointment by phone. Shall someone call you back?"),
}
# What is said to the first, the second and every further refusal.
MORE = (
    mark("I could also offer you {starts}."),
    mark("Perhaps another time of day or another day suits you better: {starts}?"),
    mark("I could also offer you {starts}. Otherwise someone can call you back."),
)
# A day counted from so long ago has no name like "tomorrow".
NO_LONGER_NEAR = timedelta(days=7)
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


def _offers(turn: Turn, offers: Sequence[Offer]) -> list[dict[str, object]]:
    return [offer_of(offer, now=turn.now, language=turn.language) for offer in offers]


def _base(
    turn: Turn, status: str, say: str, *, place: Place | None = None, wish: Wish | None = None
) -> Reply:
    return Reply(
        status=status,
        say=say,
        service=service_of(place.service) if place is not None else None,
        requested=requested_of(wish) if wish is not None else None,
    )


# --- Questions ----------------------------------------------------------------------------------


def question(turn: Turn, status: str, *, place: Place | None = None, wish: Wish | None = None) -> Reply:
    """One of the questions that name nothing."""
    return _base(turn, status, text(QUESTIONS[status], language=turn.language), place=place, wish=wish)


def choose_service(turn: Turn, names: Sequence[str]) -> Reply:
    """Which service? Names at most three."""
    if not names:
        return _base(turn, "needs_service", text("Which service would you like?", language=turn.language))
    said = say_names(names, language=turn.language)
    if len(names) > 3:
        say = text("Which service would you like, for example {names}?", language=turn.language, names=said)
    else:
        say = text("Which service would you like: {names}?", language=turn.language, names=said)
    return _base(turn, "needs_service", say)


def unknown_service(turn: Turn, names: Sequence[str]) -> Reply:
    """What was asked for is not offered; what is, at most three."""
    if not names:
        return choose_service(turn, names)
    said = say_names(names, language=turn.language)
    say = text("We do not offer that. Would you like {names}?", language=turn.language, names=said)
    return _base(turn, "needs_service", say)


def choose_branch(turn: Turn, names: Sequence[str], *, place: Place | None = None) -> Reply:
    """Which branch? Names at most three. ``place``: where the service that is known already is offered."""
    if names:
        said = say_names(names, language=turn.language)
        say = text("Which branch would you like: {names}?", language=turn.language, names=said)
    else:
        say = text("Which branch would you like?", language=turn.language)
    return _base(turn, "needs_branch", say, place=place)


def choose_offer(turn: Turn, offers: Sequence[Offer], *, place: Place | None = None) -> Reply:
    """Two offered slots fit what was said."""
    said = say_list(
        [offer.start for offer in offers], now=turn.now, language=turn.language, case="nominative"
    )
    reply = _base(
        turn, "ambiguous", text("Do you mean {starts}?", language=turn.language, starts=said), place=place
    )
    reply.alternatives = _offers(turn, offers[:3])
    return reply


def choose_appointment(
    turn: Turn, appointments: Sequence[Appointment], *, status: str = "needs_appointment"
) -> Reply:
    """Which of the caller's own appointments?"""
    said = say_list(
        [one.start for one in appointments], now=turn.now, language=turn.language, case="nominative"
    )
    reply = _base(
        turn, status, text("Which appointment do you mean: {starts}?", language=turn.language, starts=said)
    )
    reply.extra["appointments"] = [appointment_of(one, now=turn.now) for one in appointments]
    return reply


# --- Answers about free time --------------------------------------------------------------------


def _start_phrase(turn: Turn, start: datetime, wish: Wish | None, confirmation: Confirmation) -> str:
    """The start as it is read back: with weekday and date, unless only the time changed."""
    if confirmation == "brief" and not (wish is not None and wish.ambiguous):
        return say_time(start.astimezone(turn.now.tzinfo).time(), language=turn.language)
    return say_label(start, now=turn.now, language=turn.language)


def available(
    turn: Turn, place: Place, wish: Wish, offers: Sequence[Offer], *, confirmation: Confirmation
) -> Reply:
    """Something inside the wish is free: the best start, and more of the same wish."""
    if len(offers) == 1:
        start = _start_phrase(turn, offers[0].start, wish, confirmation)
        say = text("{start} is free. Does that suit you?", language=turn.language, start=capitalised(start))
    else:
        said = say_list(
            [offer.start for offer in offers],
            # Read back in full means weekday and date, also where "tomorrow" would do.
            now=turn.now if confirmation == "brief" else turn.now - NO_LONGER_NEAR,
            language=turn.language,
            standing=turn.standing_date if confirmation == "brief" else None,
            case="nominative",
        )
        say = text("{starts} is free. Which suits you?", language=turn.language, starts=capitalised(said))
    reply = _base(turn, "available", say, place=place, wish=wish)
    reply.confirmation = confirmation
    reply.slot, *rest = _offers(turn, offers)
    reply.alternatives = rest
    return reply


def _not_free(turn: Turn, place: Place, wish: Wish, reason: str | None) -> str:
    """The true reason why nothing inside the wish is free, as one sentence."""
    day = say_window(
        Wish(date_from=wish.date_from, date_to=wish.date_to), now=turn.now, language=turn.language
    )
    whole = say_window(wish, now=turn.now, language=turn.language)
    hours = say_window(
        Wish(time_from=wish.time_from, time_to=wish.time_to), now=turn.now, language=turn.language
    )
    if reason == "holiday":
        return text("{day} is a public holiday.", language=turn.language, day=capitalised(day))
    if reason in ("closure", "weekday"):
        return text("{day} we are closed.", language=turn.language, day=capitalised(day))
    if reason == "full":
        return text("{day} everything is taken.", language=turn.language, day=capitalised(day))
    if reason == "too_soon":
        return text("That is too short notice, unfortunately.", language=turn.language)
    if reason == "taken" and hours:
        return capitalised(
            text("Unfortunately nothing is free {hours}.", language=turn.language, hours=hours)
        )
    return capitalised(text("Unfortunately nothing is free {window}.", language=turn.language, window=whole))


def alternatives(turn: Turn, place: Place, wish: Wish, found: Found, offers: Sequence[Offer]) -> Reply:
    """Nothing inside the wish is free: the nearest that is."""
    said = say_list([offer.start for offer in offers], now=turn.now, language=turn.language)
    say = text(
        "{reason} I could offer you {starts}.",
        language=turn.language,
        reason=_not_free(turn, place, wish, found.reason),
        starts=said,
    )
    reply = _base(turn, "alternatives", say, place=place, wish=wish)
    reply.alternatives = _offers(turn, offers)
    return reply


def more_offers(
    turn: Turn, place: Place, wish: Wish, offers: Sequence[Offer], *, refusals: int, standing: date | None
) -> Reply:
    """The next ones, after the caller wanted something else: the more often, the less of the same.

    ``standing``: the day that goes without saying.
    """
    starts = [offer.start for offer in offers]
    said = say_list(starts, now=turn.now, language=turn.language, standing=standing)
    sentence = MORE[min(refusals, len(MORE)) - 1]
    reply = _base(
        turn, "alternatives", text(sentence, language=turn.language, starts=said), place=place, wish=wish
    )
    reply.alternatives = _offers(turn, offers)
    return reply


def not_available(turn: Turn, place: Place, wish: Wish, found: Found) -> Reply:
    """Alternatives are switched off: the wish is named, another time asked for."""
    say = text(
        "Unfortunately nothing is free {window}. Which other time would suit you?",
        language=turn.language,
        window=say_window(wish, now=turn.now, language=turn.language),
    )
    return _base(turn, "not_available", capitalised(say), place=place, wish=wish)


def none_available(
    turn: Turn, place: Place, wish: Wish, window: Window, *, empty: bool, more: bool = False
) -> Reply:
    """Nothing in the window that was really searched. An empty calendar is not called fully booked."""
    searched = say_window(
        Wish(date_from=window.first, date_to=window.last), now=turn.now, language=turn.language, near=False
    )
    if more:
        say = text(
            "I find no further free time {window}. Shall someone call you back?",
            language=turn.language,
            window=searched,
        )
    elif empty:
        say = text(
            "I cannot see any free times {window} just now. Shall someone call you back?",
            language=turn.language,
            window=searched,
        )
    else:
        say = text(
            "Unfortunately I find no free time {window}. Shall someone call you back?",
            language=turn.language,
            window=searched,
        )
    return _base(turn, "none_available", say, place=place, wish=wish)


# --- Booking ------------------------------------------------------------------------------------


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
    said = _start_phrase(turn, start, wish, confirmation)
    say = text(
        "{start}, {service}: shall I book that?",
        language=turn.language,
        service=place.service.name,
        start=capitalised(said),
    )
    reply = _base(turn, "confirm", say, place=place, wish=wish)
    reply.confirmation = confirmation
    if offer is not None:
        reply.slot = _offers(turn, [offer])[0]
    return reply


def booked(turn: Turn, place: Place, appointment: Appointment, *, again: bool) -> Reply:
    """It stands in the calendar; or, where the business must confirm, it is requested."""
    start = say_start(appointment.start, now=turn.now, language=turn.language)
    if appointment.status == Appointment.Status.REQUESTED:
        say = text(
            "Your request for {service}, {start}, has been passed on. It still has to be confirmed.",
            language=turn.language,
            service=place.service.name,
            start=start,
        )
        reply = _base(turn, "pending", say, place=place)
    elif again:
        say = text(
            "Your appointment already stands: {service}, {start}.",
            language=turn.language,
            service=place.service.name,
            start=start,
        )
        reply = _base(turn, "already_booked", say, place=place)
    else:
        say = text(
            "Your appointment is booked: {service}, {start}.",
            language=turn.language,
            service=place.service.name,
            start=start,
        )
        reply = _base(turn, "booked", say, place=place)
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
    reply = _base(turn, "slot_taken", say, place=place)
    reply.alternatives = _offers(turn, offers)
    return reply


def pending(turn: Turn, place: Place | None) -> Reply:
    """The calendar has not said yet; the caller must not book again."""
    say = text(
        "The calendar has not answered yet. I am checking it, please do not book again.",
        language=turn.language,
    )
    return _base(turn, "pending", say, place=place)


def pending_change(turn: Turn) -> Reply:
    """The calendar has not said yet whether the appointment was moved or cancelled."""
    say = text(
        "The calendar has not answered yet. I am checking whether the change was made.",
        language=turn.language,
    )
    return _base(turn, "pending", say)


def unavailable(turn: Turn, place: Place | None = None, wish: Wish | None = None) -> Reply:
    """The calendar cannot be reached; nothing was booked."""
    say = text(
        "I cannot reach the calendar right now, nothing was booked. Shall someone call you back?",
        language=turn.language,
    )
    return _base(turn, "unavailable", say, place=place, wish=wish)


def refused(turn: Turn, code: str, *, place: Place | None = None) -> Reply:
    """A policy says no, and which."""
    sentence = REFUSALS.get(code, REFUSALS["other"])
    return _base(turn, "refused", text(sentence, language=turn.language), place=place)


# --- The caller's own appointments --------------------------------------------------------------


def appointments(turn: Turn, found: Sequence[Appointment]) -> Reply:
    """The caller's open appointments, soonest first; three are spoken, all are listed."""
    if not found:
        reply = _base(
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
        reply = _base(turn, "appointments", sentence)
    reply.extra["appointments"] = [appointment_of(one, now=turn.now) for one in found]
    return reply


def not_found(turn: Turn) -> Reply:
    say = text("I find no such appointment of yours. Nothing was changed.", language=turn.language)
    return _base(turn, "not_found", say)


def confirm_cancellation(turn: Turn, appointment: Appointment) -> Reply:
    """Which appointment, with weekday and date, before it is gone."""
    start = say_label(appointment.start, now=turn.now, language=turn.language)
    reply = _base(
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
    reply = _base(
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
    reply = _base(
        turn,
        "confirm",
        text("From {old} to {new}: shall I move it?", language=turn.language, old=old, new=new),
        place=place,
        wish=wish,
    )
    reply.confirmation = confirmation
    reply.appointment = appointment_of(appointment, now=turn.now)
    if offer is not None:
        reply.slot = _offers(turn, [offer])[0]
    return reply


def rescheduled(turn: Turn, place: Place, appointment: Appointment) -> Reply:
    start = say_start(appointment.start, now=turn.now, language=turn.language)
    if appointment.status == Appointment.Status.REQUESTED:
        say = text(
            "Your request for {service}, {start}, has been passed on. It still has to be confirmed.",
            language=turn.language,
            service=place.service.name,
            start=start,
        )
        reply = _base(turn, "pending", say, place=place)
    else:
        say = text("Your appointment is now {start}.", language=turn.language, start=start)
        reply = _base(turn, "rescheduled", say, place=place)
    reply.appointment = appointment_of(appointment, now=turn.now)
    return reply


def unavailable_change(turn: Turn) -> Reply:
    """The calendar cannot be reached; the appointment stands as it was."""
    say = text(
        "I cannot reach the calendar right now, nothing was changed. Shall someone call you back?",
        language=turn.language,
    )
    return _base(turn, "unavailable", say)


# --- The rest -----------------------------------------------------------------------------------


def callback_requested(turn: Turn) -> Reply:
    return _base(
        turn,
        "callback_requested",
        text("I have noted it. Someone will call you back.", language=turn.language),
    )


def transfer(turn: Turn) -> Reply:
    return _base(turn, "transfer", text("One moment, I am putting you through.", language=turn.language))


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
    reply = _base(turn, "services", say)
    reply.extra["services"] = [service_of(place.service) for place in places]
    return reply


def rate_limited(turn: Turn) -> Reply:
    say = text(
        "Too much is being asked at once, nothing was booked. Please wait a moment.", language=turn.language
    )
    return _base(turn, "rate_limited", say)


def unknown_function(turn: Turn) -> Reply:
    say = text("I cannot do that, nothing was booked.", language=turn.language)
    return _base(turn, "unknown_function", say)


def invalid(turn: Turn) -> Reply:
    say = text("I did not understand that, nothing was booked.", language=turn.language)
    return _base(turn, "invalid", say)


def no_person(turn: Turn) -> Reply:
    """Nobody can take the call now."""
    say = text("Nobody can take your call right now. Shall someone call you back?", language=turn.language)
    return _base(turn, "refused", say)
