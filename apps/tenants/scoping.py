"""The first wall between companies: a context that every tenant query needs.

Without a scope (``apps.tenants.context``) a tenant query raises; inside one it sees only the scope's
rows and refuses to save anything else. The second wall, for what goes past the managers, is
``apps.tenants.row_security``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self, TypeVar

from django.db import models

from apps.tenants.context import (
    ALL,
    Scope,
    ScopeMissing,
    ScopeViolation,
    active_scope,
    all_companies,
    companies_scope,
    company_scope,
    current_company_id,
    current_scope,
    scope_allows,
)

__all__ = [
    "ALL",
    "CompanyScopedManager",
    "CompanyScopedQuerySet",
    "Scope",
    "ScopeMissing",
    "ScopeViolation",
    "TenantModel",
    "active_scope",
    "all_companies",
    "companies_scope",
    "company_scope",
    "current_company_id",
    "current_scope",
    "guard",
    "scope_allows",
]

M = TypeVar("M", bound=models.Model)


class CompanyScopedQuerySet(models.QuerySet[M]):
    """A queryset that cannot move rows between companies."""

    def update(self, **values: Any) -> int:
        for name in ("company", "company_id"):
            if name in values:
                target = values[name]
                if not scope_allows(getattr(target, "pk", target)):
                    raise ScopeViolation
        return super().update(**values)

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        rows = list(objs)
        for row in rows:
            guard(row)
        return super().bulk_create(rows, *args, **kwargs)


class CompanyScopedManager(models.Manager[M]):
    """The default manager of every tenant model."""

    def get_queryset(self) -> CompanyScopedQuerySet[M]:
        rows: CompanyScopedQuerySet[M] = CompanyScopedQuerySet(self.model, using=self._db)
        scope = current_scope()
        if scope is ALL:
            return rows
        field = getattr(self.model, "SCOPE_FIELD", "company_id")
        if len(scope) == 1:
            return rows.filter(**{field: next(iter(scope))})
        return rows.filter(**{f"{field}__in": scope})


def guard(row: models.Model) -> None:
    """Refuse a row whose company, or whose relation's company, lies outside the scope.

    Relations are compared as far as they are loaded: a bare id comes from a scoped lookup, never
    from a request.
    """
    company_id = getattr(row, getattr(row, "SCOPE_FIELD", "company_id"))
    if not scope_allows(company_id):
        raise ScopeViolation
    for field in row._meta.concrete_fields:
        if isinstance(field, models.ForeignKey) and field.is_cached(row):
            related = getattr(row, field.name)
            other = (
                getattr(related, "company_id", company_id) if isinstance(related, TenantModel) else company_id
            )
            if company_id is not None and other is not None and other != company_id:
                raise ScopeViolation


class TenantModel(models.Model):
    """A row that belongs to exactly one company."""

    company = models.ForeignKey("tenants.Company", on_delete=models.CASCADE, related_name="+")

    objects: ClassVar[models.Manager[Self]] = CompanyScopedManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        guard(self)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        guard(self)
        return super().delete(*args, **kwargs)
