from __future__ import annotations

from pathlib import Path

import pytest

from tools import catalogues

TEMPLATE = """{% load i18n %}
    <p>{% translate "Save" %}</p>
  {% blocktranslate count n=n trimmed %}
       One call
      {% plural %} {{ n }} calls
  {% endblocktranslate %}
 {% translate "May" context "verb" %} it's {{ _("open") }}
"""
CODE = """from django.utils.translation import gettext_lazy as _
name = _("branch")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one template and one module, with a German folder."""
    monkeypatch.setattr(catalogues, "ROOT", tmp_path)
    for folder in ("apps", "templates", "locale/de/LC_MESSAGES"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "apps" / "models.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "templates" / "page.html").write_text(TEMPLATE, encoding="utf-8")
    return tmp_path


ADMIN = next(domain for domain in catalogues.DOMAINS if domain.name == "django")


def translate(project: Path, **texts: str) -> None:
    path = project / "locale" / "de" / "LC_MESSAGES" / "django.po"
    content = path.read_text(encoding="utf-8")
    for source, german in texts.items():
        content = content.replace(f'msgid "{source}"\nmsgstr ""', f'msgid "{source}"\nmsgstr "{german}"')
    path.write_text(content, encoding="utf-8")


def test_texts_of_code_and_templates_are_found(project: Path) -> None:
    assert catalogues.keys(catalogues.extracted(ADMIN)) == {
        ("branch", None),
        ("Save", None),
        ("open", None),
        ("May", "verb"),
        (("One call", "%(n)s calls"), None),
    }


def test_a_text_without_translation_is_a_fault(project: Path) -> None:
    (project / "templates" / "page.html").unlink()
    catalogues.update(ADMIN, "de")
    assert catalogues.faults(ADMIN, "de") == ["locale/de/LC_MESSAGES/django.po: 1 texts have no translation"]


def test_a_translated_and_compiled_catalogue_has_no_fault(project: Path) -> None:
    (project / "templates" / "page.html").unlink()
    catalogues.update(ADMIN, "de")
    translate(project, branch="Filiale")
    assert catalogues.faults(ADMIN, "de") == ["locale/de/LC_MESSAGES/django.mo: not compiled from django.po"]
    catalogues.update(ADMIN, "de")
    assert catalogues.faults(ADMIN, "de") == []


def test_a_text_gone_from_the_code_is_a_fault_and_goes_with_an_update(project: Path) -> None:
    (project / "templates" / "page.html").unlink()
    catalogues.update(ADMIN, "de")
    translate(project, branch="Filiale")
    (project / "apps" / "models.py").write_text(CODE.replace("branch", "company"), encoding="utf-8")
    assert (
        len([fault for fault in catalogues.faults(ADMIN, "de") if "branch" in fault or "company" in fault])
        == 2
    )
    catalogues.update(ADMIN, "de")
    translate(project, company="Firma")
    catalogues.update(ADMIN, "de")
    assert catalogues.faults(ADMIN, "de") == []
