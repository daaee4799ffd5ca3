"""WSGI entry point for the web server."""

from __future__ import annotations

import gc
import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from apps.core.bodies import whole_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_platform.settings")

application = whole_bodies(get_wsgi_application(), max_bytes=settings.MAX_BODY_BYTES)

from apps.operations.warming import warm  # noqa: E402  # needs the applications loaded

warm()

# What is loaded now stays: the collector need not look at it again in the middle of a call. Its thresholds
# are left alone: rarer collections keep a fifth more memory and answer no sooner.
gc.collect()
gc.freeze()

# A thread that is about to answer somebody waits half a millisecond for one that computes, not five.
sys.setswitchinterval(0.0005)
