"""A call gets no slower with its own history: of what it was offered before, only what is meant is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db.models.signals import post_init

from apps.calls.models import Call, Offer
from apps.tenants.scoping import company_scope
from tests.factories import BERLIN, Business
from tests.phone import Phone

ROUNDS = 300
FIRST = datetime(2026, 1, 12, 9, 0, tzinfo=BERLIN)


@pytest.fixture
def loaded() -> Iterator[Counter[str]]:
    """How many objects of each model were made."""
    counts: Counter[str] = Counter()

    def note(sender: type, **_: object) -> None:
        counts[sender.__name__] += 1

    post_init.connect(note)
    yield counts
    post_init.disconnect(note)


@pytest.fixture
def long_call(practice: Business, phone: Phone) -> Phone:
    """A call that was offered two starts three hundred times, quarters of an hour of the week after."""
    phone.function("get_call_context")
    with company_scope(practice.company.pk):
        call = Call.objects.get()
        Offer.objects.bulk_create(
            Offer(
                company_id=practice.company.pk,
                call_id=call.pk,
                place_id=practice.place.pk,
                start=FIRST + timedelta(minutes=15 * (number % 30 + position)),
                round=number,
                position=position,
            )
            for number in range(1, ROUNDS + 1)
            for position in range(2)
        )
    return phone


def test_a_pick_reads_the_last_round_alone(long_call: Phone, loaded: Counter[str]) -> None:
    offered = long_call.function("check_availability", when="Mittwoch um halb drei")
    loaded.clear()
    booked = long_call.function("book_appointment", when="den ersten", customer_name="Sabine Müller")
    assert booked["appointment"]["start"] == offered["alternatives"][0]["start"]
    assert loaded["Offer"] < 10


def test_a_full_date_and_time_still_means_an_offer_of_long_ago(
    practice: Business, long_call: Phone, loaded: Counter[str]
) -> None:
    long_call.function("check_availability", when="Mittwoch um halb drei")
    loaded.clear()
    booked = long_call.function(
        "book_appointment", when="Montag, 12. Januar um 9:15 Uhr", customer_name="Sabine Müller"
    )
    assert booked["status"] == "booked"
    assert booked["appointment"]["start"] == (FIRST + timedelta(minutes=15)).isoformat()
    assert loaded["Offer"] < 10


def test_more_of_the_same_reads_no_offer_but_the_last(long_call: Phone, loaded: Counter[str]) -> None:
    long_call.function("check_availability", when="Mittwoch um halb drei")
    loaded.clear()
    assert long_call.function("check_availability", when="was anderes")["status"] == "alternatives"
    assert loaded["Offer"] < 10
