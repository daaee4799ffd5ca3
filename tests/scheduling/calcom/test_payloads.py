from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.scheduling.calcom.payloads import Attendee, BookingRequest, EventType, Slot, utc_text
from apps.scheduling.calcom.reading import (
    Malformed,
    parse_booking,
    parse_event_type,
    parse_me,
    parse_reservation,
    parse_slots,
    parse_webhook,
)
from tests.scheduling.calcom.answers import START, UID, booking

FROM, TO = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC)
NINE = "2026-11-24T09:00:00.000+01:00"
TWO = "2026-11-25T14:00:00.000+01:00"
BOTH = (Slot(datetime(2026, 11, 24, 8, tzinfo=UTC)), Slot(datetime(2026, 11, 25, 13, tzinfo=UTC)))

SHAPES: list[tuple[str, object]] = [
    ("by date", {"2026-11-24": [{"start": NINE}], "2026-11-25": [{"start": TWO}]}),
    ("by date, times", {"2026-11-24": [{"time": NINE}], "2026-11-25": [{"time": TWO}]}),
    ("by date, texts", {"2026-11-24": [NINE], "2026-11-25": [TWO]}),
    ("by date, ranges", {"2026-11-24": [{"start": NINE, "end": TWO}], "2026-11-25": [{"start": TWO}]}),
    ("wrapped", {"slots": {"2026-11-24": [{"time": NINE}], "2026-11-25": [{"time": TWO}]}}),
    ("wrapped and flat", {"slots": [{"start": NINE}, {"start": TWO}]}),
    ("flat", [{"start": NINE}, {"start": TWO}]),
    ("flat texts", [NINE, TWO]),
    ("out of order and twice", [TWO, NINE, NINE, "2026-11-24T08:00:00Z"]),
    ("under the wrong date", {"2026-11-20": [NINE, TWO]}),
    ("with a remark", {"2026-11-24": [NINE], "2026-11-25": [TWO], "message": "two left"}),
    ("with unknown keys", {"2026-11-24": [{"start": NINE, "x": 1}], "2026-11-25": [TWO], "new": {"a": 1}}),
    ("with an empty day", {"2026-11-24": [NINE], "2026-11-25": [TWO], "2026-11-26": []}),
]


@pytest.mark.parametrize("data", [shape for _, shape in SHAPES], ids=[name for name, _ in SHAPES])
def test_every_shape_of_slots_gives_the_same_starts_in_order(data: object) -> None:
    assert parse_slots(data, start=FROM, end=TO) == BOTH


@pytest.mark.parametrize(
    "data",
    [{}, [], {"slots": {}}, {"slots": []}, {"2026-11-24": []}, {"noSlotsMessage": "none"}, {"reason": None}],
)
def test_nothing_free_is_an_answer(data: object) -> None:
    assert parse_slots(data, start=FROM, end=TO) == ()


NONSENSE: list[object] = [
    None,
    "2026-11-24",
    7,
    True,
    {"2026-11-24": {"start": NINE}},
    {"2026-11-24": NINE},
    {"2026-11-24": None},
    {"2026-11-24": [None]},
    {"2026-11-24": [9]},
    {"2026-11-24": [[NINE]]},
    {"2026-11-24": [{}]},
    {"2026-11-24": [{"start": None}]},
    {"2026-11-24": [{"start": 1764000000}]},
    {"2026-11-24": [{"start": "09:00"}]},
    {"2026-11-24": ["2026-11-24"]},
    {"2026-11-24": ["2026-11-24T25:00:00Z"]},
    {"2026-11-24": [{"start": "2026-11-24T09:00:00"}]},
    {"2026-11-24": ["morgen um neun T"]},
    {"2026-11-24": [{"start": NINE, "seatsRemaining": "3"}]},
    {"2026-11-24": [{"start": NINE, "seatsRemaining": -1}]},
    {"2026-11-24": [{"start": "0001-01-01T00:00:00+14:00"}]},
    {"slots": None},
    {"slots": "none"},
    {"error": "calendar unreachable"},
    {"data": {"2026-11-24": [NINE]}},
    {"24.11.2026": [NINE]},
    [{"date": "2026-11-24", "slots": [NINE]}],
]


@pytest.mark.parametrize("data", NONSENSE, ids=str)
def test_what_makes_no_sense_is_never_taken_for_no_slots(data: object) -> None:
    with pytest.raises(Malformed):
        parse_slots(data, start=FROM, end=TO)


