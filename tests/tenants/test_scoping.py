"""The first wall: without a scope nothing is read, inside one nothing of another company is written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from django.db import models, transaction

from apps.calls.models import Call, Offer
from apps.scheduling.models import Appointment, CalendarAccount, Customer
from apps.services.models import BranchService, Service
from apps.tenants.models import Branch, Company
from apps.tenants.scoping import (
    ScopeMissing,
    ScopeViolation,
    TenantModel,
    active_scope,
    all_companies,
    companies_scope,
    company_scope,
    current_company_id,
    scope_allows,
)
from tests.factories import Business, make_branch, make_customer

TENANT_MODELS = [Company, *TenantModel.__subclasses__()]


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model.__name__)
def test_a_tenant_table_cannot_be_read_without_a_scope(model: type[models.Model]) -> None:
    with pytest.raises(ScopeMissing):
        model._default_manager.count()


@pytest.mark.parametrize(
    "read",
    [
        lambda branch: Branch.objects.all(),
        lambda branch: Branch.objects.filter(pk=branch.pk),
        lambda branch: Branch.objects.get(pk=branch.pk),
        lambda branch: Branch.objects.raw("SELECT * FROM tenants_branch"),
        lambda branch: branch.services.all(),
        lambda branch: branch.save(),
        lambda branch: branch.delete(),
    ],
)
def test_neither_managers_nor_rows_do_anything_without_a_scope(
    company: Business, read: Callable[[Branch], Any]
) -> None:
    with pytest.raises(ScopeMissing):
        read(company.branch)


def test_a_scope_shows_its_own_rows_and_no_others(company: Business, other_company: Business) -> None:
    for own, other in ((company, other_company), (other_company, company)):
        with company_scope(own.company.pk):
            assert list(Company.objects.all()) == [own.company]
            assert list(Branch.objects.all()) == [own.branch]
            assert list(Service.objects.all()) == [own.service]
            assert list(CalendarAccount.objects.all()) == [own.calendar]
            assert not Branch.objects.filter(pk=other.branch.pk).exists()
            assert not BranchService.objects.filter(event_type=other.event_type).exclude(pk=own.place.pk)


def test_a_scope_of_several_companies_shows_theirs_and_no_third(
    company: Business, other_company: Business
) -> None:
    with all_companies():
        third = Company.objects.create(slug="third", name="Third")
    make_branch(third)
    with companies_scope([company.company.pk, other_company.company.pk]):
        assert set(Branch.objects.all()) == {company.branch, other_company.branch}
    with companies_scope([]):
        assert not Branch.objects.exists()
    with all_companies():
        assert Branch.objects.count() == 3


def test_related_rows_are_scoped_too(company: Business, other_company: Business) -> None:
    with company_scope(company.company.pk):
        assert list(company.branch.services.all()) == [company.place]
        assert list(other_company.branch.services.all()) == []


def test_a_row_of_another_company_is_not_saved(company: Business, other_company: Business) -> None:
    with company_scope(company.company.pk):
        other_company.branch.name = "taken over"
        for write in (other_company.branch.save, other_company.branch.delete, other_company.company.save):
            with pytest.raises(ScopeViolation):
                write()
    with all_companies():
        assert Branch.objects.get(pk=other_company.branch.pk).name != "taken over"


@pytest.mark.parametrize(
    "create",
    [
        lambda manager, **values: manager.create(**values),
        lambda manager, **values: manager.bulk_create([manager.model(**values)]),
        lambda manager, **values: manager.get_or_create(**values),
        lambda manager, **values: manager.update_or_create(**values),
    ],
)
def test_a_row_of_another_company_is_not_created(
    company: Business, other_company: Business, create: Callable[..., Any]
) -> None:
    with company_scope(company.company.pk), pytest.raises(ScopeViolation):
        create(Branch.objects, company=other_company.company, slug="new", name="New")
    with all_companies():
        assert not Branch.objects.filter(slug="new").exists()


def test_nothing_moves_to_another_company(company: Business, other_company: Business) -> None:
    with company_scope(company.company.pk):
        for value in ({"company": other_company.company}, {"company_id": other_company.company.pk}):
            with pytest.raises(ScopeViolation):
                Branch.objects.update(**value)
        company.branch.company = other_company.company
        with pytest.raises(ScopeViolation):
            company.branch.save()
        with pytest.raises(ScopeViolation), transaction.atomic():
            Branch.objects.bulk_update([company.branch], ["company"])
    with all_companies():
        assert Branch.objects.get(pk=company.branch.pk).company_id == company.company.pk


def test_updates_and_deletes_reach_only_the_scopes_rows(company: Business, other_company: Business) -> None:
    make_customer(company.company)
    make_customer(other_company.company)
    with company_scope(company.company.pk):
        assert Customer.objects.filter(phone__startswith="+").update(name="Erika Muster") == 1
        assert Customer.objects.all().delete()[0] == 1
    with all_companies():
        assert list(Customer.objects.values_list("company_id", "name")) == [(other_company.company.pk, "")]


@pytest.mark.parametrize("scope", ["own", "all"])
def test_a_row_never_refers_to_another_companys(
    company: Business, other_company: Business, scope: str
) -> None:
    row = BranchService(
        company=company.company,
        branch=company.branch,
        service=other_company.service,
        event_type=company.event_type,
    )
    with company_scope(company.company.pk) if scope == "own" else all_companies():
        with pytest.raises(ScopeViolation):
            row.save()
        with pytest.raises(ScopeViolation):
            BranchService.objects.bulk_create([row])


def test_a_row_without_a_company_needs_the_scope_of_all(company: Business) -> None:
    with company_scope(company.company.pk):
        assert not scope_allows(None)
    with all_companies():
        assert scope_allows(None)


def test_the_one_company_is_only_known_where_it_is_exactly_one(company: Business) -> None:
    with company_scope(company.company.pk):
        assert current_company_id() == company.company.pk
    for scope in (all_companies(), companies_scope([1, 2]), companies_scope([])):
        with scope, pytest.raises(ScopeMissing):
            current_company_id()


def test_a_scope_inside_another_ends_with_it_even_by_an_error(db: None) -> None:
    with company_scope(1):
        with pytest.raises(ZeroDivisionError), company_scope(2):
            raise ZeroDivisionError
        assert current_company_id() == 1
    assert active_scope() is None


def test_a_new_thread_starts_without_a_scope_unless_it_is_given_the_context() -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(active_scope())

    with company_scope(7):
        context = copy_context()
        for target in (look, lambda: context.run(look)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert seen == [None, frozenset({7})]


def test_every_row_that_knows_its_company_is_a_tenant_row_or_part_of_the_directory() -> None:
    """A new model with a company has to say on which side of the wall it stands."""
    directory = {"PhoneNumber", "Membership", "AccountCompany", "FlagSetting", "FlagChange"}
    with_company = {
        model.__name__
        for model in _all_models()
        if any(field.name == "company" for field in model._meta.concrete_fields)
        and not issubclass(model, TenantModel)
    }
    assert with_company == directory
    assert {Call, Offer, Appointment} <= set(TENANT_MODELS)


def _all_models() -> list[type[models.Model]]:
    from django.apps import apps

    return [model for model in apps.get_models() if model.__module__.startswith("apps.")]
