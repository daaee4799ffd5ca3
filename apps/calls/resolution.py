"""From the signed envelope to the tenant: account → number → company → branch. Never from arguments.

That way is the same for every function of every call, so a process remembers it. What is remembered is only
a guess where to look: the message that reads the call reads the way again (``confirming``), and an answer
is given on what that says. So nothing is saved but time, and nothing is ever older than the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, QuerySet

from apps.calls.models import AccountCompany, TelephonyAccount
from apps.calls.providers.base import Line
from apps.calls.speech.contacts import caller_number
from apps.core.errors import PlatformError
from apps.core.prepared import Prepared, Row, Statement, columns, instance
from apps.tenants.models import PhoneNumber

K = TypeVar("K")
V = TypeVar("V")


# Account rows, or numbers, that one process remembers.
MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call leads. Ids only: the rows are loaded inside the company's scope."""

    company_id: int
    branch_id: int


class WayChanged(PlatformError):
    """The account, or where its number leads, is another than remembered. Look again: it is forgotten."""

    code = "way_changed"
    message = "A telephony account or a number was changed a moment ago."
    retryable = True


_accounts: dict[str, Row] = {}
_numbers: dict[tuple[int, str], Destination] = {}


def _keep(memory: dict[K, V], key: K, value: V) -> None:
    if len(memory) >= MOST_KNOWN:
        memory.clear()
    memory[key] = value


def forget() -> None:
    """Look everything up again. Changes are rare, and what else is forgotten costs one question each."""
    _accounts.clear()
    _numbers.clear()


def account_by_slug(slug: str) -> TelephonyAccount | None:
    """The active telephony account of this address."""
    row = _account.first(slug=slug)
    if row is None:
        return None
    _keep(_accounts, slug, row)
    return _account_of(row)


def remembered_account(slug: str) -> TelephonyAccount | None:
    """What this process knows of the account of this address; whoever refuses because of it looks first."""
    row = _accounts.get(slug)
    return None if row is None else _account_of(row)


def _account_of(row: Row) -> TelephonyAccount:
    account: TelephonyAccount = instance(TelephonyAccount, row)
    return account


def _build_account(*, slug: str) -> QuerySet[TelephonyAccount, Any]:
    return TelephonyAccount.objects.order_by().filter(slug=slug, active=True).values_list(*_ACCOUNT)


_account = Prepared(_build_account, slug=str)
_ACCOUNT = columns(TelephonyAccount)


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
    number = _number_of(line)
    row = _number.first(number=number, account=account.pk) if number is not None else None
    if number is None or row is None:
        return None
    found = Destination(company_id=row[0], branch_id=row[1])
    _keep(_numbers, (account.pk, number), found)
    return found


def remembered(account: TelephonyAccount, line: Line) -> Destination | None:
    """Where this process knows the line to lead; None when it must be looked up."""
    number = _number_of(line)
    return None if number is None else _numbers.get((account.pk, number))


def confirming(account: TelephonyAccount, line: Line) -> tuple[Statement, ...]:
    """Account and number as they are now, to be read together with what they lead to."""
    asked = _account.bound(slug=account.slug)
    number = _number_of(line)
    if number is None:
        return (asked,)
    return asked, _number.bound(number=number, account=account.pk)


def confirm(account: TelephonyAccount, destination: Destination, read: Sequence[Sequence[Row]]) -> None:
    """Compare with what ``confirming`` has read. Raises ``WayChanged``."""
    accounts, *numbers = read
    leads = [(destination.company_id, destination.branch_id)]
    if not _is_same(account, accounts) or any([*map(tuple, rows)] != leads for rows in numbers):
        forget()
        raise WayChanged


def confirm_account(account: TelephonyAccount) -> None:
    """Compare with the account as it is now. Raises ``WayChanged``."""
    if not _is_same(account, _account.rows(slug=account.slug)):
        forget()
        raise WayChanged


def _is_same(account: TelephonyAccount, rows: Sequence[Row]) -> bool:
    return [list(row) for row in rows] == [[account.__dict__[name] for name in _ACCOUNT]]


def _number_of(line: Line) -> str | None:
    """The dialled number in E.164; None where none is, or it is none."""
    return None if line.is_web_call else _dialled(line.dialled[:LONGEST_NUMBER])


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