def test_slots_outside_the_asked_range_are_dropped_the_end_excluded() -> None:
    data = ["2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z", "2026-11-25T23:45:00Z", "2026-11-26T00:00:00Z"]
    kept = parse_slots(data, start=FROM, end=TO)
    assert [slot.start.isoformat() for slot in kept] == [
        "2026-11-24T00:00:00+00:00",
        "2026-11-25T23:45:00+00:00",
    ]


def test_seats_are_read_and_full_slots_dropped() -> None:
    data = [
        {"start": NINE, "seatsBooked": 2, "seatsRemaining": 3, "seatsTotal": 5, "bookingUid": UID},
        {"start": TWO, "seatsBooked": 5, "seatsRemaining": 0, "seatsTotal": 5},
    ]
    (slot,) = parse_slots(data, start=FROM, end=TO)
    assert (slot.seats_remaining, slot.seats_total) == (3, 5)


def test_both_halves_of_the_hour_that_comes_twice_stay_two_slots() -> None:
    start, end = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)
    data = ["2026-10-25T02:30:00.000+02:00", "2026-10-25T02:30:00.000+01:00"]
    slots = parse_slots(data, start=start, end=end)
    assert [slot.start.hour for slot in slots] == [0, 1]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=8)
        | st.just(NINE)
        | st.just("2026-11-24"),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["slots", "start", "time", "2026-11-24", "x"]), inner, max_size=3
            )
        ),
        max_leaves=12,
    )
)
def test_slots_are_read_or_refused_but_nothing_else_happens(data: object) -> None:
    try:
        slots = parse_slots(data, start=FROM, end=TO)
    except Malformed:
        return
    assert all(FROM <= slot.start < TO for slot in slots)
    # Every slot that is read was in the answer: nothing is invented.
    assert not slots or NINE in str(data)


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_is_sent_in_utc_and_means_the_same(moment: datetime) -> None:
    try:
        text = utc_text(moment)
    except OverflowError:
        return
    back = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert back == moment.astimezone(UTC).replace(microsecond=0)


def test_an_instant_without_a_zone_is_never_sent() -> None:
    with pytest.raises(ValueError, match="time zone"):
        utc_text(datetime(2026, 11, 24, 9))


# Bookings


def test_a_booking_is_read() -> None:
    read = parse_booking(booking(rescheduledFromUid="old", metadata={"idem": "b7", "n": 3, "yes": True}))
    assert (read.uid, read.status, read.event_type_id, read.id) == (UID, "accepted", 123, 9876543)
    assert (read.start, read.end) == (START, START + timedelta(minutes=30))
    assert read.metadata == {"idem": "b7", "n": "3", "yes": "True"}
    assert (read.rescheduled_from_uid, read.rescheduled_to_uid) == ("old", "")
    assert read.host_ids == (4711,)
    assert read.attendees == (Attendee("Anna Muster", "anna@example.com", "+4915112345678", "Europe/Berlin"),)
    assert read.created_at == datetime(2026, 11, 20, 14, 3, 22, 481000, tzinfo=UTC)
    assert read.updated_at is None
    assert read.is_open
    assert read.has_attendee("ANNA@example.com")
    assert not read.has_attendee("bob@example.com")


def test_a_booking_knows_the_uid_it_began_with_and_whose_seat_is_whose() -> None:
    read = parse_booking(
        booking(
            icsUid="first-uid@Cal.com",
            seatUid="seat-2",
            attendees=[
                {"name": "A", "email": "a@b.de", "seatUid": "seat-1", "metadata": {"idem": "k1"}},
                {"name": "B", "email": "b@b.de", "seatUid": "seat-2", "metadata": {"idem": "k2"}},
                {"name": "C", "email": "c@b.de", "metadata": "x"},
            ],
        )
    )
    assert (read.root_uid, read.seat_uid) == ("first-uid", "seat-2")
    assert [one.metadata.get("idem") for one in read.attendees] == ["k1", "k2", None]


@pytest.mark.parametrize("ics", [None, "", "no-at", 5])
def test_a_booking_without_a_readable_calendar_entry_has_no_root(ics: object) -> None:
    assert parse_booking(booking(icsUid=ics)).root_uid == ""


