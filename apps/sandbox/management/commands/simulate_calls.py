"""Scripted callers against the real webhooks, graded on the calendar they leave behind."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from apps.core.commands import OneLineCommand
from apps.sandbox.callers.conversation import WIRES
from apps.sandbox.callers.dialogue import dialogue, progress
from apps.sandbox.callers.grading import Graded
from apps.sandbox.callers.ledger import LedgerError
from apps.sandbox.callers.pacing import Pacer
from apps.sandbox.callers.places import RealCalendarError, forget_calendar, is_loopback, load_places
from apps.sandbox.callers.planning import Plan
from apps.sandbox.callers.script import Script
from apps.sandbox.callers.script_file import known_scripts, read_script
from apps.sandbox.callers.simulation import Simulation
from apps.sandbox.callers.summary import as_json, summary
from apps.sandbox.reading import ScenarioError


class Command(OneLineCommand):
    """``simulate_calls [SCENARIO…]``: names of shipped scenarios or TOML files; none: all shipped ones."""

    help = (
        "Play scripted callers against the real webhooks over HTTP, signed like the provider's, and grade "
        "each call on the sandbox's final calendar. Exit 1 when a grade fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "scenarios", nargs="*", metavar="SCENARIO", help="a shipped scenario or a TOML file"
        )
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="the web server, on loopback")
        parser.add_argument(
            "--provider", default=next(iter(WIRES)), choices=list(WIRES), help="whose requests are played"
        )
        parser.add_argument("--calls", type=int, default=0, help="so many calls, the scenarios in turn")
        parser.add_argument("--concurrency", type=int, default=1, help="so many calls at the same time")
        parser.add_argument("--upstream-ms", type=int, default=0, help="delay of every answer of the sandbox")
        parser.add_argument(
            "--pause-ms", type=int, default=250, help="how long a caller waits before saying something"
        )
        parser.add_argument(
            "--flood",
            action="store_true",
            help="do not keep to what companies and calendars are set up to take",
        )
        parser.add_argument("--verbose", action="store_true", help="print every call as a dialogue")
        parser.add_argument("--json", action="store_true", help="print results for programs only")

    def handle(self, *args: Any, **options: Any) -> None:
        scripts = self._scripts(options["scenarios"])
        self._check(options)
        try:
            simulation = Simulation(
                load_places(provider=options["provider"]),
                url=options["url"],
                refresh=forget_calendar,
                upstream_ms=options["upstream_ms"],
                pause_ms=options["pause_ms"],
                pacer=None if options["flood"] else Pacer(per_second=settings.CALCOM_REQUESTS_PER_SECOND),
            )
            plans = simulation.plan(scripts, calls=options["calls"])
            began = time.monotonic()
            graded = self._play(simulation, plans, options)
        except RealCalendarError as error:
            raise CommandError(str(error), returncode=2) from error
        except (ScenarioError, LedgerError) as error:
            raise CommandError(str(error)) from error
        self._report(graded, seconds=time.monotonic() - began, options=options)
        if not all(one.right for one in graded):
            raise SystemExit(1)

    def _scripts(self, names: Sequence[str]) -> list[Script]:
        known = known_scripts()
        paths = []
        for name in names or known:
            path = known.get(name) or Path(name)
            if name not in known and not (name.endswith(".toml") and path.is_file()):
                raise CommandError(f"unknown scenario {name!r}; known are: {', '.join(known)}", returncode=2)
            paths.append(path)
        try:
            return [read_script(path) for path in paths]
        except ScenarioError as error:
            raise CommandError(str(error), returncode=2) from error

    def _check(self, options: dict[str, Any]) -> None:
        for name, least in (("calls", 0), ("concurrency", 1), ("upstream_ms", 0), ("pause_ms", 0)):
            if options[name] < least:
                raise CommandError(f"--{name.replace('_', '-')} must be at least {least}", returncode=2)
        if not is_loopback(options["url"]):
            raise CommandError(f"--url must be http on loopback, not {options['url']!r}", returncode=2)

    def _play(self, simulation: Simulation, plans: list[Plan], options: dict[str, Any]) -> list[Graded]:
        spelled_out = options["verbose"] or len(plans) == 1
        done: list[Graded] = []
        for graded in simulation.run(plans, concurrency=options["concurrency"]):
            done.append(graded)
            if options["json"]:
                continue
            if spelled_out:
                self._print("\n".join(dialogue(graded)))
                self._print("")
            if len(plans) > 1:
                self._print(progress(graded, number=len(done), total=len(plans)))
        return done

    def _report(self, graded: list[Graded], *, seconds: float, options: dict[str, Any]) -> None:
        if options["json"]:
            self._print(json.dumps(as_json(graded, seconds=seconds), ensure_ascii=False, indent=2))
            return
        if len(graded) > 1:
            self._print("")
        self._print("\n".join(summary(graded, seconds=seconds)))

    def _print(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
