"""Many callers at once: for as long as it storms, and – in calm weather – crowds that want one day."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as clock

from benchmarks._chaos_calls import BOOK, Caller, Line, bookings_of, phone_of
from benchmarks._chaos_world import BERLIN, Practice, Want, today, wanted

CALLS_AGAIN = 0.3
PROGRESS_SECONDS = 30.0
# How many at once, and how many such crowds.
CROWDS = ((2, 120), (5, 80), (10, 40), (20, 16), (50, 10))
FIRST_DAY, FIRST_NUMBER = 20, 500_000


@dataclass
class Crowd:
    """Callers, as many at once as there are threads, until enough has been booked or time is up."""

    line: Line
    practices: list[Practice]
    seed: int
    days: int
    calls: list[Caller] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    over: threading.Event = field(default_factory=threading.Event)
    problems: list[str] = field(default_factory=list)

    def run(self, *, callers: int, bookings: int, seconds: float, tell: bool = True) -> None:
        """Call until ``bookings`` were asked for, ``seconds`` at most."""
        threads = [threading.Thread(target=self._phone, args=(n,)) for n in range(callers)]
        for thread in threads:
            thread.start()
        began = shown = time.monotonic()
        while time.monotonic() - began < seconds and bookings_of(list(self.calls)) < bookings:
            time.sleep(0.2)
            if tell and time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                asked = bookings_of(list(self.calls))
                print(f"  {asked} bookings in {len(self.calls)} calls, {shown - began:.0f} s", flush=True)
        self.over.set()
        for thread in threads:
            thread.join()

    def _phone(self, number: int) -> None:
        from django.db import connections

        rng = random.Random(self.seed * 1_000 + number)
        try:
            while not self.over.is_set():
                want = wanted(rng, self.practices, days=self.days)
                caller = Caller(self.line, want, phone=phone_of(next(self.numbers)), rng=rng)
                self._talk(caller)
                if caller.is_unsure and rng.random() < CALLS_AGAIN:
                    self._talk(caller.again())
        finally:
            connections.close_all()

    def _talk(self, caller: Caller) -> None:
        self.calls.append(caller)
        try:
            caller.talk()
        except Exception as error:  # noqa: BLE001  # a caller that breaks is a finding, not the end
            self.problems.append(f"{caller.phone} {type(error).__name__}: {error}"[:200])


# --- One day ------------------------------------------------------------------------------------


@dataclass
class Meeting:
    """What crowds of one day heard when they booked what they had been offered."""

    booked: int = 0
    taken: int = 0
    other: int = 0

    @property
    def rate(self) -> float:
        """The share of bookings that met "somebody was faster"."""
        return self.taken / max(self.booked + self.taken, 1)


def conflicts(
    line: Line, practices: Sequence[Practice], *, crowds: Sequence[tuple[int, int]] = CROWDS
) -> Meeting:
    """Crowds that call in the same moment and want the same morning of a team of two."""
    rng, numbers = random.Random(3), itertools.count(FIRST_NUMBER)
    # One practice after the other: its budget of a minute is that of one crowd.
    places = ((ahead, practice) for ahead in itertools.count(FIRST_DAY) for practice in practices)
    met = Meeting()
    sizes = [size for size, rounds in crowds for _ in range(rounds)]
    rng.shuffle(sizes)
    for size in sizes:
        ahead, practice = next(places)
        start = datetime.combine(today() + timedelta(days=ahead), clock(10), tzinfo=BERLIN)
        want = Want(practice, practice.services[1], start)
        heard = _meet(line, want, [phone_of(next(numbers)) for _ in range(size)])
        met.booked += heard.count("booked")
        met.taken += heard.count("slot_taken")
        met.other += len(heard) - heard.count("booked") - heard.count("slot_taken")
    return met


def _meet(line: Line, want: Want, phones: Sequence[str]) -> list[str]:
    """Everybody at once: the statuses of their bookings; "" where nothing was offered."""
    callers = [Caller(line, want, phone=phone, rng=random.Random(phone)) for phone in phones]
    gate = threading.Barrier(len(callers))
    threads = [threading.Thread(target=_choose_and_book, args=(one, gate)) for one in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    booked = [[told.status for told in one.told if told.function == BOOK] for one in callers]
    return [statuses[-1] if statuses else "" for statuses in booked]


def _choose_and_book(caller: Caller, gate: threading.Barrier) -> None:
    from django.db import connections

    gate.wait()
    try:
        token = caller.choose()
        if token:
            caller.ask(BOOK, slot=token, customer_name=caller.name)
        caller.hang_up()
    finally:
        connections.close_all()
