"""A company's file after it was checked: plain values, secrets kept out of every repr."""

from __future__ import annotations

from dataclasses import dataclass, field

Hours = dict[str, list[list[str]]]
Answer = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class CompanyPart:
    """``[company]`` without its tables; the names are those of the company's row."""

    slug: str
    name: str
    timezone: str
    language: str
    holidays: str
    requests_per_minute: int
    fallback_number: str
    disclosure: str
    email_placeholder: str
    retention_days: int
    store_transcripts: bool
    max_alternatives: int
    active: bool
    targets: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """``[company.calcom]``; ``base_url`` is normalised, so that one calendar is one address."""

    base_url: str
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TelephonyPart:
    """One ``[[telephony]]``; None where the file leaves it to the account's owner."""

    path: str
    account: str
    provider: str | None
    signing_key: str | None = field(repr=False)
    web_calls_branch: str | None


@dataclass(frozen=True, slots=True)
class NumberPart:
    """One number of a branch."""

    path: str
    number: str
    active: bool


@dataclass(frozen=True, slots=True)
class BranchPart:
    """One ``[[branches]]``; hours as they are stored: ``{"mon": [["09:00", "13:00"]]}``."""

    path: str
    slug: str
    name: str
    numbers: tuple[NumberPart, ...]
    closures: list[str]
    hours: Hours
    active: bool


@dataclass(frozen=True, slots=True)
class ServicePart:
    """One ``[[services]]``; ``event_types`` maps a branch's slug to Cal.com's event type id."""

    path: str
    slug: str
    name: str
    synonyms: list[str]
    duration_minutes: int
    minimum_notice_minutes: int
    cancel_notice_minutes: int
    max_moves: int | None
    max_open_appointments: int | None
    capacity: int
    event_types: dict[str, int]
    booking_fields: dict[str, Answer]
    active: bool


@dataclass(frozen=True, slots=True)
class Document:
    """The whole file."""

    company: CompanyPart
    calendar: CalendarPart
    telephony: tuple[TelephonyPart, ...]
    branches: tuple[BranchPart, ...]
    services: tuple[ServicePart, ...]
