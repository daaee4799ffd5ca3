"""Cal.com's own reservation of an offered slot: a courtesy in the background, given back with the hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.flags.registry import Flag
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway
from apps.scheduling.models import Hold
from apps.tenants.scoping import company_scope
from tests.factories import Business
from tests.flags.override import override_flag
from tests.phone import Phone
from tests.scheduling.calendars import said, wish
from tests.scheduling.test_search import search

pytestmark = pytest.mark.usefixtures("plenty")


@pytest.fixture
def reserving(practice: Business) -> Iterator[Business]:
    """A company that wants it."""
    with override_flag(Flag.CALCOM_RESERVATIONS, True, company_id=practice.company.pk):
        yield practice
        assert gateway.drain(seconds=10)


def reserved(sandbox: SandboxServer) -> list[str]:
    assert gateway.drain(seconds=10)
    starts = [one.start for one in sandbox.calendar.reservations.values()]
    return said([_moment(start) for start in sorted(starts)])


def _moment(seconds: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


def uids(business: Business) -> list[str]:
    with company_scope(business.company.pk):
        return list(Hold.objects.order_by("start").values_list("reservation_uid", flat=True))


def test_it_is_off_unless_a_company_wants_it(practice: Business, sandbox: SandboxServer) -> None:
    search(practice, wish("10:00"))
    assert reserved(sandbox) == []


def test_what_is_held_is_reserved_once_for_as_long(reserving: Business, sandbox: SandboxServer) -> None:
    for _ in range(2):
        search(reserving, wish("10:00"))
        assert reserved(sandbox) == ["Wed 10:00"]
    (uid,) = uids(reserving)
    assert sandbox.calendar.reservations[uid].minutes == 2
    posts = [one for one in sandbox.requests if one["method"] == "POST"]
    assert len(posts) == 1


def test_a_call_is_not_blocked_by_its_own_reservation(reserving: Business, sandbox: SandboxServer) -> None:
    """Incident 59: the slot vanishes from everybody's list, the call's own too."""
    assert said(search(reserving, wish("10:00")).matches) == ["Wed 10:00"]
    assert reserved(sandbox) == ["Wed 10:00"]
    from apps.scheduling.versions import raise_version

    raise_version([reserving.event_type.pk])  # the next answer is asked for anew, and lacks it
    assert said(search(reserving, wish("10:00")).matches) == ["Wed 10:00"]
    other = search(reserving, wish("10:00"), owner="call:2", phone=None)
    assert other.matches == ()


def test_it_is_given_back_when_the_call_ends(reserving: Business, sandbox: SandboxServer) -> None:
    phone = Phone(reserving)
    phone.function("check_availability", when="Mittwoch um zehn")
    assert reserved(sandbox) == ["Wed 10:00"]
    before = reserving.event_type.version
    phone.event("call_ended")
    assert reserved(sandbox) == []
    # Answers that were cached meanwhile lack the start: they must not be used any more.
    reserving.event_type.refresh_from_db()
    assert reserving.event_type.version > before


def test_it_is_given_back_when_the_slot_is_booked(reserving: Business, sandbox: SandboxServer) -> None:
    phone = Phone(reserving)
    token = phone.function("check_availability", when="Mittwoch um zehn")["slot"]["slot"]
    assert reserved(sandbox) == ["Wed 10:00"]
    booked = phone.function("book_appointment", slot=token, customer_name="Sabine Müller")
    assert booked["status"] == "booked"
    assert gateway.drain(seconds=5)  # the caller is answered first
    assert reserved(sandbox) == []
    assert uids(reserving) == []


def test_it_is_given_back_when_it_is_refused(reserving: Business, sandbox: SandboxServer) -> None:
    found = search(reserving, wish())
    assert reserved(sandbox) == ["Wed 09:00", "Wed 10:00"]
    again = search(reserving, wish(), refused=frozenset(found.matches))
    assert reserved(sandbox) == said(again.matches)


def test_it_is_given_back_when_its_time_is_up(
    reserving: Business, sandbox: SandboxServer, clock: Any
) -> None:
    from datetime import timedelta

    from apps.scheduling import tasks

    search(reserving, wish("10:00"))
    assert reserved(sandbox) == ["Wed 10:00"]
    clock.shift(timedelta(seconds=121))
    tasks.sweep(reserving.company.pk, reserving.event_type.pk)
    assert reserved(sandbox) == []


@pytest.mark.parametrize("status", [422, 500])
def test_a_reservation_that_fails_changes_nothing_for_the_caller(
    reserving: Business, sandbox: SandboxServer, status: int
) -> None:
    sandbox.faults.replace([{"kind": "status", "path": "/v2/slots/reservations", "status": status}])
    assert said(search(reserving, wish("10:00")).matches) == ["Wed 10:00"]
    assert reserved(sandbox) == []
    assert uids(reserving) == [""]


def test_a_hold_that_went_meanwhile_leaves_no_reservation(
    reserving: Business, sandbox: SandboxServer
) -> None:
    sandbox.faults.replace(
        [{"kind": "latency", "method": "POST", "path": "/v2/slots/reservations", "ms": 400, "at": "after"}]
    )
    search(reserving, wish("10:00"))
    with company_scope(reserving.company.pk):
        from apps.scheduling import holds

        holds.release(owner="call:1")
    assert reserved(sandbox) == []
