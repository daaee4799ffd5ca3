"""What a word can mean in a spoken wish for a time: the kinds, and one merged table of words.

German and English stand in one table, so both grammars are tried in one pass and a sentence that
mixes them is understood as well. The few words that mean different things in the two languages
("am", "morgen", "half") have a kind of their own; the grammar settles them by their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# Numbers and times
NUMBER: Final = "number"  # n
ORDINAL: Final = "ordinal"  # n
TIME: Final = "time"  # "9:30": n hours, m minutes
DOTTED: Final = "dotted"  # "14.30" or "3.12", decided by the grammar
DATE: Final = "date"  # n day, m month, y year or 0
INSTANT: Final = "instant"  # ISO with an offset, in the text
FRACTION: Final = "fraction"  # n halves: "anderthalb" 3
MERIDIEM: Final = "meridiem"  # n: AM or PM
CLOCK_WORD: Final = "clock word"  # n minutes of the day: "noon"
OCLOCK: Final = "o'clock"
HALF: Final = "halb"  # half to the hour
HALF_PAST: Final = "half"  # English: half past the hour
HALF_A: Final = "halbe"  # "eine halbe Stunde"
QUARTER: Final = "quarter"
THREE_QUARTERS: Final = "three quarters"
# Days
WEEKDAY: Final = "weekday"
MONTH: Final = "month"
RELATIVE: Final = "relative"  # n days from today
MORGEN: Final = "morgen"  # tomorrow, or the morning
PART: Final = "part"
EARLY: Final = "early"  # "early December", "am frühen Abend"
WHICH: Final = "which"  # n: THIS, NEXT, OVERNEXT, COMING, LAST
UNIT: Final = "unit"
WEEKEND: Final = "weekend"
PORTION: Final = "portion"  # beginning, middle, end of
ASAP: Final = "asap"
NOW: Final = "now"
WEEK_NUMBER: Final = "week number"
DAYS_ROUND: Final = "days round"  # a fixed count of days: "fortnight"
# Relations
AT: Final = "at"
ABOUT: Final = "about"
FROM: Final = "from"  # "ab": open to the end of the day
UNTIL: Final = "until"  # "spätestens": open from the start of the day
TO: Final = "to"  # "bis": joins a range, or opens to the start
AFTER: Final = "after"  # "nach": minutes past an hour, or open
BEFORE: Final = "before"
OF: Final = "of"  # "von": opens a range, or nothing
ONWARDS: Final = "onwards"  # "von neun an"
BETWEEN: Final = "between"
AND: Final = "and"
OR: Final = "or"
ELSE: Final = "else"
LATER: Final = "later"
EARLIER: Final = "earlier"
THAN: Final = "than"
# Small words the grammar leans on
IN: Final = "in"
WITHIN: Final = "within"
FOR: Final = "for"
AM: Final = "am"  # German "on the", or English ante meridiem
THE: Final = "the"
ONE: Final = "one"  # the article: "in einer Woche", "ein Uhr"
NOT: Final = "not"
EXCEPT: Final = "except"
NEITHER: Final = "neither"
NOT_FITTING: Final = "not fitting"  # "geht nicht": about what was said before
INSTEAD_OF: Final = "instead of"
CORRECTION: Final = "correction"
BREAK: Final = "break"
THING: Final = "thing"  # what people count: "Personen", "Euro"
LABEL: Final = "label"  # what numbers name: "Hausnummer"
WORD: Final = "word"  # anything else
SOFT: Final = "soft"  # says nothing, but stands in a phrase
FILLER: Final = "filler"  # says nothing

# Parts of the day
EARLY_PART: Final = 1
MORNING: Final = 2
MIDDAY: Final = 3
AFTERNOON: Final = 4
EVENING: Final = 5
NIGHT: Final = 6
ENGLISH_NIGHT: Final = 7
AM_PART: Final = 8
PM_PART: Final = 9

# Which one of a row
THIS: Final = 0
NEXT: Final = 1
OVERNEXT: Final = 2
COMING: Final = 3
LAST: Final = -1

# Units
MINUTES: Final = 0
HOURS: Final = 1
DAYS: Final = 2
WEEKS: Final = 3
MONTHS: Final = 4
YEARS: Final = 5

# How a number was written
SPELLED: Final = 0
DIGITS: Final = 1
LEADING_ZERO: Final = 2
PRONOUN: Final = 3  # English "one"
WITH_DOT: Final = 4  # "3."
WITH_SUFFIX: Final = 5  # "3rd"


@dataclass(frozen=True, slots=True)
class Token:
    """One word's meaning. What ``n``, ``m`` and ``y`` hold depends on the kind."""

    kind: str
    n: int = 0
    m: int = 0
    y: int = 0


Entry = tuple[str, int, str]  # kind, n, words separated by spaces
Phrase = tuple[str, tuple[tuple[str, int], ...]]  # words, the (kind, n) they stand for


def normalise(text: str) -> str:
    """Lower case, no apostrophes, umlauts spelled out: what every table is keyed by."""
    text = text.casefold()
    if text.isascii():
        return text.replace("'", "") if "'" in text else text
    for written, plain in _SPELLINGS:
        if written in text:
            text = text.replace(written, plain)
    return text


_SPELLINGS: Final = (
    ("a\u0308", "ae"), ("o\u0308", "oe"), ("u\u0308", "ue"),
    ("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"),
    ("'", ""), ("’", ""), ("‘", ""), ("`", ""), ("´", ""), ("é", "e"),
)  # fmt: skip


def spellings(word: str) -> Iterable[str]:
    """The keys a word is found under: umlauts spelled out, and dropped as some recognisers do."""
    lowered = word.casefold()
    yield normalise(lowered)
    if not lowered.isascii():
        yield lowered.translate({ord("ä"): "a", ord("ö"): "o", ord("ü"): "u"})


def word_table(entries: Iterable[Entry]) -> dict[str, Token]:
    """Normalised word → token; earlier entries win over later ones."""
    table: dict[str, Token] = {}
    for kind, n, words in entries:
        token = Token(kind, n)
        for word in words.split():
            for key in spellings(word):
                table.setdefault(key, token)
    return table


def word_set(words: str) -> frozenset[str]:
    """Normalised words, written with spaces between them."""
    return frozenset(words.split())


def phrase_table(phrases: Iterable[Phrase]) -> dict[str, list[tuple[tuple[str, ...], tuple[Token, ...]]]]:
    """First word → (the other words, tokens), longest first."""
    table: dict[str, list[tuple[tuple[str, ...], tuple[Token, ...]]]] = {}
    for words, meaning in phrases:
        tokens = tuple(Token(kind, n) for kind, n in meaning)
        first, *rest = normalise(words).split()
        table.setdefault(first, []).append((tuple(rest), tokens))
    for options in table.values():
        options.sort(key=lambda option: -len(option[0]))
    return table
