"""check_availability: is the wish free, and what comes nearest when it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import structlog

from apps.calls import waiting_list
from apps.calls.conversation import replies
from apps.calls.conversation.narrowing import choose_place
from apps.calls.conversation.offering import make_offers, offered_starts, pick_offer
from apps.calls.conversation.otherwise import otherwise
from apps.calls.conversation.reply import Confirmation, Reply
from apps.calls.conversation.turn import Turn
from apps.calls.conversation.wishing import (
    as_soon_as_possible,
    read_wish,
    recall,
    refusals_of,
    remember,
    standing_wish,
    turned,
)
from apps.flags.registry import Flag
from apps.flags.state import is_on
from apps.scheduling.gateway import CalendarUnavailable
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.search import Found, Search
from apps.scheduling.wish import Wish

log = structlog.get_logger(__name__)

FROM_NOW = frozenset({"find_next_available"})
NEXT_ONES = frozenset({"get_alternatives"})
# So many refusals, and more of the same kind is not what the caller wants.
CHANGES_AFTER = 2


def check_availability(turn: Turn) -> Reply:
    """Search the wish. Asks back only for what cannot be searched without."""
    if is_on(Flag.MESSAGES_ONLY, company_id=turn.company.pk):
        return replies.refused(turn, "messages_only")
    turn.keep(wanted_appointment=True)
    place = choose_place(turn)
    wish = read_wish(turn)
    more = _wants_more(turn, wish)
    if more is not None:
        return search(turn, place, more, refused=offered_starts(turn, place), more=True)
    if not (turn.args.says_when or wish.date_from or wish.time_from or turn.function in FROM_NOW):
        wish = standing_wish(turn) or wish
    if wish.date_from is None:
        if not (wish.asap or turn.function in FROM_NOW):
            return replies.question(turn, "needs_date", place=place, wish=wish)
        # From now on, but inside the part of the day that was said.
        wish = replace(as_soon_as_possible(turn), time_from=wish.time_from, time_to=wish.time_to)
    if turn.function in NEXT_ONES:
        offered = offered_starts(turn, place)
        return search(turn, place, wish, refused=offered, more=_touches(wish, offered, turn))
    return search(turn, place, wish)


def _touches(wish: Wish, offered: frozenset[datetime], turn: Turn) -> bool:
    """Whether something on the wished days was offered already: what comes now is more of the same."""
    days = {start.astimezone(turn.now.tzinfo).date() for start in offered}
    return any(wish.date_from <= day <= wish.date_to for day in days if wish.date_from and wish.date_to)


def _wants_more(turn: Turn, wish: Wish) -> Wish | None:
    """The wish to go on with when the caller wants other offers than the ones just heard."""
    last = recall(turn.call.last_wish)
    if last is None:
        return None
    # Agents repeat the arguments: the same wish again, asked for the next ones, is no new wish.
    if turn.function in NEXT_ONES and (not turn.args.says_when or _is_same(wish, last)):
        return last
    if wish.date_from is not None and turn.args.says_when:
        return None
    picked = pick_offer(turn, turn.args.when, None) if turn.args.when else None
    return turned(turn, last, picked.way) if picked is not None and picked.wants_more else None


def _is_same(wish: Wish, last: Wish) -> bool:
    return (wish.date_from, wish.date_to, wish.time_from, wish.time_to) == (
        last.date_from,
        last.date_to,
        last.time_from,
        last.time_to,
    )


def confirmation_for(turn: Turn, start: datetime) -> Confirmation:
    """``brief`` while the call's date stands, ``full`` for the first or a new date."""
    return "brief" if turn.standing_date == start.astimezone(turn.now.tzinfo).date() else "full"


def search(
    turn: Turn,
    place: Place,
    wish: Wish,
    *,
    refused: frozenset[datetime] = frozenset(),
    more: bool = False,
    moving: Appointment | None = None,
) -> Reply:
    """Search, offer, say. The wish has a date. ``more``: the caller has refused what was offered."""
    skip = is_on(Flag.SKIP_ALTERNATIVES_FOR_VOICE, company_id=turn.company.pk)
    refusals = 0
    if more:
        turn.count("refusals")
        last = recall(turn.call.last_wish)
        before = refusals_of(turn.call.last_wish) if last is not None and _is_same(wish, last) else 0
        refusals = before + 1
    try:
        asked = Search(
            place=place,
            wish=wish,
            asker=turn.asker,
            deadline=turn.deadline,
            refused=refused,
            moving=moving,
            limit=turn.company.max_alternatives,
            only_inside=skip,
            passing=turn.passing,
        )
        changes = refusals >= CHANGES_AFTER and not skip
        found = (otherwise(asked) if changes else None) or asked.run()
    except CalendarUnavailable as error:
        log.warning("calendar_unavailable", call=turn.call.pk, code=error.reason)
        return replies.unavailable(turn, place, wish)
    turn.keep_slots(found.keeping)
    if found.empty:
        log.warning("calendar_empty", company=turn.company.slug, event_type=place.external_id)
    return _answer(turn, place, wish, found, skip=skip, refusals=refusals, refused=refused, moving=moving)


def _only_day(turn: Turn, heard: frozenset[datetime]) -> date | None:
    """The call's date, if every offer so far was on it: then it goes without saying."""
    days = {start.astimezone(turn.now.tzinfo).date() for start in heard}
    return turn.standing_date if days == {turn.standing_date} else None


def _answer(
    turn: Turn,
    place: Place,
    wish: Wish,
    found: Found,
    *,
    skip: bool,
    refusals: int,
    refused: frozenset[datetime],
    moving: Appointment | None,
) -> Reply:
    if found.matches:
        confirmation = confirmation_for(turn, found.matches[0])
        offers = make_offers(turn, place, found.matches, moving=moving)
        reply = replies.available(turn, place, wish, offers, confirmation=confirmation)
    elif skip:
        reply = replies.not_available(turn, place, wish, found)
    elif found.nearest:
        offers = make_offers(turn, place, found.nearest, moving=moving)
        reply = (
            replies.more_offers(
                turn, place, wish, offers, refusals=refusals, standing=_only_day(turn, refused)
            )
            if refusals
            else replies.alternatives(turn, place, wish, found, offers)
        )
    else:
        waiting_list.keep(turn.call, place, wish)
        reply = replies.none_available(
            turn, place, wish, found.searched, empty=found.empty, more=refusals > 0
        )
    turn.keep(
        standing_from=wish.date_from,
        standing_to=wish.date_to,
        last_wish=remember(wish, refusals=refusals),
        # Another question answers no `confirm`: a bare "confirmed" must not book an older time.
        standing_confirm=None,
    )
    return reply


def is_free(turn: Turn, place: Place, wish: Wish, *, moving: Appointment | None = None) -> bool:
    """Whether an exact wish is free, and kept for this call. True where the calendar cannot be asked: the
    booking itself is the last check and says what is wrong."""
    try:
        found = Search(
            place=place,
            wish=wish,
            asker=turn.asker,
            deadline=turn.deadline,
            moving=moving,
            limit=1,
            only_inside=True,
        ).run()
    except CalendarUnavailable:
        return True
    return bool(found.matches)
