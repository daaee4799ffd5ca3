"""Every address of the installation."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.calls.views import EventsView, FunctionsView, InboundView
from apps.operations.metrics import MetricsView
from apps.operations.views import LiveView, ReadyView
from apps.scheduling.views import CalcomWebhookView

handler400 = "apps.core.refusals.bad_request"
handler404 = "apps.core.refusals.not_found"
handler500 = "apps.core.refusals.server_error"

urlpatterns = [
    path("webhooks/telephony/<slug:account>/functions/", FunctionsView.as_view(), name="functions"),
    path("webhooks/telephony/<slug:account>/events/", EventsView.as_view(), name="events"),
    path("webhooks/telephony/<slug:account>/inbound/", InboundView.as_view(), name="inbound"),
    path("webhooks/calcom/<slug:company>/", CalcomWebhookView.as_view(), name="calcom"),
    path("health/live/", LiveView.as_view(), name="live"),
    path("health/ready/", ReadyView.as_view(), name="ready"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # "Split": the page's script has an address of its own, so that no inline script has to be allowed.
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("metrics/", MetricsView.as_view(), name="metrics"),
    path("admin/language/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
