"""The floor of a warm answer: a bare Django view behind the product's own middleware and server.

It verifies the same signature, makes one indexed SELECT and one read of the cache, and answers JSON.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from apps.tenants.models import PhoneNumber
from booking_platform.urls import handler400, handler404, handler500
from booking_platform.urls import urlpatterns as product

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]

KEY = os.environ["BENCH_SIGNING_KEY"].encode()


@csrf_exempt
def floor(request: HttpRequest) -> HttpResponse:
    """What no answer can do without."""
    raw = request.body
    stamp, _, digest = request.headers["X-Retell-Signature"].removeprefix("v=").partition(",d=")
    if not hmac.compare_digest(hmac.new(KEY, raw + stamp.encode(), hashlib.sha256).hexdigest(), digest):
        return JsonResponse({"error": "unauthorized"}, status=401)
    body = json.loads(raw)
    number = PhoneNumber.objects.get(number=body["call"]["to_number"])
    return JsonResponse({"branch": number.branch_id, "cached": cache.get("floor")})


urlpatterns = [path("floor/", floor), *product]
