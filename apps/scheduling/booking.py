"""Book, move, cancel: an attempt row first, then the calendar, then one transaction with the truth.

The caller's answer has a deadline; the request to the calendar has a longer one and runs in a
thread that outlives the answer (``apps.scheduling.submission``). It is sent once, ever. What it did
when no trustworthy answer came is left ``unknown`` for reconciliation, which looks at the calendar.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.core.deadline import Deadline
from apps.scheduling import attempts
from apps.scheduling.attempts import Attendee, Outcome, Wish, folded, join
from apps.scheduling.calcom.client import CalcomClient
from apps.scheduling.calcom.errors import OutcomeUnknown, Reason, Refusal
from apps.scheduling.calcom.payloads import Booking, BookingRequest
from apps.scheduling.calcom.versions import Operation
from apps.scheduling.lookup import KEY, carries
from apps.scheduling.models import Appointment, BookingAttempt, Customer
from apps.scheduling.places import Place
from apps.scheduling.submission import Call, submit

__all__ = ["Attendee", "Outcome", "book", "cancel", "reschedule", "standing"]

Kind = BookingAttempt.Kind
State = BookingAttempt.State

# How far the calendar's clock and ours may be apart.
CLOCKS_DIFFER = timedelta(seconds=60)


def book(
    place: Place,
    *,
    start: datetime,
    attendee: Attendee,
    owner: str,
    deadline: Deadline,
    notes: str = "",
    asked_at: datetime | None = None,
) -> Outcome:
    """Book this start for this attendee, as was ``asked_at`` some moment.

    The same wish in the same conversation is the same attempt: it is joined while it runs and
    answered ``already`` when it stands, and refused when it was ended since it was asked. So is what
    the number that calls has asked for in another conversation. Raises nothing that the calendar does.
    """
    customer = customer_for(place, attendee)
    wish = Wish(
        kind=Kind.BOOK,
        owner=owner,
        event_type_id=place.event_type_id,
        start=start,
        end=start + place.duration,
        attendee=attendee,
        parts=(place.service.pk, place.branch.pk, start.timestamp(), folded(attendee.name)),
        customer=customer,
        reason=notes,
        asked_at=asked_at,
    )
    try:
        attempt, fresh = attempts.claim(place, wish)
    except attempts.TooMany:
        return Outcome("refused", code="max_open_appointments")
    if not fresh:
        return join(attempt, deadline=deadline)
    call = _booking_call(attempt, place, attendee, notes)
    return _at(place, submit(attempt, place.calendar, call, deadline=deadline))


def _at(place: Place, outcome: Outcome) -> Outcome:
    """The outcome with what is known of its appointment already: nothing has to be loaded to speak of it."""
    made = outcome.appointment
    if made is not None and (made.service_id, made.branch_id) == (place.service.pk, place.branch.pk):
        made.service, made.branch = place.service, place.branch
    return outcome


def reschedule(
    place: Place, appointment: Appointment, *, start: datetime, owner: str, deadline: Deadline
) -> Outcome:
    """Move an appointment to another start, with the calendar's own call: the old time is let go only
    when the new one stands."""
    if appointment.status not in Appointment.OPEN:
        return Outcome("refused", code="ended_meanwhile")
    if appointment.start == start:
        return Outcome("already", appointment)
    wish = Wish(
        kind=Kind.RESCHEDULE,
        owner=owner,
        event_type_id=place.event_type_id,
        start=start,
        end=start + (appointment.end - appointment.start),
        attendee=Attendee(name=appointment.attendee_name, phone=_phone_of(appointment)),
        parts=(appointment.pk, appointment.calendar_uid, start.timestamp()),
        customer=appointment.customer,
        appointment=appointment,
    )
    before = attempts.other_change(wish)
    if before is not None:
        # It may have another time and uid by now: asked by the old one, the calendar would refuse, and
        # "it cannot be changed" be said of what was moved.
        outcome = join(before, deadline=deadline)
        if outcome.settled == "pending":
            return outcome
        appointment.refresh_from_db()
        return reschedule(place, appointment, start=start, owner=owner, deadline=deadline)
    attempt, fresh = attempts.claim(place, wish)
    if not fresh:
        return join(attempt, deadline=deadline)
    uid, seat = appointment.calendar_uid, appointment.seat_uid

    def call(client: CalcomClient, until: float) -> Booking:
        return client.reschedule_booking(
            uid=uid, start=start, deadline=until, reason="By phone", seat_uid=seat
        )

    return submit(attempt, place.calendar, call, deadline=deadline)


def cancel(place: Place, appointment: Appointment, *, reason: str, owner: str, deadline: Deadline) -> Outcome:
    """Cancel an appointment; one that is cancelled already is done."""
    if appointment.status == Appointment.Status.CANCELLED:
        return Outcome("already", appointment)
    wish = Wish(
        kind=Kind.CANCEL,
        owner=owner,
        event_type_id=place.event_type_id,
        start=appointment.start,
        end=appointment.end,
        attendee=Attendee(name=appointment.attendee_name, phone=_phone_of(appointment)),
        parts=(appointment.pk, appointment.calendar_uid),
        customer=appointment.customer,
        appointment=appointment,
        reason=reason,
    )
    attempt, fresh = attempts.claim(place, wish)
    if not fresh:
        return join(attempt, deadline=deadline)
    uid, seat = appointment.calendar_uid, appointment.seat_uid

    def call(client: CalcomClient, until: float) -> Booking:
        return client.cancel_booking(
            uid=uid, reason=reason[:500] or "By phone", deadline=until, seat_uid=seat
        )

    return submit(attempt, place.calendar, call, deadline=deadline)


def _phone_of(appointment: Appointment) -> str:
    return (appointment.customer.phone or "") if appointment.customer is not None else ""


def standing(
    place: Place, *, start: datetime, name: str, owner: str, caller_number: str | None = None
) -> Appointment | None:
    """The appointment this conversation already made: same service, start and name; else the one that the
    number that calls has at this start under this name, from an earlier conversation."""
    made = BookingAttempt.objects.filter(
        owner=owner,
        kind=Kind.BOOK,
        state=State.CONFIRMED,
        service_id=place.service.pk,
        appointment__isnull=False,
    ).select_related("appointment")
    for attempt in made:
        found = attempt.appointment
        if found is None or found.start != start or found.status not in Appointment.OPEN:
            continue
        if not name or folded(attempt.attendee_name) == folded(name):
            return found
    if not caller_number or not name:
        return None
    return attempts.own_appointment(place, start=start, phone=caller_number, name=name)


def customer_for(place: Place, attendee: Attendee) -> Customer | None:
    """The customer of this number in this company; a withheld number makes none to find again.

    Who books for somebody else stays who they are: a name that is known is not overwritten.
    """
    if not attendee.phone:
        return None
    email = attendee.email if attendee.own_email and attendee.email else None
    customer, created = Customer.objects.get_or_create(
        company_id=place.company.pk,
        phone=attendee.phone,
        defaults={"name": attendee.name, "email": email},
    )
    if not created:
        rows = Customer.objects.filter(pk=customer.pk)
        if not customer.name and attendee.name:
            rows.filter(name="").update(name=attendee.name)
        if email and customer.email is None:
            rows.filter(email__isnull=True).update(email=email)
    return customer


def _booking_call(attempt: BookingAttempt, place: Place, attendee: Attendee, notes: str) -> Call:
    responses: dict[str, object] = dict(place.service.booking_fields)
    if notes:
        responses.setdefault("notes", notes[:500])
    request = BookingRequest(
        event_type_id=place.external_id,
        start=attempt.start,
        name=attendee.name,
        time_zone=place.zone.key,
        email=attendee.email,
        phone=attendee.phone,
        language=place.company.language,
        responses=responses,
        metadata={KEY: attempt.calendar_key, "source": "booking_platform"},
    )

    def call(client: CalcomClient, until: float) -> Booking:
        booking = client.create_booking(request, deadline=until)
        if not _answers(attempt, booking):
            # Cal.com may hand back an existing booking for a similar request (incident 7).
            raise Refusal(Reason.CONFLICT, operation=Operation.CREATE_BOOKING)
        if not booking.is_open:
            raise OutcomeUnknown("not_standing", operation=Operation.CREATE_BOOKING)
        return booking

    return call


def _answers(attempt: BookingAttempt, booking: Booking) -> bool:
    """Whether this booking was made by this attempt: its key says so.

    An installation that gives no metadata back is believed when the booking is fresh, the same
    person's, and not known yet.
    """
    if carries(booking, attempt.calendar_key):
        return True
    if KEY in booking.metadata or any(KEY in one.metadata for one in booking.attendees):
        return False
    asked_at = attempt.submitted_at or attempt.created_at
    fresh = booking.created_at is not None and booking.created_at >= asked_at - CLOCKS_DIFFER
    same_person = any(
        one.phone == attempt.attendee_phone or (one.email and one.email == attempt.attendee_email)
        for one in booking.attendees
    )
    return fresh and same_person and not Appointment.objects.filter(calendar_uid=booking.uid).exists()
