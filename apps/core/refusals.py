"""Refusals of the HTTP surface: always JSON ``{"error": code, "detail": sentence}``."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from rest_framework import serializers
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_exception_handler

SENTENCES = {
    "bad_request": (400, "The body is not a JSON object."),
    "unauthorized": (401, "The signature is missing or not valid."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "This method is not allowed here."),
    "too_large": (413, "The body is larger than 4 MiB."),
    "rate_limited": (429, "Too many requests; try again later."),
    "unavailable": (503, "The service cannot answer right now; try again later."),
}


class RefusalSchema(serializers.Serializer[None]):
    """A refusal in the OpenAPI document."""

    error = serializers.CharField()
    detail = serializers.CharField()


REFUSED_WEBHOOK = dict.fromkeys((400, 401, 404, 405, 413), RefusalSchema)
"""What every signed endpoint may refuse, for the OpenAPI document."""


class Refusal(Exception):
    """Ends a request with one of the refusals of the contract."""

    def __init__(self, code: str, *, retry_after: int | None = None) -> None:
        self.code = code
        self.status, self.detail = SENTENCES[code]
        self.retry_after = retry_after
        super().__init__(code)

    def response(self) -> Response:
        """The refusal as an answer of the REST framework."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else None
        return Response({"error": self.code, "detail": self.detail}, status=self.status, headers=headers)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The REST framework's errors in the contract's envelope."""
    if isinstance(error, Refusal):
        return error.response()
    if isinstance(error, MethodNotAllowed):
        return Refusal("method_not_allowed").response()
    answer = rest_exception_handler(error, context)
    if answer is not None and isinstance(error, APIException):
        answer.data = {"error": error.default_code, "detail": str(error.default_detail)}
    return answer


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """``handler404``: the same envelope for addresses that do not exist."""
    status, detail = SENTENCES["not_found"]
    return JsonResponse({"error": "not_found", "detail": detail}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """``handler400``: a request Django itself refuses (a foreign host name, a broken query)."""
    return JsonResponse({"error": "bad_request", "detail": "The request is not valid."}, status=400)


def server_error(request: HttpRequest) -> JsonResponse:
    """``handler500``: nothing of the error leaves the house."""
    return JsonResponse({"error": "server_error", "detail": "Something went wrong on our side."}, status=500)
