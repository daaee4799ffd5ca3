"""list, cancel and reschedule: only the caller's own, and only what was read back or clearly named.

Nothing said never means "the first"; a "yes" means what the last `confirm` named, as it stood then.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from apps.calls.conversation import replies
from apps.calls.conversation.booking import offer_after_loss
from apps.calls.conversation.checking import is_free, search
from apps.calls.conversation.narrowing import Ask
from apps.calls.conversation.offering import (
    by_token,
    make_offers,
    mark_read_back,
    newest_round,
    offered_starts,
    pick_offer,
)
from apps.calls.conversation.recognition import (
    fits,
    is_read_back,
    of_this_number,
    own_appointments,
    read_back_of,
    reference_of,
    said_day,
    verified_stranger,
    which,
)
from apps.calls.conversation.reply import Reply
from apps.calls.conversation.turn import Turn
from apps.calls.conversation.wishing import exact_start, read_wish, recall, turned
from apps.calls.models import Offer
from apps.flags.registry import Flag
from apps.flags.state import is_on
from apps.scheduling import booking, holds
from apps.scheduling.booking import Outcome
from apps.scheduling.calcom.errors import Reason
from apps.scheduling.models import Appointment, BookingAttempt
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish

CANCEL = "cancel"
MOVE = "move"
# What Cal.com refuses about a change, in the words that a caller hears for it.
TOO_LATE = frozenset({Reason.NOTICE_PERIOD, Reason.TOO_SOON})


def list_appointments(turn: Turn) -> Reply:
    """The caller's open appointments; of a withheld number only what this very call has booked."""
    own = own_appointments(turn)
    if turn.call.caller_number is None and not own:
        reply = replies.refused(turn, "not_verified")
        reply.extra["appointments"] = []
        return reply
    return replies.appointments(turn, own)


# --- Cancel -------------------------------------------------------------------------------------


def cancel_appointment(turn: Turn) -> Reply:
    """Cancel one appointment after a yes; one that is cancelled already is answered again."""
    words = _said_when(turn) or turn.args.old_date
    gone = _cancelled_already(turn, words)
    if gone is not None:
        return replies.cancelled(turn, gone)
    appointment = which(turn, words, action=CANCEL)
    place = _changeable(turn, appointment)
    if not _agreed(turn, CANCEL, appointment, named=bool(words or turn.args.appointment)):
        turn.keep(standing_confirm=read_back_of(CANCEL, appointment))
        return replies.confirm_cancellation(turn, appointment)
    outcome = booking.cancel(
        place,
        appointment,
        reason=turn.args.reason,
        owner=turn.call.owner_key,
        deadline=turn.deadline,
    )
    if outcome.settled not in ("done", "already"):
        return _not_changed(turn, outcome)
    turn.keep(standing_confirm=None)
    return replies.cancelled(turn, outcome.appointment or appointment)


def _cancelled_already(turn: Turn, words: str) -> Appointment | None:
    """What the caller means and has cancelled before, unless something open fits the same words."""
    if turn.call.caller_number is None:
        proven = verified_stranger(turn, words)
        if proven is not None:
            return proven if proven.status == Appointment.Status.CANCELLED else None
    known = of_this_number(turn)
    reference = reference_of(turn.args.appointment)
    if any(one.reference == reference for one in known):
        meant = [one for one in known if one.reference == reference]
    elif reference or words:
        day = said_day(turn, turn.args.appointment or words)
        meant = [one for one in known if day is not None and fits(one, day, turn)]
    elif turn.args.confirmed and turn.call.standing_confirm is None:
        meant = _cancelled_last(turn, known)
    else:
        return None
    if any(one.status in Appointment.OPEN for one in meant):
        return None
    return next((one for one in meant if one.status == Appointment.Status.CANCELLED), None)


def _cancelled_last(turn: Turn, known: list[Appointment]) -> list[Appointment]:
    """The yes to a cancellation, said again: what this call has cancelled last."""
    last = (
        BookingAttempt.objects.filter(
            owner=turn.call.owner_key,
            kind=BookingAttempt.Kind.CANCEL,
            state=BookingAttempt.State.CONFIRMED,
        )
        .order_by("-pk")
        .values_list("appointment_id", flat=True)
        .first()
    )
    return [one for one in known if one.pk == last]


