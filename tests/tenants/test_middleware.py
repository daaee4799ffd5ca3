"""Which companies an operator's request sees."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apps.tenants.middleware import OperatorScopeMiddleware
from apps.tenants.models import Company
from apps.tenants.scoping import ALL, Scope, active_scope
from tests.factories import Business, make_operator

pytestmark = pytest.mark.django_db


def scope_of(user: AbstractUser | AnonymousUser, path: str = "/admin/") -> Scope | None:
    """The scope in which a view of this request runs."""
    seen: list[Scope | None] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(active_scope())
        return HttpResponse()

    request = RequestFactory().get(path)
    request.user = user
    OperatorScopeMiddleware(view)(request)
    assert active_scope() is None
    return seen[0]


def test_an_operator_sees_their_own_companies(company: Business, other_company: Business) -> None:
    operator = make_operator(company.company)
    assert scope_of(operator) == {company.company.pk}
    both = make_operator(company.company, other_company.company, username="both")
    assert scope_of(both) == {company.company.pk, other_company.company.pk}


def test_somebody_without_a_company_sees_none(company: Business) -> None:
    assert scope_of(make_operator()) == frozenset()
    assert scope_of(AnonymousUser()) == frozenset()


def test_a_superuser_sees_all() -> None:
    assert scope_of(make_operator(is_superuser=True)) is ALL


def test_elsewhere_no_scope_is_set(company: Business) -> None:
    for path in ("/webhooks/calcom/praxis-am-park/", "/health/ready/", "/administration/"):
        assert scope_of(make_operator(is_superuser=True, username=path), path) is None


def test_a_view_that_fails_leaves_no_scope_behind(company: Business) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise Company.DoesNotExist

    request = RequestFactory().get("/admin/")
    request.user = make_operator(company.company)
    with pytest.raises(Company.DoesNotExist):
        OperatorScopeMiddleware(view)(request)
    assert active_scope() is None
