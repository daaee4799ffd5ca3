"""The keys of a company's file, their defaults and bounds; everything wrong is found in one reading."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from apps.calls.providers import PROVIDERS
from apps.operations.company_file import values
from apps.operations.company_file.document import (
    Answer,
    BranchPart,
    CalendarPart,
    CompanyPart,
    Document,
    NumberPart,
    ServicePart,
    TelephonyPart,
)
from apps.operations.company_file.problems import FileRefused, shown, shown_key
from apps.operations.company_file.table import Table
from apps.operations.targets import TARGETS
from apps.scheduling.opening import WEEKDAYS
from apps.tenants.models import Language

DEFAULT_BASE_URL = "https://api.cal.com/v2"
LARGEST_ID = 2**63 - 1
A_YEAR_IN_MINUTES = 366 * 24 * 60


def read(content: bytes, *, environment: Mapping[str, str]) -> Document:
    """The document in a file's bytes; raises ``FileRefused`` with every problem there is."""
    return check(_parse(content), environment=environment)


def check(data: Mapping[str, Any], *, environment: Mapping[str, str]) -> Document:
    """The document in a parsed file; raises ``FileRefused`` with every problem there is."""
    problems: list[str] = []
    file = Table(data, path="", problems=problems)
    company = file.table("company")
    calcom = company.table("calcom")
    document = Document(
        company=_company(company),
        calendar=_calendar(calcom, environment),
        telephony=tuple(_telephony(entry, environment) for entry in file.tables("telephony", name="account")),
        branches=tuple(_branch(entry) for entry in file.tables("branches", name="slug")),
        services=tuple(_service(entry) for entry in file.tables("services", name="slug")),
    )
    for table in (calcom, company, file):
        table.close()
    if not problems:
        problems.extend(_contradictions(document))
    if problems:
        raise FileRefused(problems)
    return document


