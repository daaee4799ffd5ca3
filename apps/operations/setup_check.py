"""Everything that would fail a real call of a company, found before the first caller does.

What the company has stored is checked here, what its calendar says in ``calendar_check``. A finding
"fails" when a call would go wrong because of it, and "warns" when a call would go worse than it could.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured

from apps.calls.models import AccountCompany
from apps.calls.providers import PROVIDERS
from apps.operations.calendar_check import calendar_findings
from apps.operations.finding import Finding
from apps.scheduling.models import CalendarAccount
from apps.scheduling.places import Place, load_places
from apps.services.models import Service
from apps.tenants.models import Branch, Company, PhoneNumber
from apps.tenants.scoping import company_scope


def check(company_id: int) -> list[Finding]:
    """Every finding about one company, what fails first. Asks the company's calendar; sets the scope."""
    with company_scope(company_id):
        company = Company.objects.get(pk=company_id)
        try:
            places = load_places(company)
            findings = [*_stored(company, places), *calendar_findings(company, places)]
        except ImproperlyConfigured:
            findings = [
                Finding(
                    "fail",
                    "keys_unreadable",
                    "FIELD_ENCRYPTION_KEYS",
                    "The stored keys cannot be decrypted: enter them again with apply_company.",
                )
            ]
    return sorted(findings, key=lambda finding: finding.level)


def _stored(company: Company, places: list[Place]) -> Iterator[Finding]:
    if not company.active:
        yield Finding("fail", "company_inactive", company.slug, "The company is switched off.")
    yield from _telephony(company)
    yield from _numbers(company)
    yield from _branches(company)
    yield from _services(places)
    yield from _spoken(company)
    yield from _webhook_secret(company)


def _telephony(company: Company) -> Iterator[Finding]:
    rows = AccountCompany.objects.filter(company_id=company.pk, active=True).select_related("account")
    serving = [row.account for row in rows if row.account.active]
    if not serving:
        yield Finding(
            "fail", "no_telephony_account", company.slug, "No active telephony account serves the company."
        )
    for account in serving:
        if account.provider not in PROVIDERS:
            yield Finding(
                "fail", "unknown_provider", account.slug, f"{account.provider!r} is not a provider."
            )
        if not account.signing_key:
            yield Finding(
                "fail", "no_signing_key", account.slug, "Without a signing key every request is refused."
            )


def _numbers(company: Company) -> Iterator[Finding]:
    numbers = PhoneNumber.objects.filter(company_id=company.pk, active=True)
    reached = set(numbers.values_list("branch_id", flat=True))
    branches = Branch.objects.filter(active=True)
    if not any(branch.pk in reached for branch in branches):
        yield Finding(
            "fail", "no_number", company.slug, "No active number leads to an active branch: no call arrives."
        )
        return
    for branch in branches:
        if branch.pk not in reached:
            yield Finding("warn", "branch_without_number", branch.slug, "No active number leads there.")


def _branches(company: Company) -> Iterator[Finding]:
    branches = list(Branch.objects.filter(active=True))
    if not branches:
        yield Finding("fail", "no_branch", company.slug, "There is no active branch.")
    for branch in branches:
        if branch.hours and not any(branch.hours.values()):
            yield Finding("fail", "never_open", branch.slug, "There are hours, but none on any weekday.")


def _services(places: list[Place]) -> Iterator[Finding]:
    if not places:
        yield Finding(
            "fail", "nothing_bookable", "services", "No active service has an event type at an active branch."
        )
        return
    bookable = {place.service.pk for place in places}
    for service in Service.objects.filter(active=True):
        if service.pk not in bookable:
            yield Finding(
                "fail", "service_nowhere", service.slug, "The service has no event type at any active branch."
            )


def _spoken(company: Company) -> Iterator[Finding]:
    own = PhoneNumber.objects.filter(company_id=company.pk, number=company.fallback_number).exists()
    if not company.fallback_number:
        yield Finding(
            "fail", "no_fallback_number", company.slug, "A caller who wants a person cannot be put through."
        )
    elif own:
        yield Finding(
            "fail",
            "fallback_is_own_number",
            company.slug,
            "The fallback number leads back to the agent: put-through calls go round in a circle.",
        )
    if not company.disclosure:
        yield Finding(
            "warn", "no_disclosure", company.slug, "Callers are not told that they speak with a machine."
        )


def _webhook_secret(company: Company) -> Iterator[Finding]:
    account = CalendarAccount.objects.filter(company_id=company.pk).first()
    if account is None:
        yield Finding("fail", "no_calendar", company.slug, "The company has no calendar account.")
    elif not account.webhook_secret:
        yield Finding(
            "fail",
            "no_webhook_secret",
            company.slug,
            "Without a secret Cal.com's webhooks are refused: what is booked elsewhere is noticed late.",
        )
