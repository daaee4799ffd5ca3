"""Every text a caller can hear, in one gettext catalogue (domain "speech").

To add a sentence: 1. write it in English in the code: ``text("I booked {service}.", language=…)``;
2. run ``make messages`` and put the German into ``locale/de/LC_MESSAGES/speech.po``;
3. run it again, which compiles. A further language is a further ``locale/<code>/LC_MESSAGES/speech.po``.

The literal must stand in the call, or in ``mark``/``mark_word`` where a table is looked up later:
that is what ``KEYWORDS`` lets the extractor find. Tests compare the code, the .po and the .mo.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from gettext import translation as load
from pathlib import Path

DOMAIN = "speech"
LOCALE_DIR = Path(__file__).resolve().parents[3] / "locale"
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "text": None,
    "plural": (1, 2),
    "word": ((1, "c"), 2),
    "mark": None,
    "mark_word": ((1, "c"), 2),
}


class UnknownLanguageError(LookupError):
    """No catalogue is shipped for this language."""


@cache
def languages() -> tuple[str, ...]:
    """The languages that can be spoken: one for each shipped catalogue, sorted."""
    return tuple(sorted(path.parent.parent.name for path in LOCALE_DIR.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")))


def text(key: str, /, *, language: str, **values: object) -> str:
    """The sentence ``key`` (its English source) in ``language``, its {named} places filled."""
    return _catalogue(language).gettext(key).format(**values)


def plural(singular: str, many: str, count: int, /, *, language: str, **values: object) -> str:
    """The form that goes with ``count``, which also fills {count}."""
    return _catalogue(language).ngettext(singular, many, count).format(count=count, **values)


def word(context: str, key: str, /, *, language: str, **values: object) -> str:
    """A word or pattern whose translation depends on where it stands: ``word("month", "May", …)``."""
    return _catalogue(language).pgettext(context, key).format(**values)


def mark(key: str, /) -> str:
    """Mark a sentence that a table holds and ``text`` looks up later."""
    return key


def mark_word(context: str, key: str, /) -> str:
    """Mark a word that a table holds and ``word`` looks up later, under the same context."""
    del context
    return key


@cache
def _catalogue(language: str) -> GNUTranslations:
    try:
        return load(DOMAIN, LOCALE_DIR, languages=[language])
    except FileNotFoundError as error:
        raise UnknownLanguageError(language) from error
