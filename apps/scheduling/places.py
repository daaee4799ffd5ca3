"""A service at a branch with the calendar behind it, as one immutable value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from apps.core.prepared import Prepared, Row, Statement, columns, instance
from apps.scheduling.models import CalendarAccount
from apps.scheduling.opening import OpeningRules
from apps.services.models import BranchService, Service
from apps.tenants.models import Branch, Company
from apps.tenants.scoping import company_scope


@dataclass(frozen=True, slots=True)
class Calendar:
    """Access to a company's Cal.com; the key stays out of every repr."""

    account_id: int
    company_id: int
    base_url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Calendar(account_id={self.account_id})"


@dataclass(frozen=True, slots=True)
class Place:
    """What is asked and booked. ``version`` and ``raised_at`` are as old as this value."""

    id: int
    company: Company
    branch: Branch
    service: Service
    event_type_id: int
    external_id: int
    version: int
    raised_at: datetime | None
    empty_since: datetime | None
    email_required: bool | None
    calendar: Calendar
    opening: OpeningRules

    @property
    def zone(self) -> ZoneInfo:
        return self.opening.zone

    @property
    def duration(self) -> timedelta:
        return timedelta(minutes=self.service.duration_minutes)

    def bounds(self, first: date, last: date) -> tuple[datetime, datetime]:
        """The days from ``first`` to ``last`` on the branch's clock: their beginning and their end (half
        open). As UTC: two times of one zone are compared by the clock's hands, not as instants."""
        return self._midnight(first), self._midnight(last + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, tzinfo=self.zone).astimezone(UTC)


def opening_of(branch: Branch, company: Company) -> OpeningRules:
    """The branch's opening rules."""
    return OpeningRules.of(
        zone=company.zone, hours=branch.hours, closures=branch.closures, region=company.holidays
    )


def load_places(company: Company) -> list[Place]:
    """Every bookable place of the company in scope, in the order of its file.

    The calendar's version is read in this very query, so that no answer older than it is ever used.
    """
    return places_of(company, bookable(company.pk).rows())


def bookable(company_id: int) -> Statement:
    """That query, to be sent together with others."""
    return _bookable.bound(company=company_id)


def places_of(company: Company, rows: Iterable[Row]) -> list[Place]:
    """The places that its rows stand for. A company without a calendar books nothing."""
    known: dict[int, tuple[Branch, OpeningRules]] = {}
    return [_place(row, company, known) for row in rows if row[_ACCOUNT_AT] is not None]


def calendar_of(company_id: int) -> Calendar | None:
    """Access to a company's calendar."""
    account = CalendarAccount.objects.filter(company_id=company_id).first()
    if account is None:
        return None
    return Calendar(account.pk, company_id, account.base_url, account.api_key)


OWN = ("pk", "event_type_id")
EVENT_TYPE = ("external_id", "version", "raised_at", "empty_since", "email_required")
ACCOUNT = ("pk", "base_url", "api_key")
_ACCOUNT_AT = len(OWN) + len(EVENT_TYPE)
_TO_BRANCH = len(OWN) + len(EVENT_TYPE) + len(ACCOUNT)
_TO_SERVICE = _TO_BRANCH + len(columns(Branch))


def _build(*, company: int) -> QuerySet[BranchService, Row]:
    with company_scope(company):
        return (
            BranchService.objects.filter(active=True, service__active=True, branch__active=True)
            .order_by("service__position", "service_id", "branch_id")
            .values_list(
                *OWN,
                *(f"event_type__{name}" for name in EVENT_TYPE),
                *(f"company__calendar_account__{name}" for name in ACCOUNT),
                *columns(Branch, under="branch"),
                *columns(Service, under="service"),
            )
        )


_bookable = Prepared(_build, company=int)


def _place(row: Row, company: Company, known: dict[int, tuple[Branch, OpeningRules]]) -> Place:
    id_, event_type_id, *event_type, account_id, base_url, api_key = row[:_TO_BRANCH]
    external_id, version, raised_at, empty_since, email_required = event_type
    branch_id = row[_TO_BRANCH]
    if branch_id not in known:
        found: Branch = instance(Branch, row[_TO_BRANCH:_TO_SERVICE])
        known[branch_id] = found, opening_of(found, company)
    branch, opening = known[branch_id]
    return Place(
        id=id_,
        company=company,
        branch=branch,
        service=instance(Service, row[_TO_SERVICE:]),
        event_type_id=event_type_id,
        external_id=external_id,
        version=version,
        raised_at=raised_at,
        empty_since=empty_since,
        email_required=email_required,
        calendar=Calendar(account_id, company.pk, base_url, api_key),
        opening=opening,
    )
