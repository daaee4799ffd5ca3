"""Whose rows are meant: the scope in force, a context variable that knows no framework.

A scope is a set of companies (one for a call or a task, several for an operator) or, named
explicitly, all of them. A new thread starts without one. Both walls read it: the managers in
``apps.tenants.scoping`` and, on PostgreSQL, the database connection, which announces it to the
row level security policies in every transaction.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from apps.core.errors import PlatformError


class ScopeMissing(PlatformError):
    """A tenant table was touched without saying whose rows are meant."""

    code = "scope_missing"
    message = "A tenant table was used outside a company scope."


class ScopeViolation(PlatformError):
    """A row of a company outside the scope was about to be written."""

    code = "scope_violation"
    message = "A row of another company was about to be written."


class _All(enum.Enum):
    """The scope of sweeps and superusers."""

    ALL = "all"


ALL: Final = _All.ALL
Scope = frozenset[int] | _All

_scope: ContextVar[Scope | None] = ContextVar("company_scope", default=None)


@contextmanager
def company_scope(company_id: int) -> Iterator[None]:
    """Everything inside belongs to this one company."""
    token = _scope.set(frozenset({company_id}))
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def companies_scope(company_ids: Iterable[int]) -> Iterator[None]:
    """Everything inside belongs to these companies (an operator of several)."""
    token = _scope.set(frozenset(company_ids))
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def all_companies() -> Iterator[None]:
    """Sweeps and superusers: every company, named explicitly."""
    token = _scope.set(ALL)
    try:
        yield
    finally:
        _scope.reset(token)


def active_scope() -> Scope | None:
    """The scope in force, or None."""
    return _scope.get()


def current_scope() -> Scope:
    """The scope in force; raises ``ScopeMissing`` without one."""
    scope = _scope.get()
    if scope is None:
        raise ScopeMissing
    return scope


def current_company_id() -> int:
    """The one company of the scope; raises ``ScopeMissing`` when it is not exactly one."""
    scope = current_scope()
    if scope is ALL or len(scope) != 1:
        raise ScopeMissing
    return next(iter(scope))


def scope_allows(company_id: int | None) -> bool:
    """Whether a row of this company may be written now. A row without a company needs ``ALL``."""
    scope = current_scope()
    return scope is ALL or company_id in scope


def announcement() -> str:
    """The scope as the policies read it: ``all``, a list such as ``{3,17}``, or "" for none."""
    scope = _scope.get()
    if scope is None:
        return ""
    if scope is ALL:
        return "all"
    return "{" + ",".join(str(int(company_id)) for company_id in sorted(scope)) + "}"
