"""How a caller's words for a time are understood."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError, CommandParser

from apps.calls.speech.months import LAST_YEAR
from apps.calls.speech.say import say_wish
from apps.calls.speech.understand import understand
from apps.core.commands import OneLineCommand
from apps.scheduling.wish import Reading, Wish

LANGUAGES: Final = ("de", "en")
BAD_USAGE: Final = 2
EARLIEST_YEAR: Final = 1900


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text, when it was said (aware, in the branch's zone), and the language that was expected."""

    text: str
    now: datetime
    language: str


class Command(OneLineCommand):
    """``understand [TEXT] [--now ISO] [--timezone TZ] [--language de|en] [--json] [--jsonl]``"""

    help = "Show how a wish for a time is understood. Without TEXT every line of stdin is one."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", metavar="TEXT", nargs="?", help="what the caller says")
        parser.add_argument("--now", metavar="ISO", help="the start of the call; default: this moment")
        parser.add_argument(
            "--timezone",
            metavar="TZ",
            default="Europe/Berlin",
            help="the branch's zone; default: %(default)s",
        )
        parser.add_argument(
            "--language", choices=LANGUAGES, default="de", help="a hint; both languages are understood"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")
        parser.add_argument(
            "--jsonl",
            action="store_true",
            help="lines of stdin are objects with text, now and lang; prints JSON as well",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options["json"] or options["jsonl"]
        for utterance in _utterances(options):
            wish = understand(utterance.text, now=utterance.now, language=utterance.language)
            said = say_wish(wish, now=utterance.now, language=utterance.language)
            self.stdout.write(_as_json(utterance.text, wish, said) if as_json else _as_line(wish, said))
            self.stdout.flush()


def _utterances(options: dict[str, Any]) -> Iterator[Utterance]:
    zone = _zone(options["timezone"])
    try:
        now = _moment(options["now"], zone) if options["now"] else datetime.now(zone)
    except ValueError:
        raise CommandError(f"--now: not an ISO time: {options['now']}", returncode=BAD_USAGE) from None
    if options["text"] is not None:
        if options["jsonl"]:
            raise CommandError("--jsonl reads from stdin: leave TEXT out", returncode=BAD_USAGE)
        yield Utterance(options["text"], now, options["language"])
        return
    for number, line in enumerate(_lines(), start=1):
        if not options["jsonl"]:
            yield Utterance(line, now, options["language"])
            continue
        try:
            yield _utterance(line, now=now, zone=zone, language=options["language"])
        except ValueError as error:
            raise CommandError(f"line {number}: {error}") from None


def _lines() -> Iterable[str]:
    """The lines of stdin; bytes that are no UTF-8 are replaced, an utterance more or less."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return (line.rstrip("\r\n") for line in sys.stdin)
    return (line.decode("utf-8", "replace").rstrip("\r\n") for line in stream)


def _utterance(line: str, *, now: datetime, zone: tzinfo, language: str) -> Utterance:
    """One line of ``--jsonl``, a blank one says nothing; raises ``ValueError`` with a sentence."""
    if not line.strip():
        return Utterance("", now, language)
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(said, dict) or not isinstance(said.get("text"), str):
        raise ValueError("not an object with a text")
    stated = said.get("now")
    if stated is not None:
        try:
            now = _moment(str(stated), zone)
        except ValueError:
            raise ValueError(f"now is not an ISO time: {stated}") from None
    language = str(said.get("lang") or language)[:2].lower()
    if language not in LANGUAGES:
        raise ValueError(f"lang is neither de nor en: {said['lang']}")
    return Utterance(said["text"], now, language)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CommandError(f"--timezone: unknown: {name}", returncode=BAD_USAGE) from None


def _moment(iso: str, zone: tzinfo) -> datetime:
    """An ISO time in the zone; without an offset it is the zone's wall clock."""
    moment = datetime.fromisoformat(iso)
    if not EARLIEST_YEAR <= moment.year <= LAST_YEAR:  # there is no calendar to count in beyond
        raise ValueError
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def _as_json(text: str, wish: Wish, said: str) -> str:
    return json.dumps(
        {
            "text": text.encode("utf-8", "replace").decode(),  # a lone surrogate cannot be written
            **_range(wish),
            "missing": wish.missing,
            "ambiguous": wish.ambiguous,
            "readings": [_range(reading) for reading in wish.readings],
            "preferred": [{"date": _day(start.date), "time": _clock(start.time)} for start in wish.preferred],
            "excluded": [day.isoformat() for day in wish.excluded],
            "say": said,
        },
        ensure_ascii=False,
    )


def _range(window: Wish | Reading) -> dict[str, str | None]:
    return {
        "date_from": _day(window.date_from),
        "date_to": _day(window.date_to),
        "time_from": _clock(window.time_from),
        "time_to": _clock(window.time_to),
    }


def _as_line(wish: Wish, said: str) -> str:
    days = _span(_day(wish.date_from), _day(wish.date_to))
    hours = _span(_clock(wish.time_from), _clock(wish.time_to))
    doubt = "ambiguous" if wish.ambiguous else ""
    return f"{days:<24} {hours:<13} {doubt:<10} {said}"


def _span(first: str | None, last: str | None) -> str:
    if first is None or last is None:
        return "–"
    return first if first == last else f"{first} – {last}"


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _clock(moment: time | None) -> str | None:
    return moment.strftime("%H:%M") if moment is not None else None