def _parse(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise FileRefused(["the file is not UTF-8 text"]) from error
    except RecursionError as error:
        raise FileRefused(["the file is not valid TOML: nested too deeply"]) from error
    except ValueError as error:
        # Beside TOMLDecodeError, a number too long or a date that does not exist.
        line = " ".join(str(error).split())
        raise FileRefused([f"the file is not valid TOML: {line}"]) from error


def _company(table: Table) -> CompanyPart:
    return CompanyPart(
        slug=table.required("slug", values.slug, stand_in=""),
        name=table.required("name", values.text(limit=120), stand_in=""),
        timezone=table.take("timezone", values.time_zone, default="Europe/Berlin"),
        language=table.take("language", values.one_of(*Language.values), default="de"),
        holidays=table.take("holidays", values.holiday_region, default=""),
        requests_per_minute=table.take(
            "requests_per_minute", values.whole(minimum=1, maximum=1_000_000), default=100
        ),
        fallback_number=table.take("fallback_number", values.no_or(values.phone_number), default=""),
        disclosure=table.take("disclosure", values.text(limit=500, empty=True), default=""),
        email_placeholder=table.take("email_placeholder", values.email_placeholder, default=""),
        retention_days=table.take("retention_days", values.whole(minimum=0, maximum=36_500), default=90),
        store_transcripts=table.take("store_transcripts", values.switch, default=True),
        max_alternatives=table.take("max_alternatives", values.whole(minimum=1, maximum=3), default=2),
        active=table.take("active", values.switch, default=True),
        targets=_targets(table.table("targets")),
    )


def _targets(table: Table) -> dict[str, dict[str, float]]:
    given: dict[str, dict[str, float]] = {}
    for metric in table.names():
        standard = TARGETS.get(metric)
        if standard is None:
            table.problem(metric, f"is not a metric (known: {', '.join(TARGETS)})")
            continue
        levels = table.table(metric)
        reader = values.number(maximum=100 if standard.unit == "percent" else 86_400)
        target = levels.take("target", reader, default=standard.target)
        alert = levels.take("alert", reader, default=standard.alert)
        if not replace(standard, target=target, alert=alert).is_ordered():
            side = "above" if standard.higher_is_better else "below"
            table.problem(metric, f"has its alert {alert:g} {side} its target {target:g}")
        given[metric] = {"target": target, "alert": alert}
        levels.close()
    return given


def _calendar(table: Table, environment: Mapping[str, str]) -> CalendarPart:
    key = values.secret(environment)
    return CalendarPart(
        base_url=table.take("base_url", values.address(environment), default=DEFAULT_BASE_URL),
        api_key=table.required("api_key", key, stand_in="", secret=True),
        webhook_secret=table.take("webhook_secret", values.no_or(key), default="", secret=True),
    )


def _telephony(table: Table, environment: Mapping[str, str]) -> TelephonyPart:
    part = TelephonyPart(
        path=table.path,
        account=table.required("account", values.slug, stand_in=""),
        provider=table.take("provider", values.one_of(*PROVIDERS), default=None),
        signing_key=table.take("signing_key", values.secret(environment), default=None, secret=True),
        web_calls_branch=table.take("web_calls_branch", values.slug, default=None),
    )
    table.close()
    return part


def _branch(table: Table) -> BranchPart:
    hours = table.table("hours")
    part = BranchPart(
        path=table.path,
        slug=table.required("slug", values.slug, stand_in=""),
        name=table.required("name", values.text(limit=120), stand_in=""),
        numbers=tuple(_numbers(table)),
        closures=sorted(set(table.each("closures", values.closure))),
        hours={day: hours.take(day, values.spans, default=[]) for day in WEEKDAYS if day in hours.names()},
        active=table.take("active", values.switch, default=True),
    )
    hours.close()
    table.close()
    return part


def _numbers(table: Table) -> Iterable[NumberPart]:
    """``"+49…"`` or ``{number = "+49…", active = false}``."""
    for entry in table.entries("phone_numbers", plain_as="number"):
        yield NumberPart(
            path=entry.path,
            number=entry.required("number", values.phone_number, stand_in=""),
            active=entry.take("active", values.switch, default=True),
        )
        entry.close()


def _service(table: Table) -> ServicePart:
    minutes = values.whole(minimum=0, maximum=A_YEAR_IN_MINUTES)
    small = values.whole(minimum=0, maximum=1_000)
    part = ServicePart(
        path=table.path,
        slug=table.required("slug", values.slug, stand_in=""),
        name=table.required("name", values.text(limit=120), stand_in=""),
        synonyms=list(dict.fromkeys(table.each("synonyms", values.text(limit=120)))),
        duration_minutes=table.take("duration_minutes", values.whole(minimum=1, maximum=24 * 60), default=30),
        minimum_notice_minutes=table.take("minimum_notice_minutes", minutes, default=0),
        cancel_notice_minutes=table.take("cancel_notice_minutes", minutes, default=0),
        max_moves=table.take("max_moves", small, default=None),
        max_open_appointments=table.take("max_open_appointments", small, default=None),
        capacity=table.take("capacity", values.whole(minimum=1, maximum=1_000), default=1),
        event_types=_event_types(table.table("event_types", required=True)),
        booking_fields=_booking_fields(table.table("booking_fields")),
        active=table.take("active", values.switch, default=True),
    )
    table.close()
    return part


def _event_types(table: Table) -> dict[str, int]:
    event_type = values.whole(minimum=1, maximum=LARGEST_ID)
    return {branch: table.take(branch, event_type, default=0) for branch in table.names()}


def _booking_fields(table: Table) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    for name in table.names():
        found[name] = table.take(name, values.answer, default="")
        if not name.strip() or len(name) > 100:
            table.problem(name, "is not the name of a booking field")
    return found


def _contradictions(document: Document) -> Iterable[str]:
    """What is wrong although every value on its own is fine."""
    branches = {branch.slug for branch in document.branches}
    numbers = [number for branch in document.branches for number in branch.numbers]
    yield from _twice((part.path, "account", part.account) for part in document.telephony)
    yield from _twice((part.path, "slug", part.slug) for part in document.branches)
    yield from _twice((part.path, "slug", part.slug) for part in document.services)
    yield from _twice((part.path, "", part.number) for part in numbers)
    for path, branch in _branches_named(document):
        if branch not in branches:
            yield f"{path}: {shown(branch)} is not a branch of this file"


def _branches_named(document: Document) -> Iterable[tuple[str, str]]:
    for service in document.services:
        for branch in service.event_types:
            yield f"{service.path}.event_types.{shown_key(branch)}", branch
    for account in document.telephony:
        if account.web_calls_branch is not None:
            yield f"{account.path}.web_calls_branch", account.web_calls_branch


def _twice(entries: Iterable[tuple[str, str, str]]) -> Iterable[str]:
    seen: set[str] = set()
    for path, key, value in entries:
        if value in seen:
            yield f"{path}{'.' if key else ''}{key}: {shown(value)} stands in the file twice"
        seen.add(value)
