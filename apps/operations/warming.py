"""What the first caller would otherwise wait for: imports, tables, catalogues, the first understanding."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from django.db import DatabaseError, connection
from django.urls import get_resolver
from django.utils import timezone

from apps.calls.speech.contacts import spoken_phone
from apps.calls.speech.say import say_label
from apps.calls.speech.understand import understand
from apps.scheduling.opening import warm_holidays
from apps.services.matching import ServiceName, match_service
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies

log = structlog.get_logger(__name__)

PROBES = {"de": "übermorgen halb vier", "en": "tomorrow at half past three"}


def warm() -> None:
    """Load everything that is loaded once. A database that is not there yet only costs its own part."""
    get_resolver().url_patterns  # noqa: B018  # reading it imports every view
    now = datetime.now(tz=UTC)
    for language, words in PROBES.items():
        understand(words, now=now, language=language)
        say_label(now, now=now, language=language)
    spoken_phone("030 12345678", region="DE")
    match_service("x", [ServiceName(key=1, slug="x", name="X", synonyms=())])
    try:
        with all_companies():
            regions = set(Company.objects.filter(active=True).values_list("holidays", flat=True))
    except DatabaseError as error:
        log.warning("not_fully_warmed", error=type(error).__name__)
        regions = set()
    finally:
        connection.close()
    warm_holidays(regions, year=timezone.now().year)
