"""A circuit breaker whose state all processes share.

``failures`` faults in a row open it; it refuses for ``open_seconds``, then lets one probe at a
time through; ``successes`` good probes in a row close it, a bad one opens it again. A probe whose
process dies gives its place back after ``probe_seconds``.

Only faults count, never business refusals. A missed deadline counts at once (``fault``); if the
answer arrives after all, ``late_success`` takes exactly that fault back. ``epoch`` names the run
of faults a fault belongs to, so that a late answer cannot meddle with a state that has moved on.

The rules are the pure functions below; :class:`~apps.core.shared_state.SharedRecords` applies them
atomically, in Redis or in this process. While nothing has failed, a call costs a look at a memo
of at most a second; faults are counted across processes at once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal

from apps.core.errors import PlatformError
from apps.core.shared_state import Record, SharedRecords

State = Literal["closed", "open", "half_open"]

FORGET_SECONDS = 600.0
"""Faults in a closed breaker are forgotten after this long without another one."""

CLOCK_SLACK_SECONDS = 2.0


class CircuitOpen(PlatformError):
    """The upstream is left alone for now. ``retry_in``: seconds until a probe may go."""

    code = "circuit_open"
    message = "The upstream has failed repeatedly and is left alone for a while."
    retryable = True

    def __init__(self, *, retry_in: float) -> None:
        super().__init__()
        self.retry_in = retry_in


@dataclass(frozen=True, slots=True)
class Circuit:
    """The shared state of one breaker; times are unix seconds. The default is closed and quiet."""

    state: State = "closed"
    failures: int = 0
    successes: int = 0
    epoch: str = ""
    changed_at: float = 0.0
    probe: str = ""
    probe_until: float = 0.0


QUIET = Circuit()


@dataclass(frozen=True, slots=True)
class Limits:
    """How many faults open a breaker, for how long, and how many good probes close it."""

    failures: int = 5
    open_seconds: float = 60.0
    successes: int = 2
    probe_seconds: float = 35.0


@dataclass(frozen=True, slots=True)
class Admission:
    """What ``admit`` decided: refused for ``retry_in`` seconds, or let through, perhaps as the probe."""

    allowed: bool
    probe: str = ""
    retry_in: float = 0.0


def admit(circuit: Circuit, limits: Limits, *, now: float, mark: str) -> tuple[Circuit, Admission]:
    """May a request go? While half-open one at a time, which holds the probe's place."""
    if circuit.state == "closed":
        return circuit, Admission(allowed=True)
    # A wait longer than was meant comes from a clock that was set back; it must not keep anybody out.
    wait = circuit.changed_at + limits.open_seconds - now
    if circuit.state == "open" and 0 < wait <= limits.open_seconds + CLOCK_SLACK_SECONDS:
        return circuit, Admission(allowed=False, retry_in=wait)
    probing_for = circuit.probe_until - now
    if circuit.probe and 0 < probing_for <= limits.probe_seconds + CLOCK_SLACK_SECONDS:
        return circuit, Admission(allowed=False, retry_in=probing_for)
    probing = replace(circuit, state="half_open", probe=mark, probe_until=now + limits.probe_seconds)
    return probing, Admission(allowed=True, probe=mark)


def succeed(circuit: Circuit, limits: Limits, *, probe: str) -> Circuit:
    """A good answer: forgets faults while closed; from the probe, one step towards closed."""
    if circuit.state == "closed":
        return QUIET
    if circuit.state == "half_open" and probe and probe == circuit.probe:
        return _one_more_success(circuit, limits)
    return circuit


def fail(circuit: Circuit, limits: Limits, *, now: float, probe: str, mark: str) -> Circuit:
    """A fault: one more while closed, opening at the limit; from the probe, open again."""
    if circuit.state == "half_open":
        if not probe or probe != circuit.probe:
            return circuit
        return _opened(replace(circuit, epoch=mark), now=now)
    if circuit.state == "open":
        # It was under way when the breaker opened: a fault to take back, but no longer wait.
        return replace(circuit, failures=circuit.failures + 1)
    fresh = not circuit.failures or now - circuit.changed_at > FORGET_SECONDS
    counted = replace(
        circuit,
        failures=1 if fresh else circuit.failures + 1,
        epoch=mark if fresh else circuit.epoch,
        changed_at=now,
    )
    return _opened(counted, now=now) if counted.failures >= limits.failures else counted


def take_back(circuit: Circuit, limits: Limits, *, epoch: str, probed: bool) -> Circuit:
    """The answer to a request that was counted as a fault of ``epoch`` has arrived after all."""
    if not epoch or circuit.epoch != epoch:
        return circuit
    if probed:
        return _one_more_success(replace(circuit, state="half_open"), limits)
    failures = circuit.failures - 1
    if failures <= 0:
        return QUIET
    if circuit.state == "closed" or failures >= limits.failures:
        return replace(circuit, failures=failures)
    return replace(circuit, state="closed", failures=failures, successes=0, probe="", probe_until=0.0)


