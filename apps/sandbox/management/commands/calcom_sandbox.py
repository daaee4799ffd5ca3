"""``calcom_sandbox``: a stand-in for Cal.com's API v2 on loopback, for demos and tests."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.core.commands import OneLineCommand
from apps.sandbox.reading import ScenarioError
from apps.sandbox.scenario import Scenario, default_scenario, scenario_file
from apps.sandbox.server import SandboxServer

DEFAULT_PORT = 8600


class Command(OneLineCommand):
    help = "Serve a stand-in for Cal.com's API v2 on 127.0.0.1 until it is interrupted."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            type=port,
            default=DEFAULT_PORT,
            help="where to listen; 0 takes a free port (%(default)s)",
        )
        parser.add_argument(
            "--scenario",
            type=Path,
            metavar="FILE",
            help="TOML file to begin with, in place of the built-in one",
        )
        parser.add_argument(
            "--json", action="store_true", help="print the addresses and keys as one JSON object"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        scenario = self._scenario(options["scenario"])
        try:
            sandbox = SandboxServer(port=options["port"], scenario=scenario)
        except OSError as error:
            raise CommandError(f"cannot listen on port {options['port']}: {error.strerror}") from None
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        with sandbox:
            self.stdout.write(described(sandbox) if options["json"] else sandbox.base_url)
            self.stdout.flush()
            stopped.wait()

    def _scenario(self, path: Path | None) -> Scenario:
        try:
            return default_scenario() if path is None else scenario_file(path)
        except ScenarioError as error:
            raise CommandError(str(error)) from None


def port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def described(sandbox: SandboxServer) -> str:
    """Where it listens, and the invented keys it knows."""
    return json.dumps(
        {
            "base_url": sandbox.base_url,
            "control_url": f"{sandbox.root_url}/sandbox",
            "accounts": [
                {"username": one.username, "key": one.key, "event_types": sorted(one.event_types)}
                for one in sandbox.calendar.accounts.values()
            ],
        },
        ensure_ascii=False,
    )
