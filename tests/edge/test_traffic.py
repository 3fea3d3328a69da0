"""Requests over all instances: the log's lines become minute rows, and those become health and metrics."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from studyspot.kit import clock, ids, traffic
from studyspot.kit.traffic import Figures

from tests.edge.test_edge import get
from tests.world import World, function


@pytest.fixture
def quiet(world: World) -> Iterator[World]:
    """Nobody asked anything in the last minutes, nor will the next test find what this one told."""
    world.advance(timedelta(minutes=10))
    yield world
    world.advance(timedelta(minutes=10))


def line(route: str | None, status: int = 200, duration: float = 12.0) -> dict[str, Any]:
    return {
        "message": "request", "timestamp": clock.now().isoformat(), "method": "GET", "route": route, "status": status,
        "duration": duration, "trips": 1, "databaseMs": 4.0, "databaseErrors": 0, "caches": {"place:{tenant}": [3, 1]},
    }  # fmt: skip


def deliver(world: World, lines: list[dict[str, Any]], kind: str = "DATA_MESSAGE", batch: str | None = None) -> int:
    """As CloudWatch Logs does; the same `batch` is the same delivery."""
    name = batch or ids.uuid7().hex
    events = [{"id": f"{name}-{n}", "timestamp": 0, "message": json.dumps(each)} for n, each in enumerate(lines)]
    packed = base64.b64encode(gzip.compress(json.dumps({"messageType": kind, "logEvents": events}).encode())).decode()
    with world.worker():
        told: int = function("streams", "request_log").handler({"awslogs": {"data": packed}}, None)["requests"]
    return told


def metrics(world: World) -> str:
    with world.setting(metrics_token="scrape"):
        return get(world, "/metrics", "scrape").raw.decode()


def metric(world: World, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} ([0-9.e+-]+)$", metrics(world), re.MULTILINE)
    assert found, series
    return float(found[1])


def test_many_instances_are_counted_together_and_a_batch_only_once(quiet: World) -> None:
    route = f"/api/v1/{ids.uuid7().hex}"
    deliver(quiet, [line(route, duration=8)] * 3, batch="x" + route)
    deliver(quiet, [line(route, duration=8)] * 3, batch="x" + route)
    deliver(quiet, [line(route, 500, 700)] * 2)
    deliver(quiet, [], kind="CONTROL_MESSAGE")
    series = f'studyspot_requests_total{{route="GET {route}",status_class="'
    assert (metric(quiet, series + '2xx"}'), metric(quiet, series + '5xx"}')) == (3, 2)
    histogram = f'studyspot_request_duration_seconds_bucket{{route="GET {route}",le="'
    edges = ("0.005", "0.01", "0.5", "1.0", "+Inf")
    assert [metric(quiet, f'{histogram}{edge}"}}') for edge in edges] == [0, 3, 3, 5, 5]
    assert metric(quiet, f'studyspot_request_duration_seconds_count{{route="GET {route}"}}') == 5


def test_health_follows_the_errors_of_all_instances(quiet: World) -> None:
    deliver(quiet, [line("/a")] * 95 + [line("/a", 503)] * 5)
    assert get(quiet, "/health").json["status"] == "degraded"
    deliver(quiet, [line("/a", 500)] * 15)
    answer = get(quiet, "/health")
    assert (answer.status, answer.json["status"], answer.json["database"]["status"]) == (503, "unhealthy", "connected")
    quiet.advance(timedelta(minutes=6))
    assert get(quiet, "/health").json["status"] == "healthy"


def test_health_follows_how_long_requests_take(quiet: World) -> None:
    deliver(quiet, [line("/a", duration=1500)] * 60)
    assert get(quiet, "/health").json["status"] == "degraded"
    deliver(quiet, [line("/a", duration=9000)] * 60)
    assert get(quiet, "/health").json["status"] == "unhealthy"


def test_few_requests_do_not_judge_the_product(quiet: World) -> None:
    deliver(quiet, [line("/a", 500)] * 10)
    assert get(quiet, "/health").json["status"] == "healthy"


def test_each_group_is_judged_by_its_own_requests(quiet: World) -> None:
    deliver(quiet, [line("/api/v1/students/{studentId}", 500)] * 60 + [line("/api/v1/tenants")] * 60)
    admin = quiet.admin()
    ill = quiet.call("students", "GET", "/students/health/detailed", admin)
    assert (ill.status, ill.json["status"], ill.json["traffic"]["errorRate"]) == (503, "unhealthy", 1.0)
    well = quiet.call("tenants", "GET", "/tenants/health/detailed", admin)
    assert (well.status, well.json["group"], well.json["traffic"]["requests"]) == (200, "tenants", 60)
    assert well.json["databases"]["core"]["status"] == "connected"


def test_only_operators_see_a_group_s_details(quiet: World) -> None:
    assert quiet.call("students", "GET", "/students/health/detailed").code == "unauthenticated"
    assert quiet.call("students", "GET", "/students/health/detailed", quiet.tenant().owner).code == "forbidden"


def test_the_figures_of_the_last_minutes_are_gauges(quiet: World) -> None:
    deliver(quiet, [line("/a", duration=n) for n in range(1, 101)] + [line("/a", 404, 50)] * 100)
    assert metric(quiet, "studyspot_requests_error_rate") == 0
    assert metric(quiet, "studyspot_requests_duration_average_seconds") == pytest.approx(0.05025)
    assert metric(quiet, "studyspot_requests_duration_p95_seconds") == pytest.approx(0.09, abs=0.011)
    quiet.advance(timedelta(minutes=1, seconds=1))
    assert metric(quiet, "studyspot_requests_in_flight") == pytest.approx(10_050 / 60_000, abs=0.001)
    for name in ("hits", "misses", "operations"):
        assert metric(quiet, f'studyspot_cache_{name}_total{{cache="place:{{tenant}}"}}') > 0
    assert metric(quiet, "studyspot_request_database_queries_total") >= 200


def test_quantiles_are_read_off_the_histogram() -> None:
    assert Figures(requests=4, buckets=[0, 4] + [0] * 10).quantile_ms(0.5) == 7.5
    assert Figures(requests=2, buckets=[0] * 11 + [2]).quantile_ms(0.99) == traffic.BOUNDS_MS[-1]
    assert Figures().quantile_ms(0.95) == 0


def test_a_request_s_line_is_what_is_counted(quiet: World) -> None:
    """The real handler's line, through the real function: template of the path, never an id; no query string."""
    tenant = quiet.tenant()
    told = io.StringIO()
    with quiet.setting(log_level="INFO"), contextlib.redirect_stdout(told):
        quiet.call("students", "GET", f"/students/{ids.uuid7()}?q=secret", tenant.owner)
    written = json.loads(told.getvalue().splitlines()[-1])
    assert (written["route"], written["status"], written["trips"]) == ("/api/v1/students/{studentId}", 404, 1)
    assert (written["tenantId"], "secret" in told.getvalue()) == (str(tenant.id), False)
    assert written["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["tenantId"]]
    assert written["databaseMs"] > 0
    assert written["caches"]["token:{digest}"] == [0, 1]
    assert deliver(quiet, [written]) == 1


def test_old_minutes_are_forgotten_and_totals_stay(quiet: World) -> None:
    route = f"/api/v1/{ids.uuid7().hex}"
    deliver(quiet, [line(route)])
    quiet.advance(timedelta(days=31))
    deliver(quiet, [line("/b")])
    with quiet.worker(), traffic_rows(quiet) as rows:
        assert rows(f"GET {route}") == 0
    assert metric(quiet, f'studyspot_requests_total{{route="GET {route}",status_class="2xx"}}') == 1


@contextlib.contextmanager
def traffic_rows(world: World) -> Iterator[Any]:
    with world.db(ids.PLATFORM) as core:
        yield lambda route: core.value("SELECT count(*) FROM request_minutes WHERE route = %(route)s", route=route)
