"""Answers about free time: inside the wish, near it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from apps.calls.conversation.replies.base import answer, offers_of, start_phrase
from apps.calls.conversation.reply import Confirmation, Reply
from apps.calls.conversation.turn import Turn
from apps.calls.models import Offer
from apps.calls.speech.catalogue import mark, text
from apps.calls.speech.say import capitalised, say_list, say_window
from apps.scheduling.availability import Window
from apps.scheduling.places import Place
from apps.scheduling.search import Found
from apps.scheduling.wish import Wish

# What is said to the first, the second and every further refusal.
MORE = (
    mark("I could also offer you {starts}."),
    mark("Perhaps another time of day or another day suits you better: {starts}?"),
    mark("I could also offer you {starts}. Otherwise someone can call you back."),
)

# A day counted from so long ago has no name like "tomorrow".
NO_LONGER_NEAR = timedelta(days=7)


def available(
    turn: Turn, place: Place, wish: Wish, offers: Sequence[Offer], *, confirmation: Confirmation
) -> Reply:
    """Something inside the wish is free: the best start, and more of the same wish."""
    if len(offers) == 1:
        start = start_phrase(turn, offers[0].start, wish, confirmation)
        say = text("{start} is free. Does that suit you?", language=turn.language, start=capitalised(start))
    else:
        brief = confirmation == "brief" and not wish.ambiguous
        said = say_list(
            [offer.start for offer in offers],
            # Read back in full means weekday and date, also where "tomorrow" would do.
            now=turn.now if brief else turn.now - NO_LONGER_NEAR,
            language=turn.language,
            standing=turn.standing_date if brief else None,
            case="nominative",
        )
        say = text("{starts} is free. Which suits you?", language=turn.language, starts=capitalised(said))
    reply = answer(turn, "available", say, place=place, wish=wish)
    reply.confirmation = confirmation
    reply.slot, *rest = offers_of(turn, offers)
    reply.alternatives = rest
    return reply


def _not_free(turn: Turn, place: Place, wish: Wish, reason: str | None) -> str:
    """The true reason why nothing inside the wish is free, as one sentence.

    Of a wish that could mean another day the sentence says which was searched, with weekday and date.
    """
    near = not wish.ambiguous
    day = say_window(
        Wish(date_from=wish.date_from, date_to=wish.date_to), now=turn.now, language=turn.language, near=near
    )
    whole = say_window(wish, now=turn.now, language=turn.language, near=near)
    hours = say_window(
        Wish(time_from=wish.time_from, time_to=wish.time_to), now=turn.now, language=turn.language
    )
    if reason == "holiday":
        return text("{day} we are closed for a public holiday.", language=turn.language, day=capitalised(day))
    if reason in ("closure", "weekday"):
        return text("{day} we are closed.", language=turn.language, day=capitalised(day))
    if reason == "full":
        return text("{day} everything is taken.", language=turn.language, day=capitalised(day))
    if reason == "too_soon" and near:
        return text("That is too short notice, unfortunately.", language=turn.language)
    if reason == "taken" and hours and near:
        return capitalised(
            text("Unfortunately nothing is free {hours}.", language=turn.language, hours=hours)
        )
    return capitalised(text("Unfortunately nothing is free {window}.", language=turn.language, window=whole))


def alternatives(turn: Turn, place: Place, wish: Wish, found: Found, offers: Sequence[Offer]) -> Reply:
    """Nothing inside the wish is free: the nearest that is."""
    one_day = wish.date_from if wish.date_from == wish.date_to else None
    said = say_list(
        [offer.start for offer in offers],
        now=turn.now,
        language=turn.language,
        standing=one_day if wish.ambiguous else None,  # its date was just said
    )
    say = text(
        "{reason} I could offer you {starts}.",
        language=turn.language,
        reason=_not_free(turn, place, wish, found.reason),
        starts=said,
    )
    reply = answer(turn, "alternatives", say, place=place, wish=wish)
    reply.alternatives = offers_of(turn, offers)
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
    reply = answer(
        turn, "alternatives", text(sentence, language=turn.language, starts=said), place=place, wish=wish
    )
    reply.alternatives = offers_of(turn, offers)
    return reply


def not_available(turn: Turn, place: Place, wish: Wish, found: Found) -> Reply:
    """Alternatives are switched off: the wish is named, another time asked for."""
    say = text(
        "Unfortunately nothing is free {window}. Which other time would suit you?",
        language=turn.language,
        window=say_window(wish, now=turn.now, language=turn.language, near=not wish.ambiguous),
    )
    return answer(turn, "not_available", capitalised(say), place=place, wish=wish)


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
    return answer(turn, "none_available", say, place=place, wish=wish)
