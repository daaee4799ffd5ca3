"""Asking a provider's own API: one short request, and never a reason for anything else to fail."""

from __future__ import annotations

import json
import time

import structlog

from apps.calls.models import TelephonyAccount
from apps.calls.providers import PROVIDERS
from apps.calls.providers.base import ApiRequest, Json
from apps.core import http
from apps.core.errors import PlatformError

log = structlog.get_logger(__name__)


class ProviderSilent(PlatformError):
    """The provider's API gave no answer that means anything."""

    code = "provider_silent"
    message = "The provider's API did not answer."
    retryable = True


def ask(account: TelephonyAccount, request: ApiRequest, *, seconds: float) -> Json | None:
    """The answer's JSON object, empty for an answer without a body; None when the provider refuses.

    Raises ``ProviderSilent``.
    """
    address = (account.api_url or PROVIDERS[account.provider].api_url).rstrip("/")
    try:
        answer = http.send(
            method=request.method,
            url=address + request.path,
            deadline=time.monotonic() + seconds,
            headers=request.headers,
            json_body=request.body,
        )
        body = json.loads(answer.body) if answer.body else {}
    except PlatformError as error:
        log.warning("provider_silent", account=account.slug, error=error.code)
        raise ProviderSilent from None
    except (ValueError, RecursionError):
        log.warning("provider_silent", account=account.slug, error="no_json")
        raise ProviderSilent from None
    if answer.status >= 500:
        log.warning("provider_silent", account=account.slug, status=answer.status)
        raise ProviderSilent
    if not 200 <= answer.status < 300 or not isinstance(body, dict):
        log.warning("provider_refused", account=account.slug, status=answer.status)
        return None
    return body
