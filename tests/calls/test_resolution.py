"""What a process remembers of account and number is confirmed by every answer: no change comes late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.calls import resolution
from apps.calls.models import AccountCompany, Call, FunctionCall, TelephonyAccount
from apps.tenants.models import PhoneNumber
from apps.tenants.scoping import all_companies, company_scope
from tests.factories import Business
from tests.phone import Phone


@pytest.fixture
def known(phone: Phone) -> Phone:
    """A call whose account and number this process has seen before."""
    assert phone.function("list_services")["status"] == "services"
    return phone


def status_code(phone: Phone, **how: Any) -> int:
    return phone.post("functions", phone.body("list_services", {}), **how).status_code


def test_what_is_known_costs_no_message_of_its_own(known: Phone) -> None:
    with CaptureQueriesContext(connection) as first:
        known.function("list_services")
    resolution.forget()
    with CaptureQueriesContext(connection) as again:
        known.function("list_services")
    tables = ("calls_telephonyaccount", "tenants_phonenumber")
    if connection.vendor == "postgresql":
        # Account and number are two messages, unless they go with the call.
        assert len(again) - len(first) == len(tables)
    else:
        asked = [sum(table in one["sql"] for one in again.captured_queries) for table in tables]
        before = [sum(table in one["sql"] for one in first.captured_queries) for table in tables]
        assert [now - then for now, then in zip(asked, before, strict=True)] == [1, 1]


def test_an_account_that_was_switched_off_is_gone_at_once(known: Phone) -> None:
    TelephonyAccount.objects.update(active=False)
    assert status_code(known) == 404
    TelephonyAccount.objects.update(active=True)
    assert status_code(known) == 200


@pytest.mark.parametrize("dialled", ["", "+4930999999"])
def test_so_it_is_for_a_number_that_leads_nowhere(known: Phone, dialled: str) -> None:
    TelephonyAccount.objects.update(active=False)
    known.dialled = dialled
    assert status_code(known) == 404


def test_a_key_that_is_no_longer_valid_signs_nothing_at_once(known: Phone, practice: Business) -> None:
    old, account = known.key, practice.account
    account.signing_key = "key_new_0123456789"
    account.save()
    # The fixture's account has changed with it, so the old key is given.
    assert status_code(known, key=old) == 401
    assert status_code(known, key="key_new_0123456789") == 200
    assert status_code(known, key=old) == 401


def test_the_key_before_the_last_one_ends_with_the_next_change(known: Phone, practice: Business) -> None:
    first, account = known.key, practice.account
    for key in ("key_second_0123456789", "key_third_0123456789"):
        account.previous_signing_key, account.signing_key = account.signing_key, key
        account.previous_key_until = timezone.now() + timedelta(hours=24)
        account.save()
        assert status_code(known, key=account.previous_signing_key) == 200
    assert status_code(known, key=first) == 401


def test_a_number_that_was_switched_off_leads_nowhere_at_once(known: Phone) -> None:
    PhoneNumber.objects.update(active=False)
    assert known.function("list_services")["status"] == "unknown_number"


def test_a_company_that_is_no_longer_served_is_unknown_at_once(known: Phone) -> None:
    AccountCompany.objects.update(active=False)
    assert known.function("list_services")["status"] == "unknown_number"


def test_a_number_that_went_to_another_company_leads_there_at_once(
    known: Phone, practice: Business, linden: Business
) -> None:
    AccountCompany.objects.create(account=practice.account, company=linden.company)
    linden.number.delete()
    PhoneNumber.objects.update(company_id=linden.company.pk, branch_id=linden.branch.pk)
    later = Phone(practice)
    answer = later.function("list_services")
    assert [one["slug"] for one in answer["services"]] == [linden.service.slug]
    with company_scope(linden.company.pk):
        assert Call.objects.filter(external_id=later.call_id).exists()
    with all_companies():
        assert set(FunctionCall.objects.values_list("company_id", flat=True)) == {
            practice.company.pk,
            linden.company.pk,
        }


def test_no_more_is_remembered_than_a_process_may_know(
    known: Phone, practice: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolution, "MOST_KNOWN", 2)
    for number in range(5):
        PhoneNumber.objects.create(
            number=f"+49301111{number}", company_id=practice.company.pk, branch_id=practice.branch.pk
        )
        known.dialled = f"+49301111{number}"
        assert known.function("list_services")["status"] == "services"
    assert len(resolution._numbers) <= 2
