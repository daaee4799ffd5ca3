"""The back office opens for operators and shows every model; details are told beside each model."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib import admin
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.test import Client
from django.urls import reverse

from tests.factories import BERLIN, Business, make_operator
from tests.operations.back_office import everything_of

pytestmark = pytest.mark.django_db
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
