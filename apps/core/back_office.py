"""The admin site: the theme's, with a second factor for those who have set one up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    AdminSite = UnfoldAdminSite


class BackOfficeConfig(AdminConfig):
    """``django.contrib.admin`` with the site below."""

    default_site = "apps.core.back_office.BackOffice"

    def ready(self) -> None:
        # It tells of every good sign-in in four lines.
        logging.getLogger("axes").setLevel(logging.WARNING)
        super().ready()


class BackOffice(AdminSite):
    """Whoever has a second factor gets in only with it; everybody may set one up."""

    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        from django_otp import user_has_device

        if not super().has_permission(request):
            return False
        user: Any = request.user
        return bool(user.is_verified()) or not user_has_device(user)

    def get_urls(self) -> list[Any]:
        from apps.core import second_factor

        page: URLPattern = path(
            "second-factor/", self.admin_view(second_factor.page), {"site": self}, name="second_factor"
        )
        return [page, *super().get_urls()]


def client_address(request: HttpRequest) -> str:
    """Whom a failed sign-in is counted against: behind our own proxy the address that it saw."""
    if settings.TRUST_PROXY:
        seen = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if seen:
            return str(seen)[:45]
    return str(request.META.get("REMOTE_ADDR", ""))
