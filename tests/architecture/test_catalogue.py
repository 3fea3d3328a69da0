"""A freshly migrated database as its own catalogue describes it: whose rows are whose is the database's to enforce."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests.architecture.sources import none_of
from tests.world import PASSWORDS, World

FOUNDING: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("founding.json").read_text())
"""Tables and columns the product was promised with, for the part of it that exists."""

CELLS = ("pool_1", "studyspot")
"""A pool cell, and the core database, which is tenant zero's cell."""
ACROSS_TENANTS = {"outbox", "timers", "webhook_events", "tenant_gate", "audit_open"}
"""What the worker sees without a tenant; the gate and what waits for a seal for reading alone."""

DIRECTORY = {"tenants", "provisioning_steps", "library_owners", "identities", "gateway_orders", "message_orders",
             "platform_analytics", "entitlement_overrides", "gateway_account_owners", "library_codes",
             "payment_link_codes",
             "library_listings", "tenant_moves", "audit_anchors", "offboardings", "recon_items"}  # fmt: skip
"""Tables of the core that say which tenant something belongs to: they route, and hold nothing a tenant can read."""

BOUND_TO_NONE = {"fee_plan_libraries"}
"""Where a plan holds is told in full: with some of its libraries left out it would seem to hold elsewhere."""

AVERAGES = {"credit_master_wallet.avg_cost_paise"}
"""A mean of amounts is not an amount: rounding it at every purchase would let it drift."""

