"""What the caller wishes now: their words, and what already stands for the call."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings

from apps.calls.conversation.offering import newest_round
from apps.calls.conversation.reply import Reply, requested_of
from apps.calls.conversation.turn import Turn
from apps.calls.speech.picks import Way, relative_shift
from apps.calls.speech.understand import combine
from apps.scheduling.wish import Wish

ASAP_DAYS = 30
DAY_ENDS = time(23, 59)
# Questions without whose answer nothing can be searched.
UNFINISHED = frozenset({"needs_service", "needs_branch", "needs_date", "needs_time"})


def read_wish(turn: Turn) -> Wish:
    """The wish in the arguments; a time alone takes the call's standing date."""
    args = turn.args
    wish = combine(
        when=args.when or None,
        date=args.date or None,
        time=args.time or None,
        datetime_text=args.moment or None,
        now=turn.now,
        language=turn.language,
        holidays=turn.company.holidays or turn.company.country,
    )
    if wish.date_from is None and wish.time_from is None and args.when:
        shifted = _relative(turn, args.when)
        if shifted is not None:
            return shifted
    wish = _with_what_is_open(turn, wish)
    if wish.date_refused:
        return wish  # a day was said and there is none such: ask, never move it (incident 11)
    if wish.date_from is None and wish.time_from is not None and turn.call.standing_from is not None:
        return replace(wish, date_from=turn.call.standing_from, date_to=turn.call.standing_to)
    return wish


def _with_what_is_open(turn: Turn, wish: Wish) -> Wish:
    """Filled with what was said before a question was asked: "nachmittags" – which day? – "Freitag"."""
    left_open = turn.call.open_wish
    if left_open is None or turn.call.standing_confirm is not None:
        return wish
    kept = parts_of(left_open)
    if wish.date_from is None and not wish.date_refused and kept.date_from is not None:
        wish = replace(wish, date_from=kept.date_from, date_to=kept.date_to, asap=kept.asap)
    if wish.time_from is None and not wish.time_refused and kept.time_from is not None:
        wish = replace(wish, time_from=kept.time_from, time_to=kept.time_to)
    return wish


def keep_what_was_said(turn: Turn, reply: Reply) -> None:
    """After a question the wish is kept for its answer, and shown; after any other answer it is used up."""
    if reply.status in UNFINISHED:
        wish = read_wish(turn)
        if wish.date_from is not None or wish.time_from is not None:
            turn.keep(open_wish=remember(wish))
            if reply.requested is None:
                reply.requested = requested_of(wish)
    elif turn.call.open_wish is not None:
        turn.keep(open_wish=None)


def _relative(turn: Turn, words: str) -> Wish | None:
    """ "Eine Stunde später": counted from the one slot that was named, or from the time that was wished."""
    base = _named_last(turn)
    start = relative_shift(words, base=base, language=turn.language) if base is not None else None
    if start is None:
        return None
    return Wish(start.date(), start.date(), start.time(), start.time())


def _named_last(turn: Turn) -> datetime | None:
    offers = newest_round(turn)
    last = recall(turn.call.last_wish)
    if len(offers) > 1 and last is not None:
        wished = exact_start(last, now=turn.now)
        if wished is not None:
            return wished
    return offers[-1].start.astimezone(turn.now.tzinfo) if offers else None


def turned(turn: Turn, last: Wish, way: Way) -> Wish:
    """The wish to go on with: "später", "früher", "an einem anderen Tag" count from what was just named."""
    named = [offer.start.astimezone(turn.now.tzinfo) for offer in newest_round(turn)]
    if not named or not way:
        return last
    if way == "later":
        after = max(named)
        return Wish(after.date(), after.date(), after.time(), DAY_ENDS)
    if way == "earlier":
        before = min(named)
        return Wish(before.date(), before.date(), time.min, before.time())
    first = max(max(named).date(), last.date_to or last.date_from or date.min) + timedelta(days=1)
    until = first + timedelta(days=settings.SEARCH_DAYS - 1)
    return Wish(first, until, last.time_from, last.time_to)


def standing_wish(turn: Turn) -> Wish | None:
    """The day that stands for the call, with the time wished for it last."""
    first, until = turn.call.standing_from, turn.call.standing_to
    if first is None or until is None:
        return None
    last = recall(turn.call.last_wish)
    is_that_day = last is not None and (last.date_from, last.date_to) == (first, until)
    return last if is_that_day else Wish(first, until)


def as_soon_as_possible(turn: Turn) -> Wish:
    """From now on, earliest first."""
    today = turn.now.date()
    return Wish(date_from=today, date_to=today + timedelta(days=ASAP_DAYS), asap=True)


def exact_start(wish: Wish, *, now: datetime) -> datetime | None:
    """The one instant of an exact wish; None for a wall time that the clock change skips."""
    if not wish.is_exact or wish.date_from is None or wish.time_from is None:
        return None
    start = datetime.combine(wish.date_from, wish.time_from, tzinfo=now.tzinfo)
    there_and_back = datetime.fromtimestamp(start.timestamp(), tz=now.tzinfo)
    return start if there_and_back.time() == wish.time_from else None


def remember(wish: Wish, *, refusals: int = 0) -> dict[str, Any]:
    """A wish as it is kept on the call, with how often its offers were refused."""
    return {
        "refusals": refusals,
        "date_from": wish.date_from.isoformat() if wish.date_from else None,
        "date_to": wish.date_to.isoformat() if wish.date_to else None,
        "time_from": wish.time_from.isoformat() if wish.time_from else None,
        "time_to": wish.time_to.isoformat() if wish.time_to else None,
        "asap": wish.asap,
    }


def refusals_of(kept: dict[str, Any] | None) -> int:
    """How often the offers for the wish that was kept have been refused."""
    return int(kept.get("refusals", 0)) if kept else 0


def recall(kept: dict[str, Any] | None) -> Wish | None:
    """The wish that was kept."""
    return parts_of(kept) if kept and kept.get("date_from") else None


def parts_of(kept: dict[str, Any]) -> Wish:
    """What was kept of a wish, whole or not."""
    return Wish(
        date_from=date.fromisoformat(kept["date_from"]) if kept["date_from"] else None,
        date_to=date.fromisoformat(kept["date_to"]) if kept["date_to"] else None,
        time_from=time.fromisoformat(kept["time_from"]) if kept["time_from"] else None,
        time_to=time.fromisoformat(kept["time_to"]) if kept["time_to"] else None,
        asap=bool(kept.get("asap")),
    )
