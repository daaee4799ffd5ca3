"""Heard words brought to one spelling, so that names can be compared: German and English.

"Fuß-Pflegen", "FUSSPFLEGE" and "Fuß Pflege" have the same letters afterwards; "eine halbe Stunde"
and "30 Min." the same number.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_CHARACTERS = 400

# "ae" is an ä that a keyboard or a transcript had no letter for; both become the bare vowel, which is
# also what remains where the dots were lost.
SPELLINGS = (("ß", "ss"), ("ae", "a"), ("oe", "o"), ("ue", "u"), ("ph", "f"), ("'", ""), ("’", ""))
WORD = re.compile(r"[^\W\d_]+|\d+")
ENDINGS = ("ungen", "ung", "en", "er", "es", "em", "e", "n", "s")
SHORTEST_STEM = 3


def fold(text: str) -> list[str]:
    """The words in one spelling: lower case, no accents, no umlauts, ß as ss; digits apart."""
    lowered = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in lowered if not unicodedata.combining(character))
    for heard, written in SPELLINGS:
        bare = bare.replace(heard, written)
    return WORD.findall(bare.replace("half an hour", "half hour"))


IRREGULAR = {"schneiden": "schnitt", "schneide": "schnitt", "geschnitten": "schnitt"}
IRREGULAR |= {"haareschneiden": "haarschnitt", "haarschneiden": "haarschnitt"}
# For whom it is decides between services: one word for each group, the one that names mostly use.
# "Herr" and "Frau" are how callers introduce themselves.
GROUPS = {
    **dict.fromkeys(fold("Herren Männer Mann mens men gentlemen husband"), "herren"),
    **dict.fromkeys(fold("Damen Dame Frauen womens women ladies lady wife"), "damen"),
    **dict.fromkeys(fold("Kinder Kind Sohn Tochter Junge Mädchen"), "kinder"),
    **dict.fromkeys(fold("kids kid child children childrens son daughter"), "kinder"),
}
# The same in front of a compound: "Frauenhaarschnitt".
GROUP_PREFIXES = dict(zip(fold("Frauen Männer Kids"), ("damen", "herren", "kinder"), strict=True))
GROUP_NAMES = frozenset(GROUPS.values())
# Never part of what tells names apart.
GLUE = frozenset(
    fold(
        """
        ein eine einen einer einem eines der die das den dem des und oder mit für zu zum zur an am auf aus
        bei beim im in von vom Termin Termine Termins bitte a an the and or with for to on at of
        appointment appointments please
        """
    )
)
# Said around a name. One that occurs in the business's own names ("Abend-Make-up") is kept.
FILLERS = GLUE | frozenset(
    fold(
        """
        ich du er sie es wir ihr mich mir mein meine meinen meiner meinem sein seine unser unsere ihnen ihre
        ihren ohne nach vor über um gegen ab bis so wie als auch noch nochmal wieder nur dann da hier dort
        danke gern gerne mal halt eben ja nein also äh ähm hm hallo guten Tag doch lieber vielleicht
        dringend eigentlich einfach schnell bald gleich sofort frei was etwas irgendwas irgendein ist sind
        wäre waren hatte hätte hatten hätten habe haben hab hat mag möchte möchten will wollen wollte würde
        würden brauche brauchen bräuchte könnte könnten kann können darf soll sollte geht ginge nehme nehmen
        machen mache macht lassen buchen buche ausmachen vereinbaren reservieren bekommen kommen komme
        bestellen suche fragen anmelden Anmeldung Leistung Service Herr Frau Person Personen
        i you he she we they me my our your is are be by would could can may want need like have get book
        make booking thanks hello hi just some any something do um uh mr mrs ms
        Uhr heute morgen übermorgen gestern nächste nächsten nächster nächstes kommende kommenden diese
        diesen dieser Woche Wochen Monat Monate Jahr Tage Tagen Wochenende früh morgens Vormittag vormittags
        Mittag mittags Nachmittag nachmittags Abend abends Nacht nachts halb Viertel zwischen spätestens
        frühestens ungefähr etwa circa möglich möglichst
        Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonnabend Sonntag Januar Februar März April Mai
        Juni Juli August September Oktober November Dezember
        today tomorrow tonight next this week weekend month day days morning afternoon evening noon half
        quarter past after before between around about am pm Monday Tuesday Wednesday Thursday Friday
        Saturday Sunday January February March May June July October December
        """
    )
)
PLACE_WORDS = frozenset(fold("Filiale Standort Praxis Salon Studio Haus branch location office shop"))

MINUTES = fold("min mins Minute Minuten minutes minütig minütige minütigen")
HOURS = fold("std Stunde Stunden stündig stündige hour hours")
UNITS = {**dict.fromkeys(MINUTES, 1), **dict.fromkeys(HOURS, 60)}
PARTS_OF_HOURS = {
    "halbe": 30,
    "halben": 30,
    "anderthalb": 90,
    "eineinhalb": 90,
    "zweieinhalb": 150,
    "half": 30,
}
SPANS = {"halbstunde": 30, "halbstundig": 30, "halbstundige": 30, "viertelstunde": 15}
SPANS |= {"dreiviertelstunde": 45, "einstundig": 60, "einstundige": 60}
ONES = fold("null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn")
TENS = dict(
    zip(
        fold("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig"),
        range(20, 100, 10),
        strict=True,
    )
)
NUMBERS = {
    **{word: number for number, word in enumerate(ONES)},
    **TENS,
    **{f"{one}und{ten}": TENS[ten] + number for ten in TENS for number, one in enumerate(ONES[1:10], 1)},
    **dict.fromkeys(fold("eins eine einer einen one an"), 1),
    **dict(zip(fold("two three four five six seven eight nine ten"), range(2, 11), strict=True)),
    **dict(
        zip(fold("twenty thirty forty fifty sixty seventy eighty ninety"), range(20, 100, 10), strict=True)
    ),
    "fifteen": 15,
    "hundert": 100,
    "hundred": 100,
}
ADJECTIVE = re.compile(f"({'|'.join(NUMBERS)})minutig(?:e|en|er|es)?")


@dataclass(frozen=True, slots=True)
class Spelled:
    """What can be compared: stems in their order, for whom, and the numbers (minutes, "Paket 2").

    ``follows`` tells of each stem whether it was said right after the one before.
    """

    letters: str
    stems: tuple[str, ...]
    follows: tuple[bool, ...]
    groups: frozenset[str]
    numbers: frozenset[int]

    @property
    def joined(self) -> str:
        """All stems in a row: where a compound is cut does not count."""
        return "".join(self.stems)


def spell(text: str, *, fillers: frozenset[str] = GLUE, bare_numbers: bool = True) -> Spelled:
    """What ``text`` is compared by. ``bare_numbers``: also those without a unit ("Massage 30")."""
    words = fold(text[:MOST_CHARACTERS])
    rest, numbers = _take_numbers(words, bare=bare_numbers)
    places = [i for i, word in enumerate(rest) if word and word not in fillers]
    named = [_group(rest[i]) for i in places]
    return Spelled(
        letters="".join(words),
        stems=tuple(stem(word) for word in named),
        follows=tuple(i - 1 in places for i in places),
        groups=frozenset(group for word in named for group in GROUP_NAMES if word.startswith(group)),
        numbers=numbers,
    )


def stem(word: str) -> str:
    """Without the ending that number and case put there: "massagen" and "massage" are "massag"."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def _group(word: str) -> str:
    for heard, written in GROUP_PREFIXES.items():
        if word.startswith(heard):
            return written + word.removeprefix(heard)
    return GROUPS.get(word, word)


def _take_numbers(words: list[str], *, bare: bool) -> tuple[list[str], frozenset[int]]:
    """The words with "" in the place of numbers and their units, and the numbers."""
    rest, numbers = list(words), set()
    for i, (word, unit) in enumerate(zip(words, [*words[1:], ""], strict=False)):
        number = int(word) if word.isdecimal() else NUMBERS.get(word)
        if adjective := ADJECTIVE.fullmatch(word):
            numbers.add(NUMBERS[adjective[1]])
        elif word in SPANS:
            numbers.add(SPANS[word])
        elif unit in UNITS and word in PARTS_OF_HOURS:
            numbers.add(PARTS_OF_HOURS[word])
        elif unit in UNITS and number is not None:
            numbers.add(number * UNITS[unit])
        elif number is not None and word not in GLUE:
            numbers.update([number] if bare else [])
        else:
            continue
        rest[i] = ""
        if unit in UNITS:
            rest[i + 1] = ""
    return rest, frozenset(numbers)
