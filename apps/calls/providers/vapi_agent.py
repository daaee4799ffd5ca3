"""The agent as Vapi's API takes it; the server address of a number is the inbound one."""

from __future__ import annotations

from typing import Any

from apps.calls.providers.base import AgentDescription, AgentFunction

TIMEOUT_SECONDS = 10


def definition(agent: AgentDescription) -> dict[str, Any]:
    """``assistant`` as its create call takes it, ``phone_numbers`` as updates."""
    return {
        "assistant": {
            "name": agent.company_name,
            "firstMessage": agent.disclosure or None,
            "server": {"url": f"{agent.address}/events/"},
            "serverMessages": ["status-update", "end-of-call-report", "conversation-update"],
            "model": {
                "messages": [{"role": "system", "content": agent.prompt}],
                "tools": [*(_tool(agent, function) for function in agent.functions), *_built_in(agent)],
            },
            "analysisPlan": {
                "structuredDataPlan": {
                    "enabled": True,
                    "schema": {
                        "type": "object",
                        "properties": {
                            "appointment_booked": {"type": "boolean", "description": agent.booked_question}
                        },
                    },
                }
            },
        },
        "phone_numbers": [
            {"number": number, "server": {"url": f"{agent.address}/inbound/"}} for number in agent.numbers
        ],
    }


def _tool(agent: AgentDescription, function: AgentFunction) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": function.name,
            "description": function.description,
            "parameters": {"type": "object", "properties": dict(function.arguments)},
        },
        "server": {"url": f"{agent.address}/functions/", "timeoutSeconds": TIMEOUT_SECONDS},
    }


def _built_in(agent: AgentDescription) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = [{"type": "endCall"}]
    if agent.fallback_number:
        tools.append(
            {
                "type": "transferCall",
                "destinations": [
                    {
                        "type": "number",
                        "number": agent.fallback_number,
                        "description": agent.handing_over,
                    }
                ],
            }
        )
    return tools
