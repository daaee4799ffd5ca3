"""Finding or creating the call row that an event or a function belongs to."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from apps.calls import facts
from apps.calls.models import Call, CallEvent, TelephonyAccount
from apps.calls.providers import PROVIDERS
from apps.calls.providers.base import Line
from apps.calls.resolution import Destination, resolve
from apps.calls.speech.contacts import caller_number
from apps.core.errors import PlatformError
from apps.tenants.models import Company
from apps.tenants.scoping import all_companies


class ForeignCall(PlatformError):
    """The account has a call of this id already, and it belongs to another company."""

    code = "foreign_call"
    message = "A call of this id belongs to another company."


def open_call(account: TelephonyAccount, line: Line, destination: Destination, *, state: str) -> Call:
    """The call of this line, created in ``state`` when nothing came before (a function may be first).

    Raises ``ForeignCall``: a call stays with the company it began at.
    """
    found = _find(account, line)
    if found is not None:
        return found
    try:
        with transaction.atomic():
            call = Call.objects.create(
                company_id=destination.company_id,
                account_id=account.pk,
                external_id=line.call_id,
                branch_id=destination.branch_id,
                state=state,
                direction=line.direction,
                caller_number=caller_number(line.caller_id),
                agent_version=line.agent_version,
                started_at=line.started_at,
            )
    except IntegrityError as error:
        raced = _find(account, line)
        if raced is None:
            raise ForeignCall from error
        return raced
    # Once it is committed: whoever stores such an event afterwards finds the call, and catches up itself.
    transaction.on_commit(lambda: catch_up(account, call))
    return call


def _find(account: TelephonyAccount, line: Line) -> Call | None:
    return Call.objects.filter(account_id=account.pk, external_id=line.call_id).first()


def catch_up(account: TelephonyAccount, call: Call) -> None:
    """Apply the events of this call that came before anybody knew whose it is: they carried no number."""
    with all_companies():
        kept = CallEvent.objects.filter(
            account_id=account.pk, external_id=call.external_id, company__isnull=True
        )
        told = [(row, PROVIDERS[account.provider].event(row.payload)) for row in kept.order_by("id")]
        early = [(row, event) for row, event in told if not _is_of_another(account, call, event.line)]
        if not early:
            return
        with transaction.atomic():
            locked = Call.objects.select_for_update(no_key=True).get(pk=call.pk)
            keep_words = Company.objects.filter(pk=call.company_id, store_transcripts=True).exists()
            for row, event in early:
                # Of two who catch up at once, one takes the event.
                mine = CallEvent.objects.filter(pk=row.pk, company__isnull=True)
                if mine.update(company_id=call.company_id, call_id=call.pk):
                    facts.apply(locked, event, keep_words=keep_words)
    call.refresh_from_db()


def _is_of_another(account: TelephonyAccount, call: Call, line: Line) -> bool:
    """Whether the event's own number leads to another company."""
    found = resolve(account, line)
    return found is not None and found.company_id != call.company_id
