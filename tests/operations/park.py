"""The company's file that the documentation shows, and ways to change it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from apps.operations.company_file import Document, Outcome, apply, read

PARK = """
[company]
slug = "praxis-am-park"
name = "Praxis am Park"
timezone = "Europe/Berlin"
language = "de"                      # de or en
holidays = "DE-BE"                   # country, or country-region
requests_per_minute = 100            # in-call functions of this company
fallback_number = "+493012345600"    # where a caller who wants a person goes
disclosure = "Sie sprechen mit einem digitalen Assistenten."
email_placeholder = "termin+{id}@praxis.example"   # when an event type demands an e-mail
retention_days = 90
store_transcripts = true
max_alternatives = 2

[company.calcom]
base_url = "https://api.cal.com/v2"
api_key = "env:PARK_CALCOM_KEY"      # env:NAME is read when the file is applied; stored encrypted
webhook_secret = "env:PARK_CALCOM_WEBHOOK"

[[telephony]]
account = "retell-main"              # may be shared by companies
provider = "retell"
signing_key = "env:RETELL_API_KEY"   # a changed key keeps the old one as previous for 24 h
web_calls_branch = "nord"            # for the provider's browser test calls, which carry no numbers

[[branches]]
slug = "nord"
name = "Filiale Nord"
phone_numbers = ["+493012345678"]
closures = ["2026-12-24", "2026-12-31"]
[branches.hours]                     # when callers may be offered a start
mon = ["09:00-13:00", "14:00-18:00"]
tue = ["09:00-18:00"]
wed = ["09:00-18:00"]

[[services]]
slug = "fusspflege"
name = "Fußpflege"
synonyms = ["Pediküre"]
duration_minutes = 45
minimum_notice_minutes = 60
cancel_notice_minutes = 1440
max_moves = 2
max_open_appointments = 3
event_types = { nord = 123 }         # branch slug -> Cal.com event type id
booking_fields = { versicherung = "gesetzlich" }   # answers to the event type's own required fields
"""

# The least a file can say.
LINDEN = """
[company]
slug = "linden-clinic"
name = "Linden Dental"
[company.calcom]
api_key = "env:LINDEN_CALCOM_KEY"
[[telephony]]
account = "retell-linden"
signing_key = "env:LINDEN_RETELL_KEY"
[[branches]]
slug = "main"
name = "Main Street"
phone_numbers = ["+493087654321"]
[[services]]
slug = "check-up"
name = "Check-up"
event_types = { main = 123 }
"""

SOUTH = """
[[branches]]
slug = "sued"
name = "Filiale Süd"
phone_numbers = ["+493012345679"]
"""

ENVIRONMENT = {
    "PARK_CALCOM_KEY": "cal_live_park_secret",
    "PARK_CALCOM_WEBHOOK": "park webhook secret",
    "RETELL_API_KEY": "key_retell_secret",
    "LINDEN_CALCOM_KEY": "cal_live_linden_secret",
    "LINDEN_RETELL_KEY": "key_linden_secret",
}


def edited(file: str, *edits: tuple[str, str]) -> str:
    """The file with each first text replaced by the second; the first has to be there."""
    for old, new in edits:
        assert old in file, old
        file = file.replace(old, new)
    return file


def document_of(file: str, **environment: str) -> Document:
    """The checked document, with the tests' environment and what is given on top."""
    return read(file.encode(), environment={**ENVIRONMENT, **environment})


def applied(file: str, *, dry_run: bool = False, environment: Mapping[str, str] | None = None) -> Outcome:
    """The outcome of applying the file now."""
    return apply(document_of(file, **(environment or {})), now=timezone.now(), dry_run=dry_run)


def lines(file: str, **environment: str) -> list[str]:
    """The changes that applying the file made, as an operator reads them."""
    return [str(change) for change in applied(file, environment=environment).changes]
