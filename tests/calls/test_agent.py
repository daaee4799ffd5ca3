"""The exported agent knows exactly what dispatch can do."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line

from apps.calls.agent import definition, prompt
from apps.calls.conversation.arguments import ALL_NAMES
from apps.calls.conversation.functions import BY_NAME, FUNCTIONS
from apps.calls.providers import PROVIDERS
from apps.tenants.models import Company

LANGUAGES = ("de", "en")


def made(language: str) -> Company:
    return Company(
        slug="praxis",
        name="Praxis am Park",
        language=language,
        disclosure="Sie sprechen mit einem digitalen Assistenten.",
        fallback_number="+493012345600",
    )


def export(language: str, *, provider: str = "retell") -> dict[str, Any]:
    return definition(
        made(language),
        provider=provider,
        account="main",
        base_url="https://termine.example",
        numbers=["+493012345678"],
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_function_the_agent_knows_exists_and_every_argument_is_read(
    provider: str, language: str
) -> None:
    exported = export(language, provider=provider)
    if provider == "retell":
        tools = [tool for tool in exported["retell_llm"]["general_tools"] if tool["type"] == "custom"]
        assert all(tool["timeout_ms"] == 10_000 and tool["max_retry"] == 0 for tool in tools)
    else:
        model = exported["assistant"]["model"]
        ours = [tool for tool in model["tools"] if tool["type"] == "function"]
        assert all(tool["server"]["timeoutSeconds"] == 10 for tool in ours)
        tools = [tool["function"] for tool in ours]
    assert {tool["name"] for tool in tools} == {function.name for function in FUNCTIONS}
    for tool in tools:
        assert tool["name"] in BY_NAME
        assert set(tool["parameters"]["properties"]) <= ALL_NAMES


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prompt_opens_with_the_disclosure_and_stays_short(language: str) -> None:
    written = prompt(made(language))
    assert written.startswith("Sie sprechen mit einem digitalen Assistenten.")
    assert len(written) < 8_000


def test_the_version_changes_with_what_the_agent_is_told() -> None:
    one, other, again = export("de"), export("en"), export("de")
    assert one["version"] == again["version"] != other["version"]


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_who_wants_a_person_is_handed_over_to_the_fallback_number(provider: str) -> None:
    assert made("de").fallback_number in json.dumps(export("de", provider=provider))


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_the_analysis_is_asked_whether_anything_was_said_to_be_booked(provider: str) -> None:
    assert '"appointment_booked"' in json.dumps(export("de", provider=provider))


@pytest.mark.usefixtures("company")
def test_the_command_writes_the_definition_of_the_companys_own_account() -> None:
    out = StringIO()
    call_command("export_agent", company="praxis-am-park", base_url="https://termine.example", stdout=out)
    written = json.loads(out.getvalue())
    assert written["agent"]["webhook_url"] == (
        "https://termine.example/webhooks/telephony/praxis-am-park-phone/events/"
    )
    assert [one["phone_number"] for one in written["phone_numbers"]] == ["+493012345678"]


def test_a_company_that_is_not_there_is_one_clear_line(db: None) -> None:
    with pytest.raises(CommandError, match="there is no company 'nobody'"):
        call_command("export_agent", company="nobody")


@pytest.mark.parametrize("given", ["termine.example", "ftp://termine.example", "https://", "https://a b", ""])
def test_a_base_url_that_is_no_address_is_bad_usage_in_one_line(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(
            ["manage.py", "export_agent", "--company", "praxis-am-park", "--base-url", given]
        )
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "manage.py export_agent: argument --base-url: "
        f"{given!r} is not an address such as https://termine.example\n"
    )
