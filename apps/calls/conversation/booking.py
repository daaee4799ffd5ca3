"""book_appointment: only what was offered, or what was read back and confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from apps.calls.conversation import replies
from apps.calls.conversation.choosing import Choice, choose, keep_standing, read_back, stands
from apps.calls.conversation.offering import make_offers
from apps.calls.conversation.reply import Reply
from apps.calls.conversation.turn import Turn
from apps.calls.speech.contacts import spoken_email, spoken_phone
from apps.calls.speech.persons import plausible_name
from apps.flags.registry import Flag
from apps.flags.state import is_on
from apps.scheduling import booking
from apps.scheduling.booking import Attendee, Outcome
from apps.scheduling.gateway import CalendarUnavailable
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.search import Search
from apps.scheduling.wish import Wish
from apps.services.models import EventType

# What Cal.com refuses because of something the caller can still say.
ASK_AGAIN = {"invalid_email": "needs_email", "invalid_phone": "needs_phone"}


def book_appointment(turn: Turn) -> Reply:
    """Book what was chosen, or say what is still needed to choose."""
    if is_on(Flag.MESSAGES_ONLY, company_id=turn.company.pk):
        return replies.refused(turn, "messages_only")
    turn.keep(wanted_appointment=True)
    keep_contact(turn)
    chosen = choose(turn)
    if isinstance(chosen, Reply):
        return chosen
    if turn.args.confirmed is False and stands(turn, chosen) is None:
        return read_back(turn, chosen)
    return _book(turn, chosen)


def keep_contact(turn: Turn) -> None:
    """Keep a name, number and address that can be ones; what cannot is as if nothing was said."""
    args = turn.args
    name = plausible_name(args.name) if args.name else None
    phone = spoken_phone(args.phone, region=turn.company.country) if args.phone else None
    email = spoken_email(args.email) if args.email else None
    said = {"spoken_name": name, "spoken_phone": phone, "spoken_email": email}
    turn.keep(**{key: value for key, value in said.items() if value})


def _book(turn: Turn, choice: Choice) -> Reply:
    place, start = choice.place, choice.start
    missing = _missing_contact(turn, place)
    if missing is not None:
        keep_standing(turn, choice, agreed=True)
        return replies.question(turn, missing, place=place)
    outcome = booking.book(
        place,
        start=start,
        attendee=_attendee(turn, place),
        owner=turn.call.owner_key,
        deadline=turn.deadline,
        notes=turn.args.notes,
        asked_at=turn.began,
    )
    return _told(turn, choice, outcome)


def _told(turn: Turn, choice: Choice, outcome: Outcome) -> Reply:
    place = choice.place
    if outcome.settled in ("done", "already") and outcome.appointment is not None:
        turn.keep(standing_confirm=None, standing_service_id=place.service.pk)
        return replies.booked(turn, place, outcome.appointment, again=outcome.settled == "already")
    if outcome.settled == "taken":
        return offer_after_loss(turn, choice.place, choice.start, wish=choice.wish)
    if outcome.settled == "unavailable":
        return replies.unavailable(turn, place)
    if outcome.settled == "refused":
        return _refused(turn, choice, outcome)
    return replies.pending(turn, place)


def _refused(turn: Turn, choice: Choice, outcome: Outcome) -> Reply:
    if _lacked_email(outcome):
        EventType.objects.filter(pk=choice.place.event_type_id).update(email_required=True)
        if turn.company.email_placeholder:
            # It was thought that none is needed; nothing was booked without it.
            return _book(turn, replace(choice, place=replace(choice.place, email_required=True)))
        keep_standing(turn, choice, agreed=True)
        return replies.question(turn, "needs_email", place=choice.place)
    if outcome.code in ASK_AGAIN:
        turn.keep(**({"spoken_email": ""} if outcome.code == "invalid_email" else {"spoken_phone": ""}))
        keep_standing(turn, choice, agreed=True)
        return replies.question(turn, ASK_AGAIN[outcome.code], place=choice.place)
    turn.keep(standing_confirm=None)
    return replies.refused(turn, outcome.code, place=choice.place)


def _lacked_email(outcome: Outcome) -> bool:
    """Whether Cal.com demands an address and got none."""
    attempt = outcome.attempt
    lacks = outcome.code == "missing_field" and attempt is not None and "email" in attempt.error_detail
    return lacks and attempt is not None and not attempt.attendee_email


def offer_after_loss(
    turn: Turn,
    place: Place,
    start: datetime,
    *,
    wish: Wish | None = None,
    moving: Appointment | None = None,
) -> Reply:
    """Somebody was faster: the same answer already carries what is free now, never the lost slot."""
    turn.keep(standing_confirm=None)
    place = _fresh(place)
    local = start.astimezone(turn.now.tzinfo)
    try:
        found = Search(
            place=place,
            wish=wish or Wish(local.date(), local.date(), local.time(), local.time()),
            asker=turn.asker,
            deadline=turn.deadline,
            refused=frozenset({start}),
            moving=moving,
            limit=turn.company.max_alternatives,
        ).run()
    except CalendarUnavailable:
        return replies.slot_taken(turn, place, [])
    starts = found.matches or found.nearest
    if is_on(Flag.SKIP_ALTERNATIVES_FOR_VOICE, company_id=turn.company.pk):
        starts = ()
    return replies.slot_taken(turn, place, make_offers(turn, place, starts, moving=moving))


def _fresh(place: Place) -> Place:
    """The place with the calendar's version as it is now: the refusal has just raised it."""
    version, raised_at = EventType.objects.values_list("version", "raised_at").get(pk=place.event_type_id)
    return replace(place, version=version, raised_at=raised_at)


def _attendee(turn: Turn, place: Place) -> Attendee:
    """Who comes, under the number that was said, else the one that calls."""
    said = turn.call.spoken_email
    return Attendee(
        name=turn.call.spoken_name,
        phone=turn.phone or "",
        email=said or _placeholder(turn, place),
        own_email=bool(said),
        verified=turn.phone is not None and turn.phone == turn.call.caller_number,
    )


def _missing_contact(turn: Turn, place: Place) -> str | None:
    """The question still to be asked, in the contract's order: name, phone, e-mail."""
    if not turn.call.spoken_name:
        return "needs_name"
    if turn.phone is None:
        return "needs_phone"
    if not turn.call.spoken_email and not turn.company.email_placeholder and place.email_required:
        return "needs_email"
    return None


def _placeholder(turn: Turn, place: Place) -> str:
    """The company's address for who has none, unless none is demanded."""
    pattern = turn.company.email_placeholder
    if not pattern or place.email_required is False:
        return ""
    digits = (turn.phone or "").lstrip("+")
    return pattern.replace("{id}", digits or f"c{turn.call.pk}")
