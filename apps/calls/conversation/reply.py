"""The envelope of every answer. Sentence and data are made from the same objects, here and in ``replies``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from apps.calls.models import Offer
from apps.calls.speech.say import say_label
from apps.scheduling.models import Appointment
from apps.scheduling.wish import Wish
from apps.services.models import Service

MAX_BYTES = 2_000
# Lists that may be cut from their end, longest first.
CUTTABLE = ("appointments", "services", "alternatives")
BOOKED = frozenset({"booked", "already_booked", "rescheduled"})

Confirmation = Literal["full", "brief", "none"]
Json = dict[str, Any]


@dataclass(slots=True)
class Reply:
    """One answer. ``extra`` holds the keys that only some functions add."""

    status: str
    say: str
    confirmation: Confirmation = "none"
    requested: Json | None = None
    service: Json | None = None
    slot: Json | None = None
    alternatives: list[Json] = field(default_factory=list)
    appointment: Json | None = None
    extra: Json = field(default_factory=dict)

    def envelope(self) -> Json:
        """The contract's object, at most 2 kB: lists are cut from the end, ``more`` counts what was left."""
        answer: Json = {
            "status": self.status,
            "say": self.say,
            "booked": self.status in BOOKED,
            "confirmation": self.confirmation,
            "requested": self.requested,
            "service": self.service,
            "slot": self.slot,
            "alternatives": list(self.alternatives),
            "appointment": self.appointment,
            **self.extra,
        }
        return _fitted(answer)


def size(answer: Json) -> int:
    """Bytes of the answer as it is sent."""
    return len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())


def _fitted(answer: Json) -> Json:
    left_out = 0
    for name in CUTTABLE:
        items = answer.get(name)
        while isinstance(items, list) and len(items) > 1 and size({**answer, "more": left_out}) > MAX_BYTES:
            items = answer[name] = items[:-1]
            left_out += 1
    if left_out:
        answer["more"] = left_out
    return answer


# The order of keys, level by level: a database that stores JSON as values does not keep it.
_SLOT = ("slot", "start", "say")
_SERVICE = ("slug", "name", "duration_minutes")
_APPOINTMENT = ("reference", "start", "service", "branch", "status")
_KEYS: dict[str, tuple[str, ...]] = {
    "": (
        "status", "say", "booked", "confirmation", "requested", "service", "slot", "alternatives",
        "appointment", "caller", "branch", "now", "services", "appointments", "more",
    ),
    "requested": ("date_from", "date_to", "time_from", "time_to", "missing"),
    "service": _SERVICE,
    "services": _SERVICE,
    "slot": _SLOT,
    "alternatives": _SLOT,
    "appointment": _APPOINTMENT,
    "appointments": _APPOINTMENT,
    "caller": ("known", "name"),
    "branch": ("slug", "name", "open_now", "next_opening"),
    "now": ("iso", "say"),
}  # fmt: skip


def in_order(answer: Json) -> Json:
    """A remembered envelope with its keys where the first answer had them: a retry hears the same bytes."""
    return {key: _inner(key, answer[key]) for key in _sorted(answer, "")}


def _inner(key: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_inner(key, item) for item in value]
    return {name: value[name] for name in _sorted(value, key)} if isinstance(value, dict) else value


def _sorted(value: Json, level: str) -> list[str]:
    order = _KEYS.get(level, ())
    return sorted(value, key=lambda name: order.index(name) if name in order else len(order))


def requested_of(wish: Wish) -> Json:
    """What was understood, as data."""
    return {
        "date_from": wish.date_from.isoformat() if wish.date_from else None,
        "date_to": wish.date_to.isoformat() if wish.date_to else None,
        "time_from": wish.time_from.strftime("%H:%M") if wish.time_from else None,
        "time_to": wish.time_to.strftime("%H:%M") if wish.time_to else None,
        "missing": list(wish.missing),
    }


def service_of(service: Service) -> Json:
    return {"slug": service.slug, "name": service.name, "duration_minutes": service.duration_minutes}


def offer_of(offer: Offer, *, now: datetime, language: str) -> Json:
    """An offered slot, with its start on the branch's clock."""
    start = offer.start.astimezone(now.tzinfo)
    return {
        "slot": offer.token,
        "start": start.isoformat(timespec="seconds"),
        "say": say_label(start, now=now, language=language),
    }


def appointment_of(appointment: Appointment, *, now: datetime) -> Json:
    return {
        "reference": appointment.reference,
        "start": appointment.start.astimezone(now.tzinfo).isoformat(timespec="seconds"),
        "service": appointment.service.name,
        "branch": appointment.branch.name,
        "status": appointment.status,
    }


def choices(names: Sequence[str]) -> list[str]:
    """At most three names: more cannot be remembered by ear."""
    return list(names[:3])
