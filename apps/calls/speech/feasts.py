"""Days with a name: "Heiligabend", "Ostermontag", "Boxing Day", and what is kept where the branch is.

Names known everywhere stand here with their rule; the ``holidays`` library adds those of the country
and region ("Buß- und Bettag", "Nationalfeiertag"). A table is built once for each place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import holidays as holiday_library

from apps.calls.speech.tokens import tokenise
from apps.calls.speech.vocabulary import WORD

_YEARS: Final = range(2020, 2051)  # of the library's holidays; those with a rule have no limit
_LANGUAGES: Final = ("de", "en_US")
_CATEGORIES: Final = frozenset({"public", "catholic", "bank", "optional", "half_day"})

Rule = Callable[[int], "date | None"]


class FeastTable:
    """Names of days → the date in a year. Names are keyed by the texts of their tokens."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, list[tuple[tuple[str, ...], Rule]]] = {}

    def add(self, name: str, rule: Rule) -> None:
        """Know a name; the first rule for a name stays."""
        read = tokenise(name)
        texts = tuple(read.texts[: read.count])
        if not texts or (len(texts) == 1 and read.tokens[0].kind != WORD):
            return  # nothing of its own is left of the name
        options = self._names.setdefault(texts[0], [])
        if all(rest != texts[1:] for rest, _ in options):
            options.append((texts[1:], rule))
            options.sort(key=lambda option: -len(option[0]))

    def starts(self, text: str) -> bool:
        """Whether a name begins with this word."""
        return text in self._names

    def find(self, texts: list[str], i: int) -> tuple[Rule, int] | None:
        """The feast named from word ``i`` on, and the word after it."""
        for rest, rule in self._names.get(texts[i], ()):
            end = i + 1 + len(rest)
            if tuple(texts[i + 1 : end]) == rest:
                return rule, end
        return None


