"""Which slots answer a wish: nearest first, as a person at the desk would offer them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from apps.scheduling.alternatives import Ranking, Slot, permitted, rank
from apps.scheduling.wish import Start, Wish
from tests.scheduling.calendars import (
    ALWAYS,
    BERLIN,
    EVERY_DAY,
    MONDAY,
    WEDNESDAY,
    at,
    opening,
    ranked,
    rules,
    said,
    slots,
    wish,
)

TUESDAY, THURSDAY, FRIDAY, SATURDAY = (WEDNESDAY + timedelta(days=n) for n in (-1, 1, 2, 3))


# --- Inside the wish ----------------------------------------------------------------------------


def test_a_free_time_is_the_answer_and_nothing_else_is() -> None:
    found = ranked(wish("14:30"), slots("14:00", "14:30", "15:00"))
    assert said(found.matches) == ["Wed 14:30"]
    assert (found.nearest, found.reason) == ((), None)
    assert found.offers == found.matches


def test_a_day_offers_its_first_start_and_another_hour() -> None:
    found = ranked(wish(), slots("09:00", "09:15", "09:45", "10:00", "10:15"))
    assert said(found.matches) == ["Wed 09:00", "Wed 10:00"]


def test_neighbours_are_offered_when_there_is_no_other_hour() -> None:
    assert said(ranked(wish(), slots("09:00", "09:15")).matches) == ["Wed 09:00", "Wed 09:15"]


def test_three_offers_are_an_hour_apart_where_the_day_allows_it() -> None:
    free = slots("09:00", "09:30", "10:00", "10:30", "11:00")
    assert said(ranked(wish(), free, limit=3).matches) == ["Wed 09:00", "Wed 10:00", "Wed 11:00"]


def test_one_offer_is_one_offer() -> None:
    assert said(ranked(wish(), slots("09:00", "10:00"), limit=1).matches) == ["Wed 09:00"]


def test_an_afternoon_hears_of_the_afternoon() -> None:
    """Incident 25: a morning was offered for an afternoon."""
    found = ranked(wish("12:00", "18:00"), slots("09:00", "11:45", "14:00", "16:00"))
    assert said(found.matches) == ["Wed 14:00", "Wed 16:00"]


@pytest.mark.parametrize(
    ("clock", "inside"), [("12:00", True), ("18:00", True), ("11:59", False), ("18:01", False)]
)
def test_both_ends_of_a_window_belong_to_it(clock: str, inside: bool) -> None:
    assert bool(ranked(wish("12:00", "18:00"), slots(clock)).matches) is inside


def test_about_three_prefers_three() -> None:
    found = ranked(wish("14:30", "15:30"), slots("14:30", "14:45", "15:00", "15:15"))
    assert said(found.matches) == ["Wed 15:00", "Wed 15:15"]


def test_a_range_of_days_begins_with_its_first_free_day() -> None:
    free = [*slots("16:00", day=THURSDAY), *slots("09:00", day=FRIDAY)]
    found = ranked(wish(until=FRIDAY), free)
    assert said(found.matches) == ["Thu 16:00", "Fri 09:00"]


def test_preferred_starts_come_in_the_callers_order() -> None:
    wanted = wish("09:00", "15:00", preferred=(Start(None, time(9)), Start(None, time(15))))
    assert said(ranked(wanted, slots("09:00", "12:00", "15:00")).matches) == ["Wed 09:00", "Wed 15:00"]
    assert said(ranked(wanted, slots("10:00", "15:00")).matches) == ["Wed 15:00"]


def test_between_nine_and_else_fifteen_lies_nothing_that_was_asked_for() -> None:
    wanted = wish("09:00", "15:00", preferred=(Start(None, time(9)), Start(None, time(15))))
    found = ranked(wanted, slots("09:30", "12:00", "14:45"))
    assert (said(found.matches), said(found.nearest)) == ([], ["Wed 14:45", "Wed 09:30"])


def test_preferred_starts_of_several_days_are_each_their_own_days() -> None:
    monday, tuesday = MONDAY + timedelta(days=7), MONDAY + timedelta(days=8)
    wanted = Wish(
        date_from=monday,
        date_to=tuesday,
        time_from=time(9),
        time_to=time(15),
        preferred=(Start(monday, time(9)), Start(tuesday, time(15))),
    )
    free = [*slots("09:00", "15:00", day=monday), *slots("09:00", "14:00", day=tuesday)]
    assert said(ranked(wanted, free).matches) == ["Mon 09:00"]
    # At nine on Tuesday was never asked for: three on Monday and two on Tuesday are not nearer by chance.
    rest = [*slots("11:00", "15:00", day=monday), *slots("09:00", "14:00", day=tuesday)]
    assert said(ranked(wanted, rest).nearest) == ["Tue 14:00", "Mon 11:00"]


def test_so_soon_as_possible_is_the_earliest() -> None:
    wanted = wish(day=MONDAY, until=MONDAY + timedelta(days=30), asap=True)
    free = [*slots("11:00", "15:00", day=MONDAY), *slots("09:00", day=TUESDAY)]
    assert said(ranked(wanted, free).matches) == ["Mon 11:00", "Mon 15:00"]


# --- The nearest outside ------------------------------------------------------------------------


def test_the_example_of_the_documentation() -> None:
    free = slots("13:45", "14:00", "15:15", "15:30")
    assert said(ranked(wish("14:30"), free).nearest) == ["Wed 14:00", "Wed 15:15"]


def test_an_exact_wish_hears_the_two_strictly_nearest_even_when_they_are_neighbours() -> None:
    assert said(ranked(wish("14:30"), slots("14:45", "15:00", "16:00")).nearest) == ["Wed 14:45", "Wed 15:00"]


def test_at_equal_distance_the_afternoon_prefers_later_and_the_morning_earlier() -> None:
    assert said(ranked(wish("14:30"), slots("14:00", "15:00")).nearest) == ["Wed 15:00", "Wed 14:00"]
    assert said(ranked(wish("10:00"), slots("09:30", "10:30")).nearest) == ["Wed 09:30", "Wed 10:30"]
    assert said(ranked(wish("12:00"), slots("11:30", "12:30")).nearest) == ["Wed 12:30", "Wed 11:30"]


def test_the_same_day_comes_before_another_day_however_far_it_is() -> None:
    free = [*slots("08:00"), *slots("14:30", "14:45", day=THURSDAY)]
    assert said(ranked(wish("14:30"), free).nearest) == ["Wed 08:00", "Thu 14:30"]


def test_the_next_day_comes_before_the_one_after() -> None:
    free = [*slots("14:30", day=FRIDAY), *slots("09:00", day=THURSDAY)]
    assert said(ranked(wish("14:30"), free).nearest) == ["Thu 09:00", "Fri 14:30"]


def test_a_day_after_is_preferred_to_a_day_before_at_equal_distance() -> None:
    free = [*slots("14:30", day=TUESDAY), *slots("14:30", day=THURSDAY)]
    assert said(ranked(wish("14:30"), free).nearest) == ["Thu 14:30", "Tue 14:30"]


def test_a_full_day_hears_of_the_next_ones_beginning() -> None:
    found = ranked(wish(), slots("09:00", "09:15", "11:00", "17:00", day=THURSDAY))
    assert said(found.nearest) == ["Thu 09:00", "Thu 11:00"]


def test_a_full_window_hears_what_is_nearest_to_it_that_day_then_its_like_on_the_next() -> None:
    free = [*slots("11:00", "11:45"), *slots("09:00", "13:00", "17:30", day=THURSDAY)]
    assert said(ranked(wish("12:00", "18:00"), free).nearest) == ["Wed 11:45", "Thu 13:00"]


def test_a_full_morning_turns_to_earlier_times_at_equal_distance() -> None:
    assert said(ranked(wish("08:00", "10:00"), slots("07:00", "11:00"), limit=1).nearest) == ["Wed 07:00"]
    assert said(ranked(wish("14:00", "16:00"), slots("13:00", "17:00"), limit=1).nearest) == ["Wed 17:00"]


def test_the_second_offer_outside_a_window_is_not_a_neighbour() -> None:
    free = slots("18:15", "18:30", "19:30")
    assert said(ranked(wish("12:00", "18:00"), free).nearest) == ["Wed 18:15", "Wed 19:30"]


def test_the_refused_time_is_never_offered_again() -> None:
    """Incident 53: 16:00 was not available, but 16:00 was."""
    free = slots("15:45", "16:00", "16:30")
    found = ranked(wish("16:00"), free, refused=frozenset({at("16:00")}))
    assert (said(found.matches), said(found.nearest)) == ([], ["Wed 15:45", "Wed 16:30"])


def test_a_day_that_was_ruled_out_is_not_offered_beside_another() -> None:
    wanted = wish(
        day=MONDAY + timedelta(days=7),
        until=MONDAY + timedelta(days=9),
        excluded=(MONDAY + timedelta(days=7),),
    )
    free = [
        *slots("09:00", "11:00", day=MONDAY + timedelta(days=7)),
        *slots("10:00", day=MONDAY + timedelta(days=10)),
    ]
    found = ranked(wanted, free)
    assert (found.matches, said(found.nearest)) == ((), ["Thu 10:00"])


def test_a_day_that_was_ruled_out_is_offered_when_nothing_else_is_left() -> None:
    found = ranked(wish(until=THURSDAY, excluded=(WEDNESDAY,)), slots("09:00"))
    assert (found.matches, said(found.nearest)) == ((), ["Wed 09:00"])


# --- What may not be offered --------------------------------------------------------------------


def test_the_past_and_what_is_too_soon_is_not_offered() -> None:
    free = slots("08:45", "09:00", "09:59", "10:00", "10:15", day=MONDAY)
    found = ranked(wish(day=MONDAY), free, notice=timedelta(minutes=60))
    assert said(found.matches)[0] == "Mon 10:00"
    assert said(ranked(wish(day=MONDAY), free[:2]).offers) == []


def test_hours_and_closures_are_kept() -> None:
    hours = opening({"wed": [["09:00", "13:00"], ["14:00", "18:00"]]}, closures=[THURSDAY])
    free = slots("08:59", "09:00", "12:59", "13:00", "13:59", "14:00", "18:00")
    free += slots("10:00", day=THURSDAY)
    allowed = permitted(free, rules=rules(opening=hours))
    assert said(allowed) == ["Wed 09:00", "Wed 12:59", "Wed 14:00"]


def test_a_regional_holiday_is_one_where_it_is_one() -> None:
    epiphany = slots("10:00", day=TUESDAY)
    assert permitted(epiphany, rules=rules(opening=opening(region="DE-BY"))) == []
    assert permitted(epiphany, rules=rules(opening=opening(region="DE-BE"))) == epiphany


def test_the_callers_own_appointments_are_not_offered_over() -> None:
    """Incident 15."""
    busy = ((at("14:00"), at("14:45")),)
    free = slots("13:15", "13:30", "14:00", "14:30", "14:45")
    assert said(permitted(free, rules=rules(busy=busy))) == ["Wed 13:15", "Wed 14:45"]


def test_what_others_hold_is_not_offered_while_anything_else_is_left() -> None:
    free = [*slots("14:15", held=True), *slots("09:00", day=FRIDAY)]
    assert said(ranked(wish("14:30"), free).nearest) == ["Fri 09:00"]
    exact = [*slots("14:30", held=True), *slots("15:30")]
    found = ranked(wish("14:30"), exact)
    assert (found.matches, said(found.nearest)) == ((), ["Wed 15:30"])


def test_what_others_hold_is_offered_when_nothing_else_is_left() -> None:
    found = ranked(wish("14:30"), slots("14:30", "15:00", held=True))
    assert said(found.matches) == ["Wed 14:30"]
    assert found.matches[0].held


def test_a_sold_out_start_is_not_offered_at_all() -> None:
    found = ranked(wish("14:30"), [*slots("14:30", seats=0), *slots("15:00", seats=-1)])
    assert found == Ranking(reason=found.reason)


# --- Days on which the clocks change ------------------------------------------------------------


def test_in_spring_the_hour_that_is_skipped_is_not_free() -> None:
    day = date(2026, 3, 29)
    free = [Slot(at("01:45", day)), Slot(at("03:00", day)), Slot(at("03:30", day))]
    found = ranked(wish("02:30", day=day), free)
    assert (said(found.matches), said(found.nearest)) == ([], ["Sun 03:00", "Sun 01:45"])


def test_in_autumn_a_time_that_comes_twice_means_the_first() -> None:
    day = date(2026, 10, 25)
    first, second = at("02:30", day), at("02:30", day, fold=1)
    assert second - first == timedelta(hours=1)
    assert [one.start for one in ranked(wish("02:30", day=day), [Slot(first), Slot(second)]).matches] == [
        first
    ]
    # The second is not the wished time, and must not be spoken as if another one were offered.
    found = ranked(wish("02:30", day=day), [Slot(second), Slot(at("04:00", day))])
    assert (found.matches, said(found.nearest)) == ((), ["Sun 04:00"])


def test_in_autumn_a_day_is_taken_as_it_passes_through_the_hour_that_comes_twice() -> None:
    day = date(2026, 10, 25)
    earlier, later = at("02:30", day), at("02:00", day, fold=1)
    assert later - earlier == timedelta(minutes=30)
    (first,) = ranked(wish(day=day), [Slot(earlier), Slot(later)], limit=1).matches
    assert first.start == earlier


def test_instants_are_compared_not_hands_of_the_clock() -> None:
    """Incident 41: in the hour that comes twice, the past looks like the future."""
    day = date(2026, 10, 25)
    now = at("02:30", day, fold=1)
    free = [Slot(at("02:45", day)), Slot(at("02:45", day, fold=1))]
    assert [one.start for one in permitted(free, rules=rules(now=now))] == [free[1].start]


def test_distances_are_taken_on_the_clock_of_the_branch() -> None:
    """Half past eleven in the evening and half past midnight are an hour apart, and on two days."""
    free = [Slot(at("08:00")), Slot(at("00:30", THURSDAY))]
    assert said(ranked(wish("23:30"), free).nearest) == ["Wed 08:00", "Thu 00:30"]


# --- Why not ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules_of_the_branch", "reason"),
    [
        (opening({day: [["09:00", "18:00"]] for day in EVERY_DAY}, closures=[WEDNESDAY]), "closure"),
        (opening({"thu": [["09:00", "18:00"]]}), "weekday"),
        (opening(region="DE-BW"), None),
    ],
)
def test_a_closed_day_is_called_what_it_is(rules_of_the_branch: object, reason: str | None) -> None:
    free = slots("10:00", day=THURSDAY)
    assert ranked(wish(), free, opening=rules_of_the_branch).reason == reason


def test_a_holiday_is_called_a_holiday() -> None:
    friday = date(2026, 4, 3)
    found = ranked(wish(day=friday), slots("10:00", day=date(2026, 4, 7)), opening=opening(region="DE-BE"))
    assert found.reason == "holiday"


def test_several_days_have_a_reason_only_when_it_is_the_same_for_all() -> None:
    closed = opening({day: [["09:00", "18:00"]] for day in EVERY_DAY}, closures=[WEDNESDAY, THURSDAY])
    free = slots("10:00", day=FRIDAY)
    assert ranked(wish(until=THURSDAY), free, opening=closed).reason == "closure"
    mixed = opening({"wed": [["09:00", "18:00"]], "fri": [["09:00", "18:00"]]}, closures=[WEDNESDAY])
    assert ranked(wish(until=THURSDAY), free, opening=mixed).reason is None


def test_a_day_with_other_times_is_not_full_but_its_time_is_taken() -> None:
    assert ranked(wish("14:30"), slots("09:00"), opening=ALWAYS).reason == "taken"


def test_a_day_is_full_when_the_branch_is_open_and_the_calendar_looks_beyond() -> None:
    assert ranked(wish(), slots("09:00", day=THURSDAY), opening=ALWAYS).reason == "full"
    # Sold out by our own bookings, which the calendar may not know of yet.
    assert ranked(wish(), slots("09:00", seats=0), opening=ALWAYS).reason == "full"


def test_an_empty_day_is_not_called_full_without_knowing_better() -> None:
    later = slots("09:00", day=THURSDAY)
    assert ranked(wish(), later, opening=opening()).reason is None  # open or not, nobody has said
    assert ranked(wish(), slots("09:00", day=TUESDAY), opening=ALWAYS).reason is None  # it ends before
    assert ranked(wish(), [], opening=ALWAYS).reason is None  # empty is not fully booked
    today = ranked(wish(day=MONDAY), later, opening=ALWAYS)
    assert today.reason is None  # of today the free part may be over


def test_too_short_notice_is_said_only_of_what_is_free_and_too_soon() -> None:
    free = [*slots("09:30", day=MONDAY), *slots("09:00", day=TUESDAY)]
    hour = timedelta(minutes=60)
    assert ranked(wish("09:30", day=MONDAY), free, notice=hour).reason == "too_soon"
    assert ranked(wish(day=MONDAY), free, notice=hour).reason == "too_soon"
    # It is free, only not for somebody who calls now: "nothing is free at half past nine" would be wrong.
    later_today = [*free, *slots("15:00", day=MONDAY)]
    assert ranked(wish("09:30", day=MONDAY), later_today, notice=hour).reason == "too_soon"
    # Of a window not all of which is too soon, something else is in the way of the rest.
    others = [
        *slots("09:30", day=MONDAY),
        *slots("10:30", day=MONDAY, held=True),
        *slots("15:00", day=MONDAY),
    ]
    assert ranked(wish("09:00", "11:00", day=MONDAY), others, notice=hour).reason == "taken"
    # In the afternoon nothing is free, and that has nothing to do with the notice.
    assert ranked(wish("15:00", day=MONDAY), free, notice=hour).reason is None
    # What is over is not "too soon".
    assert ranked(wish("08:00", day=MONDAY), slots("08:00", day=MONDAY), notice=hour).reason is None


def test_a_reason_speaks_of_the_days_that_are_still_ahead() -> None:
    closed = opening({day: [["09:00", "18:00"]] for day in EVERY_DAY if day != "tue"})
    wanted = wish(day=date(2026, 1, 1), until=TUESDAY)
    late = datetime(2026, 1, 6, 8, 0, tzinfo=BERLIN)
    assert ranked(wanted, slots("10:00", day=THURSDAY), opening=closed, now=late).reason == "weekday"
    over = wish(day=date(2026, 1, 1), until=date(2026, 1, 2))
    assert ranked(over, slots("10:00", day=THURSDAY), opening=closed, now=late).reason is None


def test_a_wish_without_a_date_cannot_be_ranked() -> None:
    with pytest.raises(ValueError, match="without a date"):
        rank(Wish(time_from=time(9), time_to=time(9)), [], rules=rules())


def test_any_order_of_the_slots_gives_the_same_offers() -> None:
    free = [*slots("09:00", "14:00", "15:15"), *slots("10:00", day=THURSDAY)]
    expected = said(ranked(wish("14:30"), free).nearest)
    assert said(ranked(wish("14:30"), free[::-1]).nearest) == expected
