"""Work of the operations side that nobody waits for."""

from __future__ import annotations

import time

import structlog
from celery import shared_task

from apps.calls.models import TelephonyAccount
from apps.calls.providers import PROVIDERS
from apps.calls.providers.base import ApiRequest
from apps.core import http
from apps.core.background import enqueue
from apps.core.errors import PlatformError

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 20.0
# Each below the hour after which a queue in Redis hands a waiting task out again.
WAITS = (300, 1_800, 3_000, 3_000, 3_000)


@shared_task(name="operations.purge_expired")
def purge_expired() -> None:
    """Forget what every company's retention no longer allows to be kept."""
    from apps.operations import retention

    retention.purge_all()


def erase_provider_copy_later(account_id: int, external_id: str) -> bool:
    """Queue the erasure of a call at its provider."""
    return enqueue(erase_provider_copy, account_id, external_id, 0)


@shared_task(name="operations.erase_provider_copy")
def erase_provider_copy(account_id: int, external_id: str, tries: int) -> None:
    """Ask the provider to erase its copy of a call; asked again later when it does not answer.

    What the provider does not know any more is erased. What it refuses for good is logged for the
    operator, with the provider's own id of the call and nothing else.
    """
    account = TelephonyAccount.objects.filter(pk=account_id).first()
    provider = PROVIDERS.get(account.provider) if account is not None else None
    if account is None or provider is None:
        return
    request = provider.erasure_request(external_id, key=account.signing_key)
    if request is None:
        log.warning("provider_copy_not_erasable", account=account.slug)
        return
    status = _ask(f"{account.api_url or provider.api_url}{request.path}", request)
    if status in (200, 202, 204, 404, 410):
        log.info("provider_copy_erased", account=account.slug)
    elif (status == 0 or status == 429 or status >= 500) and tries < len(WAITS):
        enqueue(erase_provider_copy, account_id, external_id, tries + 1, seconds=WAITS[tries])
    else:
        log.error("provider_copy_not_erased", account=account.slug, status=status)


def _ask(url: str, request: ApiRequest) -> int:
    """The status of the provider's answer; 0 when there was none."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        answer = http.send(method=request.method, url=url, headers=request.headers, deadline=deadline)
    except PlatformError as error:
        log.info("provider_not_reached", error=error.code)
        return 0
    return answer.status
