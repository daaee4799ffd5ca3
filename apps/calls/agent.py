"""The agent as a file: prompt and function schemas for the provider, from the registry that dispatches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from apps.calls.conversation.functions import FUNCTIONS
from apps.calls.providers import PROVIDERS
from apps.calls.providers.base import AgentDescription, AgentFunction
from apps.calls.speech.catalogue import mark, text
from apps.tenants.models import Company

LONGEST_PROMPT = 8_000

# What each function is for, told to the language model.
PURPOSES = {
    "get_call_context": mark("Who calls, where, what time it is. Call it once, before anything else."),
    "list_services": mark("The services that can be booked here."),
    "check_availability": mark("Is a wished time free, and what comes nearest. Call it for every wish."),
    "book_appointment": mark("Book a slot that was offered, or a time the caller has confirmed."),
    "list_appointments": mark("The caller's own open appointments."),
    "reschedule_appointment": mark("Move one of the caller's appointments."),
    "cancel_appointment": mark("Cancel one of the caller's appointments."),
    "request_callback": mark("Note that somebody should call back."),
    "transfer_to_person": mark("The caller wants a person, or you cannot help."),
}
# What each argument carries, told to the language model.
MEANINGS = {
    "when": mark("The caller's own words for day and time, unchanged: never a date you worked out."),
    "service": mark("The service in the caller's words."),
    "branch": mark("The branch in the caller's words, only if they named one."),
    "slot": mark("The value of `slot` of the offered time that the caller picked."),
    "customer_name": mark("The name the caller gave, never one you know from elsewhere."),
    "customer_phone": mark("A phone number, only if the caller said one."),
    "customer_email": mark("An e-mail address, only if the caller said one."),
    "notes": mark("What the caller wants the business to know."),
    "confirmed": mark("true only after the caller has said yes to exactly what you read back."),
    "appointment": mark("The `reference` of the appointment, from an answer or from the caller."),
    "old_date": mark("The caller's words for the day of the appointment that is to be moved."),
    "reason": mark("Why, in the caller's words."),
}
RULES = (
    mark("Speak the sentence in `say` as it is, and nothing it does not say. It is short; keep it so."),
    mark("Never name a time, a date or a price that is not in an answer. Never work out dates yourself."),
    mark("Say that something is booked only when `booked` is true."),
    mark(
        "`confirmation` full: read the sentence, wait for a yes. brief: a short yes is enough. none: go on."
    ),
    mark("When the caller picks an offered time, call book_appointment with its `slot`. Do not ask again."),
    mark("`needs_…` and `ambiguous`: ask that one question, then call the function again with the answer."),
    mark("`confirm`: read it back; after a clear yes call the same function again with `confirmed`: true."),
    mark("`pending`: the calendar is still being checked. Say so and do not book again."),
    mark("`unavailable` and `refused`: say the sentence and offer request_callback."),
    mark(
        "`transfer`, or when the caller asks for a person: call transfer_to_person, then hand the call over."
    ),
    mark("Do not speak a name that you know from the number before the caller has said it."),
)
# What the provider's analysis answers after the call: said and done are compared (``promises.py``).
BOOKED_QUESTION = mark("Did the agent tell the caller that an appointment is booked or moved?")


def prompt(company: Company) -> str:
    """The agent's instructions, opening with the company's disclosure; under 8,000 characters."""
    language = company.language
    opening = text("You answer the phone of {company}.", language=language, company=company.name)
    lines = [company.disclosure, "", opening] if company.disclosure else [opening]
    if company.disclosure:
        lines.append(
            text(
                "Your first sentence to the caller is: {disclosure}",
                language=language,
                disclosure=company.disclosure,
            )
        )
    lines += ["", *(f"- {text(rule, language=language)}" for rule in RULES)]
    written = "\n".join(lines)
    if len(written) >= LONGEST_PROMPT:
        raise ValueError("the prompt is longer than the provider's models follow")
    return written


def describe(company: Company, *, account: str, base_url: str, numbers: Sequence[str]) -> AgentDescription:
    """The agent in nobody's words yet, for the company's ``account`` at an installation's public address."""
    language = company.language
    return AgentDescription(
        company_name=company.name,
        language=language,
        disclosure=company.disclosure,
        prompt=prompt(company),
        functions=tuple(
            AgentFunction(
                name=function.name,
                description=text(PURPOSES[function.name], language=language),
                arguments={name: _schema(name, language) for name in function.arguments},
                takes_a_moment=function.name == "check_availability",
            )
            for function in FUNCTIONS
        ),
        address=f"{base_url.rstrip('/')}/webhooks/telephony/{account}",
        numbers=tuple(numbers),
        fallback_number=company.fallback_number,
        ending=text("End the call.", language=language),
        handing_over=text("Hand the call over after `transfer`.", language=language),
        booked_question=text(BOOKED_QUESTION, language=language),
    )


def definition(
    company: Company, *, provider: str, account: str, base_url: str, numbers: Sequence[str]
) -> dict[str, Any]:
    """What the provider is given, with a version that changes when anything in it does."""
    agent = describe(company, account=account, base_url=base_url, numbers=numbers)
    made = {"provider": provider, **PROVIDERS[provider].agent_definition(agent)}
    canonical = json.dumps(made, sort_keys=True, ensure_ascii=False)
    return {"version": hashlib.sha256(canonical.encode()).hexdigest()[:12], **made}


def _schema(name: str, language: str) -> dict[str, Any]:
    kind = "boolean" if name == "confirmed" else "string"
    return {"type": kind, "description": text(MEANINGS[name], language=language)}
