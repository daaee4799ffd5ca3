"""Applying a company's file: the rows it makes, what a second one changes, and what it leaves alone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection

from apps.operations.company_file import FileRefused
from apps.scheduling.models import CalendarAccount
from apps.services.models import BranchService, EventType, Service
from apps.tenants.models import Branch, Company, PhoneNumber
from apps.tenants.scoping import all_companies, company_scope
from tests.operations.park import ENVIRONMENT, LINDEN, PARK, SOUTH, applied, document_of, edited, lines
from tests.operations.rows import everything, stored_text

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.toml"))

pytestmark = pytest.mark.django_db


def park() -> Company:
    with all_companies():
        return Company.objects.get(slug="praxis-am-park")


def test_a_new_company_has_the_rows_its_file_names() -> None:
    applied(PARK)
    company = park()
    assert (company.name, company.timezone, company.max_alternatives) == (
        "Praxis am Park",
        "Europe/Berlin",
        2,
    )
    with company_scope(company.pk):
        branch = Branch.objects.get()
        service = Service.objects.get()
        place = BranchService.objects.get()
        calendar = CalendarAccount.objects.get()
    assert branch.hours["mon"] == [["09:00", "13:00"], ["14:00", "18:00"]]
    assert (service.name, service.duration_minutes, service.cancel_notice_minutes) == ("Fußpflege", 45, 1440)
    assert (place.branch_id, place.service_id, place.event_type.external_id) == (branch.pk, service.pk, 123)
    assert (calendar.base_url, calendar.api_key) == ("https://api.cal.com/v2", "cal_live_park_secret")
    number = PhoneNumber.objects.get()
    assert (number.number, number.company_id, number.branch_id) == ("+493012345678", company.pk, branch.pk)


def test_no_key_stands_in_the_database_as_it_is() -> None:
    applied(PARK)
    stored = stored_text()
    assert "praxis-am-park" in stored
    assert not [secret for secret in ENVIRONMENT.values() if secret in stored]


@pytest.mark.parametrize("file", [PARK, LINDEN, PARK + SOUTH])
def test_the_same_file_again_changes_nothing(file: str) -> None:
    applied(file)
    before = everything()
    assert applied(file).changes == ()
    assert everything() == before


def test_the_example_companies_can_be_applied_together() -> None:
    files = [file.read_text() for file in EXAMPLES]
    names = """CALCOM_BASE_URL PARK_CALCOM_KEY PARK_CALCOM_WEBHOOK RETELL_API_KEY PARK_VAPI_SECRET
    LINDEN_CALCOM_KEY LINDEN_CALCOM_WEBHOOK LINDEN_RETELL_API_KEY LINDEN_VAPI_SECRET"""
    keys = {name: f"key-{name}" for name in names.split()}
    environment = {**keys, "CALCOM_BASE_URL": "http://127.0.0.1:8600/v2"}
    for file in files:
        assert applied(file, environment=environment).changes
    for file in files:
        assert applied(file, environment=environment).changes == ()
    with all_companies():
        slugs = set(Company.objects.values_list("slug", flat=True))
    assert slugs == {"praxis-am-park", "linden-clinic"}


def test_a_dry_run_tells_the_changes_and_writes_nothing() -> None:
    nothing = everything()
    planned = applied(PARK, dry_run=True)
    assert everything() == nothing
    assert planned.changes == applied(PARK).changes

    before = everything()
    changed = edited(PARK, ("Filiale Nord", "Haus Nord"), ("nord = 123", "nord = 124"))
    assert applied(changed, dry_run=True).changes
    assert everything() == before


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (
            [('name = "Praxis am Park"', 'name = "Praxis"')],
            ["company.name changed: 'Praxis am Park' → 'Praxis'"],
        ),
        ([("max_alternatives = 2", "active = false")], ["company switched off"]),
        ([("retention_days = 90", "retention_days = 30")], ["company.retention_days changed: 90 → 30"]),
        ([("Filiale Nord", "Haus Nord")], ["branches[nord].name changed: 'Filiale Nord' → 'Haus Nord'"]),
        (
            [('"2026-12-24", ', "")],
            ['branches[nord].closures changed: ["2026-12-24", "2026-12-31"] → ["2026-12-31"]'],
        ),
        (
            [('["+493012345678"]', '[{ number = "+493012345678", active = false }]')],
            ["branches[nord].phone_numbers[+493012345678] switched off"],
        ),
        (
            [('["+493012345678"]', '["+493012345678", "+493012345670"]')],
            ["branches[nord].phone_numbers[+493012345670] created"],
        ),
        (
            [('"+493012345678"', '"+493012345670"')],
            [
                "branches[nord].phone_numbers[+493012345670] created",
                "branches[nord].phone_numbers[+493012345678] switched off",
            ],
        ),
        ([("max_moves = 2\n", "")], ["services[fusspflege].max_moves changed: 2 → null"]),
        ([("max_moves = 2", "max_moves = 2\nactive = false")], ["services[fusspflege] switched off"]),
        ([("nord = 123", "nord = 124")], ["services[fusspflege].event_types.nord changed: 123 → 124"]),
        ([("{ nord = 123 }", "{}")], ["services[fusspflege].event_types.nord switched off"]),
        (
            [("https://api.cal.com/v2", "http://127.0.0.1:8600/v2")],
            [
                "company.calcom.base_url changed: 'https://api.cal.com/v2' → 'http://127.0.0.1:8600/v2'",
                "services[fusspflege].event_types.nord moved: https://api.cal.com/v2 → http://127.0.0.1:8600/v2",
            ],
        ),
        ([('webhook_secret = "env:PARK_CALCOM_WEBHOOK"', "")], ["company.calcom.webhook_secret removed"]),
    ],
)
def test_a_change_is_made_told_and_made_once(edits: list[tuple[str, str]], expected: list[str]) -> None:
    applied(PARK)
    changed = edited(PARK, *edits)
    assert lines(changed) == expected
    assert lines(changed) == []


def test_a_changed_key_is_told_without_being_shown() -> None:
    applied(PARK)
    told = lines(PARK, PARK_CALCOM_KEY="cal_live_fresh", PARK_CALCOM_WEBHOOK="fresh webhook")
    assert told == ["company.calcom.api_key changed", "company.calcom.webhook_secret changed"]
    with company_scope(park().pk):
        assert CalendarAccount.objects.get().api_key == "cal_live_fresh"


def test_what_a_later_file_leaves_out_is_switched_off_and_not_deleted() -> None:
    both = PARK + SOUTH + '[[services]]\nslug = "massage"\nname = "Massage"\nevent_types = { sued = 125 }\n'
    applied(both)
    count = {name: len(rows) for name, rows in everything().items()}
    assert lines(PARK) == [
        "branches[sued] switched off",
        "branches[sued].phone_numbers[+493012345679] switched off",
        "services[massage] switched off",
        "services[massage].event_types.sued switched off",
    ]
    assert {name: len(rows) for name, rows in everything().items()} == count
    assert lines(both) == [
        "branches[sued] switched on",
        "branches[sued].phone_numbers[+493012345679] switched on",
        "services[massage] switched on",
        "services[massage].event_types.sued switched on",
    ]


def test_a_file_without_any_branch_switches_its_numbers_off() -> None:
    applied(LINDEN)
    start = LINDEN.index("[[branches]]")
    assert "branches[main].phone_numbers[+493087654321] switched off" in lines(LINDEN[:start])
    assert not PhoneNumber.objects.filter(active=True).exists()


def test_a_number_moves_between_branches_of_its_company() -> None:
    applied(PARK + SOUTH)
    moved = edited(
        PARK + SOUTH, ('["+493012345678"]', "[]"), ('["+493012345679"]', '["+493012345679", "+493012345678"]')
    )
    assert lines(moved) == ["branches[sued].phone_numbers[+493012345678] moved: nord → sued"]
    with all_companies():
        number = PhoneNumber.objects.select_related("branch").get(number="+493012345678")
    assert number.branch.slug == "sued"


@pytest.mark.parametrize("active", ["true", "false"])
def test_a_number_of_another_company_is_refused_and_nothing_changes(active: str) -> None:
    applied(edited(LINDEN, ('"+493087654321"', f'{{ number = "+493087654321", active = {active} }}')))
    before = everything()
    stolen = PARK + edited(SOUTH, ("+493012345679", "+493087654321"))
    with pytest.raises(FileRefused) as refused:
        applied(stolen)
    assert refused.value.problems == (
        "branches[sued].phone_numbers[#1]: '+493087654321' belongs to another company (linden-clinic)",
    )
    assert everything() == before


def test_one_companys_file_leaves_every_other_company_alone() -> None:
    applied(LINDEN)
    before = everything()
    applied(PARK)
    applied(edited(PARK, ("Filiale Nord", "Haus Nord"), ("nord = 123", "nord = 124")))
    after = everything()
    for name, rows in before.items():
        assert [row for row in after[name] if row["id"] in {row["id"] for row in rows}] == rows


def test_companies_share_an_event_type_only_in_the_same_calendar() -> None:
    applied(PARK)
    applied(LINDEN)
    assert EventType.objects.count() == 1
    elsewhere = '[company.calcom]\nbase_url = "https://cal.linden.example/v2"'
    applied(edited(LINDEN, ("[company.calcom]", elsewhere)))
    found = set(EventType.objects.values_list("base_url", "external_id"))
    assert found == {("https://api.cal.com/v2", 123), ("https://cal.linden.example/v2", 123)}


def test_a_calendar_that_moves_is_followed_from_the_start() -> None:
    applied(PARK)
    company = park()
    with company_scope(company.pk):
        CalendarAccount.objects.update(followed_until=company.created_at)
        applied(edited(PARK, ("https://api.cal.com/v2", "http://127.0.0.1:8600/v2")))
        assert CalendarAccount.objects.get().followed_until is None


def test_every_change_raises_the_configuration_version_and_no_change_keeps_it() -> None:
    applied(PARK)
    first = park().config_version
    applied(PARK)
    assert park().config_version == first
    applied(edited(PARK, ("09:00-13:00", "09:00-12:00")))
    assert park().config_version == first + 1


def test_services_stand_in_the_order_of_the_file() -> None:
    massage = '[[services]]\nslug = "massage"\nname = "Massage"\nevent_types = { nord = 125 }\n'
    start = PARK.index("[[services]]")
    applied(PARK + massage)
    applied(PARK[:start] + massage + PARK[start:])
    with company_scope(park().pk):
        assert list(Service.objects.values_list("slug", flat=True)) == ["massage", "fusspflege"]


@pytest.mark.django_db(transaction=True)
def test_two_companies_that_claim_one_number_at_once_get_it_once_and_whole() -> None:
    linden = edited(LINDEN, ("+493087654321", "+493012345678"))
    documents = [document_of(PARK), document_of(linden)]
    ready = threading.Barrier(len(documents))
    refused: list[str] = []

    def claim(number: int) -> None:
        ready.wait()
        try:
            applied([PARK, linden][number])
        except FileRefused as error:
            refused.extend(error.problems)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(len(documents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    rows = everything()
    assert [len(rows[name]) for name in ("Company", "PhoneNumber", "CalendarAccount", "Service")] == [
        1,
        1,
        1,
        1,
    ]
