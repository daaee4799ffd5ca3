"""When a scripted call takes place: real days on which the calendar is as the script needs it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from apps.sandbox.callers.ledger import Ledger
from apps.sandbox.callers.moments import say_part
from apps.sandbox.callers.places import Bookable, Place
from apps.sandbox.callers.script import Busy, Script
from apps.sandbox.reading import ScenarioError

FARTHEST_DAYS = 300
FETCHED_DAYS = 60
# Berlin's block of numbers that never belong to anybody (Bundesnetzagentur, numbers for films).
NOBODYS_NUMBER = "+493023125"
SURNAMES = (
    "Albrecht", "Bender", "Conrad", "Dietz", "Ebert", "Fiedler", "Geiger", "Haller", "Illner", "Jansen",
    "Kessler", "Lindner", "Merten", "Nolte", "Ortmann", "Petry", "Quandt", "Reuter", "Sander", "Thelen",
    "Ulrich", "Vetter", "Wegner", "Ziegler",
)  # fmt: skip
Span = tuple[datetime, datetime]


class PlanError(ScenarioError):
    """The calendar has no day on which this script can be played."""


@dataclass(slots=True)
class Plan:
    """One call that will be made. ``starts`` are the moments' instants; ``number`` is the caller's, E.164.

    ``free`` are the starts a caller may be offered, as the calendar lists them after the setup.
    """

    script: Script
    place: Place
    dialled: str
    label: str
    number: str
    person: str
    today: date
    starts: dict[str, datetime] = field(default_factory=dict)
    free: tuple[datetime, ...] = ()

    @property
    def shown_number(self) -> str:
        """What the provider sees: "" when the caller withholds it."""
        return "" if self.script.caller == "withheld" else self.number

    @property
    def service(self) -> Bookable | None:
        return self.place.services.get(self.script.service)

    def value(self, name: str) -> str:
        """The words for a place in a template. Raises ``ScenarioError`` for an unknown one."""
        own = {"name": self.person, "phone": _in_pairs(f"0{self.number[3:]}"), "email": self.script.email}
        if self.service is not None:
            own["service"] = self.service.name
        if own.get(name):
            return own[name]
        moment, _, part = name.partition(".")
        try:
            return say_part(self.starts[moment], part, today=self.today, language=self.script.language)
        except KeyError:
            raise ScenarioError(f"{self.script.name}: nothing to say for {{{name}}}") from None


class Planner:
    """Gives every call its days, no two calls of a calendar near each other; then prepares the calendar."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        self._claimed: dict[str, list[Span]] = {}
        self._free: dict[tuple[str, int], _Free] = {}
        self._first_number = secrets.randbelow(900_000)
        self._planned = 0

    def plan(self, script: Script, place: Place, *, repetition: int = 0) -> Plan:
        """Days, number and name of one call. Raises ``PlanError``, ``ScenarioError``, ``LedgerError``."""
        if script.moments and script.service not in place.services:
            where = f"{place.company}/{place.branch}"
            raise ScenarioError(f"{script.name}.service: {where} has no {script.service!r}")
        number = f"{NOBODYS_NUMBER}{self._first_number + self._planned:06d}"
        self._planned += 1
        plan = Plan(
            script=script,
            place=place,
            dialled=script.dialled or place.number,
            label=script.name + (f" #{repetition + 1}" if repetition else ""),
            number=number,
            person=_person(script.person, repetition),
            today=self._now.astimezone(place.zone).date(),
        )
        self._choose_days(plan)
        return plan

    def prepare(self, plans: Iterable[Plan]) -> None:
        """Take the times the scripts say are taken, then note what is really free."""
        chosen = list(plans)
        for plan in chosen:
            for busy in plan.script.setup.busy:
                Ledger(plan.place).take(*_busy_span(plan, busy))
        self._free.clear()
        for plan in chosen:
            if not plan.starts:
                continue
            listed = self._listed(plan)
            days = {start.astimezone(plan.place.zone).date() for start in plan.starts.values()}
            near = [listed.on(day + timedelta(days=ahead)) for day in sorted(days) for ahead in (-1, 0, 1)]
            plan.free = tuple(sorted(one for one in set().union(*near) if plan.place.is_open(one)))

    def _choose_days(self, plan: Plan) -> None:
        moments = plan.script.moments
        wanted: dict[date, list[str]] = {}
        for name, moment in moments.items():
            if moment.kind == "days":
                wanted.setdefault(plan.today + timedelta(days=moment.number), []).append(name)
            elif moment.kind == "soonest":
                self._claim(plan, name, self._soonest(plan))
        for day, names in wanted.items():
            self._settle(plan, day, names)
        last = max((moment.number for moment in moments.values() if moment.kind == "open"), default=0)
        day = plan.today
        for nth in range(1, last + 1):
            names = [name for name, one in moments.items() if one.kind == "open" and one.number == nth]
            day = self._next_open(plan, day, names)
            self._settle(plan, day, names)

    def _settle(self, plan: Plan, day: date, names: list[str]) -> None:
        for name in names:
            self._claim(plan, name, plan.place.instant(day, plan.script.moments[name].minutes))

    def _claim(self, plan: Plan, name: str, start: datetime) -> None:
        plan.starts[name] = start
        self._claims(plan.place).append(_room(plan, start))

    def _claims(self, place: Place) -> list[Span]:
        if place.calendar_key not in self._claimed:
            self._claimed[place.calendar_key] = list(_standing(place))
        return self._claimed[place.calendar_key]

    def _soonest(self, plan: Plan) -> datetime:
        """The first start the calendar has free; planned before all else, so that nobody is there yet."""
        for ahead in range(FARTHEST_DAYS):
            for start in sorted(self._listed(plan).on(plan.today + timedelta(days=ahead))):
                if plan.place.is_open(start) and not self._is_claimed(plan, start):
                    return start
        raise PlanError(f"{plan.script.name}: nothing is free within {FARTHEST_DAYS} days")

    def _is_claimed(self, plan: Plan, start: datetime) -> bool:
        begins, ends = _room(plan, start)
        return any(one < ends and begins < other for one, other in self._claims(plan.place))

    def _next_open(self, plan: Plan, after: date, names: list[str]) -> date:
        for ahead in range(1, FARTHEST_DAYS):
            day = after + timedelta(days=ahead)
            if (day - plan.today).days > FARTHEST_DAYS:
                break
            if self._fits(plan, day, names):
                return day
        wished = ", ".join(names) or "a free day"
        raise PlanError(f"{plan.script.name}: no day within {FARTHEST_DAYS} on which {wished} is free")

    def _fits(self, plan: Plan, day: date, names: list[str]) -> bool:
        free = self._listed(plan).on(day)
        if not free or not any(plan.place.is_open(start) for start in free):
            return False
        for name in names:
            moment = plan.script.moments[name]
            start = plan.place.instant(day, moment.minutes)
            if moment.free and not (start in free and plan.place.is_open(start)):
                return False
            if self._is_claimed(plan, start):
                return False
        return True

    def _listed(self, plan: Plan) -> _Free:
        service = plan.service
        assert service is not None  # a script with moments has a service, and it was found
        key = (plan.place.calendar_key, service.event_type)
        if key not in self._free:
            self._free[key] = _Free(plan.place, service.event_type)
        return self._free[key]


