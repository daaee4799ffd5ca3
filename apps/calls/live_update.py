"""Telling the agent of a call that is on something it does not know yet."""

from __future__ import annotations

from apps.calls.models import Call
from apps.calls.providers import PROVIDERS, api

SECONDS = 5.0


def tell_agent(call: Call, context: str) -> bool:
    """Whether the provider took it. ``context`` is in the call's language; false also for one that cannot."""
    account = call.account
    request = PROVIDERS[account.provider].live_update_request(
        call.external_id, key=account.signing_key, context=context
    )
    if request is None:
        return False
    try:
        return api.ask(account, request, seconds=SECONDS) is not None
    except api.ProviderSilent:
        return False
