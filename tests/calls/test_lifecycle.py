"""A call's states: the table, and the property that the order of events does not matter."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.calls import events, lifecycle
from apps.calls.models import Call, CallTransition
from apps.calls.providers import PROVIDERS
from apps.scheduling.models import Hold
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import Business, make_business, make_call
from tests.phone import Phone

State = Call.State
START_MS = 1_767_603_600_000
DIALOGUE = (
    "Agent: Guten Tag, Praxis am Park.",
    "User: Ich hätte gern einen Termin.",
    "Agent: Wann passt es Ihnen?",
    "User: Übermorgen um drei.",
    "Agent: Ihr Termin ist gebucht.",
)
COMPARED = (
    "state", "started_at", "ended_at", "duration_ms", "cost_cents", "disconnection_reason", "agent_version",
    "direction", "caller_number", "transcript", "transcript_turns", "analysis", "said_booked", "alarm",
)  # fmt: skip
Step = Callable[[Phone], None]


@pytest.fixture
def practice(transactional_db: None) -> Business:
    """Here no calendar is asked."""
    return make_business()


# --- The table ----------------------------------------------------------------------------------


def test_the_table_is_the_contracts() -> None:
    assert {
        State.INBOUND: {State.ONGOING, State.FAILED},
        State.ONGOING: {State.COMPLETED, State.FAILED},
        State.COMPLETED: {State.ANALYZED, State.FAILED},
        State.ANALYZED: {State.FAILED},
        State.FAILED: set(),
    } == {state: set(targets) for state, targets in lifecycle.TRANSITIONS.items()}


@pytest.mark.parametrize(("before", "to"), list(itertools.product(State.values, State.values)))
def test_every_change_is_a_row_and_goes_by_the_table(inside: Business, before: str, to: str) -> None:
    call = make_call(inside, state=before)
    moved = lifecycle.advance(call, to=to, event="test")
    rows = list(CallTransition.objects.values_list("from_state", "to_state"))
    call.refresh_from_db()
    assert moved == (call.state != before) == bool(rows)
    assert [first for first, _ in rows] == [before, *[second for _, second in rows[:-1]]][: len(rows)]
    assert all(second in lifecycle.TRANSITIONS[first] for first, second in rows)
    if before != State.FAILED:
        ahead = [*lifecycle.WAY, State.FAILED]
        assert call.state == max(before, to, key=ahead.index)


def test_the_end_of_a_call_gives_back_what_it_held(inside: Business, clock: Any) -> None:
    call, other = make_call(inside), make_call(inside, external_id="call_2")
    for owner in (call.owner_key, other.owner_key):
        now = timezone.now()
        Hold.objects.create(
            company=inside.company,
            event_type=inside.event_type,
            start=now,
            end=now,
            seat=0 if owner == call.owner_key else 1,
            owner=owner,
            expires_at=now,
        )
    lifecycle.advance(call, to=State.COMPLETED, event="call_ended")
    assert [hold.owner for hold in Hold.objects.all()] == [other.owner_key]


# --- Any order ----------------------------------------------------------------------------------


def spoken(turns: int, *, also: str = "") -> dict[str, Any]:
    lines = DIALOGUE[:turns]
    return {
        "transcript": "".join(f"{line}{also}\n" for line in lines),
        "transcript_object": [{"role": "agent", "content": line} for line in lines],
    }


def event(name: str, top: dict[str, Any] | None = None, **call: Any) -> Step:
    """A step that posts this event; ``numbers=False`` leaves the numbers out."""
    numbers = call.pop("numbers", True)

    def post(phone: Phone) -> None:
        body = {"event": name, "call": phone.call_object(**call), **(top or {})}
        if not numbers:
            for key in ("from_number", "to_number", "direction"):
                del body["call"][key]
        events.ingest(phone.business.account, PROVIDERS["retell"].event(body))

    return post


def function(phone: Phone) -> None:
    assert phone.function("list_services")["status"] == "services"


def ring(phone: Phone) -> None:
    asked = {"call_id": phone.call_id, "from_number": phone.caller, "to_number": phone.dialled}
    answer = phone.post("inbound", {"event": "call_inbound", "call_inbound": {**asked, "agent_version": 3}})
    assert answer.json()["call_inbound"]


def end_of(phone: Phone) -> dict[str, Any] | None:
    """What the call has become, all that matters of it; None when nobody knows whose it is."""
    with all_companies():
        call = Call.objects.filter(external_id=phone.call_id).values(*COMPARED).first()
    return None if call is None else dict(call)


def play(business: Business, steps: Iterable[Step]) -> dict[str, Any] | None:
    phone = Phone(business)
    for step in steps:
        step(phone)
    return end_of(phone)


reasons = st.sampled_from(
    ["", "user_hangup", "call_transfer", "dial_no_answer", "error_asr", "no_valid_payment", "aliens"]
)
sometimes = st.booleans()
whole_facts = st.fixed_dictionaries(
    {},
    optional={
        "start_timestamp": st.integers(START_MS, START_MS + 5),
        "end_timestamp": st.integers(START_MS + 20_000, START_MS + 20_005),
        "duration_ms": st.integers(0, 60_000),
        "disconnection_reason": reasons,
        "call_cost": st.fixed_dictionaries({"combined_cost": st.floats(0, 500)}),
        "agent_version": st.integers(1, 3),
    },
)


@st.composite
def one_event(draw: st.DrawFn, name: str) -> Step:
    told = draw(whole_facts)
    if name in ("call_ended", "call_analyzed", "transfer_ended"):
        told |= spoken(draw(st.integers(0, 5)), also=draw(st.sampled_from(["", " Ja.", " Äh."])))
    if name == "call_analyzed":
        told["call_analysis"] = {"call_summary": "kurz", "call_successful": draw(sometimes)}
    return event(name, numbers=draw(st.sampled_from([True, True, False])), **told)


@st.composite
def streams(draw: st.DrawFn) -> list[Step]:
    """The events of one call: each lifecycle event at most once in its content, as providers send them."""
    names = draw(
        st.lists(
            st.sampled_from(["call_started", "call_ended", "call_analyzed", "transfer_ended", "agent_swap"]),
            unique=True,
            min_size=1,
        )
    )
    steps = [draw(one_event(name)) for name in names]
    for turns in draw(st.lists(st.integers(0, 5), max_size=3)):
        also = draw(st.sampled_from(["", " Ja.", " Äh."]))
        steps.append(event("transcript_updated", numbers=draw(sometimes), **spoken(turns, also=also)))
    for number in draw(st.lists(st.sampled_from(["+4930111", "+4930222"]), unique=True)):
        steps.append(event("transfer_started", {"transfer_destination": {"number": number, "extension": ""}}))
    steps += [function] * draw(st.integers(0, 1)) + [ring] * draw(st.integers(0, 1))
    return steps


@settings(max_examples=20)
@given(data=st.data())
def test_any_order_and_any_duplicates_end_in_the_same_call(practice: Business, data: st.DataObject) -> None:
    steps = data.draw(streams())
    again = data.draw(st.lists(st.sampled_from(steps), max_size=3))
    shuffled = data.draw(st.permutations([*steps, *again]))
    assert play(practice, steps) == play(practice, shuffled)


ENDED = {"start_timestamp": START_MS, "end_timestamp": START_MS + 41_000, "duration_ms": 41_000}
STREAM: tuple[Step, ...] = (
    event("call_started", start_timestamp=START_MS),
    function,
    event("transcript_updated", **spoken(2)),
    event("transcript_updated", **spoken(4)),
    event("transfer_started", {"transfer_destination": {"number": "+4930111", "extension": ""}}),
    event("call_ended", disconnection_reason="call_transfer", **ENDED, **spoken(5)),
    event(
        "call_analyzed",
        disconnection_reason="call_transfer",
        call_analysis={"call_summary": "kurz"},
        call_cost={"combined_cost": 10.5},
        **ENDED,
        **spoken(5),
    ),
)


def test_events_at_the_same_time_end_in_the_same_call(practice: Business) -> None:
    expected = play(practice, STREAM)
    assert expected is not None
    assert (expected["state"], expected["transcript_turns"]) == ("analyzed", 5)
    for _ in range(3):
        phone = Phone(practice)
        barrier = threading.Barrier(len(STREAM) + 2)

        def post(step: Step, phone: Phone = phone, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                step(Phone(practice, call_id=phone.call_id))
            finally:
                connections.close_all()

        # Two of them come twice.
        threads = [threading.Thread(target=post, args=[step]) for step in (*STREAM, *STREAM[-2:])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert end_of(phone) == expected
        with company_scope(practice.company.pk):
            changes = CallTransition.objects.filter(call__external_id=phone.call_id)
            rows = list(changes.values_list("to_state", flat=True))
            assert rows == sorted(set(rows), key=[one.value for one in lifecycle.WAY].index)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("user_hangup", "analyzed"),
        ("dial_no_answer", "failed"),
        ("error_asr", "failed"),
        ("aliens", "analyzed"),
    ],
)
def test_a_call_that_failed_stays_failed_whichever_event_says_so_first(
    practice: Business, reason: str, state: str, order: tuple[int, int]
) -> None:
    both = (
        event("call_ended", disconnection_reason=reason, **ENDED),
        event("call_analyzed", disconnection_reason=reason, call_analysis={"call_summary": "x"}, **ENDED),
    )
    found = play(practice, [both[index] for index in order])
    assert found is not None
    assert (found["state"], found["disconnection_reason"]) == (state, reason)
    assert found["analysis"] == {"call_summary": "x"}
