"""The rules by example: every utterance of the corpora is understood as written down there."""

from __future__ import annotations

import json
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from apps.calls.speech.understand import understand
from apps.scheduling.wish import Wish

CORPUS = Path(__file__).parents[2] / "data" / "corpus"
BERLIN = ZoneInfo("Europe/Berlin")


def cases() -> list[Any]:
    lines = []
    for name in ("when", "own"):
        path = CORPUS / f"{name}.jsonl"
        if path.exists():
            lines += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [pytest.param(line, id=f"{line['id']}-{line['text'][:40]}") for line in lines]


def clock(moment: time | None) -> str | None:
    return moment.strftime("%H:%M") if moment else None


def understood(wish: Wish) -> dict[str, Any]:
    return {
        "date_from": wish.date_from and wish.date_from.isoformat(),
        "date_to": wish.date_to and wish.date_to.isoformat(),
        "time_from": clock(wish.time_from),
        "time_to": clock(wish.time_to),
        "missing": list(wish.missing),
        "ambiguous": wish.ambiguous,
        "excluded": [day.isoformat() for day in wish.excluded],
        "preferred": [[start.date and start.date.isoformat(), clock(start.time)] for start in wish.preferred],
    }


@pytest.mark.parametrize("line", cases())
def test_every_utterance_of_the_corpus_is_understood(line: dict[str, Any]) -> None:
    now = datetime.fromisoformat(line["now"]).astimezone(BERLIN)
    expected = {key: value for key, value in line.items() if key not in ("id", "lang", "now", "text")}
    wish = understood(understand(line["text"], now=now, language=line["lang"]))
    assert {key: wish[key] for key in expected} == expected


@pytest.mark.parametrize("filler", ["äh", "also", "ja", "bitte", "vielleicht", "please", "uhm"])
def test_a_filler_between_all_words_of_an_utterance_changes_nothing(filler: str) -> None:
    for case in cases():
        (line,) = case.values
        now = datetime.fromisoformat(line["now"]).astimezone(BERLIN)
        said = f" {filler} ".join(["", *line["text"].split(" "), ""])
        assert understand(said, now=now) == understand(line["text"], now=now), said
