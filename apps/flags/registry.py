"""Every feature flag: its name, what it means, what holds while nobody has set it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Flag(enum.StrEnum):
    """The flags that exist. A name in the database that is not here has no effect."""

    SKIP_ALTERNATIVES_FOR_VOICE = "skip_alternatives_for_voice"
    SLOT_HOLDS = "slot_holds"
    PREWARM = "prewarm"
    CALCOM_RESERVATIONS = "calcom_reservations"
    MESSAGES_ONLY = "messages_only"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A flag's meaning for operators and its default."""

    meaning: str | Promise
    default: bool


def declarations() -> dict[Flag, Declaration]:
    """All flags, in the order operators see them."""
    return _declarations(skip_alternatives=settings.FEATURE_SKIP_ALTERNATIVES_FOR_VOICE)


@cache
def _declarations(*, skip_alternatives: bool) -> dict[Flag, Declaration]:
    return {
        Flag.SKIP_ALTERNATIVES_FOR_VOICE: Declaration(
            _("A wish that is not free is answered at once, without looking for other times."),
            skip_alternatives,
        ),
        Flag.SLOT_HOLDS: Declaration(_("An offered slot is kept for the call that heard it."), True),
        Flag.PREWARM: Declaration(_("Free slots are fetched when a call begins."), True),
        Flag.CALCOM_RESERVATIONS: Declaration(
            _("Offered slots are also reserved in Cal.com, as a courtesy to its web bookers."), False
        ),
        Flag.MESSAGES_ONLY: Declaration(
            _("Kill switch: nothing is checked, booked or moved; callers are offered a callback."), False
        ),
    }
