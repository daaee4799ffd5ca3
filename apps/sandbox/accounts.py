"""Builds accounts and what belongs to them from a scenario's tables (or a control request's)."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from apps.sandbox.booking import Wanted, put_elsewhere
from apps.sandbox.calendar import Calendar
from apps.sandbox.dates import clock_minutes, day_from, instant_from
from apps.sandbox.model import (
    MINUTE,
    WEEKDAYS,
    Account,
    Attendee,
    Booking,
    BookingField,
    EventType,
    Host,
    Hours,
    JsonObject,
    Schedule,
    Subscription,
    Window,
)
from apps.sandbox.reading import ScenarioError, Table

WORKWEEK = [{"days": list(WEEKDAYS[:5]), "startTime": "09:00", "endTime": "18:00"}]
TRIGGERS = (
    "BOOKING_CREATED",
    "BOOKING_REQUESTED",
    "BOOKING_RESCHEDULED",
    "BOOKING_CANCELLED",
    "BOOKING_REJECTED",
)


def add_account(calendar: Calendar, raw: Any, *, where: str) -> Account:
    """Build one account with everything below it and put it into the calendar."""
    table = Table(raw, where)
    zone = table.zone("timezone", ZoneInfo("Europe/Berlin"))
    username = table.text("username")
    account = Account(
        key=table.text("key"),
        user_id=table.integer("user_id", 4711 + len(calendar.accounts) * 100),
        name=table.text("name", username),
        username=username,
        email=table.text("email", f"{username}@cal.example"),
        zone=zone,
        language=table.text("language", "de"),
        expired=table.switch("expired", False),
        rate_limit=table.integer("rate_limit", 100_000),
        blocked=frozenset(one.lower() for one in table.texts("blocked")),
    )
    if account.key in calendar.accounts:
        raise ScenarioError(f"{where}.key: {account.key!r} is used twice")
    for index, one in enumerate(table.tables("schedules") or [{}]):
        account.schedules.append(
            schedule_from(Table(one, f"{where}.schedules[{index}]"), account, number=index)
        )
    for index, one in enumerate(table.tables("hosts") or [{}]):
        account.hosts.append(host_from(Table(one, f"{where}.hosts[{index}]"), account, number=index))
    for index, one in enumerate(table.tables("event_types")):
        event_type_from(Table(one, f"{where}.event_types[{index}]"), account)
    for index, one in enumerate(table.tables("webhooks")):
        subscription = subscription_from(Table(one, f"{where}.webhooks[{index}]"), number=index + 1)
        account.webhooks[subscription.id] = subscription
    calendar.accounts[account.key] = account
    for index, one in enumerate(table.tables("busy")):
        add_busy(calendar, account, Table(one, f"{where}.busy[{index}]"))
    for index, one in enumerate(table.tables("bookings")):
        add_booking(calendar, account, Table(one, f"{where}.bookings[{index}]"))
    table.done()
    return account


def schedule_from(table: Table, account: Account, *, number: int) -> Schedule:
    """Weekly hours and dated overrides, under the names Cal.com gives them."""
    zone = table.zone("timezone", account.zone)
    hours = tuple(
        hours_from(Table(one, table.at("availability"))) for one in table.tables("availability", WORKWEEK)
    )
    overrides: dict[date, tuple[tuple[int, int], ...]] = {}
    for one in table.tables("overrides"):
        entry = Table(one, table.at("overrides"))
        day = day_from(entry.text("date"), zone=zone, where=entry.at("date"))
        opens = clock_minutes(entry.text("startTime", "00:00"), where=entry.at("startTime"))
        closes = clock_minutes(entry.text("endTime", "00:00"), where=entry.at("endTime"))
        entry.done()
        overrides[day] = (*overrides.get(day, ()), *(((opens, closes),) if closes > opens else ()))
    schedule = Schedule(
        id=table.integer("id", account.user_id * 10 + number),
        name=table.text("name", "Working hours"),
        zone=zone,
        hours=hours,
        overrides=overrides,
        is_default=number == 0,
    )
    table.done()
    return schedule


def hours_from(table: Table) -> Hours:
    days = table.texts("days")
    unknown = [day for day in days if day not in WEEKDAYS]
    if unknown:
        raise ScenarioError(f"{table.at('days')}: {unknown[0]!r} is no weekday (Monday … Sunday)")
    hours = Hours(
        frozenset(WEEKDAYS.index(day) for day in days),
        clock_minutes(table.text("startTime"), where=table.at("startTime")),
        clock_minutes(table.text("endTime"), where=table.at("endTime")),
    )
    table.done()
    return hours


def host_from(table: Table, account: Account, *, number: int) -> Host:
    username = table.text("username", account.username if number == 0 else f"{account.username}-{number + 1}")
    wanted = table.integer("schedule", account.schedules[0].id)
    schedule = next((one for one in account.schedules if one.id == wanted), None)
    if schedule is None:
        raise ScenarioError(f"{table.at('schedule')}: there is no schedule {wanted}")
    host = Host(
        id=table.integer("id", account.user_id + number),
        name=table.text("name", account.name),
        email=table.text("email", account.email if number == 0 else f"{username}@cal.example"),
        username=username,
        zone=table.zone("timezone", account.zone),
        schedule=schedule,
    )
    table.done()
    return host


def event_type_from(table: Table, account: Account) -> EventType:
    """One event type, added to its account. Durations are minutes."""
    number = table.integer("id")
    title = table.text("title")
    lengths = tuple(table.integers("lengths"))
    event_type = EventType(
        id=number,
        account=account,
        title=title,
        slug=table.text("slug", f"event-{number}"),
        length=table.integer("length", lengths[0] if lengths else 30),
        hosts=chosen_hosts(table, account),
        lengths=lengths,
        description=table.text("description", ""),
        slot_interval=table.integer("slot_interval", 0) or None,
        minimum_notice=table.integer("minimum_notice", 0),
        before_buffer=table.integer("before_buffer", 0),
        after_buffer=table.integer("after_buffer", 0),
        window=window_from(table, account),
        limits_count=table.numbers("booking_limits"),
        limits_duration=table.numbers("duration_limits"),
        active_limit=table.integer("active_bookings_limit", 0) or None,
        active_limit_offers_reschedule=table.switch("active_bookings_offer_reschedule", False),
        seats=table.integer("seats", 0) or None,
        requires_confirmation=table.switch("requires_confirmation", False),
        pending_blocks=table.switch("pending_blocks", False),
        email_required=table.switch("email_required", True),
        phone=table.choice("phone", ("optional", "required", "hidden")),
        fields=tuple(field_from(Table(one, table.at("fields"))) for one in table.tables("fields")),
        locations=tuple(
            table.tables("locations", [{"type": "address", "address": account.name, "public": True}])
        ),
        price=table.integer("price", 0),
        currency=table.text("currency", "eur"),
        hidden=table.switch("hidden", False),
        requires_verification=table.switch("requires_verification", False),
        requires_authentication=table.switch("requires_authentication", False),
        only_first_slot=table.switch("only_first_slot", False),
        disable_cancelling=table.switch("disable_cancelling", False),
        requires_cancellation_reason=table.switch("requires_cancellation_reason", False),
        reschedule_notice=table.integer("reschedule_notice", 0) or None,
        scheduling=table.choice("scheduling", ("", "roundRobin", "collective", "managed")),
        team_id=table.integer("team_id", 0),
        team_slug=table.text("team_slug", ""),
        schedule=chosen_schedule(table, account),
    )
    if event_type.length < 1:
        raise ScenarioError(f"{table.at('length')}: {event_type.length} is not a length in minutes")
    table.done()
    if number in account.event_types:
        raise ScenarioError(f"{table.at('id')}: {number} is used twice")
    account.event_types[number] = event_type
    return event_type


def chosen_hosts(table: Table, account: Account) -> list[Host]:
    """By username; without a choice the account's first host."""
    names = table.texts("hosts")
    by_name = {host.username: host for host in account.hosts}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ScenarioError(f"{table.at('hosts')}: there is no host {unknown[0]!r}")
    return [by_name[name] for name in names] or account.hosts[:1]


