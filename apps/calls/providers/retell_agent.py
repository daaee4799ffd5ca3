"""The agent as Retell's API takes it: the agent, its language model, and what to set on each number."""

from __future__ import annotations

from typing import Any

from apps.calls.providers.base import AgentDescription, AgentFunction

TIMEOUT_MS = 10_000
LONGEST_CALL_MS = 900_000
LONGEST_SILENCE_MS = 30_000
LANGUAGES = {"de": "de-DE", "en": "en-US"}


def definition(agent: AgentDescription) -> dict[str, Any]:
    """``agent`` and ``retell_llm`` as their create calls take them, ``phone_numbers`` as updates."""
    return {
        "agent": {
            "agent_name": agent.company_name,
            "language": LANGUAGES[agent.language],
            "webhook_url": f"{agent.address}/events/",
            "webhook_events": ["call_started", "call_ended", "call_analyzed"],
            "webhook_timeout_ms": TIMEOUT_MS,
            "max_call_duration_ms": LONGEST_CALL_MS,
            "end_call_after_silence_ms": LONGEST_SILENCE_MS,
            "post_call_analysis_data": [
                {"type": "boolean", "name": "appointment_booked", "description": agent.booked_question}
            ],
        },
        "retell_llm": {
            "start_speaker": "agent",
            "begin_message": agent.disclosure or None,
            "general_prompt": agent.prompt,
            "general_tools": [*(_tool(agent, function) for function in agent.functions), *_built_in(agent)],
        },
        "phone_numbers": [
            {"phone_number": number, "inbound_webhook_url": f"{agent.address}/inbound/"}
            for number in agent.numbers
        ],
    }


def _tool(agent: AgentDescription, function: AgentFunction) -> dict[str, Any]:
    return {
        "type": "custom",
        "name": function.name,
        "description": function.description,
        "url": f"{agent.address}/functions/",
        "method": "POST",
        "args_at_root": False,
        "timeout_ms": TIMEOUT_MS,
        "max_retry": 0,
        "speak_during_execution": function.takes_a_moment,
        "speak_after_execution": True,
        "parameters": {"type": "object", "properties": dict(function.arguments), "required": []},
    }


def _built_in(agent: AgentDescription) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = [
        {"type": "end_call", "name": "end_call", "description": agent.ending},
    ]
    if agent.fallback_number:
        tools.append(
            {
                "type": "transfer_call",
                "name": "hand_over",
                "description": agent.handing_over,
                "transfer_destination": {"type": "predefined", "number": agent.fallback_number},
                "transfer_option": {"type": "cold_transfer"},
            }
        )
    return tools
