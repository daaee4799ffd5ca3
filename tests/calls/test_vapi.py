"""The second provider: other envelopes, other signature, the same answers."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.calls.models import Call, FunctionCall
from apps.tenants.scoping import company_scope
from tests.factories import Business

DATA = Path(__file__).parent.parent / "data" / "vapi"


@pytest.fixture
def vapi(practice: Business) -> Business:
    practice.account.provider = "vapi"
    practice.account.save()
    return practice


def sample(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return body


def post(
    business: Business, path: str, body: object, *, key: str | None = None, late: int = 0
) -> HttpResponse:
    raw = json.dumps(body, ensure_ascii=False).encode()
    stamp = str(int(time.time() * 1000) + late)
    made = hmac.new(
        (key or business.account.signing_key).encode(), stamp.encode() + b"." + raw, hashlib.sha256
    )
    return Client().post(
        f"/webhooks/telephony/{business.account.slug}/{path}/",
        data=raw,
        content_type="application/json",
        headers={"X-Timestamp": stamp, "X-Signature": made.hexdigest()},
    )


def tool_calls(*calls: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    body = sample("vapi_tool_calls.request")
    body["message"]["toolCallList"] = [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
        for id_, name, args in calls
    ]
    return body


def test_a_stranger_and_a_stale_request_are_refused(vapi: Business) -> None:
    body = sample("vapi_tool_calls.request")
    assert post(vapi, "functions", body, key="somebody-else").status_code == 401
    assert post(vapi, "functions", body, late=-360_000).status_code == 401
    assert post(vapi, "functions", body, late=360_000).status_code == 401
    with company_scope(vapi.company.pk):
        assert Call.objects.count() == 0


def test_several_tool_calls_in_one_request_are_answered_each(vapi: Business) -> None:
    body = tool_calls(
        ("t1", "check_availability", {"when": "Mittwoch um halb drei"}),
        ("t2", "list_services", {}),
    )
    answer = post(vapi, "functions", body).json()
    assert [one["toolCallId"] for one in answer["results"]] == ["t1", "t2"]
    envelopes = [json.loads(one["result"]) for one in answer["results"]]
    assert [one["status"] for one in envelopes] == ["alternatives", "services"]
    assert all("\n" not in one["result"] for one in answer["results"])


def test_the_main_job_ends_in_one_booking(vapi: Business, standing: Callable[[], list[Any]]) -> None:
    found = post(
        vapi, "functions", tool_calls(("t1", "check_availability", {"when": "Mittwoch um halb drei"}))
    ).json()
    token = json.loads(found["results"][0]["result"])["alternatives"][1]["slot"]
    body = tool_calls(("t2", "book_appointment", {"slot": token, "customer_name": "Sabine Müller"}))
    first, second = post(vapi, "functions", body).json(), post(vapi, "functions", body, late=1000).json()
    assert json.loads(first["results"][0]["result"])["status"] == "booked"
    assert first == second
    assert len(standing()) == 1
    with company_scope(vapi.company.pk):
        assert FunctionCall.objects.count() == 2


def test_the_call_goes_through_its_states_also_where_events_carry_no_number(vapi: Business) -> None:
    asked = post(vapi, "inbound", sample("vapi_assistant_request"))
    variables = asked.json()["assistantOverrides"]["variableValues"]
    assert variables["company_name"] == vapi.company.name
    assert all(isinstance(value, str) for value in variables.values())
    assert post(vapi, "events", sample("vapi_status_update")).status_code == 204
    with company_scope(vapi.company.pk):
        assert Call.objects.get().state == Call.State.ONGOING
    assert post(vapi, "events", sample("vapi_end_of_call_report")).status_code == 204
    with company_scope(vapi.company.pk):
        call = Call.objects.get()
        assert call.state == Call.State.ANALYZED
        assert call.disconnection_reason == "customer-ended-call"
        assert call.cost_cents == 11
