"""A new encryption key takes over what an old one encrypted."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from apps.calls.models import TelephonyAccount
from apps.tenants.scoping import all_companies
from tests.factories import API_KEY, SIGNING_KEY, WEBHOOK_SECRET, Business
from tests.operations.rows import stored_text


def secrets(business: Business) -> tuple[str, ...]:
    """What stands in the database now, decrypted."""
    with all_companies():
        business.calendar.refresh_from_db()
        account = TelephonyAccount.objects.get(pk=business.account.pk)
    calendar = business.calendar
    return calendar.api_key, calendar.webhook_secret, account.signing_key, account.previous_signing_key


def test_after_the_rotation_the_old_key_is_needed_no_more(
    company: Business, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert secrets(company) == (API_KEY, WEBHOOK_SECRET, SIGNING_KEY, "")
    before = stored_text()
    call_command("rotate_keys")
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert secrets(company) == (API_KEY, WEBHOOK_SECRET, SIGNING_KEY, "")
    assert stored_text() != before
    printed = capsys.readouterr()
    assert "scheduling.CalendarAccount: 1 row" in printed.out
    for secret in (API_KEY, WEBHOOK_SECRET, SIGNING_KEY, old, new):
        assert secret not in printed.out + printed.err


def test_without_the_old_key_nothing_is_read_and_nothing_is_lost(
    company: Business, settings: Settings
) -> None:
    before, old = stored_text(), list(settings.FIELD_ENCRYPTION_KEYS)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="cannot be decrypted") as refused:
        call_command("rotate_keys")
    with pytest.raises(ImproperlyConfigured):
        secrets(company)
    settings.FIELD_ENCRYPTION_KEYS = old
    assert stored_text() == before
    assert API_KEY not in str(refused.value)
