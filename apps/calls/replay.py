"""The same request again is executed once: it gets the first answer, or waits for it.

The log of in-call functions is the memory. Same: equal signature; or, signed afresh, equal account,
call, function and tool call. The database's constraints decide who is first.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.calls.conversation.reply import in_order
from apps.calls.models import Call, FunctionCall, TelephonyAccount
from apps.calls.providers.base import ToolInvocation
from apps.core import runtime
from apps.core.deadline import Deadline

POLL_SECONDS = 0.03
# Longer than any answer may take: whoever ran it is dead.
ABANDONED = timedelta(seconds=40)
REMEMBERED = timedelta(hours=24)
RESERVE = 0.15


@dataclass(frozen=True, slots=True)
class Keys:
    """What makes a request the same request."""

    signature: str
    tool: str | None
    arguments: str


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def keys_of(invocation: ToolInvocation, *, signature: str, function: str) -> Keys:
    """The keys of one function of a request."""
    tool = None
    if invocation.tool_call_id and invocation.line.call_id:
        tool = _digest(invocation.line.call_id, function, invocation.tool_call_id)
    canonical = json.dumps(invocation.args, sort_keys=True, ensure_ascii=False, default=str)
    return Keys(
        signature=_digest(signature, str(invocation.position)),
        tool=tool,
        arguments=_digest(invocation.name, canonical),
    )


def claim(
    account: TelephonyAccount, call: Call, keys: Keys, *, name: str, arguments: Mapping[str, Any]
) -> tuple[FunctionCall, bool]:
    """The log row of a request that writes: a new one (True: run it), or that of the same request before."""
    row = new_row(account, call, keys, name=name, arguments=arguments)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return before(account, keys)
    return row, True


def new_row(
    account: TelephonyAccount, call: Call, keys: Keys, *, name: str, arguments: Mapping[str, Any]
) -> FunctionCall:
    """A log row that begins now. One that writes nothing is stored with its answer, not before: of two at
    once both look, and whoever is stored second gives the first one's answer."""
    return FunctionCall(
        company_id=call.company_id,
        account_id=account.pk,
        call_id=call.pk,
        signature_key=keys.signature,
        tool_key=keys.tool,
        argument_key=keys.arguments,
        name=name,
        arguments=dict(arguments),
        started_at=timezone.now(),
    )


def known(account: TelephonyAccount, keys: Keys) -> bool:
    """Whether the same request was here before."""
    return FunctionCall.objects.filter(_same(keys), account_id=account.pk).exists()


def _same(keys: Keys) -> Q:
    same = Q(signature_key=keys.signature)
    return same if keys.tool is None else same | Q(tool_key=keys.tool)


def before(account: TelephonyAccount, keys: Keys) -> tuple[FunctionCall, bool]:
    """The row of the same request before; True: whoever ran it is dead, run it."""
    row = FunctionCall.objects.filter(_same(keys), account_id=account.pk).order_by("id")[0]
    if row.state == FunctionCall.State.RUNNING:
        # Take over from a dead process; of several who try, the conditional UPDATE lets one.
        now = timezone.now()
        taken = FunctionCall.objects.filter(
            pk=row.pk, state=FunctionCall.State.RUNNING, started_at__lt=now - ABANDONED
        ).update(started_at=now)
        if taken:
            return row, True
    FunctionCall.objects.filter(pk=row.pk).update(retries=F("retries") + 1)
    return row, False


def note_waiter(row_id: int, *, at: datetime) -> None:
    """Somebody waits for the first answer, and is told that it is being checked unless it comes in time.

    Written before they wait: afterwards there may be no time left for it.
    """
    FunctionCall.objects.filter(pk=row_id).update(told_to_wait_at=at)


def note_answered(row: FunctionCall) -> None:
    """Who waited has got the first answer after all."""
    FunctionCall.objects.filter(pk=row.pk).update(told_to_wait_at=None)


def wait_for_answer(row: FunctionCall, *, deadline: Deadline) -> dict[str, Any] | None:
    """The first answer, as soon as it is there; None when this waiter's own deadline comes first."""
    if row.state != FunctionCall.State.DONE:
        patience = deadline.left(reserve=RESERVE)
        with runtime.waits().waiting(str(row.company_id), seconds=patience, refusable=False) as seconds:
            ends = time.monotonic() + seconds
            while row.state != FunctionCall.State.DONE:
                if time.monotonic() >= ends:
                    return None
                time.sleep(POLL_SECONDS)
                row.refresh_from_db(fields=["state", "answer"])
    return in_order(row.answer) if row.answer is not None else None
