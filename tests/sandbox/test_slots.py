from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from apps.sandbox.model import DAY, MINUTE
from apps.sandbox.scenario import scenario_from
from apps.sandbox.slots import View, find_slots, merged, subtract
from tests.sandbox.caller import Caller, event_type, minutes, scenario
from tests.sandbox.conftest import Start

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=BERLIN)
TUESDAY = datetime(2026, 1, 6, tzinfo=BERLIN)


def at(hour: int, minute: int = 0, *, day: datetime = TUESDAY) -> datetime:
    return day.replace(hour=hour, minute=minute)


def clocks(starts: list[str]) -> list[str]:
    return [one[11:16] for one in starts]


def listed(caller: Caller, number: int = 1, *, day: datetime = TUESDAY, **query: Any) -> list[str]:
    """Wall clocks in Berlin of one local day's slots."""
    options = {"timeZone": "Europe/Berlin", **query}
    return clocks(caller.slots(number, day, day + timedelta(hours=23, minutes=59), **options))


@pytest.fixture(autouse=True)
def monday(request: pytest.FixtureRequest) -> Any:
    with time_machine.travel(MONDAY.astimezone(UTC), tick=False) as traveller:
        yield traveller


def test_a_free_day_is_cut_into_starts_that_end_before_closing(start: Start) -> None:
    caller = start(scenario(event_type(length=45, slot_interval=15)))
    slots = listed(caller)
    assert (slots[0], slots[1], slots[-1], len(slots)) == ("09:00", "09:15", "17:15", 34)


def test_without_an_interval_the_length_is_the_grid(start: Start) -> None:
    caller = start(scenario(event_type(length=45)))
    assert listed(caller)[:3] == ["09:00", "09:45", "10:30"]


def test_after_a_busy_time_the_grid_begins_anew_at_the_next_round_minute(start: Start) -> None:
    busy = [{"start": "2026-01-06 09:20", "end": "2026-01-06 10:05"}]
    caller = start(scenario(event_type(length=45), account={"busy": busy}))
    assert listed(caller)[:2] == ["10:15", "11:00"]


def test_days_without_slots_are_absent_and_nothing_is_an_empty_object(start: Start) -> None:
    caller = start(scenario())
    query = {"eventTypeId": 1, "start": "2026-01-09", "end": "2026-01-12", "timeZone": "Europe/Berlin"}
    assert list(caller.call("GET", "/v2/slots", query=query).data) == ["2026-01-09", "2026-01-12"]
    query = {"eventTypeId": 1, "start": "2026-01-10", "end": "2026-01-11"}
    assert caller.call("GET", "/v2/slots", query=query).data == {}


@pytest.mark.parametrize("end", ["2026-01-06", "2026-01-06T00:00:00Z", "2026-01-06T23:59:59Z"])
def test_an_end_at_midnight_is_the_end_of_that_utc_day(start: Start, end: str) -> None:
    caller = start(scenario())
    query = {"eventTypeId": 1, "start": "2026-01-06", "end": end}
    slots = caller.call("GET", "/v2/slots", query=query).data["2026-01-06"]
    assert (slots[0]["start"], len(slots)) == ("2026-01-06T08:00:00.000Z", 18)


def test_the_asked_days_are_utc_days_and_the_keys_local_ones(start: Start) -> None:
    schedules = [{"availability": [{"days": ["Tuesday"], "startTime": "00:00", "endTime": "24:00"}]}]
    caller = start(scenario(event_type(length=60), account={"schedules": schedules}))
    query = {"eventTypeId": 1, "start": "2026-01-06", "end": "2026-01-06", "timeZone": "Europe/Berlin"}
    slots = caller.call("GET", "/v2/slots", query=query).data
    assert list(slots) == ["2026-01-06"]
    assert slots["2026-01-06"][0]["start"] == "2026-01-06T01:00:00.000+01:00"


def test_a_range_has_its_end_and_the_zone_its_offset(start: Start) -> None:
    caller = start(scenario())
    query = {"eventTypeId": 1, "start": "2026-01-06", "end": "2026-01-06", "format": "range"}
    slot = caller.call("GET", "/v2/slots", query={**query, "timeZone": "Europe/Berlin"}).data["2026-01-06"][0]
    assert slot == {"start": "2026-01-06T09:00:00.000+01:00", "end": "2026-01-06T09:30:00.000+01:00"}


