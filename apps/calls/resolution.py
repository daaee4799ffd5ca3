"""From the signed envelope to the tenant: account → number → company → branch. Never from arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from apps.calls.models import AccountCompany, TelephonyAccount
from apps.calls.providers.base import Line
from apps.calls.speech.contacts import caller_number
from apps.core.prepared import Prepared, columns, instance
from apps.tenants.models import PhoneNumber


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call leads. Ids only: the rows are loaded inside the company's scope."""

    company_id: int
    branch_id: int


def account_by_slug(slug: str) -> TelephonyAccount | None:
    """The active telephony account of this address."""
    row = _account.first(slug=slug)
    return None if row is None else instance(TelephonyAccount, row)


def _build_account(*, slug: str) -> QuerySet[TelephonyAccount, Any]:
    return (
        TelephonyAccount.objects.order_by()
        .filter(slug=slug, active=True)
        .values_list(*columns(TelephonyAccount))
    )


_account = Prepared(_build_account, slug=str)


def signing_keys(account: TelephonyAccount, *, now: datetime) -> list[str]:
    """The keys that may have signed a request: the current one and, for 24 hours, the one before."""
    keys = [account.signing_key]
    if account.previous_signing_key and account.previous_key_until and now < account.previous_key_until:
        keys.append(account.previous_signing_key)
    return [key for key in keys if key]


def resolve(account: TelephonyAccount, line: Line) -> Destination | None:
    """The branch that a call on this account is for, or None when the number is not known to it."""
    if line.is_web_call:
        found = _web_calls_destination(account)
        return found if found is not None and _serves(account, found.company_id) else None
    number = _dialled(line.dialled[:LONGEST_NUMBER])
    row = _number.first(number=number, account=account.pk) if number is not None else None
    return None if row is None else Destination(company_id=row[0], branch_id=row[1])


# With everything that people write between the digits.
LONGEST_NUMBER = 60
# Businesses' own numbers, not callers'; the same few again and again.
_dialled = lru_cache(maxsize=4_096)(caller_number)


def _build_number(*, number: str, account: int) -> QuerySet[PhoneNumber, Any]:
    served = AccountCompany.objects.filter(account_id=account, company_id=OuterRef("company_id"), active=True)
    return (
        PhoneNumber.objects.order_by()
        .filter(Exists(served), number=number, active=True)
        .values_list("company_id", "branch_id")
    )


_number = Prepared(_build_number, number=str, account=int)


def _web_calls_destination(account: TelephonyAccount) -> Destination | None:
    if account.web_calls_branch_id is None or account.web_calls_company_id is None:
        return None
    return Destination(company_id=account.web_calls_company_id, branch_id=account.web_calls_branch_id)


def _serves(account: TelephonyAccount, company_id: int) -> bool:
    return AccountCompany.objects.filter(account=account, company_id=company_id, active=True).exists()