def test_only_what_a_booking_needs_has_to_be_there() -> None:
    read = parse_booking(
        {
            "uid": "u",
            "status": "pending",
            "start": "2026-11-24T08:00:00Z",
            "end": "2026-11-24T08:00:00Z",
            "eventTypeId": 5,
            "metadata": None,
            "hosts": None,
            "attendees": [None, {"displayEmail": "a@b.de", "email": "a+client@b.de"}],
        }
    )
    assert (read.event_type_id, read.attendees[0].email, read.is_open) == (5, "a@b.de", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"uid": ""},
        {"uid": None},
        {"uid": 7},
        {"status": "booked"},
        {"status": None},
        {"status": ["accepted"]},
        {"start": None},
        {"start": "2026-11-24T08:00:00"},
        {"end": "2026-11-24T07:00:00Z"},
        {"eventType": {"id": "123"}, "eventTypeId": None},
        {"createdAt": "yesterday"},
    ],
)
def test_a_booking_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse_booking(booking(**changes))


@pytest.mark.parametrize("data", [None, [], "x", [booking()]])
def test_what_is_no_single_booking_is_refused(data: object) -> None:
    with pytest.raises(Malformed):
        parse_booking(data)


def test_neither_people_nor_uids_nor_secrets_show_in_a_repr() -> None:
    request = BookingRequest(
        event_type_id=1,
        start=START,
        name="Anna Muster",
        time_zone="Europe/Berlin",
        phone="+4915112345678",
        email="anna@example.com",
        responses={"kasse": "privat"},
        metadata={"idem": "b7c1f0"},
    )
    shown = repr(parse_booking(booking(rescheduledToUid="newuid"))) + repr(request)
    for secret in ("Anna", "+4915112345678", "anna@example.com", UID, "newuid", "b7c1f0", "privat"):
        assert secret not in shown


# What is sent


def request(**changes: Any) -> BookingRequest:
    given: dict[str, Any] = {
        "event_type_id": 123,
        "start": START,
        "name": "Anna Muster",
        "time_zone": "Europe/Berlin",
        "phone": "+4915112345678",
    }
    return BookingRequest(**given | changes)


def test_a_request_holds_what_is_known_and_no_empty_keys() -> None:
    assert request().body() == {
        "start": "2026-11-24T08:00:00Z",
        "eventTypeId": 123,
        "attendee": {"name": "Anna Muster", "timeZone": "Europe/Berlin", "phoneNumber": "+4915112345678"},
    }


def test_a_full_request_holds_everything_under_cal_coms_names() -> None:
    body = request(
        start=datetime(2026, 11, 24, 9, tzinfo=ZoneInfo("Europe/Berlin")),
        email="anna@example.com",
        language="de",
        responses={"kasse": "privat"},
        metadata={"idem": "b7", "ok": True},
        length_minutes=30,
        location={"type": "address"},
    ).body()
    assert body == {
        "start": "2026-11-24T08:00:00Z",
        "eventTypeId": 123,
        "attendee": {
            "name": "Anna Muster",
            "timeZone": "Europe/Berlin",
            "phoneNumber": "+4915112345678",
            "email": "anna@example.com",
            "language": "de",
        },
        "bookingFieldsResponses": {"kasse": "privat"},
        "metadata": {"idem": "b7", "ok": True},
        "lengthInMinutes": 30,
        "location": {"type": "address"},
    }


def test_a_language_cal_com_does_not_know_is_left_out() -> None:
    assert "language" not in str(request(language="tlh").body())


@pytest.mark.parametrize(
    "changes",
    [
        {"start": datetime(2026, 11, 24, 9)},
        {"metadata": {f"k{n}": "v" for n in range(51)}},
        {"metadata": {"k" * 41: "v"}},
        {"metadata": {"": "v"}},
        {"metadata": {"k": "v" * 501}},
    ],
)
def test_a_request_that_cannot_be_right_is_never_built(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"metadata|time zone"):
        request(**changes)


def test_metadata_at_its_limits_is_sent() -> None:
    metadata = {f"{n:02}".ljust(40, "k"): "v" * 500 for n in range(50)}
    assert request(metadata=metadata).body()["metadata"] == metadata


# Set-up

EVENT_TYPE: dict[str, Any] = {
    "id": 123,
    "ownerId": 4711,
    "lengthInMinutes": 30,
    "lengthInMinutesOptions": [15, 30],
    "title": "Erstberatung",
    "slug": "erstberatung",
    "bookingFields": [
        {"isDefault": True, "type": "name", "slug": "name", "required": True},
        {"isDefault": True, "type": "email", "slug": "email", "required": True, "hidden": True},
        {"isDefault": True, "type": "phone", "slug": "attendeePhoneNumber", "required": False},
        {"isDefault": False, "type": "select", "slug": "kasse", "required": True, "options": ["a", "b"]},
    ],
    "minimumBookingNotice": 120,
    "recurrence": None,
    "price": 0,
    "seats": {"disabled": True},
    "bookerActiveBookingsLimit": {"maximumActiveBookings": 3, "offerReschedule": True},
    "confirmationPolicy": {"disabled": True},
    "requiresBookerEmailVerification": False,
    "bookingRequiresAuthentication": False,
    "hidden": False,
}


