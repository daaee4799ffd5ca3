"""Scripts and places for tests of the callers."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from apps.sandbox.callers.places import Bookable, Place
from apps.sandbox.callers.script import Script
from apps.sandbox.callers.script_file import script_from
from apps.sandbox.server import SandboxServer
from tests.factories import API_KEY, NUMBER, SIGNING_KEY
from tests.sandbox.callers.platform import EVENT_TYPE, MINUTES, NAME

WISHED = {"name": NAME, "opening": "Einen Termin am [when|{wish.date} um {wish.time}], bitte."}
RAW: dict[str, Any] = {
    "title": "Ein Anruf",
    "language": "de",
    "company": "praxis-am-park",
    "service": "fusspflege",
    "moments": {"wish": "open+1 14:30"},
    "caller_says": WISHED,
    "expect": {"bookings": [{"start": "wish"}], "statuses": ["available", "booked"]},
}
TAKEN: dict[str, Any] = {
    "setup": {"busy": [{"at": "wish", "after": 15, "minutes": 30}]},
    "expect": {
        "bookings": [{"start": "taken"}],
        "statuses": ["alternatives", "booked"],
        "nearest_to": "wish",
    },
}


def make_script(name: str = "a_call", **changed: Any) -> Script:
    """A script whose wish is free; ``changed`` replaces whole tables."""
    return script_from({**RAW, **changed}, name=name)


def make_place(sandbox: SandboxServer, **changed: Any) -> Place:
    """The practice of the tests, without restriction of hours, with its calendar in ``sandbox``."""
    values: dict[str, Any] = {
        "company": "praxis-am-park",
        "company_name": "Praxis am Park",
        "language": "de",
        "disclosure": "Sie sprechen mit einem digitalen Assistenten.",
        "branch": "nord",
        "branch_name": "Filiale Nord",
        "number": NUMBER,
        "account": "retell-main",
        "signing_key": SIGNING_KEY,
        "calendar_url": sandbox.base_url,
        "calendar_key": API_KEY,
        "zone": ZoneInfo("Europe/Berlin"),
        "services": {"fusspflege": Bookable("fusspflege", "Fußpflege", MINUTES, EVENT_TYPE)},
    }
    return Place(**{**values, **changed})
