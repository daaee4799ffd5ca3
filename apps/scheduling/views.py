"""Cal.com's webhook: what was booked, moved or cancelled elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import json

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http.request import UnreadablePostError
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.machine_view import MachineView
from apps.core.refusals import REFUSED_WEBHOOK, Refusal, RefusalSchema
from apps.scheduling import following
from apps.scheduling.models import CalendarAccount
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope


class CalcomWebhookView(MachineView):
    """Signed over the raw bytes with the company's own secret; acknowledged once it is recorded."""

    @extend_schema(request=dict, responses={204: None, **REFUSED_WEBHOOK, 503: RefusalSchema})
    def post(self, request: Request, company: str) -> Response:
        try:
            return self._receive(request, company)
        except (OperationalError, InterfaceError) as error:
            raise Refusal("unavailable", retry_after=5) from error

    def _receive(self, request: Request, slug: str) -> Response:
        raw = self._raw(request)
        with all_companies():
            account = (
                CalendarAccount.objects.select_related("company")
                .filter(company__slug=slug, company__active=True)
                .first()
            )
        if account is None:
            raise Refusal("not_found")
        if not _signed(raw, request.headers.get("X-Cal-Signature-256", ""), account.webhook_secret):
            raise Refusal("unauthorized")
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise Refusal("bad_request") from error
        if not isinstance(body, dict):
            raise Refusal("bad_request")
        company: Company = account.company
        with company_scope(company.pk):
            CalendarAccount.objects.filter(pk=account.pk).update(webhook_received_at=timezone.now())
            try:
                following.apply_webhook(company, body)
            except IntegrityError:
                # Told of the same booking twice at once: now the other's row stands.
                following.apply_webhook(company, body)
        return Response(status=204)

    def _raw(self, request: Request) -> bytes:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.MAX_BODY_BYTES:
            raise Refusal("too_large")
        try:
            return request._request.body
        except RequestDataTooBig as error:
            raise Refusal("too_large") from error
        except UnreadablePostError as error:
            raise Refusal("bad_request") from error


def _signed(raw: bytes, header: str, secret: str) -> bool:
    """A missing secret never verifies: Cal.com then sends a literal instead of a signature."""
    if not secret:
        return False
    made = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), header.strip().lower().encode("utf-8", "replace"))
