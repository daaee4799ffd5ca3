"""The back office opens for operators and shows every model; details are told beside each model."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import AbstractUser
from django.contrib.staticfiles import finders
from django.db import models
from django.test import Client
from django.urls import reverse

from apps.calls.admin import CALL_COLOURS
from apps.calls.models import Call
from apps.operations.admin.audit import ACTION_COLOURS
from apps.operations.models import AuditEntry
from apps.scheduling.admin import APPOINTMENT_COLOURS, ATTEMPT_COLOURS
from apps.scheduling.models import Appointment, BookingAttempt
from tests.factories import BERLIN, Business, make_appointment, make_operator
from tests.operations.back_office import everything_of

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 1, 7, 14, 0, tzinfo=BERLIN)
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
PRODUCT = [model for model in MODELS if model.__module__.startswith("apps.")]


def address(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def superuser(client: Client) -> AbstractUser:
    user = make_operator(username="root", is_superuser=True)
    client.force_login(user)
    return user


def test_every_class_of_our_markup_is_in_a_style_sheet() -> None:
    """The theme's sheet holds the classes of its own templates alone: others would do nothing, unseen."""
    sheets = [finders.find(name) for name in ("unfold/css/styles.css", "operations/back_office.css")]
    rules = "".join(Path(str(sheet)).read_text(encoding="utf-8") for sheet in sheets).replace("\\", "")
    markup = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("apps/**/*.py")]
    used = {
        name
        for file in markup
        for names in re.findall(r'class="([^"{]*)["{]', file.read_text(encoding="utf-8"))
        for name in names.split()
    }
    # The theme gives its own button this one.
    assert {name for name in used if f".{name}" not in rules} == {"submit-row"}


def test_every_model_of_the_product_has_its_page() -> None:
    from django.apps import apps

    own = {model for model in apps.get_models() if model.__module__.startswith("apps.")}
    assert own == set(PRODUCT)


def test_a_superuser_opens_every_list_and_every_row(
    client: Client, superuser: AbstractUser, company: Business
) -> None:
    rows = everything_of(company)
    for model in MODELS:
        assert client.get(address(model, "changelist")).status_code == 200, model
    for model, row in rows.items():
        for page in ("change", "history"):
            assert client.get(address(model, page, row.pk)).status_code == 200, (model, page)


@pytest.mark.parametrize(
    ("states", "colours"),
    [
        (Appointment.Status, APPOINTMENT_COLOURS),
        (BookingAttempt.State, ATTEMPT_COLOURS),
        (Call.State, CALL_COLOURS),
        (AuditEntry.Action, ACTION_COLOURS),
    ],
)
def test_every_state_has_a_colour_as_the_theme_translates_no_other(
    states: type[models.TextChoices], colours: dict[str, str]
) -> None:
    assert set(colours) == set(states.values)


def test_a_cancelled_appointment_is_told_in_the_operators_language(
    client: Client, superuser: AbstractUser, company: Business
) -> None:
    make_appointment(company, start=START, status=Appointment.Status.CANCELLED)
    page = client.get(address(Appointment, "changelist"), headers={"accept-language": "de"})
    table = page.content.decode().split('id="result_list"')[1].split("</table>")[0]
    assert "abgesagt" in table
    assert "cancelled" not in table
