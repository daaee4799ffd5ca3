"""Companies, branches and the numbers that lead to them: what the database itself refuses."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.tenants.models import E164, Company, Membership, PhoneNumber
from apps.tenants.scoping import company_scope
from tests.factories import NUMBER, Business, make_branch, make_company, make_number, make_operator


@pytest.mark.parametrize("number", ["+493012345678", "+4930123", "+442079460123", "+390612345678"])
def test_international_numbers_are_numbers(number: str) -> None:
    E164(number)


@pytest.mark.parametrize(
    "number", ["", "030123456", "+0301234567", "+49 30 1234", "+4930123456789012", "+49301\n"]
)
def test_everything_else_is_not(number: str) -> None:
    with pytest.raises(ValidationError):
        E164(number)


def test_a_number_leads_to_exactly_one_branch(company: Business, other_company: Business) -> None:
    for branch in (company.branch, other_company.branch):
        with pytest.raises(IntegrityError), transaction.atomic():
            make_number(branch, number=NUMBER)
    assert PhoneNumber.objects.filter(number=NUMBER).count() == 1


def test_a_branchs_slug_is_its_own_within_the_company_only(
    company: Business, other_company: Business
) -> None:
    assert company.branch.slug == other_company.branch.slug
    with pytest.raises(IntegrityError), transaction.atomic():
        make_branch(company.company, slug=company.branch.slug)


def test_a_company_counts_its_days_in_its_own_zone() -> None:
    company = Company(slug="a", name="A", timezone="Europe/London", holidays="GB-ENG")
    assert (company.zone, company.country) == (ZoneInfo("Europe/London"), "GB")
    assert Company(slug="b", name="B").country == "DE"


@pytest.mark.django_db
def test_an_operators_companies_are_those_they_belong_to() -> None:
    first, second = make_company("first"), make_company("second")
    operator = make_operator(first, role=Membership.Role.OWNER)
    stranger = make_operator(username="stranger")
    assert Membership.company_ids_of(operator.pk) == (first.pk,)
    assert Membership.company_ids_of(stranger.pk) == ()
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=operator, company=first)
    assert second.pk not in Membership.company_ids_of(operator.pk)


def test_saving_a_company_is_saving_into_its_own_scope(company: Business, other_company: Business) -> None:
    with company_scope(company.company.pk):
        company.company.name = "Praxis"
        company.company.save()
        assert Company.objects.get().name == "Praxis"