def give_back(circuit: Circuit, *, probe: str) -> Circuit:
    """The probe ended without saying anything about the upstream: its place is free again."""
    if probe and probe == circuit.probe:
        return replace(circuit, probe="", probe_until=0.0)
    return circuit


def _opened(circuit: Circuit, *, now: float) -> Circuit:
    return replace(circuit, state="open", changed_at=now, successes=0, probe="", probe_until=0.0)


def _one_more_success(circuit: Circuit, limits: Limits) -> Circuit:
    successes = circuit.successes + 1
    if successes >= limits.successes:
        return QUIET
    return replace(circuit, successes=successes, probe="", probe_until=0.0)


class Permit:
    """Leave to send one request. Say how it ended: exactly one of the three, further ones do nothing."""

    __slots__ = ("_breaker", "_epoch", "_probe", "_settled")

    def __init__(self, breaker: Breaker, probe: str) -> None:
        self._breaker = breaker
        self._probe = probe
        self._epoch = ""
        self._settled = False

    @property
    def is_probe(self) -> bool:
        """Whether this request decides about a half-open breaker."""
        return bool(self._probe)

    def success(self) -> None:
        """The upstream answered as it should; a business refusal is such an answer too."""
        if self._settle():
            self._breaker._succeeded(self._probe)

    def fault(self) -> None:
        """The upstream failed or missed its deadline."""
        if self._settle():
            self._epoch = self._breaker._failed(self._probe)

    def ignore(self) -> None:
        """It ended without saying anything about the upstream (nothing was sent, a bad key)."""
        if self._settle() and self._probe:
            self._breaker._gave_back(self._probe)

    def late_success(self) -> None:
        """What was reported as a fault has turned out well: take it back, once."""
        epoch, self._epoch = self._epoch, ""
        if epoch:
            self._breaker._took_back(epoch, probed=bool(self._probe))

    def _settle(self) -> bool:
        first, self._settled = not self._settled, True
        return first


class Breaker:
    """The breaker of one ``key`` (a calendar account). Cheap to make."""

    def __init__(
        self,
        store: SharedRecords,
        key: str,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.key = key
        self._store = store
        self._limits = limits or Limits()
        self._clock = clock

    def allow(self) -> Permit:
        """Leave to send one request now; raises :class:`CircuitOpen`."""
        record = self._store.glance(self.key)
        if not record:
            return Permit(self, "")
        # What this process has seen decides without asking, unless a probe's place is to be taken.
        _, admission = admit(_circuit(record), self._limits, now=self._clock(), mark="?")
        if admission.probe:
            admission = self._claim_probe()
        if not admission.allowed:
            raise CircuitOpen(retry_in=admission.retry_in)
        return Permit(self, admission.probe)

    def state(self) -> Circuit:
        """The state as it is now; an open breaker whose time is over shows as half-open."""
        circuit = _circuit(self._store.read(self.key))
        over = self._clock() >= circuit.changed_at + self._limits.open_seconds
        return replace(circuit, state="half_open") if circuit.state == "open" and over else circuit

    def reset(self) -> None:
        """Close it and forget every fault; in force in all processes within a second."""
        self._change(lambda _: QUIET)

    def _claim_probe(self) -> Admission:
        mark = secrets.token_hex(8)

        def rule(record: Record) -> tuple[Record, Admission]:
            circuit, admission = admit(_circuit(record), self._limits, now=self._clock(), mark=mark)
            return _record(circuit), admission

        return self._store.change(self.key, rule)

    def _succeeded(self, probe: str) -> None:
        if probe or self._store.glance(self.key):
            self._change(lambda circuit: succeed(circuit, self._limits, probe=probe))

    def _failed(self, probe: str) -> str:
        """Count a fault; the epoch it was counted in, or "" when it does not count (half-open, no probe)."""
        now, mark = self._clock(), secrets.token_hex(8)

        def rule(record: Record) -> tuple[Record, str]:
            before = _circuit(record)
            after = fail(before, self._limits, now=now, probe=probe, mark=mark)
            return _record(after), "" if after == before else after.epoch

        return self._store.change(self.key, rule)

    def _gave_back(self, probe: str) -> None:
        self._change(lambda circuit: give_back(circuit, probe=probe))

    def _took_back(self, epoch: str, *, probed: bool) -> None:
        self._change(lambda circuit: take_back(circuit, self._limits, epoch=epoch, probed=probed))

    def _change(self, step: Callable[[Circuit], Circuit]) -> Circuit:
        def rule(record: Record) -> tuple[Record, Circuit]:
            circuit = step(_circuit(record))
            return _record(circuit), circuit

        return self._store.change(self.key, rule)


def troubled(store: SharedRecords) -> dict[str, Circuit]:
    """Every breaker that is not quiet, by key."""
    return {key: _circuit(record) for key, record in store.all().items()}


def _record(circuit: Circuit) -> Record:
    return {
        field.name: value
        for field in fields(circuit)
        if (value := getattr(circuit, field.name)) != getattr(QUIET, field.name)
    }


def _circuit(record: Record) -> Circuit:
    return Circuit(**{field.name: record[field.name] for field in fields(Circuit) if field.name in record})
