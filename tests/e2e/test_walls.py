"""Nobody sees or changes what is not theirs, whichever way they try; and secrets are on no page at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from playwright.sync_api import APIResponse, BrowserContext

from apps.calls.models import Call, CallbackRequest, TelephonyAccount
from apps.flags.models import FlagChange, FlagSetting
from apps.scheduling.models import Appointment, CalendarAccount, Customer
from apps.services.models import Service
from apps.tenants.models import Branch, Company
from tests.e2e.conftest import Visit, Visitors
from tests.e2e.world import PASSWORD, THEIRS, World

pytestmark = pytest.mark.browser
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
EDITABLE = (Branch, Service, CallbackRequest, CalendarAccount, TelephonyAccount, Company)


def address(model: type[models.Model], *path: object) -> str:
    parts = (model._meta.app_label, model._meta.model_name, *path)
    return "/admin/" + "/".join(map(str, parts)) + "/"


def theirs_in(answer: APIResponse) -> list[str]:
    """What of the practice is in an answer."""
    text = answer.text()
    return [word for word in THEIRS if word in text]


def post(who: BrowserContext, way: str, **form: str) -> APIResponse:
    """What the browser would send, without the button that is not there."""
    token = next(one["value"] for one in who.cookies() if one["name"] == "csrftoken")
    sent = {"csrfmiddlewaretoken": token, "name": "Changed", "active": "on", "post": "yes", **form}
    return who.request.post(way, form=sent)


def as_stored(row: models.Model) -> dict[str, object]:
    return type(row)._base_manager.filter(pk=row.pk).values().get()


def ways_to(model: type[models.Model], row: models.Model | None, company: Company) -> Iterator[str]:
    """Every address at which somebody may try to see the row."""
    here = address(model)
    yield here
    yield f"{here}?q=Alma"
    yield f"{here}?company__id__exact={company.pk}"
    if row is not None:
        yield from (address(model, row.pk, page) for page in ("change", "history", "delete"))


def choosers() -> Iterator[str]:
    """Every relation of every model, asked as the choosers of the theme and of Django ask."""
    for model in MODELS:
        for field in model._meta.concrete_fields:
            if field.is_relation:
                asked = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
                yield f"/admin/autocomplete/?{asked}&field_name={field.name}&term="
    yield "/admin/search/?s=Alma"


def test_an_operator_of_another_company_finds_nothing_by_any_address(
    visitors: Visitors, world: World
) -> None:
    linden = visitors.of("linden")
    tried = [way for model in MODELS for way in ways_to(model, world.rows.get(model), world.park.company)]
    # Whoever may not see a row is sent to the dashboard, and told there; that is looked at once, at the end.
    for way in (*tried, *choosers()):
        answer = linden.request.get(way, max_redirects=0)
        assert answer.status < 500, way
        assert theirs_in(answer) == [], way
    dashboard = linden.request.get("/admin/")
    assert "doesn’t exist" in dashboard.text()
    assert theirs_in(dashboard) == []


def test_what_is_looked_for_is_there_for_whoever_may_see_it(visitors: Visitors, world: World) -> None:
    """The test above would pass on empty pages."""
    root = visitors.of("root")
    for model in (Call, CallbackRequest, Customer, Appointment, Company, FlagChange):
        assert theirs_in(root.request.get(address(model))), model
    assert theirs_in(root.request.get(address(Customer, world.rows[Customer].pk, "change")))


def test_an_operator_of_another_company_changes_nothing(visitors: Visitors, world: World) -> None:
    linden = visitors.of("linden")
    for model in EDITABLE:
        row = world.rows[model]
        before = as_stored(row)
        for page in ("change", "delete"):
            answer = post(linden, address(model, row.pk, page))
            # Whoever may not see a row is told that there is none, on the dashboard.
            assert answer.status == 403 or answer.url.endswith("/admin/"), (model, page)
        assert as_stored(row) == before


@pytest.mark.parametrize("model", EDITABLE, ids=lambda model: model.__name__)
def test_whoever_may_only_look_changes_nothing(visit: Visit, world: World, model: type[models.Model]) -> None:
    row = world.rows[model]
    page = visit("reader", address(model, row.pk, "change"))
    page.get_by_role("link", name="Close").wait_for()
    assert page.locator("input[name=_save], button[name=_save]").count() == 0
    assert page.locator("#content-main").locator("input:not([type=hidden]), textarea").count() == 0
    before = as_stored(row)
    for way in (address(model, row.pk, "change"), address(model, row.pk, "delete"), address(model, "add")):
        assert post(page.context, way).status == 403
    assert as_stored(row) == before


def test_whoever_may_only_look_switches_no_feature(visit: Visit, world: World) -> None:
    page = visit("reader", address(FlagSetting))
    page.get_by_role("heading", name="skip_alternatives_for_voice").wait_for()
    assert page.get_by_role("button", name="default").count() == 0
    wanted = {"flag": "messages_only", "choice": "on", "company": str(world.park.company.pk)}
    assert post(page.context, address(FlagSetting), **wanted).status == 403
    assert not FlagChange.objects.filter(name="messages_only").exists()


def test_no_page_holds_a_secret(visitors: Visitors, world: World) -> None:
    secrets = {
        world.park.calendar.api_key,
        world.park.calendar.webhook_secret,
        world.park.account.signing_key,
        world.linden.calendar.api_key,
        settings.SECRET_KEY,
        *settings.FIELD_ENCRYPTION_KEYS,
        *(user.password for user in get_user_model().objects.all()),
        PASSWORD,
    }
    root = visitors.of("root")
    for model in MODELS:
        row = world.rows.get(model) or model._default_manager.first()
        pages = [address(model), address(model, "add")]
        if row is not None:
            pages += [address(model, row.pk, name) for name in ("change", "history")]
        for one in pages:
            text = root.request.get(one).text()
            assert not [secret for secret in secrets if secret in text], one
