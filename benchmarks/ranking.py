"""What ranking two weeks of slots costs, beside sorting the same slots by distance.

    python -m benchmarks ranking [--write]

The pure function alone: 14 days of 96 slots, in every kind of wish. The floor finds the nearest start the
plain way: the distance of every slot from the wished instant, sorted. Both in turn. Exit 1 when the
slowest kind of wish takes 2 ms or more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

from apps.scheduling.alternatives import Ranking, Rules, Slot, rank
from apps.scheduling.opening import WEEKDAYS, OpeningRules
from apps.scheduling.wish import Start, Wish
from benchmarks._pairs import Pairs
from benchmarks._table import Row, finish, parser

BERLIN = ZoneInfo("Europe/Berlin")
DAYS, A_DAY = 14, 96
BOUND_SECONDS, BOUND = 0.002, "< 2 ms"
FIRST = date(2026, 1, 5)
MIDNIGHT, MORNING, NOON, CLOCK = time(0), time(9), time(12), time(14, 30)


def slots() -> list[Slot]:
    """A start every quarter of an hour, day and night, but for the one that is wished for."""
    midnight = datetime.combine(FIRST, MIDNIGHT, tzinfo=BERLIN).astimezone(UTC)
    starts = (midnight + timedelta(minutes=15 * n) for n in range(DAYS * A_DAY))
    return [Slot(start) for start in starts if start.astimezone(BERLIN).time() != CLOCK]


def full_day(listed: list[Slot]) -> list[Slot]:
    """The same, with nothing left on the day that is wished for."""
    day = FIRST + timedelta(days=DAYS // 2)
    return [slot for slot in listed if slot.start.astimezone(BERLIN).date() != day]


def held(listed: list[Slot]) -> list[Slot]:
    """The same, every start kept for another conversation."""
    return [slot._replace(held=True) for slot in listed]


def rules() -> Rules:
    """Open around the clock, so that nothing is left out before it is ranked."""
    return Rules(
        now=datetime.combine(FIRST, MIDNIGHT, tzinfo=BERLIN) - timedelta(hours=1),
        notice=timedelta(0),
        duration=timedelta(minutes=45),
        opening=OpeningRules.of(
            zone=BERLIN, hours={day: [["00:00", "24:00"]] for day in WEEKDAYS}, closures=(), region="DE"
        ),
    )


def wishes() -> dict[str, Wish]:
    """A wish of every kind, for the middle of the two weeks."""
    day = FIRST + timedelta(days=DAYS // 2)
    last = FIRST + timedelta(days=DAYS - 1)
    return {
        "an exact time that is taken": Wish(date_from=day, date_to=day, time_from=CLOCK, time_to=CLOCK),
        "a morning": Wish(date_from=day, date_to=day, time_from=MORNING, time_to=NOON),
        "any of the days": Wish(date_from=FIRST, date_to=last),
        "one time on any of the days, taken": Wish(
            date_from=FIRST, date_to=last, time_from=CLOCK, time_to=CLOCK
        ),
        "two preferred times, both taken": Wish(
            date_from=day,
            date_to=last,
            preferred=(Start(day, CLOCK), Start(last, CLOCK)),
        ),
    }


def sort_by_distance(listed: list[Slot]) -> list[Slot]:
    """The plain way to the nearest start."""
    wished = datetime.combine(FIRST + timedelta(days=DAYS // 2), CLOCK, tzinfo=BERLIN).astimezone(UTC)
    return sorted(listed, key=lambda slot: abs(slot.start - wished))[:2]


def seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def checked(ranking: Ranking, wish: Wish) -> None:
    """What is measured is the whole work: two offers, and none of them the refused time."""
    refused = wish.is_exact or bool(wish.preferred)
    if len(ranking.offers) != 2 or (refused and ranking.matches):
        raise RuntimeError(f"not what was wished for: {ranking}")


def measure(name: str, wish: Wish, *, listed: list[Slot], rounds: int) -> Row:
    """One row."""
    limits = rules()
    checked(rank(wish, listed, rules=limits), wish)
    pairs = Pairs()
    for _ in range(rounds):
        pairs.add(
            seconds(lambda: rank(wish, listed, rules=limits)), seconds(lambda: sort_by_distance(listed))
        )
    return pairs.row(name, target=BOUND, ok=pairs.quietest()[0] < BOUND_SECONDS)


def main(arguments: list[str]) -> None:
    options = parser("ranking", __doc__)
    options.add_argument("--rounds", type=int, default=400, metavar="N", help="rankings a row (400)")
    chosen = options.parse_args(arguments)
    listed = slots()
    print(f"{len(listed)} slots of {DAYS} days")
    rows = [measure(name, wish, listed=listed, rounds=chosen.rounds) for name, wish in wishes().items()]
    day = wishes()["an exact time that is taken"]
    rows += [
        measure("a time on a day that is full", day, listed=full_day(listed), rounds=chosen.rounds),
        measure("the same, everything held by others", day, listed=held(listed), rounds=chosen.rounds),
    ]
    python = f"Python {sys.version.split()[0]}, {len(listed)} slots of {DAYS} days"
    finish(rows, name="ranking" if chosen.write else "", measured_on=python)


if __name__ == "__main__":
    main(sys.argv[1:])
