"""Another approach, once the caller has refused twice: not the next ones, but another kind of time.

One offer at another time of the same days, one on a later day; whoever heard only mornings hears an
afternoon, whoever heard only Wednesday hears another day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

from apps.core.prepared import Statement
from apps.scheduling.search import Found, Search
from apps.scheduling.wish import Wish

MORNING = (time(0), time(11, 59))
AFTERNOON = (time(12), time(23, 59))
DAYS_ON = timedelta(days=7)


def otherwise(asked: Search) -> Found | None:
    """What is free at another time of day, and on another day; None when nothing is, or nothing was refused.

    May raise ``CalendarUnavailable``. ``asked.refused`` are the starts that the caller has heard.
    """
    heard = sorted(start.astimezone(asked.place.zone) for start in asked.refused)
    if not heard or asked.wish.date_from is None:
        return None
    chosen: list[datetime] = []
    keeping: list[Statement] = []
    searched = None
    for wish in (_other_time(asked.wish, heard), _other_day(asked.wish, heard)):
        if len(chosen) < asked.limit:
            found = replace(asked, wish=wish, limit=1, only_inside=True, beside=frozenset(chosen)).run()
            chosen += found.matches
            keeping += found.keeping
            searched = found.searched
    if not chosen or searched is None:
        return None
    return Found(
        matches=(),
        nearest=tuple(chosen),
        reason=None,
        searched=searched,
        empty=False,
        keeping=tuple(keeping),
    )


def _other_time(wish: Wish, heard: list[datetime]) -> Wish:
    """The same days, at the time of day that was offered least."""
    mornings = sum(_part(start.time()) == MORNING for start in heard)
    first, last = AFTERNOON if 2 * mornings >= len(heard) else MORNING
    return Wish(wish.date_from, wish.date_to, first, last, excluded=wish.excluded)


def _other_day(wish: Wish, heard: list[datetime]) -> Wish:
    """After the last day that was offered, about when it was wished."""
    day = heard[-1].date() + timedelta(days=1)
    first, last = (None, None) if wish.time_from is None else _part(wish.time_from)
    return Wish(day, day + DAYS_ON, first, last, excluded=wish.excluded)


def _part(clock: time) -> tuple[time, time]:
    return MORNING if clock <= MORNING[1] else AFTERNOON
