"""Make a document true: one transaction that compares every row with the file and changes what differs.

A dry run is the same transaction, rolled back: what it prints is what would have happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.operations.company_file import telephony
from apps.operations.company_file.changes import Change, write
from apps.operations.company_file.document import BranchPart, CompanyPart, Document, ServicePart
from apps.operations.company_file.problems import FileRefused, shown
from apps.scheduling.models import CalendarAccount
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, PhoneNumber
from apps.tenants.scoping import all_companies, company_scope


@dataclass(frozen=True, slots=True)
class Outcome:
    """What applying a file changed (or would change)."""

    company: str
    changes: tuple[Change, ...]


def apply(document: Document, *, now: datetime, dry_run: bool = False) -> Outcome:
    """Create or update the company. Raises ``FileRefused``, and then nothing has changed."""
    try:
        with transaction.atomic():
            changes = _apply(document, now=now)
            transaction.set_rollback(dry_run)
    except IntegrityError as error:
        line = "somebody else changed the same numbers, accounts or company at the same moment; run it again"
        raise FileRefused([line]) from error
    return Outcome(document.company.slug, tuple(changes))


def _apply(document: Document, *, now: datetime) -> list[Change]:
    log: list[Change] = []
    with all_companies():
        found = Company.objects.select_for_update(no_key=True).filter(slug=document.company.slug).first()
        problems = [
            *_foreign_numbers(document, found),
            *telephony.problems(document.telephony, company=found),
        ]
    if problems:
        raise FileRefused(problems)
    company = _company(found, document.company, log=log)
    with company_scope(company.pk):
        _calendar(company, document, log=log)
        branches = _branches(company, document.branches, log=log)
        _numbers(company, document.branches, branches=branches, log=log)
        services = _services(company, document.services, log=log)
        _places(branches, services, document, log=log)
        with all_companies():  # accounts are shared; one may lead web calls to another company's branch
            telephony.write_accounts(document.telephony, company=company, branches=branches, now=now, log=log)
        if log:
            Company.objects.filter(pk=company.pk).update(config_version=F("config_version") + 1)
    return log


def _foreign_numbers(document: Document, company: Company | None) -> Iterable[str]:
    parts = {part.number: part for branch in document.branches for part in branch.numbers}
    numbers = PhoneNumber.objects.select_for_update(of=("self",), no_key=True)
    taken = numbers.filter(number__in=parts).select_related("company")
    for row in taken:
        if company is None or row.company_id != company.pk:
            path = parts[row.number].path
            yield f"{path}: {shown(row.number)} belongs to another company ({row.company.slug})"


def _company(found: Company | None, part: CompanyPart, *, log: list[Change]) -> Company:
    values = asdict(part)
    if found is None:
        log.append(Change("company", "created", after=shown(part.slug)))
        with all_companies():
            return Company.objects.create(**values)
    with company_scope(found.pk):
        write(found, values, path="company", log=log)
    return found


def _calendar(company: Company, document: Document, *, log: list[Change]) -> None:
    values = asdict(document.calendar)
    row = CalendarAccount.objects.select_for_update(no_key=True).filter(company_id=company.pk).first()
    if row is None:
        log.append(Change("company.calcom", "created", after=document.calendar.base_url))
        CalendarAccount.objects.create(company=company, **values)
        return
    if row.base_url != document.calendar.base_url:
        # Another calendar: what was compared with the old one says nothing about it.
        row.followed_until = None
    write(row, values, path="company.calcom", log=log, secrets=("api_key", "webhook_secret"))


def _branches(company: Company, parts: Iterable[BranchPart], *, log: list[Change]) -> dict[str, Branch]:
    rows = {row.slug: row for row in Branch.objects.select_for_update(no_key=True)}
    branches: dict[str, Branch] = {}
    for part in parts:
        values = {"name": part.name, "hours": part.hours, "closures": part.closures, "active": part.active}
        row = rows.pop(part.slug, None)
        if row is None:
            log.append(Change(part.path, "created", after=shown(part.name)))
            row = Branch.objects.create(company=company, slug=part.slug, **values)
        else:
            write(row, values, path=part.path, log=log)
        branches[part.slug] = row
    for row in rows.values():
        write(row, {"active": False}, path=f"branches[{row.slug}]", log=log)
    return branches


def _numbers(
    company: Company, parts: Iterable[BranchPart], *, branches: dict[str, Branch], log: list[Change]
) -> None:
    """Only the company's own numbers: a foreign one was refused before anything was written."""
    own = PhoneNumber.objects.filter(company_id=company.pk).select_related("branch")
    rows = {row.number: row for row in own}
    for part in parts:
        branch = branches[part.slug]
        for entry in part.numbers:
            path = f"{part.path}.phone_numbers[{entry.number}]"
            row = rows.pop(entry.number, None)
            if row is None:
                log.append(Change(path, "created"))
                PhoneNumber.objects.create(
                    number=entry.number, company=company, branch=branch, active=entry.active
                )
                continue
            if row.branch_id != branch.pk:
                log.append(Change(path, "moved", row.branch.slug, branch.slug))
                row.branch = branch
                row.save()
            write(row, {"active": entry.active}, path=path, log=log)
    for row in rows.values():
        write(
            row, {"active": False}, path=f"branches[{row.branch.slug}].phone_numbers[{row.number}]", log=log
        )


