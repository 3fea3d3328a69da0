"""Who changed this fee? The trail is searched, read with its differences, and taken away as a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from studyspot.audit import exporting
from studyspot.kit import audit, cells, clock, ids, tokens
from studyspot.kit.auth import Actor

from tests.store import BUCKET
from tests.world import Tenant, World, function


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant()


def found(world: World, token: str, query: str = "", **headers: str) -> Any:
    answer = world.call("audit", "GET", f"/audit-logs{query}", token, **headers)
    assert answer.status == 200, answer.raw
    return answer.data


def library(world: World, tenant: Tenant) -> str:
    made = world.call("libraries", "POST", "/libraries", tenant.owner, {"name": "Here", "code": "H1"})
    assert made.status == 201, made.raw
    changed = world.call("libraries", "PUT", f"/libraries/{made.data['id']}", tenant.owner, {"name": "There"})
    assert changed.status == 200, changed.raw
    library_id: str = made.data["id"]
    return library_id


def test_a_change_is_found_by_each_filter_and_shown_field_by_field(world: World, tenant: Tenant) -> None:
    changed = library(world, tenant)
    (row,) = found(world, tenant.owner, f"?action=libraries.update&resourceId={changed}")
    assert (row["actorId"], row["actorType"]) == (str(tenant.owner_id), "library_owner")
    shown = world.call("audit", "GET", f"/audit-logs/{row['id']}", tenant.owner).data
    assert {"field": "name", "before": "Here", "after": "There"} in shown["changes"]
    assert [r["action"] for r in found(world, tenant.owner, "?action=libraries.*")] == [
        "libraries.update", "libraries.create"]  # fmt: skip
    assert found(world, tenant.owner, f"?actorId={ids.uuid7()}") == []
    assert found(world, tenant.owner, "?resourceType=students") == []
    later = (clock.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert found(world, tenant.owner, f"?from={later}") == []
    assert len(found(world, tenant.owner, f"?to={later}")) == 2
    assert found(world, tenant.owner, "?action=%25") == [], "a percent sign is a percent sign"


def test_pages_follow_one_another_and_csv_is_neutral(world: World, tenant: Tenant) -> None:
    with cells.tenant_db(tenant.id) as db:
        for n in range(5):
            audit.note(db, f"={n}", "things", None)
    first = world.call("audit", "GET", "/audit-logs?limit=3", tenant.owner)
    rest = world.call("audit", "GET", f"/audit-logs?limit=3&cursor={first.json['meta']['nextCursor']}", tenant.owner)
    assert [r["action"] for r in (*first.data, *rest.data)] == ["=4", "=3", "=2", "=1", "=0"]
    sheet = world.call("audit", "GET", "/audit-logs", tenant.owner, accept="text/csv")
    assert "'=4" in sheet.raw.decode()


def test_what_is_personal_is_masked_before_it_is_written(world: World, tenant: Tenant) -> None:
    body = {"firstName": "Qqqq", "phone": "+919812345099", "address": "Street 1"}
    made = world.call("students", "POST", "/students", tenant.owner, body)
    (row,) = found(world, tenant.owner, "?action=students.create")
    shown = world.call("audit", "GET", f"/audit-logs/{row['id']}", tenant.owner)
    assert shown.data["after"]["phone"] == shown.data["after"]["first_name"] == "***"
    assert b"Qqqq" not in shown.raw
    assert row["resourceId"] == made.data["id"]


def test_the_platform_s_look_into_a_tenant_leaves_a_row_there(world: World, tenant: Tenant) -> None:
    admin = world.admin()
    found(world, admin, x_tenant_id=str(tenant.id))
    rows = found(world, tenant.owner)
    assert [(r["action"], r["actorType"]) for r in rows] == [("GET /api/v1/audit-logs", "platform_admin")]
    zero = found(world, admin)
    assert not {r["id"] for r in zero} & {r["id"] for r in rows}


def test_who_stands_in_for_somebody_is_in_the_row(world: World, tenant: Tenant) -> None:
    helper = ids.uuid7()
    token = world.token("library_owner", tenant.id, tenant.owner_id)
    claims = tokens.verify(token)
    with cells.tenant_db(tenant.id) as db:
        db.actor = Actor.of({**claims, "act": {"sub": str(helper)}})
        audit.note(db, "stood.in", "things", None)
    (row,) = found(world, tenant.owner, "?action=stood.in")
    assert (row["actorId"], row["impersonatorId"]) == (str(tenant.owner_id), str(helper))


def test_a_small_export_is_the_file_itself(world: World, tenant: Tenant) -> None:
    library(world, tenant)
    for who, status in ((None, 401), (world.token("library_staff", tenant.id), 403)):
        assert world.call("audit", "POST", "/audit-logs/export", who, {}).status == status
    sheet = world.call("audit", "POST", "/audit-logs/export", tenant.owner, {"action": "libraries.*"})
    assert (sheet.status, sheet.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    lines = list(csv.DictReader(io.StringIO(sheet.raw.decode())))
    assert [line["action"] for line in lines] == ["libraries.create", "libraries.update"]
    exported = world.call("audit", "POST", "/audit-logs/export", tenant.owner, {"format": "json", "action": "nothing"})
    assert exported.json == []
    assert [r["action"] for r in found(world, tenant.owner, "?action=audit.export")] == ["audit.export"] * 2


def test_a_large_export_is_made_by_the_minute(
    world: World, tenant: Tenant, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    library(world, tenant)
    monkeypatch.setattr(exporting, "INLINE", 100)
    asked = world.call("audit", "POST", "/audit-logs/export", tenant.owner, {"format": "json"})
    assert asked.status == 202, asked.raw
    with world.worker():
        function("schedules", "minute").handler({}, None)
    job = world.call("developer", "GET", f"/jobs/{asked.data['jobId']}", tenant.owner).data
    assert (job["status"], job["result"]["fileId"]) == ("done", asked.data["jobId"])
    file = bucket.get_object(Bucket=BUCKET, Key=f"{tenant.id}/audit_export/{asked.data['jobId']}")
    assert b"libraries.update" in file["Body"].read()
