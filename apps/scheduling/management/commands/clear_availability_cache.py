"""Forget every cached answer about free times: both layers, for all companies or for one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from apps.core.commands import OneLineCommand
from apps.scheduling.versions import raise_version
from apps.services.models import BranchService, EventType
from apps.tenants.command_options import add_company_option, company_id_of
from apps.tenants.models import Branch
from apps.tenants.scoping import all_companies

OTHERS = "places of another company"


@dataclass(frozen=True, slots=True)
class Cleared:
    """One calendar whose cached answers can no longer be reached, and who books in it."""

    event_type: int
    calendar: str
    version: int
    places: list[str]


class Command(OneLineCommand):
    """``clear_availability_cache [--company SLUG] [--branch SLUG] [--event-type ID] [--json]``"""

    help = (
        "Make everything cached about free times unreachable, in both layers, by raising the calendars' "
        "versions. A calendar that several companies share is cleared for all of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_company_option(parser, help="only the calendars of this company")
        parser.add_argument("--branch", metavar="SLUG", help="only the calendars of this branch")
        parser.add_argument("--event-type", metavar="ID", help="only this event type of Cal.com")
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        company_id = company_id_of(options["company"])
        with all_companies():
            event_types = _chosen(company_id, options["branch"], _event_type_id(options["event_type"]))
            chosen = list(event_types.values_list("pk", flat=True))
            raise_version(chosen)
            cleared = _cleared(chosen, company_id)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(one) for one in cleared], ensure_ascii=False, indent=2))
            return
        for one in cleared:
            users = f" ({', '.join(one.places)})" if one.places else ""
            self.stdout.write(f"event type {one.event_type} at {one.calendar}: version {one.version}{users}")
        self.stdout.write(f"{len(cleared)} calendar{'' if len(cleared) == 1 else 's'} cleared, both layers")


def _event_type_id(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdigit()) or int(given) >= 2**63:
        raise CommandError(f"--event-type: {given!r} is not an event type id", returncode=2)
    return int(given)


def _chosen(company_id: int | None, branch: str | None, external_id: int | None) -> QuerySet[EventType]:
    rows = EventType.objects.all()
    if external_id is not None:
        rows = rows.filter(external_id=external_id)
    if company_id is not None or branch is not None:
        places = BranchService.objects.filter(branch_id__in=_branches(company_id, branch))
        rows = rows.filter(pk__in=places.values("event_type_id"))
    if external_id is not None and not rows.exists():
        raise CommandError(f"--event-type: {external_id} is not an event type that is booked here")
    return rows


def _branches(company_id: int | None, slug: str | None) -> list[int]:
    rows = Branch.objects.all() if company_id is None else Branch.objects.filter(company_id=company_id)
    if slug is not None:
        rows = rows.filter(slug=slug)
        owners = list(rows.order_by("company__slug").values_list("company__slug", flat=True))
        if not owners:
            raise CommandError(f"--branch: {slug!r} is not a branch")
        if len(owners) > 1:
            raise CommandError(
                f"--branch: {slug!r} is a branch of {', '.join(owners)}; name one with --company",
                returncode=2,
            )
    return list(rows.values_list("pk", flat=True))


def _cleared(event_type_ids: list[int], company_id: int | None) -> list[Cleared]:
    """What was cleared; whoever names one company hears that its calendar is shared, not with whom."""
    places: dict[int, list[str]] = {}
    rows = BranchService.objects.filter(event_type_id__in=event_type_ids).order_by(
        "company__slug", "branch__slug", "service__slug"
    )
    for event_type_id, owner_id, *names in rows.values_list(
        "event_type_id", "company_id", "company__slug", "branch__slug", "service__slug"
    ):
        place = "/".join(names) if company_id in (None, owner_id) else OTHERS
        if place not in (known := places.setdefault(event_type_id, [])):
            known.append(place)
    return [
        Cleared(row.external_id, row.base_url, row.version, places.get(row.pk, []))
        for row in EventType.objects.filter(pk__in=event_type_ids).order_by("base_url", "external_id")
    ]
