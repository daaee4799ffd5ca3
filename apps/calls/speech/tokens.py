"""From text to tokens: one pass of a pattern without backtracking, table look-ups for the rest."""

from __future__ import annotations

import re
from typing import Final

from apps.calls.speech import vocabulary as v
from apps.calls.speech.numbers import join_numbers
from apps.calls.speech.vocabulary import Token, normalise
from apps.calls.speech.words import JOINED, PHRASES, WORDS

LONGEST_TEXT: Final = 2000  # characters; what comes after is not read

# Every alternative is bounded or one class repeated, so the scan is linear.
_SCAN: Final = re.compile(
    r"""
    (?P<meridiem>[ap]\.[ ]?m\b\.?)
  | (?P<word>[^\W\d_]+)
  | (?P<iso>\d{4}(?:-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2})(?!\d))
        (?:(?:(?P<joint>t)|[ ](?=\d{2}:))(?P<clock>\d{2}:\d{2})(?::\d{2})?(?:[.,]\d{1,6})?
           # no offset in "2026-12-03 14:00-16:00", a range
           (?P<offset>z|\+\d{2}:?\d{2}|(?(joint)|(?<=:\d{2}:\d{2}))-\d{2}:?\d{2})?)?
  | (?P<date>\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})(?![\d:.]))
  | (?P<dashed>\d{1,2}-\d{1,2}-\d{4}(?!\d))
  | (?P<daymonth>\d{1,2}\.\d{1,2}\.(?!\d))
  | (?P<slash>\d{1,2}/\d{1,2}(?:/\d{4}|/\d{2})?(?![\d/]))
  | (?P<time>\d{1,2}:\d{2}(?::\d{2})?(?!\d))
  | (?P<dotted>\d{1,2}\.\d{1,2}(?!\d))
  | (?P<decimal>\d{1,6},\d{1,6}(?!\d))
  | (?P<ordinal>\d{1,2}(?:\.(?!\d)|(?:st|nd|rd|th|ter|ten|te)(?![^\W_])))
  | (?P<short>\d{1,2}h\d{2}(?!\d))
  | (?P<number>\d+)
  | (?P<break>[,;.!?()\n])
  | (?P<dash>[-–—])
  | (?P<plus>\+)
  | (?P<money>[€$£%])
    """,
    re.VERBOSE,
)

_LOOKAHEAD: Final = 16  # how far the grammar may look past a token
_END: Final = Token("")
_WORD: Final = Token(v.WORD)
_DICTATED: Final = Token(v.WORD, 1)  # digits that begin a telephone number
_INSTANT: Final = Token(v.INSTANT)
_DASH: Final = Token(v.TO, 2)
_ABOUT: Final = Token(v.ABOUT)
_MONEY: Final = Token(v.THING)
_MERIDIEMS: Final = {"a": Token(v.MERIDIEM, v.AM_PART), "p": Token(v.MERIDIEM, v.PM_PART)}
# Fillers that may mean something behind a number: "three oh five", "zum zweiten Mal".
_COUNTING: Final = {"oh": Token(v.SOFT), "mal": _WORD}
_WRITTEN: Final = {str(n): Token(v.NUMBER, n, v.DIGITS) for n in range(100)} | {
    f"0{n}": Token(v.NUMBER, n, v.LEADING_ZERO) for n in range(10)
}
_DOTTED_ORDINALS: Final = tuple(Token(v.ORDINAL, n, v.WITH_DOT) for n in range(100))
_SUFFIXED_ORDINALS: Final = tuple(Token(v.ORDINAL, n, v.WITH_SUFFIX) for n in range(100))
_ABBREVIATED: Final = {"do": Token(v.WEEKDAY, 3), "so": Token(v.WEEKDAY, 6)}
_DICTATED_RUN: Final = 3  # so many numbers in a row are dictated, not told


