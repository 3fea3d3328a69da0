"""The rows of one tenant, told as lines of JSON that are the same wherever they are told, and put back from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from studyspot.kit.connections import Connection, Place
from studyspot.schema import migrate

Rows = psycopg.Connection[tuple[Any, ...]]

COLUMNS = """
    SELECT c.relname, a.attname, a.attgenerated <> '', format_type(a.atttypid, NULL)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relrowsecurity AND c.relnamespace = 'public'::regnamespace
    ORDER BY c.relname, a.attnum"""
KEYS = """
    SELECT c.relname, (SELECT array_agg(a.attname ORDER BY o.n) FROM unnest(k.conkey) WITH ORDINALITY o(num, n)
                       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = o.num)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype = 'p' AND c.relrowsecurity"""
REFERENCES = """
    SELECT DISTINCT c.relname, f.relname FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
    WHERE k.contype = 'f' AND c.relrowsecurity AND f.relrowsecurity AND c.oid <> f.oid"""
FETCHED_AT_ONCE = 1000
WITH_ITS_LINES = {"ledger_entries": "ledger_transactions"}
"""Entries that do not balance, or a transaction without any, are refused when a statement ends: both go in by one."""


@dataclass(frozen=True)
class Table:
    """A table of tenants' rows; `columns` are those that can be told and put back: not the tenant, none computed."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    texts: frozenset[str]
    """Columns whose order depends on a collation, unless it is named."""


@contextmanager
def snapshot(place: Place, tenant: UUID) -> Iterator[Rows]:
    """The tenant's rows as of one moment, on a connection of its own; nothing can be written."""
    with _opened(place, tenant, "ISOLATION LEVEL REPEATABLE READ READ ONLY") as rows:
        yield rows


@contextmanager
def writing(place: Place, tenant: UUID) -> Iterator[Rows]:
    """All or nothing, as that tenant, on a connection of its own: what comes in happened before, and is only copied."""
    with _opened(place, tenant, "ISOLATION LEVEL READ COMMITTED") as rows:
        rows.execute("SELECT set_config('app.copying', 'on', true)")
        yield rows


@contextmanager
def _opened(place: Place, tenant: UUID, mode: LiteralString) -> Iterator[Rows]:
    rows = Connection(place).pg
    try:
        with rows.transaction():
            rows.execute(sql.SQL("SET TRANSACTION {}").format(sql.SQL(mode)))
            rows.execute("SET LOCAL timezone = 'UTC'; SET LOCAL extra_float_digits = 1")
            rows.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant),))
            yield rows
    finally:
        rows.close()


def version() -> int:
    """The newest migration of cells that this release knows."""
    return migrate.migrations("tenant")[-1].version


def tables(rows: Rows) -> list[Table]:
    """Every table of tenants' rows, each after those it refers to."""
    columns: dict[str, list[tuple[str, bool, str]]] = {}
    for name, column, computed, kind in rows.execute(COLUMNS):
        columns.setdefault(name, []).append((column, computed, kind))
    ours = {name: found for name, found in columns.items() if "tenant_id" in [column for column, _, _ in found]}
    keys: dict[str, list[str]] = dict(rows.execute(KEYS).fetchall())
    graph = TopologicalSorter({name: set[str]() for name in sorted(ours)})
    for name, referred in sorted(rows.execute(REFERENCES).fetchall()):
        if name in ours and referred in ours:
            graph.add(name, referred)
    return [_table(name, ours[name], keys[name]) for name in graph.static_order()]


def _table(name: str, columns: list[tuple[str, bool, str]], key: list[str]) -> Table:
    told = tuple(column for column, computed, _ in columns if not computed and column != "tenant_id")
    texts = frozenset(column for column, _, kind in columns if kind in ("text", "character varying"))
    return Table(name, told, tuple(column for column in key if column != "tenant_id"), texts)


def count(rows: Rows, table: Table) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = app_tenant()").format(sql.Identifier(table.name))
    found = rows.execute(query).fetchone()
    assert found is not None, "an aggregate answers one row"
    return int(found[0])


def lines(
    rows: Rows, table: Table, without: frozenset[str] = frozenset(), but: LiteralString = "true"
) -> Iterator[str]:
    """Every row as a line of JSON, in the order of its key, the same wherever it is told; `but` narrows which."""
    told = sql.SQL(", ").join(sql.Identifier(column) for column in table.columns if column not in without)
    order = sql.SQL(", ").join(_ordered(table, column) for column in table.key) if table.key else sql.SQL("1")
    query = sql.SQL(
        "SELECT row_to_json(r)::text FROM (SELECT {} FROM {} WHERE tenant_id = app_tenant() AND {} ORDER BY {}) r"
    ).format(told, sql.Identifier(table.name), sql.SQL(but), order)
    with rows.cursor(name="told") as cursor:
        cursor.itersize = FETCHED_AT_ONCE
        for (line,) in cursor.execute(query):
            # A line break outside of a string is blank space to JSON, and inside it stands escaped.
            yield line.replace("\n", " ")


def _ordered(table: Table, column: str) -> sql.Composable:
    named = sql.Identifier(column)
    return sql.SQL('{} COLLATE "C"').format(named) if column in table.texts else named


def stage(rows: Rows, table: Table, told: Iterable[str]) -> None:
    """Lines into a temporary table: row security refuses COPY anywhere else."""
    here = sql.Identifier(f"told_{table.name}")
    rows.execute(sql.SQL("CREATE TEMPORARY TABLE {} (line json NOT NULL) ON COMMIT DROP").format(here))
    with rows.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(here)) as copy:
        for line in told:
            copy.write_row((line,))


def put(rows: Rows, table: Table, instead: dict[str, Any], along: Table | None = None) -> None:
    """Staged rows become rows of this tenant; `instead` stands where nothing was told, `along` goes in by the same
    statement, before it."""
    together = sql.SQL("WITH along AS ({}) ").format(_insert(along, {})) if along else sql.SQL("")
    rows.execute(together + _insert(table, instead))


def _insert(table: Table, instead: dict[str, Any]) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, (*table.columns, *instead)))
    told = [sql.SQL("r.{}").format(sql.Identifier(column)) for column in table.columns]
    values = sql.SQL(", ").join([*told, *map(sql.Literal, instead.values())])
    return sql.SQL("INSERT INTO {t} ({c}) SELECT {v} FROM {s} s, json_populate_record(NULL::{t}, s.line) r").format(
        t=sql.Identifier(table.name), c=columns, v=values, s=sql.Identifier(f"told_{table.name}")
    )


def clear(rows: Rows, table: Table) -> int:
    """Remove this tenant's rows of one table."""
    query = sql.SQL("DELETE FROM {} WHERE tenant_id = app_tenant()").format(sql.Identifier(table.name))
    return rows.execute(query).rowcount
