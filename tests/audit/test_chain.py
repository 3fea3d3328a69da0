"""Nobody changes the trail without being found: not a byte, not a row, not a seal, not the whole chain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.audit import queries, sealing
from studyspot.kit import audit, cells, clock, connections, ids
from studyspot.kit.db import Db
from studyspot.schema import rows

from tests.world import PASSWORDS, Tenant, World, function

FLIPPED: dict[str, Any] = {
    "uuid": "overlay({c}::text PLACING CASE right({c}::text, 1) WHEN '0' THEN '1' ELSE '0' END FROM 36)::uuid",
    "text": "overlay({c} PLACING CASE left({c}, 1) WHEN 'x' THEN 'y' ELSE 'x' END FROM 1 FOR 1)",
    "jsonb": "jsonb_set({c}, '{{a}}', '2')",
    "timestamptz": "{c} + interval '1 microsecond'",
}
"""The smallest change of each type."""


@pytest.fixture
def tenant(world: World) -> Tenant:
    return world.tenant()


@pytest.fixture
def superuser(world: World) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Somebody row security does not bind and no grant stops."""
    with psycopg.connect(world.postgres.dsn("pool_1"), autocommit=True) as conn:
        yield conn


def write(tenant: UUID, count: int) -> list[UUID]:
    """So many rows with something in every column, oldest first."""
    with cells.tenant_db(tenant) as db:
        for n in range(count):
            audit.note(
                db, f"test.{n}", "things", ids.uuid7(), before={"a": 1}, after={"a": 1, "n": n}, actor_id=ids.uuid7()
            )
    with cells.tenant_db(tenant) as db:
        return [row["id"] for row in db.dicts("SELECT id FROM audit_logs ORDER BY id")]


def seal(world: World) -> int:
    with world.worker():
        return sealing.seal_waiting()


def check(world: World, tenant: Tenant) -> Any:
    answer = world.call("audit", "GET", "/audit-logs/verify", tenant.owner)
    assert answer.status == 200, answer.raw
    return answer.data


def faults(world: World, tenant: Tenant) -> set[tuple[str, str | None]]:
    found = check(world, tenant)
    assert found["valid"] is (not found["faults"])
    return {(fault["kind"], fault["logId"]) for fault in found["faults"]}


def test_nobody_without_the_permission_reads_or_verifies(world: World, tenant: Tenant) -> None:
    for path in ("/audit-logs", "/audit-logs/verify", f"/audit-logs/{ids.uuid7()}"):
        assert world.call("audit", "GET", path).status == 401
        for who in ("student", "library_staff"):
            assert world.call("audit", "GET", path, world.token(who, tenant.id)).status == 403


def test_an_untouched_chain_is_valid_and_says_how_far_it_reaches(world: World, tenant: Tenant) -> None:
    write(tenant.id, 3)
    before = check(world, tenant)
    assert (before["rows"], before["waiting"], before["sealedUntil"]) == (0, 3, None)
    seal(world)
    after = check(world, tenant)
    assert (after["valid"], after["rows"], after["waiting"], after["seals"]) == (True, 3, 0, 1)
    assert after["sealedUntil"]
    write(tenant.id, 2)
    seal(world)
    assert check(world, tenant)["rows"] == 5
    assert faults(world, tenant) == set()


