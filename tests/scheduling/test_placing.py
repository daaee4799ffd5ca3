"""Listed slots on the branch's own days: the same whichever way a slot is looked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.scheduling.placing import NARROW_MINUTES, Days, Slot
from tests.scheduling.calendars import BERLIN, WEDNESDAY, opening, rules, slots

SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # half an hour forward and back


def around_the_clock(day: date, zone: ZoneInfo) -> list[Slot]:
    """Every quarter of an hour from the evening before to the morning after."""
    begin = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC) - timedelta(hours=2)
    return [Slot(begin + timedelta(minutes=15 * n)) for n in range(30 * 4)]


@pytest.mark.parametrize("zone", [BERLIN, LORD_HOWE])
@pytest.mark.parametrize("day", [WEDNESDAY, SPRING, AUTUMN, date(2026, 4, 5), date(2026, 10, 4)])
@pytest.mark.parametrize("minute", [0, 60, 120, 165, 14 * 60, 23 * 60 + 45])
def test_a_window_holds_what_the_whole_day_has_of_it(zone: ZoneInfo, day: date, minute: int) -> None:
    """Also on days that have 23 hours, or 25."""
    free, limits = around_the_clock(day, zone), rules(opening=opening(zone=zone))
    whole = Days(free, rules=limits).placed(day.toordinal())
    low, high = minute - NARROW_MINUTES // 2, minute + NARROW_MINUTES // 2
    for begin, end in ((minute, minute), (low, high)):
        narrow = Days(free, rules=limits).between(day.toordinal(), begin, end)
        assert narrow == [one for one in whole if begin <= one[0] <= end]
    assert whole
    assert [one[2] for one in whole] == [one for one in free if one.start.astimezone(zone).date() == day]


def test_a_day_has_its_own_slots_in_order_however_they_are_listed() -> None:
    days = Days([*slots("14:00", day=WEDNESDAY), *slots("23:45", "09:00")], rules=rules())
    assert days.listed == [WEDNESDAY.toordinal()]
    assert [one[0] for one in days.placed(WEDNESDAY.toordinal())] == [9 * 60, 14 * 60, 23 * 60 + 45]
    assert days.placed(WEDNESDAY.toordinal() + 1) == []


def test_a_day_is_held_when_every_start_of_it_is() -> None:
    held, free = slots("09:00", held=True), slots("10:00")
    assert Days(held, rules=rules()).is_held(WEDNESDAY.toordinal())
    assert not Days([*held, *free], rules=rules()).is_held(WEDNESDAY.toordinal())
