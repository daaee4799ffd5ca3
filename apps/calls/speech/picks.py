"""Which of the offered starts a caller takes: "der zweite", "14 Uhr passt", "the later one".

Only what names exactly one offered start picks it. A wish that changes an offer ("ja, aber eine Stunde
später") is not consent, and one that names something else picks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from apps.calls.speech import days
from apps.calls.speech import vocabulary as v
from apps.calls.speech.alternatives import Alternative
from apps.calls.speech.counts import read_minutes
from apps.calls.speech.dating import resolve
from apps.calls.speech.day_reader import read_day
from apps.calls.speech.days import Day
from apps.calls.speech.feasts import feast_table
from apps.calls.speech.grammar import parse
from apps.calls.speech.hours import NOON
from apps.calls.speech.starts import Window, windows_of
from apps.calls.speech.terms import read_terms
from apps.calls.speech.tokens import Tokens, tokenise
from apps.calls.speech.vocabulary import normalise, word_set

Kind = Literal["picked", "ambiguous", "none", "more"]
# Where the other offers are wanted: anywhere, after or before the ones just heard, on another day.
Way = Literal["", "later", "earlier", "other_day"]

_WORDS: Final = re.compile(r"[^\W_]+")
_CONSENT: Final = word_set(
    "ja jawohl jo jap passt gerne gern okay ok einverstanden nehme nehmen perfekt super prima genau "
    "abgemacht gut klar richtig stimmt bitte yes yeah yep sure fine perfect great works deal good "
    "wunderbar toll"
)
_REFUSAL: Final = word_set(
    "nein nee noe nicht kein keine keinen keiner keins weder no nope not neither none aber but doch "
    "lieber sondern stattdessen instead rather"
)
_OTHER: Final = word_set(
    "anderes andere anderen anderer anderem anders weitere weiteren weiterer mehr other others "
    "another different else more alternatives alternativen"
)
_LATER_ONE: Final = word_set("spaetere spaeteren spaeterer spaeterem later")
_EARLIER_ONE: Final = word_set("fruehere frueheren frueherer frueherem earlier")
_LATER: Final = _LATER_ONE | {"spaeter"}
_EARLIER: Final = _EARLIER_ONE | {"frueher"}
_NOT: Final = word_set("nicht kein keine keinen not no")
_DAY: Final = word_set("tag tage tagen day days")
_LATEST: Final = word_set("spaeteste spaetesten spaetester latest")
_EARLIEST: Final = word_set("frueheste fruehesten fruehester fruehestmoegliche earliest soonest")
_MIDDLE: Final = word_set("mittlere mittleren mittlerer middle")
_LABELS: Final = word_set("nummer nr option vorschlag number choice slot")
_BACKWARDS: Final = frozenset({"hinten"})
_FORWARDS: Final = frozenset({"vorne", "vorn"})
_LONGEST_SHIFT_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class OfferedStart:
    """A start that was offered in this call; ``start`` is aware, in the branch's zone."""

    token: str
    start: datetime


@dataclass(frozen=True, slots=True)
class Pick:
    """``picked`` has one token, ``ambiguous`` all that fit; ``more`` asks for other offers, that ``way``."""

    kind: Kind
    tokens: tuple[str, ...] = ()
    way: Way = ""


_NONE: Final = Pick("none")
_MORE: Final = Pick("more")


def pick(text: str, *, offers: Sequence[OfferedStart], now: datetime, language: str = "de") -> Pick:
    """Which of ``offers``, in the order they were spoken, the words take."""
    read = tokenise(text)
    read.language = language
    words = _WORDS.findall(normalise(text[:2000]))
    if not offers:
        return _MORE if _OTHER.intersection(words) else _NONE
    if _shift(read) is not None:
        return _NONE
    chosen = _by_place(read, words, offers)
    wished = _by_wish(read, offers, now, placed=chosen is not None)
    if chosen is None and wished is None:
        return _without_name(words, offers)
    fitting = list(offers) if wished is None else wished
    if chosen is not None and wished is None:
        fitting = chosen
    elif chosen is not None:  # "der erste am Dienstag": its place among those
        within = _by_place(read, words, fitting) if fitting else None
        both = [offer for offer in chosen if offer in fitting]
        fitting = both or (within or [])
    return _pick_of(fitting)


