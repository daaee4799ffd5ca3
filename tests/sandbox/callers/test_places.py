from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from apps.sandbox.callers.places import find_place, forget_calendar, is_loopback, load_places
from apps.sandbox.reading import ScenarioError
from tests.factories import (
    API_KEY,
    BASE_URL,
    BERLIN,
    NUMBER,
    OFFICE_HOURS,
    OTHER_NUMBER,
    SIGNING_KEY,
    Business,
    make_appointment,
    make_business,
    make_number,
)

pytestmark = pytest.mark.django_db


def test_a_place_is_what_a_call_needs_to_know(company: Business) -> None:
    (place,) = load_places()
    assert (place.company, place.branch, place.number) == ("praxis-am-park", "nord", NUMBER)
    assert (place.account, place.signing_key) == (company.account.slug, SIGNING_KEY)
    assert (place.calendar_url, place.calendar_key) == (BASE_URL, API_KEY)
    assert place.services["fusspflege"].event_type == company.event_type.external_id
    assert place.services["fusspflege"].minutes == 45


def test_hours_and_closures_decide_when_a_place_is_open() -> None:
    make_business(branch={"hours": OFFICE_HOURS, "closures": ["2026-01-07"]})
    (place,) = load_places()
    day = datetime(2026, 1, 6, 9, 0, tzinfo=BERLIN)
    assert place.closed == {date(2026, 1, 7)}
    assert place.is_open(day)
    assert place.is_open(day.astimezone(UTC))
    assert not place.is_open(day.replace(hour=18))
    assert not place.is_open(day + timedelta(days=1))
    assert not place.is_open(datetime(2026, 1, 10, 9, 0, tzinfo=BERLIN))


def test_open_appointments_are_known(company: Business) -> None:
    start = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)
    make_appointment(company, start=start)
    make_appointment(company, start=start + timedelta(days=1), uid="uid-2", status="cancelled")
    (place,) = load_places()
    assert place.taken == ((start, start + timedelta(minutes=45)),)


def test_forgetting_a_calendar_raises_its_version_and_no_other(company: Business) -> None:
    elsewhere = make_business(
        "linden-clinic", number=OTHER_NUMBER, event_type=7, company={"language": "en"}
    ).event_type
    versions = [company.event_type.version, elsewhere.version]
    forget_calendar("praxis-am-park")
    company.event_type.refresh_from_db()
    elsewhere.refresh_from_db()
    assert [company.event_type.version, elsewhere.version] == [versions[0] + 1, versions[1]]


def test_what_is_switched_off_cannot_be_called(company: Business) -> None:
    company.number.active = False
    company.number.save()
    assert load_places() == []


def test_a_branch_is_found_by_company_and_name(company: Business, other_company: Business) -> None:
    make_number(company.branch, number="+493012345679")
    places = load_places()
    assert find_place(places, company="praxis-am-park", branch="").number == NUMBER
    assert find_place(places, company="linden-clinic", branch="nord").company == "linden-clinic"
    with pytest.raises(ScenarioError, match=r"linden-clinic/nord, praxis-am-park/nord"):
        find_place(places, company="praxis-am-park", branch="west")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost/x", "http://[::1]:8000"])
def test_loopback_is_this_machine(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "http://example.org",
        "http://127.0.0.1.example.org",
        "http://10.0.0.1",
        "",
        "127.0.0.1",
        "http://127.0.0.1:port",
        "http://[::1",
    ],
)
def test_anything_else_is_not(url: str) -> None:
    assert not is_loopback(url)
