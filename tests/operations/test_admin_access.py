"""The door of the back office: throttled, with a second factor for who wants one, under a strict policy."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from apps.core.back_office import client_address
from apps.operations.models import AuditEntry
from apps.tenants.models import Membership
from apps.tenants.scoping import all_companies
from tests.factories import Business, make_operator
from tests.operations.back_office import everything_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PASSWORD = "password-of-the-tests"


def sign_in(
    client: Client, *, username: str = "petra", password: str = PASSWORD, **values: Any
) -> HttpResponse:
    return client.post(
        reverse("admin:login"), {"username": username, "password": password, "next": "/admin/", **values}
    )


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def code_of(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key, step=device.step, t0=device.t0, digits=device.digits):06}"


# --- Password and throttle ----------------------------------------------------------------------


def test_the_right_password_opens_the_dashboard(client: Client, company: Business) -> None:
    make_operator(company.company, username="petra")
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert is_in(client)


def test_somebody_without_a_place_in_the_back_office_is_kept_out(client: Client) -> None:
    make_operator(username="petra", is_staff=False)
    assert sign_in(client).status_code == 200
    assert not is_in(client)


def test_too_many_wrong_passwords_close_the_door_for_a_while(
    client: Client, company: Business, clock: time_machine.Traveller
) -> None:
    make_operator(company.company, username="petra")
    for _ in range(4):
        assert sign_in(client, password="wrong").status_code == 200
    assert sign_in(client, password="wrong").status_code == 429
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "failed attempts" in answer.content.decode()
    clock.shift(timedelta(minutes=16))
    assert sign_in(client).status_code == 302


def test_one_name_locked_out_locks_nobody_else_out(client: Client, company: Business) -> None:
    make_operator(company.company, username="petra")
    make_operator(company.company, username="paul")
    for _ in range(6):
        sign_in(client, username="paul", password="wrong")
    assert sign_in(client).status_code == 302


def test_a_superuser_lets_somebody_in_again(client: Client, company: Business) -> None:
    make_operator(company.company, username="petra")
    for _ in range(6):
        sign_in(client, password="wrong")
    root = Client()
    root.force_login(make_operator(username="root", is_superuser=True))
    (attempt,) = AccessAttempt.objects.all()
    assert root.get(reverse("admin:axes_accessattempt_changelist")).status_code == 200
    root.post(reverse("admin:axes_accessattempt_delete", args=[attempt.pk]), {"post": "yes"})
    assert sign_in(client).status_code == 302


def test_failed_sign_ins_are_not_for_operators(client: Client, company: Business) -> None:
    make_operator(company.company, username="petra", role=Membership.Role.OWNER)
    sign_in(client)
    assert client.get(reverse("admin:axes_accessattempt_changelist")).status_code == 403


@pytest.mark.parametrize(
    ("trust", "forwarded", "expected"),
    [
        (False, "203.0.113.9", "127.0.0.1"),
        (True, "203.0.113.9", "203.0.113.9"),
        (True, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (True, "", "127.0.0.1"),
    ],
)
def test_attempts_are_counted_against_the_address_that_our_own_proxy_saw(
    rf: Any, settings: Settings, trust: bool, forwarded: str, expected: str
) -> None:
    settings.TRUST_PROXY = trust
    assert client_address(rf.get("/admin/", headers={"X-Forwarded-For": forwarded})) == expected


# --- The second factor --------------------------------------------------------------------------


def set_up(client: Client) -> TOTPDevice:
    """What somebody does who scans the code and types in the digits."""
    assert "<svg" in client.get(reverse("admin:second_factor")).content.decode()
    device = TOTPDevice.objects.get()
    client.post(reverse("admin:second_factor"), {"code": code_of(device)})
    device.refresh_from_db()
    return device


def test_a_second_factor_is_asked_for_once_it_is_on(
    client: Client, company: Business, clock: time_machine.Traveller
) -> None:
    make_operator(company.company, username="petra")
    sign_in(client)
    device = set_up(client)
    assert device.confirmed
    assert is_in(client)
    clock.shift(timedelta(minutes=5))
    another = Client()
    assert sign_in(another).status_code == 200
    assert sign_in(another, code="000000").status_code == 200
    assert not is_in(another)
    clock.shift(timedelta(minutes=5))
    assert sign_in(another, code=code_of(device)).status_code == 302
    assert is_in(another)


def test_a_session_from_before_the_second_factor_ends_with_it(client: Client, company: Business) -> None:
    make_operator(company.company, username="petra")
    older = Client()
    sign_in(older)
    sign_in(client)
    set_up(client)
    assert not is_in(older)


def test_wrong_digits_switch_nothing_on(client: Client, company: Business) -> None:
    make_operator(company.company, username="petra")
    sign_in(client)
    client.get(reverse("admin:second_factor"))
    answer = client.post(reverse("admin:second_factor"), {"code": "12 34 56"})
    assert answer.status_code == 200
    assert not TOTPDevice.objects.get().confirmed
    assert is_in(client)


def test_a_code_works_once(client: Client, company: Business, clock: time_machine.Traveller) -> None:
    make_operator(company.company, username="petra")
    sign_in(client)
    device = set_up(client)
    clock.shift(timedelta(minutes=5))
    code = code_of(device)
    assert sign_in(Client(), code=code).status_code == 302
    assert sign_in(Client(), code=code).status_code == 200


def test_who_lost_the_device_is_helped_by_the_owner(client: Client, company: Business) -> None:
    petra = make_operator(company.company, username="petra")
    sign_in(client)
    set_up(client)
    owner = Client()
    owner.force_login(make_operator(company.company, username="boss", role=Membership.Role.OWNER))
    address = reverse("admin:auth_user_remove_second_factor", args=[petra.pk])
    assert owner.get(address).status_code == 200
    assert TOTPDevice.objects.exists()
    owner.post(address)
    assert not TOTPDevice.objects.exists()
    with all_companies():
        assert AuditEntry.objects.get(model="auth.user").changes == {"second factor": ["on", "off"]}


def test_the_secret_of_a_device_has_no_page(client: Client) -> None:
    client.force_login(make_operator(username="root", is_superuser=True))
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404


# --- Headers ------------------------------------------------------------------------------------


def test_pages_forbid_what_they_do_not_need(client: Client, company: Business) -> None:
    make_operator(company.company, username="petra")
    sign_in(client)
    answer = client.get("/admin/")
    policy = dict(part.strip().partition(" ")[::2] for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "http" not in answer["Content-Security-Policy"]
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"] or "no-cache" in answer["Cache-Control"]


def test_no_page_holds_an_inline_script(client: Client, company: Business) -> None:
    client.force_login(make_operator(username="root", is_superuser=True))
    for address in (
        "/admin/",
        "/admin/calls/call/",
        "/admin/tenants/branch/add/",
        "/admin/flags/flagsetting/",
        "/api/docs/",
    ):
        text = client.get(address).content.decode()
        scripts = re.findall(
            r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>(.*?)</script>", text, re.DOTALL
        )
        assert not [script for script in scripts if script.strip()], address
        assert not re.search(r"\son(click|load|change|submit)=", text), address


def test_pages_load_nothing_from_elsewhere(client: Client) -> None:
    client.force_login(make_operator(username="root", is_superuser=True))
    text = client.get("/admin/").content.decode()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


# --- Languages ----------------------------------------------------------------------------------


def test_the_back_office_speaks_the_browsers_language(client: Client) -> None:
    client.force_login(make_operator(username="root", is_superuser=True))
    german = client.get("/admin/", headers={"Accept-Language": "de-DE,de;q=0.9"}).content.decode()
    assert "Anrufe heute" in german
    assert "Calls today" in client.get("/admin/", headers={"Accept-Language": "en"}).content.decode()


def test_the_language_can_be_chosen(client: Client) -> None:
    client.force_login(make_operator(username="root", is_superuser=True))
    client.post(reverse("set_language"), {"language": "de", "next": "/admin/"})
    assert "Anrufe heute" in client.get("/admin/", headers={"Accept-Language": "en"}).content.decode()


def test_every_field_that_is_shown_has_a_german_name(client: Client, company: Business) -> None:
    """Labels are compared with what they would be if nobody had named the field."""
    rows = everything_of(company)
    client.force_login(make_operator(username="root", is_superuser=True))
    with override("de"):
        for model, row in rows.items():
            options = model._meta
            page = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
            answer = client.get(page, headers={"Accept-Language": "de"})
            form = answer.context["adminform"]
            shown = {name for fieldset in form for line in fieldset for name in line.fields}
            unnamed = {
                field.name
                for field in options.concrete_fields
                if field.name in shown and str(field.verbose_name) == field.name.replace("_", " ")
            }
            # The same word in both languages.
            assert unnamed <= {"name", "status", "version", "position"}, model
