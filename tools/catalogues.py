"""Translations: ``update`` brings the catalogues in line with the code, ``check`` says whether they are.

Two gettext domains live in ``locale/<language>/LC_MESSAGES``: ``speech``, what a caller hears (its own
keywords, see ``apps/calls/speech/catalogue.py``), and ``django``, what an operator reads. Babel does
the work, so that neither setup nor CI needs GNU gettext; templates are read the way Django reads them.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from apps.calls.speech import catalogue

ROOT = Path(__file__).resolve().parent.parent
SOURCE_LANGUAGE = "en"
SHOWN = 20
LAZY_KEYWORDS: dict[str, Any] = {
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
    "gettext_noop": None,
}


@dataclass(frozen=True, slots=True)
class Domain:
    """One gettext domain: where its texts stand, and in which calls."""

    name: str
    about: str
    keywords: Mapping[str, Any]
    in_english: bool = False  # whether English, the language of the sources, has a catalogue of its own
    templates: bool = False
    folders: tuple[str, ...] = ("apps", "booking_platform", "templates")

    def files(self) -> Iterator[Path]:
        """The files that may hold texts of this domain, in a stable order."""
        suffixes = {".py", ".html"} if self.templates else {".py"}
        for folder in self.folders:
            for path in sorted((ROOT / folder).rglob("*")):
                if path.suffix in suffixes and "migrations" not in path.parts:
                    yield path


DOMAINS = (
    Domain(
        name=catalogue.DOMAIN,
        about="What a caller can hear. See apps/calls/speech/catalogue.py.",
        keywords=catalogue.KEYWORDS,
        in_english=True,
        folders=("apps/calls",),
    ),
    Domain(
        name="django",
        about="What an operator reads. See tools/catalogues.py.",
        keywords={**DEFAULT_KEYWORDS, **LAZY_KEYWORDS},
        templates=True,
    ),
)


def source_of(path: Path) -> str:
    """What Babel's Python reader is given: the code, or a template turned into calls line by line."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return content
    return "\n".join(line.strip() for line in str(templatize(content, origin=str(path))).split("\n"))


def extracted(domain: Domain) -> Catalog:
    """Every text of the domain that stands in the code."""
    texts = Catalog(domain=domain.name)
    for path in domain.files():
        source = source_of(path)
        for _, message, comments, context in extract(
            "python", io.BytesIO(source.encode()), keywords=domain.keywords, comment_tags=("Translators:",)
        ):
            texts.add(message, None, auto_comments=comments, context=context)
    return texts


def languages() -> list[str]:
    """The languages that have a folder in ``locale``."""
    return sorted(path.parent.name for path in (ROOT / "locale").glob("*/LC_MESSAGES"))


def keys(texts: Catalog) -> set[tuple[Any, str | None]]:
    """What identifies each text: its source (singular and plural) and its context."""
    return {(message.id, message.context) for message in texts if message.id}


def compiled(texts: Catalog) -> bytes:
    """The ``.mo`` of a catalogue."""
    output = io.BytesIO()
    write_mo(output, texts)
    return output.getvalue()


def begun(domain: Domain, *, language: str) -> Catalog:
    """An empty catalogue; no invented addresses in its header, which Babel would put there."""
    texts = Catalog(
        locale=language,
        domain=domain.name,
        project="booking_platform",
        version="1",
        header_comment=f"# {domain.about}",
        fuzzy=False,
    )
    texts.msgid_bugs_address = texts.last_translator = texts.language_team = ""
    texts.revision_date = texts.creation_date
    return texts


def read(path: Path, *, domain: Domain, language: str) -> Catalog:
    """The catalogue at ``path``; an empty one when there is none yet."""
    if not path.is_file():
        return begun(domain, language=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=domain.name)


def untranslated(texts: Catalog) -> int:
    """How many texts have no translation or only a guessed one."""
    return sum(1 for message in texts if message.id and (not message.string or message.fuzzy))


def faults(domain: Domain, language: str) -> list[str]:
    """What is wrong with one catalogue, a sentence each."""
    path = ROOT / "locale" / language / "LC_MESSAGES" / f"{domain.name}.po"
    code = extracted(domain)
    if not keys(code):
        return []
    texts = read(path, domain=domain, language=language)
    where = path.relative_to(ROOT)
    found = [f"{where}: no entry for {key!r}" for key in keys(code) - keys(texts)]
    found += [f"{where}: {key!r} is no longer in the code" for key in keys(texts) - keys(code)]
    if language != SOURCE_LANGUAGE and (missing := untranslated(texts)):
        found.append(f"{where}: {missing} texts have no translation")
    binary = path.with_suffix(".mo")
    if not binary.is_file() or binary.read_bytes() != compiled(texts):
        found.append(f"{binary.relative_to(ROOT)}: not compiled from {path.name}")
    return found


def update(domain: Domain, language: str) -> None:
    """Add new texts, drop those gone from the code, compile."""
    path = ROOT / "locale" / language / "LC_MESSAGES" / f"{domain.name}.po"
    code = extracted(domain)
    if not keys(code):
        return
    texts = read(path, domain=domain, language=language)
    if keys(code) != keys(texts):
        texts.update(code, no_fuzzy_matching=True)
        texts.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, texts, width=100, no_location=True, ignore_obsolete=True)
    path.with_suffix(".mo").write_bytes(compiled(texts))
    missing = 0 if language == SOURCE_LANGUAGE else untranslated(texts)
    print(f"{path.relative_to(ROOT)}: {len(texts)} texts, {missing} to translate")


def main(arguments: list[str]) -> int:
    """0 when everything is in line; ``check`` prints what is not and returns 1."""
    parser = argparse.ArgumentParser(prog="python -m tools.catalogues", description=__doc__)
    parser.add_argument("action", choices=("update", "check"))
    action = parser.parse_args(arguments).action
    pairs = [
        (domain, language)
        for domain in DOMAINS
        for language in languages()
        if domain.in_english or language != SOURCE_LANGUAGE
    ]
    if action == "update":
        for domain, language in pairs:
            update(domain, language)
        return 0
    found = [fault for domain, language in pairs for fault in faults(domain, language)]
    print("\n".join(found[:SHOWN]) or "catalogues are up to date")
    if found:
        print(f"{len(found)} faults; run `make messages`, then translate what is empty")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
