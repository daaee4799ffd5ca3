"""A scripted day of a practice: how many questions of callers are answered without asking the calendar.

    python -m benchmarks day [--seed N] [--write]

Ninety calls between eight and eighteen, most in the morning: the phone rings, the call begins, the caller
asks for a near day, perhaps for another, books or not; meanwhile people book and cancel on the web, of
which webhooks tell. What is queued is done at its time, beat's looks at the calendar too. The clock is
moved between two happenings and ticks in between (``benchmarks/_moved_clock.py``), so every lifetime –
60 s of a cached answer, 5 s after a change, sweeps after 5, 30 and 300 s – is as long as in production.
The cache is the embedded one, because Redis goes by a clock of its own.

The same day is played twice, with prewarming and without. Every offer is compared with the calendar at
once. Exit 1 when under 80 % of the questions were answered from the cache, or when something was offered
that was taken.
"""

from __future__ import annotations

import logging
import os
import sys
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from benchmarks import _stage
from benchmarks._moved_clock import Day, Script, application, moved, now
from benchmarks._table import Row, finish, parser

# Redis cannot be told another time.
os.environ["REDIS_URL"] = ""
_stage.ON_REDIS = False

LEAST_HITS = 0.80
MONDAY = date(2027, 1, 11)
OPEN, CLOSE = 8, 18
CALLS_AN_HOUR = {8: 14, 9: 14, 10: 10, 11: 9, 12: 6, 13: 5, 14: 9, 15: 9, 16: 8, 17: 6}
CHANGES_AN_HOUR = 2
CLOCKS = ("08:30", "09:00", "10:30", "11:00", "14:00", "15:30", "16:00", "17:15")
WHENS = ("vormittags", "nachmittags", "")
# Days ahead that callers wish for: tomorrow most of all.
DAYS_AHEAD = (0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 7, 7, 8, 9, 14)


@dataclass
class Tally:
    """What one day came to."""

    calls: int = 0
    questions: int = 0
    asked: int = 0
    bookings: int = 0
    changes: int = 0
    offers: int = 0
    taken: list[str] = field(default_factory=list)
    upstream: int = 0

    @property
    def rate(self) -> float:
        return 1 - self.asked / self.questions


@dataclass
class Practice:
    """One business on its calendar, and what its callers do. All chance comes from ``chance``."""

    business: Any
    sandbox: Any
    port: int
    chance: Random
    tally: Tally = field(default_factory=Tally)

    def call(self, number: int) -> Script:
        """One call from the ringing to its end."""
        chance, connection = self.chance, _stage.Connection(self.port)
        caller = _stage.Caller(
            connection, self.business.account.slug, self.business.number.number,
            caller=f"+49170{number:07d}", call_id=f"call_day_{self.business.company.pk}_{number:06d}",
        )  # fmt: skip
        self.tally.calls += 1
        caller.ring()
        yield chance.uniform(2, 4)
        caller.event("call_started", call_status="ongoing")
        yield chance.uniform(1, 2)
        caller.ask("get_call_context")
        yield chance.uniform(8, 20)
        yield from self.wishing(caller)
        yield chance.uniform(4, 10)
        caller.event("call_ended", call_status="ended")
        connection.close()

    def wishing(self, caller: _stage.Caller) -> Script:
        """One to four questions, as long as nothing suits."""
        chance = self.chance
        for question in range(4):
            if question and chance.random() < 0.3:
                answer = self.ask(caller, "get_alternatives")
            else:
                answer = self.ask(caller, "check_availability", **self.wish())
            yield chance.uniform(6, 15)
            found = [answer["slot"]] if answer["slot"] else answer["alternatives"]
            if found and chance.random() < (0.55 if answer["slot"] else 0.45):
                slot = chance.choice(found)["slot"]
                booked, _ = caller.ask("book_appointment", slot=slot, customer_name="Erika Muster")
                if booked["status"] != "booked":
                    raise RuntimeError(f"not booked: {booked}")
                self.tally.bookings += 1
                return
            if chance.random() < 0.25:
                return
            yield chance.uniform(4, 12)

    def wish(self) -> dict[str, str]:
        day = (now() + timedelta(days=self.chance.choice(DAYS_AHEAD))).date().isoformat()
        if self.chance.random() < 0.6:
            return {"date": day, "time": self.chance.choice(CLOCKS)}
        return {"date": day, "time": self.chance.choice(WHENS)}

    def ask(self, caller: _stage.Caller, name: str, **args: str) -> dict[str, Any]:
        """A question about free slots; the log of functions says whether the calendar was asked."""
        answer, _ = caller.ask(name, **args)
        if answer["status"] not in ("available", "alternatives", "none_available"):
            raise RuntimeError(f"{name} {args}: {answer}")
        self.tally.questions += 1
        self.tally.asked += self.asked_upstream(caller)
        for offer in [answer["slot"], *answer["alternatives"]]:
            if offer is not None:
                self.compare(datetime.fromisoformat(offer["start"]))
        return answer

    def asked_upstream(self, caller: _stage.Caller) -> bool:
        from apps.calls.models import FunctionCall
        from apps.tenants.scoping import company_scope

        with company_scope(self.business.company.pk):
            last = FunctionCall.objects.filter(call__external_id=caller.call_id).latest("pk")
        return last.upstream_requests > 0

    def compare(self, start: datetime) -> None:
        """Never stale: what is offered is free in the calendar at this moment."""
        begins, ends = start.timestamp(), start.timestamp() + 45 * 60
        self.tally.offers += 1
        for one in self.standing():
            if one.start < ends and begins < one.end:
                self.tally.taken.append(f"{start} at {now()}")

    def standing(self) -> list[Any]:
        return [one for one in self.sandbox.calendar.bookings.values() if one.status == "accepted"]

    def change(self) -> None:
        """Somebody books on the web, or cancels there."""
        control = _stage.Connection(self.sandbox.port)
        theirs = [one for one in self.standing() if one.attendees[0].name == "Web Booker"]
        self.tally.changes += 1
        if theirs and self.chance.random() < 0.3:
            control.json("POST", "/sandbox/cancel", {"uid": self.chance.choice(theirs).uid})
            return
        taken = {one.start for one in self.standing()}
        while True:
            day = (now() + timedelta(days=self.chance.randint(1, 12))).date()
            start = datetime.combine(day, time(self.chance.randint(8, 18)), tzinfo=_stage.BERLIN)
            if all(abs(one - start.timestamp()) >= 45 * 60 for one in taken):
                break
        booking = {"account": _stage.API_KEY, "event_type": _stage.EVENT_TYPE, "name": "Web Booker"}
        control.json("POST", "/sandbox/bookings", {**booking, "start": start.isoformat()})


