"""Whether what was heard as a caller's name can be one. Pure; what is no name is asked again.

A language model fills the field with whatever was said last ("Acht Uhr", "bei Anna") or with a
placeholder ("Unbekannt", "{{name}}"). Names are of all the world: the test is what cannot be one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

MOST_HEARD = 200
LONGEST_NAME = 80
MOST_WORDS = 6
SHORTEST_SHOUT = 3
EDGES = ' ,.:;!?"-–'
APOSTROPHES = re.compile("[’‘`´]")
HYPHENS = re.compile(r" ?[-‐‑] ?")

# Said around a name; what follows an introduction or a title is a name even if it is "Sonntag".
FILLER = re.compile(
    r"(?:guten (?:tag|morgen|abend)|grüß gott|moin|servus|hallo|hi|hello|good (?:morning|afternoon|evening)"
    r"|ja|nein|also|äh|ähm|ehm|uh|um|hm|okay|ok|well|yes|sure|gerne?|bitte|please|und|and|ich bin|hier ist"
    r"|hier|das ist|das wäre|es ist|auf|für|this is|here is|i am|i'm|it is|it's|call me|under|for"
    r"|der|die|das|the)[\s,.:!]+",
    re.IGNORECASE,
)
INTRODUCTION = re.compile(
    r"(?:(?:mein (?:vor|nach|familien)?name|der (?:nach)?name|(?:nach)?name)(?: (?:ist|lautet|wäre))?"
    r"|ich heiße|ich heisse|hier spricht|auf den namen|unter dem namen"
    r"|(?:my|the) (?:first |last |full )?name(?: is|'s)?|name(?: is|'s)|under the name(?: of)?"
    r"|herrn?|frau|fräulein|familie|hr\.?|fr\.|mr\.?|mrs\.?|ms\.?|miss|mister|madam|sir)[\s,:]+",
    re.IGNORECASE,
)
AFTER = re.compile(
    r"[\s,.]+(?:(?:ist )?mein name|am apparat|am telefon|hier|bitte|danke|heiße ich|bin ich|spreche"
    r"|(?:is )?my name|speaking|here|please|thanks|thank you"
    r"|mit(?:[\s,]+(?:und|wie|doppel|\w{1,2})\b){1,8})[\s,.]*$",
    re.IGNORECASE,
)
SPELLED = re.compile(r"(?<!\S)(?:[^\W\d_][\s.,-]+){2,}[^\W\d_](?!\S)")
NAME_WORD = re.compile(r"'?[^\W\d_](?:[^\W\d_]|['.-])*")
ACADEMIC = {"dr": "Dr.", "prof": "Prof.", "dipl": "Dipl.", "ing": "Ing.", "med": "med.", "mag": "Mag."}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())


PARTICLES = _words(
    """
    von van vom zu zur zum der den dem de del della di da do dos das du des la le les ter ten te
    bin ibn al el y e af
    """
)
NEVER_FIRST = _words("am im in auf zum zur vom")

# Never part of a name.
NEVER = _words(
    """
    uhr o'clock oclock heute übermorgen uebermorgen gestern today tomorrow yesterday tonight
    termin termine terminbuchung appointment buchung buchen booking book reservierung
    unbekannt unbekannter unknown anonym anonymer anonymous kein keine keinen keiner none null undefined nan
    ich mich mir du dich sie wir uns euch ihr ihnen me we you they not nicht nichts nothing nobody niemand
    ist bin's habe hab haben hätte möchte moechte brauche bräuchte sage sagen want need would like don't know
    is are have egal und oder and or bei um mit nach gegen ab seit bis für fuer ohne zwischen ungefähr gleich
    at with about around between telefon telefonnummer nummer number e-mail email mail adresse
    minute minuten minutes stunde stunden woche week personen person leute people euro
    danke thanks bitte please
    """
)
# No name alone or among themselves, but there are people called Julia Sonntag, Will Smith, Peter Acht.
NOT_ALONE = _words(
    """
    montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag wochenende
    monday tuesday wednesday thursday friday saturday sunday
    januar februar märz april mai juni juli august september oktober november dezember
    january february march may june july october december
    morgen morgens früh vormittag vormittags mittag mittags nachmittag nachmittags abend abends nacht
    morning afternoon evening noon night nächste nächsten nächster kommende kommenden next
    halb viertel dreiviertel half quarter past am pm a.m p.m in im an auf von vom
    zu zum zur der die das den dem
    null eins ein eine zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn
    sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig
    one two three four five six seven eight nine ten eleven twelve
    erste ersten zweite zweiten dritte dritten first second third
    herr herrn frau fräulein familie mr mrs ms miss mister madam sir hr fr
    kunde kundin kunden neukunde neukundin stammkunde bestandskunde customer client caller anrufer anruferin
    patient patientin gast guest user benutzer teilnehmer mann kind sohn tochter mutter vater chef chefin
    name vorname nachname familienname kundenname kundenname firma anbieter name's
    test tester testkunde testanruf musterkunde beispiel example sample placeholder string text value
    na n.a none. leer empty unavailable unterdrückt privat private withheld restricted blocked
    agent assistent assistentin assistant bot ki ai system computer admin
    will kann soll geht ja nein doch yes no ok okay gern gerne genau richtig stimmt hallo hello hi tschüss bye
    er es me mein meine my your it the a an
    """
)


# Of those, the ones that are surnames once somebody has said so: "Frau Sonntag".
SURNAMES = _words(
    """
    montag dienstag mittwoch donnerstag freitag samstag sonntag märz april mai may june august
    morgen mittag abend acht mann kind gast vater chef will klein
    """
)


def plausible_name(text: str, *, own_words: Collection[str] = ()) -> str | None:
    """The name in ``text``, cleaned ("Sabine Müller" of "mein name ist sabine müller"), or None.

    ``own_words``: names of the business, its branches and services, which are no caller's name.
    """
    if len(text) > MOST_HEARD:
        return None
    heard = unicodedata.normalize("NFC", APOSTROPHES.sub("'", text))
    bare, introduced = _unwrap(HYPHENS.sub("-", " ".join(heard.split())))
    name = _in_order(SPELLED.sub(_spelled_out, bare))
    words = name.split()
    if len(name) > LONGEST_NAME or len(words) > MOST_WORDS or not all(map(NAME_WORD.fullmatch, words)):
        return None
    if not _says_a_name([word.casefold().strip(".") for word in words], introduced=introduced):
        return None
    if name.casefold() in {own.casefold() for own in own_words}:
        return None
    shouted = name.isupper() and len(name) > SHORTEST_SHOUT
    return " ".join(_cased(word, shouted=shouted) for word in words)


def _unwrap(heard: str) -> tuple[str, bool]:
    """The words without what is said around a name, and whether that said that it is one."""
    introduced = False
    while True:
        heard = heard.strip(EDGES)
        if found := INTRODUCTION.match(heard):
            introduced = True
        elif not (found := FILLER.match(heard) or AFTER.search(heard)):
            return heard, introduced
        heard = heard[: found.start()] or heard[found.end() :]


def _spelled_out(found: re.Match[str]) -> str:
    """ "M Ü L L E R" as "Müller"."""
    return "".join(character for character in found[0] if character.isalpha()).capitalize()


def _in_order(name: str) -> str:
    """ "Sabine Müller" of "Müller, Sabine" and of "Müller, Sabine Müller"."""
    last, comma, rest = name.partition(", ")
    if not comma:
        return name
    return rest if last.casefold() in rest.casefold().split() else f"{rest} {last}"


def _says_a_name(words: list[str], *, introduced: bool) -> bool:
    """Whether one of the words can only be a name, and none can be none."""
    if not words or words[0] in NEVER_FIRST or any(word in NEVER for word in words):
        return False
    if introduced and len(words) == 1 and words[0] in SURNAMES:
        return True
    return any(
        len(set(word)) > 1 and word not in NOT_ALONE and word not in PARTICLES and word not in ACADEMIC
        for word in words
    )


def _cased(word: str, *, shouted: bool) -> str:
    """With the capitals that a transcript leaves out or overdoes; what is mixed stays as it is."""
    lowered = word.casefold() if word.isupper() and shouted else word
    bare = lowered.strip(".")
    if bare.casefold() in ACADEMIC:
        return ACADEMIC[bare.casefold()]
    if lowered != lowered.lower() or lowered in PARTICLES or lowered.startswith("'"):
        return lowered
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"(?<=['.-])", lowered))
