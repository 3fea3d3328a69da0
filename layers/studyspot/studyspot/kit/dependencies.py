"""What the product depends on, asked one by one: for the detailed health answer, the roll-up and the metrics."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import accumulate
from typing import Any

from studyspot.kit import aws, clock, health, log, settings, traffic
from studyspot.kit.connections import Place
from studyspot.kit.db import Db

SAMPLE = 3
ASK_SECONDS = 5
NEWEST_CELLS = """
    SELECT host, port, dbname FROM cells c
    WHERE kind = 'pool'
       OR EXISTS (SELECT 1 FROM tenants t WHERE t.cell_id = c.id AND t.status IN ('active', 'past_due'))
    ORDER BY kind, id DESC LIMIT %(most)s"""
"""Shared cells and those of tenants at work: one that is being set up or taken back is not missed."""
LAST_RUNS = "SELECT job, max(ran_at) AS at FROM schedule_runs GROUP BY job ORDER BY job"
LAST_EVENTS = "SELECT vendor, max(received_at) AS at FROM webhook_events GROUP BY vendor"
WAITING = "SELECT count(*) AS open, min(created_at) AS oldest FROM outbox WHERE done_at IS NULL"
TENANTS = (
    "SELECT status, isolation, count(*) AS count FROM tenants GROUP BY status, isolation ORDER BY status, isolation"
)
TOTALS = """
    SELECT route, status_class || 'xx' AS status_class, requests, database_trips, database_errors,
           database_ms / 1000 AS database_seconds
    FROM request_totals ORDER BY route, status_class"""
HISTOGRAM = """
    SELECT route, sum(requests)::bigint AS requests, sum(duration_ms) / 1000 AS seconds,
           ARRAY(SELECT sum(b.n)::bigint FROM request_totals o, unnest(o.buckets) WITH ORDINALITY AS b(n, i)
                 WHERE o.route = t.route GROUP BY b.i ORDER BY b.i) AS buckets
    FROM request_totals t GROUP BY route ORDER BY route"""
CACHES = "SELECT cache, hits, misses, hits + misses AS operations FROM cache_totals ORDER BY cache"
BUSY = """
    SELECT coalesce(sum(duration_ms), 0) FROM request_minutes WHERE minute > %(begun)s AND minute <= %(ended)s"""
"""Milliseconds of work in the last full minute: over 60,000 it is how many were in flight (Little's law)."""
SERVER = """
    SELECT datname::text AS database, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, deadlocks
    FROM pg_stat_database WHERE datname IN (SELECT dbname FROM cells) ORDER BY datname"""


def report(core: Db) -> dict[str, Any]:
    """Databases, queues, schedules, vendors, and what waits in the platform's outbox."""
    schedules = {row["job"]: row["at"] for row in core.dicts(LAST_RUNS)}
    events = {row["vendor"]: row["at"] for row in core.dicts(LAST_EVENTS)}
    waiting = core.dicts(WAITING)[0]
    return {
        **_condition(core),
        "queues": {queue: _queue(queue) for queue in aws.QUEUES},
        "schedules": schedules,
        "vendors": _vendors(events),
        "outbox": {"open": waiting["open"], "oldestSeconds": _age(waiting["oldest"])},
    }


def of_group(core: Db, group: str) -> dict[str, Any]:
    """One group: its own requests over all instances, and the databases it stands on."""
    return {"group": group, **_condition(core, group)}


def _condition(core: Db, group: str | None = None) -> dict[str, Any]:
    """The core database, a sample of cells, and what requests did in the last minutes."""
    found, figures = health.core_and_traffic(group)
    rows = core.dicts(NEWEST_CELLS, most=SAMPLE)
    databases = {row["dbname"]: health.database(Place(row["host"], row["port"], row["dbname"])) for row in rows}
    databases["core"] = found
    status = health.condition_of(list(databases.values()), figures)
    return {"status": status, "traffic": figures.shown(), "databases": databases}


def _age(moment: Any) -> float | None:
    return round((clock.now() - moment).total_seconds(), 1) if moment else None


def _vendors(events: dict[str, Any]) -> dict[str, Any]:
    """A vendor without credentials is not called; the last event shows that its callbacks arrive."""
    s = settings.get()
    configured = {
        "razorpay": bool(s.razorpay_key_id),
        "cashfree": bool(s.cashfree_client_id),
        "paytm": bool(s.paytm_mid),
        "stripe": bool(s.stripe_secret_key.get_secret_value()),
        "msg91": bool(s.msg91_auth_key.get_secret_value()),
        "email": bool(s.mail_from),
    }
    return {name: {"configured": known, "lastEventAt": events.get(name)} for name, known in configured.items()}


def _queue(queue: str) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError  # imported by an operator's look, not by every probe

    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    try:
        url = aws.queue_url(queue)
        found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    except aws.NotConfigured:
        return {"status": "not_configured"}
    except (BotoCoreError, ClientError) as outage:
        log.warning("queue_unreachable", queue=queue, error=repr(outage))
        return {"status": "unreachable"}
    return {"status": "connected", "waiting": int(found[names[0]]), "inFlight": int(found[names[1]])}


def groups(names: list[str]) -> dict[str, Any]:
    """Every group asked over HTTP at once: `healthy 11/11`."""
    with ThreadPoolExecutor(len(names) or 1) as pool:
        found = dict(zip(names, pool.map(_group, names), strict=True))
    healthy = sum(status == "healthy" for status in found.values())
    worst = "unhealthy" if "unhealthy" in found.values() else "degraded" if healthy < len(names) else "healthy"
    return {"status": worst, "summary": f"healthy {healthy}/{len(names)}", "services": found}


def _group(name: str) -> str:
    path = "/health" if name == "health" else f"/api/v1/{name}/health"
    try:
        address = settings.get().public_base_url + path
        with urllib.request.urlopen(address, timeout=ASK_SECONDS) as answer:  # noqa: S310 - our own address
            status: str = json.load(answer)["status"]
    except (OSError, ValueError, KeyError) as outage:
        log.warning("group_unreachable", group=name, error=repr(outage))
        return "unhealthy"
    return status


def exposition(core: Db) -> str:
    """Prometheus' text format, computed from the databases and so over all instances."""
    waiting = core.dicts(WAITING)[0]
    lines = ["# TYPE studyspot_up gauge", "studyspot_up 1"]
    lines += _series("studyspot_tenants", "gauge", core.dicts(TENANTS), ("status", "isolation"), "count")
    lines += ["# TYPE studyspot_outbox_open gauge", f"studyspot_outbox_open {waiting['open']}"]
    age = _age(waiting["oldest"]) or 0
    lines += ["# TYPE studyspot_outbox_oldest_seconds gauge", f"studyspot_outbox_oldest_seconds {age}"]
    server = core.dicts(SERVER)
    for column, name, kind in (
        ("numbackends", "connections", "gauge"),
        ("xact_commit", "commits_total", "counter"),
        ("xact_rollback", "rollbacks_total", "counter"),
        ("blks_hit", "cache_hits_total", "counter"),
        ("blks_read", "cache_misses_total", "counter"),
        ("deadlocks", "deadlocks_total", "counter"),
    ):
        lines += _series(f"studyspot_database_{name}", kind, server, ("database",), column)
    return "\n".join([*lines, *_traffic(core), ""])


def _traffic(core: Db) -> list[str]:
    """Counters since ever, by route template; gauges of the last five minutes and of the last full minute."""
    totals = core.dicts(TOTALS)
    lines = _series("studyspot_requests_total", "counter", totals, ("route", "status_class"), "requests")
    lines += _histogram(core.dicts(HISTOGRAM))
    for column, name in (
        ("database_trips", "studyspot_request_database_queries_total"),
        ("database_seconds", "studyspot_request_database_seconds_total"),
        ("database_errors", "studyspot_request_database_errors_total"),
    ):
        lines += [f"# TYPE {name} counter", f"{name} {sum(row[column] for row in totals)}"]
    caches = core.dicts(CACHES)
    for column in ("hits", "misses", "operations"):
        lines += _series(f"studyspot_cache_{column}_total", "counter", caches, ("cache",), column)
    _, figures = health.core_and_traffic()
    shown = figures.shown()
    busy = core.value(BUSY, begun=clock.now() - timedelta(minutes=2), ended=clock.now() - timedelta(minutes=1))
    for name, value in (
        ("error_rate", shown["errorRate"]),
        ("duration_average_seconds", shown["averageMs"] / 1000),
        ("duration_p95_seconds", shown["p95Ms"] / 1000),
        ("duration_p99_seconds", shown["p99Ms"] / 1000),
        ("in_flight", round(busy / 60_000, 3)),
    ):
        lines += [f"# TYPE studyspot_requests_{name} gauge", f"studyspot_requests_{name} {value}"]
    return lines


def _histogram(rows: list[dict[str, Any]]) -> list[str]:
    name = "studyspot_request_duration_seconds"
    edges = [*(str(bound / 1000) for bound in traffic.BOUNDS_MS), "+Inf"]
    lines = [f"# TYPE {name} histogram"]
    for row in rows:
        for edge, count in zip(edges, accumulate(row["buckets"]), strict=True):
            lines.append(f'{name}_bucket{{route="{row["route"]}",le="{edge}"}} {count}')
        lines.append(f'{name}_sum{{route="{row["route"]}"}} {row["seconds"]}')
        lines.append(f'{name}_count{{route="{row["route"]}"}} {row["requests"]}')
    return lines


def _series(name: str, kind: str, rows: list[dict[str, Any]], labels: tuple[str, ...], value: str) -> list[str]:
    lines = [f"# TYPE {name} {kind}"]
    for row in rows:
        shown = ",".join(f'{label}="{row[label]}"' for label in labels)
        lines.append(f"{name}{{{shown}}} {row[value]}")
    return lines
