"""Who may change what, that secrets are only written, and that every change is on record."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from apps.calls.models import CallbackRequest, TelephonyAccount
from apps.core import runtime
from apps.operations.models import AuditEntry, RecordIsFinal
from apps.scheduling.models import BookingAttempt, CalendarAccount, Customer, Hold
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, Membership, PhoneNumber
from apps.tenants.scoping import all_companies
from tests.factories import API_KEY, SIGNING_KEY, WEBHOOK_SECRET, Business, make_operator
from tests.operations.back_office import Rows, everything_of
from tests.operations.test_admin_tenancy import page, post

pytestmark = pytest.mark.django_db
Role = Membership.Role


@pytest.fixture
def rows(company: Business) -> Rows:
    return everything_of(company)


def sign_in(client: Client, company: Business, role: str) -> User:
    user = make_operator(company.company, username=f"the {role}", role=role)
    client.force_login(user)
    return user  # type: ignore[return-value]


def entries() -> list[AuditEntry]:
    """The audit log without what the fixtures put there."""
    with all_companies():
        return list(
            AuditEntry.objects.exclude(label="Filiale Nord", username__startswith="op-").order_by("id")
        )


def fresh(row: Any) -> Any:
    with all_companies():
        return type(row)._default_manager.get(pk=row.pk)


# --- Ranks --------------------------------------------------------------------------------------

EDITS: list[tuple[Any, dict[str, Any], set[str]]] = [
    (Branch, {"name": "Neu", "active": "on", "closures": ""}, {Role.STAFF, Role.OWNER}),
    (Customer, {"name": "Neu", "email": ""}, {Role.STAFF, Role.OWNER}),
    (CallbackRequest, {"status": "done"}, {Role.STAFF, Role.OWNER}),
    (PhoneNumber, {"branch": "own"}, {Role.OWNER}),
    (CalendarAccount, {"api_key": "cal_new_0123456789", "webhook_secret": ""}, {Role.OWNER}),
    (Membership, {"role": "owner"}, {Role.OWNER}),
    (EventType, {"base_url": "http://elsewhere.example"}, set()),
    (BookingAttempt, {"state": "confirmed"}, set()),
    (AuditEntry, {"label": "nothing happened"}, set()),
]


@pytest.mark.parametrize("role", Role.values)
def test_a_role_changes_what_it_may(client: Client, company: Business, rows: Rows, role: str) -> None:
    sign_in(client, company, role)
    for model, values, allowed in EDITS:
        values = {name: company.branch.pk if value == "own" else value for name, value in values.items()}
        answer = post(client, model, rows[model].pk, **values)
        assert answer.status_code == (302 if role in allowed else 403), model


@pytest.mark.parametrize("role", Role.values)
def test_only_an_owner_sees_who_runs_the_company_and_what_they_changed(
    client: Client, company: Business, rows: Rows, role: str
) -> None:
    sign_in(client, company, role)
    for model in (Membership, User, AuditEntry):
        expected = 200 if role == Role.OWNER else 403
        assert client.get(page(model, "changelist")).status_code == expected, model


def test_read_only_is_offered_nothing_to_press(client: Client, company: Business, rows: Rows) -> None:
    sign_in(client, company, Role.READ_ONLY)
    for model in (Branch, Service, CallbackRequest, CalendarAccount, Hold):
        text = client.get(page(model, "change", rows[model].pk)).content.decode()
        assert 'name="_save"' not in text
        assert "Reset circuit breaker" not in text
        assert "Mark as done" not in text


def test_what_binds_the_company_is_the_owners(client: Client, company: Business, rows: Rows) -> None:
    sign_in(client, company, Role.STAFF)
    post(client, Company, company.company.pk, **company_form(retention_days=1, name="Praxis Neu"))
    assert fresh(company.company).name == "Praxis Neu"
    assert fresh(company.company).retention_days == 90
    sign_in(client, company, Role.OWNER)
    post(client, Company, company.company.pk, **company_form(retention_days=30, store_transcripts="on"))
    assert fresh(company.company).retention_days == 30


def test_django_permissions_open_nothing(client: Client, company: Business, rows: Rows) -> None:
    from django.contrib.auth.models import Permission

    user = make_operator(username="decorated")
    user.user_permissions.set(Permission.objects.all())  # type: ignore[attr-defined]
    client.force_login(user)
    assert client.get(page(Branch, "changelist")).status_code == 403


def test_an_owner_adds_an_operator_to_their_own_company(client: Client, company: Business) -> None:
    sign_in(client, company, Role.OWNER)
    answer = post(
        client,
        User,
        username="neu",
        password1="ein-langes-Wort-7",
        password2="ein-langes-Wort-7",
        company=company.company.pk,
        role="staff",
    )
    assert answer.status_code == 302
    added = User.objects.get(username="neu")
    assert (added.is_staff, added.is_superuser) == (True, False)
    assert Membership.objects.get(user=added).role == "staff"


def test_an_owner_makes_nobody_a_superuser(client: Client, company: Business) -> None:
    sign_in(client, company, Role.OWNER)
    colleague = make_operator(company.company, username="colleague")
    post(client, User, colleague.pk, username="colleague", is_active="on", is_superuser="on", is_staff="on")
    assert not fresh(colleague).is_superuser
    root = make_operator(company.company, username="root", is_superuser=True)
    assert post(client, User, root.pk, username="root").status_code == 403


# --- Secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("superuser", [True, False])
def test_no_page_shows_a_secret(client: Client, company: Business, rows: Rows, superuser: bool) -> None:
    if superuser:
        client.force_login(make_operator(username="root", is_superuser=True))
    else:
        sign_in(client, company, Role.OWNER)
    for model in (CalendarAccount, TelephonyAccount):
        for name, args in (("changelist", ()), ("change", (rows[model].pk,)), ("history", (rows[model].pk,))):
            text = client.get(page(model, name, *args)).content.decode()
            for secret in (API_KEY, WEBHOOK_SECRET, SIGNING_KEY, "gAAAA"):
                assert secret not in text


def test_a_blank_secret_keeps_the_stored_one(client: Client, company: Business) -> None:
    sign_in(client, company, Role.OWNER)
    post(client, CalendarAccount, company.calendar.pk, api_key="", webhook_secret="a-new-secret")
    account = fresh(company.calendar)
    assert (account.api_key, account.webhook_secret) == (API_KEY, "a-new-secret")


def test_a_new_calendar_needs_its_key(client: Client, company: Business) -> None:
    with all_companies():
        CalendarAccount.objects.all().delete()
    sign_in(client, company, Role.OWNER)
    answer = post(
        client, CalendarAccount, company=company.company.pk, base_url="https://api.cal.com/v2/", api_key=""
    )
    assert answer.status_code == 200
    post(
        client,
        CalendarAccount,
        company=company.company.pk,
        base_url="https://api.cal.com/v2/",
        api_key="cal_1",
    )
    with all_companies():
        assert CalendarAccount.objects.get().base_url == "https://api.cal.com/v2"


def test_a_changed_signing_key_keeps_the_old_one_for_a_day(client: Client, company: Business) -> None:
    sign_in(client, company, Role.OWNER)
    values = {"provider": "retell", "api_url": "", "active": "on", "web_calls_branch": ""}
    post(client, TelephonyAccount, company.account.pk, signing_key="key_new", **values)
    account = fresh(company.account)
    assert (account.signing_key, account.previous_signing_key) == ("key_new", SIGNING_KEY)
    assert account.previous_key_until is not None


# --- What has to be right -----------------------------------------------------------------------


def company_form(**values: Any) -> dict[str, Any]:
    return {
        "name": "Praxis am Park",
        "slug": "praxis-am-park",
        "language": "de",
        "timezone": "Europe/Berlin",
        "holidays": "DE-BE",
        "disclosure": "",
        "fallback_number": "",
        "email_placeholder": "",
        "max_alternatives": 2,
        "retention_days": 90,
        "requests_per_minute": 100,
        "targets": "{}",
        "active": "on",
        **values,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Berlin"),
        ("holidays", "Bavaria"),
        ("fallback_number", "030 123456"),
        ("email_placeholder", "termin@praxis.example"),
        ("max_alternatives", "9"),
        ("targets", '{"happiness": {"target": 1}}'),
        ("targets", '{"call_duration": {"target": 90, "alert": 60}}'),
        ("targets", '{"call_duration": "fast"}'),
    ],
)
def test_a_company_keeps_to_the_rules_of_its_file(
    client: Client, company: Business, field: str, value: str
) -> None:
    sign_in(client, company, Role.OWNER)
    answer = post(client, Company, company.company.pk, **company_form(**{field: value}))
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]


def test_hours_are_read_as_in_the_file_and_reach_the_callers(client: Client, company: Business) -> None:
    sign_in(client, company, Role.STAFF)
    before = fresh(company.company).config_version
    values = {"name": "Nord", "active": "on", "closures": "2026-12-24\n2026-12-31"}
    answer = post(
        client, Branch, company.branch.pk, hours_mon="9:00-13:00, 14:00-18:00", hours_tue="", **values
    )
    assert answer.status_code == 302
    branch = fresh(company.branch)
    assert branch.hours == {"mon": [["09:00", "13:00"], ["14:00", "18:00"]]}
    assert branch.closures == ["2026-12-24", "2026-12-31"]
    assert fresh(company.company).config_version == before + 1
    answer = post(client, Branch, company.branch.pk, hours_mon="abends", **values)
    assert answer.status_code == 200
    assert fresh(company.branch).hours == branch.hours


def test_a_service_keeps_its_words_and_answers(client: Client, company: Business) -> None:
    sign_in(client, company, Role.STAFF)
    values = {
        "name": "Fußpflege", "position": 0, "active": "on", "duration_minutes": 45, "capacity": 1,
        "minimum_notice_minutes": 0, "cancel_notice_minutes": 0,
    }  # fmt: skip
    fields = "kasse = gesetzlich\nalter = 30\neinverstanden = true"
    post(client, Service, company.service.pk, synonyms="Pediküre\nFüße", booking_fields=fields, **values)
    service = fresh(company.service)
    assert service.synonyms == ["Pediküre", "Füße"]
    assert service.booking_fields == {"kasse": "gesetzlich", "alter": 30, "einverstanden": True}
    text = client.get(page(Service, "change", service.pk)).content.decode()
    assert "einverstanden = true" in text


def test_an_event_type_is_named_by_its_number_in_the_companys_calendar(
    client: Client, company: Business
) -> None:
    sign_in(client, company, Role.STAFF)
    answer = post(client, BranchService, company.place.pk, event_type_id_number=456, active="on")
    assert answer.status_code == 302
    event_type = EventType.objects.get(external_id=456)
    assert event_type.base_url == company.calendar.base_url
    assert fresh(company.place).event_type_id == event_type.pk


# --- The record ---------------------------------------------------------------------------------


def test_a_change_is_recorded_with_who_old_and_new(client: Client, company: Business) -> None:
    user = sign_in(client, company, Role.STAFF)
    post(client, Branch, company.branch.pk, name="Filiale Mitte", active="on", closures="")
    (entry,) = entries()
    assert (entry.user_id, entry.username, entry.action) == (user.pk, "the staff", "changed")
    assert (entry.model, entry.object_id, entry.company_id) == (
        "tenants.branch",
        str(company.branch.pk),
        company.company.pk,
    )
    assert entry.changes == {"name": ["Filiale Nord", "Filiale Mitte"]}


def test_a_secret_is_recorded_without_its_value(client: Client, company: Business) -> None:
    sign_in(client, company, Role.OWNER)
    post(client, CalendarAccount, company.calendar.pk, api_key="cal_secret_0123456789", webhook_secret="")
    (entry,) = entries()
    assert entry.changes == {"api_key": "changed"}


def test_adding_and_deleting_are_recorded(client: Client, company: Business, rows: Rows) -> None:
    sign_in(client, company, Role.OWNER)
    colleague = make_operator(username="colleague")
    Membership.objects.create(user=colleague, company=company.company)
    post(client, Branch, company=company.company.pk, name="Süd", slug="sued", active="on", closures="")
    client.post(page(Hold, "delete", rows[Hold].pk), {"post": "yes"})
    client.post(
        page(Membership, "changelist"),
        {
            "action": "delete_selected",
            "_selected_action": [Membership.objects.get(user=colleague).pk],
            "post": "yes",
        },
    )
    assert [(entry.action, entry.model) for entry in entries()] == [
        ("added", "tenants.branch"),
        ("deleted", "scheduling.hold"),
        ("deleted", "tenants.membership"),
    ]
    assert not Membership.objects.filter(user=colleague).exists()


def test_saving_without_a_change_records_nothing(client: Client, company: Business) -> None:
    sign_in(client, company, Role.STAFF)
    post(client, Branch, company.branch.pk, name="Filiale Nord", active="on", closures="")
    assert entries() == []


def test_a_changed_password_is_recorded_not_shown(client: Client, company: Business) -> None:
    sign_in(client, company, Role.OWNER)
    colleague = make_operator(company.company, username="colleague")
    client.post(
        reverse("admin:auth_user_password_change", args=[colleague.pk]),
        {"password1": "ein-langes-Wort-7", "password2": "ein-langes-Wort-7"},
    )
    (entry,) = entries()
    assert (entry.model, entry.changes) == ("auth.user", {"password": "changed"})


def test_the_history_of_a_row_shows_what_was_changed(client: Client, company: Business) -> None:
    sign_in(client, company, Role.OWNER)
    post(client, Branch, company.branch.pk, name="Filiale Mitte", active="on", closures="")
    text = client.get(page(Branch, "history", company.branch.pk)).content.decode()
    assert "Filiale Nord → Filiale Mitte" in text


def test_the_record_is_final(company: Business, rows: Rows) -> None:
    entry = rows[AuditEntry]
    with all_companies():
        with pytest.raises(RecordIsFinal):
            entry.save()
        with pytest.raises(RecordIsFinal):
            entry.delete()


# --- Actions ------------------------------------------------------------------------------------


def break_calendar(company: Business) -> None:
    for _ in range(5):
        runtime.breaker(company.calendar.pk).allow().fault()
    runtime.budget(company.calendar.pk).block(seconds=60)


def reset(client: Client, company: Business) -> HttpResponse:
    return client.post(reverse("admin:scheduling_calendaraccount_reset_breaker", args=[company.calendar.pk]))


def test_staff_see_and_reset_a_circuit_breaker(client: Client, company: Business) -> None:
    break_calendar(company)
    sign_in(client, company, Role.STAFF)
    assert ">open" in client.get(
        page(CalendarAccount, "change", company.calendar.pk)
    ).content.decode().replace("\n", "").replace(" ", "")
    reset(client, company)
    assert runtime.breaker(company.calendar.pk).state().state == "closed"
    assert runtime.budget(company.calendar.pk).blocked_for() == 0
    (entry,) = entries()
    assert (entry.action, entry.changes) == ("done", {"circuit breaker": ["open", "closed"]})


def test_a_link_alone_resets_nothing(client: Client, company: Business) -> None:
    break_calendar(company)
    sign_in(client, company, Role.STAFF)
    answer = client.get(reverse("admin:scheduling_calendaraccount_reset_breaker", args=[company.calendar.pk]))
    assert "is this meant?" in answer.content.decode()
    assert runtime.breaker(company.calendar.pk).state().state == "open"


def test_nobody_else_resets_it(client: Client, company: Business, other_company: Business) -> None:
    break_calendar(company)
    sign_in(client, company, Role.READ_ONLY)
    assert reset(client, company).status_code == 403
    sign_in(client, other_company, Role.OWNER)
    assert reset(client, company).status_code == 403
    assert runtime.breaker(company.calendar.pk).state().state == "open"


def test_a_callback_is_marked_as_done(client: Client, company: Business, rows: Rows) -> None:
    sign_in(client, company, Role.STAFF)
    client.post(reverse("admin:calls_callbackrequest_done", args=[rows[CallbackRequest].pk]))
    assert fresh(rows[CallbackRequest]).status == "done"
    (entry,) = entries()
    assert entry.changes == {"status": ["open", "done"]}


def test_pending_bookings_are_looked_at_again(
    client: Client, company: Business, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.scheduling import admin as scheduling_admin

    asked: list[int] = []

    def settle_later(_company_id: int, attempt_id: int, *, seconds: float) -> None:
        asked.append(attempt_id)

    monkeypatch.setattr(scheduling_admin.tasks, "settle_later", settle_later)
    attempt = rows[BookingAttempt]
    with all_companies():
        unknown = BookingAttempt.objects.filter(pk=attempt.pk)
        unknown.update(state="unknown", settled_at=None, check_at=attempt.created_at)  # type: ignore[attr-defined]
    sign_in(client, company, Role.STAFF)
    client.post(
        page(BookingAttempt, "changelist"), {"action": "look_again", "_selected_action": [attempt.pk]}
    )
    assert asked == [attempt.pk]