class Tokens:
    """A text's tokens; empty ones at the end make looking ahead safe.

    ``texts[i]`` is the normalised word, ``breaks[i]`` whether a comma or full stop stands before
    it, ``places[i]`` which word of the text it was, fillers counted. ``count`` leaves out the end.
    """

    __slots__ = ("breaks", "count", "language", "places", "texts", "tokens")

    def __init__(self) -> None:
        self.language = "de"  # expected, where a word of both languages leaves no other clue
        self.tokens: list[Token] = []
        self.texts: list[str] = []
        self.breaks: list[bool] = []
        self.places: list[int] = []
        self.count = 0

    def add(self, token: Token, text: str, broken: bool, place: int) -> None:
        """Append one token."""
        self.tokens.append(token)
        self.texts.append(text)
        self.breaks.append(broken)
        self.places.append(place)

    def month_has_day_behind(self, i: int) -> bool:
        """Whether the month at ``i`` is of a date like "December 3rd": a number before it is not its day."""
        day, year = self.tokens[i + 1 : i + 3]
        if self.breaks[i + 1] or day.kind not in (v.ORDINAL, v.NUMBER) or not 1 <= day.n <= 31:
            return False
        return day.kind == v.ORDINAL or (year.kind == v.NUMBER and 1900 <= year.n <= 2999)

    def close(self) -> Tokens:
        """No more tokens come."""
        self.count = len(self.tokens)
        self.tokens += _LOOKAHEAD * [_END]
        self.texts += _LOOKAHEAD * [""]
        self.breaks += _LOOKAHEAD * [True]
        self.places += _LOOKAHEAD * [1_000_000]
        return self


def tokenise(text: str) -> Tokens:
    """The tokens of a text: fillers gone, phrases resolved, unknown words kept as ``WORD``."""
    return _resolve(_scan(normalise(text[:LONGEST_TEXT])))


def _scan(text: str) -> Tokens:
    """One token a word or figure, in order; fillers that are in no phrase are gone."""
    scanned = Tokens()
    add, words = scanned.add, WORDS
    broken = False
    place = 0
    for match in _SCAN.finditer(text):
        group = match.lastgroup
        place += 1
        written = match[0]
        if group == "word":
            token = words.get(written)
            if token is None:
                token = _WORD
            elif token.kind == v.FILLER:
                if not _counts_behind(scanned, written):
                    continue
                token = _COUNTING[written]
        elif group == "break":
            broken = True
            continue
        elif group == "clock":  # an ISO date with a time: both as written
            add(_iso_date(match["iso"]), written, broken, place)
            hours, minutes = match["clock"].split(":")
            token = Token(v.TIME, int(hours), int(minutes), 1)
            broken = False
        else:
            token = _figure(group or "", written)
        add(token, written, broken, place)
        broken = False
    return scanned


def _counts_behind(scanned: Tokens, filler: str) -> bool:
    """Whether a filler is one no more behind the number that was just scanned."""
    before = scanned.tokens[-1].kind if scanned.tokens and filler in _COUNTING else ""
    if filler == "oh":
        return before == v.NUMBER
    return before == v.ORDINAL and scanned.texts[-2:-1] in (["zum"], ["beim"], ["das"])


def _resolve(scanned: Tokens) -> Tokens:
    """Phrases and joined words replaced by what they mean, dictated digits blanked."""
    resolved = Tokens()
    tokens, texts, breaks, places = scanned.tokens, scanned.texts, scanned.breaks, scanned.places
    count = len(tokens)
    broken = False
    i = numbers = 0
    while i < count:
        token, written = tokens[i], texts[i]
        broken = broken or breaks[i]
        meaning: tuple[Token, ...] | None = None
        taken = 1
        if written in PHRASES:
            for rest, phrase in PHRASES[written]:
                end = i + 1 + len(rest)
                if tuple(texts[i + 1 : end]) == rest and True not in breaks[i + 1 : end]:
                    meaning, taken = phrase, 1 + len(rest)
                    break
        if meaning is None:
            kind = token.kind
            if kind == v.SOFT:
                if written == "so" and _told(scanned, i + 1):
                    token = _ABOUT
                elif written in _ABBREVIATED and _dated(scanned, i + 1):
                    token = _ABBREVIATED[written]
                elif written == "oh" and _minute_after_zero(scanned, i):
                    i += 1
                    token, written = Token(v.NUMBER, tokens[i].n, v.LEADING_ZERO), texts[i]
                else:
                    i += 1
                    continue
            if kind == v.WORD:
                if token.n:
                    token, taken = _dictation(scanned, i)
                    meaning = (token,)
                else:
                    meaning = JOINED.get(written) or (token,)
            elif kind == v.NUMBER or kind == v.ORDINAL:
                numbers += 1
                if numbers > 1 and not broken and join_numbers(resolved.tokens, token):
                    del resolved.texts[len(resolved.tokens) :]
                    del resolved.breaks[len(resolved.tokens) :]
                    del resolved.places[len(resolved.tokens) :]
                    i += 1
                    continue
                meaning = (token,)
            else:
                meaning = (token,)
        for part in meaning:
            resolved.add(part, written, broken, places[i])
            broken = False
        i += taken
    if numbers >= _DICTATED_RUN:
        _blank_dictation(resolved)
    return resolved.close()


