"""What a tenant is set up with, as the API writes it: event types, schedules, the user, webhooks.

Where the published schema and the live service differ, the published schema is followed;
``live`` asks for what the live service sends instead: a numeric ``slotInterval`` and an object as
``bookingWindow`` (the schema can express neither, so they are left out), ``seats: {"disabled": true}``,
webhook ids that are uuids.
"""

from __future__ import annotations

from datetime import date

from apps.sandbox.model import WEEKDAYS, Account, EventType, JsonObject, Schedule, Subscription, Window


def event_type(one: EventType, *, live: bool = False) -> JsonObject:
    """An event type, of a user or (with ``teamId``, ``hosts``) of a team."""
    answer: JsonObject = {
        "id": one.id,
        "lengthInMinutes": one.length,
        "title": one.title,
        "slug": one.slug,
        "description": one.description,
        "locations": list(one.locations),
        "bookingFields": booking_fields(one),
        "disableGuests": False,
        "minimumBookingNotice": one.minimum_notice,
        "beforeEventBuffer": one.before_buffer,
        "afterEventBuffer": one.after_buffer,
        "recurrence": None,
        "metadata": {},
        "price": one.price,
        "currency": one.currency,
        "lockTimeZoneToggleOnBookingPage": False,
        "forwardParamsSuccessRedirect": None,
        "successRedirectUrl": None,
        "isInstantEvent": False,
        "scheduleId": one.schedule.id if one.schedule else None,
        "onlyShowFirstAvailableSlot": one.only_first_slot,
        "confirmationPolicy": confirmation_policy(one),
        "requiresBookerEmailVerification": one.requires_verification,
        "hidden": one.hidden,
        "bookingRequiresAuthentication": one.requires_authentication,
        "bookingUrl": f"https://cal.com/{one.team_slug or one.account.username}/{one.slug}",
    }
    if one.lengths:
        answer["lengthInMinutesOptions"] = list(one.lengths)
    if one.limits_count:
        answer["bookingLimitsCount"] = dict(one.limits_count)
    if one.limits_duration:
        answer["bookingLimitsDuration"] = dict(one.limits_duration)
    if one.active_limit is not None:
        answer["bookerActiveBookingsLimit"] = {
            "maximumActiveBookings": one.active_limit,
            "offerReschedule": one.active_limit_offers_reschedule,
        }
    if one.seats:
        answer["seats"] = {
            "seatsPerTimeSlot": one.seats,
            "showAttendeeInfo": True,
            "showAvailabilityCount": True,
        }
    elif live:
        answer["seats"] = {"disabled": True}
    if live:
        answer["slotInterval"] = one.slot_interval
        if one.window:
            answer["bookingWindow"] = window(one.window)
    elif one.slot_interval is None:
        answer["slotInterval"] = None
    answer.update(_ownership(one))
    return answer


def _ownership(one: EventType) -> JsonObject:
    if not one.scheduling:
        return {"ownerId": one.account.user_id, "users": [each.name for each in one.hosts]}
    return {
        "teamId": one.team_id,
        "ownerId": None,
        "parentEventTypeId": None,
        "schedulingType": one.scheduling,
        "hosts": [each.name for each in one.hosts],
        "assignAllTeamMembers": False,
        "team": {
            "id": one.team_id,
            "slug": one.team_slug,
            "name": one.account.name,
            "bannerUrl": "",
            "logoUrl": "",
            "weekStart": "Monday",
            "brandColor": "#292929",
            "darkBrandColor": "#fafafa",
            "theme": "light",
        },
    }


def confirmation_policy(one: EventType) -> JsonObject:
    if not one.requires_confirmation:
        return {"disabled": True}
    return {"disabled": False, "type": "always", "blockUnconfirmedBookingsInBooker": one.pending_blocks}


def booking_fields(one: EventType) -> list[JsonObject]:
    """The default questions and the event type's own."""
    fields: list[JsonObject] = [
        _field("name", "name", "Your name", default=True, required=True),
        _field("email", "email", "Email address", default=True, required=one.email_required),
        _field(
            "phone",
            "attendeePhoneNumber",
            "Phone number",
            default=True,
            required=one.phone == "required",
            hidden=one.phone == "hidden",
        ),
        _field("textarea", "notes", "Additional notes", default=True, required=False),
        _field("textarea", "rescheduleReason", "Reason for reschedule", default=True, required=False),
    ]
    for own in one.fields:
        entry = _field(own.type, own.slug, own.label, default=False, required=own.required)
        if own.options:
            entry["options"] = list(own.options)
        fields.append(entry)
    return fields


def _field(
    type_: str, slug: str, label: str, *, default: bool, required: bool, hidden: bool = False
) -> JsonObject:
    return {
        "isDefault": default,
        "type": type_,
        "slug": slug,
        "label": label,
        "placeholder": "",
        "required": required,
        "hidden": hidden,
    }


def window(one: Window) -> JsonObject:
    if one.type == "range":
        return {"type": "range", "value": [str(one.first), str(one.last)]}
    return {"type": one.type, "value": one.days, "rolling": True}


def event_types_2024_04_15(account: Account) -> JsonObject:
    """The fallback version's list: groups of event types with ``length`` in place of ``lengthInMinutes``."""
    return {
        "eventTypeGroups": [
            {
                "teamId": None,
                "profile": {"slug": account.username, "name": account.name, "image": ""},
                "eventTypes": [
                    {"id": one.id, "title": one.title, "slug": one.slug, "length": one.length}
                    for one in account.event_types.values()
                ],
            }
        ],
        "profiles": [],
    }


def schedule(one: Schedule, *, owner_id: int) -> JsonObject:
    return {
        "id": one.id,
        "ownerId": owner_id,
        "name": one.name,
        "timeZone": one.zone.key,
        "availability": [
            {
                "days": [WEEKDAYS[day] for day in sorted(hours.weekdays)],
                "startTime": clock(hours.opens),
                "endTime": clock(hours.closes),
            }
            for hours in one.hours
        ],
        "overrides": [
            entry for day, ranges in sorted(one.overrides.items()) for entry in override(day, ranges)
        ],
        "isDefault": one.is_default,
    }


def override(day: date, ranges: tuple[tuple[int, int], ...]) -> list[JsonObject]:
    """A closed date is written as the empty range 00:00–00:00."""
    return [
        {"date": day.isoformat(), "startTime": clock(opens), "endTime": clock(closes)}
        for opens, closes in ranges or ((0, 0),)
    ]


def clock(minutes: int) -> str:
    minutes = min(minutes, 23 * 60 + 59)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def me(account: Account) -> JsonObject:
    default = next((one.id for one in account.schedules if one.is_default), None)
    return {
        "id": account.user_id,
        "username": account.username,
        "email": account.email,
        "name": account.name,
        "avatarUrl": None,
        "bio": None,
        "timeFormat": 24,
        "defaultScheduleId": default,
        "weekStart": "Monday",
        "timeZone": account.zone.key,
        "organizationId": None,
    }


def subscription(one: Subscription, *, owner_id: int, live: bool = False) -> JsonObject:
    return {
        "id": one.uuid if live else one.id,
        "userId": owner_id,
        "subscriberUrl": one.url,
        "triggers": list(one.triggers),
        "active": one.active,
        "secret": one.secret,
        "version": one.version,
        "payloadTemplate": None if live and not one.payload_template else one.payload_template,
    }
