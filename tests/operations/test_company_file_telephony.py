"""Telephony accounts in a company's file: made by one company, shared by several, kept by the first."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.calls.models import AccountCompany, TelephonyAccount
from apps.calls.resolution import signing_keys
from apps.operations.company_file import FileRefused
from apps.operations.company_file.telephony import PREVIOUS_KEY_LIFE
from apps.tenants.scoping import all_companies
from tests.conftest import MONDAY_MORNING
from tests.operations.park import LINDEN, PARK, applied, edited, lines
from tests.operations.rows import everything

pytestmark = pytest.mark.django_db

# The other company on the account that the park's file creates.
JOINING = edited(LINDEN, ('"retell-linden"\nsigning_key = "env:LINDEN_RETELL_KEY"', '"retell-main"'))


def account() -> TelephonyAccount:
    rows = TelephonyAccount.objects.select_related("owner", "web_calls_branch", "web_calls_company")
    with all_companies():
        return rows.get(slug="retell-main")


def served() -> set[str]:
    places = AccountCompany.objects.filter(account__slug="retell-main", active=True)
    with all_companies():
        return set(places.values_list("company__slug", flat=True))


def refusal(file: str, **environment: str) -> list[str]:
    """The one thing wrong with the file; nothing was written."""
    before = everything()
    with pytest.raises(FileRefused) as refused:
        applied(file, environment=environment)
    assert everything() == before
    return list(refused.value.problems)


def test_the_file_that_creates_an_account_owns_it_and_is_served_by_it() -> None:
    applied(PARK)
    row = account()
    assert (row.owner.slug, row.provider, row.signing_key) == (
        "praxis-am-park",
        "retell",
        "key_retell_secret",
    )
    assert row.web_calls_branch is not None
    assert row.web_calls_branch.slug == "nord"
    assert row.web_calls_company == row.owner
    assert served() == {"praxis-am-park"}


def test_a_changed_key_keeps_the_old_one_for_24_hours(clock: time_machine.Traveller) -> None:
    applied(PARK)
    assert lines(PARK, RETELL_API_KEY="key_fresh") == ["telephony[retell-main].signing_key changed"]
    row = account()
    assert (row.signing_key, row.previous_signing_key) == ("key_fresh", "key_retell_secret")
    assert row.previous_key_until == MONDAY_MORNING + timedelta(hours=24)
    clock.shift(PREVIOUS_KEY_LIFE - timedelta(seconds=1))
    assert signing_keys(row, now=timezone.now()) == ["key_fresh", "key_retell_secret"]
    clock.shift(1)
    assert signing_keys(row, now=timezone.now()) == ["key_fresh"]


def test_the_same_key_again_leaves_the_previous_one_and_its_end_alone(clock: time_machine.Traveller) -> None:
    applied(PARK)
    applied(PARK, environment={"RETELL_API_KEY": "key_fresh"})
    clock.shift(3600)
    assert lines(PARK, RETELL_API_KEY="key_fresh") == []
    assert account().previous_key_until == MONDAY_MORNING + timedelta(hours=24)


@pytest.mark.parametrize("key", ["", 'signing_key = "env:RETELL_API_KEY"'])
def test_another_company_joins_without_the_key_or_with_the_same(key: str) -> None:
    applied(PARK)
    joining = edited(JOINING, ('account = "retell-main"', f'account = "retell-main"\n{key}'))
    assert "telephony[retell-main] joined" in lines(joining)
    assert lines(joining) == []
    assert served() == {"praxis-am-park", "linden-clinic"}
    assert account().owner.slug == "praxis-am-park"


def test_only_the_owners_file_changes_the_key() -> None:
    applied(PARK)
    other = edited(JOINING, ('"retell-main"', '"retell-main"\nsigning_key = "env:LINDEN_RETELL_KEY"'))
    [line] = refusal(other)
    assert line.startswith("telephony[retell-main].signing_key: is not the account's")
    assert "secret" not in line


def test_another_company_cannot_name_another_provider() -> None:
    applied(PARK)
    TelephonyAccount.objects.update(provider="vapi")
    assert refusal(edited(JOINING, ('"retell-main"', '"retell-main"\nprovider = "retell"'))) == [
        "telephony[retell-main].provider: 'retell' is not the account's (vapi)"
    ]


def test_an_account_that_nobody_made_needs_a_key() -> None:
    assert refusal(JOINING) == ["telephony[retell-main].signing_key: is missing"]


def test_the_owner_cannot_leave_the_key_out() -> None:
    applied(PARK)
    without = PARK.replace('signing_key = "env:RETELL_API_KEY"', "")
    assert refusal(without) == ["telephony[retell-main].signing_key: is missing"]


def test_browser_calls_lead_to_one_company_only() -> None:
    applied(PARK)
    wanting = edited(JOINING, ('"retell-main"', '"retell-main"\nweb_calls_branch = "main"'))
    assert refusal(wanting) == [
        "telephony[retell-main].web_calls_branch: 'main' is too late, they lead to praxis-am-park already"
    ]
    assert lines(edited(PARK, ('web_calls_branch = "nord"', ""))) == [
        "telephony[retell-main].web_calls_branch changed: nord → none"
    ]
    assert "telephony[retell-main].web_calls_branch changed: none → main" in lines(wanting)
    assert refusal(PARK) == [
        "telephony[retell-main].web_calls_branch: 'nord' is too late, they lead to linden-clinic already"
    ]


def test_a_joining_company_that_says_nothing_leaves_browser_calls_where_they_lead() -> None:
    applied(PARK)
    applied(JOINING)
    assert account().web_calls_branch is not None


def test_an_account_that_a_later_file_leaves_out_no_longer_serves_the_company() -> None:
    applied(PARK)
    applied(JOINING)
    start, end = PARK.index("[[telephony]]"), PARK.index("[[branches]]")
    assert lines(PARK[:start] + PARK[end:]) == [
        "telephony[retell-main] left",
        "telephony[retell-main].web_calls_branch changed: nord → none",
    ]
    assert served() == {"linden-clinic"}
    assert account().owner.slug == "praxis-am-park"
    assert lines(PARK) == [
        "telephony[retell-main] joined",
        "telephony[retell-main].web_calls_branch changed: none → nord",
    ]
