"""Faults that change what an answer says: error pages, broken JSON, shapes of other days."""

from __future__ import annotations

import json

from apps.sandbox.errors import RefusedError
from apps.sandbox.faults import Fault
from apps.sandbox.http import Answer, Request
from apps.sandbox.limiter import too_many
from apps.sandbox.model import JsonObject

HUGE_BYTES = 6 * 1024 * 1024
PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr></body></html>"
TITLES = {502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable"}
RAW_500 = {"statusCode": 500, "message": "Internal server error"}


def refuse_early(request: Request) -> None:
    """A ``status`` fault stands in for the work: nothing is done. Its page comes later."""
    hit = request.hit("status")
    if hit is not None:
        raise RefusedError(hit.fault.status, "Internal server error", envelope="B")


def mangle(answer: Answer, request: Request) -> Answer:
    for hit in request.hits:
        if hit.kind == "status" or (hit.kind == "commit_then_500" and answer.status < 400):
            answer = error_page(hit.fault.status, request)
        elif hit.kind == "malformed":
            answer = malformed(answer, hit.fault)
        elif hit.kind == "empty_slots" and is_slots(answer, request):
            answer = Answer(200, {"status": "success", "data": {}})
        elif hit.kind == "old_slots" and is_slots(answer, request):
            answer = old_slots(answer, hit.fault.form)
    return answer


def is_slots(answer: Answer, request: Request) -> bool:
    return request.path == "/v2/slots" and answer.status == 200


def error_page(status: int, request: Request) -> Answer:
    if status == 504:
        return Answer(504, raw=b"", content_type="text/html")
    if status in TITLES:
        return Answer(status, raw=PAGE.format(TITLES[status]).encode(), content_type="text/html")
    if status == 429:
        return Answer(429, too_many().body(path=request.target, timestamp=""))
    return Answer(status, {**RAW_500, "statusCode": status})


def malformed(answer: Answer, fault: Fault) -> Answer:
    payload = answer.payload()
    if fault.form == "html":
        return Answer(200, raw=PAGE.format("Just a moment...").encode(), content_type="text/html")
    if fault.form == "content_type":
        return Answer(answer.status, raw=payload, content_type="text/plain")
    if fault.form == "truncated":
        return Answer(answer.status, raw=payload[: len(payload) // 2], length=len(payload))
    if fault.form == "huge":
        padding = json.dumps({"status": "success", "data": {}, "padding": "x" * HUGE_BYTES})
        return Answer(answer.status, raw=padding.encode())
    if fault.form == "wrong_shape":
        return Answer(answer.status, {"status": "success", "data": [["unexpected"], 7, None]})
    return Answer(answer.status, raw=payload[:-2] + b',,"')


def old_slots(answer: Answer, form: str) -> Answer:
    """Shapes seen of older versions: ``slots`` grouped with ``time``, one flat list, bare strings by day."""
    body = answer.body
    assert isinstance(body, dict)
    days: dict[str, list[JsonObject]] = body["data"]
    if form == "flat":
        return Answer(
            200, {"status": "success", "data": [slot for entries in days.values() for slot in entries]}
        )
    if form == "strings":
        plain = {day: [slot["start"] for slot in entries] for day, entries in days.items()}
        return Answer(200, {"status": "success", "data": plain})
    grouped = {
        day: [{"time": slot["start"], "attendees": 1, "bookingUid": None} for slot in entries]
        for day, entries in days.items()
    }
    return Answer(200, {"status": "success", "data": {"slots": grouped}})
