"""Lifecycle events: stored once, applied in whatever order they come."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from apps.calls import facts
from apps.calls.models import AccountCompany, Call, CallEvent, TelephonyAccount
from apps.calls.opening_calls import ForeignCall, catch_up, open_call
from apps.calls.providers import PROVIDERS, tolerance
from apps.calls.providers.base import LifecycleEvent
from apps.calls.resolution import Destination, resolve
from apps.core import counts, runtime
from apps.core.limits import Rate
from apps.core.refusals import Refusal
from apps.scheduling import prewarming
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies, company_scope

log = structlog.get_logger(__name__)


def dedup_key(event: LifecycleEvent) -> str:
    """What makes an event the same event: name and call, for transfers also destination and start."""
    return hashlib.sha256(f"{event.name}\x1f{event.line.call_id}\x1f{event.identity}".encode()).hexdigest()


def ingest(account: TelephonyAccount, event: LifecycleEvent) -> bool:
    """Store and apply an event; False when it was here before. An unknown number's has no tenant.

    Raises ``Refusal`` over the limit of events.
    """
    if not event.recognised:
        counts.note("events_not_recognised")
        log.warning(
            "event_not_recognised",
            account=account.slug,
            kind=event.name,
            reason=event.disconnection_reason,
        )
    destination = _destination(account, event)
    if destination is None:
        return _keep_without_tenant(account, event)
    _require_rate(str(destination.company_id))
    try:
        with company_scope(destination.company_id):
            return _ingest_known(account, event, destination)
    except ForeignCall:
        log.warning("call_of_two_companies", account=account.slug, kind=event.name)
        return _keep_without_tenant(account, event)


def _keep_without_tenant(account: TelephonyAccount, event: LifecycleEvent) -> bool:
    _require_rate(f"unknown/{account.pk}")
    with all_companies():
        stored = _store_of_nobody(account, event)
        if stored and event.line.call_id:
            # The call may have been opened while this was stored.
            for call in Call.objects.filter(account_id=account.pk, external_id=event.line.call_id):
                catch_up(account, call)
    return stored


def _require_rate(whose: str) -> None:
    """Each company has its own limit; what is nobody's has one per account, and uses up no company's."""
    rate = Rate.per_minute(settings.EVENTS_PER_MINUTE)
    decision = runtime.rate_limits().allow(f"events/{whose}", rate)
    if not decision.allowed:
        counts.note("events_refused_over_rate")
        raise Refusal("rate_limited", retry_after=max(1, math.ceil(decision.retry_after)))


def _destination(account: TelephonyAccount, event: LifecycleEvent) -> Destination | None:
    """Where the event's call leads: by its number, or where the call is known already by where it began."""
    if not event.line.call_id:
        return None
    found = resolve(account, event.line)
    if found is not None:
        return found
    with all_companies():
        row = (
            Call.objects.filter(account_id=account.pk, external_id=event.line.call_id)
            .values_list("company_id", "branch_id")
            .first()
        )
    return None if row is None else Destination(company_id=row[0], branch_id=row[1])


def _ingest_known(account: TelephonyAccount, event: LifecycleEvent, destination: Destination) -> bool:
    with transaction.atomic():
        call = open_call(account, event.line, destination, state=Call.State.INBOUND)
        stored = take_in(account, event, call)
    if stored and event.kind == "started":
        prewarming.prewarm_branch(call.branch_id)
    return stored


def take_in(account: TelephonyAccount, event: LifecycleEvent, call: Call) -> bool:
    """Store and apply an event of a known call; False when it was here before."""
    keep_words = keeps_words(call.company_id)
    with transaction.atomic():
        # One event of a call after the other: each merges into what the one before has left.
        locked = Call.objects.select_for_update(no_key=True).get(pk=call.pk)
        # Of a growing transcript every version counts, and none is kept but the longest.
        if event.kind != "transcript" and not _store(account, event, locked, keep_words=keep_words):
            return False
        facts.apply(locked, event, keep_words=keep_words)
    return True


def keeps_words(company_id: int) -> bool:
    """Whether the company stores what was spoken."""
    return Company.objects.filter(pk=company_id, store_transcripts=True).exists()


def _everybody_keeps_words(account: TelephonyAccount) -> bool:
    """Whose call it is may be known later: words are kept only if it can be nobody who does not keep them."""
    served = AccountCompany.objects.filter(account_id=account.pk, active=True)
    return not served.filter(company__store_transcripts=False).exists()


def _store_of_nobody(account: TelephonyAccount, event: LifecycleEvent) -> bool:
    """Keep an event without a tenant; of a growing transcript the longest."""
    if _store(account, event, None, keep_words=_everybody_keeps_words(account)):
        return True
    if event.kind != "transcript":
        return False
    with transaction.atomic():
        same = CallEvent.objects.filter(account_id=account.pk, dedup_key=dedup_key(event))
        for row in same.filter(company__isnull=True).select_for_update(no_key=True):
            before = PROVIDERS[account.provider].event(row.payload)
            if facts.length(event.transcript, event.transcript_turns) > facts.length(
                before.transcript, before.transcript_turns
            ):
                row.payload = _payload(account, event, keep_words=_everybody_keeps_words(account))
                row.save(update_fields=["payload"])
    return True


def _store(account: TelephonyAccount, event: LifecycleEvent, call: Call | None, *, keep_words: bool) -> bool:
    try:
        with transaction.atomic():
            CallEvent.objects.create(
                company_id=call.company_id if call is not None else None,
                account_id=account.pk,
                call_id=call.pk if call is not None else None,
                kind=event.name,
                dedup_key=dedup_key(event),
                external_id=event.line.call_id,
                recognised=event.recognised,
                payload=_payload(account, event, keep_words=keep_words),
            )
    except IntegrityError:
        return False
    return True


def _payload(account: TelephonyAccount, event: LifecycleEvent, *, keep_words: bool) -> Any:
    """The event as it came; without what was spoken where that is not kept."""
    kept = tolerance.storable(dict(event.raw))
    return kept if keep_words else _without(kept, PROVIDERS[account.provider].spoken_keys)


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    if isinstance(value, list):
        return [_without(item, keys) for item in value]
    return value
