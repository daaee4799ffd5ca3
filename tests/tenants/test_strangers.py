"""Whatever a stranger names of another company – ids, tokens, references, numbers, names – gives nothing.

The wren's company has everything: a call, offers, an appointment, a callback, a customer. The stranger is
another company of the same installation, with the same event type id at the same Cal.com. Each test does
something as the stranger, and then looks: nothing of the wren's was said, nothing of it was changed, and
its calendar was not even asked.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import time_machine
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError
from django.db import connection, models
from django.http import HttpResponse
from django.test import Client

from apps.calls.models import AccountCompany, Call, Offer
from apps.sandbox.server import SandboxServer
from apps.scheduling import gateway, prewarming, tasks
from apps.scheduling.models import Appointment, BookingAttempt
from apps.tenants import row_security
from apps.tenants.context import company_scope
from apps.tenants.models import Company
from apps.tenants.scoping import TenantModel
from tests.factories import API_KEY, WEBHOOK_SECRET, Business, make_business
from tests.phone import Phone, signature

CALLER = "+491719998877"
TABLES: tuple[type[models.Model], ...] = (Company, *TenantModel.__subclasses__())
# Each handle is given under all names of a line at once; what says when or which wins over the rest.
ARGUMENTS = (
    "slot company company_id call_id",
    "when service branch customer_name",
    "date time service_id reason",
    "appointment customer_phone new_date old_date",
)
FUNCTIONS = (
    "get_call_context", "list_services", "check_availability", "book_appointment", "list_appointments",
    "reschedule_appointment", "cancel_appointment", "request_callback", "transfer_to_person",
    "get_everything",
)  # fmt: skip


@dataclass
class Wren:
    """A company with everything, and what only it may know."""

    business: Business
    phone: Phone
    sandbox: SandboxServer
    appointment: Appointment
    attempt: BookingAttempt
    secrets: frozenset[str]
    handles: dict[str, Any]
    before: list[Any] = field(default_factory=list)
    asked: int = 0

    def remember(self) -> None:
        self.before, self.asked = self.rows(), self.requests()

    def rows(self) -> list[Any]:
        """Every row of the company."""
        with company_scope(self.business.company.pk):
            return [list(model._default_manager.order_by("pk").values()) for model in TABLES]

    def requests(self) -> int:
        """How often its calendar was asked."""
        return sum(1 for one in self.sandbox.journal.listed() if one.get("account") == "praxis")

    def is_untouched(self) -> bool:
        assert gateway.drain(seconds=10)
        return self.rows() == self.before and self.requests() == self.asked

    def told_in(self, text: str, *, said: object = "") -> set[str]:
        """What of it stands in a text, apart from what was said oneself."""
        echoed = json.dumps(said, ensure_ascii=False, default=str)
        return {secret for secret in self.secrets if secret in text and secret not in echoed}


@pytest.fixture
def wren(transactional_db: None, clock: time_machine.Traveller, sandbox: SandboxServer) -> Wren:
    business = make_business(
        "zaunkoenig",
        base_url=sandbox.base_url,
        company={
            "name": "Praxis Zaunkönig",
            "fallback_number": "+493055566677",
            "disclosure": "Zaunkönigs Stimme.",
        },
        branch={"slug": "gartenhecke", "name": "Filiale Gartenhecke"},
        service={"slug": "zaunpflege", "name": "Zaunpflege", "synonyms": ["Heckenschnitt"]},
    )
    phone = Phone(business, caller=CALLER)
    slot = phone.function("check_availability", when="Mittwoch um 10 Uhr")["slot"]["slot"]
    assert phone.function("book_appointment", slot=slot, customer_name="Zacharias Zaun")["booked"]
    phone.function("check_availability", when="Donnerstag um 11 Uhr")
    phone.function("request_callback", customer_name="Zacharias Zaun", reason="Gartenfrage")
    assert phone.event("call_started").status_code == 204
    assert gateway.drain(seconds=10)
    assert prewarming.drain(seconds=10)
    with company_scope(business.company.pk):
        appointment, attempt = Appointment.objects.get(), BookingAttempt.objects.get()
        call, offer = Call.objects.get(), Offer.objects.order_by("-pk")[0]
    texts = {
        business.company.slug, business.company.name, business.company.fallback_number,
        business.company.disclosure, business.branch.slug, business.branch.name, business.service.slug,
        business.service.name, business.number.number, business.account.slug, business.account.signing_key,
        API_KEY, WEBHOOK_SECRET, CALLER, "Zacharias", "Gartenfrage", appointment.reference,
        appointment.calendar_uid, offer.token, call.external_id, attempt.calendar_key,
    }  # fmt: skip
    handles = {
        "token": offer.token, "first_token": slot, "reference": appointment.reference,
        "uid": appointment.calendar_uid, "appointment_id": appointment.pk, "name": "Zacharias Zaun",
        "service": business.service.name, "service_slug": business.service.slug,
        "service_id": business.service.pk, "branch": business.branch.name, "branch_id": business.branch.pk,
        "company": business.company.slug, "company_id": business.company.pk, "phone": CALLER,
        "call": call.external_id, "number": business.number.number,
    }  # fmt: skip
    one = Wren(business, phone, sandbox, appointment, attempt, frozenset(texts), handles)
    one.remember()
    assert one.asked
    return one


@pytest.fixture
def stranger(wren: Wren, linden: Business) -> Iterator[Business]:
    """A busy company, whose limits are not what is tried here. Afterwards the wren has what it had."""
    linden.company.requests_per_minute = 100_000
    with company_scope(linden.company.pk):
        linden.company.save()
    yield linden
    assert wren.is_untouched()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_argument_of_a_function_reaches_another_company(
    wren: Wren, stranger: Business, function: str
) -> None:
    # The stranger may even call from the number of the wren's customer.
    phone = Phone(stranger, caller=CALLER)
    for value in wren.handles.values():
        for names in ARGUMENTS:
            args = {"customer_name": "John Doe", **dict.fromkeys(names.split(), value), "confirmed": True}
            text = json.dumps(phone.function(function, **args), ensure_ascii=False)
            assert wren.told_in(text, said=args) == set(), args


def test_a_token_or_a_reference_of_another_company_books_moves_and_cancels_nothing(
    wren: Wren, stranger: Business
) -> None:
    phone = Phone(stranger, caller=CALLER)
    done = {"booked", "already_booked", "rescheduled", "cancelled", "pending"}
    for handle in ("token", "first_token"):
        answer = phone.function("book_appointment", slot=wren.handles[handle], customer_name="John Doe")
        assert answer["status"] not in done
    for handle in ("reference", "uid", "appointment_id"):
        named = {"appointment": wren.handles[handle], "confirmed": True}
        assert phone.function("cancel_appointment", **named)["status"] == "not_found"
        assert phone.function("reschedule_appointment", when="Friday at 3 pm", **named)["status"] not in done
    assert phone.function("list_appointments")["appointments"] == []
    assert not phone.function("get_call_context")["caller"]["known"]


@pytest.mark.parametrize("shared", [False, True], ids=["own account", "shared account"])
def test_another_companys_call_is_not_entered(wren: Wren, stranger: Business, shared: bool) -> None:
    """The id of a running call of the wren, under the stranger's number."""
    if shared:
        AccountCompany.objects.create(account=wren.business.account, company=stranger.company)
        wren.remember()
        phone = Phone(wren.business, caller=CALLER, dialled=stranger.number.number)
    else:
        phone = Phone(stranger, caller=CALLER)
    phone.call_id = wren.phone.call_id
    for function in FUNCTIONS:
        answer = phone.function(function, slot=wren.handles["token"], customer_name="John Doe")
        assert wren.told_in(json.dumps(answer, ensure_ascii=False)) == set()
        assert not answer["booked"]
    for event in ("call_ended", "call_analyzed", "transcript_updated"):
        answer = phone.event(event, transcript="Agent: overwritten", disconnection_reason="agent_hangup")
        assert answer.status_code == 204


