"""When a branch may be offered, and when it opens next."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.scheduling.opening import OpeningRules, is_holiday
from tests.scheduling.calendars import BERLIN, EVERY_DAY, MONDAY, at, opening

OFFICE = opening({day: [["14:00", "18:00"], ["09:00", "13:00"]] for day in EVERY_DAY[:5]})


def test_a_start_is_permitted_from_the_opening_to_before_the_end() -> None:
    permitted = {
        clock: OFFICE.permits(at(clock)) for clock in ("08:59", "09:00", "12:59", "13:00", "17:59", "18:00")
    }
    assert permitted == {
        "08:59": False, "09:00": True, "12:59": True, "13:00": False, "17:59": True, "18:00": False,
    }  # fmt: skip


def test_without_hours_nothing_is_restricted_but_closures_and_holidays() -> None:
    rules = opening(closures=[MONDAY], region="DE-BE")
    assert not rules.permits(at("10:00", MONDAY))
    assert not rules.permits(at("10:00", date(2026, 1, 1)))
    assert rules.permits(at("03:00", MONDAY + timedelta(days=1)))


def test_a_weekday_that_is_not_listed_is_closed_and_so_is_one_listed_without_hours() -> None:
    rules = opening({"mon": [["09:00", "18:00"]], "tue": []})
    assert rules.why_closed(MONDAY) is None
    assert rules.why_closed(MONDAY + timedelta(days=1)) == "weekday"
    assert rules.why_closed(MONDAY + timedelta(days=2)) == "weekday"


def test_a_closure_is_named_before_a_holiday_and_a_holiday_before_the_weekday() -> None:
    new_year = date(2026, 1, 1)
    hours = {"mon": [["09:00", "18:00"]]}
    assert opening(hours, closures=[new_year], region="DE").why_closed(new_year) == "closure"
    assert opening(hours, region="DE").why_closed(new_year) == "holiday"
    assert opening(hours).why_closed(new_year) == "weekday"


@pytest.mark.parametrize(
    ("day", "region", "expected"),
    [
        (date(2026, 1, 6), "DE-BY", True),  # Heilige Drei Könige
        (date(2026, 1, 6), "DE-BE", False),
        (date(2026, 8, 15), "DE-BY", True),  # Mariä Himmelfahrt, in the library's category "catholic"
        (date(2026, 8, 15), "DE-BE", False),
        (date(2026, 11, 18), "DE-SN", True),  # Buß- und Bettag
        (date(2026, 7, 4), "US", True),
        (date(2026, 12, 25), "", False),
    ],
)
def test_holidays_are_those_of_the_region(day: date, region: str, expected: bool) -> None:
    assert is_holiday(day, region=region) is expected


def test_days_are_those_of_the_branchs_zone() -> None:
    rules = opening({"mon": [["00:00", "24:00"]]})
    assert rules.permits(datetime(2026, 1, 4, 23, 0, tzinfo=UTC))  # Monday in Berlin
    assert not rules.permits(datetime(2026, 1, 5, 23, 0, tzinfo=UTC))  # Tuesday there


def test_hours_hold_on_days_on_which_the_clocks_change() -> None:
    night = opening({"sun": [["01:00", "03:00"]]})
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    assert [night.permits(at(clock, spring)) for clock in ("01:30", "03:30")] == [True, False]
    assert night.permits(at("02:30", autumn))
    assert night.permits(at("02:30", autumn, fold=1))
    assert not night.permits(at("03:00", autumn))


# --- The next opening ---------------------------------------------------------------------------


def test_the_next_opening_is_later_today_or_on_the_next_open_day() -> None:
    assert OFFICE.next_opening(at("08:00", MONDAY)) == at("09:00", MONDAY)
    assert OFFICE.next_opening(at("12:00", MONDAY)) == at("14:00", MONDAY)
    friday_evening = at("18:00", MONDAY + timedelta(days=4))
    assert OFFICE.next_opening(friday_evening) == at("09:00", MONDAY + timedelta(days=7))


def test_the_next_opening_skips_closures_and_holidays() -> None:
    hours = {day: [["09:00", "18:00"]] for day in EVERY_DAY}
    rules = opening(hours, closures=[date(2025, 12, 27)], region="DE-BE")
    assert rules.next_opening(at("20:00", date(2025, 12, 24))) == at("09:00", date(2025, 12, 28))


def test_the_next_opening_is_on_the_branchs_clock() -> None:
    found = OFFICE.next_opening(datetime(2026, 3, 27, 20, 0, tzinfo=UTC))
    assert found is not None
    assert found.isoformat() == "2026-03-30T09:00:00+02:00"


def test_an_opening_in_the_hour_that_is_skipped_is_when_the_clock_goes_on() -> None:
    rules = opening({"sun": [["02:30", "05:00"]]})
    found = rules.next_opening(at("00:00", date(2026, 3, 29)))
    assert found is not None
    assert found.isoformat() == "2026-03-29T03:30:00+02:00"


def test_in_the_hour_that_comes_twice_an_opening_is_not_behind_us_too_early() -> None:
    rules = opening({"sun": [["02:30", "05:00"], ["02:45", "05:00"]]})
    now = at("02:40", date(2026, 10, 25))
    found = rules.next_opening(now)
    assert found is not None
    # As UTC: a time that comes twice equals no time of another zone.
    assert found.astimezone(UTC) == at("02:45", date(2026, 10, 25))


def test_who_has_no_hours_or_never_opens_has_no_next_opening() -> None:
    assert opening().next_opening(at("10:00")) is None
    assert opening({"mon": []}).next_opening(at("10:00")) is None
    always_closed = [MONDAY + timedelta(days=n) for n in range(70)]
    assert (
        opening({"mon": [["09:00", "18:00"]]}, closures=always_closed).next_opening(at("10:00", MONDAY))
        is None
    )


# --- What tells rules apart ---------------------------------------------------------------------


def test_equal_rules_have_the_same_fingerprint_and_any_change_another() -> None:
    def rules(**values: object) -> OpeningRules:
        defaults: dict[str, object] = {
            "zone": BERLIN,
            "hours": {"mon": [["09:00", "18:00"]]},
            "closures": ["2026-01-07"],
            "region": "DE-BE",
        }
        return OpeningRules.of(**{**defaults, **values})  # type: ignore[arg-type]

    same = rules()
    assert same.fingerprint == rules().fingerprint
    changed = [
        rules(zone=ZoneInfo("Europe/Vienna")),
        rules(hours={"mon": [["09:00", "18:15"]]}),
        rules(hours={"tue": [["09:00", "18:00"]]}),
        rules(closures=[]),
        rules(region="DE-BY"),
    ]
    assert len({one.fingerprint for one in (same, *changed)}) == 6
