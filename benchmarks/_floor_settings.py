"""The product's settings with one address more: the bare view that the product is measured against."""

from __future__ import annotations

from booking_platform.settings import *  # noqa: F403  # every setting is the product's own

ROOT_URLCONF = "benchmarks._floor"
