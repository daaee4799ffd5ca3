"""Days as people say them: "Dienstag", "nächste Woche", "am 24."; which dates they mean is in ``dating``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apps.calls.speech.feasts import Rule

WEEKDAY: Final = "weekday"  # n 0–6, which
NTH_WEEKDAY: Final = "nth weekday"  # n 0–6, m which one (-1 the last); of the month said beside it
WEEK: Final = "week"  # n weeks from this one, m portion
WEEKEND: Final = "weekend"  # which
COUNT: Final = "count"  # n days from today, or from the day beside it
MONTHS_ON: Final = "months on"  # n months from today
SPAN: Final = "span"  # n to m days from today
RELATIVE: Final = "relative"  # n days from today
DATE: Final = "date"  # n day, m month, y year or 0
DAY_OF_MONTH: Final = "day of month"  # n
MONTH: Final = "month"  # n month, m portion, y year or 0
MONTH_FROM_NOW: Final = "month from now"  # n months from this one, m portion
YEAR_FROM_NOW: Final = "year from now"  # n
FEAST: Final = "feast"  # rule, y
WEEK_NUMBER: Final = "week number"  # n of the ISO year
SOON: Final = "soon"
NOW: Final = "now"
NEVER: Final = "never"  # a day that is past or does not exist

SOON_DAYS: Final = 30
WHOLE: Final = -1  # no portion of a week or month
UNSAID: Final = -2  # neither "diesen" nor "nächsten"

# Which bound of an open range the day is.
FROM: Final = 1
AFTER: Final = 2
UNTIL: Final = 3
BEFORE: Final = 4

# What a kind may join in one wish without being another day: the rest of the same day's name.
_DATED: Final = frozenset({DATE, DAY_OF_MONTH, FEAST, RELATIVE, NEVER})
_MONTHLY: Final = frozenset({MONTH, MONTH_FROM_NOW, YEAR_FROM_NOW})
_EXPLAINED_BY: Final[dict[str, frozenset[str]]] = {
    WEEKDAY: _DATED | _MONTHLY | {WEEK, COUNT, WEEK_NUMBER},
    NTH_WEEKDAY: _MONTHLY,
    WEEK: frozenset({WEEKDAY, WEEKEND, DATE}),
    WEEK_NUMBER: frozenset({WEEKDAY, WEEKEND, YEAR_FROM_NOW}),
    WEEKEND: frozenset({WEEK, WEEK_NUMBER}),
    COUNT: frozenset({WEEKDAY, RELATIVE}),
    MONTHS_ON: frozenset({RELATIVE}),
    SPAN: frozenset(),
    RELATIVE: frozenset({WEEKDAY, DATE, DAY_OF_MONTH, COUNT, MONTHS_ON, FEAST}),
    DATE: frozenset({WEEKDAY, WEEK, RELATIVE, YEAR_FROM_NOW, NEVER}),
    DAY_OF_MONTH: frozenset({WEEKDAY, WEEK, RELATIVE, MONTH, MONTH_FROM_NOW}),
    MONTH: frozenset({WEEKDAY, NTH_WEEKDAY, DAY_OF_MONTH, YEAR_FROM_NOW}),
    MONTH_FROM_NOW: frozenset({WEEKDAY, NTH_WEEKDAY, DAY_OF_MONTH}),
    YEAR_FROM_NOW: frozenset({DATE, MONTH, FEAST, WEEKDAY, WEEK_NUMBER}),
    FEAST: frozenset({WEEKDAY, RELATIVE, YEAR_FROM_NOW, DATE}),
    NEVER: frozenset({WEEKDAY, DATE}),
}


@dataclass(frozen=True, slots=True)
class Day:
    """One day or range of days as said; what ``n``, ``m`` and ``y`` hold depends on the kind."""

    kind: str
    n: int = 0
    m: int = 0
    y: int = 0
    which: int = UNSAID  # THIS, NEXT …
    rule: Rule | None = None
    bound: int = 0
    end: tuple[Day, ...] = ()  # of a range from this day
    since: tuple[Day, ...] = ()  # "nach Weihnachten am 28.": counted from there
    place: int = 0  # which word of the text


def explains(said: Sequence[Day], day: Day) -> bool:
    """Whether ``day`` is a further word on the days already said, and not another day."""
    if day.kind in (SOON, NOW):
        return True
    kinds = {known.kind for known in said} - {SOON, NOW}
    return not kinds or (day.kind not in kinds and kinds <= _EXPLAINED_BY[day.kind])
