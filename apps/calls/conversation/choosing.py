"""Which start the caller has chosen: what was offered and picked, or read back and agreed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from apps.calls.conversation import replies
from apps.calls.conversation.checking import confirmation_for, is_free, search
from apps.calls.conversation.narrowing import choose_place
from apps.calls.conversation.offering import (
    by_start,
    by_token,
    mark_read_back,
    newest_round,
    offered_starts,
    pick_offer,
    place_of,
)
from apps.calls.conversation.reply import Reply
from apps.calls.conversation.turn import Turn
from apps.calls.conversation.wishing import exact_start, read_wish, recall, turned
from apps.calls.models import Offer
from apps.scheduling import booking
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish

BOOK = "book"


@dataclass(frozen=True, slots=True)
class Choice:
    """The start the caller has chosen, at its place."""

    place: Place
    start: datetime
    offer: Offer | None = None
    wish: Wish | None = None


def choose(turn: Turn) -> Choice | Reply:
    if turn.args.slot:
        offer = by_token(turn, turn.args.slot)
        if offer is not None and offer.moving_id is None:
            return _of_offer(turn, offer)
    place = choose_place(turn)
    wish = read_wish(turn)
    if not turn.args.says_when and wish.date_from is None and wish.time_from is None:
        return _of_what_stands(turn, place, wish)
    words = turn.args.when or " ".join(part for part in (turn.args.date, turn.args.time) if part)
    picked = pick_offer(turn, words, wish)
    if picked.one is not None:
        return _of_offer(turn, picked.one)
    if picked.offers:
        return replies.choose_offer(turn, picked.offers, place=place)
    last = recall(turn.call.last_wish)
    if picked.wants_more and last is not None:
        last = turned(turn, last, picked.way)
        return search(turn, place, last, refused=offered_starts(turn, place), more=True)
    return _of_wish(turn, place, wish)


def _of_offer(turn: Turn, offer: Offer) -> Choice | Reply:
    place = place_of(turn, offer)
    if place is None:
        return replies.slot_taken(turn, turn.places[0], []) if turn.places else replies.unavailable(turn)
    choice = Choice(place, offer.start, offer)
    if offer.read_back and not turn.args.confirmed and not _is_agreed(turn):
        return read_back(turn, choice)  # it was read back, not offered: only a yes books it
    return choice


def _of_what_stands(turn: Turn, place: Place, wish: Wish) -> Choice | Reply:
    """Nothing about the time was said: a standing `confirm`, or a choice that only lacked a name."""
    kept = _standing_choice(turn, place)
    if kept is not None and (turn.args.confirmed or _is_agreed(turn)):
        return kept
    if kept is not None and turn.args.confirmed is None:
        # A name was said, or nothing: the question still waits.
        return _asked(turn, replace(kept, offer=by_start(turn, kept.place, kept.start)))
    offers = newest_round(turn)
    if turn.args.confirmed and len(offers) == 1:
        chosen = _of_offer(turn, offers[0])
        # "Yes" to the one slot that was named, without naming it: read it back once.
        return chosen if isinstance(chosen, Reply) else _asked(turn, chosen)
    if turn.args.confirmed and offers:
        return replies.choose_offer(turn, offers, place=place)
    missing = "needs_date" if turn.call.standing_from is None else "needs_time"
    return replies.question(turn, missing, place=place, wish=wish)


def _asked(turn: Turn, choice: Choice) -> Choice | Reply:
    """Read back, unless it stands already: that is said, not asked."""
    return choice if stands(turn, choice) is not None else read_back(turn, choice)


def _standing_choice(turn: Turn, place: Place) -> Choice | None:
    """What the last `confirm` named, unless something else is meant now: another service, another slot."""
    standing = turn.call.standing_confirm
    if standing is None or standing["action"] != BOOK or turn.args.slot:
        return None
    kept = next((one for one in turn.places if one.id == standing["place"]), None)
    says_where = turn.args.service or turn.args.service_id or turn.args.branch
    if kept is None or (says_where and kept.id != place.id):
        return None
    return Choice(kept, datetime.fromisoformat(standing["start"]))


def _is_agreed(turn: Turn) -> bool:
    """Whether the caller has chosen already, and only a name or number was missing."""
    standing = turn.call.standing_confirm
    return standing is not None and standing["action"] == BOOK and bool(standing["agreed"])


def stands(turn: Turn, choice: Choice) -> Appointment | None:
    """What the caller has booked already at the chosen start, under the name that was said."""
    return booking.standing(
        choice.place,
        start=choice.start,
        name=turn.call.spoken_name,
        owner=turn.call.owner_key,
        caller_number=turn.call.caller_number if turn.phone == turn.call.caller_number else None,
    )


def _of_wish(turn: Turn, place: Place, wish: Wish) -> Choice | Reply:
    """A time that was not offered: it must be exact, free, and confirmed for this very time."""
    if wish.date_from is None:
        return replies.question(turn, "needs_date", place=place, wish=wish)
    if wish.time_from is None:
        return replies.question(turn, "needs_time", place=place, wish=wish)
    start = exact_start(wish, now=turn.now)
    if start is None:
        return search(turn, place, wish)
    made = stands(turn, Choice(place, start))
    if made is not None:
        return replies.booked(turn, place, made, again=True)
    said_yes = turn.args.confirmed or (_is_agreed(turn) and turn.args.confirmed is None)
    if not said_yes or not _answers_confirm(turn, start) or wish.ambiguous:
        return _offer_or_read_back(turn, place, wish, start)
    if not is_free(turn, place, wish):
        return search(turn, place, wish)
    return Choice(place, start, wish=wish)


def _answers_confirm(turn: Turn, start: datetime) -> bool:
    """Whether "confirmed" can be meant for this start: no read-back of another one stands."""
    standing = turn.call.standing_confirm
    if standing is None or standing["action"] != BOOK:
        return True
    return datetime.fromisoformat(standing["start"]) == start


def _offer_or_read_back(turn: Turn, place: Place, wish: Wish, start: datetime) -> Reply:
    before = turn.standing_date
    reply = search(turn, place, wish)
    if reply.status != "available":
        return reply
    offer = newest_round(turn)[0]
    mark_read_back(offer)
    confirmation = "brief" if before == start.astimezone(turn.now.tzinfo).date() else "full"
    return read_back(turn, Choice(place, offer.start, offer, wish), confirmation=confirmation)


def read_back(turn: Turn, choice: Choice, *, confirmation: Any = None) -> Reply:
    """`confirm`: from now on a bare "confirmed" means this start."""
    keep_standing(turn, choice, agreed=False)
    return replies.confirm_booking(
        turn,
        choice.place,
        choice.start,
        choice.offer,
        confirmation=confirmation or confirmation_for(turn, choice.start),
        wish=choice.wish,
    )


def keep_standing(turn: Turn, choice: Choice, *, agreed: bool) -> None:
    local = choice.start.astimezone(turn.now.tzinfo).date()
    turn.keep(
        standing_confirm={
            "action": BOOK,
            "place": choice.place.id,
            "start": choice.start.isoformat(),
            "agreed": agreed,
        },
        standing_from=local,
        standing_to=local,
    )
