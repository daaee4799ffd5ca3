"""Phone numbers and e-mail addresses as they are spoken, and the number the provider says is calling.

Nothing is repaired by guessing: what is not certainly one valid number or address is None, and asked again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

MOST_HEARD = 500
MOST_DIGITS = 15  # E.164; the library lets longer German numbers pass
LONGEST_WRITTEN = 20  # with "00" in front of it or a "(0)" within


def _words(text: str) -> list[str]:
    return text.split()


GERMAN_DIGITS = _words("null ein zwei drei vier fünf sechs sieben acht neun")
ENGLISH_DIGITS = _words("zero one two three four five six seven eight nine")
GERMAN_TEENS = _words("zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn")
ENGLISH_TEENS = _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
GERMAN_TENS = _words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
ENGLISH_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
# Beyond those: as people and transcripts also put them.
VARIANTS = {"eins": "1", "zwo": "2", "fuenf": "5", "zwoelf": "12", "fuenfzehn": "15", "dreissig": "30"}
VARIANTS |= {"fuenfzig": "50"}
NUMBERS = {
    **{word: str(n) for words in (GERMAN_DIGITS, ENGLISH_DIGITS) for n, word in enumerate(words)},
    **{word: str(n) for words in (GERMAN_TEENS, ENGLISH_TEENS) for n, word in enumerate(words, 10)},
    **{word: f"{n}0" for words in (GERMAN_TENS, ENGLISH_TENS) for n, word in enumerate(words, 2)},
    **VARIANTS,
}
DREIUNDZWANZIG = re.compile(
    rf"\b({'|'.join([*GERMAN_DIGITS[1:], 'fuenf'])}) ?und ?"
    rf"({'|'.join([*GERMAN_TENS, 'dreissig', 'fuenfzig'])})\b"
)
TWENTY_THREE = re.compile(rf"\b({'|'.join(ENGLISH_TENS)})[ -]({'|'.join(ENGLISH_DIGITS[1:])})\b")
OH = re.compile(rf"\boh?(?= (?:oh?|{'|'.join(ENGLISH_DIGITS)})\b)|(?<=[0-9] )oh?\b")
# Of the digit that follows.
TIMES = {"doppel": 2, "doppelt": 2, "doppelte": 2, "zweimal": 2, "double": 2}
TIMES |= {"dreimal": 3, "dreifach": 3, "triple": 3, "viermal": 4}
WORD = re.compile(r"[^\W\d_]+")
SEVERAL = re.compile(r"\b(zwei|drei|vier) mal\b")
# Between the digits of one phone number; any other word ends it.
BETWEEN_DIGITS = frozenset(
    _words(
        """
        und dann die das der meine mein ist lautet nummer telefonnummer handynummer vorwahl durchwahl
        rufnummer äh ähm also strich bindestrich schrägstrich minus pause komma punkt noch
        and then the my is number phone area code uh dash hyphen dot
        """
    )
)
# What comes before these is no part of a number: "030 123456, ab 17 Uhr".
UNITS = frozenset(_words("uhr minuten stunden o'clock pm am euro"))
PHONE_TOKEN = re.compile(r"\+|\d+|[^\W\d_]+")
CALLER_ID = re.compile(r"\+[1-9][0-9]{6,14}")
# Networks write a withheld number as one, spelled on the keypad: +266696687 is ANONYMOUS.
KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
WITHHELD = frozenset(
    "+" + word.translate(KEYPAD)
    for word in ("ANONYMOUS", "RESTRICTED", "BLOCKED", "UNKNOWN", "UNAVAILABLE", "PRIVATE", "WITHHELD")
)

AT, DOT = "@", "."
SYMBOLS = {
    **dict.fromkeys(_words("at ät aet klammeraffe affenschwanz"), AT),
    **dict.fromkeys(_words("punkt dot point"), DOT),
    **dict.fromkeys(_words("minus bindestrich strich dash hyphen"), "-"),
    **dict.fromkeys(_words("unterstrich underscore"), "_"),
    "plus": "+",
    "eszett": "ss",
}
SPELLED_AS = re.compile(r"\b([^\W\d_]),? (?:wie|as in|for|like) [^\W\d_]+")
DOUBLED = re.compile(r"\b(?:doppel|doppeltes|double)[ -]?([^\W_])\b")
BEFORE_ADDRESS = frozenset(
    _words(
        """
        ja also gerne meine mein die der das ist lautet wäre mail email emailadresse mailadresse adresse
        an auf unter ich bin hier my the address is it it's sure yes well
        """
    )
)
# Said about an address.
ASIDES = frozenset(
    _words(
        """
        äh ähm uh um bitte please alles klein kleingeschrieben groß zusammen zusammengeschrieben geschrieben
        zeichen sign lowercase all
        """
    )
)
TOP_LEVELS = frozenset(_words("de com net org ch at eu info"))
# The hyphen that nobody says.
PROVIDERS = {"tonline.de": "t-online.de"}
IN_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
EMAIL_TOKEN = re.compile(r"[@._+-]|[^\W_]+(?:'s)?")
LOCAL_PART = re.compile(r"[a-z0-9][a-z0-9._+-]{0,63}")
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
TOP_LEVEL = re.compile(r"[a-z]{2,63}")
LONGEST_EMAIL = 254


def spoken_phone(text: str, *, region: str) -> str | None:
    """The one valid number in ``text`` as E.164, national forms by ``region`` ("DE"); else None.

    Digits, words, words of two digits ("siebzehn"), "doppel drei", "plus vier neun". Premium-rate
    numbers are refused: they are called back at the company's cost.
    """
    if len(text) > MOST_HEARD:
        return None
    found = {number for digits in _digit_runs(text) if (number := _valid(digits, region=region))}
    return found.pop() if len(found) == 1 else None


def caller_number(raw: str | None) -> str | None:
    """The calling number as E.164, or None where it is withheld, absent or not one."""
    number = re.sub(r"[\s()/.-]", "", (raw or "").strip()[:MOST_HEARD])
    if number in WITHHELD or not CALLER_ID.fullmatch(number):
        return None
    parsed = _parse(number, region=None)
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def spoken_email(text: str) -> str | None:
    """The address in ``text``, spoken or written, in lower case; None unless it is surely one."""
    if len(text) > MOST_HEARD:
        return None
    heard = unicodedata.normalize("NFC", text).lower()
    heard = heard.replace("e-mail", "email").replace("unter strich", "_")
    written = [word.strip("<>()[],;:.!?\"'") for word in heard.split() if AT in word]
    if len(written) == 1 and (address := _valid_email(written[0])):
        return address
    heard = DOUBLED.sub(r"\1\1", SPELLED_AS.sub(r"\1", _with_digits(heard, oh=False)))
    words = [word for word in EMAIL_TOKEN.findall(heard) if word not in ASIDES]
    while words and words[0] in BEFORE_ADDRESS:
        words.pop(0)
    local, at, domain = "".join(_written(words)).partition(AT)
    return _valid_email(local.translate(IN_ASCII) + at + PROVIDERS.get(domain, domain))


def _digit_runs(text: str) -> Iterator[str]:
    """The digits of each number in the text, as they would be written; "+" in front where it was said."""
    run: list[str] = []
    times = 1
    for token in PHONE_TOKEN.findall(_with_digits(text)):
        if token.isdecimal():
            run.append(token * times)
            times = 1
        elif token in TIMES:
            times = TIMES[token]
        elif token in ("+", "plus"):
            yield "".join(run)
            run = ["+"]
        elif token not in BETWEEN_DIGITS:
            yield "".join(run[:-1] if token in UNITS else run)
            run, times = [], 1
    yield "".join(run)


def _with_digits(text: str, *, oh: bool = True) -> str:
    """Lower case, with numbers up to 99 that were said as words in digits; ``oh`` is zero in some."""
    heard = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    heard = SEVERAL.sub(r"\1mal", heard)
    heard = DREIUNDZWANZIG.sub(lambda found: NUMBERS[found[2]][0] + NUMBERS[found[1]], heard)
    heard = TWENTY_THREE.sub(lambda found: NUMBERS[found[1]][0] + NUMBERS[found[2]], heard)
    heard = OH.sub("0", heard) if oh else heard
    return WORD.sub(lambda found: NUMBERS.get(found[0], found[0]), heard)


def _valid(digits: str, *, region: str) -> str | None:
    parsed = _parse(digits, region=region) if len(digits) <= LONGEST_WRITTEN else None
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return None
    if phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE:
        return None
    number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return number if len(number) <= len("+") + MOST_DIGITS else None


def _parse(number: str, *, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None


def _written(words: list[str]) -> list[str]:
    """The characters of an address, word by word, with the dot that nobody says in "gmx de"."""
    parts: list[str] = []
    for word in words:
        austrian = word == "at" and parts[-1:] == [DOT]
        parts.append(word if austrian else SYMBOLS.get(word, word))
    domain = parts[parts.index(AT) + 1 :] if AT in parts else []
    if len(domain) > 1 and DOT not in domain and domain[-1] in TOP_LEVELS:
        parts.insert(-1, DOT)
    return parts


def _valid_email(address: str) -> str | None:
    local, _, domain = address.partition(AT)
    *labels, top_level = domain.split(DOT)
    if not labels or not TOP_LEVEL.fullmatch(top_level) or not all(map(LABEL.fullmatch, labels)):
        return None
    if not LOCAL_PART.fullmatch(local) or DOT * 2 in local or local.endswith(DOT):
        return None
    return address if len(address) <= LONGEST_EMAIL else None
