"""Which flags are in force, whose word it is, and how soon a change is known everywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from apps.flags import state
from apps.flags.models import FlagChange, FlagSetting
from apps.flags.registry import Flag, declarations
from apps.flags.state import Choice, choose, explain, is_on
from tests.factories import Business, make_operator
from tests.flags.override import override_flag

pytestmark = pytest.mark.django_db

Commit = Callable[..., object]
DEFAULTS = {
    Flag.SKIP_ALTERNATIVES_FOR_VOICE: False,
    Flag.SLOT_HOLDS: True,
    Flag.PREWARM: True,
    Flag.CALCOM_RESERVATIONS: False,
    Flag.MESSAGES_ONLY: False,
}


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the process's own clock go on by seconds."""
    passed = 0.0
    real = state.time.monotonic

    def forward(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(state.time, "monotonic", lambda: real() + passed)
    return forward


def set_by_another_process(flag: Flag, *, enabled: bool, company_id: int | None = None) -> None:
    """The row changes, this process hears nothing of it."""
    FlagSetting.objects.update_or_create(
        name=flag.value, company_id=company_id, defaults={"enabled": enabled}
    )


@pytest.mark.parametrize("flag", Flag)
def test_every_flag_is_declared_with_its_meaning_and_default(flag: Flag) -> None:
    assert str(declarations()[flag].meaning)
    assert explain(flag) == (DEFAULTS[flag], "default")


def test_the_default_of_skipping_alternatives_is_a_setting(settings: object) -> None:
    settings.FEATURE_SKIP_ALTERNATIVES_FOR_VOICE = True  # type: ignore[attr-defined]
    assert explain(Flag.SKIP_ALTERNATIVES_FOR_VOICE) == (True, "default")


def test_a_companys_word_goes_before_everyones_and_everyones_before_the_default(
    company: Business, other_company: Business
) -> None:
    own, other = company.company.pk, other_company.company.pk
    with override_flag(Flag.SLOT_HOLDS, False):
        assert explain(Flag.SLOT_HOLDS, company_id=own) == (False, "everyone")
        with override_flag(Flag.SLOT_HOLDS, True, company_id=own):
            assert explain(Flag.SLOT_HOLDS, company_id=own) == (True, "company")
            assert explain(Flag.SLOT_HOLDS, company_id=other) == (False, "everyone")
            assert explain(Flag.SLOT_HOLDS) == (False, "everyone")
    assert explain(Flag.SLOT_HOLDS, company_id=own) == (True, "default")


def test_a_choice_is_in_force_at_once_where_it_was_made(
    company: Business, django_capture_on_commit_callbacks: Commit
) -> None:
    pk = company.company.pk
    assert is_on(Flag.PREWARM, company_id=pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert choose(Flag.PREWARM, "off", company_id=pk, source="test") == "default"
    assert not is_on(Flag.PREWARM, company_id=pk)
    assert is_on(Flag.PREWARM)
    with django_capture_on_commit_callbacks(execute=True):
        assert choose(Flag.PREWARM, "default", company_id=pk, source="test") == "off"
    assert is_on(Flag.PREWARM, company_id=pk)
    assert not FlagSetting.objects.exists()


def test_another_processs_change_is_known_within_five_seconds(wait: Callable[[float], None]) -> None:
    assert is_on(Flag.SLOT_HOLDS)
    set_by_another_process(Flag.SLOT_HOLDS, enabled=False)
    assert is_on(Flag.SLOT_HOLDS), "the copy is meant to save the query"
    wait(4.9)
    assert not is_on(Flag.SLOT_HOLDS)


def test_checks_ask_the_database_once_for_as_long_as_the_copy_lives(
    wait: Callable[[float], None], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        for flag in Flag:
            is_on(flag, company_id=1)
    state.forget()
    with django_assert_num_queries(1):
        is_on(Flag.PREWARM)


def test_every_change_is_history_and_no_change_is_none(company: Business) -> None:
    user = make_operator(company.company)
    choices: list[Choice] = ["on", "on", "off", "default", "default"]
    before = [choose(Flag.MESSAGES_ONLY, choice, user_id=user.pk, source="admin") for choice in choices]
    assert before == ["default", "on", "on", "off", "default"]
    history = FlagChange.objects.order_by("pk").values_list("before", "after", "user_id", "source")
    assert list(history) == [
        ("default", "on", user.pk, "admin"),
        ("on", "off", user.pk, "admin"),
        ("off", "default", user.pk, "admin"),
    ]


def test_a_change_that_is_rolled_back_has_not_happened() -> None:
    assert not is_on(Flag.MESSAGES_ONLY)
    with transaction.atomic():
        choose(Flag.MESSAGES_ONLY, "on", source="test")
        transaction.set_rollback(True)
    assert not is_on(Flag.MESSAGES_ONLY)
    assert not FlagChange.objects.exists()


@pytest.mark.parametrize("for_company", [True, False])
def test_a_flag_is_set_once_for_everyone_and_once_for_a_company(company: Business, for_company: bool) -> None:
    company_id = company.company.pk if for_company else None
    set_by_another_process(Flag.PREWARM, enabled=True, company_id=company_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        FlagSetting.objects.create(name=Flag.PREWARM.value, company_id=company_id, enabled=False)


def test_a_setting_of_a_flag_that_no_longer_exists_has_no_effect() -> None:
    FlagSetting.objects.create(name="gone", enabled=True)
    assert {flag: is_on(flag) for flag in Flag} == DEFAULTS


def test_an_override_puts_back_what_was_set() -> None:
    set_by_another_process(Flag.PREWARM, enabled=False)
    with override_flag(Flag.PREWARM, True):
        assert explain(Flag.PREWARM) == (True, "everyone")
    assert explain(Flag.PREWARM) == (False, "everyone")
