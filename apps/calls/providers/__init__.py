"""The providers we speak with, by the name that a telephony account carries."""

from __future__ import annotations

from apps.calls.providers.base import Provider
from apps.calls.providers.retell import Retell
from apps.calls.providers.vapi import Vapi

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (Retell(), Vapi())}
# What an operator means who names none.
DEFAULT_PROVIDER = next(iter(PROVIDERS))
