"""The switchboard of feature flags: who sees which switch, who may move it, and that it is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from apps.flags.admin import Row
from apps.flags.models import FlagChange, FlagSetting
from apps.flags.registry import Flag
from apps.flags.state import explain, is_on
from apps.tenants.models import Membership
from tests.factories import Business, make_operator

pytestmark = pytest.mark.django_db
Role = Membership.Role
PAGE = "/admin/flags/flagsetting/"
NAME = Flag.SKIP_ALTERNATIVES_FOR_VOICE.value


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def sign_in(client: Client, *companies: Business, role: str = Role.STAFF, superuser: bool = False) -> None:
    operator = make_operator(
        *(one.company for one in companies), username="me", role=role, is_superuser=superuser
    )
    client.force_login(operator)


def choose(client: Client, choice: str, *, company: Business | None = None, flag: str = NAME) -> HttpResponse:
    named = "" if company is None else str(company.company.pk)
    return client.post(PAGE, {"flag": flag, "choice": choice, "company": named})


def rows(client: Client) -> dict[str, Row]:
    return {row.flag.value: row for row in client.get(PAGE).context["rows"]}


def test_every_flag_is_shown_with_what_holds(client: Client, company: Business) -> None:
    sign_in(client, superuser=True)
    shown = rows(client)
    assert set(shown) == {flag.value for flag in Flag}
    everyone, own = shown[NAME].switches
    assert (everyone.company, everyone.choice, everyone.on) == (None, "default", False)
    assert (own.company, own.choice, own.on) == (company.company, "default", False)


def test_a_superuser_sets_a_flag_for_everyone(client: Client, company: Business) -> None:
    sign_in(client, superuser=True)
    assert choose(client, "on").status_code == 302
    assert explain(Flag.SKIP_ALTERNATIVES_FOR_VOICE, company_id=company.company.pk) == (True, "everyone")
    everyone, own = rows(client)[NAME].switches
    assert (everyone.choice, everyone.on, own.choice, own.on) == ("on", True, "default", True)


def test_a_company_sets_its_own_and_goes_back_to_the_default(
    client: Client, company: Business, django_capture_on_commit_callbacks: Any
) -> None:
    sign_in(client, company)
    with django_capture_on_commit_callbacks(execute=True):
        choose(client, "on", company=company)
    assert is_on(Flag.SKIP_ALTERNATIVES_FOR_VOICE, company_id=company.company.pk)
    with django_capture_on_commit_callbacks(execute=True):
        choose(client, "default", company=company)
    assert not is_on(Flag.SKIP_ALTERNATIVES_FOR_VOICE, company_id=company.company.pk)
    assert not FlagSetting.objects.exists()


def test_the_history_says_who(client: Client, company: Business) -> None:
    sign_in(client, company)
    choose(client, "on", company=company)
    change = FlagChange.objects.get()
    assert (change.before, change.after, change.source) == ("default", "on", "admin")
    assert change.user is not None
    assert change.user.get_username() == "me"
    assert "default → on" in client.get(PAGE).content.decode()
    german = {"accept-language": "de"}
    assert "Vorgabe → an" in client.get(PAGE, headers=german).content.decode()
    changes = client.get("/admin/flags/flagchange/", headers=german).content.decode()
    assert "Vorgabe" in changes


@pytest.mark.parametrize("role", [Role.READ_ONLY, Role.STAFF, Role.OWNER])
def test_nobody_but_a_superuser_sets_a_flag_for_everyone(
    client: Client, company: Business, role: str
) -> None:
    sign_in(client, company, role=role)
    assert choose(client, "on").status_code == 403
    assert not FlagSetting.objects.exists()


def test_who_only_reads_moves_no_switch(client: Client, company: Business) -> None:
    sign_in(client, company, role=Role.READ_ONLY)
    assert choose(client, "on", company=company).status_code == 403
    assert 'name="choice"' not in client.get(PAGE).content.decode()


def test_another_companys_switches_are_not_there(
    client: Client, company: Business, other_company: Business
) -> None:
    FlagSetting.objects.create(name=NAME, company=other_company.company, enabled=True)
    FlagChange.objects.create(
        name=NAME, company=other_company.company, before="default", after="on", source="command"
    )
    sign_in(client, company, role=Role.OWNER)
    assert choose(client, "off", company=other_company).status_code == 400
    assert FlagSetting.objects.get().enabled
    text = client.get(PAGE).content.decode()
    assert "Linden" not in text
    assert "default → on" not in text


@pytest.mark.parametrize(("flag", "choice"), [("no_such_flag", "on"), (NAME, "maybe"), (NAME, "")])
def test_nonsense_is_refused(client: Client, flag: str, choice: str) -> None:
    sign_in(client, superuser=True)
    assert choose(client, choice, flag=flag).status_code == 400


def test_the_same_again_is_no_change(client: Client, company: Business) -> None:
    sign_in(client, company)
    choose(client, "on", company=company)
    choose(client, "on", company=company)
    assert FlagChange.objects.count() == 1


def test_somebody_without_a_company_sees_no_switchboard(client: Client) -> None:
    sign_in(client)
    assert client.get(PAGE).status_code == 403
