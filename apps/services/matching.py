"""Which service a caller means by the words that were heard. Pure: no database, no guess.

One that fits is found; several that fit about equally are choices to ask about; a default is never
assumed (an earlier system took the first of the alphabet). Names are compared by letters rather than
words, because German compounds are heard in pieces: "Herren Haarschnitt", "Haarschnitt für Herren".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from apps.services.spelling import FILLERS, GLUE, PLACE_WORDS, Spelled, fold, spell

# A near miss differs by at most this: "Damenhaarschnitt" and "Herrenhaarschnitt" must stay apart.
MOST_EDITS = 2
LEAST_SIMILARITY = 0.8
SHORTEST_NEAR_MISS = 5
# Inside a longer word, where more letters agree by chance.
LEAST_SIMILARITY_INSIDE = 85
SHORTEST_NEAR_MISS_INSIDE = 7
SHORTEST_INSIDE = 4
LINKING_LETTERS = 2
# How well it fits: the same name in whatever order, a part of the name ("Haarschnitt" of
# "Damenhaarschnitt"), the name and more ("medizinische Fußpflege"). Those within ABOUT_EQUAL of the
# best are choices; a number that was said and is the name's decides.
SAME, REORDERED, PART, WITH_MORE = 100.0, 98.0, 90.0, 85.0
SAID_NUMBER = 6.0
ABOUT_EQUAL = 4.9
# "Herrenschnitt" is what people say.
SHORTENED = re.compile("haarschnitt", re.IGNORECASE)
# In a sentence a word may agree by chance ("meine Hand"): how much of the name must have been said.
LEAST_SHARE_IN_SENTENCE = 0.45


@dataclass(frozen=True, slots=True)
class ServiceName:
    """A service by its names; ``key`` is what a match returns."""

    key: int
    slug: str
    name: str
    synonyms: tuple[str, ...]
    event_type_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceMatch:
    """``keys``: empty when none fits, one when it is found, several are choices, best first."""

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Fit:
    key: int
    score: float
    share: float  # of the name's letters that were said
    said: frozenset[int]  # letters of what was said that the name accounts for
    agrees: bool  # on the number, where both have one


def match_service(spoken: str, services: Sequence[ServiceName]) -> ServiceMatch:
    """The service that ``spoken``, its name as it was heard or its slug, means."""
    by_slug = [service.key for service in services if service.slug.casefold() == spoken.strip().casefold()]
    if len(by_slug) == 1:
        return ServiceMatch((by_slug[0],))
    return ServiceMatch(_match(spell(spoken, fillers=_fillers(services)), services))


def match_service_id(given: str | int, services: Sequence[ServiceName]) -> int | None:
    """The key of the one service with this slug or event type id."""
    wanted = str(given).strip().casefold()
    keys = {
        service.key
        for service in services
        if wanted == service.slug.casefold() or wanted in map(str, service.event_type_ids)
    }
    return keys.pop() if len(keys) == 1 else None


def find_service_in(text: str, services: Sequence[ServiceName]) -> ServiceMatch:
    """The service named somewhere in a sentence; its days and hours are no part of a name."""
    plain = _find(spell(text, fillers=FILLERS, bare_numbers=False), services)
    if len(plain) < 2:  # none: "heute Abend" alone is no "Abend-Make-up"
        return ServiceMatch(plain)
    return ServiceMatch(_find(spell(text, fillers=_fillers(services), bare_numbers=False), services) or plain)


def match_branch(spoken: str, names: Sequence[tuple[int, str, str]]) -> tuple[int, ...]:
    """The branches, of (key, slug, name), that ``spoken`` may mean, best first."""
    branches = [ServiceName(key, slug, name, (slug,)) for key, slug, name in names]
    return _match(spell(spoken, fillers=_fillers(branches) | PLACE_WORDS), branches)


def _find(said: Spelled, services: Sequence[ServiceName]) -> tuple[int, ...]:
    """The match of those words of a sentence that the names know."""
    names = [name for service in services for name in _names(service)]
    known = [i for i, stem in enumerate(said.stems) if any(_knows(name, stem) for name in names)]
    # A word before it that no name knows makes it something else: "innen reinigen", "Hunde-Haarschnitt".
    modified = any(said.follows[i] and i - 1 not in known for i in known)
    heard = replace(
        said,
        letters="",
        stems=tuple(said.stems[i] for i in known),
        follows=tuple(said.follows[i] for i in known),
    )
    return _match(heard, services, least_share=1.0 if modified else LEAST_SHARE_IN_SENTENCE)


def _match(said: Spelled, services: Sequence[ServiceName], *, least_share: float = 0.0) -> tuple[int, ...]:
    fits = [fit for service in services if (fit := _best_fit(said, service)) and fit.share >= least_share]
    best = max((fit.score for fit in fits), default=0.0)
    equal = [fit for fit in fits if fit.score > best - ABOUT_EQUAL]
    # If none has the length that was asked for, which of the others it is is for the caller to say.
    agreeing = [fit for fit in equal if fit.agrees]
    equal = agreeing or (equal if len(equal) > 1 else [])
    choices = [fit for fit in equal if not any(fit.said < other.said for other in equal)]
    return tuple(fit.key for fit in sorted(choices, key=lambda fit: (-fit.score, -fit.share)))


def _best_fit(said: Spelled, service: ServiceName) -> _Fit | None:
    numbers = _names(service)[0].numbers
    fits = [
        fit for name in _names(service) if (fit := _fit(service.key, said, name, name.numbers or numbers))
    ]
    return max(fits, key=lambda fit: (fit.agrees, fit.score, fit.share), default=None)


def _fit(key: int, said: Spelled, name: Spelled, numbers: frozenset[int]) -> _Fit | None:
    whole = frozenset(range(len(said.joined)))
    if said.letters and said.letters == name.letters:
        return _Fit(key, SAME + SAID_NUMBER, 1.0, whole, agrees=True)
    if not said.stems or not name.stems or (said.groups and name.groups and not said.groups & name.groups):
        return None
    score, share, heard = _compare(said, name, whole)
    if not score:
        return None
    agrees = not (said.numbers and numbers) or bool(said.numbers & numbers)
    bonus = SAID_NUMBER if said.numbers & numbers else 0.0
    return _Fit(key, score + bonus, share, heard, agrees=agrees)


def _compare(said: Spelled, name: Spelled, whole: frozenset[int]) -> tuple[float, float, frozenset[int]]:
    """Score, share of the name that was said, letters of what was said that the name accounts for."""
    inside, said_likeness = _cover(said.stems, name)
    around, name_likeness = _cover(name.stems, said)
    linked = LINKING_LETTERS * max(len(said.stems), len(name.stems)) if said.stems != name.stems else 0
    ways = [(SAME * _likeness(said.joined, name.joined), 1.0, whole)]
    if inside is not None:
        missing = len(name.joined) - len(inside)
        if around is not None or (len(said.stems) > 1 and missing <= linked):
            ways.append((REORDERED * said_likeness, 1.0, whole))
        ways.append((PART * said_likeness, len(inside) / len(name.joined), whole))
    if around is not None:
        if len(name.stems) > 1 and len(whole) - len(around) <= linked:
            ways.append((REORDERED * name_likeness, 1.0, whole))
        ways.append((WITH_MORE * name_likeness, 1.0, around))
    return max(ways, key=lambda way: way[:2])


def _cover(stems: Sequence[str], other: Spelled) -> tuple[frozenset[int] | None, float]:
    """The letters of ``other`` that all the stems are found in, None if one is not; the least likeness."""
    letters: set[int] = set()
    least = 1.0
    for stem in stems:
        place, likeness = _locate(stem, other)
        if not likeness:
            return None, 0.0
        letters.update(place)
        least = min(least, likeness)
    return frozenset(letters), least


def _locate(stem: str, other: Spelled) -> tuple[range, float]:
    """Where in the other's letters the stem is, as a word, within one, or nearly; and how nearly."""
    joined, ends = other.joined, _ends(other.stems)
    at = joined.find(stem)
    if at >= 0 and (len(stem) >= SHORTEST_INSIDE or at in ends or at + len(stem) in ends):
        return range(at, at + len(stem)), 1.0
    pieces = [
        (range(start, end), _likeness(stem, joined[start:end]))
        for start in ends
        for end in ends
        if start < end
    ]
    near = max(pieces, key=lambda piece: piece[1], default=(range(0), 0.0))
    if near[1] or not SHORTEST_NEAR_MISS_INSIDE <= len(stem) <= len(joined):
        return near
    part = fuzz.partial_ratio_alignment(stem, joined, score_cutoff=LEAST_SIMILARITY_INSIDE)
    if part is None:
        return near
    place = range(part.dest_start, part.dest_end)
    return place, _likeness(stem, joined[place.start : place.stop])