# --- Move ---------------------------------------------------------------------------------------


def reschedule_appointment(turn: Turn) -> Reply:
    """Move one appointment to another start after a yes."""
    if is_on(Flag.MESSAGES_ONLY, company_id=turn.company.pk):
        return replies.refused(turn, "messages_only")
    appointment = which(turn, turn.args.old_date, action=MOVE)
    place = _changeable(turn, appointment)
    chosen = _choose(turn, place, appointment)
    if isinstance(chosen, Reply):
        return chosen
    start, named = chosen
    if start != appointment.start:
        _insist_on_moves_left(turn, place, appointment)
        if not _agreed(turn, MOVE, appointment, named=named, start=start):
            return _read_back(turn, place, appointment, start)
        _hold(turn, place, appointment, start)
    outcome = booking.reschedule(
        place, appointment, start=start, owner=turn.call.owner_key, deadline=turn.deadline
    )
    if outcome.settled in ("done", "already"):
        turn.keep(standing_confirm=None)
        return replies.rescheduled(turn, place, outcome.appointment or appointment)
    if outcome.settled == "taken":
        return offer_after_loss(turn, place, start, moving=appointment)
    return _not_changed(turn, outcome)


def _choose(turn: Turn, place: Place, appointment: Appointment) -> tuple[datetime, bool] | Reply:
    """The new start, and whether it was named just now; else the answer that leads to one."""
    if turn.args.slot:
        offer = by_token(turn, turn.args.slot)
        if offer is not None and offer.place_id == place.id and offer.moving_id in (None, appointment.pk):
            return offer.start, True
    wish = _read_wish(turn, appointment)
    words = _said_when(turn)
    if not turn.args.says_when and wish.date_from is None and wish.time_from is None:
        return _what_stands(turn, place, appointment, wish)
    last = recall(turn.call.last_wish)
    for moving in (appointment, None):
        picked = pick_offer(turn, words, wish, moving=moving)
        if picked.one is not None and picked.one.place_id == place.id:
            return picked.one.start, True
        if picked.wants_more and last is not None:
            return search(
                turn,
                place,
                turned(turn, last, picked.way),
                refused=offered_starts(turn, place),
                more=True,
                moving=appointment,
            )
        if len(picked.offers) > 1:
            return replies.choose_offer(turn, picked.offers, place=place)
    return _of_wish(turn, place, appointment, wish)


def _read_wish(turn: Turn, appointment: Appointment) -> Wish:
    """The wish; an hour alone means the day that stands, else the day of the appointment."""
    wish = read_wish(turn)
    if wish.date_from is None and wish.time_from is not None and not wish.date_refused:
        day = appointment.start.astimezone(turn.now.tzinfo).date()
        return replace(wish, date_from=day, date_to=day)
    return wish


def _what_stands(
    turn: Turn, place: Place, appointment: Appointment, wish: Wish
) -> tuple[datetime, bool] | Reply:
    """No time was said: the one that was read back, or the only one that was offered for this move."""
    standing = turn.call.standing_confirm
    if standing is not None and standing["action"] == MOVE and standing["appointment"] == appointment.pk:
        return datetime.fromisoformat(standing["start"]), False
    offers = [one for one in newest_round(turn) if one.moving_id == appointment.pk]
    if turn.args.confirmed and len(offers) == 1:
        return offers[0].start, False
    if turn.args.confirmed and offers:
        return replies.choose_offer(turn, offers, place=place)
    missing = "needs_date" if turn.call.standing_from is None else "needs_time"
    return replies.question(turn, missing, place=place, wish=wish)