TENANT_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
    WHERE c.relkind IN ('r', 'p') AND EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
    ORDER BY 1"""
UNIQUE_KEYS = """
    SELECT c.relname, i.indexrelid::regclass::text,
           (SELECT attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0])
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE (i.indisunique OR i.indisexclusion) AND c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)"""
FOREIGN_KEYS = """
    SELECT k.conrelid::regclass::text, k.conname, f.relname,
           (SELECT attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1])
    FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conrelid::regclass::text = ANY (%s) AND f.relname = ANY (%s)"""

Database = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(params=CELLS)
def cell(request: pytest.FixtureRequest, world: World) -> Iterator[Database]:
    """Each kind of cell, as the administrator."""
    with psycopg.connect(world.postgres.dsn(request.param), autocommit=True) as conn:
        yield conn


def column(conn: Database, query: str, *params: object) -> list[str]:
    return [str(row[0]) for row in conn.execute(query, params or None)]


def tenant_tables(conn: Database) -> list[str]:
    found = [name for name in column(conn, TENANT_TABLES) if name not in DIRECTORY]
    assert len(found) > 30
    return found


def as_role(world: World, role: str, dbname: str) -> Database:
    dsn = world.postgres.dsn(dbname, user=role, password=PASSWORDS[role])
    return psycopg.connect(dsn, autocommit=True)


def test_every_tenant_table_forces_row_security(cell: Database) -> None:
    query = "SELECT relname FROM pg_class WHERE relname = ANY (%s) AND NOT (relrowsecurity AND relforcerowsecurity)"
    none_of(column(cell, query, tenant_tables(cell)))


def test_every_tenant_table_has_its_policy_for_reading_and_writing(cell: Database) -> None:
    query = """
        SELECT tablename FROM pg_policies WHERE policyname = 'own_tenant' AND cmd = 'ALL' AND roles = '{public}'
           AND qual = '(tenant_id = app_tenant())' AND with_check = '(tenant_id = app_tenant())'"""
    none_of(sorted(set(tenant_tables(cell)) - set(column(cell, query))))


def test_no_other_policy_opens_a_table_but_those_of_the_worker(cell: Database) -> None:
    query = """
        SELECT tablename, roles::text, cmd FROM pg_policies
        WHERE policyname <> 'own_tenant' AND permissive = 'PERMISSIVE'"""
    found = {str(table): (str(roles), str(command)) for table, roles, command in cell.execute(query)}
    assert set(found) == ACROSS_TENANTS
    assert {roles for roles, _ in found.values()} == {"{worker}"}
    assert found["tenant_gate"][1] == found["audit_open"][1] == "SELECT"


def test_whatever_belongs_to_a_library_is_bound_to_it(cell: Database) -> None:
    """By its own library, or by the row it belongs to; a restriction opens nothing."""
    query = """
        SELECT c.relname FROM pg_class c
        WHERE c.relname = ANY (%s) AND library_condition(c.oid) IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_policies p WHERE p.tablename = c.relname AND p.policyname = 'own_libraries'
               AND p.permissive = 'RESTRICTIVE')"""
    none_of(set(column(cell, query, tenant_tables(cell))) - BOUND_TO_NONE)


def test_the_tenant_comes_first_in_every_key(cell: Database) -> None:
    tables = tenant_tables(cell)
    none_of(
        f"{index} begins with {first}"
        for _, index, first in cell.execute(UNIQUE_KEYS, (tables,))
        if first != "tenant_id"
    )
    keyed = column(cell, "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p'")
    none_of(f"{table} has no primary key" for table in set(tables) - set(keyed))


def test_references_between_tenants_tables_begin_with_the_tenant(cell: Database) -> None:
    tables = tenant_tables(cell)
    rows = cell.execute(FOREIGN_KEYS, (tables, tables))
    none_of(f"{table}.{name} begins with {first}" for table, name, _, first in rows if first != "tenant_id")


def test_a_row_s_tenant_is_never_left_open(cell: Database) -> None:
    query = """
        SELECT table_name FROM information_schema.columns
        WHERE column_name = 'tenant_id' AND table_name = ANY (%s)
          AND (is_nullable = 'YES' OR column_default IS DISTINCT FROM 'app_tenant()')"""
    none_of(column(cell, query, tenant_tables(cell)))


def test_views_see_no_more_than_who_asks(cell: Database) -> None:
    query = """
        SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
           AND NOT coalesce(reloptions::text LIKE '%security_invoker=true%'
                         OR reloptions::text LIKE '%security_invoker=on%', false)"""
    none_of(column(cell, query))


def test_no_function_runs_with_its_owner_s_rights(cell: Database) -> None:
    query = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    none_of(column(cell, query))


def test_no_column_fills_itself_by_time(cell: Database) -> None:
    query = """
        SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_default ~* '(now|current_|timestamp\\()'"""
    none_of(column(cell, query))


def test_money_is_whole_paise(cell: Database) -> None:
    query = """
        SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name LIKE '%_paise' AND data_type <> 'bigint'"""
    none_of(set(column(cell, query)) - AVERAGES)


def test_functions_roles_own_nothing_and_bypass_nothing(cell: Database) -> None:
    rights = (
        "SELECT rolname FROM pg_roles WHERE rolname IN ('app','worker') AND (rolsuper OR rolbypassrls OR rolcreaterole)"
    )
    owned = "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) IN ('app','worker')"
    members = "SELECT member::regrole::text FROM pg_auth_members WHERE member::regrole::text IN ('app','worker')"
    none_of([*column(cell, rights), *column(cell, owned), *column(cell, members)])


def test_roles_cannot_change_what_happened(cell: Database) -> None:
    query = """
        SELECT grantee || ' may ' || privilege_type || ' ' || table_name FROM information_schema.role_table_grants
        WHERE table_name = ANY (%s) AND grantee IN ('app','worker','PUBLIC')
          AND privilege_type NOT IN ('SELECT','INSERT')"""
    kept = ["audit_logs", "audit_seals", "audit_anchors", "ledger_entries", "ledger_transactions", "credit_ledger"]
    none_of(column(cell, query, kept))


@pytest.mark.parametrize("dbname", CELLS)
def test_without_a_tenant_no_row_is_seen(world: World, dbname: str) -> None:
    world.tenant()
    with psycopg.connect(world.postgres.dsn(dbname)) as admin, as_role(world, "app", dbname) as app:
        for table in tenant_tables(admin):
            if app.execute("SELECT has_table_privilege(%s, 'SELECT')", (table,)).fetchone() == (True,):
                assert app.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (0,), table


def test_another_tenant_s_row_cannot_be_written(world: World) -> None:
    mine, other = world.tenant(), world.tenant()
    with as_role(world, "app", "pool_1") as app, app.transaction():
        app.execute("SELECT set_config('app.tenant', %s, true)", (str(mine.id),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute("INSERT INTO rate_buckets VALUES (%s, 'b', '2026-01-01', 1)", (other.id,))
        moved = "UPDATE tenant_gate SET tenant_id = %s WHERE tenant_id = %s"
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute(moved, (UUID(int=7), mine.id))


def test_the_worker_sees_across_tenants_only_what_waits(world: World) -> None:
    world.tenant()
    with psycopg.connect(world.postgres.dsn("pool_1")) as admin, as_role(world, "worker", "pool_1") as worker:
        for table in set(tenant_tables(admin)) - ACROSS_TENANTS:
            if worker.execute("SELECT has_table_privilege(%s, 'SELECT')", (table,)).fetchone() == (True,):
                assert worker.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (0,), table
        assert worker.execute("SELECT count(*) > 0 FROM tenant_gate").fetchone() == (True,)


@pytest.mark.parametrize("place", FOUNDING)
def test_the_founding_tables_have_their_columns(world: World, place: str) -> None:
    dbname = {"core": "studyspot", "cell": "pool_1"}[place]
    query = """
        SELECT table_name, array_agg(column_name::text) FROM information_schema.columns
        WHERE table_schema = 'public' GROUP BY table_name"""
    with psycopg.connect(world.postgres.dsn(dbname)) as conn:
        there = {table: set(columns) for table, columns in conn.execute(query)}
    none_of(
        f"{table}.{name} is missing"
        for table, columns in FOUNDING[place].items()
        for name in columns
        if name not in there.get(table, ())
    )