def _likeness(one: str, other: str) -> float:
    """1 for the same letters, at least ``LEAST_SIMILARITY`` for a near miss, 0 for another word."""
    if one == other:
        return 1.0
    if min(len(one), len(other)) < SHORTEST_NEAR_MISS:
        return 0.0
    edits = OSA.distance(one, other, score_cutoff=MOST_EDITS)
    likeness = 1 - edits / max(len(one), len(other))
    return likeness if edits <= MOST_EDITS and likeness >= LEAST_SIMILARITY else 0.0


def _knows(name: Spelled, stem: str) -> bool:
    """Whether a word of a sentence can be part of this name."""
    word = Spelled("", (stem,), (False,), frozenset(), frozenset())
    return bool(_locate(stem, name)[1]) or any(_locate(part, word)[1] for part in name.stems)


def _ends(stems: Sequence[str]) -> list[int]:
    return list(accumulate(map(len, stems), initial=0))


@lru_cache(maxsize=2048)
def _names(service: ServiceName) -> tuple[Spelled, ...]:
    names = (service.name, *service.synonyms)
    shorter = (SHORTENED.sub("schnitt", name) for name in names if SHORTENED.search(name))
    return tuple(spell(name) for name in (*names, *shorter))


def _fillers(services: Sequence[ServiceName]) -> frozenset[str]:
    """What says nothing here: a word of the business's own names says something."""
    own = {word for service in services for name in (service.name, *service.synonyms) for word in fold(name)}
    return GLUE | (FILLERS - own)