class _Free:
    """What the calendar lists as free, fetched in pieces as far ahead as is looked."""

    def __init__(self, place: Place, event_type: int) -> None:
        self._place = place
        self._event_type = event_type
        self._days: dict[date, set[datetime]] = {}
        self._fetched: set[int] = set()

    def on(self, day: date) -> set[datetime]:
        piece = day.toordinal() // FETCHED_DAYS
        if piece not in self._fetched:
            self._fetched.add(piece)
            first = date.fromordinal(piece * FETCHED_DAYS)
            # One day more on each side: the calendar counts in UTC, the branch does not.
            for start in Ledger(self._place).free(
                self._event_type, first=first - timedelta(days=1), days=FETCHED_DAYS + 1
            ):
                local = start.astimezone(self._place.zone)
                self._days.setdefault(local.date(), set()).add(local)
        return self._days.get(day, set())


def _standing(place: Place) -> Iterator[Span]:
    """What nobody may come near: the calendar's bookings and what the platform believes stands."""
    yield from place.taken
    for entry in Ledger(place).entries():
        if entry.open:
            yield entry.start, entry.end


def _room(plan: Plan, start: datetime) -> Span:
    """The moment with the room its script wants around it, within its day."""
    assert plan.service is not None
    midnight = plan.place.instant(start.date(), 0)
    around = timedelta(minutes=plan.script.room)
    ends = start + timedelta(minutes=plan.service.minutes) + around
    return max(start - around, midnight), min(ends, midnight + timedelta(days=1))


def _busy_span(plan: Plan, busy: Busy) -> Span:
    start = plan.starts[busy.at]
    if busy.day:
        midnight = plan.place.instant(start.date(), 0)
        return midnight, midnight + timedelta(days=1)
    begins = start + timedelta(minutes=busy.after)
    assert plan.service is not None
    return begins, begins + timedelta(minutes=busy.minutes or plan.service.minutes)


def _in_pairs(digits: str) -> str:
    """ "03 02 31 25": as numbers are said."""
    return " ".join(digits[place : place + 2] for place in range(0, len(digits), 2))


def _person(name: str, repetition: int) -> str:
    """The script's name; in repetitions with a surname more, so that nobody is booked twice over."""
    if not name or not repetition:
        return name
    first, second = divmod(repetition - 1, len(SURNAMES))
    return "-".join([name, *([SURNAMES[first % len(SURNAMES)]] if first else []), SURNAMES[second]])