def columns(superuser: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    query = """SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = 'audit_logs'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1"""
    return superuser.execute(query).fetchall()


def test_a_flipped_byte_in_any_column_is_found_and_named(
    world: World, tenant: Tenant, superuser: psycopg.Connection[Any]
) -> None:
    written = write(tenant.id, 5)
    superuser.execute(
        "UPDATE audit_logs SET ip_address = '10.0.0.1', user_agent = 'ua', request_id = 'r', impersonator_id = id"
        " WHERE tenant_id = %s", (tenant.id,),
    )  # fmt: skip
    seal(world)
    victim = written[2]
    kept = superuser.execute("SELECT to_jsonb(l)::text FROM audit_logs l WHERE id = %s", (victim,)).fetchone()
    assert kept is not None
    tried = columns(superuser)
    assert len(tried) >= 14
    for name, kind in tried:
        change = FLIPPED[kind].format(c=name)
        superuser.execute(f"UPDATE audit_logs SET {name} = {change} WHERE id = %s", (victim,))
        found = faults(world, tenant)
        wanted = {("deleted", str(victim))} if name in ("id", "tenant_id") else {("altered", str(victim))}
        assert wanted <= found, name
        superuser.execute(
            "DELETE FROM audit_logs WHERE id = %s OR (action = 'test.2' AND tenant_id = %s)", (victim, tenant.id)
        )
        restore = "INSERT INTO audit_logs SELECT (jsonb_populate_record(NULL::audit_logs, %s::jsonb)).*"
        superuser.execute(restore, kept)
        assert faults(world, tenant) == set(), name


def test_null_is_not_the_same_as_nothing_in_it(
    world: World, tenant: Tenant, superuser: psycopg.Connection[Any]
) -> None:
    with cells.tenant_db(tenant.id) as db:
        audit.note(db, "test", "things", None)
    seal(world)
    superuser.execute("UPDATE audit_logs SET before = 'null' WHERE tenant_id = %s", (tenant.id,))
    assert {kind for kind, _ in faults(world, tenant)} == {"altered"}


def test_a_deleted_an_inserted_and_two_swapped_rows_are_named(
    world: World, tenant: Tenant, superuser: psycopg.Connection[Any]
) -> None:
    written = write(tenant.id, 6)
    seal(world)
    superuser.execute("DELETE FROM audit_logs WHERE id = %s", (written[0],))
    assert faults(world, tenant) == {("deleted", str(written[0]))}
    forged = ids.uuid7()
    superuser.execute(
        "INSERT INTO audit_logs (tenant_id, id, actor_type, action, resource_type, created_at)"
        " VALUES (%s, %s, 'system', 'forged', 'things', %s)",
        (tenant.id, forged, clock.now() - timedelta(days=1)),
    )
    assert ("inserted", str(forged)) in faults(world, tenant)
    aside = UUID(int=1)
    for old, new in ((written[1], aside), (written[2], written[1]), (aside, written[2])):
        superuser.execute("UPDATE audit_logs SET id = %s WHERE id = %s AND tenant_id = %s", (new, old, tenant.id))
    wanted = {
        ("deleted", str(written[0])),
        ("inserted", str(forged)),
        ("altered", str(written[1])),
        ("altered", str(written[2])),
    }
    assert faults(world, tenant) == wanted
    seal(world)
    assert faults(world, tenant) == wanted, "a later seal does not make it good"


def test_a_seal_that_was_altered_or_taken_out_is_named(
    world: World, tenant: Tenant, superuser: psycopg.Connection[Any]
) -> None:
    for _ in range(3):
        write(tenant.id, 2)
        seal(world)
    flips = {
        "number": "number + 10",
        "log_ids": "log_ids[2:2] || log_ids[1:1]",
        "hashes": "set_byte(hashes, 0, get_byte(hashes, 0) # 1)",
        "previous": "set_byte(previous, 0, get_byte(previous, 0) # 1)",
        "head": "set_byte(head, 0, get_byte(head, 0) # 1)",
        "sealed_at": "sealed_at - interval '1 microsecond'",
    }
    mine = "WHERE tenant_id = %s AND number = 2"
    for name, change in flips.items():
        with superuser.transaction(force_rollback=True):
            superuser.execute(f"UPDATE audit_seals SET {name} = {change} {mine}", (tenant.id,))
            superuser.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant.id),))
            superuser.execute("SET LOCAL ROLE app")
            assert superuser.execute("SELECT 1 FROM audit_faults() WHERE kind LIKE 'seal%%'").fetchone(), name
    superuser.execute(f"DELETE FROM audit_seals {mine}", (tenant.id,))
    kinds = {kind for kind, _ in faults(world, tenant)}
    assert kinds == {"seal_missing", "seal_altered", "inserted"}


def test_rows_that_commit_late_are_sealed_and_break_nothing(world: World, tenant: Tenant) -> None:
    slow = Db(connections.Connection(cells.place_of(tenant.id)), tenant.id)
    with slow.transaction():
        slow.run("SELECT 1")
        audit.note(slow, "late", "things", None)
        write(tenant.id, 2)
        seal(world)
        world.advance(timedelta(minutes=10))
        write(tenant.id, 2)
        seal(world)
    slow.finish()
    late = check(world, tenant)
    assert (late["valid"], late["waiting"], late["rows"]) == (True, 1, 4)
    assert late["sealedUntil"] == late["waitingSince"], "the horizon does not claim what is not sealed yet"
    seal(world)
    assert (check(world, tenant)["rows"], faults(world, tenant)) == (5, set())
    slow.connection.pg.close()


