"""Rows for tests, made by plain functions: every value can be given, none has to be.

Each function enters the scope it needs, so that tests enter only the scopes they are about.
``make_business`` makes a whole company that a call can reach; two of them with different slugs
and numbers never touch each other, except for the event type, which they may share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.utils import timezone

from apps.calls.models import AccountCompany, Call, Offer, TelephonyAccount
from apps.scheduling.models import Appointment, BookingAttempt, CalendarAccount, Customer
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, Membership, PhoneNumber
from apps.tenants.scoping import all_companies, company_scope

BERLIN = ZoneInfo("Europe/Berlin")
BASE_URL = "http://127.0.0.1:8600/v2"
API_KEY = "cal_test_0123456789abcdef"
WEBHOOK_SECRET = "calendar-webhook-secret-of-the-tests"
SIGNING_KEY = "key_0123456789abcdef0123456789ab"
NUMBER = "+493012345678"
OTHER_NUMBER = "+493087654321"
CALLER = "+491701234567"
# A working week; tests about hours give their own.
OFFICE_HOURS = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


@dataclass(frozen=True, slots=True)
class Business:
    """A company that a call can reach: one branch, one number, one service, its calendar, its account."""

    company: Company
    branch: Branch
    number: PhoneNumber
    service: Service
    place: BranchService
    event_type: EventType
    calendar: CalendarAccount
    account: TelephonyAccount


def make_company(slug: str = "praxis-am-park", **values: Any) -> Company:
    """A German company in Berlin, without holidays."""
    with all_companies():
        return Company.objects.create(slug=slug, **{"name": slug.replace("-", " ").title(), **values})


def make_branch(company: Company, *, slug: str = "nord", **values: Any) -> Branch:
    """A branch without restriction of hours."""
    with company_scope(company.pk):
        return Branch.objects.create(
            company=company, slug=slug, **{"name": f"Filiale {slug.title()}", **values}
        )


def make_number(branch: Branch, *, number: str = NUMBER, active: bool = True) -> PhoneNumber:
    """A number that leads to the branch."""
    return PhoneNumber.objects.create(
        number=number, company_id=branch.company_id, branch_id=branch.pk, active=active
    )


def make_event_type(external_id: int = 123, *, base_url: str = BASE_URL) -> EventType:
    """The event type, made once however often it is asked for."""
    return EventType.objects.get_or_create(base_url=base_url, external_id=external_id)[0]


def make_service(company: Company, *, slug: str = "fusspflege", **values: Any) -> Service:
    """A service of 45 minutes without notice."""
    defaults: dict[str, Any] = {"name": "Fußpflege", "synonyms": ["Pediküre"], "duration_minutes": 45}
    with company_scope(company.pk):
        return Service.objects.create(company=company, slug=slug, **{**defaults, **values})


def make_place(
    branch: Branch, *, service: Service, event_type: EventType | None = None, active: bool = True
) -> BranchService:
    """The service at the branch."""
    with company_scope(branch.company_id):
        return BranchService.objects.create(
            company_id=branch.company_id,
            branch=branch,
            service=service,
            event_type=event_type or make_event_type(),
            active=active,
        )


def make_calendar(company: Company, **values: Any) -> CalendarAccount:
    """The company's access to the calendar."""
    defaults = {"base_url": BASE_URL, "api_key": API_KEY, "webhook_secret": WEBHOOK_SECRET}
    with company_scope(company.pk):
        return CalendarAccount.objects.create(company=company, **{**defaults, **values})


def make_account(
    owner: Company, *, slug: str = "retell-main", serves: Iterable[Company] = (), **values: Any
) -> TelephonyAccount:
    """A telephony account that serves its owner and the companies given."""
    defaults = {"provider": "retell", "signing_key": SIGNING_KEY}
    account = TelephonyAccount.objects.create(slug=slug, owner=owner, **{**defaults, **values})
    for company in {owner.pk: owner, **{company.pk: company for company in serves}}.values():
        AccountCompany.objects.create(account=account, company=company)
    return account


