"""An operator's back office holds their companies and nothing else: lists, counts, choices, searches."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from apps.calls.models import AccountCompany, Call, CallEvent, TelephonyAccount
from apps.scheduling.models import CalendarAccount, Customer
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, Membership, PhoneNumber
from apps.tenants.scoping import all_companies
from tests.factories import OTHER_NUMBER, Business, make_branch, make_business, make_operator
from tests.operations.back_office import Rows, everything_of

pytestmark = pytest.mark.django_db

OWN_NAME, OTHER_NAME = "Erika Muster", "Wer Anders"
PRODUCT = sorted(
    (model for model in admin.site._registry if model.__module__.startswith("apps.")),
    key=lambda model: model._meta.label,
)
# Seen by everybody who books in it.
SHARED = {EventType}
FOREIGN = ("Linden", "linden", OTHER_NAME, OTHER_NUMBER)


def page(model: type[models.Model], name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.fixture
def theirs(other_company: Business) -> Rows:
    """Everything of the other company, which the operator must never see."""
    return everything_of(other_company, name=OTHER_NAME)


@pytest.fixture
def ours(company: Business) -> Rows:
    return everything_of(company, name=OWN_NAME)


@pytest.fixture
def owner(client: Client, company: Business, ours: Rows, theirs: Rows) -> User:
    user = make_operator(company.company, username="petra", role=Membership.Role.OWNER)
    client.force_login(user)
    return user  # type: ignore[return-value]


def shown(answer: HttpResponse) -> str:
    assert answer.status_code == 200
    text = answer.content.decode()
    assert not [word for word in FOREIGN if word in text]
    return text


def refused(answer: HttpResponse) -> bool:
    """Not there, for all the operator can tell: the page says the same of an id that never was."""
    return answer.status_code in (302, 403, 404)


def test_lists_and_their_counts_hold_the_operators_rows_alone(client: Client, owner: User) -> None:
    for model in PRODUCT:
        answer = client.get(page(model, "changelist"))
        shown(answer)
        if model is not Membership and "cl" in (answer.context or {}):
            assert answer.context["cl"].result_count == 1, model


def test_a_search_for_what_is_theirs_finds_nothing(client: Client, owner: User) -> None:
    for model in PRODUCT:
        if admin.site._registry[model].search_fields:
            answer = client.get(page(model, "changelist"), {"q": OTHER_NAME})
            assert answer.status_code == 200
            assert OTHER_NAME not in re.sub(r'value="[^"]*"', "", answer.content.decode()), model


def test_a_row_of_another_company_does_not_exist(client: Client, owner: User, theirs: Rows) -> None:
    for model in set(PRODUCT) - SHARED:
        pk = theirs[model].pk
        for name in ("change", "history", "delete"):
            assert refused(client.get(page(model, name, pk))), (model, name)
            assert refused(client.post(page(model, name, pk), {"post": "yes", "name": "taken over"})), (
                model,
                name,
            )
        with all_companies():
            assert model._default_manager.filter(pk=pk).exists()


def test_own_rows_open_and_show_nothing_foreign(client: Client, owner: User, ours: Rows) -> None:
    for model in PRODUCT:
        shown(client.get(page(model, "change", ours[model].pk)))
        shown(client.get(page(model, "history", ours[model].pk)))


def test_forms_offer_only_own_choices(client: Client, owner: User) -> None:
    for model in (Branch, Service, BranchService, PhoneNumber, Membership, TelephonyAccount, CalendarAccount):
        shown(client.get(page(model, "add")))


def test_autocompletes_hold_own_rows_alone(client: Client, owner: User) -> None:
    for model, field in ((Call, "branch"), (BranchService, "service"), (Membership, "user")):
        answer = client.get(
            reverse("admin:autocomplete"),
            {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": field,
                "term": "",
            },
        )
        assert not [word for word in FOREIGN if word in json.dumps(answer.json(), ensure_ascii=False)]


def test_the_search_over_everything_names_nothing_foreign(client: Client, owner: User) -> None:
    for extended in ({}, {"extended": "1"}):
        shown(client.get(reverse("admin:search"), {"s": "a", **extended}))


def test_a_filter_by_a_foreign_company_shows_nothing_of_it(
    client: Client, owner: User, company: Business, theirs: Rows
) -> None:
    answer = client.get(page(Call, "changelist"), {"company__id__exact": theirs[Company].pk})
    assert {row.company_id for row in answer.context["cl"].result_list} <= {company.company.pk}
    assert client.get(page(Call, "changelist"), {"company__slug__startswith": "l"}).status_code in (
        200,
        302,
        400,
    )


def post(client: Client, model: type[models.Model], *args: Any, **values: Any) -> HttpResponse:
    """A form sent off: to add a row, or with an id to change it."""
    where = page(model, "change", *args) if args else page(model, "add")
    # A relation that is hidden from the other side has a form that is only numbered.
    prefixes = ("-1", "places", "services", "appointments", "companies", "memberships")
    inlines = {f"{prefix}-{name}": 0 for prefix in prefixes for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return client.post(where, {**inlines, **values})


def test_a_row_cannot_be_made_for_another_company(client: Client, owner: User, theirs: Rows) -> None:
    answer = post(
        client, Branch, company=theirs[Company].pk, name="Trojaner", slug="trojaner", active="on", closures=""
    )
    assert answer.status_code == 200
    with all_companies():
        assert not Branch.objects.filter(slug="trojaner").exists()


def test_a_row_cannot_be_moved_to_another_company(
    client: Client, owner: User, ours: Rows, theirs: Rows
) -> None:
    post(client, Branch, ours[Branch].pk, company=theirs[Company].pk, name="Neu", active="on", closures="")
    with all_companies():
        branch = Branch.objects.get(pk=ours[Branch].pk)
    assert (branch.name, branch.company_id) == ("Neu", ours[Company].pk)


def test_a_relation_cannot_point_into_another_company(
    client: Client, owner: User, ours: Rows, theirs: Rows
) -> None:
    answer = post(
        client,
        BranchService,
        service=theirs[Service].pk,
        branch=ours[Branch].pk,
        event_type_id_number=123,
        active="on",
    )
    assert answer.status_code == 200
    answer = post(client, PhoneNumber, number="+4930999999", branch=theirs[Branch].pk, active="on")
    assert answer.status_code == 200
    assert not PhoneNumber.objects.filter(number="+4930999999").exists()


def test_somebody_of_two_companies_cannot_mix_them(client: Client, ours: Rows, theirs: Rows) -> None:
    both = make_operator(
        ours[Company],
        theirs[Company],
        username="both",
        role=Membership.Role.OWNER,  # type: ignore[arg-type]
    )
    client.force_login(both)
    extra = make_branch(ours[Company], slug="sued")  # type: ignore[arg-type]
    answer = post(
        client,
        BranchService,
        service=theirs[Service].pk,
        branch=extra.pk,
        event_type_id_number=123,
        active="on",
    )
    assert "another company" in answer.content.decode()


def test_the_rank_counts_company_by_company(client: Client, ours: Rows, theirs: Rows) -> None:
    """Owner here, read-only there: there nothing can be changed."""
    mixed = make_operator(ours[Company], username="mixed", role=Membership.Role.OWNER)  # type: ignore[arg-type]
    Membership.objects.create(user=mixed, company=theirs[Company], role=Membership.Role.READ_ONLY)
    client.force_login(mixed)
    assert client.get(page(Branch, "change", theirs[Branch].pk)).status_code == 200
    assert post(client, Branch, theirs[Branch].pk, name="Neu", active="on", closures="").status_code == 403
    assert post(client, Branch, ours[Branch].pk, name="Neu", active="on", closures="").status_code == 302
    form = client.get(page(Branch, "add")).content.decode()
    assert "Praxis" in form
    assert "Linden" not in form
    assert refused(client.get(page(Membership, "change", theirs[Membership].pk)))


def test_bulk_actions_touch_own_rows_alone(client: Client, owner: User, ours: Rows, theirs: Rows) -> None:
    from apps.calls.models import CallbackRequest

    ids = [ours[CallbackRequest].pk, theirs[CallbackRequest].pk]
    client.post(page(CallbackRequest, "changelist"), {"action": "mark_done", "_selected_action": ids})
    with all_companies():
        done = set(CallbackRequest.objects.filter(status="done").values_list("pk", flat=True))
    assert done == {ours[CallbackRequest].pk}


def test_a_shared_telephony_account_shows_nothing_of_whom_else_it_serves(
    client: Client, company: Business
) -> None:
    shared = company.account
    other = make_business("linden-clinic", number=OTHER_NUMBER, account=shared, company={"name": "Linden"})
    shared.web_calls_branch = other.branch
    with all_companies():
        shared.save()
    client.force_login(make_operator(company.company, username="petra", role=Membership.Role.OWNER))
    text = shown(client.get(page(TelephonyAccount, "change", shared.pk)))
    assert "a branch of another company" in text
    answer = client.post(
        page(TelephonyAccount, "change", shared.pk),
        {
            "provider": "retell",
            "active": "on",
            "signing_key": "",
            "api_url": "",
            "companies-TOTAL_FORMS": 1,
            "companies-INITIAL_FORMS": 1,
            "companies-0-id": AccountCompany.objects.get(account=shared, company=company.company).pk,
            "companies-0-account": shared.pk,
            "companies-0-company": company.company.pk,
            "companies-0-active": "on",
        },
    )
    assert answer.status_code == 302
    with all_companies():
        assert TelephonyAccount.objects.get().web_calls_branch_id == other.branch.pk
    # The other company sees that it is served, not the account.
    client.force_login(make_operator(other.company, username="linda", role=Membership.Role.OWNER))
    assert refused(client.get(page(TelephonyAccount, "change", shared.pk)))
    assert client.get(page(AccountCompany, "changelist")).context["cl"].result_count == 1


def test_a_shared_event_type_is_seen_by_both_and_changed_by_neither(
    client: Client, owner: User, company: Business
) -> None:
    assert client.get(page(EventType, "change", company.event_type.pk)).status_code == 200
    assert post(client, EventType, company.event_type.pk, base_url="http://evil.example").status_code == 403


def test_an_event_type_that_only_others_use_is_not_seen(client: Client, owner: User) -> None:
    foreign = make_business("third", number="+4930777777", event_type=777)
    assert refused(client.get(page(EventType, "change", foreign.event_type.pk)))


def test_events_of_nobody_are_for_superusers(client: Client, owner: User, company: Business) -> None:
    with all_companies():
        event = CallEvent.objects.create(company=None, account=company.account, kind="x", dedup_key="x")
    assert refused(client.get(page(CallEvent, "change", event.pk)))
    client.force_login(make_operator(username="root", is_superuser=True))
    assert client.get(page(CallEvent, "change", event.pk)).status_code == 200


def test_somebody_without_any_company_finds_empty_lists_or_none(client: Client, ours: Rows) -> None:
    client.force_login(make_operator(username="nobody"))
    for model in PRODUCT:
        assert client.get(page(model, "changelist")).status_code == 403, model


def test_people_of_other_companies_are_not_listed(client: Client, owner: User, theirs: Rows) -> None:
    stranger = theirs[Membership].user  # type: ignore[attr-defined]
    text = shown(client.get(page(User, "changelist")))
    assert "petra" in text
    assert refused(client.get(page(User, "change", stranger.pk)))
    assert refused(client.get(reverse("admin:auth_user_password_change", args=[stranger.pk])))


def test_a_colleague_who_also_works_elsewhere_is_seen_without_where_and_not_changed(
    client: Client, owner: User, company: Business, other_company: Business
) -> None:
    shared = make_operator(company.company, other_company.company, username="springer")
    text = shown(client.get(page(User, "change", shared.pk)))
    assert "springer" in text
    assert post(client, User, shared.pk, username="taken", is_active="on").status_code == 403
    assert refused(client.get(reverse("admin:auth_user_password_change", args=[shared.pk])))


def test_customers_with_one_number_are_two_people(
    client: Client, owner: User, ours: Rows, theirs: Rows
) -> None:
    answer = client.get(page(Customer, "changelist"), {"q": "+491701234567"})
    assert [row.pk for row in answer.context["cl"].result_list] == [ours[Customer].pk]