def test_two_sealers_and_a_killed_one_leave_one_whole_chain(
    world: World, tenant: Tenant, superuser: psycopg.Connection[Any]
) -> None:
    write(tenant.id, 6)
    place = cells.place_of(tenant.id)
    with world.worker():
        first, second = (Db(connections.Connection(place), tenant.id) for _ in range(2))
        with first.transaction():
            assert queries.seal(first, 4) == 4
            with second.transaction():
                assert queries.seal(second, 4) == 0, "one at a time"
            second.rollback()
        pid = first.connection.pg.info.backend_pid
        assert superuser.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone() == (True,)
        first.connection.pg.close()
        with second.transaction():
            assert queries.seal(second, 4) == 4
        second.finish()
        second.connection.pg.close()
    assert (check(world, tenant)["rows"], check(world, tenant)["waiting"]) == (4, 2)
    seal(world)
    assert (check(world, tenant)["rows"], faults(world, tenant)) == (6, set())


def test_the_functions_roles_can_neither_change_nor_seal(world: World, tenant: Tenant) -> None:
    write(tenant.id, 1)
    seal(world)
    for role, refused in {
        "app": ("UPDATE audit_logs SET action = ''", "DELETE FROM audit_logs", "DELETE FROM audit_open",
                "INSERT INTO audit_seals SELECT * FROM audit_seals", "UPDATE audit_seals SET head = ''"),
        "worker": ("UPDATE audit_logs SET action = ''", "DELETE FROM audit_logs", "UPDATE audit_seals SET head = ''",
                   "DELETE FROM audit_seals"),
    }.items():  # fmt: skip
        dsn = world.postgres.dsn("pool_1", user=role, password=PASSWORDS[role])
        with psycopg.connect(dsn, autocommit=True) as conn:
            for statement in refused:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(statement)


def test_the_night_keeps_the_head_and_a_rewritten_chain_is_noticed(
    world: World, tenant: Tenant, superuser: psycopg.Connection[Any]
) -> None:
    written = write(tenant.id, 3)
    seal(world)
    with world.worker():
        anchor = function("schedules", "anchor").handler
        assert anchor({}, None)["anchors"] >= 1
        assert anchor({}, None)["anchors"] == 0, "once a day"
    anchored = check(world, tenant)
    assert (anchored["lastAnchor"]["seal"], anchored["lastAnchor"]["matches"], anchored["valid"]) == (1, True, True)
    # Who owns the cell writes everything anew: rows, seals, markers. It all fits - but not what the core kept.
    superuser.execute("DELETE FROM audit_logs WHERE id = %s", (written[1],))
    superuser.execute("DELETE FROM audit_seals WHERE tenant_id = %s", (tenant.id,))
    superuser.execute("INSERT INTO audit_open SELECT tenant_id, id FROM audit_logs WHERE tenant_id = %s", (tenant.id,))
    assert {kind for kind, _ in faults(world, tenant)} == {"anchor_missing"}
    seal(world)
    rewritten = check(world, tenant)
    assert [fault["kind"] for fault in rewritten["faults"]] == ["anchor_differs"]
    assert rewritten["lastAnchor"]["matches"] is False


def test_the_chain_moves_with_the_tenant(world: World) -> None:
    """Rows, seals and what waits are copied as they are; hashing depends on no cell."""
    tenant = world.tenant("silo")
    write(tenant.id, 3)
    seal(world)
    write(tenant.id, 1)
    silo = cells.place_of(tenant.id).dbname
    with (
        rows.as_tenant(world.postgres.dsn(silo), tenant.id) as source,
        rows.as_tenant(world.postgres.dsn("pool_1"), tenant.id) as target,
    ):
        rows.copy(source, target)
    with psycopg.connect(world.core, autocommit=True) as core:
        core.execute("UPDATE tenants SET cell_id = %s WHERE id = %s", (world.pool, tenant.id))
    cells.forget(tenant.id)
    before = check(world, tenant)
    assert (before["valid"], before["rows"], before["waiting"]) == (True, 3, 1)
    seal(world)
    after = check(world, tenant)
    assert (after["valid"], after["rows"], after["seals"], after["waiting"]) == (True, 4, 2, 0)


def test_a_release_that_knows_no_chain_is_chained_too(world: World, tenant: Tenant) -> None:
    """Its INSERT names only the founding columns; the schema does the rest."""
    with cells.tenant_db(tenant.id) as db:
        db.run(
            "INSERT INTO audit_logs (id, actor_type, action, resource_type, created_at)"
            " VALUES (%(id)s, 'system', 'old', 'things', %(now)s)",
            id=ids.uuid7(),
            now=clock.now(),
        )
    seal(world)
    assert (check(world, tenant)["rows"], faults(world, tenant)) == (1, set())
