"""One JSON line a request (keys as Powertools Logger writes them, for the same queries), written by hand for speed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic_core import to_json

from studyspot.kit import cards, clock, settings, tally

if TYPE_CHECKING:
    from studyspot.kit.auth import Actor
    from studyspot.kit.request import Request
    from studyspot.kit.response import Response

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
SERVICE = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "studyspot")


def write(level: str, message: str, **facts: Any) -> None:
    """`facts` must hold no secret: callers pass ids, templates and figures, never bodies or headers."""
    if LEVELS[level] < LEVELS.get(settings.get().log_level, 20):
        return
    line = {"level": level, "message": message, "timestamp": clock.now().isoformat(), "service": SERVICE, **facts}
    sys.stdout.write(to_json(line, fallback=str).decode() + "\n")
    sys.stdout.flush()


METRICS = {"Namespace": "StudySpot", "Metrics": [{"Name": "duration", "Unit": "Milliseconds"}, {"Name": "trips"}]}


SHOWN = 40
"""Letters of a part of a path that the log shows: ids and short names have fewer, sealed tokens have more."""


def _path(path: str, route: str | None) -> str:
    """A token in a path is a credential: the route stands for it, or, where there is none, nothing."""
    if route and "{token}" in route:
        return route
    shown = "/".join(part if len(part) <= SHOWN else "***" for part in path.split("/"))
    plain = unquote(shown)
    return cards.hidden(plain) if cards.found(plain) else shown


def request(asked: Request, route: str | None, answer: Response, milliseconds: float, actor: Actor | None) -> None:
    """The line of one request: what the minute rows are counted from, and the tenant's metrics in CloudWatch's
    embedded format (the only place where a tenant is a metric's dimension)."""
    tenant, cost = actor.tenant_id if actor else None, tally.current
    embedded = {"Timestamp": int(clock.now().timestamp() * 1000), "CloudWatchMetrics": []}
    if tenant:
        embedded["CloudWatchMetrics"] = [{**METRICS, "Dimensions": [["tenantId"]]}]
    info(
        "request",
        method=asked.method,
        url=_path(asked.path, route),
        route=route,
        status=answer.status,
        code=answer.code,
        duration=round(milliseconds, 2),
        trips=cost.trips,
        databaseMs=round(cost.database_seconds * 1000, 2),
        databaseErrors=cost.database_errors,
        caches=cost.caches,
        requestId=asked.id,
        gatewayRequestId=asked.event["requestContext"].get("requestId"),
        userId=actor.id if actor else None,
        tenantId=tenant,
        traceparent=cards.hidden(asked.headers.get("traceparent", "")) or None,
        _aws=embedded if tenant else None,
    )


def info(message: str, **facts: Any) -> None:
    write("INFO", message, **facts)


def warning(message: str, **facts: Any) -> None:
    write("WARNING", message, **facts)


def error(message: str, **facts: Any) -> None:
    write("ERROR", message, **facts)
