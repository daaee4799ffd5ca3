"""The registry: every in-call function, its aliases, its arguments, what it does.

Dispatch and the exported agent share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from apps.calls.conversation.booking import book_appointment
from apps.calls.conversation.changing import cancel_appointment, list_appointments, reschedule_appointment
from apps.calls.conversation.checking import check_availability
from apps.calls.conversation.context import get_call_context, list_services
from apps.calls.conversation.people import request_callback, transfer_to_person
from apps.calls.conversation.reply import Reply
from apps.calls.conversation.turn import Turn

Handler = Callable[[Turn], Reply]


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``writes``: it may change something, so a retry must never run it twice. ``wishes``:
    it searches a wished time, and what was said of it outlives a question.

    ``arguments`` are the names that the exported agent is given; dispatch also reads their aliases.
    """

    name: str
    handler: Handler
    aliases: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    writes: bool = False
    wishes: bool = False


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "get_call_context",
        get_call_context,
        ("initialize_call", "get_current_context", "check_customer", "current_time"),
    ),
    Function("list_services", list_services, ("get_available_services",)),
    Function(
        "check_availability",
        check_availability,
        ("get_alternatives", "find_next_available", "check_slots"),
        arguments=("when", "service", "branch"),
        wishes=True,
    ),
    Function(
        "book_appointment",
        book_appointment,
        ("collect_appointment", "collect_appointment_data", "start_booking", "confirm_booking"),
        arguments=(
            "slot", "when", "service", "branch", "customer_name", "customer_phone", "customer_email", "notes",
            "confirmed",
        ),
        writes=True,
        wishes=True,
    ),
    Function(
        "list_appointments",
        list_appointments,
        ("query_appointment", "get_customer_appointments", "find_appointments"),
    ),
    Function(
        "reschedule_appointment",
        reschedule_appointment,
        arguments=("appointment", "old_date", "slot", "when", "customer_name", "confirmed"),
        writes=True,
    ),
    Function(
        "cancel_appointment",
        cancel_appointment,
        arguments=("appointment", "when", "customer_name", "reason", "confirmed"),
        writes=True,
    ),
    Function(
        "request_callback",
        request_callback,
        arguments=("customer_name", "customer_phone", "reason", "when"),
        writes=True,
    ),
    Function("transfer_to_person", transfer_to_person),
)  # fmt: skip

BY_NAME: Mapping[str, Function] = MappingProxyType(
    {name: function for function in FUNCTIONS for name in (function.name, *function.aliases)}
)
