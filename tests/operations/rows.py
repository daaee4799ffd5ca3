"""Everything that a company's file can write, as plain values to compare."""

from __future__ import annotations

from typing import Any

from django.db import connection, models

from apps.calls.models import AccountCompany, TelephonyAccount
from apps.scheduling.models import CalendarAccount
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, PhoneNumber
from apps.tenants.scoping import all_companies

WRITTEN: tuple[type[models.Model], ...] = (
    Company,
    CalendarAccount,
    Branch,
    PhoneNumber,
    Service,
    BranchService,
    EventType,
    TelephonyAccount,
    AccountCompany,
)


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows of all companies."""
    with all_companies():
        return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in WRITTEN}


def stored_text() -> str:
    """What the database itself holds in these tables, as one text."""
    with all_companies(), connection.cursor() as cursor:
        parts: list[str] = []
        for model in WRITTEN:
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            parts.extend(repr(row) for row in cursor.fetchall())
    return "\n".join(parts)