def _dated(scanned: Tokens, i: int) -> bool:
    """Whether a written date comes next: "Do, 3.12." """
    return i < len(scanned.tokens) and (
        scanned.tokens[i].kind == v.DATE or (scanned.tokens[i].kind == v.ORDINAL and scanned.breaks[i])
    )


def _minute_after_zero(scanned: Tokens, i: int) -> bool:
    """Whether "oh" is the zero of "three oh five", and not a sigh."""
    around = scanned.tokens[max(0, i - 1) : i + 2]
    if len(around) < 3 or scanned.breaks[i] or scanned.breaks[i + 1]:
        return False
    return around[0].kind == around[2].kind == v.NUMBER and around[0].n <= 23 and 1 <= around[2].n <= 9


def _told(scanned: Tokens, i: int) -> bool:
    """Whether a German time comes next: "so neun Uhr", "so halb vier"; not English "so three"."""
    if i >= len(scanned.tokens) or scanned.breaks[i]:
        return False
    token = scanned.tokens[i]
    if token.kind == v.NUMBER and scanned.texts[i + 1 : i + 2] == ["uhr"]:
        return True
    german = token.kind == v.NUMBER and token.m == v.SPELLED and not token.y
    return german or scanned.texts[i] in ("halb", "viertel", "dreiviertel")


def _dictation(scanned: Tokens, i: int) -> tuple[Token, int]:
    """The telephone number that begins at ``i`` as one unknown word, and how many tokens it is."""
    tokens, texts = scanned.tokens, scanned.texts
    written = texts[i]
    if len(written) == 4 and texts[i + 1 : i + 2] == ["uhr"]:
        return Token(v.NUMBER, int(written), v.LEADING_ZERO), 1
    end = i + 1
    while end < len(tokens) and not scanned.breaks[end] and (tokens[end] is _DASH or texts[end][0].isdigit()):
        end += 1
    return _WORD, end - i


def _blank_dictation(resolved: Tokens) -> None:
    """Numbers in a long row, nothing between them, are a telephone number read out."""
    tokens = resolved.tokens
    start = 0
    for i in range(len(tokens) + 1):
        if i < len(tokens) and tokens[i].kind == v.NUMBER and (i == start or not resolved.breaks[i]):
            continue
        if i - start >= _DICTATED_RUN:
            tokens[start:i] = [_WORD] * (i - start)
        start = i if i < len(tokens) and tokens[i].kind == v.NUMBER else i + 1


def _figure(group: str, written: str) -> Token:
    if group == "number":
        token = _WRITTEN.get(written)
        if token is not None:
            return token
        if len(written) <= 4 and written[0] != "0":  # a year, "1430", a price
            return Token(v.NUMBER, int(written), v.DIGITS)
        return _DICTATED
    if group == "time" or group == "short":
        hours, minutes = written.replace("h", ":").split(":")[:2]
        return Token(v.TIME, int(hours), int(minutes), int(len(hours) == 2 and hours[0] == "0"))
    if group == "ordinal":
        if written[-1] == ".":
            return _DOTTED_ORDINALS[int(written[:-1])]
        return _SUFFIXED_ORDINALS[int(written.rstrip("strndhe"))]
    if group == "dotted":
        hours, minutes = written.split(".")
        return Token(v.DOTTED, int(hours), int(minutes), int(len(hours) == 2 and hours[0] == "0"))
    if group == "iso":
        return _iso_date(written)
    if group == "date" or group == "daymonth":
        day, month, year = written.split(".")
        return Token(v.DATE, int(day), int(month), _full_year(year))
    if group == "dashed":
        day, month, year = written.split("-")
        return Token(v.DATE, int(day), int(month), _full_year(year))
    if group == "slash":
        first, second, *rest = written.split("/")
        if int(second) > 12 >= int(first):  # month first, as Americans write
            first, second = second, first
        return Token(v.DATE, int(first), int(second), _full_year(rest[0] if rest else ""))
    return _MARKS.get(group, _WORD) if group != "meridiem" else _MERIDIEMS[written[0]]


_MARKS: Final = {"dash": _DASH, "money": _MONEY, "plus": _DICTATED, "offset": _INSTANT}


def _iso_date(written: str) -> Token:
    year, month, day = written.replace("/", "-").split("-")
    return Token(v.DATE, int(day), int(month), _full_year(year))


def _full_year(written: str) -> int:
    """Two digits are of this century; 0 when no year was written."""
    if not written:
        return 0
    year = int(written)
    return year + 2000 if year < 100 else year
