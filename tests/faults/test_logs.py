"""What a whole call leaves in the logs, when all goes well and when it does not: no person and no key."""

from __future__ import annotations

import json

import pytest

from apps.core.logging import configure
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway
from tests.factories import API_KEY, WEBHOOK_SECRET, Business
from tests.faults.outage import outage
from tests.phone import Phone

CALLER = "+491719998877"
NAME = "Zacharias Zaunkönig"
PRIVATE = (
    CALLER, CALLER[3:], "Zacharias", "Zaunkönig", "zaun@example.com", "Schulterschmerzen",
    "Guten Tag, hier ist", API_KEY, WEBHOOK_SECRET,
)  # fmt: skip


def whole_call(business: Business) -> None:
    """Everything a caller can do, with everything they may say."""
    phone = Phone(business, caller=CALLER)
    inbound = {"from_number": CALLER, "to_number": phone.dialled, "call_id": phone.call_id}
    phone.post("inbound", {"event": "call_inbound", "call_inbound": inbound})
    phone.event("call_started")
    said = {"customer_name": NAME, "customer_email": "zaun@example.com", "notes": "Schulterschmerzen"}
    phone.function("get_call_context")
    found = phone.function("check_availability", when="Mittwoch um 10 Uhr", **said)
    slot = (found["slot"] or {}).get("slot", "")
    phone.function("book_appointment", slot=slot, **said)
    phone.function("book_appointment", when={"a": NAME}, customer_name=[NAME], customer_phone=CALLER)
    phone.function("list_appointments")
    phone.function("reschedule_appointment", when="Donnerstag um 11 Uhr", confirmed=True, customer_name=NAME)
    phone.function("cancel_appointment", reason="Schulterschmerzen", confirmed=True)
    phone.function("request_callback", **said, customer_phone=CALLER, reason="Schulterschmerzen")
    phone.event("transcript_updated", transcript=f"User: Guten Tag, hier ist {NAME}, {CALLER}")
    phone.event("call_ended", transcript=f"User: Guten Tag, hier ist {NAME}", disconnection_reason=NAME)
    phone.event("call_analyzed", call_analysis={"call_summary": f"{NAME} hat Schulterschmerzen"})


@pytest.mark.parametrize("fault", ["none", "status", "reset", "malformed", "commit_then_500", "database"])
def test_no_person_and_no_key_is_logged(
    practice: Business, sandbox: SandboxServer, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    configure()
    capfd.readouterr()
    if fault == "database":
        for after in (0, 6, 12, 18, 24):
            with outage(after=after):
                whole_call(practice)
    else:
        if fault != "none":
            sandbox.faults.add(fault, path="/v2/*")
        whole_call(practice)
    assert gateway.drain(seconds=30)
    lines = capfd.readouterr().err.splitlines()
    assert lines, "a call leaves facts in the log"
    for line in lines:
        assert not [word for word in PRIVATE if word in line], line
        assert json.loads(line)["event"]
        assert practice.account.signing_key not in line