def _services(company: Company, parts: Iterable[ServicePart], *, log: list[Change]) -> dict[str, Service]:
    rows = {row.slug: row for row in Service.objects.select_for_update(no_key=True)}
    services: dict[str, Service] = {}
    for position, part in enumerate(parts):
        values = asdict(part)
        for name in ("path", "slug", "event_types"):
            del values[name]
        values["position"] = position
        row = rows.pop(part.slug, None)
        if row is None:
            log.append(Change(part.path, "created", after=shown(part.name)))
            row = Service.objects.create(company=company, slug=part.slug, **values)
        else:
            write(row, values, path=part.path, log=log)
        services[part.slug] = row
    for row in rows.values():
        write(row, {"active": False}, path=f"services[{row.slug}]", log=log)
    return services


def _places(
    branches: dict[str, Branch], services: dict[str, Service], document: Document, *, log: list[Change]
) -> None:
    """Which event type stands behind a service at a branch; the address is part of its identity."""
    event_types = _event_types(document)
    existing = BranchService.objects.select_related("branch", "service", "event_type")
    rows = {(row.service.slug, row.branch.slug): row for row in existing}
    for part in document.services:
        for branch_slug, external_id in part.event_types.items():
            path = f"{part.path}.event_types.{branch_slug}"
            event_type = event_types[external_id]
            row = rows.pop((part.slug, branch_slug), None)
            if row is None:
                log.append(Change(path, "created", after=str(external_id)))
                branch = branches[branch_slug]
                BranchService.objects.create(
                    company_id=branch.company_id,
                    branch=branch,
                    service=services[part.slug],
                    event_type=event_type,
                )
                continue
            _move_place(row, event_type, path=path, log=log)
            write(row, {"active": True}, path=path, log=log)
    for (service_slug, branch_slug), row in rows.items():
        write(row, {"active": False}, path=f"services[{service_slug}].event_types.{branch_slug}", log=log)


def _event_types(document: Document) -> dict[int, EventType]:
    """The rows by id, made in the order of their ids: two files at once never wait for each other in turn."""
    base_url = document.calendar.base_url
    ids = {external_id for part in document.services for external_id in part.event_types.values()}
    return {
        external_id: EventType.objects.get_or_create(base_url=base_url, external_id=external_id)[0]
        for external_id in sorted(ids)
    }


def _move_place(row: BranchService, event_type: EventType, *, path: str, log: list[Change]) -> None:
    if row.event_type_id == event_type.pk:
        return
    before, after = row.event_type, event_type
    if before.external_id == after.external_id:
        log.append(Change(path, "moved", before.base_url, after.base_url))
    else:
        log.append(Change(path, "changed", str(before.external_id), str(after.external_id)))
    row.event_type = event_type
    row.save()
