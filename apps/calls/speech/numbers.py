"""Number words of both languages: 0–99 and the years 2000–2099, cardinals and ordinals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apps.calls.speech.vocabulary import (
    AND,
    BETWEEN,
    LEADING_ZERO,
    NUMBER,
    OCLOCK,
    ORDINAL,
    PRONOUN,
    SPELLED,
    TO,
    Token,
    normalise,
)

_DE_UNITS: Final = (
    "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
    "zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn",
    "achtzehn", "neunzehn",
)  # fmt: skip
_DE_TENS: Final = {
    20: "zwanzig",
    30: "dreißig",
    40: "vierzig",
    50: "fünfzig",
    60: "sechzig",
    70: "siebzig",
    80: "achtzig",
    90: "neunzig",
}
_DE_ORDINALS: Final = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}
_DE_ENDINGS: Final = ("e", "en", "er", "em", "es")
_DE_COLLOQUIAL: Final = {
    "zwo": 2,
    "zweie": 2,
    "dreie": 3,
    "viere": 4,
    "fünfe": 5,
    "sechse": 6,
    "siebene": 7,
    "neune": 9,
    "zehne": 10,
    "elfe": 11,
    "zwölfe": 12,
    "fuffzehn": 15,
    "fuffzig": 50,
}

_ENGLISH: Final = 1  # in a token's y: English numbers join differently
_THOUSAND: Final = 1000

_EN_UNITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
    "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_EN_TENS: Final = {
    20: "twenty",
    30: "thirty",
    40: "forty",
    50: "fifty",
    60: "sixty",
    70: "seventy",
    80: "eighty",
    90: "ninety",
}
_EN_ORDINALS: Final = {
    1: "first",
    2: "second",
    3: "third",
    5: "fifth",
    8: "eighth",
    9: "ninth",
    12: "twelfth",
    20: "twentieth",
    30: "thirtieth",
}


def german(n: int) -> str:
    """0–99 as one German word."""
    if n < 20:
        return _DE_UNITS[n]
    unit, ten = n % 10, _DE_TENS[n - n % 10]
    if unit == 0:
        return ten
    return ("ein" if unit == 1 else _DE_UNITS[unit]) + "und" + ten


def _german_ordinal(n: int) -> str:
    if n in _DE_ORDINALS:
        return _DE_ORDINALS[n]
    return german(n) + ("t" if n < 20 else "st")


def number_words() -> Iterator[tuple[str, Token]]:
    """Every (normalised word, token) of one word; the tokeniser joins English "twenty one"."""
    for n in range(100):
        yield from _keys(german(n), Token(NUMBER, n, SPELLED))
        yield from _keys(f"zweitausend{german(n) if n else ''}", Token(NUMBER, 2000 + n, SPELLED))
        yield from _keys(f"zweitausendund{german(n)}", Token(NUMBER, 2000 + n, SPELLED))
    for word, n in _DE_COLLOQUIAL.items():
        yield from _keys(word, Token(NUMBER, n, SPELLED))
    for n in range(1, 32):
        for ending in _DE_ENDINGS:
            yield from _keys(_german_ordinal(n) + ending, Token(ORDINAL, n, SPELLED))
    for n, word in enumerate(_EN_UNITS):
        yield word, Token(NUMBER, n, PRONOUN if n == 1 else SPELLED, _ENGLISH)
    for n, word in _EN_TENS.items():
        yield word, Token(NUMBER, n, SPELLED, _ENGLISH)
    for n in range(1, 32):
        if n in _EN_ORDINALS:
            yield _EN_ORDINALS[n], Token(ORDINAL, n, SPELLED, _ENGLISH)
        elif n < 20:
            yield _EN_UNITS[n] + "th", Token(ORDINAL, n, SPELLED, _ENGLISH)
    yield "thousand", Token(NUMBER, _THOUSAND, SPELLED, _ENGLISH)
    yield "tausend", Token(NUMBER, _THOUSAND, SPELLED)


def join_numbers(tokens: list[Token], token: Token) -> bool:
    """Whether ``token`` goes on with the number at the end of ``tokens``, which then holds both.

    "twenty" + "one", "twenty-" + "first", "fünf und" + "vierzig", "two thousand and" + "seven",
    and "Uhr null" + "fünf" (a minute).
    """
    if token.m not in (SPELLED, PRONOUN) or len(tokens) < 1:
        return False
    end = 1
    link = tokens[-1].kind
    if (link == AND or (link == TO and tokens[-1].n == 2)) and len(tokens) > 1:  # 2: a dash
        end = 2
    before = tokens[-end]
    if before.kind != NUMBER or before.m not in (SPELLED, PRONOUN):
        return False
    first, second = before.n, token.n
    same = before.y == token.y
    value = 0
    if second == _THOUSAND:
        value = first * 1000 if end == 1 and first < 10 else 0
    elif first >= 1000 and link != TO:
        value = first + second if second < 100 and first % 100 == 0 else 0
        if first % 100 and first % 10 == 0 and second < 10 and end == 1:
            value = first + second
    elif before.y == _ENGLISH and same and first >= 20 and first % 10 == 0 and 0 < second < 10:
        value = first + second if link != AND else 0
    elif (
        before.y != _ENGLISH and same and link == AND and 0 < first < 10 and second >= 20 and second % 10 == 0
    ):
        value = first + second if len(tokens) < 3 or tokens[-3].kind != BETWEEN else 0
    elif first == 0 and end == 1 and 0 < second < 10 and len(tokens) > 1 and tokens[-2].kind == OCLOCK:
        del tokens[-1]
        tokens.append(Token(NUMBER, second, LEADING_ZERO))
        return True
    if not value:
        return False
    del tokens[-end:]
    tokens.append(Token(token.kind, value, SPELLED, before.y))
    return True


def _keys(word: str, token: Token) -> Iterator[tuple[str, Token]]:
    yield normalise(word), token
    if not word.isascii():
        yield word.replace("ü", "u").replace("ö", "o").replace("ß", "ss"), token
