"""Where a scripted call goes: the company behind a dialled number, its account's key, its calendar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import holidays

from apps.calls.models import AccountCompany, FunctionCall
from apps.sandbox.reading import ScenarioError
from apps.scheduling.models import Appointment, CalendarAccount
from apps.scheduling.versions import raise_version
from apps.services.models import BranchService
from apps.tenants.models import Company, PhoneNumber
from apps.tenants.scoping import all_companies

WEEKDAY_KEYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class RealCalendarError(ScenarioError):
    """A company's calendar is not a sandbox on this machine: it is never touched."""


@dataclass(frozen=True, slots=True)
class Bookable:
    """A service at the branch, and the event type behind it."""

    slug: str
    name: str
    minutes: int
    event_type: int


@dataclass(frozen=True, slots=True)
class Place:
    """One branch that can be called.

    ``taken`` are the starts and ends of the company's open appointments, ``asked`` the moments of its
    in-call functions of the last minute.
    """

    company: str
    company_name: str
    language: str
    disclosure: str
    branch: str
    branch_name: str
    number: str
    account: str
    signing_key: str = field(repr=False)
    provider: str = "retell"
    calendar_url: str = ""
    calendar_key: str = field(default="", repr=False)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    hours: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)
    closed: frozenset[date] = frozenset()
    holidays: str = ""
    services: Mapping[str, Bookable] = field(default_factory=dict)
    offers: int = 2
    taken: tuple[tuple[datetime, datetime], ...] = ()
    requests_per_minute: int = 100
    asked: tuple[datetime, ...] = ()

    def is_open(self, start: datetime) -> bool:
        """Whether the branch takes a start then: its weekday's hours, no closure, no feast day."""
        local = start.astimezone(self.zone)
        if local.date() in self.closed or self._is_holiday(local.date()):
            return False
        if not self.hours:
            return True
        clock = local.strftime("%H:%M")
        return any(
            opens <= clock < closes for opens, closes in self.hours.get(WEEKDAY_KEYS[local.weekday()], [])
        )

    def _is_holiday(self, day: date) -> bool:
        if not self.holidays:
            return False
        country, _, region = self.holidays.partition("-")
        return day in holidays.country_holidays(country, subdiv=region or None, years=day.year)

    def instant(self, day: date, minutes: int) -> datetime:
        """A wall clock time of the branch as an instant in its zone; the first of two that exist twice."""
        wall = datetime.combine(day, time(minutes // 60, minutes % 60), tzinfo=self.zone)
        return wall.astimezone(UTC).astimezone(self.zone)


def is_loopback(url: str) -> bool:
    """Whether an http address stays on this machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is never closed
        return False


def load_places(*, provider: str = "retell") -> list[Place]:
    """Every branch that can be reached through this provider and has a calendar, from the database."""
    with all_companies():
        served = AccountCompany.objects.filter(
            active=True, company__active=True, account__active=True
        ).select_related("account", "company")
        calendars = {one.company_id: one for one in CalendarAccount.objects.all()}
        places = []
        for link in served.order_by("account_id", "company_id"):
            if link.company_id in calendars and link.account.provider == provider:
                numbers = PhoneNumber.objects.filter(
                    company_id=link.company_id, active=True, branch__active=True
                )
                for number in numbers.select_related("branch").order_by("pk"):
                    places.append(_place(link, number, calendars[link.company_id]))
        return places


def _place(link: AccountCompany, number: PhoneNumber, calendar: CalendarAccount) -> Place:
    company: Company = link.company
    branch = number.branch
    return Place(
        company=company.slug,
        company_name=company.name,
        language=company.language,
        disclosure=company.disclosure,
        branch=branch.slug,
        branch_name=branch.name,
        number=number.number,
        account=link.account.slug,
        signing_key=link.account.signing_key,
        provider=link.account.provider,
        calendar_url=calendar.base_url.rstrip("/"),
        calendar_key=calendar.api_key,
        zone=company.zone,
        hours={day: [(opens, closes) for opens, closes in ranges] for day, ranges in branch.hours.items()},
        closed=frozenset(date.fromisoformat(day) for day in branch.closures),
        holidays=company.holidays,
        services=_services(branch.pk),
        offers=company.max_alternatives,
        taken=_taken(company.pk),
        requests_per_minute=company.requests_per_minute,
        asked=_asked(company.pk),
    )


def _services(branch_id: int) -> dict[str, Bookable]:
    offered = BranchService.objects.filter(branch_id=branch_id, active=True, service__active=True)
    return {
        one.service.slug: Bookable(
            one.service.slug, one.service.name, one.service.duration_minutes, one.event_type.external_id
        )
        for one in offered.select_related("service", "event_type")
    }


def _taken(company_id: int) -> tuple[tuple[datetime, datetime], ...]:
    standing = Appointment.objects.filter(company_id=company_id, status__in=Appointment.OPEN)
    return tuple(standing.values_list("start", "end"))


def _asked(company_id: int) -> tuple[datetime, ...]:
    minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    functions = FunctionCall.objects.filter(company_id=company_id, started_at__gte=minute_ago)
    return tuple(functions.values_list("started_at", flat=True))


def forget_calendar(company: str) -> None:
    """Make all cached answers of a company's calendar unreachable, as a booking does.

    What a script takes in the calendar is taken behind the platform's back; a real calendar tells.
    """
    with all_companies():
        places = BranchService.objects.filter(company__slug=company)
        raise_version(places.values_list("event_type_id", flat=True))


def find_place(places: list[Place], *, company: str, branch: str) -> Place:
    """The company's branch, or its first.

    Raises ``ScenarioError`` saying which there are, ``RealCalendarError`` for a calendar in use.
    """
    for place in places:
        if place.company == company and branch in ("", place.branch):
            if not is_loopback(place.calendar_url):
                raise RealCalendarError(
                    f"{company}: its calendar is no sandbox on loopback ({place.calendar_url})"
                )
            return place
    known = sorted({f"{place.company}/{place.branch}" for place in places}) or ["none"]
    raise ScenarioError(f"no branch to call: {company}/{branch or '*'} (the database has {', '.join(known)})")
