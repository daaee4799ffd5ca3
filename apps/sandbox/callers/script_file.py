"""Reads and checks the files of scripts; see ``script.py`` for their shape."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.sandbox.callers.moments import moment_from
from apps.sandbox.callers.script import (
    ACTS,
    FACTS,
    WHOLE_DAY,
    Booked,
    Busy,
    Expectation,
    Line,
    Model,
    Reaction,
    Script,
    Setup,
    read_facts,
)
from apps.sandbox.faults import FaultError, fault_from
from apps.sandbox.reading import ScenarioError, Table

SCENARIOS = Path(__file__).parent / "scenarios"
_ROOM_MINUTES = 120


def known_scripts() -> dict[str, Path]:
    """Every shipped script by name."""
    return {path.stem: path for path in sorted(SCENARIOS.glob("*.toml"))}


def read_script(path: Path) -> Script:
    """Read and check one file. Raises ``ScenarioError`` naming file, key and value."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from None
    return script_from(raw, name=path.stem)


def script_from(raw: Mapping[str, Any], *, name: str) -> Script:
    """Check a mapping of the shape above. Raises ``ScenarioError``."""
    table = Table(raw, name)
    language = table.choice("language", ("de", "en"))
    moments = {
        key: moment_from(str(text), where=f"{name}.moments.{key}")
        for key, text in table.mapping("moments").items()
    }
    spoken = Table(table.mapping("caller_says"), table.at("caller_says"))
    script = Script(
        name=name,
        title=table.text("title"),
        language=language,
        company=table.text("company"),
        branch=table.text("branch", ""),
        service=table.text("service", ""),
        caller=table.choice("caller", ("new", "withheld")),
        dialled=table.text("dialled", ""),
        room=_room(table, raw.get("room")),
        moments=moments,
        setup=_setup(Table(table.mapping("setup"), table.at("setup"))),
        model=_model(Table(table.mapping("agent"), table.at("agent"))),
        person=spoken.text("name", ""),
        email=spoken.text("email", ""),
        opening=Line(_template(spoken, "opening"), spoken.choice("act", ACTS)),
        reactions=tuple(
            _reaction(one, where=f"{table.at('hears')}[{index}]")
            for index, one in enumerate(table.tables("hears"))
        ),
        expect=_expectation(
            Table(table.mapping("expect"), table.at("expect")), service=table.text("service", "")
        ),
    )
    spoken.done()
    table.done()
    _check_moments(script)
    return script


def _room(table: Table, given: object) -> int:
    if given == "day":
        table.text("room")
        return WHOLE_DAY
    minutes = table.integer("room", _ROOM_MINUTES)
    if minutes < 0:
        raise ScenarioError(f"{table.at('room')}: {minutes} is not a number of minutes")
    return minutes


def _template(table: Table, key: str) -> str:
    template = table.text(key)
    unknown = sorted(set(read_facts(template)).difference(FACTS))
    if unknown:
        raise ScenarioError(f"{table.at(key)}: [{unknown[0]}|…] is none of {', '.join(FACTS)}")
    return template


def _reaction(raw: Mapping[str, Any], *, where: str) -> Reaction:
    table = Table(raw, where)
    several = isinstance(raw.get("status"), list)
    reaction = Reaction(
        frozenset(table.texts("status") if several else [table.text("status")]),
        Line(
            _template(table, "says"),
            table.choice("act", ACTS),
            table.integer("takes", 0),
            table.switch("hangs_up", False),
            table.switch("rival", False),
        ),
    )
    table.done()
    return reaction


def _setup(table: Table) -> Setup:
    busy = []
    for index, one in enumerate(table.tables("busy")):
        entry = Table(one, f"{table.at('busy')}[{index}]")
        busy.append(
            Busy(
                entry.text("at"),
                entry.integer("after", 0),
                entry.integer("minutes", 0),
                entry.switch("day", False),
            )
        )
        entry.done()
    faults = tuple(table.tables("faults"))
    for index, fault in enumerate(faults):
        try:
            fault_from(fault)
        except FaultError as error:
            raise ScenarioError(f"{table.at('faults')}[{index}]: {error}") from None
    setup = Setup(tuple(busy), table.text("appointment", ""), faults)
    table.done()
    return setup


def _model(table: Table) -> Model:
    model = Model(
        picks=table.choice("picks", ("token", "words")),
        opens=table.choice("opens", ("check", "book")),
        repeats=frozenset(table.texts("repeats")),
        names=table.mapping("names"),
    )
    table.done()
    return model


def _expectation(table: Table, *, service: str) -> Expectation:
    bookings = []
    for index, one in enumerate(table.tables("bookings")):
        entry = Table(one, f"{table.at('bookings')}[{index}]")
        bookings.append(Booked(entry.text("start"), entry.text("service", service), entry.text("name", "")))
        entry.done()
    window = table.texts("window")
    if window and len(window) != 2:
        raise ScenarioError(f"{table.at('window')}: {window!r} is not [from, to]")
    expectation = Expectation(
        bookings=tuple(bookings),
        cancelled=tuple(table.texts("cancelled")),
        lists=tuple(table.texts("lists")),
        statuses=tuple(table.texts("statuses")),
        never=frozenset(table.texts("never")),
        max_confirmations=table.integer("max_confirmations", 2),
        nearest_to=table.text("nearest_to", ""),
        offers_on=table.text("offers_on", ""),
        window=_window(window, where=table.at("window")) if window else None,
        unheard=table.switch("unheard", False),
    )
    table.done()
    return expectation


def _window(ends: Sequence[str], *, where: str) -> tuple[int, int]:
    minutes = []
    for end in ends:
        hours, _, rest = end.partition(":")
        if not (hours.isdigit() and rest.isdigit()):
            raise ScenarioError(f"{where}: {end!r} is not a time of day (HH:MM)")
        minutes.append(int(hours) * 60 + int(rest))
    return minutes[0], minutes[1]


def _check_moments(script: Script) -> None:
    expect = script.expect
    named = {busy.at for busy in script.setup.busy} | set(expect.cancelled) | set(expect.lists)
    named |= {booked.start for booked in expect.bookings} - {"taken"}
    named |= {name for name in (script.setup.appointment, expect.nearest_to, expect.offers_on) if name}
    unknown = sorted(named - set(script.moments))
    if unknown:
        raise ScenarioError(f"{script.name}: {unknown[0]!r} is none of its moments")
    if script.moments and not script.service:
        raise ScenarioError(f"{script.name}.service: missing")
