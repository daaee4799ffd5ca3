"""An operator's day: looking at calls, calling people back, switching features."""

from __future__ import annotations

import time

import pytest
from django.db import models
from playwright.sync_api import Page

from apps.calls.models import Call, CallbackRequest, CallEvent
from apps.flags.models import FlagSetting
from apps.operations.models import AuditEntry
from tests.e2e.conftest import Visit
from tests.e2e.world import World, ask_for_the_taken_time

pytestmark = pytest.mark.browser
FLAG = "skip_alternatives_for_voice"
IN_FORCE_SECONDS = 5.0


def status_of(name: str) -> str:
    return CallbackRequest.objects.get(name=name).status


def told(model: str, row: models.Model) -> AuditEntry:
    """The newest entry of the audit log about this row."""
    return AuditEntry.objects.filter(model=model, object_id=str(row.pk)).latest("pk")


def test_a_call_is_found_by_its_caller_and_read_on_one_page(visit: Visit, world: World) -> None:
    page = visit("park", "/admin/calls/call/")
    page.fill("input[name=q]", "1701234567")
    page.press("input[name=q]", "Enter")
    page.wait_for_url("**/?q=*")
    assert page.locator("#result_list tbody tr").count() > 1
    page.goto(f"/admin/calls/call/{world.rows[Call].pk}/change/")
    booking = page.locator("table tr", has_text="Filiale Nord").first
    assert "confirmed" in booking.inner_text().lower()
    page.locator("a", has_text="Transcript").click()
    page.get_by_text("Guten Tag, hier ist Alma Parkmann.").wait_for()
    assert page.locator(".bo-transcript").evaluate("it => getComputedStyle(it).whiteSpace") == "pre-line"
    page.locator("a", has_text="Function calls").last.click()
    page.get_by_text("Mittwoch um 14 Uhr ist frei.").wait_for()


def test_what_a_provider_sent_is_read_on_a_telephone_without_scrolling_sideways(
    visit: Visit, world: World
) -> None:
    event = world.rows[CallEvent]
    CallEvent.objects.filter(pk=event.pk).update(payload={"sid": "4f1c9a7e2b8d6053" * 8})
    page = visit("park", f"/admin/calls/callevent/{event.pk}/change/")
    page.set_viewport_size({"width": 400, "height": 850})
    page.get_by_text("4f1c9a7e2b8d6053").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_callback_is_done_from_the_list(visit: Visit) -> None:
    page = visit("park", "/admin/calls/callbackrequest/?q=Lia")
    page.locator("#result_list tbody input[name=_selected_action]").check()
    page.select_option("select[name=action]", "mark_done")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("1 callback is done.").wait_for()
    assert status_of("Lia Parkmann") == "done"


def test_a_callback_is_done_from_its_page_after_it_was_meant(visit: Visit) -> None:
    callback = CallbackRequest.objects.get(name="Pia Parkmann")
    page = visit("park", f"/admin/calls/callbackrequest/{callback.pk}/change/")
    page.get_by_role("link", name="Mark as done").click()
    assert status_of("Pia Parkmann") == "open"
    page.get_by_role("button", name="Mark as done").click()
    page.get_by_text("The callback is done.").wait_for()
    assert status_of("Pia Parkmann") == "done"
    assert told("calls.callbackrequest", callback).username == "park"


def switch(page: Page, company: str, choice: str) -> None:
    """Press one button of the company's row of ``FLAG``."""
    page.goto("/admin/flags/flagsetting/")
    row = (
        page.locator("form")
        .filter(has=page.locator(f"input[value={FLAG}]"))
        .filter(has=page.locator(f"xpath=../span[normalize-space()='{company}']"))
    )
    row.get_by_role("button", name=choice, exact=True).click()
    page.get_by_text(f"{FLAG} is set to").wait_for()


def test_a_feature_switched_for_one_company_is_in_force_for_its_calls_in_five_seconds(
    visit: Visit, world: World, server: str
) -> None:
    def statuses() -> dict[str, set[str]]:
        """Asked so often that both processes of the web server have answered."""
        return {
            business.company.slug: {ask_for_the_taken_time(business, server=server) for _ in range(6)}
            for business in (world.park, world.linden)
        }

    assert statuses() == {"praxis-am-park": {"alternatives"}, "linden-clinic": {"alternatives"}}
    page = visit("park")
    switch(page, world.park.company.name, "on")
    time.sleep(IN_FORCE_SECONDS)
    assert statuses() == {"praxis-am-park": {"not_available"}, "linden-clinic": {"alternatives"}}
    switch(page, world.park.company.name, "default")
    assert not FlagSetting.objects.filter(name=FLAG).exists()
