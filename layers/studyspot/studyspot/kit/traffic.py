"""Requests over all instances: one-minute rows fed by the request log, and what health and metrics read off them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from studyspot.kit import clock
from studyspot.kit.db import Db

BOUNDS_MS = (5, 10, 25, 50, 100, 200, 300, 500, 1000, 3000, 10_000)
"""Upper edges of the duration histogram; the last bucket is what took longer."""
WINDOW = timedelta(minutes=5)
KEPT = timedelta(days=30)
BATCHES_KEPT = timedelta(days=2)
FEWEST = 50
"""Below so many requests in the window, a rate says more about chance than about the product."""
SUMS = ("requests", "duration_ms", "database_trips", "database_ms", "database_errors")

COUNTED_BEFORE = """
    INSERT INTO request_log_batches (id, at) VALUES (%(id)s, %(now)s) ON CONFLICT DO NOTHING"""
ADDING = ", ".join(f"{name} = t.{name} + EXCLUDED.{name}" for name in SUMS)
GIVEN = """
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(minute timestamptz, route text, status_class smallint,
        requests bigint, duration_ms double precision, buckets bigint[], database_trips bigint,
        database_ms double precision, database_errors bigint)"""
COLUMNS = f"route, status_class, buckets, {', '.join(SUMS)}"
ADD_MINUTES = f"""
    INSERT INTO request_minutes AS t (minute, {COLUMNS}) SELECT minute, {COLUMNS} {GIVEN}
    ORDER BY minute, route, status_class
    ON CONFLICT (minute, route, status_class) DO UPDATE SET {ADDING}, buckets = added(t.buckets, EXCLUDED.buckets)"""
ADD_TOTALS = f"""
    INSERT INTO request_totals AS t ({COLUMNS}) SELECT {COLUMNS} {GIVEN}
    ORDER BY route, status_class
    ON CONFLICT (route, status_class) DO UPDATE SET {ADDING}, buckets = added(t.buckets, EXCLUDED.buckets)"""
ADD_CACHES = """
    INSERT INTO cache_totals AS t (cache, hits, misses)
    SELECT cache, hits, misses FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(cache text, hits bigint, misses bigint)
    ORDER BY cache
    ON CONFLICT (cache) DO UPDATE SET hits = t.hits + EXCLUDED.hits, misses = t.misses + EXCLUDED.misses"""
FORGET = (
    "DELETE FROM request_minutes WHERE minute < %(minutes)s",
    "DELETE FROM request_log_batches WHERE at < %(batches)s",
)
RECENT = """
    SELECT coalesce(sum(requests), 0)::bigint AS requests, coalesce(sum(duration_ms), 0) AS duration_ms,
           coalesce(sum(requests) FILTER (WHERE status_class = 5), 0)::bigint AS errors,
           ARRAY(SELECT sum(b.n)::bigint FROM request_minutes m, unnest(m.buckets) WITH ORDINALITY AS b(n, i)
                 WHERE m.minute > %(since)s AND m.minute <= %(now)s AND (%(group)s::text IS NULL OR m.route ~ %(group)s)
                 GROUP BY b.i ORDER BY b.i) AS buckets
    FROM request_minutes WHERE minute > %(since)s AND minute <= %(now)s
      AND (%(group)s::text IS NULL OR route ~ %(group)s)"""


class Figures(BaseModel):
    """Requests of the last five minutes; durations in milliseconds."""

    requests: int = 0
    duration_ms: float = 0.0
    errors: int = 0
    buckets: list[int] = []

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def average_ms(self) -> float:
        return self.duration_ms / self.requests if self.requests else 0.0

    @property
    def telling(self) -> bool:
        return self.requests >= FEWEST

    def quantile_ms(self, share: float) -> float:
        """Read off the histogram, within its bucket in proportion; what lies above the last edge is told as that."""
        left = share * sum(self.buckets)
        below = 0.0
        for count, edge in zip(self.buckets, BOUNDS_MS, strict=False):
            if count and left <= count:
                return below + (edge - below) * left / count
            left, below = left - count, float(edge)
        return below

    def shown(self) -> dict[str, Any]:
        """As the detailed health answers tell it."""
        return {
            "windowSeconds": int(WINDOW.total_seconds()),
            "requests": self.requests,
            "errorRate": round(self.error_rate, 4),
            "averageMs": round(self.average_ms, 2),
            "p95Ms": round(self.quantile_ms(0.95), 2),
            "p99Ms": round(self.quantile_ms(0.99), 2),
        }


def recent(group: str | None = None) -> tuple[str, dict[str, Any]]:
    """The statement that answers `Figures`, of one endpoint group or of all."""
    pattern = f"^[A-Z]+ (/api/v1)?/{group}(/|$)" if group else None
    now = clock.now()
    return RECENT, {"since": now - WINDOW, "now": now, "group": pattern}


def lines_of(event: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """A CloudWatch Logs subscription's event: what names this batch however often it comes, and its request lines."""
    batch = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    found = batch.get("logEvents", [])
    name = hashlib.sha256("".join(each["id"] for each in found).encode()).hexdigest()
    if batch.get("messageType") != "DATA_MESSAGE":  # CloudWatch checks a destination with a control message
        return name, []
    lines = [json.loads(each["message"]) for each in found]
    return name, [line for line in lines if line.get("message") == "request"]


def add(core: Db, batch: str, lines: Sequence[dict[str, Any]]) -> int:
    """Count a batch once; answers how many requests it told of (worker role)."""
    if not lines:
        return 0
    minutes, totals = _summed(lines, by_minute=True), _summed(lines, by_minute=False)
    now = clock.now()
    with core.transaction():
        if not core.run(COUNTED_BEFORE, id=batch, now=now):
            return 0
        core.later(ADD_MINUTES, rows=json.dumps(minutes))
        core.later(ADD_TOTALS, rows=json.dumps(totals))
        core.later(ADD_CACHES, rows=json.dumps(_caches(lines)))
        for statement in FORGET:
            core.later(statement, minutes=now - KEPT, batches=now - BATCHES_KEPT)
    return len(lines)


def _summed(lines: Iterable[dict[str, Any]], by_minute: bool) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    for line in lines:
        minute = datetime.fromisoformat(line["timestamp"]).replace(second=0, microsecond=0).isoformat()
        route = f"{line['method']} {line['route']}" if line["route"] else "none"
        key = (minute if by_minute else "", route, line["status"] // 100)
        row = rows.setdefault(key, _empty(*key))
        told = (1, line["duration"], line["trips"], line["databaseMs"], line["databaseErrors"])
        for name, value in zip(SUMS, told, strict=True):
            row[name] += value
        row["buckets"][bisect_left(BOUNDS_MS, line["duration"])] += 1
    return list(rows.values())


def _empty(minute: str, route: str, status_class: int) -> dict[str, Any]:
    buckets = [0] * (len(BOUNDS_MS) + 1)
    named = {"minute": minute or None, "route": route, "status_class": status_class}
    return {**named, "buckets": buckets, **dict.fromkeys(SUMS, 0)}


def _caches(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    counted: dict[str, list[int]] = {}
    for line in lines:
        for pattern, (hits, misses) in line["caches"].items():
            sums = counted.setdefault(pattern, [0, 0])
            sums[0], sums[1] = sums[0] + hits, sums[1] + misses
    return [{"cache": name, "hits": hits, "misses": misses} for name, (hits, misses) in counted.items()]