@pytest.mark.parametrize(
    ("day", "offset"), [("2026-03-27", "+01:00"), ("2026-03-30", "+02:00"), ("2026-10-26", "+01:00")]
)
def test_a_clock_change_moves_the_instant_and_not_the_wall_clock(start: Start, day: str, offset: str) -> None:
    caller = start(scenario())
    query = {"eventTypeId": 1, "start": day, "end": day, "timeZone": "Europe/Berlin"}
    slots = [one["start"] for one in caller.call("GET", "/v2/slots", query=query).data[day]]
    assert slots[0] == f"{day}T09:00:00.000{offset}"
    assert slots[-1] == f"{day}T17:30:00.000{offset}"


def test_the_day_of_a_clock_change_has_an_hour_less_or_more(start: Start) -> None:
    days = [{"days": ["Sunday"], "startTime": "00:00", "endTime": "24:00"}]
    caller = start(scenario(event_type(length=60), account={"schedules": [{"availability": days}]}))
    spring = datetime(2026, 3, 29, tzinfo=BERLIN)
    autumn = datetime(2026, 10, 25, tzinfo=BERLIN)
    assert len(caller.slots(1, spring, datetime(2026, 3, 29, 23, 59, tzinfo=BERLIN))) == 23
    assert len(caller.slots(1, autumn, datetime(2026, 10, 25, 23, 59, tzinfo=BERLIN))) == 25


def test_an_override_replaces_the_week_on_its_date(start: Start) -> None:
    overrides = [
        {"date": "2026-01-06", "startTime": "12:00", "endTime": "13:00"},
        {"date": "2026-01-07"},
    ]
    caller = start(scenario(account={"schedules": [{"overrides": overrides}]}))
    assert listed(caller) == ["12:00", "12:30"]
    assert listed(caller, day=TUESDAY + timedelta(days=1)) == []


def test_notice_hides_what_is_too_soon(start: Start) -> None:
    caller = start(scenario(event_type(minimum_notice=135, slot_interval=15)))
    assert listed(caller, day=MONDAY.replace(hour=0))[0] == "10:15"


def test_the_booking_window_ends_with_its_last_day(start: Start) -> None:
    caller = start(
        scenario(event_type(booking_window={"days": 2}), event_type(2, booking_window={"business_days": 5}))
    )
    query = {"start": "2026-01-05", "end": "2026-01-20", "timeZone": "Europe/Berlin"}
    days = [list(caller.call("GET", "/v2/slots", query={**query, "eventTypeId": one}).data) for one in (1, 2)]
    assert days[0][-1] == "2026-01-07"
    assert days[1][-1] == "2026-01-12"


def test_buffers_of_both_sides_keep_their_distance(start: Start) -> None:
    caller = start(
        scenario(
            event_type(before_buffer=10, slot_interval=15), event_type(2, after_buffer=20, slot_interval=15)
        )
    )
    caller.book(2, at(12))
    slots = listed(caller)
    assert "11:30" in slots
    assert slots[slots.index("11:30") + 1] == "13:00"


def test_a_booking_takes_its_time_from_every_event_type_of_the_host(start: Start) -> None:
    caller = start(scenario(event_type(slot_interval=15), event_type(2, length=60, slot_interval=15)))
    caller.book(1, at(12))
    slots = listed(caller, 2)
    assert ("11:00" in slots, "11:15" in slots, "12:15" in slots, "12:30" in slots) == (
        True,
        False,
        False,
        True,
    )


def test_a_moved_booking_can_overlap_itself(start: Start) -> None:
    caller = start(scenario(event_type(length=60, slot_interval=15)))
    uid = caller.book(1, at(12)).data["uid"]
    assert "12:15" not in listed(caller)
    assert "12:15" in listed(caller, bookingUidToReschedule=uid)


