"""Whether this process can do its work, and how response times and errors are judged."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any, Literal

import psycopg

from studyspot.kit import cells, connections, log, settings, traffic
from studyspot.kit.connections import Place
from studyspot.kit.db import model_maker
from studyspot.kit.errors import Problem
from studyspot.kit.traffic import Figures

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


def core_and_traffic(group: str | None = None) -> tuple[dict[str, Any], Figures]:
    """The core database as `database` tells of any, and with the same trip what requests did in the last minutes."""
    started = time.perf_counter()
    try:
        connection = connections.to(cells.core_place())
        alive, counted = connection.first_trip([("SELECT 1", {})], [traffic.recent(group)])
        connection.rows(alive[0], lambda _: tuple)
    except (psycopg.Error, Problem) as outage:
        log.error("database_unreachable", database="core", error=repr(outage))
        return {"status": "disconnected", "latencyMs": None}, Figures()
    latency = round((time.perf_counter() - started) * 1000, 2)
    try:
        figures = connection.rows(counted[0], model_maker(Figures)).first() or Figures()
    except psycopg.errors.UndefinedTable:  # this release before its schema, in the minutes of a roll-out
        figures = Figures()
    return {"status": "connected", "latencyMs": latency}, figures


def condition_of(databases: list[dict[str, Any]], figures: Figures) -> Condition:
    """By the slowest database and by all instances' requests; a database that is gone is an error rate of one."""
    down = any(d["status"] != "connected" for d in databases)
    slowest = max((d["latencyMs"] or 0 for d in databases), default=0)
    if not figures.telling:
        return judged(slowest / 1000, 1.0 if down else 0.0)
    return judged(max(slowest, figures.average_ms) / 1000, 1.0 if down else figures.error_rate)


def of_process() -> dict[str, Any]:
    """The basic answer of /health: status, database, uptime in seconds, memory in bytes, version."""
    found, figures = core_and_traffic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "status": condition_of([found], figures),
        "database": {"status": found["status"]},
        "uptime": round(time.monotonic() - STARTED, 3),
        "memory": {"peakBytes": peak if sys.platform == "darwin" else peak * 1024},
        "version": settings.get().version,
    }
