"""Signing in, and the first page: whose figures it shows, in which language."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from apps.operations.targets import TARGETS
from tests.e2e.conftest import Visit, Visitors, fill_in_the_form
from tests.e2e.world import THEIRS, World

pytestmark = pytest.mark.browser


def tile(page: Page, title: str) -> str:
    """The number on one tile of the dashboard."""
    return page.locator(".bo-tile", has_text=title).locator(".bo-tile-value").inner_text()


def test_somebody_signs_in_and_out_with_the_form(visitors: Visitors) -> None:
    with visitors.fresh() as context:
        page = context.new_page()
        page.goto("/admin/calls/call/")
        assert "/admin/login/" in page.url
        fill_in_the_form(page, "reader", password="not-the-password")
        page.locator("#login-form").wait_for()
        fill_in_the_form(page, "reader")
        assert page.url.endswith("/admin/calls/call/")
        page.get_by_text("reader", exact=True).click()
        page.get_by_role("button", name="Log out").click()
        page.goto("/admin/")
        assert "/admin/login/" in page.url


def test_the_monitoring_table_shows_every_metric(visit: Visit) -> None:
    page = visit("park")
    rows = page.locator("#monitoring tbody tr").all()
    assert {row.get_attribute("data-metric") for row in rows} == set(TARGETS)
    assert all(row.get_attribute("data-state") for row in rows)


@pytest.mark.parametrize("language", ["en", "de"])
def test_on_a_telephone_the_state_of_every_metric_is_in_sight(visit: Visit, language: str) -> None:
    page = visit("park", language=language)
    page.set_viewport_size({"width": 400, "height": 850})
    ends = [badge.bounding_box() for badge in page.locator("#monitoring tbody td:last-child span").all()]
    assert len(ends) == len(TARGETS)
    assert all(box and box["x"] + box["width"] <= 400 for box in ends)


def test_a_superuser_looks_at_all_companies_or_one(visit: Visit, world: World) -> None:
    page = visit("root")
    everywhere = int(tile(page, "Open callbacks"))
    page.get_by_role("link", name=world.linden.company.name, exact=True).first.click()
    page.wait_for_url("**/?company=linden-clinic")
    assert int(tile(page, "Open callbacks")) == 1 < everywhere


def test_an_operator_sees_the_figures_of_their_company_alone(visit: Visit) -> None:
    page = visit("linden")
    assert (tile(page, "Open callbacks"), tile(page, "Booked today")) == ("1", "0")
    assert not [word for word in THEIRS if word in page.content()]
    assert tile(visit("park"), "Booked today") == "1"


@pytest.mark.parametrize(("language", "word"), [("en", "Customers"), ("de", "Kunden")])
def test_the_back_office_speaks_the_browsers_language(visit: Visit, language: str, word: str) -> None:
    page = visit("park", language=language)
    assert page.locator("html").get_attribute("lang") == language
    page.get_by_role("link", name=word).wait_for()


def test_another_language_than_the_browsers_can_be_chosen(visit: Visit) -> None:
    page = visit("reader", language="de")
    page.get_by_text("reader", exact=True).click()
    page.get_by_role("button", name="English").click()
    page.locator("html[lang=en]").wait_for()
    page.context.clear_cookies(name="django_language")


def test_the_interfaces_documentation_needs_nobody_elses_server(visitors: Visitors) -> None:
    with visitors.fresh() as context:
        page = context.new_page()
        page.goto("/api/docs/")
        page.get_by_text("/webhooks/telephony/{account}/functions/").first.wait_for()


def test_whatever_goes_wrong_on_a_page_is_seen(visitors: Visitors) -> None:
    """A watch that sees nothing would let every other test of this folder pass."""
    with visitors.fresh() as context:
        page = context.new_page()
        page.goto("/admin/login/")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=//127.0.0.2:9/x.png>')")
        page.evaluate("setTimeout(() => { throw new Error('broken') })")
        page.wait_for_timeout(200)
        page.goto("/static/nothing.js")
    faults = "\n".join(visitors.watch.faults)
    visitors.watch.faults.clear()
    for trace in ("CSP: img-src", "uncaught: ", "broken", "404"):
        assert trace in faults
