"""The provider's three addresses. Thin: receive, hand over, answer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.calls import dispatch, events, inbound
from apps.calls.models import TelephonyAccount
from apps.calls.providers import PROVIDERS
from apps.calls.providers.base import Provider
from apps.calls.resolution import WayChanged, account_by_slug, remembered_account, signing_keys
from apps.calls.schemas import EnvelopeSchema, FunctionRequestSchema, InboundAnswerSchema
from apps.core import counts
from apps.core.deadline import Deadline, in_force
from apps.core.errors import sqlstate
from apps.core.machine_view import MachineView, answered
from apps.core.refusals import REFUSED_WEBHOOK, Refusal, RefusalSchema

log = structlog.get_logger(__name__)

DATABASE_GONE = (OperationalError, InterfaceError)

# What the database may take, within what the provider waits for.
RESERVE_SECONDS = 0.5
EVENT_SECONDS = 5.0
INBOUND_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Received:
    """A request that may be believed."""

    account: TelephonyAccount
    provider: Provider
    body: Mapping[str, Any]
    signature: str


def read_body(request: Request) -> bytes:
    """The raw bytes, at most 4 MiB."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > settings.MAX_BODY_BYTES:
        raise Refusal("too_large" if length.isdigit() else "bad_request")
    try:
        return request._request.body
    except RequestDataTooBig as error:
        raise Refusal("too_large") from error
    except UnreadablePostError as error:
        raise Refusal("bad_request") from error


def _no_json(constant: str) -> object:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(constant)


def parse_object(raw: bytes) -> Mapping[str, Any]:
    """The body as a JSON object."""
    try:
        body = json.loads(raw, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise Refusal("bad_request") from error
    if not isinstance(body, dict):
        raise Refusal("bad_request")
    return body


def receive(request: Request, account_slug: str, *, from_memory: bool = False) -> Received:
    """Size, account, signature, shape – in this order. The key is found from the address, never the body.

    ``from_memory``: what is answered will be confirmed (``apps.calls.resolution``); a refusal never comes
    from there.
    """
    raw = read_body(request)
    account = remembered_account(account_slug) if from_memory else None
    verified = _verified(request, raw, account)
    if verified is None:
        account = account_by_slug(account_slug)
        if account is None or account.provider not in PROVIDERS:
            raise Refusal("not_found")
        verified = _verified(request, raw, account)
    if account is None or verified is None:
        raise Refusal("unauthorized")
    provider, signature = verified
    return Received(account, provider, parse_object(raw), signature)


def _verified(request: Request, raw: bytes, account: TelephonyAccount | None) -> tuple[Provider, str] | None:
    """Who signed it for this account, and the signature; None when nobody did."""
    provider = PROVIDERS.get(account.provider) if account is not None else None
    if account is None or provider is None:
        return None
    keys = signing_keys(account, now=timezone.now())
    now_ms = int(time.time() * 1000)
    signature = provider.verify(raw=raw, headers=request.headers, keys=keys, now_ms=now_ms)
    return None if signature is None else (provider, signature)


class FunctionsView(MachineView):
    """One in-call function; every business outcome is a 200 with the envelope."""

    @extend_schema(
        request=FunctionRequestSchema,
        responses={200: EnvelopeSchema, **REFUSED_WEBHOOK},
    )
    def post(self, request: Request, account: str) -> HttpResponse:
        deadline = Deadline.after(settings.CALL_BUDGET_SECONDS)
        try:
            with in_force(Deadline(deadline.at - RESERVE_SECONDS)):
                try:
                    return self._answered(request, account, deadline)
                except WayChanged:
                    # Whatever was answered before that is answered the same again.
                    return self._answered(request, account, deadline)
        except (*DATABASE_GONE, WayChanged) as error:
            counts.note("functions_without_database")
            log.error("database_gone", error=type(error).__name__, state=sqlstate(error))
            return answered(dispatch.out_of_order())

    def _answered(self, request: Request, account: str, deadline: Deadline) -> HttpResponse:
        received = receive(request, account, from_memory=True)
        answers = [
            (
                one,
                dispatch.answer(received.account, one, signature=received.signature, deadline=deadline),
            )
            for one in received.provider.invocations(received.body)
        ]
        return answered(received.provider.render_answers(answers))


class EventsView(MachineView):
    """Lifecycle events; stored before they are acknowledged."""

    @extend_schema(
        request=dict,
        responses={204: None, **REFUSED_WEBHOOK, 429: RefusalSchema, 503: RefusalSchema},
    )
    def post(self, request: Request, account: str) -> Response:
        try:
            with in_force(Deadline.after(EVENT_SECONDS)):
                received = receive(request, account)
                events.ingest(received.account, received.provider.event(received.body))
        except DATABASE_GONE as error:
            counts.note("events_without_database")
            log.error("database_gone", error=type(error).__name__, state=sqlstate(error))
            raise Refusal("unavailable", retry_after=5) from error
        return Response(status=204)


class InboundView(MachineView):
    """What the agent should know before it speaks; whatever goes wrong inside, the call goes on."""

    @extend_schema(
        request=dict,
        responses={200: InboundAnswerSchema, **REFUSED_WEBHOOK},
    )
    def post(self, request: Request, account: str) -> HttpResponse:
        try:
            with in_force(Deadline.after(INBOUND_SECONDS)):
                received = receive(request, account)
                variables = inbound.variables(received)
        except DATABASE_GONE as error:
            counts.note("inbound_without_database")
            log.error("database_gone", error=type(error).__name__, state=sqlstate(error))
            return answered({"call_inbound": {}})
        return answered(received.provider.render_inbound(variables))
