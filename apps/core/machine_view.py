"""Addresses for machines: each answers in its one format, whatever formats the other side names."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView


class _OneFormat(BaseContentNegotiation):
    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0] if parsers else None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class MachineView(APIView):
    """A view whose ``Accept`` header decides nothing: a call must not fail because of one."""

    content_negotiation_class = _OneFormat
    # Machines know what they call; an unsigned OPTIONS would be told how the views describe themselves.
    http_method_names = [name for name in APIView.http_method_names if name != "options"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Nothing to negotiate, and nobody to log in: who may ask is each view's own question."""


def answered(data: object) -> HttpResponse:
    """JSON for a machine, as the framework's renderer writes it. There is nothing to negotiate, so it need
    not go through what negotiates."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(text.encode(), content_type="application/json")
