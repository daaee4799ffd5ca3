"""The merged table of all words and phrases of both languages, built once at import."""

from __future__ import annotations

from typing import Final

from apps.calls.speech import lexicon_de, lexicon_en
from apps.calls.speech.numbers import german, number_words
from apps.calls.speech.vocabulary import (
    EARLY_PART,
    FILLER,
    HALF,
    MORGEN,
    NUMBER,
    OCLOCK,
    PART,
    RELATIVE,
    SOFT,
    THREE_QUARTERS,
    WEEKDAY,
    Phrase,
    Token,
    normalise,
    phrase_table,
    spellings,
    word_table,
)

_PHRASES: Final[tuple[Phrase, ...]] = (*lexicon_de.PHRASES, *lexicon_en.PHRASES)


_BEFORE_HOURS: Final = {"halb": HALF, "dreiviertel": THREE_QUARTERS}


def _build_words() -> dict[str, Token]:
    table: dict[str, Token] = {}
    for word, token in number_words():
        table.setdefault(word, token)
    for word, token in word_table((*lexicon_de.ENTRIES, *lexicon_en.ENTRIES)).items():
        table.setdefault(word, token)
    # A filler that stands in a phrase is dropped only after phrases were looked for.
    for words, _ in _PHRASES:
        for word in normalise(words).split():
            if word in table and table[word].kind == FILLER:
                table[word] = Token(SOFT)
    return table


def _build_joined() -> dict[str, tuple[Token, ...]]:
    """What recognisers write as one word: "Freitagnachmittag", "halbvier", "zehnuhr"."""
    joined: dict[str, tuple[Token, ...]] = {}
    days = {day: Token(WEEKDAY, n) for n, day in enumerate((*lexicon_de.WEEKDAYS, "sonnabend"))}
    days["sonnabend"] = Token(WEEKDAY, 5)
    days |= {"heute": Token(RELATIVE, 0), "morgen": Token(MORGEN), "übermorgen": Token(RELATIVE, 2)}
    for day, day_token in days.items():
        for part, n in lexicon_de.PARTS.items():
            for key in spellings(day + part):
                joined[key] = (day_token, Token(PART, n))
    for n in range(24):
        number = "ein" if n == 1 else german(n)
        for key in spellings(number + "uhr"):
            joined[key] = (Token(NUMBER, n), Token(OCLOCK))
        for word, kind in _BEFORE_HOURS.items():
            for key in spellings(word + german(n)):
                joined[key] = (Token(kind), Token(NUMBER, n))
    joined["fruehmorgen"] = (Token(PART, EARLY_PART),)
    return joined


WORDS: Final = _build_words()
JOINED: Final = _build_joined()
PHRASES: Final = phrase_table(_PHRASES)
