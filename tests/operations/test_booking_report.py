"""The monitoring table from the shell."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories import Business, make_call
from tests.operations.back_office import make_function

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("booking_report", *arguments, stdout=output)
    return output.getvalue()


def rows(*arguments: str) -> dict[str, dict[str, Any]]:
    return {row["metric"]: row for row in json.loads(run("--json", *arguments))}


def failures(business: Business, count: int) -> None:
    """Calls that wanted an appointment and got none."""
    for number in range(count):
        make_call(business, external_id=f"c{number}", wanted_appointment=True)


def test_json_has_the_keys_of_the_contract(company: Business) -> None:
    for row in rows().values():
        assert list(row) == ["metric", "value", "target", "alert", "state", "cases"]
    assert rows()["booking_success_rate"] == {
        "metric": "booking_success_rate",
        "value": None,
        "target": 80,
        "alert": 70,
        "state": "no_data",
        "cases": 0,
    }


def test_the_text_is_a_table(company: Business) -> None:
    make_function(make_call(company))
    lines = run().splitlines()
    assert len(lines) == 9
    assert lines[0].split() == ["metric", "value", "target", "alert", "state", "cases"]
    assert lines[-1].split() == ["latency_p95", "0.1", "s", "<", "1", "s", ">", "3", "s", "no_data", "1"]


def test_an_alert_fails_only_when_asked_to(company: Business) -> None:
    failures(company, 5)
    assert rows()["booking_success_rate"]["state"] == "alert"
    with pytest.raises(CommandError, match="on alert: booking_success_rate") as failed:
        run("--fail-on-alert")
    assert failed.value.returncode == 1


def test_four_cases_are_never_an_alert(company: Business) -> None:
    failures(company, 4)
    row = rows("--fail-on-alert")["booking_success_rate"]
    assert (row["value"], row["state"], row["cases"]) == (0, "no_data", 4)


def test_one_company_is_held_to_its_own_targets(company: Business, other_company: Business) -> None:
    from apps.tenants.models import Company
    from apps.tenants.scoping import all_companies

    failures(company, 5)
    with all_companies():
        Company.objects.filter(pk=company.company.pk).update(
            targets={"booking_success_rate": {"target": 0, "alert": 0}}
        )
    own = rows("--company", "praxis-am-park", "--fail-on-alert")["booking_success_rate"]
    assert (own["target"], own["alert"], own["state"], own["cases"]) == (0, 0, "warn", 5)
    assert rows("--company", "linden-clinic")["booking_success_rate"]["cases"] == 0
    assert rows()["booking_success_rate"]["state"] == "alert"


@pytest.mark.parametrize(
    ("arguments", "returncode"),
    [
        (["--hours", "bald"], 2),
        (["--hours", "0"], 2),
        (["--hours", "-3"], 2),
        (["--hours", "nan"], 2),
        (["--hours", "1e9"], 2),
        (["--company", "nobody"], 1),
    ],
)
def test_bad_input_is_one_clear_line(company: Business, arguments: list[str], returncode: int) -> None:
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert refused.value.returncode == returncode
    assert "\n" not in str(refused.value)