def test_another_companys_number_leads_nowhere_on_an_account_that_does_not_serve_it(
    wren: Wren, stranger: Business
) -> None:
    phone = Phone(stranger, caller=CALLER, dialled=wren.business.number.number)
    for function in FUNCTIONS:
        answer = phone.function(function)
        assert answer["status"] == "unknown_number"
        assert wren.told_in(json.dumps(answer, ensure_ascii=False)) == set()
    inbound = {"call_inbound": {"from_number": CALLER, "to_number": wren.business.number.number}}
    assert phone.post("inbound", {"event": "call_inbound", **inbound}).json() == {"call_inbound": {}}
    # An event is kept, without a tenant; a call that nobody knows is made for nobody.
    assert phone.event("call_started").status_code == 204


def test_one_companys_key_opens_no_address_of_another(wren: Wren, stranger: Business) -> None:
    for path in ("functions", "events", "inbound"):
        answer = wren.phone.post(path, wren.phone.body("list_appointments", {}), key="key_of_linden")
        assert_refused(answer, 401, wren)
    phone = Phone(stranger)
    phone.business = stranger
    raw = json.dumps(phone.body("list_appointments", {})).encode()
    answer = phone.client.post(
        f"/webhooks/telephony/{wren.business.account.slug}/functions/",
        data=raw,
        content_type="application/json",
        headers={"X-Retell-Signature": signature(raw, "another-key")},
    )
    assert_refused(answer, 401, wren)


