"""The bodies of Cal.com's webhooks, version 2021-10-20, key for key as they arrive in the field."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apps.sandbox.model import Attendee, Booking, Host, JsonObject
from apps.sandbox.wire import moment, title

LABELS = {
    "name": "your_name",
    "email": "email_address",
    "attendeePhoneNumber": "phone_number",
    "title": "what_is_this_meeting_about",
    "notes": "additional_notes",
    "guests": "additional_guests",
    "rescheduleReason": "reason_for_reschedule",
}
CALENDAR_WRITTEN = {
    "appName": "google-calendar",
    "type": "google_calendar",
    "success": 1,
    "failures": 0,
    "errors": [],
}


def ping(*, now: float) -> JsonObject:
    """What the test button sends."""
    zone = {"timeZone": "Europe/London", "language": {"locale": "en"}, "utcOffset": 0}
    return {
        "type": "Test",
        "title": "Test trigger event",
        "description": "",
        "startTime": moment(now),
        "endTime": moment(now),
        "attendees": [{"email": "jdoe@example.com", "name": "John Doe", **zone}],
        "organizer": {"name": "Cal", "email": "no-reply@cal.com", **zone},
    }


def envelope(trigger: str, payload: JsonObject, *, now: float) -> JsonObject:
    return {"triggerEvent": trigger, "createdAt": moment(now), "payload": payload}


def instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_offset(zone: ZoneInfo, at: int) -> int:
    """Minutes east of UTC at that moment."""
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


def organizer(host: Host, booking: Booking) -> JsonObject:
    account = booking.event_type.account
    return {
        "id": host.id,
        "name": host.name,
        "email": host.email,
        "username": host.username,
        "usernameInOrg": account.username,
        "timeZone": host.zone.key,
        "language": {"locale": account.language},
        "timeFormat": "HH:mm",
        "utcOffset": utc_offset(host.zone, booking.start),
    }


def attendee(one: Attendee, booking: Booking, *, names: bool) -> JsonObject:
    parts = one.name.split(" ", 1)
    split: JsonObject = (
        {"firstName": parts[0], "lastName": parts[1] if len(parts) > 1 else ""} if names else {}
    )
    return {
        "email": one.email,
        "name": one.name,
        **split,
        "timeZone": one.zone,
        "language": {"locale": one.language},
        "phoneNumber": one.phone,
        "utcOffset": utc_offset(ZoneInfo(one.zone), booking.start),
    }


def responses(one: Attendee) -> JsonObject:
    """The booking form as filled in; what was left empty has a label alone."""
    synthetic = one.email.endswith("@sms.cal.com")
    answer: JsonObject = {
        slug: {"label": LABELS.get(slug, slug), "value": value, "isHidden": slug == "email" and synthetic}
        for slug, value in one.responses.items()
    }
    answer["location"] = {
        "label": "location",
        "value": {"optionValue": "", "value": "inPerson"},
        "isHidden": False,
    }
    for slug in ("title", "notes", "guests", "rescheduleReason"):
        answer.setdefault(slug, {"label": LABELS[slug], "isHidden": slug == "title"})
    return answer


def full(booking: Booking, person: Attendee) -> JsonObject:
    """What BOOKING_CREATED, BOOKING_REQUESTED and BOOKING_RESCHEDULED share."""
    kind = booking.event_type
    notes = str(person.responses.get("notes", ""))
    payload: JsonObject = {
        "bookerUrl": "https://cal.com",
        "title": title(booking),
        "startTime": instant(booking.start),
        "endTime": instant(booking.end),
        "additionalNotes": notes,
        "type": kind.slug,
        "description": notes,
        "eventTypeId": kind.id,
        "hideCalendarNotes": False,
        "hideCalendarEventDetails": False,
        "hideOrganizerEmail": False,
        "schedulingType": {"roundRobin": "ROUND_ROBIN", "collective": "COLLECTIVE"}.get(kind.scheduling),
        "seatsPerTimeSlot": kind.seats,
        "seatsShowAttendees": True,
        "seatsShowAvailabilityCount": True,
        "customReplyToEmail": None,
        "disableRescheduling": False,
        "disableCancelling": kind.disable_cancelling,
        "organizer": organizer(booking.hosts[0], booking),
        "attendees": [attendee(person, booking, names=True)],
        "customInputs": {},
        "responses": responses(person),
        "userFieldsResponses": {},
        "location": booking.location,
        "destinationCalendar": None,
        "iCalUID": f"{booking.root_uid}@Cal.com",
        "iCalSequence": booking.sequence,
        "requiresConfirmation": kind.requires_confirmation,
        "oneTimePassword": str(uuid.uuid4()) if booking.status == "pending" else None,
        "organizationId": None,
        "hashedLink": None,
        "uid": booking.uid,
        "eventTitle": kind.title,
        "eventDescription": kind.description,
        "price": kind.price,
        "currency": kind.currency,
        "length": (booking.end - booking.start) // 60,
        "bookingId": booking.id,
        "metadata": booking.metadata,
        "status": booking.status.upper(),
    }
    if booking.status == "accepted":
        payload["appsStatus"] = [CALENDAR_WRITTEN]
    if kind.seats:
        payload["attendeeSeatId"] = person.seat_uid
    if kind.scheduling in ("roundRobin", "collective"):
        payload["team"] = team(booking)
    return payload


def team(booking: Booking) -> JsonObject:
    members = [
        {
            "id": host.id,
            "name": host.name,
            "email": host.email,
            "timeZone": host.zone.key,
            "language": {"locale": booking.event_type.account.language},
        }
        for host in booking.hosts
    ]
    return {"id": booking.event_type.team_id, "name": booking.event_type.account.name, "members": members}


def rescheduled(old: Booking, new: Booking) -> JsonObject:
    payload = full(new, new.attendees[-1])
    payload.update(
        {
            "rescheduleId": old.id,
            "rescheduleUid": old.uid,
            "rescheduleStartTime": instant(old.start),
            "rescheduleEndTime": instant(old.end),
            "rescheduledBy": new.rescheduled_by or new.attendees[-1].email,
        }
    )
    return payload


def ended(booking: Booking, people: list[Attendee]) -> JsonObject:
    """What a cancellation and a rejection share: no metadata, plain responses, other instants."""
    kind = booking.event_type
    first = people[0] if people else None
    notes = str(first.responses.get("notes", "")) if first else ""
    return {
        "bookerUrl": "https://cal.com",
        "title": title(booking),
        "length": (booking.end - booking.start) // 60,
        "type": kind.slug,
        "additionalNotes": notes,
        "description": notes,
        "customInputs": {},
        "eventTypeId": kind.id,
        "userFieldsResponses": {},
        "responses": plain_responses(first) if first else {},
        "organizer": organizer(booking.hosts[0], booking),
        "attendees": [attendee(one, booking, names=False) for one in people],
        "uid": booking.uid,
        "bookingId": booking.id,
        "location": booking.location,
        "destinationCalendar": [],
        "hideOrganizerEmail": False,
        "customReplyToEmail": None,
        "organizationId": None,
        "eventTitle": kind.title,
        "price": None,
        "currency": kind.currency,
    }


def plain_responses(one: Attendee) -> JsonObject:
    """As the booking stores them, the phone number not among them."""
    return {
        slug: {"label": slug, "value": value}
        for slug, value in one.responses.items()
        if slug != "attendeePhoneNumber"
    }


def cancelled(booking: Booking, people: list[Attendee], *, reason: str, metadata: bool) -> JsonObject:
    payload = ended(booking, people)
    payload.update(
        {
            "startTime": instant(booking.start).replace("Z", "+00:00"),
            "endTime": instant(booking.end).replace("Z", "+00:00"),
            "cancellationReason": reason,
            "seatsPerTimeSlot": booking.event_type.seats,
            "seatsShowAttendees": True,
            "iCalUID": f"{booking.root_uid}@Cal.com",
            "iCalSequence": booking.sequence + 1,
            "eventDescription": None,
            "requiresConfirmation": booking.event_type.requires_confirmation or None,
            "status": "CANCELLED",
            "requestReschedule": False,
        }
    )
    if booking.cancelled_by:
        payload["cancelledBy"] = booking.cancelled_by
    if metadata:
        payload["metadata"] = booking.metadata
    return payload


def rejected(booking: Booking) -> JsonObject:
    payload = ended(booking, booking.attendees)
    payload.update(
        {
            "startTime": moment(booking.start),
            "endTime": moment(booking.end),
            "hideCalendarNotes": False,
            "hideCalendarEventDetails": False,
            "requiresConfirmation": True,
            "eventDescription": booking.event_type.description,
            "price": booking.event_type.price,
            "status": "REJECTED",
            "rejectionReason": booking.rejection_reason,
        }
    )
    return payload
