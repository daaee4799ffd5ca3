"""What stands when a request arrives, read in one message to the database, in its company's scope.

Whether its number still leads to that company; the call with its branch and company, whether the same request
was here before, how often the call asked the same, which round of offers was the last; and what the company
offers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils import timezone

from apps.calls.models import Call, FunctionCall, Offer, TelephonyAccount
from apps.calls.providers.base import Line
from apps.calls.replay import Keys
from apps.calls.resolution import Destination, confirm, confirming
from apps.core.prepared import Prepared, Row, ask, columns, instance
from apps.scheduling.occupancy import Passing, passing, passing_of
from apps.scheduling.places import bookable
from apps.tenants.models import Branch, Company
from apps.tenants.scoping import all_companies, company_scope

LOOP_SECONDS = 60
# Long, and of no use during the call.
LEFT_OUT = ("transcript", "analysis")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at its branch. ``call`` is None before its first function or event.

    ``places`` are the rows of what its company offers, ``passing`` is what passes in its calendars, for who
    looks. ``repeats``: how often the call asked just this within a minute; ``known``: the same request was
    here.
    """

    branch: Branch
    places: Sequence[Row]
    passing: Passing | None = None
    call: Call | None = None
    known: bool = False
    repeats: int = 0
    last_round: int = 0

    @property
    def company(self) -> Company:
        return self.branch.company


def arrive(
    account: TelephonyAccount, line: Line, destination: Destination, *, keys: Keys, looks: bool = False
) -> Arrival | None:
    """The line's call and branch; None when the branch or its company is switched off.

    ``looks``: a free time is looked for. Raises ``WayChanged`` when the line does not lead to the
    destination any more.
    """
    # As a provider writes numbers; another that the caller goes by is asked for when it is known.
    phone = line.caller_id
    calls, places, *rest = ask(
        _call.bound(
            company=destination.company_id,
            account=account.pk,
            call_id=line.call_id,
            signature=keys.signature,
            # Without a tool call only the equal signature counts; no digest is empty.
            tool=keys.tool or "",
            arguments=keys.arguments,
            since=timezone.now() - timedelta(seconds=LOOP_SECONDS),
        ),
        bookable(destination.company_id),
        *((passing(phone=phone),) if looks else ()),
        *confirming(account, line),
    )
    passes = passing_of(rest.pop(0), phone=phone) if looks else None
    confirm(account, destination, rest)
    found = _of_call(calls[0], places, passes) if calls else None
    if found is not None and found.branch.pk == destination.branch_id:
        return found if found.branch.active and found.company.active else None
    row = _branch.first(company=destination.company_id, branch=destination.branch_id)
    if row is None:
        return None
    # A call that began at another number of the same company stays where it began.
    return found if found is not None else Arrival(_branch_of(row), places, passes)


def _of_call(row: Row, places: Sequence[Row], passes: Passing | None) -> Arrival:
    *same, repeats, last_round = row[:_TO_CALL]
    call: Call = instance(Call, row[_TO_CALL:_TO_BRANCH], but_not=LEFT_OUT)
    return Arrival(
        branch=_branch_of(row[_TO_BRANCH:]),
        places=places,
        passing=passes,
        call=call,
        known=call.company_id in same,
        repeats=repeats or 0,
        last_round=last_round or 0,
    )


def _branch_of(row: Row) -> Branch:
    branch: Branch = instance(Branch, row[:_TO_COMPANY])
    branch.company = instance(Company, row[_TO_COMPANY:])
    return branch


_TO_CALL = 4
_TO_BRANCH = _TO_CALL + len(columns(Call, but_not=LEFT_OUT))
_TO_COMPANY = len(columns(Branch))


def _build_call(
    *, company: int, account: int, call_id: str, signature: str, tool: str, arguments: str, since: datetime
) -> QuerySet[Call, Any]:
    with all_companies():
        # One row each, by an index of its own. Asked for as a company's, like the others, a planner that does
        # not know yet how long the log is would read all of it.
        same = FunctionCall.objects.order_by().filter(account_id=account)
    with company_scope(company):
        log = FunctionCall.objects.order_by()
        repeats = (
            log.filter(call_id=OuterRef("pk"), argument_key=arguments, started_at__gt=since)
            .values("call_id")
            .annotate(number=Count("pk"))
        )
        rounds = Offer.objects.filter(call_id=OuterRef("pk")).order_by("-round")
        return (
            Call.objects.order_by()
            .filter(account_id=account, external_id=call_id)
            .values_list(
                Subquery(same.filter(signature_key=signature).values("company_id")),
                Subquery(same.filter(tool_key=tool).values("company_id")),
                Subquery(repeats.values("number")),
                Subquery(rounds.values("round")[:1]),
                *columns(Call, but_not=LEFT_OUT),
                *columns(Branch, under="branch"),
                *columns(Company, under="branch__company"),
            )
        )


_call = Prepared(
    _build_call,
    company=int,
    account=int,
    call_id=str,
    signature=str,
    tool=str,
    arguments=str,
    since=datetime,
)


def _build_branch(*, company: int, branch: int) -> QuerySet[Branch, Any]:
    with company_scope(company):
        return (
            Branch.objects.order_by()
            .filter(pk=branch, active=True, company__active=True)
            .values_list(*columns(Branch), *columns(Company, under="company"))
        )


_branch = Prepared(_build_branch, company=int, branch=int)
