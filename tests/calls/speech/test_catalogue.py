"""Code, .po and .mo of everything a caller can hear agree."""

from __future__ import annotations

import io
import string
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from apps.calls.speech.catalogue import (
    DOMAIN,
    KEYWORDS,
    LOCALE_DIR,
    UnknownLanguageError,
    languages,
    plural,
    text,
    word,
)

CALLS = Path(__file__).resolve().parents[3] / "apps" / "calls"  # nothing else speaks
FILES = sorted(LOCALE_DIR.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
by_language = pytest.mark.parametrize("path", FILES, ids=[path.parent.parent.name for path in FILES])

Key = tuple[str | None, str]


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name, domain=DOMAIN)


def translated(path: Path) -> Iterator[Message]:
    return (message for message in read(path) if message.id)


def key_of(context: str | None, msgid: str | tuple[str, ...]) -> Key:
    return context, msgid if isinstance(msgid, str) else msgid[0]


def placeholders(pattern: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}


@pytest.fixture(scope="module")
def used() -> set[Key]:
    found = extract_from_dir(CALLS, [("**.py", "python")], keywords=KEYWORDS)
    return {key_of(context, msgid) for _, _, msgid, _, context in found}


def test_german_and_english_are_spoken() -> None:
    assert {"de", "en"} <= set(languages())


@by_language
def test_the_catalogue_holds_exactly_what_the_code_says(path: Path, used: set[Key]) -> None:
    held = {key_of(message.context, message.id) for message in translated(path)}
    assert held == used, "run `make messages`"
    assert not read(path).obsolete
    assert not [message.id for message in translated(path) if message.fuzzy]


@by_language
def test_a_translation_fills_the_same_places_as_its_source(path: Path) -> None:
    for message in translated(path):
        if isinstance(message.id, str):
            if message.string:
                assert placeholders(message.string) == placeholders(message.id), message.id
            continue
        allowed = placeholders(message.id[1])
        for form in message.string:
            assert placeholders(form) <= allowed, message.id
        assert not message.string[-1] or placeholders(message.string[-1]) == allowed, message.id


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.parent.name != "en"])
def test_no_sentence_is_left_in_english(path: Path) -> None:
    for message in translated(path):
        forms = (message.string,) if isinstance(message.string, str) else message.string
        assert all(forms), message.id


@by_language
def test_the_compiled_catalogue_is_the_written_one(path: Path) -> None:
    fresh = io.BytesIO()
    write_mo(fresh, read(path))
    fresh.seek(0)
    with path.with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    assert messages(compiled) == messages(GNUTranslations(fresh)), "run `make messages`"


def messages(translations: GNUTranslations) -> dict[object, str]:
    known = dict(translations._catalog)  # the standard library offers no public listing
    known.pop("")
    return known


def test_a_sentence_is_filled_and_a_count_chooses_its_form() -> None:
    assert text("{wish}, but not {day}", language="de", wish="um 9 Uhr", day="am Montag") == (
        "um 9 Uhr, aber nicht am Montag"
    )
    assert plural("one hour", "{count} hours", 1, language="de") == "eine Stunde"
    assert plural("one hour", "{count} hours", 3, language="en") == "3 hours"
    assert word("month", "May", language="de") == "Mai"


def test_a_value_with_braces_is_said_as_it_is() -> None:
    assert text("not {day}", language="en", day="{wish}") == "not {wish}"


def test_a_language_without_a_catalogue_is_named() -> None:
    with pytest.raises(UnknownLanguageError, match="xx"):
        text("not {day}", language="xx", day="")
