from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from apps.sandbox.dates import day_from, instant_from
from apps.sandbox.reading import ScenarioError
from apps.sandbox.scenario import default_scenario, scenario_file, scenario_from
from tests.sandbox.caller import account, event_type, scenario

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2026, 1, 9, 23, 30, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def friday() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(FRIDAY.astimezone(UTC), tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", date(2026, 1, 9)),
        ("tomorrow", date(2026, 1, 10)),
        ("+2 days", date(2026, 1, 11)),
        ("next workday", date(2026, 1, 12)),
        ("+3 workdays", date(2026, 1, 14)),
        ("Friday", date(2026, 1, 16)),
        ("saturday", date(2026, 1, 10)),
        ("2026-02-03", date(2026, 2, 3)),
    ],
)
def test_days_are_counted_from_today_in_the_accounts_zone(text: str, expected: date) -> None:
    assert day_from(text, zone=BERLIN, where="x") == expected
    if text == "today":
        assert day_from(text, zone=ZoneInfo("Asia/Tokyo"), where="x") == date(2026, 1, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow 14:30", "2026-01-10T14:30:00+01:00"),
        ("next workday 9:05", "2026-01-12T09:05:00+01:00"),
        ("2026-01-12 14:30", "2026-01-12T14:30:00+01:00"),
        ("2026-07-01T14:30", "2026-07-01T14:30:00+02:00"),
        ("2026-01-12T14:30:00Z", "2026-01-12T15:30:00+01:00"),
        ("+90 minutes", "2026-01-10T01:00:00+01:00"),
    ],
)
def test_moments_are_wall_clock_in_the_accounts_zone(text: str, expected: str) -> None:
    moment = instant_from(text, zone=BERLIN, now=FRIDAY.timestamp(), where="x")
    assert datetime.fromtimestamp(moment, BERLIN).isoformat() == expected


BAD: list[tuple[dict[str, Any], str]] = [
    ({"account": []}, "scenario.account: unknown key"),
    ({"accounts": "none"}, "scenario.accounts: 'none' is not a list"),
    ({"accounts": [{}]}, "accounts[0].username: missing"),
    ({"accounts": [account(), account()]}, "accounts[1].key: 'key' is used twice"),
    ({"accounts": [account(timezone="Berlin")]}, "accounts[0].timezone: 'Berlin' is no time zone"),
    ({"accounts": [account(colour="red")]}, "accounts[0].colour: unknown key"),
    ({"accounts": [account(expired="no")]}, "accounts[0].expired: 'no' is not true or false"),
    (scenario(event_type(length="long")), "accounts[0].event_types[0].length: 'long' is not a whole number"),
    (scenario(event_type(length=-5)), "accounts[0].event_types[0].length: -5 is not a length in minutes"),
    (scenario(event_type(length=True)), "event_types[0].length: True is not a whole number"),
    (scenario(event_type(), event_type()), "accounts[0].event_types[1].id: 1 is used twice"),
    (scenario(event_type(hosts=["nobody"])), "event_types[0].hosts: there is no host 'nobody'"),
    (scenario(event_type(schedule=5)), "event_types[0].schedule: there is no schedule 5"),
    (scenario(event_type(phone="sometimes")), "phone: 'sometimes' is none of optional, required, hidden"),
    (scenario(event_type(booking_limits={"hour": 1})), "is not a limit per day, week, month or year"),
    (scenario(event_type(booking_window={"weeks": 1})), "booking_window.weeks: unknown key"),
    (
        scenario(event_type(booking_window={"from": "2026-01-01"})),
        "needs days, business_days, or from and to",
    ),
    (
        scenario(account={"busy": [{"start": "tomorrow 9:00", "end": "tomorrow 8:00"}]}),
        "is not after the start",
    ),
    (
        scenario(account={"busy": [{"start": "tomorrow 9:00", "minutes": 5, "host": "x"}]}),
        "there is no host 'x'",
    ),
    (scenario(account={"hosts": [{"schedule": 3}]}), "hosts[0].schedule: there is no schedule 3"),
    (
        scenario(
            account={
                "schedules": [{"availability": [{"days": ["Mon"], "startTime": "9:00", "endTime": "10:00"}]}]
            }
        ),
        "'Mon' is no weekday",
    ),
    (
        scenario(account={"schedules": [{"overrides": [{"date": "24.12."}]}]}),
        "overrides.date: '24.12.' is not a date",
    ),
    (
        scenario(account={"schedules": [{"overrides": [{"date": "today", "startTime": "25:00"}]}]}),
        "'25:00' is not a time of day (HH:MM)",
    ),
    (scenario(faults=[{"kind": "fire"}]), "scenario.faults[0]: kind: unknown fault 'fire'"),
    (scenario(behaviour={"speed": 3}), "scenario.behaviour: speed: unknown key"),
    (scenario(webhooks={"drop": "often"}), "scenario.webhooks: drop: 'often' is not a number"),
    (scenario(seed="x"), "scenario.seed: 'x' is not a whole number"),
]


@pytest.mark.parametrize(("raw", "complaint"), BAD)
def test_a_mistake_is_named_with_its_place_and_value(raw: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario_from(raw)
    assert complaint in str(caught.value)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calendar.toml"
    path.write_text(
        """
        seed = 3
        [behaviour]
        slot_lag_ms = 500
        [[faults]]
        kind = "latency"
        path = "/v2/slots"
        ms = 400
        [[accounts]]
        key = "k"
        username = "praxis"
        [[accounts.event_types]]
        id = 5
        title = "Massage"
        booking_window = { from = "2026-01-01", to = "2026-12-31" }
        [[accounts.bookings]]
        event_type = 5
        start = "next workday 10:00"
        """,
        encoding="utf-8",
    )
    found = scenario_file(path)
    calendar = found.calendar()
    assert (found.seed, found.faults[0]["ms"], calendar.behaviour.slot_lag_ms) == (3, 400, 500)
    (booking,) = calendar.bookings.values()
    assert datetime.fromtimestamp(booking.start, BERLIN).isoformat() == "2026-01-12T10:00:00+01:00"


@pytest.mark.parametrize("content", [b"seed = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_a_complaint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"broken\.toml"):
        scenario_file(path)


@pytest.mark.parametrize("day", range(5, 12))
def test_the_built_in_scenario_works_on_every_day_of_the_week(
    day: int, friday: time_machine.Traveller
) -> None:
    friday.move_to(datetime(2026, 1, day, 12, 0, tzinfo=UTC))
    calendar = default_scenario().calendar()
    assert set(calendar.accounts) == {"cal_sandbox_park", "cal_sandbox_linde"}
    for account_ in calendar.accounts.values():
        assert account_.bookings
        assert all(
            datetime.fromtimestamp(one.start, account_.zone).weekday() < 5 for one in account_.bookings
        )