def event_type(**changes: Any) -> EventType:
    return parse_event_type({**EVENT_TYPE, **changes})


def test_an_event_type_is_read() -> None:
    read = event_type()
    assert (read.id, read.length_minutes, read.length_options) == (123, 30, (15, 30))
    assert read.minimum_notice_minutes == 120
    assert read.booker_limit == 3
    assert read.requires("name")
    assert not read.requires("email")
    assert not read.requires("attendeePhoneNumber")
    assert [(field.slug, field.options) for field in read.required_custom_fields] == [("kasse", ("a", "b"))]
    assert not read.requires_confirmation
    assert not read.recurring
    assert read.seats is None


@pytest.mark.parametrize(
    ("changes", "attribute", "expected"),
    [
        ({"confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": True}},
         "requires_confirmation", True),
        ({"confirmationPolicy": None}, "requires_confirmation", False),
        ({"seats": {"seatsPerTimeSlot": 6, "showAttendeeInfo": False}}, "seats", 6),
        ({"seats": None, "seatsPerTimeSlot": 4}, "seats", 4),
        ({"recurrence": {"interval": 1, "occurrences": 5, "frequency": "weekly"}}, "recurring", True),
        ({"price": 25.5}, "price", 25.5),
        ({"bookerActiveBookingsLimit": {"disabled": True}}, "booker_limit", None),
        ({"disableCancelling": True}, "cancelling_disabled", True),
        ({"disableCancelling": {"disabled": True}}, "cancelling_disabled", True),
        ({"disableCancelling": {"disabled": False}}, "cancelling_disabled", False),
        ({"disableRescheduling": {"disabled": True}}, "rescheduling_disabled", True),
        ({"disableRescheduling": {"disabled": False, "minutesBefore": 60}}, "rescheduling_disabled", False),
        ({"requiresBookerEmailVerification": True}, "requires_email_verification", True),
        ({"bookingRequiresAuthentication": True}, "requires_authentication", True),
    ],
)  # fmt: skip
def test_what_decides_about_booking_by_voice_is_seen(
    changes: dict[str, Any], attribute: str, expected: object
) -> None:
    assert getattr(event_type(**changes), attribute) == expected


@pytest.mark.parametrize("changes", [{"id": None}, {"id": "123"}, {"lengthInMinutes": True}])
def test_an_event_type_without_id_or_length_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        event_type(**changes)


def test_a_reservation_the_owner_and_a_webhook_are_read() -> None:
    reservation = parse_reservation(
        {
            "reservationUid": "e84b",
            "slotStart": "2026-11-24T08:00:00.000Z",
            "reservationUntil": "2026-11-24T09:05:00.000+02:00",
        }
    )
    assert (reservation.start, reservation.until) == (START, datetime(2026, 11, 24, 7, 5, tzinfo=UTC))
    me = parse_me(
        {"id": 4711, "username": "praxis", "timeZone": "Europe/Berlin", "email": "k@praxis.example"}
    )
    assert (me.id, me.username, me.time_zone) == (4711, "praxis", "Europe/Berlin")
    hook = parse_webhook(
        {
            "id": "b2f1",
            "subscriberUrl": "https://x.example/h",
            "active": True,
            "triggers": ["BOOKING_CREATED"],
        }
    )
    assert (hook.id, hook.active, hook.triggers) == ("b2f1", True, frozenset({"BOOKING_CREATED"}))
    assert parse_webhook({"id": 7, "subscriberUrl": "u"}).id == "7"


@pytest.mark.parametrize(
    ("parse", "data"),
    [
        (parse_me, {"id": None}),
        (parse_me, []),
        (parse_webhook, {"id": 7}),
        (parse_webhook, {"id": True, "subscriberUrl": "u"}),
        (parse_reservation, None),
        (parse_reservation, {"reservationUid": "x", "slotStart": "soon"}),
    ],
)
def test_set_up_that_makes_no_sense_is_refused(parse: Any, data: object) -> None:
    with pytest.raises(Malformed):
        parse(data)
