"""Telephony accounts in a company's file: shared by companies, kept by the one whose file created them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from apps.calls.models import AccountCompany, TelephonyAccount
from apps.calls.providers import DEFAULT_PROVIDER
from apps.operations.company_file.changes import Change, write
from apps.operations.company_file.document import TelephonyPart
from apps.operations.company_file.problems import shown
from apps.tenants.models import Branch, Company

PREVIOUS_KEY_LIFE = timedelta(hours=24)


def problems(parts: Iterable[TelephonyPart], *, company: Company | None) -> Iterable[str]:
    """Why these accounts cannot be what the file says; ``company`` is None before its first file."""
    named = {part.account: part for part in parts}
    rows = TelephonyAccount.objects.select_for_update(of=("self",), no_key=True).select_related(
        "owner", "web_calls_company"
    )
    accounts = {row.slug: row for row in rows.filter(slug__in=named).order_by("slug")}
    for part in named.values():
        yield from _problems(part, row=accounts.get(part.account), company=company)


def _problems(part: TelephonyPart, *, row: TelephonyAccount | None, company: Company | None) -> Iterable[str]:
    if row is None or (company is not None and row.owner_id == company.pk):
        if part.signing_key is None:
            yield f"{part.path}.signing_key: is missing"
    else:
        if part.signing_key not in (None, row.signing_key):
            yield f"{part.path}.signing_key: is not the account's; only {row.owner.slug}'s file changes it"
        if part.provider not in (None, row.provider):
            yield f"{part.path}.provider: {shown(part.provider)} is not the account's ({row.provider})"
    if part.web_calls_branch is None or row is None or row.web_calls_company is None:
        return
    if company is None or row.web_calls_company_id != company.pk:
        wish, holder = shown(part.web_calls_branch), row.web_calls_company.slug
        yield f"{part.path}.web_calls_branch: {wish} is too late, they lead to {holder} already"


def write_accounts(
    parts: Iterable[TelephonyPart],
    *,
    company: Company,
    branches: Mapping[str, Branch],
    now: datetime,
    log: list[Change],
) -> None:
    """Create, change, join and leave accounts as the file says; ``problems`` was asked before."""
    places = AccountCompany.objects.filter(company_id=company.pk).select_related("account")
    joined = {place.account.slug: place for place in places}
    for part in parts:
        web_branch = None if part.web_calls_branch is None else branches[part.web_calls_branch]
        row = TelephonyAccount.objects.filter(slug=part.account).first()
        if row is None:
            row = _create(part, company=company, log=log)
        elif row.owner_id == company.pk:
            _change_own(row, part, now=now, log=log)
        _join(row, joined.pop(part.account, None), path=part.path, company=company, log=log)
        _lead_web_calls(row, web_branch, path=part.path, company=company, log=log)
    for slug, place in joined.items():
        if place.active:
            log.append(Change(f"telephony[{slug}]", "left"))
            place.active = False
            place.save()
        _lead_web_calls(place.account, None, path=f"telephony[{slug}]", company=company, log=log)


def _create(part: TelephonyPart, *, company: Company, log: list[Change]) -> TelephonyAccount:
    assert part.signing_key is not None  # ``problems`` refused a new account without one
    log.append(Change(part.path, "created"))
    return TelephonyAccount.objects.create(
        slug=part.account,
        provider=part.provider or DEFAULT_PROVIDER,
        signing_key=part.signing_key,
        owner=company,
    )


def _change_own(row: TelephonyAccount, part: TelephonyPart, *, now: datetime, log: list[Change]) -> None:
    if row.signing_key != part.signing_key:
        # The provider may sign with the old key until everything there has the new one.
        row.previous_signing_key = row.signing_key
        row.previous_key_until = now + PREVIOUS_KEY_LIFE
    values = {"provider": part.provider or DEFAULT_PROVIDER, "signing_key": part.signing_key}
    write(row, values, path=part.path, log=log, secrets=("signing_key",))


def _join(
    row: TelephonyAccount, place: AccountCompany | None, *, path: str, company: Company, log: list[Change]
) -> None:
    if place is None:
        if row.owner_id != company.pk:
            log.append(Change(path, "joined"))
        AccountCompany.objects.create(account=row, company=company)
    elif not place.active:
        log.append(Change(path, "joined"))
        place.active = True
        place.save()


def _lead_web_calls(
    row: TelephonyAccount, branch: Branch | None, *, path: str, company: Company, log: list[Change]
) -> None:
    """Point the provider's browser calls at the branch, or at nobody; another company's stay as they are."""
    if branch is None and row.web_calls_company_id != company.pk:
        return
    if row.web_calls_branch_id == (branch.pk if branch else None):
        return
    before = row.web_calls_branch
    log.append(
        Change(
            f"{path}.web_calls_branch",
            "changed",
            before.slug if before else "none",
            branch.slug if branch else "none",
        )
    )
    row.web_calls_branch = branch
    row.save()
