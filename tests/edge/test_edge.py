"""The edge: what answers anybody, what only the operator sees, and what every unknown path hears."""

from __future__ import annotations

import re

import pytest
from studyspot.kit import dependencies, health, ids
from studyspot.kit.connections import Place

from tests.world import Answer, World, function, http_event


def get(world: World, path: str, token: str | None = None, method: str = "GET") -> Answer:
    """As called: unversioned paths stay as they are."""
    sent = {"authorization": f"Bearer {token}"} if token else {}
    out = function("api", "health").handler(http_event(method, path, sent, None, "127.0.0.1"), None)
    return Answer(out["statusCode"], out["headers"], (out.get("body") or "").encode())


@pytest.mark.parametrize(
    ("seconds", "errors", "condition"),
    [
        (0.0, 0.0, "healthy"),
        (0.999, 0.049, "healthy"),
        (1.0, 0.0, "degraded"),
        (0.1, 0.05, "degraded"),
        (3.0, 0.15, "degraded"),
        (3.001, 0.0, "unhealthy"),
        (0.1, 0.151, "unhealthy"),
    ],
)
def test_response_times_and_errors_are_judged_by_the_thresholds(seconds: float, errors: float, condition: str) -> None:
    assert health.judged(seconds, errors) == condition


@pytest.mark.parametrize("path", ["/health", "/api/v1/health", "/api/health"])
def test_health_is_told_to_anybody_and_not_wrapped(world: World, path: str) -> None:
    answer = get(world, path)
    assert (answer.status, answer.json["status"]) == (200, "healthy")
    assert answer.json["database"] == {"status": "connected"}
    assert {"uptime", "memory", "version"} <= answer.json.keys()


def test_health_is_503_while_the_database_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.cells, "core_place", lambda: Place("127.0.0.1", 1, "gone"))
    monkeypatch.setattr("studyspot.kit.connections.ATTEMPTS", 1)
    answer = get(world, "/health")
    assert (answer.status, answer.json["status"], answer.json["database"]) == (
        503, "unhealthy", {"status": "disconnected"},
    )  # fmt: skip


def test_every_group_answers_for_itself(world: World) -> None:
    for group in ("tenants", "credits"):
        answer = world.call(group, "GET", f"/{group}/health")
        assert (answer.status, answer.json["group"], answer.json["status"]) == (200, group, "healthy")
        document = world.call(group, "GET", f"/{group}/openapi.json").json
        assert document["openapi"] == "3.1.0"
        assert all(path.startswith("/api/v1/") for path in document["paths"])
        assert world.call(group, "POST", f"/{group}/health").status == 405


def test_only_the_operator_sees_the_dependencies(world: World) -> None:
    owner = world.tenant().owner
    assert get(world, "/health/detailed").code == "unauthenticated"
    assert get(world, "/health/detailed", owner).code == "forbidden"
    found = get(world, "/health/detailed", world.admin()).json
    assert found["databases"]["core"]["status"] == "connected"
    assert found["queues"]["sms-otp"] == {"status": "not_configured"}
    assert found["vendors"]["razorpay"]["configured"] is True


def test_metrics_are_for_whoever_has_the_token(world: World) -> None:
    world.tenant()
    assert get(world, "/metrics").code == "unauthenticated"
    with world.setting(metrics_token="scrape"):
        assert get(world, "/metrics", "other").code == "unauthenticated"
        answer = get(world, "/metrics", "scrape")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    line = re.compile(r'^(# TYPE \w+ (gauge|counter|histogram)|\w+(\{(\w+="[^"]*",?)+\})? [0-9.e+-]+)$')
    assert all(line.match(text) for text in answer.raw.decode().splitlines())
    assert 'studyspot_tenants{status="active",isolation="pool"}' in answer.raw.decode()


def test_the_roll_up_counts_the_groups_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "_group", lambda name: "unhealthy" if name == "payments" else "healthy")
    found = dependencies.groups(["auth", "payments", "tenants"])
    assert (found["status"], found["summary"]) == ("unhealthy", "healthy 2/3")


def test_the_gateway_says_what_it_is(world: World) -> None:
    found = get(world, "/").json
    assert (found["name"], found["stage"], found["docs"]) == ("StudySpot", "test", "/docs")
    assert {"health", "tenants"} <= set(found["groups"])


def test_the_public_keys_hold_nothing_private(world: World) -> None:
    (key,) = get(world, "/.well-known/jwks.json").json["keys"]
    assert (key["alg"], key["kty"], "d" in key) == ("ES256", "EC", False)


def test_the_reference_needs_no_script_and_no_other_host(world: World) -> None:
    answer = get(world, "/docs")
    page = answer.raw.decode()
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert "/api/v1/tenants" in page


def test_every_error_code_has_its_cause_and_fix(world: World) -> None:
    found = {e["code"]: e for e in get(world, "/api/v1/meta/errors").data}
    assert found["slug_taken"]["status"] == 409
    assert all(e["title"] and e["cause"] and e["fix"] for e in found.values())


def test_clients_need_not_copy_states_by_hand(world: World) -> None:
    found = get(world, "/api/v1/meta/enums").data
    assert "library_owner" in found["userTypes"]
    assert "provisioning_failed" in found["fields"]["Tenant.status"]


def test_an_unknown_path_gets_the_products_own_answer(world: World) -> None:
    for path in ("/nothing", "/api/v1/nothing", "/api/v1/meta/nothing", "/.env"):
        answer = get(world, path)
        assert (answer.status, answer.code, answer.json["success"]) == (404, "not_found", False)
    refused = get(world, "/health", method="DELETE")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")


def test_a_path_without_parameters_wins_with_all_its_methods(world: World) -> None:
    """`PUT /tenants/me` is not a change of a tenant whose id is "me"."""
    refused = world.call("tenants", "PUT", "/tenants/me", world.tenant().owner, {})
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    assert world.call("tenants", "OPTIONS", "/tenants/me").headers["Allow"] == "GET, OPTIONS"
    assert "PUT" in world.call("tenants", "OPTIONS", f"/tenants/{ids.uuid7()}").headers["Allow"]
