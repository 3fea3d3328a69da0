"""A tenant on its way out: frozen, restorable to the last day, then gone from every table, with a certificate."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import zipfile
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from studyspot.files import service as files
from studyspot.kit import cells, clock, connections, ids
from studyspot.leaving.tables import RETAINED
from studyspot.subscriptions import service as subscriptions

from tests.leaving import scene
from tests.store import BUCKET
from tests.tenants.machine import Killed, Machine
from tests.world import PASSWORDS, Tenant, World, function

MONTH = timedelta(days=30)
MIGRATOR = {"migrator_db_user": "migrator", "migrator_db_password": PASSWORDS["migrator"]}
EVERY_COLUMN = """
    SELECT c.relname, bool_or(a.attname = 'tenant_id') FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1"""


def walk(world: World, given: dict[str, Any], **strikes: Any) -> str:
    with world.setting(**MIGRATOR), world.worker():
        return Machine("tenant_offboarding", function("steps", "offboarding").handler, **strikes).run(given)


def commands(world: World, tenant: Tenant, resume: str) -> list[dict[str, Any]]:
    found = world.outbox(ids.PLATFORM, "tenant_offboarding")
    return [m for m in found if m["subject"] == str(tenant.id) and m["resume"] == resume]


def begun(world: World, tenant: Tenant) -> dict[str, Any]:
    """Asked for, frozen, offered, waiting."""
    answer = world.call("tenants", "DELETE", f"/tenants/{tenant.id}?reason=closing", world.admin())
    assert answer.status == 202, answer.json
    (given,) = commands(world, tenant, "begin")
    assert walk(world, given) == "Succeed"
    facts: dict[str, Any] = answer.data
    return facts


def minute(world: World) -> None:
    """Timers that are due become commands."""
    from studyspot.kit import timers

    with world.worker():
        timers.fire_due()


def due(world: World, tenant: Tenant) -> dict[str, Any]:
    """The command that the timer leaves on the thirtieth day."""
    world.advance(MONTH)
    minute(world)
    (given,) = commands(world, tenant, "purge")
    return given


def state(tenant: Tenant) -> str:
    with cells.core_db() as core:
        return str(core.value("SELECT status FROM tenants WHERE id = %(id)s", id=tenant.id))


def databases(world: World) -> list[str]:
    with psycopg.connect(world.core) as conn:
        return [row[0] for row in conn.execute("SELECT DISTINCT dbname FROM cells")]


def found_anywhere(world: World, tenant: Tenant, strings: list[str]) -> list[str]:
    """Rows of the tenant, and any value of its people, in every table of every database."""
    hits: list[str] = []
    for name in databases(world):
        with psycopg.connect(world.postgres.dsn(name), autocommit=True) as conn:
            for table, tenanted in conn.execute(EVERY_COLUMN).fetchall():
                if tenanted and table != "offboardings":
                    query = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s").format(sql.Identifier(table))
                    if conn.execute(query, (tenant.id,)).fetchone() != (0,):
                        hits.append(f"{name}.{table}: rows")
                words = sql.SQL("SELECT count(*) FROM {} r WHERE r::text LIKE ANY (%s)").format(sql.Identifier(table))
                if conn.execute(words, ([f"%{text}%" for text in strings],)).fetchone() != (0,):
                    hits.append(f"{name}.{table}: values")
    return hits


def people(world: World, tenant: Tenant) -> list[str]:
    """What is known of its people: addresses, phones and names, made unmistakable first."""
    mark = f"Zq{secrets.token_hex(4)}"
    with world.db(tenant.id) as db:
        db.run("UPDATE students SET first_name = %(n)s || student_code, email = %(n)s || id || '@s.example'", n=mark)
        found = db.dicts("SELECT phone, email, first_name FROM students")
        strings = [value for row in found for value in row.values()]
    with cells.core_db() as core:
        core.run("UPDATE library_owners SET name = %(n)s WHERE id = %(id)s", n=f"Owner {mark}", id=tenant.owner_id)
    return [*strings, f"Owner {mark}", f"{tenant.slug}@example.org", mark]


def test_only_administrators_let_a_tenant_go_and_only_once(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    staff = world.token("platform_staff", ids.PLATFORM)
    for token in (tenant.owner, staff):
        assert world.call("tenants", "DELETE", f"/tenants/{tenant.id}", token).code == "forbidden"
        assert world.call("tenants", "POST", f"/tenants/{tenant.id}/restore", token).code == "forbidden"
    assert world.call("tenants", "GET", f"/tenants/{tenant.id}/offboardings", tenant.owner).data == []
    assert world.call("tenants", "POST", f"/tenants/{tenant.id}/restore", world.admin()).status == 404
    begun(world, tenant)
    again = world.call("tenants", "DELETE", f"/tenants/{tenant.id}", world.admin())
    assert (again.status, again.code) == (409, "offboarding_in_progress")
    waiting = world.tenant(status="provisioning")
    assert world.call("tenants", "DELETE", f"/tenants/{waiting.id}", world.admin()).code == "provisioning_in_progress"


def test_writes_are_frozen_at_once_while_reads_exports_and_sign_in_go_on(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    world.call("tenants", "DELETE", f"/tenants/{tenant.id}", world.admin())
    library = {"name": "North", "code": "N1"}
    refused = world.call("libraries", "POST", "/libraries", tenant.owner, library)
    assert (refused.status, refused.code) == (409, "offboarding_in_progress")
    assert world.call("libraries", "GET", "/libraries", tenant.owner).status == 200
    assert world.call("tenants", "GET", "/tenants/me", tenant.owner).data["status"] == "offboarding"
    assert scene.exported(world, tenant)["status"] == "done"
    assert world.call("auth", "POST", "/auth/verify", tenant.owner).status == 200
    assert world.call("auth", "POST", "/auth/logout", tenant.owner).status == 204


def test_an_export_is_offered_and_the_owner_is_told_until_when(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    facts = begun(world, tenant)
    assert facts["daysLeft"] == 30
    (given,) = world.outbox(tenant.id, "data_export")
    assert scene.machine(world, "data_export", "exporting", given) == "Succeed"
    (export,) = world.call("tenants", "GET", f"/tenants/{tenant.id}/exports", tenant.owner).data
    assert export["url"]
    with cells.core_db() as core:
        query = "SELECT body FROM communications WHERE recipient_id = %(id)s AND template_id = 'offboarding'"
        (mail,) = core.dicts(query, id=tenant.owner_id)
    assert f"{clock.now() + MONTH:%B %Y}" in mail["body"] and "8 years" in mail["body"]
    world.advance(timedelta(days=10))
    owner = world.token("library_owner", tenant.id, tenant.owner_id)
    (shown,) = world.call("tenants", "GET", f"/tenants/{tenant.id}/offboardings", owner).data
    assert (shown["state"], shown["daysLeft"]) == ("waiting", 20)


def test_on_day_29_it_comes_back_as_it_was(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    suspended = {"reason": "unpaid", "scope": "messaging"}
    assert world.call("tenants", "POST", f"/tenants/{tenant.id}/suspend", world.admin(), suspended).status == 200
    begun(world, tenant)
    world.advance(timedelta(days=29))
    answer = world.call("tenants", "POST", f"/tenants/{tenant.id}/restore", world.admin())
    assert (answer.status, answer.data["state"]) == (200, "restored")
    tenant_now = world.call("tenants", "GET", f"/tenants/{tenant.id}", world.admin()).data
    assert (tenant_now["status"], tenant_now["scope"]) == ("suspended", "messaging")
    world.advance(timedelta(days=2))
    minute(world)
    assert not commands(world, tenant, "purge")
    owner = world.token("library_owner", tenant.id, tenant.owner_id)
    assert world.call("libraries", "POST", "/libraries", owner, {"name": "North", "code": "N"}).status == 201
    assert begun(world, tenant)["daysLeft"] == 30


def test_no_debit_is_made_for_who_leaves_and_renewals_go_on_for_who_comes_back(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    with cells.core_db() as core:
        subscriptions.seed_plans(core)
        core.run(
            """INSERT INTO subscriptions (id, customer_id, plan_id, status, billing_anchor, current_period_end,
                                          created_at, updated_at)
               SELECT %(id)s, %(t)s, id, 'active', %(now)s, %(now)s, %(now)s, %(now)s
               FROM subscription_plans WHERE code = 'starter'""",
            id=ids.uuid7(), t=tenant.id, now=clock.now(),
        )  # fmt: skip
    begun(world, tenant)
    with cells.core_db() as core:
        assert subscriptions.start_due(core) == 0
    assert world.call("tenants", "POST", f"/tenants/{tenant.id}/restore", world.admin()).status == 200
    with cells.core_db() as core:
        assert core.value("SELECT status FROM subscriptions WHERE customer_id = %(t)s", t=tenant.id) == "active"
    assert world.outbox(ids.PLATFORM, "subscription_renewal")


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_on_day_30_nothing_of_it_is_left_anywhere(world: World, bucket: Any, isolation: str) -> None:
    tenant, other = scene.furnished(world, isolation), scene.furnished(world, people=1)
    with cells.core_db() as core:
        from studyspot.identity import service as identity

        identity.add_identity(core, "email", f"{tenant.slug}@example.org", "library_owner", tenant.id, tenant.owner_id)
    strings = people(world, tenant)
    assert found_anywhere(world, tenant, strings)
    begun(world, tenant)
    dbname = cells.place_of(tenant.id).dbname
    given = due(world, tenant)
    before = rows_of_other(world, other)
    assert walk(world, given) == "Succeed"
    connections.close_all()
    assert found_anywhere(world, tenant, strings) == []
    assert rows_of_other(world, other) == before
    assert [key for key in keys(bucket) if key.startswith(f"{tenant.id}/")] == []
    assert state(tenant) == "deleted"
    with psycopg.connect(world.core) as conn:
        there = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (dbname,)).fetchone()
    assert (there is None) == (isolation == "silo")
    shown = world.call("tenants", "GET", f"/tenants/{tenant.id}", world.admin()).data
    assert (shown["status"], shown["name"], shown["email"]) == ("deleted", "", "")
    certified(world, bucket, tenant)


def certified(world: World, bucket: Any, tenant: Tenant) -> None:
    """What it says is what was there, and what is kept holds no person."""
    shown = world.call("tenants", "GET", f"/tenants/{tenant.id}/certificate", world.admin()).data
    statement = shown["statement"]
    told = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert shown["sha256"] == hashlib.sha256(told.encode()).hexdigest()
    assert statement["removed"]["cell"]["students"] == 2
    assert statement["removed"]["directory"]["library_owners"] == 1
    assert statement["removed"]["files"] >= 1
    with cells.core_db() as core:
        archive = files.opened(core, UUID(statement["kept"]["fileId"])).read()
    assert hashlib.sha256(archive).hexdigest() == statement["kept"]["sha256"]
    kept = zipfile.ZipFile(io.BytesIO(archive))
    for table, columns in RETAINED.items():
        for line in kept.read(f"data/{table}.jsonl").decode().splitlines():
            assert set(json.loads(line)) == set(columns), table
    assert statement["kept"]["rows"]["invoices"] == 2 and statement["kept"]["rows"]["ledger_entries"] == 2
    assert int(statement["kept"]["keepUntil"][:4]) == clock.now().year + 8


def rows_of_other(world: World, other: Tenant) -> dict[str, int]:
    from studyspot.schema import forgetting

    place = cells.place_of(other.id)
    with world.setting(**MIGRATOR):
        counts = forgetting.rows_of(place.host, place.port, place.dbname, other.id)
    return {table: rows for table, rows in counts.items() if table not in ("sessions", "outbox")}


def keys(bucket: Any) -> list[str]:
    return [entry["Key"] for entry in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.mark.parametrize("isolation", ["pool", pytest.param("silo", marks=pytest.mark.slow)])
def test_killed_at_any_step_of_the_purge_it_goes_on_and_counts_once(world: World, bucket: Any, isolation: str) -> None:
    tenant = scene.furnished(world, isolation)
    strings = people(world, tenant)
    begun(world, tenant)
    given = due(world, tenant)
    for name in ("BeginPurge", "Retain", "Count", "Remove", "Certify"):
        with pytest.raises(Killed):
            walk(world, given, kill_after=name)
        connections.settle()
        refused = world.call("tenants", "POST", f"/tenants/{tenant.id}/restore", world.admin())
        assert refused.code == "not_restorable"
    assert walk(world, given) == "Succeed"
    connections.close_all()
    assert found_anywhere(world, tenant, strings) == []
    certified(world, bucket, tenant)
    assert not commands(world, tenant, "purge")


def test_killed_before_it_waits_it_is_frozen_all_the_same_and_offers_one_export(world: World, bucket: Any) -> None:
    tenant = world.tenant()
    world.call("tenants", "DELETE", f"/tenants/{tenant.id}", world.admin())
    (given,) = commands(world, tenant, "begin")
    for strike in ({"kill_after": "Freeze"}, {"kill_after": "Offer"}, {"kill_before": "Wait"}):
        with pytest.raises(Killed):
            walk(world, given, **strike)
    assert walk(world, given) == "Succeed"
    assert len(world.outbox(tenant.id, "data_export")) == 1
    with cells.core_db() as core:
        timers = core.value("SELECT count(*) FROM timers WHERE machine = 'tenant_offboarding' AND fired_at IS NULL")
        mails = core.value("SELECT count(*) FROM communications WHERE recipient_id = %(id)s", id=tenant.owner_id)
    assert (timers, mails) == (1, 1)


def test_a_purge_that_comes_too_early_or_after_a_return_removes_nothing(world: World, bucket: Any) -> None:
    tenant = scene.furnished(world, people=1)
    facts = begun(world, tenant)
    early = {"subject": str(tenant.id), "resume": "purge", "departureId": facts["id"], "outboxId": str(ids.uuid7())}
    assert walk(world, early) == "Succeed"
    assert state(tenant) == "offboarding"
    world.call("tenants", "POST", f"/tenants/{tenant.id}/restore", world.admin())
    world.advance(MONTH)
    assert walk(world, early) == "Succeed"
    assert state(tenant) == "active"
    with world.db(tenant.id) as db:
        assert db.value("SELECT count(*) FROM students") == 1


def test_books_go_when_the_law_no_longer_asks_for_them(world: World, bucket: Any) -> None:
    tenant = scene.furnished(world, people=1)
    begun(world, tenant)
    assert walk(world, due(world, tenant)) == "Succeed"
    kept = [key for key in keys(bucket) if "/retained/" in key]
    assert len(kept) == 1
    with cells.core_db() as core:
        query = "SELECT due_at, input FROM timers WHERE machine = 'tenant_offboarding' AND resume = 'expire'"
        (timer,) = core.dicts(query)
    assert (timer["due_at"] - clock.now()).days > 8 * 365 - 60
    expire = {"subject": str(tenant.id), "resume": "expire", "outboxId": str(ids.uuid7()), **timer["input"]}
    assert walk(world, expire) == "Succeed"
    assert not [key for key in keys(bucket) if "/retained/" in key]
