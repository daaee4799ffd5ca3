"""The scope of an operator's request: their companies; a superuser's: all; a stranger's: none."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.tenants.models import Membership
from apps.tenants.scoping import all_companies, companies_scope


class OperatorScopeMiddleware:
    """Sets the scope for the back office; every other address sets its own or needs none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        user = request.user
        if user.is_authenticated and user.is_superuser:
            with all_companies():
                return self.get_response(request)
        company_ids = Membership.company_ids_of(user.pk) if user.is_authenticated else ()
        with companies_scope(company_ids):
            return self.get_response(request)
