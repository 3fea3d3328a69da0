"""All rows of one tenant: copied into another cell they are the same rows, and nobody else's are touched."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from studyspot.kit import cells, clock, ids
from studyspot.schema import migrate, rows

from tests.architecture.furniture import Furniture
from tests.world import World

BOOKS = """
    WITH cause AS (INSERT INTO ledger_transactions (id, kind, reference_id, description, created_at)
                   VALUES (%(t)s, 'test', %(t)s, 'two lines', %(now)s) RETURNING id)
    INSERT INTO ledger_entries (id, transaction_id, account, amount_paise, created_at)
    SELECT gen_random_uuid(), id, account, paise, %(now)s
    FROM cause, (VALUES ('cash', 100), ('fees', -100)) AS line (account, paise)"""
CREDITS = """
    INSERT INTO credit_ledger (id, transaction_id, credit_type, kind, account, quantity, reference, created_at)
    SELECT gen_random_uuid(), %(t)s, 'sms', 'received', account, n, 'r', %(now)s
    FROM (VALUES ('platform', -5), ('balance', 5)) AS leg (account, n)"""
SEAL = """
    INSERT INTO audit_seals (number, log_ids, hashes, previous, head, sealed_at)
    VALUES (1, ARRAY[%(t)s]::uuid[], decode(repeat('ab', 32), 'hex'), 'p', 'h', %(now)s)"""
MADE_TOGETHER = {"ledger_transactions", "ledger_entries", "credit_ledger", "audit_seals"}


def dsn_of(world: World, tenant: UUID) -> str:
    return migrate.at(world.core, cells.place_of(tenant).dbname)


def furnished(world: World, tenant: UUID) -> None:
    """A row in every table there is."""
    with rows.as_tenant(dsn_of(world, tenant), tenant) as conn:
        names = [table.name for table in rows.tables(conn)]
    with world.worker(), world.db(tenant) as db:
        for query in (BOOKS, CREDITS, SEAL):
            db.run(query, t=ids.uuid7(), now=clock.now())
    furniture = Furniture(world, tenant)
    for name in names:
        if name not in MADE_TOGETHER:
            furniture.row(name)


@pytest.fixture
def silo(world: World) -> str:
    """An empty cell of one's own."""
    return migrate.create_cell(world.core, f"silo_{ids.uuid7().hex}")


def test_every_row_of_every_table_arrives_as_it_was(world: World, silo: str) -> None:
    ours, theirs = world.tenant(), world.tenant()
    furnished(world, ours.id)
    source_dsn = dsn_of(world, ours.id)
    with rows.as_tenant(source_dsn, theirs.id) as neighbour:
        before = rows.tallies(neighbour)
    with rows.as_tenant(source_dsn, ours.id) as source, rows.as_tenant(silo, ours.id) as target:
        rows.copy(source, target)
        there = rows.tallies(target)
        assert there == rows.tallies(source)
        assert not [name for name, tally in there.items() if not tally.rows]
    with rows.as_tenant(source_dsn, ours.id) as source:
        assert rows.delete(source) >= len(there)
        assert not any(tally.rows for tally in rows.tallies(source).values())
    with rows.as_tenant(source_dsn, theirs.id) as neighbour:
        assert rows.tallies(neighbour) == before


def test_one_changed_value_changes_the_checksum_and_the_text_form_of_the_session_does_not(world: World) -> None:
    tenant = world.tenant()
    furnished(world, tenant.id)
    with rows.as_tenant(dsn_of(world, tenant.id), tenant.id) as conn:
        first = rows.tallies(conn)
        conn.execute("UPDATE sessions SET device = 'another' WHERE tenant_id = app_tenant()")
        second = rows.tallies(conn)
    other_habits = psycopg.conninfo.make_conninfo(
        dsn_of(world, tenant.id), options="-c DateStyle=German -c TimeZone=Asia/Tokyo -c extra_float_digits=0"
    )
    with rows.as_tenant(other_habits, tenant.id) as conn:
        assert rows.tallies(conn) == second
    assert {name for name in first if first[name] != second[name]} == {"sessions"}


def test_a_referred_table_comes_before_those_that_refer_to_it(world: World) -> None:
    tenant = world.tenant()
    with rows.as_tenant(dsn_of(world, tenant.id), tenant.id) as conn:
        names = [table.name for table in rows.tables(conn)]
    assert "rate_buckets" not in names
    for parent, child in (("libraries", "seats"), ("seats", "bookings"), ("students", "bookings")):
        assert names.index(parent) < names.index(child)


def test_nothing_of_a_tenant_is_counted_by_a_sequence(world: World) -> None:
    """A sequence would give a number twice after a move."""
    with psycopg.connect(world.postgres.dsn("pool_1")) as conn:
        assert conn.execute("SELECT relname FROM pg_class WHERE relkind = 'S'").fetchall() == []


def test_cells_of_different_schemas_are_not_copied(world: World, silo: str) -> None:
    tenant = world.tenant()
    with psycopg.connect(silo, autocommit=True) as conn:
        conn.execute("ALTER TABLE sessions ADD COLUMN extra text")
    here = dsn_of(world, tenant.id)
    with (
        rows.as_tenant(here, tenant.id) as source,
        rows.as_tenant(silo, tenant.id) as target,
        pytest.raises(rows.SchemaDiffers),
    ):
        rows.copy(source, target)