def moments(hours: dict[int, int], day: date, chance: Random) -> list[datetime]:
    """So many moments in each hour, anywhere in it."""
    return [
        datetime.combine(day, time(hour), tzinfo=_stage.BERLIN) + timedelta(seconds=chance.uniform(0, 3600))
        for hour, count in hours.items()
        for _ in range(count)
    ]


def scenario(webhook: str, secret: str) -> dict[str, Any]:
    """The benchmarks' calendar, which tells the application of its changes."""
    made = tomllib.loads(_stage.scenario_toml())
    made["accounts"][0]["webhooks"] = [{"url": webhook, "secret": secret}]
    return made


def business(name: str, number: str, base_url: str, *, prewarm: bool) -> Any:
    from apps.flags.registry import Flag
    from apps.flags.state import choose
    from apps.tenants.scoping import company_scope
    from tests.factories import make_business

    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    made = make_business(
        name, number=number, event_type=_stage.EVENT_TYPE, base_url=base_url,
        company={"requests_per_minute": 1_000_000},
        branch={"hours": {day: [["08:00", "20:00"]] for day in days}},
    )  # fmt: skip
    made.account.signing_key = _stage.SIGNING_KEY
    made.account.save()
    with company_scope(made.company.pk):
        made.calendar.api_key = _stage.API_KEY
        made.calendar.save()
    choose(Flag.PREWARM, "on" if prewarm else "off", company_id=made.company.pk, source="command")
    return made


def play(name: str, number: str, *, prewarm: bool, seed: int) -> Tally:
    """One day from half past seven on."""
    from apps.calls.tasks import close_stale_calls
    from apps.sandbox.server import SandboxServer
    from apps.scheduling import gateway, prewarming
    from apps.scheduling.tasks import follow_calendars
    from tests.factories import WEBHOOK_SECRET

    begin = datetime.combine(MONDAY, time(OPEN - 1, 30), tzinfo=_stage.BERLIN)
    chance = Random(seed)
    with moved(begin) as traveller, application() as port:
        webhook = f"http://{_stage.HOST}:{port}/webhooks/calcom/{name}/"
        with SandboxServer(scenario=scenario(webhook, WEBHOOK_SECRET)) as sandbox:
            practice = Practice(
                business(name, number, sandbox.base_url, prewarm=prewarm), sandbox, port, chance
            )

            def quiet() -> None:
                if not (prewarming.drain() and gateway.drain() and sandbox.webhooks.wait()):
                    raise RuntimeError("something in the background does not end")

            day = Day(traveller, quiet)
            for count, moment in enumerate(sorted(moments(CALLS_AN_HOUR, MONDAY, chance))):
                day.play(moment, practice.call(count))
            for moment in moments(dict.fromkeys(CALLS_AN_HOUR, CHANGES_AN_HOUR), MONDAY, chance):
                day.at(moment, practice.change)
            for task in (follow_calendars, close_stale_calls):
                day.every(300, task, until=begin + timedelta(hours=CLOSE - OPEN + 1))
            day.run()
            practice.tally.upstream = sandbox.journal.count("GET", "/v2/slots")
    return practice.tally


def main(arguments: list[str]) -> None:
    options = parser("day", __doc__)
    options.add_argument("--seed", type=int, default=1, metavar="N", help="another day (1)")
    chosen = options.parse_args(arguments)
    print(_stage.described())
    with _stage.database():
        logging.disable(logging.WARNING)
        warm = play("bench-day", "+493055500001", prewarm=True, seed=chosen.seed)
        bare = play("bench-bare-day", "+493055500002", prewarm=False, seed=chosen.seed)
    taken = len(warm.taken) + len(bare.taken)
    happened = (
        f"{warm.calls} calls, {warm.questions} questions, {warm.bookings} booked, {warm.changes} on the web"
    )
    finish(
        [
            Row(f"answered without asking the calendar: {happened}", f"{warm.rate:.1%}",
                target=f"≥ {LEAST_HITS:.0%}", ok=warm.rate >= LEAST_HITS),
            Row("questions to the calendar, prewarming and sweeps included, for one of a caller",
                f"{warm.upstream / warm.questions:.2f}"),
            Row(f"the same day without prewarming, {bare.questions} questions", f"{bare.rate:.1%}"),
            Row("questions to the calendar then", f"{bare.upstream / bare.questions:.2f}"),
            Row(f"of {warm.offers + bare.offers} offers, taken in the calendar at that moment", str(taken),
                target="= 0", ok=taken == 0),
        ],
        name="day" if chosen.write else "", measured_on=f"{_stage.described()}, seed {chosen.seed}",
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
