"""Whether this process can do its work, and how response times and errors are judged."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any, Literal

import psycopg

from studyspot.kit import cells, connections, log, settings
from studyspot.kit.connections import Place
from studyspot.kit.errors import Problem

Condition = Literal["healthy", "degraded", "unhealthy"]

STARTED = time.monotonic()
HEALTHY_SECONDS, DEGRADED_SECONDS = 1.0, 3.0
HEALTHY_ERRORS, DEGRADED_ERRORS = 0.05, 0.15


def judged(seconds: float, error_rate: float) -> Condition:
    """By the product's thresholds: under 1 s and 5 % healthy, up to 3 s or 15 % degraded, above unhealthy."""
    if seconds < HEALTHY_SECONDS and error_rate < HEALTHY_ERRORS:
        return "healthy"
    if seconds <= DEGRADED_SECONDS and error_rate <= DEGRADED_ERRORS:
        return "degraded"
    return "unhealthy"


def database(place: Place) -> dict[str, Any]:
    """One round trip there: connected and how long it took, or disconnected."""
    started = time.perf_counter()
    try:
        connections.to(place).first_trip([("SELECT 1", {})])
    except (psycopg.Error, Problem) as outage:
        log.error("database_unreachable", database=place.dbname, error=repr(outage))
        return {"status": "disconnected", "latencyMs": None}
    return {"status": "connected", "latencyMs": round((time.perf_counter() - started) * 1000, 2)}


def condition_of(databases: list[dict[str, Any]]) -> Condition:
    """A database that is gone is an error rate of one."""
    down = any(d["status"] != "connected" for d in databases)
    slowest = max((d["latencyMs"] or 0 for d in databases), default=0) / 1000
    return judged(slowest, 1.0 if down else 0.0)


def of_process() -> dict[str, Any]:
    """The basic answer of /health: status, database, uptime in seconds, memory in bytes, version."""
    found = database(cells.core_place())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "status": condition_of([found]),
        "database": {"status": found["status"]},
        "uptime": round(time.monotonic() - STARTED, 3),
        "memory": {"peakBytes": peak if sys.platform == "darwin" else peak * 1024},
        "version": settings.get().version,
    }
