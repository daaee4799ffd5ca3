"""Ranking against an oracle that looks at every slot: nothing forbidden, nothing invented, nothing nearer."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import event, given
from hypothesis import strategies as st

from apps.scheduling.alternatives import USEFUL_GAP, Ranking, Rules, Slot, is_enough, rank
from apps.scheduling.opening import OpeningRules, is_holiday
from apps.scheduling.wish import Start, Wish

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = [
    ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
]
REGIONS = ["", "DE-BE", "DE-BY", "US"]
# A usual week, feasts at the turn of the year and in spring, clock changes in both hemispheres.
FIRST_DAYS = [
    date(2026, 1, 5), date(2025, 12, 22), date(2026, 3, 26), date(2026, 3, 5), date(2026, 4, 1),
    date(2026, 4, 2), date(2026, 10, 1), date(2026, 10, 22), date(2026, 10, 30), date(2028, 2, 25),
]  # fmt: skip

quarters = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))


@st.composite
def openings(draw: st.DrawFn, first: date, zone: ZoneInfo) -> OpeningRules:
    spans = st.lists(
        st.tuples(st.integers(0, 60), st.integers(4, 90)).map(
            lambda pair: [_clock(pair[0] * 15), _clock(min((pair[0] + pair[1]) * 15, 24 * 60))]
        ),
        min_size=1,
        max_size=2,
    )
    open_days = draw(st.sampled_from([(), (), WEEKDAYS, WEEKDAYS, WEEKDAYS[:5], WEEKDAYS[1:3]]))
    closures = draw(st.lists(st.integers(0, 14), max_size=2))
    return OpeningRules.of(
        zone=zone,
        hours={day: draw(spans) for day in open_days},
        closures=[(first + timedelta(days=n)).isoformat() for n in closures],
        region=draw(st.sampled_from(REGIONS)),
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def cases(draw: st.DrawFn, *, only: str = "") -> tuple[Wish, list[Slot], Rules]:
    """A wish, what is listed, and rules. ``only``: "exact" times, or "window" for days and windows."""
    zone, first = draw(st.sampled_from(ZONES)), draw(st.sampled_from(FIRST_DAYS))
    midnight = datetime.combine(first, time.min, tzinfo=zone).astimezone(UTC)
    # Slots are instants, so both halves of the hour that comes twice occur. How much is free differs
    # from none to nearly all; most starts lie on the quarter of an hour.
    chance = Random(draw(st.integers(0, 2**32)))
    share = chance.choice([0.0, 0.01, 0.05, 0.3, 0.9])
    starts = [quarter * 15 for quarter in range(10 * 96) if chance.random() < share]
    starts += [chance.randrange(10 * 24 * 60) for _ in range(chance.choice([0, 0, 3]))]
    held, sold = chance.choice([0.0, 0.2, 1.0]), chance.choice([0.0, 0.2])
    slots = [
        Slot(
            midnight + timedelta(minutes=minute),
            held=chance.random() < held,
            seats=int(chance.random() >= sold),
        )
        for minute in sorted(set(starts))
    ]
    now = midnight + timedelta(minutes=chance.choice([-600, 0, 555, 2_000]))
    busy = draw(st.lists(st.tuples(st.integers(0, 10 * 24 * 60), st.integers(15, 120)), max_size=2))
    rules = Rules(
        now=now,
        notice=timedelta(minutes=draw(st.sampled_from([0, 30, 60, 1440]))),
        duration=timedelta(minutes=draw(st.sampled_from([15, 45, 90]))),
        opening=draw(openings(first, zone)),
        busy=tuple(
            (midnight + timedelta(minutes=begin), midnight + timedelta(minutes=begin + length))
            for begin, length in busy
        ),
        refused=frozenset(slot.start for slot in slots if chance.random() < 0.1),
        limit=draw(st.integers(1, 3)),
    )
    return draw(wishes(first, only)), slots, rules


@st.composite
def wishes(draw: st.DrawFn, first: date, only: str) -> Wish:
    day = first + timedelta(days=draw(st.integers(0, 5)))
    kind = only or draw(st.sampled_from(["exact", "window", "preferred", "days at a time"]))
    one, other = sorted((draw(quarters), draw(quarters)))
    last = day if kind == "exact" else day + timedelta(days=draw(st.sampled_from([0, 0, 1, 4])))
    excluded = [day + timedelta(days=n) for n in draw(st.lists(st.integers(0, 4), max_size=1)) if day != last]
    if kind == "window":
        begin, end = draw(st.sampled_from([(None, None), (one, other)]))
        return Wish(day, last, begin, end, excluded=tuple(excluded))
    if kind == "preferred":
        preferred = (Start(draw(st.sampled_from([None, day, last])), one), Start(None, other))
        return Wish(day, last, one, other, excluded=tuple(excluded), preferred=preferred)
    return Wish(day, last, one, one, excluded=tuple(excluded))


# --- The oracle: one slot at a time, as the documentation says it -------------------------------


def may_be_offered(slot: Slot, rules: Rules) -> bool:
    local = slot.start.astimezone(rules.opening.zone)
    spans = rules.opening.hours.get(local.weekday(), ())
    minute = local.hour * 60 + local.minute
    return (
        slot.seats > 0
        and slot.start > rules.now
        and slot.start >= rules.now + rules.notice
        and slot.start not in rules.refused
        and local.date() not in rules.opening.closures
        and not is_holiday(local.date(), region=rules.opening.region)
        and (not rules.opening.hours or any(begin <= minute < end for begin, end in spans))
        and not any(begin < slot.start + rules.duration and slot.start < end for begin, end in rules.busy)
    )


def is_inside(slot: Slot, wish: Wish, zone: ZoneInfo) -> bool:
    local = slot.start.astimezone(zone)
    assert wish.date_from is not None
    assert wish.date_to is not None
    if not wish.date_from <= local.date() <= wish.date_to or local.date() in wish.excluded:
        return False
    clock = local.time().replace(second=0, microsecond=0, fold=0)
    if wish.time_from is None or wish.time_to is None:
        return True
    named_twice = local.fold == 1 and wish.time_from == wish.time_to == clock
    return wish.time_from <= clock <= wish.time_to and not named_twice


def far(slot: Slot, wish: Wish, zone: ZoneInfo) -> tuple[int, int]:
    """(days, minutes) from an exact wish."""
    local = slot.start.astimezone(zone)
    assert wish.date_from is not None
    assert wish.time_from is not None
    minutes = (local.hour - wish.time_from.hour) * 60 + local.minute - wish.time_from.minute
    return abs((local.date() - wish.date_from).days), abs(minutes)


def is_echo(slot: Slot, wish: Wish, zone: ZoneInfo) -> bool:
    """The second of two equal wall times, where the caller named that time."""
    local = slot.start.astimezone(zone)
    clock = local.time().replace(second=0, microsecond=0, fold=0)
    return local.fold == 1 and wish.time_from is not None and wish.time_from == wish.time_to == clock


def ranking(case: tuple[Wish, list[Slot], Rules]) -> tuple[Ranking, list[Slot], Wish, Rules]:
    """The ranking, and what could have been offered."""
    wish, slots, rules = case
    allowed = [slot for slot in slots if may_be_offered(slot, rules)]
    return rank(wish, slots, rules=rules), [slot for slot in allowed if not slot.held] or allowed, wish, rules


# --- What must hold -----------------------------------------------------------------------------


@given(cases())
def test_every_offer_is_a_listed_slot_that_may_be_offered_and_each_once(
    case: tuple[Wish, list[Slot], Rules],
) -> None:
    found, candidates, wish, rules = ranking(case)
    assert len(found.matches) <= rules.limit
    assert len(found.nearest) <= rules.limit
    assert not (found.matches and found.nearest)
    assert set(found.offers) <= set(candidates)
    assert len(set(found.offers)) == len(found.offers)
    assert all(is_inside(slot, wish, rules.opening.zone) for slot in found.matches)
    if not wish.preferred:
        assert not any(is_inside(slot, wish, rules.opening.zone) for slot in found.nearest)


@given(cases())
def test_something_free_inside_the_wish_is_always_found(case: tuple[Wish, list[Slot], Rules]) -> None:
    found, candidates, wish, rules = ranking(case)
    if wish.preferred:
        return
    inside = [slot for slot in candidates if is_inside(slot, wish, rules.opening.zone)]
    assert bool(found.matches) is bool(inside)
    if wish.time_from is None or wish.time_to is None or not inside:
        return
    day = min(slot.start.astimezone(rules.opening.zone).date() for slot in inside)
    assert found.matches[0].start.astimezone(rules.opening.zone).date() == day


@given(cases())
def test_something_is_offered_whenever_anything_may_be(case: tuple[Wish, list[Slot], Rules]) -> None:
    found, candidates, wish, rules = ranking(case)
    offerable = [slot for slot in candidates if not is_echo(slot, wish, rules.opening.zone)]
    assert bool(found.offers) is bool(offerable)


@given(cases(only="exact"))
def test_of_an_exact_wish_nothing_nearer_is_left_out(case: tuple[Wish, list[Slot], Rules]) -> None:
    found, candidates, wish, rules = ranking(case)
    zone = rules.opening.zone
    assert wish.is_exact
    if found.matches:
        return
    others = [slot for slot in candidates if not is_echo(slot, wish, zone)]
    distances = sorted(far(slot, wish, zone) for slot in others)
    assert [far(slot, wish, zone) for slot in found.nearest] == distances[: rules.limit]
    for one, other in pairwise(found.nearest):
        if far(one, wish, zone) == far(other, wish, zone):
            _leans_right(one, other, wish, zone)


def _leans_right(one: Slot, other: Slot, wish: Wish, zone: ZoneInfo) -> None:
    """At equal distance on one day an afternoon prefers later, a morning earlier."""
    first, second = one.start.astimezone(zone), other.start.astimezone(zone)
    assert wish.time_from is not None
    if first.date() == second.date() and first.time() != second.time():
        assert (first.time() > second.time()) is (wish.time_from >= time(12))


@given(cases(only="window"))
def test_of_a_window_the_first_offer_is_the_nearest_day_and_the_second_no_needless_neighbour(
    case: tuple[Wish, list[Slot], Rules],
) -> None:
    found, candidates, wish, rules = ranking(case)
    if not found.nearest or wish.is_exact:
        return
    zone = rules.opening.zone
    ruled_out = {slot for slot in candidates if slot.start.astimezone(zone).date() in wish.excluded}
    left = [slot for slot in candidates if slot not in ruled_out] or candidates
    assert wish.date_from is not None
    assert wish.date_to is not None

    def days(slot: Slot) -> int:
        day = slot.start.astimezone(zone).date()
        assert wish.date_from is not None
        assert wish.date_to is not None
        return max((wish.date_from - day).days, (day - wish.date_to).days, 0)

    left = [slot for slot in left if not is_echo(slot, wish, zone)]
    assert days(found.nearest[0]) == min(map(days, left))
    _is_spread(found.nearest, left)


@given(cases(only="window"))
def test_of_a_day_or_window_the_second_match_is_another_hour_where_there_is_one(
    case: tuple[Wish, list[Slot], Rules],
) -> None:
    found, candidates, wish, rules = ranking(case)
    _is_spread(found.matches, [slot for slot in candidates if is_inside(slot, wish, rules.opening.zone)])


def _is_spread(offers: tuple[Slot, ...], choice: list[Slot]) -> None:
    """The second offer is a neighbour of the first only when there is nothing else to offer."""
    if len(offers) < 2 or abs(offers[1].start - offers[0].start) >= USEFUL_GAP:
        return
    assert all(abs(slot.start - offers[0].start) < USEFUL_GAP for slot in choice)


@given(cases())
def test_what_others_hold_and_what_was_ruled_out_is_offered_alone_only(
    case: tuple[Wish, list[Slot], Rules],
) -> None:
    found, _, wish, rules = ranking(case)
    zone = rules.opening.zone
    assert len({slot.held for slot in found.offers}) <= 1
    assert len({slot.start.astimezone(zone).date() in wish.excluded for slot in found.offers}) <= 1


@given(cases())
def test_the_reason_is_true(case: tuple[Wish, list[Slot], Rules]) -> None:
    found, _, wish, rules = ranking(case)
    zone, opening = rules.opening.zone, rules.opening
    assert wish.date_from is not None
    assert wish.date_to is not None
    days = [wish.date_from + timedelta(days=n) for n in range((wish.date_to - wish.date_from).days + 1)]
    wished = [day for day in days if day not in wish.excluded and day >= rules.now.astimezone(zone).date()]
    slots = case[1]
    there = [slot for slot in slots if slot.seats > 0 and slot.start.astimezone(zone).date() in wished]
    allowed = [slot for slot in there if may_be_offered(slot, rules)]
    if found.reason in ("holiday", "closure", "weekday"):
        assert {opening.why_closed(day) for day in wished} == {found.reason}
    elif found.reason == "taken":
        assert allowed
    elif found.reason == "too_soon":
        inside = [slot for slot in there if is_inside(slot, wish, zone) or is_echo(slot, wish, zone)]
        assert inside
        assert all(rules.now < slot.start < rules.now + rules.notice for slot in inside)
    elif found.reason == "full":
        assert not there
        assert any(opening.why_closed(day) is None for day in wished)
        assert min(wished) > rules.now.astimezone(zone).date()


@given(case=cases(), rotation=st.integers(0, 60))
def test_the_order_in_which_slots_are_listed_does_not_matter(
    case: tuple[Wish, list[Slot], Rules], rotation: int
) -> None:
    wish, slots, rules = case
    turned = slots[rotation:] + slots[:rotation]
    assert rank(wish, turned, rules=rules) == rank(wish, slots, rules=rules)


@given(cases())
def test_where_the_wished_days_are_enough_the_other_days_change_nothing(
    case: tuple[Wish, list[Slot], Rules],
) -> None:
    wish, slots, rules = case
    assert wish.date_from is not None
    assert wish.date_to is not None
    zone = rules.opening.zone
    near = [s for s in slots if wish.date_from <= s.start.astimezone(zone).date() <= wish.date_to]
    alone = rank(wish, near, rules=rules)
    if is_enough(alone, wish, limit=rules.limit):
        event("enough" if alone.matches else "enough outside the wish")
        assert alone == rank(wish, slots, rules=rules)
