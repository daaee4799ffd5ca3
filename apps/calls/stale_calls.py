"""Calls whose end was never told: the provider is asked, then they are closed.

A call that nobody closes keeps what it held, is never compared with what was booked in it, and stands
as ongoing for ever.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.calls import events, lifecycle
from apps.calls.models import Call
from apps.calls.providers import PROVIDERS, api
from apps.calls.providers.base import LifecycleEvent
from apps.tenants.scoping import all_companies, company_scope

log = structlog.get_logger(__name__)

State = Call.State
REASON = "stale"
MOST = 200
# For one question, and for all of them: what is left is looked at by the next run.
ASK_SECONDS = 5.0
RUN_SECONDS = 120.0


def close_stale_calls() -> int:
    """Close every call that began ``STALE_CALL_MINUTES`` ago and is not over; returns how many are now.

    Its provider is asked first: what it knows is applied like an event, and a call that it says is still
    on stays open. A provider that cannot be asked, or does not answer, leaves the reason ``stale``.
    """
    began_before = timezone.now() - timedelta(minutes=settings.STALE_CALL_MINUTES)
    with all_companies():
        open_calls = Call.objects.filter(
            state__in=[State.INBOUND, State.ONGOING], created_at__lt=began_before
        )
        rows = list(open_calls.order_by("id").values_list("company_id", "pk")[:MOST])
    sweep = _Sweep(until=time.monotonic() + RUN_SECONDS)
    closed = 0
    for company_id, call_id in rows:
        if time.monotonic() > sweep.until:
            break
        with company_scope(company_id):
            closed += sweep.close(call_id)
    return closed


class _Sweep:
    """One run. A provider that has failed to answer once is not asked again in it."""

    def __init__(self, *, until: float) -> None:
        self.until = until
        self._silent: set[int] = set()

    def close(self, call_id: int) -> bool:
        """Whether the call is over now."""
        call = Call.objects.select_related("account").get(pk=call_id)
        event = self._ask(call)
        if event is None or event.line.call_id != call.external_id:
            _close_unheard(call)
        elif event.kind == "started":
            return False
        else:
            events.take_in(call.account, event, call)
        return True

    def _ask(self, call: Call) -> LifecycleEvent | None:
        """How the call stands with its provider; None when it cannot be asked or does not know it."""
        account = call.account
        provider = PROVIDERS[account.provider]
        question = provider.call_request(call.external_id, key=account.signing_key)
        if question is None or account.pk in self._silent:
            return None
        try:
            told = api.ask(account, question, seconds=ASK_SECONDS)
        except api.ProviderSilent:
            self._silent.add(account.pk)
            return None
        return None if told is None else provider.call_event(told)


def _close_unheard(call: Call) -> None:
    """Over, as far as anybody knows. Whatever is told later still counts."""
    log.warning("stale_call_closed", call=call.pk)
    with transaction.atomic():
        Call.objects.filter(pk=call.pk, disconnection_reason="").update(disconnection_reason=REASON)
        lifecycle.advance(call, to=State.COMPLETED, event=REASON)
