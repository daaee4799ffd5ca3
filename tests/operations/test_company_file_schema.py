"""Reading a company's file: what it means, and every way in which it can be wrong."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.operations.company_file import FileRefused, check, read
from tests.operations.park import ENVIRONMENT, LINDEN, PARK, SOUTH, document_of, edited


def problems_of(file: str, **environment: str) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        document_of(file, **environment)
    return list(refused.value.problems)


def test_the_documented_file_is_read_as_it_stands() -> None:
    document = document_of(PARK)
    assert document.company.max_alternatives == 2
    assert document.calendar.api_key == "cal_live_park_secret"
    assert document.calendar.webhook_secret == "park webhook secret"
    [account], [branch], [service] = document.telephony, document.branches, document.services
    assert (account.account, account.provider, account.web_calls_branch) == ("retell-main", "retell", "nord")
    assert branch.hours["mon"] == [["09:00", "13:00"], ["14:00", "18:00"]]
    assert branch.closures == ["2026-12-24", "2026-12-31"]
    assert [(number.number, number.active) for number in branch.numbers] == [("+493012345678", True)]
    assert (service.event_types, service.duration_minutes) == ({"nord": 123}, 45)
    assert service.booking_fields == {"versicherung": "gesetzlich"}


def test_everything_has_a_default_but_slugs_names_keys_numbers_and_event_types() -> None:
    document = document_of(LINDEN)
    company, [service], [branch] = document.company, document.services, document.branches
    assert (company.timezone, company.language, company.holidays) == ("Europe/Berlin", "de", "")
    assert (company.requests_per_minute, company.retention_days, company.max_alternatives) == (100, 90, 2)
    assert company.store_transcripts is company.active is branch.active is service.active is True
    assert document.calendar.base_url == "https://api.cal.com/v2"
    assert (service.duration_minutes, service.capacity, service.max_moves) == (30, 1, None)
    assert (branch.hours, branch.closures) == ({}, [])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('slug = "linden-clinic"\n', "company.slug: is missing"),
        ('name = "Linden Dental"\n', "company.name: is missing"),
        ('api_key = "env:LINDEN_CALCOM_KEY"\n', "company.calcom.api_key: is missing"),
        ('account = "retell-linden"\n', "telephony[#1].account: is missing"),
        ('slug = "main"\n', "branches[#1].slug: is missing"),
        ('name = "Main Street"\n', "branches[main].name: is missing"),
        ('phone_numbers = ["+493087654321"]\n', "branches[main].phone_numbers: is missing"),
        ('slug = "check-up"\n', "services[#1].slug: is missing"),
        ('name = "Check-up"\n', "services[check-up].name: is missing"),
        ("event_types = { main = 123 }\n", "services[check-up].event_types: is missing"),
    ],
)
def test_what_has_no_default_has_to_be_there(line: str, problem: str) -> None:
    assert problems_of(edited(LINDEN, (line, ""))) == [problem]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (
            ('slug = "praxis-am-park"', 'slug = "Praxis am Park"'),
            "company.slug: 'Praxis am Park' is not a slug",
        ),
        (('name = "Praxis am Park"', 'name = ""'), "company.name: '' is empty"),
        (('name = "Praxis am Park"', "name = 7"), "company.name: 7 is not text"),
        (('name = "Praxis am Park"', r'name = "A\nB"'), r"company.name: 'A\nB' holds a line break"),
        (("Europe/Berlin", "Europe/Berln"), "company.timezone: 'Europe/Berln' is not an IANA time zone"),
        (("Europe/Berlin", "../../etc/passwd"), "company.timezone: '../../etc/passwd' is not an IANA"),
        (('language = "de"', 'language = "fr"'), "company.language: 'fr' is not one of: de, en"),
        (("DE-BE", "DE-XX"), "company.holidays: 'DE-XX' is not a region of DE (known: BB, BE, BW"),
        (("DE-BE", "XX"), "company.holidays: 'XX' is not a country"),
        (("DE-BE", "Germany"), "company.holidays: 'Germany' is not a country"),
        (
            ("requests_per_minute = 100", "requests_per_minute = 0"),
            "company.requests_per_minute: 0 is not between",
        ),
        (
            ("requests_per_minute = 100", "requests_per_minute = true"),
            "company.requests_per_minute: true is not a whole number",
        ),
        (
            ("+493012345600", "030 12345600"),
            "company.fallback_number: '030 12345600' is not an international",
        ),
        (
            ("+493012345600", "+49 30 12345600"),
            "company.fallback_number: '+49 30 12345600' is not in international form without spaces; "
            "write +493012345600",
        ),
        (
            ("+493012345600", "+49301234567890123"),
            "company.fallback_number: '+49301234567890123' is not a number",
        ),
        (
            ("termin+{id}@praxis.example", "a@praxis.example"),
            "company.email_placeholder: 'a@praxis.example' needs",
        ),
        (("termin+{id}@praxis.example", "{id}"), "company.email_placeholder: '{id}' is not an e-mail"),
        (
            ("termin+{id}@praxis.example", "{id}{x}@a.example"),
            "company.email_placeholder: '{id}{x}@a.example' needs",
        ),
        (("retention_days = 90", "retention_days = -1"), "company.retention_days: -1 is not between"),
        (
            ("store_transcripts = true", 'store_transcripts = "no"'),
            "company.store_transcripts: 'no' is not true",
        ),
        (
            ("max_alternatives = 2", "max_alternatives = 4"),
            "company.max_alternatives: 4 is not between 1 and 3",
        ),
        (
            ("max_alternatives = 2", "max_alternatives = 0"),
            "company.max_alternatives: 0 is not between 1 and 3",
        ),
        (
            ("https://api.cal.com/v2", "api.cal.com/v2"),
            "company.calcom.base_url: 'api.cal.com/v2' is not an address",
        ),
        (
            ("https://api.cal.com/v2", "https://a:b@cal.com"),
            "company.calcom.base_url: 'https://a:b@cal.com' must not",
        ),
        (
            ("https://api.cal.com/v2", "https://cal.com:0x/v2"),
            "company.calcom.base_url: 'https://cal.com:0x/v2' is",
        ),
        (
            ('provider = "retell"', 'provider = "twilio"'),
            "telephony[retell-main].provider: 'twilio' is not one of",
        ),
        (
            ('web_calls_branch = "nord"', 'web_calls_branch = "ost"'),
            "telephony[retell-main].web_calls_branch: 'ost' is not a branch of this file",
        ),
        (
            ('"+493012345678"', '"+4930123456789012"'),
            "branches[nord].phone_numbers[#1].number: '+4930123456789012' is not a number",
        ),
        (("2026-12-24", "24.12.2026"), "closures[#1]: '24.12.2026' is not a date such as 2026-12-24"),
        (
            ("2026-12-24", "2026-02-30"),
            "branches[nord].closures[#1]: '2026-02-30' is a day that does not exist",
        ),
        (("09:00-13:00", "9 bis 13"), "branches[nord].hours.mon: "),
        (("09:00-13:00", "13:00-09:00"), "which ends before it begins"),
        (("09:00-13:00", "09:00-09:00"), "which ends before it begins"),
        (("09:00-13:00", "09:00-25:00"), "a time that does not exist"),
        (("09:00-13:00", "09:60-13:00"), "a time that does not exist"),
        (("09:00-13:00", "09:00-14:30"), "holds hours that overlap"),
        (('wed = ["09:00-18:00"]', 'wed = "09:00-18:00"'), 'is not a list such as ["09:00-13:00"]'),
        (("wed = [", "mittwoch = ["), "branches[nord].hours.mittwoch: is not a known key"),
        (("nord = 123", "nord = 0"), "services[fusspflege].event_types.nord: 0 is not between"),
        (
            ("nord = 123", 'nord = "123"'),
            "services[fusspflege].event_types.nord: '123' is not a whole number",
        ),
        (
            ("nord = 123", "ost = 123"),
            "services[fusspflege].event_types.ost: 'ost' is not a branch of this file",
        ),
        (
            ("duration_minutes = 45", "duration_minutes = 0"),
            "services[fusspflege].duration_minutes: 0 is not",
        ),
        (("max_moves = 2", "max_moves = -1"), "services[fusspflege].max_moves: -1 is not between"),
        (("max_moves = 2", "capacity = 0"), "services[fusspflege].capacity: 0 is not between"),
        (('["Pediküre"]', '[""]'), "services[fusspflege].synonyms[#1]: '' is empty"),
        (('["Pediküre"]', '"Pediküre"'), "services[fusspflege].synonyms: 'Pediküre' is not a list"),
        (
            ('"gesetzlich" }', "nan }"),
            "services[fusspflege].booking_fields.versicherung: NaN is not a number",
        ),
        (
            ('"gesetzlich" }', "{ a = 1 } }"),
            'services[fusspflege].booking_fields.versicherung: {"a": 1} is not text',
        ),
        (('name = "Praxis am Park"', 'name = "env:NAME"'), "company.name: 'env:NAME' is not read here"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_key(edit: tuple[str, str], problem: str) -> None:
    [line] = problems_of(edited(PARK, edit))
    assert problem in line


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (("[company]\n", "[company]\ncolour = 1\n"), "company.colour"),
        (("[company.calcom]\n", "[company.calcom]\ntimeout = 1\n"), "company.calcom.timeout"),
        (("[[telephony]]\n", "[[telephony]]\nactive = true\n"), "telephony[retell-main].active"),
        (("[[branches]]\n", "[[branches]]\ncity = 'B'\n"), "branches[nord].city"),
        (("[[services]]\n", "[[services]]\nprice = 1\n"), "services[fusspflege].price"),
        (("[company]\n", "[extras]\n[company]\n"), "extras"),
        (("[company]\n", '[company]\n"a\\nb" = 1\n'), r"company.'a\nb'"),
        (
            ('["+493012345678"]', '[{ number = "+493012345678", label = "x" }]'),
            "branches[nord].phone_numbers[#1].label",
        ),
    ],
)
def test_an_unknown_key_is_an_error_wherever_it_stands(edit: tuple[str, str], path: str) -> None:
    assert problems_of(edited(PARK, edit)) == [f"{path}: is not a known key"]


@pytest.mark.parametrize("name", ["PARK_CALCOM_KEY", "PARK_CALCOM_WEBHOOK", "RETELL_API_KEY"])
@pytest.mark.parametrize("held", [None, "", "  "])
def test_an_unset_environment_name_is_an_error(name: str, held: str | None) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}
    if held is not None:
        environment[name] = held
    with pytest.raises(FileRefused) as refused:
        read(PARK.encode(), environment=environment)
    [line] = refused.value.problems
    assert f"'env:{name}' is not set in the environment" in line


def test_the_calendars_address_may_come_from_the_environment() -> None:
    file = edited(PARK, ("https://api.cal.com/v2", "env:CALENDAR"))
    assert (
        document_of(file, CALENDAR="http://127.0.0.1:8600/v2/").calendar.base_url
        == "http://127.0.0.1:8600/v2"
    )
    assert problems_of(file) == ["company.calcom.base_url: 'env:CALENDAR' is not set in the environment"]


@pytest.mark.parametrize(
    "address",
    [
        "https://API.cal.com/v2",
        "https://api.cal.com:443/v2/",
        "HTTPS://api.cal.com/v2//",
        " https://api.cal.com/v2 ",
    ],
)
def test_one_calendar_is_one_address_however_it_is_written(address: str) -> None:
    document = document_of(edited(PARK, ("https://api.cal.com/v2", address)))
    assert document.calendar.base_url == "https://api.cal.com/v2"


@pytest.mark.parametrize("key", ["cal_ünicode", "cal\tlive", "x" * 501])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    [line] = problems_of(PARK, PARK_CALCOM_KEY=key)
    assert line.startswith("company.calcom.api_key: 'env:PARK_CALCOM_KEY' is not a key")
    assert key not in line


def test_a_key_written_into_the_file_is_used_and_never_shown() -> None:
    file = edited(PARK, ('"env:PARK_CALCOM_KEY"', '"cal_plain_text"'))
    assert document_of(file).calendar.api_key == "cal_plain_text"
    assert "cal_plain_text" not in repr(document_of(file))
    [line] = problems_of(edited(file, ("cal_plain_text", "cal_plain_täxt")))
    assert "cal_plain" not in line


def test_hours_may_run_to_midnight_and_are_put_in_order() -> None:
    file = edited(PARK, ('["09:00-13:00", "14:00-18:00"]', '["14:00 - 24:00", "9:00-14:00"]'))
    assert document_of(file).branches[0].hours["mon"] == [["09:00", "14:00"], ["14:00", "24:00"]]


def test_a_day_without_hours_is_closed_and_no_hours_are_no_restriction() -> None:
    assert document_of(edited(PARK, ('wed = ["09:00-18:00"]', "wed = []"))).branches[0].hours["wed"] == []
    assert document_of(LINDEN).branches[0].hours == {}


def test_a_closure_may_be_a_date_of_toml_and_counts_once() -> None:
    file = edited(PARK, ('["2026-12-24", "2026-12-31"]', '[2026-12-31, "2026-12-24", 2026-12-24]'))
    assert document_of(file).branches[0].closures == ["2026-12-24", "2026-12-31"]


def test_a_number_can_be_switched_off() -> None:
    file = edited(PARK, ('["+493012345678"]', '[{ number = "+493012345678", active = false }]'))
    assert document_of(file).branches[0].numbers[0].active is False


def test_a_booking_field_takes_text_numbers_switches_and_several_choices() -> None:
    answers = '{ a = "x", b = 2, c = 1.5, d = true, e = ["x", "y"] }'
    file = edited(PARK, ('{ versicherung = "gesetzlich" }', answers))
    expected = {"a": "x", "b": 2, "c": 1.5, "d": True, "e": ["x", "y"]}
    assert document_of(file).services[0].booking_fields == expected


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (PARK + edited(SOUTH, ("sued", "nord")), "branches[nord].slug: 'nord' stands in the file twice"),
        (
            PARK + edited(SOUTH, ("+493012345679", "+493012345678")),
            "branches[sued].phone_numbers[#1]: '+493012345678' stands in the file twice",
        ),
        (
            PARK + '[[services]]\nslug = "fusspflege"\nname = "x"\nevent_types = { nord = 1 }\n',
            "services[fusspflege].slug: 'fusspflege' stands in the file twice",
        ),
        (
            PARK + '[[telephony]]\naccount = "retell-main"\n',
            "telephony[retell-main].account: 'retell-main' stands in the file twice",
        ),
    ],
)
def test_what_may_stand_once_may_not_stand_twice(file: str, problem: str) -> None:
    assert problems_of(file) == [problem]


def test_targets_are_completed_by_the_standard_ones() -> None:
    file = edited(
        PARK, ("[company.calcom]", "[company.targets.call_duration]\ntarget = 75\n[company.calcom]")
    )
    assert document_of(file).company.targets == {"call_duration": {"target": 75, "alert": 90}}


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        ("calls = { target = 1 }", "company.targets.calls: is not a metric (known: booking_success_rate"),
        (
            "conflict_rate = { target = 101 }",
            "company.targets.conflict_rate.target: 101 is not between 0 and 100",
        ),
        (
            "conflict_rate = { target = 9 }",
            "company.targets.conflict_rate: has its alert 5 below its target 9",
        ),
        ("alternatives_rate = { alert = 99 }", "alternatives_rate: has its alert 99 above its target 95"),
        ("call_duration = { goal = 9 }", "company.targets.call_duration.goal: is not a known key"),
        ("call_duration = 9", "company.targets.call_duration: 9 is not a table"),
    ],
)
def test_targets_have_to_make_sense(targets: str, problem: str) -> None:
    [line] = problems_of(
        edited(PARK, ("[company.calcom]", f"[company.targets]\n{targets}\n[company.calcom]"))
    )
    assert problem in line


def test_all_problems_are_told_at_once() -> None:
    file = edited(PARK, ("DE-BE", "ZZ"), ("nord = 123", "nord = 0"), ("[company]\n", "[company]\nx = 1\n"))
    assert len(problems_of(file)) == 3


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[company\n", "the file is not valid TOML: "),
        (b"a = 1\na = 2\n", "the file is not valid TOML: "),
        (b"a = " + b"9" * 5_000, "the file is not valid TOML: "),
        (b"a = " + b"[" * 5_000, "the file is not valid TOML: nested too deeply"),
        (b"a = 2026-02-30", "the file is not valid TOML: "),
        (b"\xff\xfe", "the file is not UTF-8 text"),
        (b"", "company.slug: is missing"),
        (b"company = 1\nbranches = 1\nservices = [1]\n", "company: 1 is not a table"),
    ],
)
def test_what_is_not_a_companys_file_is_refused_in_plain_words(content: bytes, problem: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(content, environment=ENVIRONMENT)
    assert problem in refused.value.problems[0]


def test_a_file_with_a_byte_order_mark_is_read() -> None:
    assert read(b"\xef\xbb\xbf" + LINDEN.encode(), environment=ENVIRONMENT).company.slug == "linden-clinic"


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, entry in inner for place in _places(entry, (*path, key)))]


STRANGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(place=st.sampled_from(_places(tomllib.loads(PARK))[1:]), value=STRANGE)
def test_whatever_stands_in_a_file_it_is_read_or_refused_line_by_line(
    place: tuple[Any, ...], value: Any
) -> None:
    data = tomllib.loads(PARK)
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    for line in _refusal(data):
        assert len(line.splitlines()) == 1
        assert not any(secret in line for secret in ENVIRONMENT.values())


def _refusal(data: dict[str, Any]) -> tuple[str, ...]:
    try:
        check(data, environment=ENVIRONMENT)
    except FileRefused as refused:
        return refused.problems
    return ()
