"""The Celery application; tasks live in each app's ``tasks`` module."""

from __future__ import annotations

import os

from celery import Celery

from booking_platform import embedded_broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_platform.settings")

embedded_broker.install()
app = Celery("booking_platform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