def _of_wish(turn: Turn, place: Place, appointment: Appointment, wish: Wish) -> tuple[datetime, bool] | Reply:
    """A time that was not offered: exact and free, or the answer that a check would give."""
    if wish.date_from is None:
        return replies.question(turn, "needs_date", place=place, wish=wish)
    if wish.time_from is None:
        return replies.question(turn, "needs_time", place=place, wish=wish)
    start = exact_start(wish, now=turn.now)
    if start == appointment.start:
        return start, True
    if start is not None and turn.args.confirmed and not wish.ambiguous:
        _insist_on_moves_left(turn, place, appointment)
        agreed = _agreed(turn, MOVE, appointment, named=True, start=start)
        if agreed and is_free(turn, place, wish, moving=appointment):
            return start, True
    before = turn.standing_date
    reply = search(turn, place, wish, moving=appointment)
    if reply.status != "available" or start is None:
        return reply
    offer = newest_round(turn)[0]
    return _read_back(turn, place, appointment, start, offer=offer, standing=before, wish=wish)


def _read_back(
    turn: Turn,
    place: Place,
    appointment: Appointment,
    start: datetime,
    *,
    offer: Offer | None = None,
    standing: date | None = None,
    wish: Wish | None = None,
) -> Reply:
    """`confirm`: from now on a bare "confirmed" means this move."""
    before = standing if offer is not None else turn.standing_date
    if offer is None:
        (offer,) = make_offers(turn, place, [start], moving=appointment)
    mark_read_back(offer)
    local = start.astimezone(turn.now.tzinfo).date()
    turn.keep(
        standing_confirm=read_back_of(MOVE, appointment, start=start.isoformat()),
        standing_from=local,
        standing_to=local,
    )
    return replies.confirm_move(turn, place, appointment, start, offer, standing=before, wish=wish)


def _hold(turn: Turn, place: Place, appointment: Appointment, start: datetime) -> None:
    """The new start is kept before the old one is let go. What cannot be kept the calendar decides."""
    if is_on(Flag.SLOT_HOLDS, company_id=turn.company.pk):
        holds.hold(place, start, owner=turn.call.owner_key, moving_id=appointment.pk)


# --- Of both ------------------------------------------------------------------------------------


def _said_when(turn: Turn) -> str:
    return turn.args.when or " ".join(part for part in (turn.args.date, turn.args.time) if part)


def _agreed(
    turn: Turn, action: str, appointment: Appointment, *, named: bool, start: datetime | None = None
) -> bool:
    """Whether the yes is one to this change: nothing else stands to be confirmed."""
    if not turn.args.confirmed:
        return False
    standing = turn.call.standing_confirm
    if standing is None:
        return True
    if standing["action"] != action:
        return named
    same_start = start is None or datetime.fromisoformat(standing["start"]) == start
    return same_start and is_read_back(standing, appointment)


def _changeable(turn: Turn, appointment: Appointment) -> Place:
    """The place of an appointment that may still be changed by phone. Raises ``Ask`` with what says no."""
    for place in turn.places:
        if (place.service.pk, place.branch.pk) == (appointment.service_id, appointment.branch_id):
            break
    else:
        raise Ask(replies.refused(turn, "not_changeable"))
    notice = timedelta(minutes=place.service.cancel_notice_minutes)
    if appointment.start - turn.clock < notice:
        raise Ask(replies.refused(turn, "cancel_notice", place=place))
    return place


def _insist_on_moves_left(turn: Turn, place: Place, appointment: Appointment) -> None:
    """Raises ``Ask`` when the appointment was moved as often as the service allows."""
    allowed = place.service.max_moves
    if allowed is not None and appointment.moves >= allowed:
        raise Ask(replies.refused(turn, "max_moves", place=place))


def _not_changed(turn: Turn, outcome: Outcome) -> Reply:
    """The appointment stands as it was, or nobody knows yet."""
    if outcome.settled == "unavailable":
        return replies.unavailable_change(turn)
    if outcome.settled in ("refused", "taken"):
        turn.keep(standing_confirm=None)
        code = "cancel_notice" if outcome.code in TOO_LATE else outcome.code
        return replies.refused(turn, code if code in replies.REFUSALS else "not_changeable")
    return replies.pending_change(turn)
