"""Many companies and many calls in a database, copied from those of one company by the database itself.

Rows of every model that a call's way touches: the companies with branches, numbers, services, places,
calendars and telephony accounts; their calls with the log of functions, offers, and appointments. Only on
PostgreSQL. Every company is in scope while it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from apps.calls.models import AccountCompany, Call, FunctionCall, Offer, TelephonyAccount
from apps.scheduling.models import Appointment, CalendarAccount, Customer
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, PhoneNumber
from apps.tenants.scoping import all_companies, company_scope

COPIED = (Branch, Service, EventType, BranchService, TelephonyAccount)
# Every so many-th call belongs to the company that was there before.
OWN_SHARE = 10
TABLES = (
    Company, Branch, PhoneNumber, Service, EventType, BranchService, CalendarAccount, TelephonyAccount,
    AccountCompany, Customer, Appointment, Call, FunctionCall, Offer,
)  # fmt: skip


def copy(template: Model, count: int, **values: str) -> int:
    """Insert so many copies of a row; ``values`` are SQL for single columns, where ``n`` counts from 1.

    Returns the id before the first one's, so that the n-th copy has this id plus n.
    """
    meta = template._meta
    base = _last_id(type(template))
    chosen: Mapping[str, str] = {"id": f"{base} + n", **values}
    columns = [field.column for field in meta.concrete_fields]
    unknown = chosen.keys() - set(columns)
    if unknown:
        raise ValueError(f"{meta.db_table} has no {sorted(unknown)}")
    sources = ", ".join(chosen.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{meta.db_table}" ({names}) SELECT {sources} '
            f'FROM "{meta.db_table}" t, generate_series(1, {count}) n WHERE t.id = {template.pk}'
        )
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{meta.db_table}', 'id'), {base + count})")
    return base


def _last_id(model: type[Model]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT coalesce(max(id), 0) FROM "{model._meta.db_table}"')
        row: Any = cursor.fetchone()
    return int(row[0])


def companies(like: Any, count: int, *, shared_event_type: bool) -> int:
    """So many companies like that business; returns the id before the first one's.

    ``shared_event_type``: all on the event type of that business, else each on one of its own.
    """
    with all_companies(), transaction.atomic():
        company = copy(like.company, count, slug="'crowd-' || n", name="'Crowd ' || n")
        branch = copy(like.branch, count, company_id=f"{company} + n")
        copy(
            like.number, count,
            company_id=f"{company} + n", branch_id=f"{branch} + n", number="'+4955' || lpad(n::text, 8, '0')",
        )  # fmt: skip
        service = copy(like.service, count, company_id=f"{company} + n")
        event_type = str(like.event_type.pk)
        if not shared_event_type:
            event_type = f"{copy(like.event_type, count, external_id='1000000 + n')} + n"
        copy(
            like.place, count,
            company_id=f"{company} + n", branch_id=f"{branch} + n", service_id=f"{service} + n",
            event_type_id=event_type,
        )  # fmt: skip
        copy(like.calendar, count, company_id=f"{company} + n")
        account = copy(like.account, count, slug="'crowd-phone-' || n", owner_id=f"{company} + n")
        served = AccountCompany.objects.get(account=like.account, company=like.company)
        copy(served, count, account_id=f"{account} + n", company_id=f"{company} + n")
    return company


def calls(like: Any, count: int, *, others: int, after: int) -> None:
    """So many calls with what they left behind, a tenth of them of that business.

    The rest are of the ``others`` companies that were copied with ids from ``after`` + 1 on.
    """
    own = f"n % {OWN_SHARE} = 0"

    def of(row: Model, base: int) -> str:
        return f"CASE WHEN {own} THEN {row.pk} ELSE {base} + 1 + n % {others} END"

    with all_companies():
        bases = {model: _last_id(model) - others for model in COPIED}
    company, branch = of(like.company, after), of(like.branch, bases[Branch])
    account = of(like.account, bases[TelephonyAccount])
    event_type, service = of(like.event_type, bases[EventType]), of(like.service, bases[Service])
    place = of(like.place, bases[BranchService])
    past = "now() - n * interval '20 seconds'"
    with company_scope(like.company.pk):
        an_appointment = Appointment.objects.latest("pk")
        a_customer = Customer.objects.latest("pk")
        an_offer = Offer.objects.latest("pk")
        a_call = Call.objects.get(pk=an_offer.call_id)
        a_function = FunctionCall.objects.filter(call=a_call, name="check_availability").latest("pk")
    with all_companies(), transaction.atomic(), _unhindered():
        first = copy(
            a_call, count,
            company_id=company, branch_id=branch, account_id=account, external_id="'crowd_' || n",
            state="'completed'", created_at=past, started_at=past, ended_at=f"{past} + interval '90 seconds'",
            caller_number="'+4917' || lpad((n % 300000)::text, 9, '0')",
        )  # fmt: skip
        copy(
            a_function, count,
            company_id=company, account_id=account, call_id=f"{first} + n", started_at=past,
            signature_key="md5('s' || n)", tool_key="md5('t' || n)", argument_key="md5('a' || n % 1000)",
        )  # fmt: skip
        copy(
            an_offer, count,
            company_id=company, call_id=f"{first} + n", place_id=place, created_at=past,
            start=f"{past} + interval '3 days'", token="'s_' || n",
        )  # fmt: skip
        bookings = count // 5
        customer = copy(
            a_customer, bookings,
            company_id=company, phone="'+4917' || lpad(n::text, 9, '0')", created_at=past,
        )  # fmt: skip
        # One in four is still to come, and lies beyond the days that are searched.
        away = "CASE WHEN n % 4 = 0 THEN 60 + n % 60 ELSE -1 - n % 300 END"
        start = f"date_trunc('hour', now()) + ({away}) * interval '1 day'"
        copy(
            an_appointment, bookings,
            company_id=company, branch_id=branch, service_id=service, event_type_id=event_type,
            customer_id=f"{customer} + n", reference="'C' || lpad(n::text, 7, '0')",
            calendar_uid="'crowd-' || n", root_uid="'crowd-' || n", start=start,
            end=f"{start} + interval '45 minutes'", created_at=past, updated_at=past,
        )  # fmt: skip


@contextmanager
def _unhindered() -> Iterator[None]:
    """The owner is bound by no policy, and foreign keys are checked by one join each, not a query a row."""
    tables = [model._meta.db_table for model in TABLES]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relname = ANY (%s) AND relforcerowsecurity",
            [tables],
        )
        bound = [table for (table,) in cursor.fetchall()]
        for table in bound:
            cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        cursor.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'f' AND conrelid::regclass::text = ANY (%s)",
            [tables],
        )
        keys = cursor.fetchall()
        for table, name, _ in keys:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        yield
        for table, name, definition in keys:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
        for table in bound:
            cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def analyze() -> None:
    """Let the planner know what is there now, as autovacuum would."""
    with connection.cursor() as cursor:
        for model in TABLES:
            cursor.execute(f'ANALYZE "{model._meta.db_table}"')


def counted() -> dict[str, int]:
    """How many rows each table has."""
    with all_companies(), connection.cursor() as cursor:
        counts = {}
        for model in TABLES:
            cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
            row: Any = cursor.fetchone()
            counts[model.__name__] = int(row[0])
    return counts
