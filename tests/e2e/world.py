"""What the browser finds: two companies with calls, operators of every kind, a calendar with a taken time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.utils import timezone

from apps.tenants.models import Membership
from tests.calls.conftest import OTHER_KEY, account
from tests.factories import BERLIN, OTHER_NUMBER, Business, make_business, make_call, make_operator
from tests.operations.back_office import Rows, everything_of, make_callback, make_function
from tests.phone import Phone, signature

PASSWORD = "a-password-for-the-browser"
LINDEN_CALLER = "+491719999999"
CALLER_OF_THE_QUESTION = "+491718888888"
# Whatever of the practice must not be on a page of somebody else's.
THEIRS = ("Parkmann", "Praxis", "praxis-am-park", "1701234567")
TAKEN_TIME = "14:30"


@dataclass(frozen=True, slots=True)
class World:
    """Two companies, and one row of everything of the first."""

    park: Business
    linden: Business
    rows: Rows


def taken_day() -> datetime:
    """A working day soon whose half past two is taken."""
    day = timezone.now().astimezone(BERLIN).replace(hour=14, minute=30, second=0, microsecond=0)
    day += timedelta(days=2)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day


def scenario() -> dict[str, Any]:
    """The calendars of both companies; half past two is taken in both."""
    start = taken_day()
    busy = {"start": start.isoformat(), "end": (start + timedelta(minutes=45)).isoformat()}
    accounts = [account(), account(OTHER_KEY, username="linden")]
    return {"accounts": [{**one, "busy": [busy]} for one in accounts]}


def make_world(*, calendar_url: str) -> World:
    """Write the rows."""
    park = make_business(base_url=calendar_url)
    linden = make_business(
        "linden-clinic", number=OTHER_NUMBER, base_url=calendar_url, company={"language": "en"}
    )
    linden.calendar.api_key = OTHER_KEY
    linden.calendar.save()
    rows = everything_of(park, name="Alma Parkmann")
    _make_a_day_of_calls(park)
    theirs = make_call(linden, external_id="call_linden", caller_number=LINDEN_CALLER, spoken_name="Liz Lime")
    make_callback(theirs, name="Liz Lime", phone=LINDEN_CALLER, topic="Crown")
    _make_operators(park, linden)
    return World(park, linden, rows)


def _make_a_day_of_calls(business: Business) -> None:
    """Enough cases for the monitoring table to have a state."""
    for number in range(6):
        call = make_call(
            business,
            external_id=f"call_park_{number}",
            wanted_appointment=True,
            state="completed",
            duration_ms=48_000,
        )
        make_function(call, key="look", status="alternatives", duration_ms=180)
        make_function(call, key="book", name="book_appointment", status="booked", duration_ms=420)
    make_callback(make_call(business, external_id="call_list"), key="list", name="Lia Parkmann")
    make_callback(make_call(business, external_id="call_page"), key="page", name="Pia Parkmann")


def _make_operators(park: Business, linden: Business) -> None:
    # As the server checks it; the tests' own processes use a quicker hasher.
    password = make_password(PASSWORD, hasher=PBKDF2PasswordHasher())
    root = make_operator(username="root", is_superuser=True)
    staff = make_operator(park.company, username="park")
    reader = make_operator(park.company, username="reader", role=Membership.Role.READ_ONLY)
    owner = make_operator(linden.company, username="linden", role=Membership.Role.OWNER)
    for user in (root, staff, reader, owner):
        user.password = password
        user.save(update_fields=["password"])


def ask_for_the_taken_time(business: Business, *, server: str) -> str:
    """The status that a new call's signed question gets from the server, over HTTP."""
    phone = Phone(business, caller=CALLER_OF_THE_QUESTION)
    day = taken_day().date().isoformat()
    raw = json.dumps(phone.body("check_availability", {"date": day, "time": TAKEN_TIME})).encode()
    connection = HTTPConnection(urlsplit(server).netloc, timeout=10)
    try:
        connection.request(
            "POST",
            f"/webhooks/telephony/{phone.account}/functions/",
            body=raw,
            headers={
                "Content-Type": "application/json",
                "X-Retell-Signature": signature(raw, phone.key),
            },
        )
        return str(json.load(connection.getresponse())["status"])
    finally:
        connection.close()
