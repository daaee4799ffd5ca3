"""From a verified request to the envelope: tenant, call, replay, limits, function, log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError
from django.utils import timezone

from apps.calls import lifecycle, replay, settlement, tasks
from apps.calls.arrival import Arrival, arrive
from apps.calls.conversation import replies
from apps.calls.conversation.arguments import read
from apps.calls.conversation.functions import BY_NAME, Function
from apps.calls.conversation.narrowing import Ask
from apps.calls.conversation.reply import Reply
from apps.calls.conversation.turn import Turn
from apps.calls.conversation.wishing import keep_what_was_said
from apps.calls.models import Call, FunctionCall, TelephonyAccount
from apps.calls.opening_calls import ForeignCall, open_call
from apps.calls.providers.base import ToolInvocation
from apps.calls.resolution import WayChanged, confirm_account, remembered, resolve
from apps.core import counts, runtime, tally
from apps.core.deadline import Deadline
from apps.core.errors import sqlstate
from apps.core.limits import Rate
from apps.core.prepared import Statement, change, insertion, send
from apps.scheduling.models import BookingAttempt
from apps.scheduling.places import places_of
from apps.tenants.models import Company
from apps.tenants.scoping import company_scope, guard

log = structlog.get_logger(__name__)
Json = dict[str, Any]

# Answers to a request whose first answer may have been `pending`.
ASKED_AGAIN = frozenset({"already_booked", "rescheduled", "cancelled"})
DATABASE_GONE = (OperationalError, InterfaceError)
COMPLETED = (
    "state", "status", "answer", "confirmation", "duration_ms", "upstream_requests", "upstream_timeouts",
)  # fmt: skip
# Numbers that lead nowhere, per telephony account: nobody's, so nobody's limit holds them.
UNKNOWN_NUMBERS = Rate.per_minute(100)


def out_of_order(*, sent: bool = False) -> Json:
    """The answer when not even the database can be asked. ``sent``: the calendar was told to write."""
    if sent:
        return Reply(status="pending", say=replies.OUT_OF_ORDER_MEANWHILE).envelope()
    return Reply(status="unavailable", say=replies.OUT_OF_ORDER).envelope()


def unknown_number(account: TelephonyAccount) -> Json:
    """The answer to a number that leads nowhere: nothing of any tenant in it."""
    decision = runtime.rate_limits().allow(f"functions/unknown/{account.pk}", UNKNOWN_NUMBERS)
    if not decision.allowed:
        counts.note("functions_of_unknown_numbers_refused")
        return Reply(status="rate_limited", say=replies.TOO_MANY).envelope()
    return Reply(status="unknown_number", say=replies.UNKNOWN_NUMBER).envelope()


def answer(
    account: TelephonyAccount, invocation: ToolInvocation, *, signature: str, deadline: Deadline
) -> Json:
    """The envelope for one function of a verified request. Whatever goes wrong, there is one – unless the
    account that verified it is not the one it was (``WayChanged``)."""
    with tally.counting() as done:
        try:
            return _answer(account, invocation, signature=signature, deadline=deadline)
        except ForeignCall:
            log.warning("foreign_call", account=account.slug)
            return unknown_number(account)
        except WayChanged:
            raise
        except DATABASE_GONE as error:
            counts.note("functions_without_database")
            log.error("database_gone", error=type(error).__name__, state=sqlstate(error))
        except Exception:
            counts.note("functions_failed")
            log.exception("function_failed", function=invocation.name[:64])
    return out_of_order(sent=done.writes_sent > 0)


class _Overtaken(Exception):
    """Somebody was faster with a slot that the answer names: nothing of it is stored."""


def _answer(
    account: TelephonyAccount,
    invocation: ToolInvocation,
    *,
    signature: str,
    deadline: Deadline,
    overtaken: bool = False,
) -> Json:
    line = invocation.line
    destination = remembered(account, line) or resolve(account, line)
    if destination is None or not line.call_id:
        confirm_account(account)
        return unknown_number(account)
    function = BY_NAME.get(invocation.name)
    keys = replay.keys_of(
        invocation, signature=signature, function=function.name if function is not None else invocation.name
    )
    # Whoever was overtaken looks again, keeps what is free, and then names it.
    looks = function is not None and function.wishes and not function.writes and not overtaken
    with company_scope(destination.company_id):
        found = arrive(account, line, destination, keys=keys, looks=looks)
        if found is None:
            return unknown_number(account)
        asked = _Asked(account, invocation, function, keys, found)
        if not overtaken and _over_rate(found.company) and not _passes_all_the_same(asked):
            counts.note("functions_refused_over_rate")
            return replies.rate_limited(_turn(Call(), asked, deadline)).envelope()
        call = found.call or open_call(account, line, destination, state=Call.State.ONGOING)
        try:
            return _answer_known(_turn(call, asked, deadline), asked)
        except _Overtaken:
            # From the beginning: what was read and made on the way belongs to the other answer.
            return _answer(account, invocation, signature=signature, deadline=deadline, overtaken=True)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A verified request, and what stood when it came."""

    account: TelephonyAccount
    invocation: ToolInvocation
    function: Function | None
    keys: replay.Keys
    found: Arrival

    @property
    def writes(self) -> bool:
        return self.function is not None and self.function.writes