def make_business(
    slug: str = "praxis-am-park",
    *,
    number: str = NUMBER,
    event_type: int = 123,
    base_url: str = BASE_URL,
    account: TelephonyAccount | None = None,
    company: Mapping[str, Any] | None = None,
    branch: Mapping[str, Any] | None = None,
    service: Mapping[str, Any] | None = None,
) -> Business:
    """A whole company; ``company``, ``branch`` and ``service`` override single values of their rows.

    With ``account`` the company joins that telephony account, otherwise it gets ``<slug>-phone``.
    """
    company_row = make_company(slug, **(company or {}))
    branch_row = make_branch(company_row, **(branch or {}))
    service_row = make_service(company_row, **(service or {}))
    event_type_row = make_event_type(event_type, base_url=base_url)
    if account is None:
        account = make_account(company_row, slug=f"{slug}-phone")
    else:
        AccountCompany.objects.create(account=account, company=company_row)
    return Business(
        company=company_row,
        branch=branch_row,
        number=make_number(branch_row, number=number),
        service=service_row,
        place=make_place(branch_row, service=service_row, event_type=event_type_row),
        event_type=event_type_row,
        calendar=make_calendar(company_row, base_url=base_url),
        account=account,
    )


def make_customer(company: Company, *, phone: str | None = CALLER, **values: Any) -> Customer:
    """A customer known by number, or by nothing when ``phone`` is None."""
    with company_scope(company.pk):
        return Customer.objects.create(company=company, phone=phone, **values)


def make_call(business: Business, *, external_id: str = "call_1", **values: Any) -> Call:
    """An ongoing call to the business from the tests' caller."""
    defaults: dict[str, Any] = {
        "account": business.account,
        "branch": business.branch,
        "state": Call.State.ONGOING,
        "caller_number": CALLER,
        "started_at": timezone.now(),
    }
    with company_scope(business.company.pk):
        return Call.objects.create(
            company=business.company, external_id=external_id, **{**defaults, **values}
        )


def make_offer(
    call: Call, *, place: BranchService, start: datetime, round: int = 1, position: int = 0
) -> Offer:
    """A slot that this call has heard."""
    with company_scope(call.company_id):
        return Offer.objects.create(
            company_id=call.company_id, call=call, place=place, start=start, round=round, position=position
        )


def make_appointment(
    business: Business,
    *,
    start: datetime,
    uid: str = "uid-1",
    customer: Customer | None = None,
    **values: Any,
) -> Appointment:
    """A confirmed appointment, as long as the service takes."""
    defaults: dict[str, Any] = {
        "branch": business.branch,
        "service": business.service,
        "event_type": business.event_type,
        "status": Appointment.Status.CONFIRMED,
        "end": start + timedelta(minutes=business.service.duration_minutes),
        "root_uid": uid,
    }
    with company_scope(business.company.pk):
        return Appointment.objects.create(
            company=business.company,
            start=start,
            calendar_uid=uid,
            customer=customer,
            **{**defaults, **values},
        )


def make_attempt(
    business: Business, *, start: datetime, key: str = "wish-1", owner: str = "call:1", **values: Any
) -> BookingAttempt:
    """An attempt to book that is about to be sent; ``key`` makes both of its keys."""
    defaults: dict[str, Any] = {
        "kind": BookingAttempt.Kind.BOOK,
        "branch": business.branch,
        "service": business.service,
        "event_type": business.event_type,
        "end": start + timedelta(minutes=business.service.duration_minutes),
        "attendee_name": "Erika Muster",
        "attendee_phone": CALLER,
        "check_at": timezone.now(),
    }
    with company_scope(business.company.pk):
        return BookingAttempt.objects.create(
            company=business.company,
            start=start,
            idempotency_key=key,
            calendar_key=f"ck-{business.company.pk}-{key}",
            owner=owner,
            **{**defaults, **values},
        )


def make_operator(
    *companies: Company, username: str = "operator", role: str = Membership.Role.STAFF, **values: Any
) -> AbstractUser:
    """Somebody who runs these companies; ``is_superuser=True`` makes them run everything."""
    user = get_user_model().objects.create_user(
        username, password="password-of-the-tests", **{"is_staff": True, **values}
    )
    for company in companies:
        Membership.objects.create(user=user, company=company, role=role)
    return user