def easter(year: int) -> date:
    """Easter Sunday in the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def _on(month: int, day: int) -> Rule:
    return lambda year: date(year, month, day)


def _from_easter(days: int) -> Rule:
    return lambda year: easter(year) + timedelta(days=days)


def _advent(sunday: int) -> Rule:
    """The Sundays before Christmas; the fourth is the last on or before 24 December."""

    def rule(year: int) -> date:
        eve = date(year, 12, 24)
        return eve - timedelta(days=(eve.weekday() + 1) % 7 + 7 * (4 - sunday))

    return rule


def _mothers_day(year: int) -> date:
    first = date(year, 5, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7)


_RULES: Final[tuple[tuple[Rule, str], ...]] = (
    (
        _on(12, 24),
        "Heiligabend, Heiliger Abend, Heiligen Abend, Heilig Abend, Weihnachtsabend, Christmas Eve",
    ),
    (_on(12, 25), "Weihnachten, Weihnachtstag, erster Weihnachtstag, ersten Weihnachtstag, 1. Weihnachtstag"),
    (_on(12, 25), "erster Weihnachtsfeiertag, ersten Weihnachtsfeiertag, 1. Weihnachtsfeiertag"),
    (_on(12, 25), "ersten Feiertag, Christmas, Christmas Day, Xmas, Christtag"),
    (_on(12, 26), "zweiter Weihnachtstag, zweiten Weihnachtstag, 2. Weihnachtstag, Boxing Day, Stephanstag"),
    (_on(12, 26), "zweiter Weihnachtsfeiertag, zweiten Weihnachtsfeiertag, 2. Weihnachtsfeiertag"),
    (_on(12, 26), "zweiten Feiertag, Stefanitag, St Stephens Day"),
    (_on(12, 31), "Silvester, Sylvester, Silvestertag, New Years Eve"),
    (_on(1, 1), "Neujahr, Neujahrstag, New Years Day, New Year, New Years"),
    (_on(1, 6), "Dreikönig, Dreikönigstag, Heilige Drei Könige, Heiligen Drei Könige, Epiphany"),
    (_on(2, 14), "Valentinstag, Valentines Day"),
    (_on(3, 8), "Frauentag, Weltfrauentag, Internationaler Frauentag"),
    (_on(5, 1), "Maifeiertag, Tag der Arbeit, Labour Day, May Day"),
    (_on(8, 15), "Mariä Himmelfahrt, Maria Himmelfahrt, Assumption Day"),
    (_on(10, 3), "Tag der Deutschen Einheit, Tag der Einheit, Nationalfeiertag, German Unity Day"),
    (_on(10, 31), "Reformationstag, Halloween, Reformation Day"),
    (_on(11, 1), "Allerheiligen, All Saints Day, All Saints"),
    (_on(11, 11), "Martinstag, Sankt Martin"),
    (_on(12, 6), "Nikolaus, Nikolaustag, St Nicholas Day"),
    (_mothers_day, "Muttertag, Mothers Day"),
    (_from_easter(-52), "Weiberfastnacht, Altweiber, Altweiberfastnacht"),
    (_from_easter(-48), "Rosenmontag"),
    (_from_easter(-47), "Faschingsdienstag, Fastnachtsdienstag, Veilchendienstag, Fastnacht, Shrove Tuesday"),
    (_from_easter(-46), "Aschermittwoch, Ash Wednesday"),
    (_from_easter(-7), "Palmsonntag, Palm Sunday"),
    (_from_easter(-3), "Gründonnerstag, Maundy Thursday"),
    (_from_easter(-2), "Karfreitag, Good Friday"),
    (_from_easter(-1), "Karsamstag, Ostersamstag, Holy Saturday, Easter Saturday"),
    (_from_easter(0), "Ostern, Ostersonntag, Easter, Easter Sunday"),
    (_from_easter(1), "Ostermontag, Easter Monday"),
    (_from_easter(39), "Christi Himmelfahrt, Himmelfahrt, Himmelfahrtstag, Vatertag, Ascension Day"),
    (_from_easter(49), "Pfingsten, Pfingstsonntag, Whit Sunday, Pentecost, Whitsun, Pentecost Sunday"),
    (_from_easter(50), "Pfingstmontag, Whit Monday, Pentecost Monday"),
    (_from_easter(60), "Fronleichnam, Corpus Christi"),
    (_advent(1), "erster Advent, ersten Advent, 1. Advent"),
    (_advent(2), "zweiter Advent, zweiten Advent, 2. Advent"),
    (_advent(3), "dritter Advent, dritten Advent, 3. Advent"),
    (_advent(4), "vierter Advent, vierten Advent, 4. Advent"),
)


@lru_cache(maxsize=64)
def feast_table(place: str) -> FeastTable:
    """The feasts of a country or region ("DE", "DE-BE"); an unknown place has those known everywhere."""
    table = FeastTable()
    for name, dates in _library_names(place).items():
        table.add(name, dates.get)
    for rule, names in _RULES:
        for name in names.split(", "):
            table.add(name, rule)
    return table


def _library_names(place: str) -> dict[str, dict[int, date]]:
    """Name → year → date, of the names that fall on one day a year."""
    country, _, region = place.strip().upper().partition("-")
    supported = holiday_library.list_supported_countries(include_aliases=False)
    if country not in supported or (region and region not in supported[country]):
        return {}
    languages = holiday_library.list_localized_countries().get(country, [])
    named: dict[str, dict[int, date]] = {}
    repeated: set[str] = set()
    for language in (code for code in _LANGUAGES if code in languages) if languages else (None,):
        calendar = holiday_library.country_holidays(country, subdiv=region or None, language=language)
        wanted = tuple(_CATEGORIES.intersection(calendar.supported_categories))
        calendar = holiday_library.country_holidays(
            country, subdiv=region or None, years=_YEARS, language=language, categories=wanted, observed=False
        )
        for day, names in calendar.items():
            for name in re.split(r"[;(]", names.replace("Thanksgiving Day", "Thanksgiving")):
                key = f"{language}:{name.strip(' )')}"
                if named.setdefault(key, {}).setdefault(day.year, day) != day:
                    repeated.add(key)
    return {key.partition(":")[2]: days for key, days in named.items() if key not in repeated}
