"""What a caller hears: starts, lists, windows and wishes as people say them, in the call's language.

Days are relative to ``now``, the start of the call in the branch's zone; starts are put into that
zone. What ``say_start`` says, ``understand`` gives back. No phrase from here reaches 25 words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal

from apps.calls.speech.catalogue import mark_word, plural, text, word
from apps.calls.speech.days import SOON_DAYS
from apps.calls.speech.moments import (
    Case,
    say_date,
    say_full_date,
    say_relative_day,
    say_time,
)
from apps.calls.speech.windows import Window, say_hours, say_window
from apps.scheduling.wish import Reading, Start, Wish

__all__ = [
    "Case",
    "Joiner",
    "Window",
    "capitalised",
    "say_date",
    "say_duration",
    "say_full_date",
    "say_label",
    "say_list",
    "say_names",
    "say_now",
    "say_reference",
    "say_start",
    "say_time",
    "say_window",
    "say_wish",
]

Joiner = Literal["or", "and"]

MOST_NAMED = 3
LONGEST_LIST_WORDS = 21
LONGEST_PHRASE_WORDS = 24
JOINED: dict[tuple[Joiner, int], str] = {
    ("or", 2): mark_word("list", "{first} or {second}"),
    ("or", 3): mark_word("list", "{first}, {second} or {third}"),
    ("and", 2): mark_word("list", "{first} and {second}"),
    ("and", 3): mark_word("list", "{first}, {second} and {third}"),
}
# What has commas of its own is kept apart by longer pauses.
JOINED_APART: dict[Joiner, str] = {
    "or": mark_word("list", "{first}; {second}; or {third}"),
    "and": mark_word("list", "{first}; {second}; and {third}"),
}


def say_start(
    start: datetime,
    *,
    now: datetime,
    language: str,
    standing: date | None = None,
    with_date: bool = True,
    case: Case = "nominative",
) -> str:
    """ "morgen um halb drei", "Mittwoch, der 7. Januar, um 14 Uhr"; without the day where it stands.

    ``standing`` is the day the call is about; ``with_date=False`` leaves any day out.
    """
    local = start.astimezone(now.tzinfo)
    named = with_date and local.date() != standing
    return _say_moment(local.date() if named else None, local.time(), now=now, language=language, case=case)


def say_list(
    starts: Sequence[datetime],
    *,
    now: datetime,
    language: str,
    standing: date | None = None,
    joiner: Joiner = "or",
    case: Case = "dative",
) -> str:
    """Up to three starts, a day they share said once: "morgen um 14 Uhr oder um Viertel nach drei"."""
    local = [start.astimezone(now.tzinfo) for start in starts[:MOST_NAMED]]
    days = [standing, *(start.date() for start in local)]
    pairs = list(zip(local, days, strict=False))
    phrase = _join(
        [say_start(start, now=now, language=language, standing=day, case=case) for start, day in pairs],
        language=language,
        joiner=joiner,
    )
    if len(phrase.split()) <= LONGEST_LIST_WORDS:
        return phrase
    # Three far days in full would be too much to remember: as headings, apart from each other.
    labels = [_say_short_start(start, now=now, language=language, standing=day) for start, day in pairs]
    return word(
        "list",
        JOINED_APART[joiner],
        language=language,
        first=labels[0],
        second=labels[1],
        third=labels[-1],
    )


def say_label(start: datetime, *, now: datetime, language: str) -> str:
    """The start as a heading, always with its date: "Mittwoch, 7. Januar, Viertel nach drei"."""
    local = start.astimezone(now.tzinfo)
    day = say_full_date(local.date(), now=now, language=language, case="label")
    return _label(day, local.time(), language=language)


def say_now(now: datetime, *, language: str) -> str:
    """ "Mittwoch, der 25. November 2026, 10 Uhr"."""
    day = say_full_date(now.date(), now=now, language=language, with_year=True)
    return _label(day, now.time(), language=language)


def say_duration(minutes: int, *, language: str) -> str:
    """ "45 Minuten", "eine Stunde", "anderthalb Stunden", from two full days on "2 Tage"."""
    if minutes == 90:
        return text("an hour and a half", language=language)
    days, beyond = divmod(minutes, 24 * 60)
    if days > 1 and not beyond:
        return plural("one day", "{count} days", days, language=language)
    hours, rest = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(plural("one hour", "{count} hours", hours, language=language))
    if rest or not hours:
        parts.append(plural("one minute", "{count} minutes", rest, language=language))
    return _join(parts, language=language, joiner="and")


def say_wish(wish: Wish, *, now: datetime, language: str) -> str:
    """One sentence of what was understood, with weekday and date, or that nothing was."""
    phrase = _say_understood(wish, now=now, language=language)
    for day in wish.excluded:
        refused = say_full_date(day, now=now, language=language, case="dative")
        longer = (
            text("{wish}, but not {day}", language=language, wish=phrase, day=refused)
            if phrase
            else text("not {day}", language=language, day=refused)
        )
        phrase = longer if len(longer.split()) <= LONGEST_PHRASE_WORDS else phrase
    if not phrase:
        return text("I understood neither a day nor a time.", language=language)
    return capitalised(phrase) + "."


def say_names(names: Sequence[str], *, language: str, joiner: Joiner = "or") -> str:
    """ "Fußpflege, Maniküre oder Massage": the first three."""
    return _join(list(names[:MOST_NAMED]), language=language, joiner=joiner)


def say_reference(reference: str) -> str:
    """Letters and digits one by one, with the pause a comma makes: "K, 7, M, 2"."""
    return ", ".join(character for character in reference.upper() if character.isalnum())


def capitalised(phrase: str) -> str:
    """The phrase as the beginning of a sentence."""
    return phrase[:1].upper() + phrase[1:]


def _say_moment(day: date | None, moment: time, *, now: datetime, language: str, case: Case) -> str:
    said = say_time(moment, language=language)
    if day is None:
        return word("start", "at {time}", language=language, time=said)
    near = say_relative_day(day, now=now, language=language)
    if near:
        return word("start", "{day} at {time}", language=language, day=near, time=said)
    full = say_full_date(day, now=now, language=language, case=case)
    return word("start", "{date}, at {time}", language=language, date=full, time=said)


def _say_short_start(local: datetime, *, now: datetime, language: str, standing: date | None) -> str:
    if local.date() == standing:
        return say_time(local.time(), language=language)
    day = say_date(local.date(), now=now, language=language, case="label")
    return _label(day, local.time(), language=language)


def _label(day: str, moment: time, *, language: str) -> str:
    said = say_time(moment, language=language)
    return word("label", "{date}, {time}", language=language, date=day, time=said)


def _say_understood(wish: Wish, *, now: datetime, language: str) -> str:
    if len(wish.preferred) > 1:
        return _say_preferred(wish.preferred, now=now, language=language)
    any_day = (now.date(), now.date() + timedelta(days=SOON_DAYS))
    if not wish.asap or (wish.date_from, wish.date_to) != any_day:  # "möglichst früh am Freitag"
        return say_window(wish, now=now, language=language, day_part=bool(wish.day_part), near=False)
    soon = text("as soon as possible", language=language)
    hours = say_hours(wish, language=language, day_part=bool(wish.day_part))
    return word("window", "{days}, {hours}", language=language, days=soon, hours=hours) if hours else soon


def _say_preferred(preferred: Sequence[Start], *, now: datetime, language: str) -> str:
    """In the caller's order, a day once: "am Montag, dem 30. November, um 9 Uhr, sonst um 15 Uhr"."""
    phrase = ""
    before: date | None = None
    for start in preferred[:MOST_NAMED]:
        day = start.date if start.date != before else None
        said = say_window(Reading(day, day, start.time, start.time), now=now, language=language, near=False)
        if not said:
            continue
        longer = text("{wish}, otherwise {other}", language=language, wish=phrase, other=said)
        longer = longer if phrase else said
        if len(longer.split()) > LONGEST_PHRASE_WORDS:
            break
        phrase, before = longer, start.date
    return phrase


def _join(items: Sequence[str], *, language: str, joiner: Joiner) -> str:
    if len(items) < 2:
        return "".join(items)
    return word(
        "list",
        JOINED[joiner, len(items)],
        language=language,
        first=items[0],
        second=items[1],
        third=items[-1],
    )
