"""The world of the chaos: companies, each with a calendar of its own, and callers who want their times.

Used by ``benchmarks.chaos`` with real processes and by ``tests/chaos`` inside one. Needs Django set up.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
SIGNING_KEY = "key_of_the_chaos_0123456789abcdef"
OPENS, CLOSES = 7, 21
MINUTES = 30
WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@dataclass(frozen=True, slots=True)
class Bookable:
    """A service: its slug, the event type behind it, and how many can be served at once."""

    slug: str
    event_type: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Practice:
    """A company that can be called, and the calendar account it books in."""

    company_id: int
    slug: str
    account: str
    number: str
    username: str
    key: str
    services: tuple[Bookable, ...]


def key_of(index: int) -> str:
    return f"cal_chaos_{index:02d}"


def username_of(index: int) -> str:
    return f"practice{index:02d}"


def services_of(index: int) -> tuple[Bookable, ...]:
    """One person alone, a team of two, and one whose appointments the business must confirm."""
    first = 1_000 + 10 * index
    return (
        Bookable("allein", first, 1),
        Bookable("team", first + 1, 2),
        Bookable("anfrage", first + 2, 1),
    )


def scenario(practices: int) -> dict[str, Any]:
    """The calendars, as the sandbox takes them: open every day from seven to nine."""
    return {"accounts": [_account(index) for index in range(practices)]}


def _account(index: int) -> dict[str, Any]:
    hours = {"days": WEEK, "startTime": f"{OPENS:02d}:00", "endTime": f"{CLOSES:02d}:00"}
    alone, team, asked = services_of(index)
    common = {"length": MINUTES, "email_required": False, "phone": "required"}
    hosts = [{"username": f"p{index:02d}h{number}", "name": f"Host {number}"} for number in range(4)]
    names = [str(one["username"]) for one in hosts]
    return {
        "key": key_of(index),
        "username": username_of(index),
        "timezone": "Europe/Berlin",
        "rate_limit": 10_000_000,
        "schedules": [{"availability": [hours]}],
        "hosts": hosts,
        "event_types": [
            {"id": alone.event_type, "title": "Allein", "slug": "allein", "hosts": names[:1], **common},
            {
                "id": team.event_type,
                "title": "Team",
                "slug": "team",
                "hosts": names[1:3],
                "scheduling": "roundRobin",
                "team_id": 7,
                **common,
            },
            {
                "id": asked.event_type,
                "title": "Anfrage",
                "slug": "anfrage",
                "hosts": names[3:],
                "requires_confirmation": True,
                "pending_blocks": True,
                **common,
            },
        ],
    }


def as_toml(value: Any) -> str:
    """A scenario as TOML, each table on its key's line."""
    return "".join(f"{name} = {_inline(one)}\n" for name, one in value.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_inline(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def make_practices(count: int, *, base_url: str, company: dict[str, Any] | None = None) -> list[Practice]:
    """The companies' rows; ``company``: settings that are not the default."""
    from apps.tenants.scoping import company_scope
    from tests.factories import make_business, make_event_type, make_place, make_service

    practices = []
    for index in range(count):
        alone, *others = services_of(index)
        business = make_business(
            f"practice-{index:02d}",
            number=f"+49301000{index:04d}",
            event_type=alone.event_type,
            base_url=base_url,
            company=company,
            service={"slug": alone.slug, "name": "Allein", "synonyms": [], "duration_minutes": MINUTES},
        )
        business.account.signing_key = SIGNING_KEY
        business.account.save()
        with company_scope(business.company.pk):
            business.calendar.api_key = key_of(index)
            business.calendar.save()
        for one in others:
            service = make_service(
                business.company,
                slug=one.slug,
                name=one.slug.title(),
                synonyms=[],
                duration_minutes=MINUTES,
                capacity=one.capacity,
            )
            calendar = make_event_type(one.event_type, base_url=base_url)
            make_place(business.branch, service=service, event_type=calendar)
        practices.append(
            Practice(
                company_id=business.company.pk,
                slug=business.company.slug,
                account=business.account.slug,
                number=business.number.number,
                username=username_of(index),
                key=key_of(index),
                services=services_of(index),
            )
        )
    return practices


@dataclass(frozen=True, slots=True)
class Want:
    """What one caller wants."""

    practice: Practice
    service: Bookable
    start: datetime


def wanted(rng: random.Random, practices: list[Practice], *, days: int) -> Want:
    """A wish; the first practices, the first days and the morning are what most people want."""
    practice = practices[min(rng.randrange(len(practices)), rng.randrange(len(practices)))]
    service = rng.choices(practice.services, weights=(5, 4, 1))[0]
    ahead = min(int(rng.expovariate(2.2 / days)), days - 1)
    hour = OPENS + min(int(rng.expovariate(1 / 4)), CLOSES - OPENS - 1)
    day = today() + timedelta(days=1 + ahead)
    return Want(practice, service, datetime.combine(day, time(hour, rng.choice((0, 30))), tzinfo=BERLIN))


def today() -> date:
    return datetime.now(BERLIN).date()
