"""A function's arguments under the names that agents really use. Wrong types count as not said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.calls.providers import tolerance

ALIASES: Mapping[str, tuple[str, ...]] = {
    "when": ("when",),
    "date": (
        "date", "datum", "appointment_date", "preferred_date", "date_text", "new_date", "new_datum",
    ),
    "time": (
        "time", "uhrzeit", "zeitraum", "preferred_time", "time_text", "new_time", "new_uhrzeit",
    ),
    "moment": ("datetime",),
    "service": ("service", "dienstleistung", "service_name"),
    "service_id": ("service_id",),
    "branch": ("branch", "filiale"),
    "slot": ("slot", "slot_token"),
    "name": ("customer_name", "name", "kundename"),
    "phone": ("customer_phone",),
    "email": ("customer_email",),
    "notes": ("notes",),
    "appointment": ("appointment", "appointment_ref", "reference"),
    "old_date": ("old_date", "old_datum"),
    "reason": ("reason", "topic"),
}  # fmt: skip
CONFIRMED = ("confirmed", "bestaetigung", "confirm_booking")
YES = frozenset({"true", "ja", "yes", "1", "wahr", "ok"})
NO = frozenset({"false", "nein", "no", "0", "falsch"})

# Every name an agent may use, for the exported definition and its test.
ALL_NAMES = frozenset(name for names in ALIASES.values() for name in names) | frozenset(CONFIRMED)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was said, as text; "" = not said. ``confirmed``: True, False, or None = not said."""

    when: str = ""
    date: str = ""
    time: str = ""
    moment: str = ""
    service: str = ""
    service_id: str = ""
    branch: str = ""
    slot: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    notes: str = ""
    appointment: str = ""
    old_date: str = ""
    reason: str = ""
    confirmed: bool | None = None

    @property
    def says_when(self) -> bool:
        """Whether any day or time was said."""
        return bool(self.when or self.date or self.time or self.moment)


def _confirmed(args: Mapping[str, Any]) -> bool | None:
    for name in CONFIRMED:
        value = args.get(name)
        if value is None:
            continue
        if isinstance(value, bool):
            return value
        word = tolerance.text(value, limit=20).casefold().rstrip(".!")
        if word in YES:
            return True
        if word in NO:
            return False
    return None


def read(args: Mapping[str, Any]) -> Arguments:
    """The arguments; an unresolved template (``{{name}}``) or "null" is not said."""
    values: dict[str, str] = {}
    for field, names in ALIASES.items():
        for name in names:
            said = tolerance.text(args[name]) if name in args else ""
            if (
                said
                and said.casefold() not in ("null", "none", "undefined")
                and not tolerance.UNRESOLVED.search(said)
            ):
                values[field] = said
                break
    return Arguments(**values, confirmed=_confirmed(args))
