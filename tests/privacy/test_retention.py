"""What was kept long enough goes, tenant by tenant, after a report; what has to stay stays."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from studyspot.files import service as files
from studyspot.kit import cells, clock, ids
from studyspot.kit.db import Db
from studyspot.privacy import datamap
from studyspot.privacy.models import RetentionRule
from studyspot.privacy.queries import retention as queries
from studyspot.privacy.service import retention

from tests.architecture.furniture import Furniture
from tests.files.test_files import keys
from tests.world import Tenant, World, function

FURNISHED = ("bookings", "payments", "refunds", "memberships", "attendance", "payment_events", "consents", "audit_logs")
NEVER = {"audit_logs", "audit_seals", "attendance", "bookings", "consents", "students", "users", "ledger_entries"}
"""Beside every table that has books in it."""


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant()


def today() -> date:
    return clock.now().astimezone(clock.INDIA).date()


def rows(world: World, tenant: Tenant, table: str) -> int:
    with psycopg.connect(world.postgres.dsn("pool_1")) as conn:
        found = conn.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (tenant.id,)).fetchone()
    assert found is not None
    return int(found[0])


def codes(world: World, tenant: Tenant, count: int, age: timedelta) -> None:
    with world.db(tenant.id) as db:
        for _ in range(count):
            db.run(
                "INSERT INTO otp_codes (id, phone_hash, code_hash, expires_at, created_at)"
                " VALUES (%(id)s, 'p', 'c', %(at)s, %(at)s)",
                id=ids.uuid7(),
                at=clock.now() - age,
            )


def report(world: World, tenant: Tenant) -> dict[str, Any]:
    shown = world.call("privacy", "GET", "/privacy/retention", tenant.owner).data
    return {run["mode"]: run["found"] for run in shown["runs"]}


def test_owners_see_and_administrators_set_within_bounds(world: World, tenant: Tenant) -> None:
    assert world.call("privacy", "GET", "/privacy/retention", world.token("student", tenant.id)).status == 403
    change = {"data": "otp_codes", "days": 5}
    assert world.call("privacy", "PUT", "/privacy/retention", tenant.owner, change).status == 403
    admin = world.token("platform_admin", ids.PLATFORM)
    set_ = world.call("privacy", "PUT", "/privacy/retention", admin, change)
    assert next(rule for rule in set_.data["rules"] if rule["data"] == "otp_codes")["days"] == 5
    for bad in ({"data": "otp_codes", "days": 1}, {"data": "payments", "days": 4000}, {"data": "otp_codes"}):
        assert world.call("privacy", "PUT", "/privacy/retention", admin, bad).status == 422, bad
    back = world.call("privacy", "PUT", "/privacy/retention", admin, {"data": "otp_codes", "days": None})
    assert next(rule for rule in back.data["rules"] if rule["data"] == "otp_codes")["days"] == 2


def test_the_night_reports_then_deletes_once(world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 3)
    other = world.tenant()
    codes(world, tenant, 7, timedelta(days=3))
    codes(world, tenant, 2, timedelta(days=1))
    codes(world, other, 1, timedelta(days=3))
    with world.worker():
        assert function("schedules", "retention").handler({}, None)["deleted"] >= 8
        assert retention.run(today()) == 0, "a finished night does nothing more"
    assert rows(world, tenant, "otp_codes") == 2
    assert report(world, tenant) == {"dry": {"otp_codes": 7}, "run": {"otp_codes": 7}}


def test_a_killed_night_goes_on_where_it_stopped(world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 2)
    codes(world, tenant, 6, timedelta(days=3))
    real, turns = queries.delete, iter(range(2))

    def dies(*given: Any) -> int:
        if (given[0].tenant, given[1].data) == (tenant.id, "otp_codes") and next(turns, None) is None:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(queries, "delete", dies)
    with world.worker(), pytest.raises(KeyboardInterrupt):
        retention.run(today())
    assert rows(world, tenant, "otp_codes") == 2
    monkeypatch.setattr(queries, "delete", real)
    with world.worker():
        retention.run(today())
    assert rows(world, tenant, "otp_codes") == 0
    assert report(world, tenant) == {"dry": {"otp_codes": 6}, "run": {"otp_codes": 6}}


def test_the_books_the_trail_and_the_people_are_no_kind_of_the_schedule(
    world: World, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = {kind.table for kind in queries.KINDS.values()}
    assert not deleted & (NEVER | {table.name for table in datamap.tables().values() if table.kept})
    furniture = Furniture(world, tenant.id)
    before = {}
    for table in FURNISHED:
        furniture.row(table)
        before[table] = rows(world, tenant, table)
    far = clock.now() + timedelta(days=9 * 365)
    monkeypatch.setattr(queries, "_before", lambda rule: far)
    with world.worker():
        retention.run(today())
    assert {table: rows(world, tenant, table) for table in before} == before


def test_every_kind_s_condition_is_one_the_database_understands(world: World, tenant: Tenant) -> None:
    with world.db(tenant.id) as db:
        for rule in queries.rules(db):
            assert queries.count(db, rule) >= 0
            assert rule.least_days <= rule.default_days


def test_an_archive_goes_with_its_bytes_and_one_somebody_may_still_want_stays(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    with world.db(tenant.id) as db:
        old = files.store(db, "export", "old.zip", b"old", "application/zip")
        other = files.store(db, "retained", "books.zip", b"books", "application/zip")
        db.run("UPDATE files SET created_at = %(at)s", at=clock.now() - timedelta(days=61))
        new = files.store(db, "export", "new.zip", b"new", "application/zip")
    with world.worker():
        retention.run(today())
    assert keys(bucket) == sorted([f"{tenant.id}/export/{new}", f"{tenant.id}/retained/{other}"])
    with world.db(tenant.id) as db:
        assert {row["id"] for row in db.dicts("SELECT id FROM files")} == {new, other}
    assert report(world, tenant) == {"dry": {"exports": 1}, "run": {"exports": 1}}
    assert str(old) not in str(keys(bucket))


def test_deliveries_that_ended_go_with_their_tries_and_those_that_wait_stay(world: World, tenant: Tenant) -> None:
    furniture = Furniture(world, tenant.id)
    furniture.row("webhook_attempts")
    age = {"at": clock.now() - timedelta(days=91)}
    with world.db(tenant.id) as db:
        db.run("UPDATE webhook_deliveries SET status = 'pending', created_at = %(at)s", **age)
        assert queries.count(db, rule_of(db, "webhook_deliveries")) == 0
        db.run("UPDATE webhook_deliveries SET status = 'delivered', ended_at = %(at)s", **age)
    with world.worker():
        retention.run(today())
    assert (rows(world, tenant, "webhook_deliveries"), rows(world, tenant, "webhook_attempts")) == (0, 0)
    assert rows(world, tenant, "webhook_endpoints") == 1


def test_the_directory_is_seen_to_by_the_platform_s_own_night(world: World, tenant: Tenant) -> None:
    message = ids.uuid7()
    with cells.core_db() as core:
        core.run(
            "INSERT INTO message_orders (communication_id, tenant_id, vendor, number_hash, created_at)"
            " VALUES (%(id)s, %(tenant)s, 'msg91', 'x', %(at)s)",
            id=message, tenant=tenant.id, at=clock.now() - timedelta(days=91),
        )  # fmt: skip
        names = {rule.data for rule in queries.rules(core)}
    with world.db(tenant.id) as db:
        assert names - {rule.data for rule in queries.rules(db)} == {"message_orders", "payment_link_codes"}
    world.advance(timedelta(days=1))  # a night of the platform's own that was not run yet
    with world.worker():
        retention.run(today())
    with cells.core_db() as core:
        assert core.value("SELECT count(*) FROM message_orders WHERE communication_id = %(id)s", id=message) == 0


def test_counts_that_are_nobody_s_go_from_every_cell(world: World) -> None:
    for dbname in ("pool_1", "studyspot"):
        with psycopg.connect(world.postgres.dsn(dbname), autocommit=True) as conn:
            for days in (32, 30):
                at = clock.now() - timedelta(days=days)
                conn.execute("INSERT INTO gateway_health VALUES ('of a test', 'minute', %s, 1, 0, NULL)", (at,))
            with world.worker():
                retention.run(today())
            left = conn.execute("DELETE FROM gateway_health WHERE gateway = 'of a test' RETURNING starts_at").fetchall()
            assert left == [(at,)], dbname


def rule_of(db: Db, data: str) -> RetentionRule:
    return next(rule for rule in queries.rules(db) if rule.data == data)