def test_a_day_at_its_limit_has_no_slots(start: Start) -> None:
    caller = start(
        scenario(event_type(booking_limits={"day": 1}), event_type(2, duration_limits={"day": 45}))
    )
    caller.book(1, at(12))
    assert listed(caller) == []
    assert listed(caller, 2)
    caller.book(2, at(15))
    assert listed(caller, 2) == []
    assert listed(caller, day=TUESDAY + timedelta(days=1))


def test_only_the_first_slot_of_a_day(start: Start) -> None:
    caller = start(scenario(event_type(only_first_slot=True)))
    assert listed(caller) == ["09:00"]


def test_seats_are_counted_and_a_full_session_is_gone(start: Start) -> None:
    caller = start(scenario(event_type(seats=2, length=60)))
    query = {"eventTypeId": 1, "start": "2026-01-06", "end": "2026-01-06"}
    first = caller.book(1, at(12)).data
    slots = {one["start"]: one for one in caller.call("GET", "/v2/slots", query=query).data["2026-01-06"]}
    assert slots["2026-01-06T11:00:00.000Z"] == {
        "start": "2026-01-06T11:00:00.000Z",
        "seatsBooked": 1,
        "seatsRemaining": 1,
        "seatsTotal": 2,
        "bookingUid": first["uid"],
    }
    assert "bookingUid" not in slots["2026-01-06T08:00:00.000Z"]
    other = {"name": "Ben", "timeZone": "Europe/Berlin", "phoneNumber": "+4915112345699"}
    caller.book(1, at(12), attendee=other)
    assert "12:00" not in listed(caller)


TEAM = {"hosts": [{"username": "one"}, {"username": "two"}]}


def test_round_robin_offers_what_any_host_has_and_collective_what_all_have(start: Start) -> None:
    both = {"hosts": ["one", "two"], "length": 60}
    caller = start(
        scenario(
            event_type(scheduling="roundRobin", **both),
            event_type(2, scheduling="collective", **both),
            account={
                **TEAM,
                "busy": [{"host": "one", "start": "2026-01-06 09:00", "end": "2026-01-06 12:00"}],
            },
        )
    )
    assert listed(caller)[0] == "09:00"
    assert listed(caller, 2)[0] == "12:00"


def test_a_managed_parent_offers_nothing(start: Start) -> None:
    caller = start(scenario(event_type(scheduling="managed")))
    assert listed(caller) == []


def test_a_reservation_hides_the_slot_until_it_runs_out(start: Start, monday: Any) -> None:
    caller = start(scenario())
    body = {"eventTypeId": 1, "slotStart": "2026-01-06T11:00:00Z", "reservationDuration": 2}
    caller.call("POST", "/v2/slots/reservations", body)
    assert "12:00" not in listed(caller)
    monday.shift(121)
    assert "12:00" in listed(caller)


def test_a_reservation_never_blocks_a_booking(start: Start) -> None:
    caller = start(scenario())
    caller.call("POST", "/v2/slots/reservations", {"eventTypeId": 1, "slotStart": "2026-01-06T11:00:00Z"})
    assert caller.book(1, at(12)).status == 201


def test_round_robin_is_reserved_once_per_host(start: Start) -> None:
    caller = start(scenario(event_type(scheduling="roundRobin", hosts=["one", "two"]), account=TEAM))
    body = {"eventTypeId": 1, "slotStart": "2026-01-06T11:00:00Z"}
    assert [caller.call("POST", "/v2/slots/reservations", body).status for _ in range(3)] == [201, 201, 422]


def test_a_lag_shows_bookings_and_cancellations_late(start: Start, monday: Any) -> None:
    caller = start(scenario(behaviour={"slot_lag_ms": 3000}))
    uid = caller.book(1, at(12)).data["uid"]
    assert "12:00" in listed(caller)
    assert caller.book(1, at(12)).status == 409
    monday.shift(4)
    assert "12:00" not in listed(caller)
    caller.call("POST", f"/v2/bookings/{uid}/cancel", {})
    assert "12:00" not in listed(caller)
    assert caller.book(1, at(12)).status == 201
    monday.shift(4)
    assert "12:00" not in listed(caller)