def chosen_schedule(table: Table, account: Account) -> Schedule | None:
    wanted = table.integer("schedule", 0)
    if not wanted:
        return None
    for schedule in account.schedules:
        if schedule.id == wanted:
            return schedule
    raise ScenarioError(f"{table.at('schedule')}: there is no schedule {wanted}")


def window_from(table: Table, account: Account) -> Window | None:
    """``booking_window``: ``{days = 30}``, ``{business_days = 10}`` or ``{from = …, to = …}``."""
    raw = table.mapping("booking_window")
    if not raw:
        return None
    entry = Table(raw, table.at("booking_window"))
    days, business = entry.integer("days", 0), entry.integer("business_days", 0)
    first, last = entry.text("from", ""), entry.text("to", "")
    entry.done()
    if first and last:
        return Window(
            "range",
            first=day_from(first, zone=account.zone, where=entry.at("from")),
            last=day_from(last, zone=account.zone, where=entry.at("to")),
        )
    if not days and not business:
        raise ScenarioError(f"{entry.where}: needs days, business_days, or from and to")
    return Window("calendarDays", days) if days else Window("businessDays", business)


def field_from(table: Table) -> BookingField:
    slug = table.text("slug")
    found = BookingField(
        slug=slug,
        type=table.text("type", "text"),
        label=table.text("label", slug),
        required=table.switch("required", True),
        options=tuple(table.texts("options")),
    )
    table.done()
    return found


