"""WSGI entry point for the web server."""

from __future__ import annotations

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from apps.core.bodies import whole_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_platform.settings")

application = whole_bodies(get_wsgi_application(), max_bytes=settings.MAX_BODY_BYTES)

from apps.operations.warming import warm  # noqa: E402  # needs the applications loaded

warm()

# What is loaded now stays: the collector need not look at it again in the middle of a call. What a
# request leaves is mostly gone with its last reference, so looking more rarely loses nothing.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
