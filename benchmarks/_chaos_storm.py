"""The storm: the calendar's faults in turns, processes that die, connections that are cut, a busy office."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from benchmarks import _chaos_weather as weather
from benchmarks import _stage
from benchmarks._chaos_town import Town, names
from benchmarks._chaos_world import wanted

TURN_SECONDS = 6.0
KILL_SECONDS = (6.0, 12.0)
CUT_SECONDS = (15.0, 30.0)


@dataclass
class Storm:
    """``with Storm(...)``: it blows in threads of its own until the block ends.

    ``struck`` counts what hit, by its name in the table.
    """

    town: Town
    seed: int
    days: int
    struck: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number, hand in enumerate((self._blow, self._kill, self._cut)):
            rng = random.Random(self.seed * 10 + number)
            self.threads.append(threading.Thread(target=self._guarded, args=(hand, rng)))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.town.revive()
        if self.problems and error is None:
            raise self.problems[0]  # a storm that has stopped blowing shows nothing

    def _guarded(self, hand: object, rng: random.Random) -> None:
        try:
            hand(rng)  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001  # raised again where the storm ends
            self.problems.append(error)

    def _blow(self, rng: random.Random) -> None:
        """Changing faults of the calendars; what has struck is counted."""
        accounts = [practice.username for practice in self.town.practices]
        control = _stage.Connection(self.town.sandbox.port)
        control.json("POST", "/sandbox/webhooks", weather.STORMY_POST)
        for turn in itertools.count():
            rules = weather.rules(turn, accounts, rng)
            control.json("POST", "/sandbox/faults", {"rules": rules, "seed": turn})
            control.json("POST", "/sandbox/behaviour", weather.behaviour(turn))
            ended = self.over.wait(TURN_SECONDS)
            for rule in control.json("GET", "/sandbox/faults")["rules"]:
                self.struck[weather.name_of(rule)] += rule["fired"]
            if ended:
                break
            self._meddle(control, rng)
        control.json("DELETE", "/sandbox/faults")
        control.json("POST", "/sandbox/behaviour", weather.CALM)
        control.json("POST", "/sandbox/webhooks", weather.CALM_POST)
        control.close()

    def _meddle(self, control: _stage.Connection, rng: random.Random) -> None:
        """The business uses its calendar too: it moves and cancels behind our back, told or not."""
        practice = rng.choice(self.town.practices)
        state = control.json("GET", f"/sandbox/state?status=accepted&account={practice.username}")["bookings"]
        start = wanted(rng, [practice], days=self.days).start.isoformat()
        for number, one in enumerate(rng.sample(state, k=min(2, len(state)))):
            body = {"uid": one["uid"], "start": start, "webhook": rng.random() < 0.5}
            with suppress(RuntimeError):  # the time may be taken, the booking gone: then it does not
                done = control.json("POST", f"/sandbox/{'cancel' if number else 'reschedule'}", body)
                self.town.by_business.add(done["uid"])

    def _kill(self, rng: random.Random) -> None:
        """Every some seconds one of the processes dies without a word and is started again."""
        while not self.over.wait(rng.uniform(*KILL_SECONDS)):
            victim = rng.choice(names())
            self.town.kill(victim)
            if not self.over.wait(rng.uniform(0.2, 1.5)):
                self.town.start(victim)

    def _cut(self, rng: random.Random) -> None:
        """All connections to the database, or to Redis, break at once, in the middle of whatever they did."""
        while not self.over.wait(rng.uniform(*CUT_SECONDS)):
            if rng.random() < 0.5:
                self.struck["database connections cut"] += cut_database()
            else:
                self.struck["Redis connections cut"] += cut_redis()


def cut_database() -> int:
    """End every other connection of the application to the chaos's own database; how many those were."""
    import psycopg

    url = os.environ["DATABASE_URL"].replace("postgres://", "postgresql://", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        ).fetchall()
    return len(ended)


def cut_redis() -> int:
    """End every other connection to the chaos's own Redis database; how many those were."""
    import redis

    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        mine, own = client.client_id(), client.connection_pool.connection_kwargs.get("db", 0)
        others = [
            one["id"] for one in client.client_list() if one["db"] == str(own) and one["id"] != str(mine)
        ]
        for number in others:
            with suppress(redis.ResponseError):  # it has gone by itself
                client.client_kill_filter(_id=number)
    return len(others)
