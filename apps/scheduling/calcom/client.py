"""Cal.com's API v2, one method an operation.

Every method takes ``deadline`` (``time.monotonic()`` seconds) for its whole work, sends the
company's key and the version header from one table, checks the shape of the answer, and raises
only errors of ``apps.scheduling.calcom.errors``. Reads may be repeated once within the deadline;
writes are sent once, ever: a write without a trustworthy answer is :class:`OutcomeUnknown`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from apps.core import http
from apps.scheduling.calcom.errors import Reason, Refusal
from apps.scheduling.calcom.payloads import (
    Booking,
    BookingList,
    BookingRequest,
    EventType,
    Me,
    Reservation,
    SlotsAnswer,
    Webhook,
    utc_text,
)
from apps.scheduling.calcom.reading import (
    Malformed,
    parse_booking,
    parse_event_type,
    parse_list,
    parse_me,
    parse_reservation,
    parse_slots,
    parse_webhook,
)
from apps.scheduling.calcom.versions import VERSIONS, Operation
from apps.scheduling.calcom.wire import Exchange, Question, Transport, Wire, content, read, request_id

__all__ = ["CalcomClient", "Exchange"]

PAGE = 100
"""Bookings a page; Cal.com takes up to 250."""

_PHONE = re.compile(r"\+[1-9]\d{5,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class CalcomClient:
    """Speaks to one company's Cal.com account. Cheap to make; holds no connection of its own.

    ``gate`` is called before every request, also before a repeated one and a further page, and
    refuses by raising a :class:`PlatformError` (the upstream budget). ``observer`` hears of every
    request that was made. Both run in the calling thread.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        transport: Transport = http.send,
        gate: Callable[[], None] | None = None,
        observer: Callable[[Exchange], None] | None = None,
        versions: Mapping[Operation, str | None] = VERSIONS,
        connect_timeout: float = 2.0,
    ) -> None:
        """Raises :class:`ConfigDrift` (``bad_base_url``) and :class:`Unauthorized` (``no_key``)."""
        self._wire = Wire(
            base_url=base_url,
            api_key=api_key,
            transport=transport,
            gate=gate,
            observer=observer,
            versions=versions,
            connect_timeout=connect_timeout,
        )

    def __repr__(self) -> str:
        return f"<CalcomClient {self._wire.host}>"

    # Slots

    def slots(
        self,
        *,
        event_type_id: int,
        start: datetime,
        end: datetime,
        time_zone: str,
        deadline: float,
        booking_uid_to_reschedule: str | None = None,
    ) -> SlotsAnswer:
        """The free starts in [start, end) (aware). An empty answer means: none listed – which is not
        yet "fully booked", a host's unreachable calendar looks the same."""
        # An end at exactly midnight UTC means 23:59:59 of that day to Cal.com: one day too many.
        last = end - timedelta(seconds=1)
        params: dict[str, str | int] = {
            "eventTypeId": event_type_id,
            "start": utc_text(start),
            "end": utc_text(last),
            "timeZone": time_zone,
        }
        if booking_uid_to_reschedule:
            params["bookingUidToReschedule"] = booking_uid_to_reschedule
        question = Question(Operation.SLOTS, "GET", "/slots", deadline, params=params)
        answer = self._wire.ask(question)
        return SlotsAnswer(
            slots=read(question, answer, lambda data: parse_slots(data, start=start, end=end)),
            start=start.astimezone(UTC),
            end=end.astimezone(UTC),
            elapsed=answer.elapsed,
            request_id=request_id(answer),
        )

    def reserve_slot(
        self,
        *,
        event_type_id: int,
        start: datetime,
        deadline: float,
        minutes: int | None = None,
        slot_minutes: int | None = None,
    ) -> Reservation:
        """Hide a slot from others for some minutes: a courtesy, never a lock."""
        body: dict[str, object] = {"eventTypeId": event_type_id, "slotStart": utc_text(start)}
        if minutes is not None:
            body["reservationDuration"] = minutes
        if slot_minutes is not None:
            body["slotDuration"] = slot_minutes
        question = Question(Operation.RESERVE_SLOT, "POST", "/slots/reservations", deadline, body=body)
        return read(question, self._wire.ask(question), parse_reservation)

    def release_slot(self, *, reservation_uid: str, deadline: float) -> None:
        """Give a reservation back; one that is gone already is fine."""
        path = f"/slots/reservations/{quote(reservation_uid, safe='')}"
        self._wire.ask(Question(Operation.RELEASE_SLOT, "DELETE", path, deadline))

    # Bookings

    def create_booking(self, request: BookingRequest, *, deadline: float) -> Booking:
        """Book. The answer is checked to be this event type at this start.

        Raises :class:`Refusal`, :class:`ConfigDrift` … or :class:`OutcomeUnknown`.
        """
        _refuse_bad_attendee(request)
        question = Question(Operation.CREATE_BOOKING, "POST", "/bookings", deadline, body=request.body())
        return read(
            question,
            self._wire.ask(question),
            lambda data: _matching(data, start=request.start, event_type_id=request.event_type_id),
        )

    def get_booking(self, *, uid: str, deadline: float) -> Booking:
        """One booking by its uid; :class:`Refusal` ``not_found``."""
        question = Question(Operation.GET_BOOKING, "GET", f"/bookings/{quote(uid, safe='')}", deadline)
        return read(question, self._wire.ask(question), parse_booking)

    def find_bookings(
        self,
        *,
        after_start: datetime,
        before_end: datetime,
        deadline: float,
        event_type_id: int | None = None,
        attendee_email: str = "",
        max_items: int = 300,
    ) -> BookingList:
        """Bookings of every status that lie inside [after_start, before_end]."""
        params: dict[str, str | int] = {
            "afterStart": utc_text(after_start),
            "beforeEnd": utc_text(before_end),
            "sortStart": "asc",
        }
        if event_type_id is not None:
            params["eventTypeId"] = event_type_id
        if attendee_email:
            params["attendeeEmail"] = attendee_email

        def fits(booking: Booking) -> bool:
            return (
                after_start <= booking.start
                and booking.end <= before_end
                and (event_type_id is None or booking.event_type_id == event_type_id)
                and (not attendee_email or booking.has_attendee(attendee_email))
            )

        return self._list(params, fits=fits, deadline=deadline, max_items=max_items)

    def bookings_updated_after(
        self, *, since: datetime, deadline: float, max_items: int = 500
    ) -> BookingList:
        """Bookings changed since then. One that was made and never changed has no such date at
        Cal.com: ask :meth:`bookings_created_after` too."""

        def fits(booking: Booking) -> bool:
            changed = booking.updated_at or booking.created_at
            return changed is None or changed >= since

        params = {"afterUpdatedAt": utc_text(since), "sortUpdatedAt": "asc"}
        return self._list(params, fits=fits, deadline=deadline, max_items=max_items)

    def bookings_created_after(
        self, *, since: datetime, deadline: float, max_items: int = 500
    ) -> BookingList:
        """Bookings made since then."""

        def fits(booking: Booking) -> bool:
            return booking.created_at is None or booking.created_at >= since

        params = {"afterCreatedAt": utc_text(since), "sortCreated": "asc"}
        return self._list(params, fits=fits, deadline=deadline, max_items=max_items)

    def cancel_booking(self, *, uid: str, reason: str, deadline: float, seat_uid: str = "") -> Booking:
        """Cancel. ``already_cancelled`` comes as a :class:`Refusal`: the wish is fulfilled then.

        Some event types demand a reason, so there always is one.
        """
        body: dict[str, object] = {"cancellationReason": reason or "Cancelled by phone"}
        if seat_uid:
            body["seatUid"] = seat_uid
        path = f"/bookings/{quote(uid, safe='')}/cancel"
        question = Question(Operation.CANCEL_BOOKING, "POST", path, deadline, body=body)
        return read(question, self._wire.ask(question), parse_booking)

    def reschedule_booking(
        self,
        *,
        uid: str,
        start: datetime,
        deadline: float,
        reason: str = "",
        rescheduled_by: str = "",
        seat_uid: str = "",
    ) -> Booking:
        """Move to another start: the answer is a new booking with a new uid, the old one is cancelled.

        ``rescheduled_by``: the owner's e-mail confirms at once where the host has to confirm.
        """
        body: dict[str, object] = {"start": utc_text(start)}
        if seat_uid:
            body["seatUid"] = seat_uid
        elif reason:
            body["reschedulingReason"] = reason
        if rescheduled_by:
            body["rescheduledBy"] = rescheduled_by
        path = f"/bookings/{quote(uid, safe='')}/reschedule"
        question = Question(Operation.RESCHEDULE_BOOKING, "POST", path, deadline, body=body)
        return read(
            question, self._wire.ask(question), lambda data: _matching(data, start=start, event_type_id=None)
        )

    # Set-up

    def event_type(self, *, event_type_id: int, deadline: float) -> EventType:
        """One event type of the account; :class:`ConfigDrift` ``event_type_not_found``."""
        question = Question(Operation.EVENT_TYPE, "GET", f"/event-types/{event_type_id}", deadline)
        return read(question, self._wire.ask(question), lambda data: parse_event_type(_unwrapped(data)))

    def event_types(self, *, deadline: float) -> tuple[EventType, ...]:
        """The account's own event types."""
        question = Question(Operation.EVENT_TYPES, "GET", "/event-types", deadline)
        return read(
            question,
            self._wire.ask(question),
            lambda data: tuple(parse_event_type(item) for item in parse_list(data, at="event types")),
        )

    def me(self, *, deadline: float) -> Me:
        """Whose key it is: the check of the key itself."""
        question = Question(Operation.ME, "GET", "/me", deadline)
        return read(question, self._wire.ask(question), parse_me)

    def webhooks(self, *, deadline: float) -> tuple[Webhook, ...]:
        """The account's webhook subscriptions."""
        question = Question(Operation.WEBHOOKS, "GET", "/webhooks", deadline, params={"take": 250})
        return read(
            question,
            self._wire.ask(question),
            lambda data: tuple(parse_webhook(item) for item in parse_list(data, at="webhooks")),
        )

    def create_webhook(
        self, *, subscriber_url: str, secret: str, triggers: Sequence[str], deadline: float
    ) -> Webhook:
        """Subscribe; :class:`Refusal` ``already_exists`` for the same address again."""
        body: dict[str, object] = {
            "active": True,
            "subscriberUrl": subscriber_url,
            "secret": secret,
            "triggers": list(triggers),
        }
        question = Question(Operation.CREATE_WEBHOOK, "POST", "/webhooks", deadline, body=body)
        return read(question, self._wire.ask(question), parse_webhook)

    # The way there and back

    def _list(
        self,
        params: Mapping[str, str | int],
        *,
        fits: Callable[[Booking], bool],
        deadline: float,
        max_items: int,
    ) -> BookingList:
        """Page through GET /bookings, at most ``max_items``; an ignored ``skip`` ends it as well."""
        seen: dict[str, Booking] = {}
        complete = False
        for skip in range(0, max_items, PAGE):
            page_params = {**params, "take": PAGE, "skip": skip}
            question = Question(Operation.LIST_BOOKINGS, "GET", "/bookings", deadline, params=page_params)
            answer = self._wire.ask(question)
            page = read(
                question,
                answer,
                lambda data: [parse_booking(item) for item in parse_list(data, at="bookings")],
            )
            before = len(seen)
            seen.update((booking.uid, booking) for booking in page)
            if not _has_next(answer, returned=len(page)):
                complete = True
                break
            if len(seen) == before:
                break
        return BookingList(bookings=tuple(filter(fits, seen.values())), complete=complete)


