"""A row of everything for one company, and operators who look at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import models
from django.utils import timezone

from apps.calls.models import (
    AccountCompany,
    Call,
    CallbackRequest,
    CallEvent,
    CallTransition,
    FunctionCall,
    Offer,
    SettlementNotice,
    TelephonyAccount,
    WaitingWish,
)
from apps.flags.models import FlagChange, FlagSetting
from apps.operations.models import AuditEntry
from apps.scheduling.models import (
    Appointment,
    BookingAttempt,
    CalendarAccount,
    CalendarSweep,
    Customer,
    Hold,
)
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, Membership, PhoneNumber
from apps.tenants.scoping import company_scope
from tests.factories import (
    Business,
    make_appointment,
    make_attempt,
    make_call,
    make_customer,
    make_offer,
    make_operator,
)

START = datetime(2026, 1, 7, 13, 0, tzinfo=UTC)
Rows = dict[type[models.Model], models.Model]


def make_function(call: Call, *, key: str = "1", **values: object) -> FunctionCall:
    """A function of the call that was answered."""
    defaults: dict[str, object] = {
        "name": "check_availability",
        "status": "available",
        "state": FunctionCall.State.DONE,
        "answer": {"status": "available", "say": f"Mittwoch um 14 Uhr ist frei. {key}"},
        "arguments": {"when": "übermorgen 14 Uhr"},
        "started_at": timezone.now(),
        "duration_ms": 120,
        "upstream_requests": 1,
    }
    with company_scope(call.company_id):
        return FunctionCall.objects.create(
            company_id=call.company_id,
            account_id=call.account_id,
            call=call,
            signature_key=f"{call.pk}-{key}",
            argument_key=key,
            **{**defaults, **values},
        )


def make_callback(call: Call, *, key: str = "1", **values: object) -> CallbackRequest:
    """Somebody who wants to be called back."""
    defaults: dict[str, object] = {"name": "Erika Muster", "phone": "+491701234567", "topic": "Rezept"}
    with company_scope(call.company_id):
        return CallbackRequest.objects.create(
            company_id=call.company_id,
            call=call,
            branch_id=call.branch_id,
            dedup_key=key,
            **{**defaults, **values},
        )


def everything_of(business: Business, *, name: str = "Erika Muster") -> Rows:
    """One row of every model, all of this company; ``name`` is the person in them."""
    company = business.company
    operator = make_operator(company, username=f"op-{company.slug}")
    customer = make_customer(company, name=name)
    call = make_call(business, spoken_name=name, transcript=f"Guten Tag, hier ist {name}.")
    appointment = make_appointment(business, start=START, customer=customer, attendee_name=name)
    attempt = make_attempt(
        business,
        start=START,
        owner=call.owner_key,
        attendee_name=name,
        appointment=appointment,
        state=BookingAttempt.State.CONFIRMED,
        check_at=None,
        settled_at=timezone.now(),
    )
    with company_scope(company.pk):
        transition = CallTransition.objects.create(
            company=company, call=call, from_state="inbound", to_state="ongoing", event="call_started"
        )
        event = CallEvent.objects.create(
            company=company,
            account=business.account,
            call=call,
            kind="call_started",
            dedup_key=f"started-{call.pk}",
            payload={"call": {"from_number": call.caller_number}},
        )
        hold = Hold.objects.create(
            company=company,
            event_type=business.event_type,
            start=START + timedelta(days=company.pk),
            end=START + timedelta(days=company.pk, minutes=45),
            owner=call.owner_key,
            expires_at=timezone.now() + timedelta(minutes=2),
        )
        sweep = CalendarSweep.objects.create(
            company=company, event_type=business.event_type, changed_at=timezone.now()
        )
        entry = AuditEntry.objects.create(
            company=company,
            user=operator,
            username=operator.get_username(),
            action="changed",
            model="tenants.branch",
            object_id=str(business.branch.pk),
            label=business.branch.name,
            changes={"name": ["alt", "neu"], "active": [True, False], "api_key": "changed"},
        )
        wish = WaitingWish.objects.create(
            company=company,
            call=call,
            place=business.place,
            date_from=START.date(),
            date_to=START.date(),
            name=name,
            phone="+491701234567",
        )
        notice = SettlementNotice.objects.create(
            company=company, call=call, attempt=attempt, state="confirmed"
        )
        return {
            WaitingWish: wish,
            SettlementNotice: notice,
            Company: company,
            Branch: business.branch,
            PhoneNumber: business.number,
            Membership: Membership.objects.get(user=operator),
            FlagSetting: FlagSetting.objects.create(name="prewarm", company=company, enabled=False),
            FlagChange: FlagChange.objects.create(
                name="prewarm", company=company, before="default", after="off", user=operator, source="admin"
            ),
            Service: business.service,
            BranchService: business.place,
            EventType: business.event_type,
            CalendarAccount: business.calendar,
            Customer: customer,
            Appointment: appointment,
            BookingAttempt: attempt,
            Hold: hold,
            CalendarSweep: sweep,
            TelephonyAccount: business.account,
            AccountCompany: AccountCompany.objects.get(account=business.account, company=company),
            Call: call,
            CallTransition: transition,
            CallEvent: event,
            FunctionCall: make_function(call),
            Offer: make_offer(call, place=business.place, start=START),
            CallbackRequest: make_callback(call, name=name),
            AuditEntry: entry,
        }