def test_an_unreachable_calendar_gives_no_slots_and_refuses_bookings(start: Start) -> None:
    caller = start(scenario(behaviour={"calendar_unreachable": True}))
    assert listed(caller) == []
    assert caller.book(1, at(12)).message.startswith("User either already has booking")


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"eventTypeId": "1", "start": "soon", "end": "2026-01-06"}, 400, "Invalid time range given"),
        ({"eventTypeId": "1", "start": "2026-01-07", "end": "2026-01-06"}, 400, "Invalid time range given"),
        ({"eventTypeId": "1", "end": "2026-01-06"}, 400, "Invalid time range given"),
        ({"eventTypeId": "9", "start": "2026-01-06", "end": "2026-01-06"}, 404, "Event Type not found"),
        ({"start": "2026-01-06", "end": "2026-01-06"}, 400, "eventTypeId"),
        (
            {"eventTypeId": "1", "username": "praxis", "start": "2026-01-06", "end": "2026-01-06"},
            400,
            "username property is wrong,username property should not exist",
        ),
        (
            {"eventTypeSlug": "x", "username": "nobody", "start": "2026-01-06", "end": "2026-01-06"},
            404,
            "User with username nobody not found",
        ),
        (
            {"eventTypeId": "1", "start": "2026-01-06", "end": "2026-01-06", "timeZone": "Europe/Nowhere"},
            400,
            "Could not adjust timezone",
        ),
        (
            {"eventTypeId": "1", "start": "2026-01-06", "end": "2026-01-06", "day": "1"},
            400,
            "day property is wrong",
        ),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_cal_coms_words(
    start: Start, query: dict[str, str], status: int, message: str
) -> None:
    reply = start(scenario()).call("GET", "/v2/slots", query=query)
    assert reply.status == status
    assert message in reply.message


def test_slots_by_slug(start: Start) -> None:
    caller = start(scenario())
    query = {"eventTypeSlug": "termin-1", "username": "praxis", "start": "2026-01-06", "end": "2026-01-06"}
    assert len(caller.call("GET", "/v2/slots", query=query).data["2026-01-06"]) == 18


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda one: (one[0], sum(one))))


@given(RANGES, RANGES)
def test_what_is_left_is_open_and_not_taken_minute_by_minute(
    opening: list[tuple[int, int]], taken: list[tuple[int, int]]
) -> None:
    left = subtract(merged(opening), merged(taken))
    minutes_left = {minute for begin, end in left for minute in range(begin, end)}
    assert minutes_left == {
        minute
        for minute in range(100)
        if any(begin <= minute < end for begin, end in opening)
        and not any(begin <= minute < end for begin, end in taken)
    }


@given(
    busy=st.lists(st.tuples(st.integers(0, 3 * 24 * 12), st.integers(1, 40)), max_size=12),
    length=st.sampled_from([15, 20, 45, 60]),
    interval=st.sampled_from([0, 10, 15, 30]),
    day=st.sampled_from([date(2026, 1, 6), date(2026, 3, 28), date(2026, 10, 24)]),
)
def test_every_listed_start_is_open_and_free_and_none_is_listed_twice(
    busy: list[tuple[int, int]], length: int, interval: int, day: date
) -> None:
    availability = [
        {
            "days": ["Tuesday", "Wednesday", "Saturday", "Sunday", "Monday"],
            "startTime": "00:30",
            "endTime": "23:30",
        }
    ]
    kind = event_type(length=length, slot_interval=interval)
    calendar = scenario_from(
        scenario(kind, account={"schedules": [{"availability": availability}]})
    ).calendar()
    account = calendar.accounts["key"]
    first = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    taken = [(first + at_ * 300, first + (at_ + span) * 300) for at_, span in busy]
    account.hosts[0].busy = sorted(taken)
    found = find_slots(account.event_types[1], first, first + 3 * DAY, View(now=first - DAY), length=length)
    starts = [slot.start for slot in found]
    assert starts == sorted(set(starts))
    for start in starts:
        end = start + length * MINUTE
        assert not any(begin < end and start < until for begin, until in taken)
        opened, closed = (datetime.fromtimestamp(one, BERLIN) for one in (start, end))
        assert opened.date() == (closed - minutes(1)).date()
        assert opened.strftime("%H:%M") >= "00:30"
        assert closed.strftime("%H:%M") <= "23:30"
