"""Runs scripted calls: plans them, prepares the calendar, plays and grades each, alone or side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from apps.sandbox.callers.conversation import Conversation, Record
from apps.sandbox.callers.grading import UNSETTLED, Graded, grade
from apps.sandbox.callers.ledger import Entry, Ledger
from apps.sandbox.callers.pacing import Pacer
from apps.sandbox.callers.places import Place, find_place
from apps.sandbox.callers.planning import Plan, Planner
from apps.sandbox.callers.script import Booked, Expectation, Line, Model, Script, Setup

SETTLE_SECONDS = 6.0
SETTLE_PAUSE = 0.25
EARLIER = {
    "de": "Ich hätte gern [when|{%s.day} um {%s.time}] einen Termin zur [service|{service}].",
    "en": "I would like an appointment for [service|{service}] [when|{%s.day} at {%s.time}].",
}


class Simulation:
    """Scripted calls against one web server.

    ``refresh`` makes the platform forget what it remembers of a company's calendar; ``upstream_ms``
    delays every answer of the sandbox; ``pause_ms`` passes before a caller says something; without a
    ``pacer`` calls begin as fast as they can.
    """

    def __init__(
        self,
        places: Sequence[Place],
        *,
        url: str,
        refresh: Callable[[str], None],
        upstream_ms: int = 0,
        pause_ms: int = 0,
        pacer: Pacer | None = None,
    ) -> None:
        self._places = list(places)
        self._url = url
        self._refresh = refresh
        self._upstream_ms = upstream_ms
        self._pause = pause_ms / 1000
        self._pacer = pacer
        self._planner = Planner(now=datetime.now(UTC))

    def plan(self, scripts: Sequence[Script], *, calls: int = 0) -> list[Plan]:
        """One plan a script, or ``calls`` of them in turn.

        Raises ``ScenarioError`` for a script that cannot be played here, ``LedgerError`` without a sandbox.
        """
        wanted = [(scripts[index % len(scripts)], index) for index in range(calls or len(scripts))]
        plans: dict[int, Plan] = {}
        # Who wants the soonest of all is planned first, before others are near it.
        for script, index in sorted(wanted, key=lambda one: not one[0].takes_the_soonest):
            place = find_place(self._places, company=script.company, branch=script.branch)
            plans[index] = self._planner.plan(script, place, repetition=index // len(scripts))
        return [plans[index] for index in sorted(plans)]

    def run(self, plans: Sequence[Plan], *, concurrency: int = 1) -> Iterator[Graded]:
        """Prepare, then yield each call as it is graded; of a call whose earlier one failed, that one."""
        ready = []
        for plan in plans:
            earlier = self._book_earlier(plan) if plan.script.setup.appointment else None
            if earlier is None or earlier.right:
                ready.append(plan)
            else:
                yield earlier
        yield from self._run_prepared(ready, concurrency=concurrency)

    def _run_prepared(self, plans: Sequence[Plan], *, concurrency: int) -> Iterator[Graded]:
        self._planner.prepare(plans)
        for company in sorted({plan.place.company for plan in plans}):
            self._refresh(company)
        with ExitStack() as latency:
            if plans:
                # One sandbox holds every calendar.
                latency.enter_context(Ledger(plans[0].place).faults(_latency(self._upstream_ms)))
            together = [plan for plan in plans if not plan.script.alone]
            if concurrency == 1:
                yield from map(self._play_alone, together)
            else:
                yield from self._play_together(together, concurrency=concurrency)
            # What breaks the calendar comes last: a breaker may stay open for a while.
            for plan in plans:
                if plan.script.alone:
                    self._refresh(plan.place.company)
                    yield self._play_alone(plan)

    def _play_alone(self, plan: Plan) -> Graded:
        ledger = Ledger(plan.place)
        before = ledger.entries()
        with ledger.faults(plan.script.setup.faults):
            record = self._play(plan)
        return _graded(record, before=before, alone=True)

    def _play(self, plan: Plan) -> Record:
        def rival(start: datetime) -> None:
            assert plan.service is not None  # there was an offer, so there is a service
            Ledger(plan.place).take(start, start + timedelta(minutes=plan.service.minutes))

        conversation = Conversation(plan, url=self._url, rival=rival, pause=self._pause)
        if self._pacer is None:
            return conversation.play()
        place, now = plan.place, datetime.now(UTC)
        recent = [(now - asked).total_seconds() for asked in place.asked]
        self._pacer.begin(place.company, per_minute=place.requests_per_minute, recent=recent)
        try:
            return conversation.play()
        finally:
            self._pacer.end(place.company, functions=len(conversation.record.functions()))

    def _play_together(self, plans: Sequence[Plan], *, concurrency: int) -> Iterator[Graded]:
        calendars = {plan.place.calendar_key: plan.place for plan in plans}
        before = {key: Ledger(place).entries() for key, place in calendars.items()}

        def play(plan: Plan) -> Graded:
            return _graded(self._play(plan), before=before[plan.place.calendar_key], alone=False)

        with ThreadPoolExecutor(concurrency, thread_name_prefix="caller") as pool:
            for future in as_completed([pool.submit(play, plan) for plan in plans]):
                yield future.result()

    def _book_earlier(self, plan: Plan) -> Graded:
        """The call in which this caller got the appointment that the script is about."""
        moment = plan.script.setup.appointment
        script = replace(
            plan.script,
            setup=Setup(),
            model=Model(),
            opening=Line(EARLIER[plan.script.language] % (moment, moment)),
            reactions=(),
            expect=Expectation(bookings=(Booked(moment, plan.script.service),)),
        )
        earlier = replace(plan, script=script, label=f"{plan.label} (earlier call)")
        before = Ledger(plan.place).entries()
        return _graded(self._play(earlier), before=before, alone=False)


def _graded(record: Record, *, before: Sequence[Entry], alone: bool) -> Graded:
    """Grade on the calendar; what may still settle is given some seconds to."""
    ledger = Ledger(record.plan.place)
    deadline = time.monotonic() + SETTLE_SECONDS
    unsettled = record.hung_up or any(status in UNSETTLED for status in record.statuses())
    while True:
        graded = grade(record, before=before, after=ledger.entries(), alone=alone)
        if graded.right or not unsettled or time.monotonic() > deadline:
            return graded
        time.sleep(SETTLE_PAUSE)


def _latency(milliseconds: int) -> list[dict[str, object]]:
    return [{"kind": "latency", "path": "/v2/*", "ms": milliseconds}] if milliseconds else []