def _matching(data: object, *, start: datetime, event_type_id: int | None) -> Booking:
    """The booking of the answer, if it is the one that was asked for."""
    booking = parse_booking(data)
    if booking.start != start.astimezone(UTC).replace(microsecond=0):
        raise Malformed("the booking is for another start")
    if event_type_id is not None and booking.event_type_id not in (None, event_type_id):
        raise Malformed("the booking is for another event type")
    return booking


def _unwrapped(data: object) -> object:
    """Some installations wrap one event type as ``{"eventType": {…}}``."""
    if isinstance(data, dict) and isinstance(data.get("eventType"), dict):
        return data["eventType"]
    return data


def _refuse_bad_attendee(request: BookingRequest) -> None:
    """What Cal.com would refuse for certain is refused here, without a request."""
    operation = Operation.CREATE_BOOKING
    if not request.name.strip():
        raise Refusal(Reason.MISSING_FIELD, field="name", operation=operation)
    if not request.email and not request.phone:
        raise Refusal(Reason.MISSING_FIELD, field="contact", operation=operation)
    if request.phone and not _PHONE.fullmatch(request.phone):
        raise Refusal(Reason.INVALID_PHONE, operation=operation)
    if request.email and not _EMAIL.fullmatch(request.email):
        raise Refusal(Reason.INVALID_EMAIL, operation=operation)


def _has_next(answer: http.HttpAnswer, *, returned: int) -> bool:
    body = content(answer)
    pagination = body.get("pagination") if isinstance(body, dict) else None
    if isinstance(pagination, dict) and isinstance(pagination.get("hasNextPage"), bool):
        return bool(pagination["hasNextPage"])
    return returned >= PAGE