def relative_shift(text: str, *, base: datetime, language: str) -> datetime | None:
    """The start "eine Stunde später" or "half an hour earlier" than ``base``, or ``None``.

    Hours and minutes pass on the clock of the world, days and weeks on the calendar: the same wall time.
    """
    minutes = _shift(tokenise(text))
    if minutes is None:
        return None
    whole_days, rest = divmod(minutes, 24 * 60)
    if rest == 0:
        return base + timedelta(days=whole_days)
    return (base.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(base.tzinfo)


def _pick_of(fitting: Sequence[OfferedStart]) -> Pick:
    tokens = tuple(dict.fromkeys(offer.token for offer in fitting))
    if len(tokens) == 1:
        return Pick("picked", tokens)
    return Pick("ambiguous", tokens) if tokens else _NONE


def _without_name(words: list[str], offers: Sequence[OfferedStart]) -> Pick:
    """Neither a place nor a time was named: consent to the only offer, or a wish for other ones."""
    said = set(words)
    if said & _OTHER or said & (_LATER | _EARLIER):
        return Pick("more", way=_way(said))
    if said & _CONSENT and not said & _REFUSAL:
        return _pick_of(offers)
    return _NONE


def _way(said: set[str]) -> Way:
    if said & _OTHER and said & _DAY:
        return "other_day"
    if said & _NOT or bool(said & _LATER) == bool(said & _EARLIER):
        return ""  # "nicht so spät, aber später als neun" is for nobody to guess
    return "later" if said & _LATER else "earlier"


def _shift(read: Tokens) -> int | None:
    """Minutes later, negative when earlier, of "eine Stunde später"; ``None`` when none is said."""
    for i in range(read.count):
        length = _length(read, i)
        if length is None:
            continue
        minutes, end = length
        for after in range(end, min(end + 3, read.count)):
            if read.tokens[after].kind == v.LATER or read.texts[after] in _BACKWARDS:
                return minutes
            if read.tokens[after].kind == v.EARLIER or read.texts[after] in _FORWARDS:
                return -minutes
    return None


def _length(read: Tokens, i: int) -> tuple[int, int] | None:
    """A length of time from token ``i`` on, in minutes, and the token after it."""
    if read.tokens[i].kind == v.ABOUT:
        return None
    found = read_minutes(read, i)
    if found is not None:
        return found
    number, unit = read.tokens[i], read.tokens[i + 1]
    if number.kind not in (v.ONE, v.NUMBER) or unit.kind != v.UNIT or unit.n not in (v.DAYS, v.WEEKS):
        return None
    count = number.n * (7 if unit.n == v.WEEKS else 1)
    return (count * 24 * 60, i + 2) if 0 < count <= _LONGEST_SHIFT_DAYS else None


def _by_place(read: Tokens, words: list[str], offers: Sequence[OfferedStart]) -> list[OfferedStart] | None:
    """The offers named by their place in the row, or as the earlier or later; ``None`` when none is."""
    places: list[int] = []
    refused: set[int] = set()
    refusing = named = False
    by_start = sorted(range(len(offers)), key=lambda place: offers[place].start)
    for i in range(read.count):
        kind = read.tokens[i].kind
        if kind == v.NOT_FITTING or (kind == v.NOT and places and _ends_clause(read, i)):
            refused.update(places[-1:])
            del places[-1:]
            continue
        if kind == v.NOT:
            refusing = True
            continue
        if kind == v.CORRECTION:
            places.clear()
            continue
        place = _place(read, i, offers, by_start)
        if place is None:
            continue
        named = True
        if refusing:
            refused.update(place)
            refusing = False
        else:
            places += place
    if not named:
        return None
    return [offers[place] for place in dict.fromkeys(places) if place not in refused and place < len(offers)]


def _ends_clause(read: Tokens, i: int) -> bool:
    return i + 1 >= read.count or read.breaks[i + 1]


def _place(read: Tokens, i: int, offers: Sequence[OfferedStart], by_start: list[int]) -> list[int] | None:
    """The places in the row that token ``i`` names."""
    token, text = read.tokens[i], read.texts[i]
    count = len(offers)
    if token.kind == v.ORDINAL:
        found = read_day(read, i)
        if found is not None and (found[0].kind != days.DAY_OF_MONTH or _offered_on(found[0].n, offers)):
            return None
        if i and read.tokens[i - 1].kind in (v.ORDINAL, v.AM):
            return None
        return [token.n - 1]
    if token.kind == v.WHICH and token.n == v.LAST and read_day(read, i) is None:
        return [count - 1]
    if token.kind == v.NUMBER and i and read.texts[i - 1] in _LABELS:
        return [token.n - 1]
    if text in _MIDDLE and count == 3:
        return [1]
    if text in _LATEST or (text in _LATER_ONE and count == 2 and _the(read, i)):
        return [by_start[-1]]
    if text in _EARLIEST or (text in _EARLIER_ONE and count == 2 and _the(read, i)):
        return [by_start[0]]
    if text in _LATER_ONE and _the(read, i):
        return by_start[1:]
    if text in _EARLIER_ONE and _the(read, i):
        return by_start[:-1]
    return None


def _the(read: Tokens, i: int) -> bool:
    """ "der spätere" and "the later one", but not "noch was später"."""
    return i > 0 and read.tokens[i - 1].kind == v.THE


def _offered_on(day: int, offers: Sequence[OfferedStart]) -> bool:
    return any(offer.start.day == day for offer in offers)


def _by_wish(
    read: Tokens, offers: Sequence[OfferedStart], now: datetime, *, placed: bool
) -> list[OfferedStart] | None:
    """The offers a day or time in the words fits; ``None`` when the words name neither.

    ``placed``: an offer was named by its place, so "der 2." need not be a day.
    """
    statements = parse(read_terms(read, now=now, feasts=feast_table("")))
    last = next((statement for statement in reversed(statements) if _named(statement.alternatives)), None)
    refused = [said for statement in statements for said in statement.excluded]
    if last is None:
        return [] if refused else None
    alternatives = [alternative for alternative in last.alternatives if _named([alternative])]
    if all(
        day.kind in (days.SOON, days.NOW) for alternative in alternatives for day in alternative.days
    ) and not any(alternative.hours or alternative.part for alternative in alternatives):
        return None
    windows, absent = windows_of(alternatives, None)
    _share(windows, alternatives)
    fitting: list[OfferedStart] = []
    for alternative, window in zip(alternatives, windows, strict=True):
        on_days = [offer for offer in offers if _on_day(alternative.days, offer, now, placed=placed)]
        if window is None:
            fitting += [] if alternative.hours else on_days
            continue
        within = [offer for offer in on_days if window.first <= _minute(offer) <= window.last]
        if not within and window.other is not None:
            within = [offer for offer in on_days if window.other[0] <= _minute(offer) <= window.other[1]]
        if not within and _open_to_both_halves(alternative):
            within = [offer for offer in on_days if _minute(offer) == (window.first + NOON) % (2 * NOON)]
        fitting += within
    return [] if absent else fitting


def _share(windows: list[Window | None], alternatives: list[Alternative]) -> None:
    """ "Dienstag oder Mittwoch um zehn": the time is said once, and meant for every day before it."""
    for i in range(len(alternatives) - 2, -1, -1):
        bare, after = alternatives[i], alternatives[i + 1]
        if windows[i] is None and not bare.hours and not bare.part and after.days:
            windows[i] = windows[i + 1]


def _named(alternatives: list[Alternative]) -> bool:
    return any(alternative.days or alternative.hours or alternative.part for alternative in alternatives)


def _open_to_both_halves(alternative: Alternative) -> bool:
    """ "um sieben" where nineteen hours was offered: only the rule for bare hours said the morning."""
    return len(alternative.hours) == 1 and not alternative.part and alternative.hours[0].clock.guessed


def _minute(offer: OfferedStart) -> int:
    return offer.start.hour * 60 + offer.start.minute


def _on_day(said: list[Day], offer: OfferedStart, now: datetime, *, placed: bool) -> bool:
    """Whether the offer lies on the day said; a weekday or a day's number alone is any such day offered."""
    if not said:
        return True
    if len(said) == 1 and not said[0].bound and not said[0].end:
        day = said[0]
        if day.kind == days.WEEKDAY and day.which != v.OVERNEXT:
            return offer.start.weekday() == day.n
        if day.kind == days.DAY_OF_MONTH:
            return placed or offer.start.day == day.n
    dates = resolve(said, now.date())
    return not dates.never and dates.first <= offer.start.date() <= dates.last