def _answer_known(turn: Turn, asked: _Asked) -> Json:
    invocation, keys = asked.invocation, asked.keys
    name = invocation.name[:64]
    arguments = _kept_arguments(invocation.args, turn.company.store_transcripts)
    if asked.found.known:
        row, mine = replay.before(asked.account, keys)
    elif asked.writes:
        row, mine = replay.claim(asked.account, turn.call, keys, name=name, arguments=arguments)
    else:
        row, mine = replay.new_row(asked.account, turn.call, keys, name=name, arguments=arguments), True
    return _run(turn, asked, row) if mine else _first_answer(turn, asked, row)


def _first_answer(turn: Turn, asked: _Asked, row: FunctionCall) -> Json:
    """The answer that the same request got before; or an honest one, when there is no time to wait for it."""
    if not asked.writes:
        return replay.wait_for_answer(row, deadline=turn.deadline) or replies.unavailable(turn).envelope()
    now = timezone.now()
    try:
        waits = row.state == FunctionCall.State.RUNNING
        if waits:
            replay.note_waiter(row.pk, at=now)
        answer = replay.wait_for_answer(row, deadline=turn.deadline)
        if waits and answer is not None:
            replay.note_answered(row)
    except DATABASE_GONE as error:
        # Whoever was first may have written: "nothing was booked" could be untrue.
        log.error("first_answer_not_read", error=type(error).__name__)
        tasks.note_waiter_later(row.company_id, row.pk, at=now)
        return out_of_order(sent=True)
    return answer if answer is not None else replies.pending(turn, None).envelope()


def _turn(call: Call, asked: _Asked, deadline: Deadline) -> Turn:
    branch = asked.found.branch
    return Turn(
        call=call,
        company=branch.company,
        branch=branch,
        places=(),
        args=read(asked.invocation.args),
        function=asked.invocation.name,
        deadline=deadline,
        keeps_for_later=not asked.writes,
        passing=asked.found.passing,
        last_round=None if asked.writes else asked.found.last_round,
    )


def _over_rate(company: Company) -> bool:
    """Whether the company has asked as much in the last minute as it may. What is refused is not counted."""
    rate = Rate.per_minute(company.requests_per_minute)
    return not runtime.rate_limits().allow(f"functions/{company.pk}", rate).allowed


def _passes_all_the_same(asked: _Asked) -> bool:
    """Over the limit only what was promised already: the first answer again, and booking an offered slot."""
    if asked.found.known:
        return True
    if asked.function is None or asked.function.name != "book_appointment":
        return False
    return asked.found.last_round > 0