def subscription_from(table: Table, *, number: int) -> Subscription:
    subscription = Subscription(
        id=number,
        uuid=f"00000000-0000-4000-8000-{number:012d}",
        url=table.text("url"),
        triggers=tuple(table.texts("triggers")) or TRIGGERS,
        secret=table.text("secret", ""),
        active=table.switch("active", True),
    )
    table.done()
    return subscription


def add_busy(calendar: Calendar, account: Account, table: Table) -> None:
    """A time from elsewhere (a connected calendar) on a host, or on all hosts of the account."""
    now = calendar.now()
    start = instant_from(table.text("start"), zone=account.zone, now=now, where=table.at("start"))
    ends, minutes, username = table.text("end", ""), table.integer("minutes", 0), table.text("host", "")
    table.done()
    if not ends and not minutes:
        raise ScenarioError(f"{table.where}: needs end or minutes")
    end = (
        instant_from(ends, zone=account.zone, now=now, where=table.at("end"))
        if ends
        else start + minutes * MINUTE
    )
    hosts = [host for host in account.hosts if username in ("", host.username)]
    if not hosts:
        raise ScenarioError(f"{table.at('host')}: there is no host {username!r}")
    if end <= start:
        raise ScenarioError(f"{table.at('end')}: {ends!r} is not after the start")
    with calendar.changing():
        for host in hosts:
            host.busy.append((start, end))
            host.busy.sort()


def add_booking(calendar: Calendar, account: Account, table: Table) -> Booking:
    """A booking made elsewhere, past the rules; returns it."""
    number = table.integer("event_type")
    event_type = account.event_types.get(number)
    if event_type is None:
        raise ScenarioError(f"{table.at('event_type')}: there is no event type {number}")
    start = instant_from(table.text("start"), zone=account.zone, now=calendar.now(), where=table.at("start"))
    phone = table.text("phone", "")
    email = table.text("email", "") or f"{phone.lstrip('+') or 'guest'}@sms.cal.com"
    name = table.text("name", "Guest")
    responses: JsonObject = {"name": name, "email": email}
    if phone:
        responses["attendeePhoneNumber"] = phone
    metadata = table.mapping("metadata")
    table.done()
    attendee = Attendee(
        name=name,
        email=email,
        phone=phone or None,
        zone=account.zone.key,
        language=account.language,
        responses=responses,
        metadata=metadata,
        created=calendar.now(),
    )
    return put_elsewhere(
        calendar, wanted=Wanted(event_type, start, event_type.length, attendee, metadata=metadata)
    )
