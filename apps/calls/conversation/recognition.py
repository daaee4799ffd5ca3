"""Whose appointments, and which of them: a caller is recognised by the number they call from.

Within the company only. A number that was merely said proves nothing; a withheld number needs
reference, name and date together. Of another person nothing is ever told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.calls.conversation import replies
from apps.calls.conversation.narrowing import Ask
from apps.calls.conversation.turn import Turn
from apps.calls.speech.persons import plausible_name
from apps.calls.speech.understand import understand
from apps.scheduling.attempts import folded
from apps.scheduling.models import Appointment, BookingAttempt, Customer
from apps.scheduling.wish import Wish


def own_appointments(turn: Turn) -> list[Appointment]:
    """The open appointments of the number that calls, in this company, and those made in this very call."""
    return [one for one in of_this_number(turn) if one.status in Appointment.OPEN]


def of_this_number(turn: Turn) -> list[Appointment]:
    """Every appointment ahead of the number that calls, soonest first, cancelled ones too.

    What was booked in this call is the caller's as well, whatever their number.
    """
    # Keys first: a condition on another table beside "or" would look through all that is booked.
    mine = Q(pk__in=list(_booked_in_this_call(turn)))
    if turn.call.caller_number is not None:
        customers = Customer.objects.filter(phone=turn.call.caller_number)
        mine |= Q(customer_id__in=list(customers.values_list("pk", flat=True)))
    return list(_upcoming().filter(mine).order_by("start"))


def _booked_in_this_call(turn: Turn) -> QuerySet[BookingAttempt, int | None]:
    return BookingAttempt.objects.filter(
        owner=turn.call.owner_key,
        kind=BookingAttempt.Kind.BOOK,
        state=BookingAttempt.State.CONFIRMED,
        appointment__isnull=False,
    ).values_list("appointment_id", flat=True)


def reference_of(text: str) -> str:
    """A reference as it was said: letters and digits."""
    return "".join(character for character in text.lower() if character.isalnum())


def said_day(turn: Turn, words: str) -> Wish | None:
    """The day or time that the words name; None when they name neither."""
    if not words:
        return None
    wish = understand(
        words, now=turn.now, language=turn.language, holidays=turn.company.holidays or turn.company.country
    )
    return wish if wish.date_from is not None or wish.time_from is not None else None


def fits(appointment: Appointment, wish: Wish, turn: Turn) -> bool:
    """Whether the appointment is at that day and time."""
    local = appointment.start.astimezone(turn.now.tzinfo)
    if (
        wish.date_from is not None
        and wish.date_to is not None
        and not wish.date_from <= local.date() <= wish.date_to
    ):
        return False
    if wish.time_from is None or wish.time_to is None:
        return True
    return wish.time_from <= local.time() <= wish.time_to


def verified_stranger(turn: Turn, words: str) -> Appointment | None:
    """A withheld number's appointment, also one that is cancelled: reference, name and date must all fit."""
    name, day = plausible_name(turn.args.name) if turn.args.name else None, said_day(turn, words)
    reference = reference_of(turn.args.appointment)
    if not reference or name is None or day is None or day.date_from is None or day.date_from != day.date_to:
        return None
    found = _upcoming().filter(reference=reference).first()
    if found is None or folded(found.attendee_name) != folded(name) or not fits(found, day, turn):
        return None
    return found


def _upcoming() -> QuerySet[Appointment]:
    return Appointment.objects.filter(start__gt=timezone.now()).select_related(
        "service", "branch", "customer"
    )


def which(turn: Turn, words: str, *, action: str) -> Appointment:
    """The appointment that is meant. Raises ``Ask``; nothing said never means "the first"."""
    own = own_appointments(turn)
    if turn.call.caller_number is None:
        stranger = verified_stranger(turn, words)
        if stranger is not None and stranger.status not in Appointment.OPEN:
            raise Ask(replies.not_found(turn))
        if stranger is not None:
            return stranger
        if not own:
            raise Ask(replies.refused(turn, "not_verified"))
    reference = reference_of(turn.args.appointment)
    if reference:
        named = [one for one in own if one.reference == reference]
        if named:
            return named[0]
        day = said_day(turn, turn.args.appointment)
        fitting = [one for one in own if day is not None and fits(one, day, turn)]
        return _only(turn, fitting)
    day = said_day(turn, words)
    if day is not None:
        return _only(turn, [one for one in own if fits(one, day, turn)], status="ambiguous")
    standing = turn.call.standing_confirm
    if standing is not None and standing["action"] == action:
        kept = [one for one in own if one.pk == standing["appointment"]]
        if kept:
            return kept[0]
    return _only(turn, own)


def _only(turn: Turn, found: Sequence[Appointment], *, status: str = "needs_appointment") -> Appointment:
    if len(found) == 1:
        return found[0]
    raise Ask(replies.choose_appointment(turn, found, status=status) if found else replies.not_found(turn))


def read_back_of(action: str, appointment: Appointment, **more: str) -> dict[str, Any]:
    """What was read back: the appointment, and where it stood then."""
    return {
        "action": action,
        "appointment": appointment.pk,
        "from": appointment.start.isoformat(),
        **more,
    }


def is_read_back(standing: dict[str, Any], appointment: Appointment) -> bool:
    """Whether it is this appointment, at the time it has now, that was read back."""
    same_time = datetime.fromisoformat(standing["from"]) == appointment.start
    return same_time and bool(standing["appointment"] == appointment.pk)