def _kept_arguments(args: Mapping[str, Any], keep_words: bool) -> Json:
    return {str(key)[:64]: _shortened(value) for key, value in list(args.items())[:40]} if keep_words else {}


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", "")[:500]
    return (
        value
        if isinstance(value, bool | int | float) or value is None
        else str(value)[:500].replace("\x00", "")
    )


def _run(turn: Turn, asked: _Asked, row: FunctionCall) -> Json:
    if turn.call.state == Call.State.INBOUND:
        lifecycle.advance(turn.call, to=Call.State.ONGOING, event=f"function:{row.name}")
    reply = _reply(turn, asked)
    envelope = reply.envelope()
    if reply.confirmation != "none" or reply.status == "confirm":
        turn.count("confirmations")
    _complete(row, reply, envelope)
    try:
        # No wait for the disk: what is booked is stored already, everything else can be asked again.
        send(*turn.statements(), _written(row), durable=False)
    except IntegrityError as error:
        if turn.passing is not None and not replay.known(asked.account, asked.keys):
            raise _Overtaken from error
        # The same request at the same time was quicker: its answer is the answer, and its effects are all.
        return _first_answer(turn, asked, replay.before(asked.account, asked.keys)[0])
    except DATABASE_GONE as error:
        if not asked.writes:
            raise  # what was offered is not kept, so it is not named
        # What was done stays done: the caller hears it, the log of functions misses it.
        counts.note("functions_not_logged")
        log.error("function_not_logged", error=type(error).__name__)
        return envelope
    _follow_up(turn.call, reply)
    return envelope


def _follow_up(call: Call, reply: Reply) -> None:
    """What the answer means for the wishes before it. Whatever becomes of that, it is the answer."""
    try:
        if reply.status == "pending":
            settlement.after_pending(call)
        elif reply.status in ASKED_AGAIN and reply.appointment is not None:
            settlement.heard(call, reference=reply.appointment["reference"])
    except DATABASE_GONE as error:
        log.warning("answer_not_followed_up", error=type(error).__name__)


def _written(row: FunctionCall) -> Statement:
    """The log row as it is stored: with its answer when it wrote nothing, else its end."""
    if row._state.adding:
        guard(row)
        return insertion([row])
    # A retry may have counted itself meanwhile: only what was completed is written.
    completed = {name: getattr(row, name) for name in COMPLETED}
    return change(row, where={"id": row.pk, "company_id": row.company_id}, to=completed, more={})


def _complete(row: FunctionCall, reply: Reply, envelope: Json) -> None:
    done = tally.current()
    row.state = FunctionCall.State.DONE
    row.status = reply.status
    row.answer = envelope
    row.confirmation = reply.confirmation
    row.duration_ms = max(int((timezone.now() - row.started_at).total_seconds() * 1000), 0)
    row.upstream_requests = done.upstream_requests
    row.upstream_timeouts = done.upstream_timeouts


def _reply(turn: Turn, asked: _Asked) -> Reply:
    if asked.function is None:
        return replies.unknown_function(turn)
    if asked.found.repeats >= settings.CALL_LOOP_LIMIT:
        counts.note("functions_refused_as_a_loop")
        return replies.rate_limited(turn)
    try:
        turn.places = places_of(turn.company, asked.found.places)
        try:
            reply = asked.function.handler(turn)
        except Ask as ask:
            reply = ask.reply
        if asked.function.wishes:
            keep_what_was_said(turn, reply)
        return reply
    except DATABASE_GONE:
        raise
    except Exception:
        # The edge: whatever went wrong, the caller hears an honest sentence, the operator sees the trace.
        counts.note("functions_failed")
        log.exception("function_failed", function=asked.function.name, call=turn.call.pk)
        turn.forget()
        return _after_failure(turn)


def _after_failure(turn: Turn) -> Reply:
    """Nothing was booked – unless something was already sent."""
    sent = BookingAttempt.objects.filter(
        owner=turn.call.owner_key,
        state__in=[BookingAttempt.State.SUBMITTING, BookingAttempt.State.UNKNOWN],
    )
    return replies.pending(turn, None) if sent.exists() else replies.unavailable(turn)
