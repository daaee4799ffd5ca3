"""Health for the load balancer."""

from __future__ import annotations

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import caching, runtime
from apps.core.breaker import troubled
from apps.core.machine_view import MachineView


class LiveView(MachineView):
    """The process answers. No I/O."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations_missing"
    except DatabaseError:
        return "down"
    return "ok"


def _cache() -> str:
    try:
        cache.set("ready", 1, timeout=5)
        return "ok" if cache.get("ready") == 1 else "down"
    except caching.BROKEN:
        return "down"


class ReadyView(MachineView):
    """A check per dependency. Only the database and its migrations are needed; the rest is reported."""

    @extend_schema(responses={200: dict, 503: dict})
    def get(self, request: Request) -> Response:
        database = _database()
        checks = {
            "database": database,
            "cache": _cache(),
            "calendars": "degraded" if troubled(runtime.circuits()) else "ok",
        }
        return Response(
            {"status": "ok" if database == "ok" else "down", "checks": checks},
            status=200 if database == "ok" else 503,
        )