def assert_refused(answer: HttpResponse, status: int, wren: Wren) -> None:
    assert answer.status_code == status
    assert wren.told_in(answer.content.decode()) == set()


@pytest.mark.parametrize("trigger", ["BOOKING_CANCELLED", "BOOKING_RESCHEDULED", "BOOKING_CREATED"])
def test_another_calendars_webhook_changes_nothing(wren: Wren, stranger: Business, trigger: str) -> None:
    body = json.dumps(
        {
            "triggerEvent": trigger,
            "createdAt": "2026-01-05T09:00:00Z",
            "payload": {
                "uid": "uid-of-the-stranger" if trigger == "BOOKING_RESCHEDULED" else wren.handles["uid"],
                "rescheduleUid": wren.handles["uid"],
                "eventTypeId": 123,
                "startTime": "2026-01-09T09:00:00Z",
                "endTime": "2026-01-09T09:45:00Z",
                "status": "CANCELLED" if trigger == "BOOKING_CANCELLED" else "ACCEPTED",
                "metadata": {"idem": wren.attempt.calendar_key},
                "attendees": [{"name": "John Doe", "phoneNumber": CALLER}],
            },
        }
    ).encode()
    signed = hmac.new(b"secret-of-the-stranger", body, hashlib.sha256).hexdigest()
    stranger.calendar.webhook_secret = "secret-of-the-stranger"
    with company_scope(stranger.company.pk):
        stranger.calendar.save()
    for slug, status in ((stranger.company.slug, 204), (wren.business.company.slug, 401)):
        answer = Client().post(
            f"/webhooks/calcom/{slug}/",
            data=body,
            content_type="application/json",
            headers={"X-Cal-Signature-256": signed},
        )
        assert answer.status_code == status
        assert wren.told_in(answer.content.decode()) == set()


COMMANDS: list[tuple[str, list[str]]] = [
    ("clear_availability_cache", ["--branch", "gartenhecke"]),
    ("clear_availability_cache", []),
    ("list_flags", []),
    ("toggle_flag", ["skip_alternatives_for_voice", "on"]),
    ("booking_report", []),
    ("reconcile_bookings", []),
    ("check_setup", []),
    ("export_agent", []),
    ("export_caller", ["--phone", CALLER]),
    ("erase_caller", ["--phone", CALLER]),
]


@pytest.mark.parametrize(("command", "arguments"), COMMANDS)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_command_for_one_company_shows_and_changes_that_one(
    wren: Wren, stranger: Business, command: str, arguments: list[str], as_json: bool
) -> None:
    output, errors = io.StringIO(), io.StringIO()
    options = [*arguments, "--company", stranger.company.slug, *(["--json"] if as_json else [])]
    try:
        call_command(command, *options, stdout=output, stderr=errors)
    except (CommandError, SystemExit) as error:
        errors.write(str(error))
    assert wren.told_in(output.getvalue() + errors.getvalue(), said=arguments) == set()


@pytest.mark.parametrize(
    "task",
    [
        lambda wren, stranger: tasks.sweep(stranger.company.pk, wren.business.event_type.pk),
        lambda wren, stranger: tasks.settle_attempt(stranger.company.pk, wren.attempt.pk),
        lambda wren, stranger: tasks.settle_company(stranger.company.pk),
        lambda wren, stranger: tasks.follow_calendar(stranger.company.pk),
    ],
    ids=["sweep", "settle_attempt", "settle_company", "follow_calendar"],
)
def test_a_task_of_one_company_leaves_the_other_alone(
    wren: Wren, stranger: Business, task: Callable[[Wren, Business], None]
) -> None:
    task(wren, stranger)


@pytest.mark.postgres
def test_raw_sql_in_the_strangers_scope_shows_and_changes_nothing(wren: Wren, stranger: Business) -> None:
    theirs = [wren.business.company.pk]
    with company_scope(stranger.company.pk), connection.cursor() as cursor:
        for table, column in row_security.tenant_tables().items():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert wren.told_in(repr(cursor.fetchall())) == set(), table
            for statement in (
                f'SELECT * FROM "{table}" WHERE "{column}" = %s',
                f'UPDATE "{table}" SET "{column}" = "{column}" WHERE "{column}" = %s',
                f'DELETE FROM "{table}" WHERE "{column}" = %s',
            ):
                cursor.execute(statement, theirs)
                assert cursor.rowcount == 0, statement


# Told elsewhere: they take a file, serve every company, or none.
OTHER_COMMANDS = {
    "apply_company", "understand", "calcom_sandbox", "simulate_calls", "purge_expired", "rotate_keys",
}  # fmt: skip


def test_every_command_that_knows_companies_is_tried_here() -> None:
    ours = {name for name, app in get_commands().items() if app.startswith("apps.")}
    assert ours - {command for command, _ in COMMANDS} <= OTHER_COMMANDS
