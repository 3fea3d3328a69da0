"""All rows of one tenant in one cell: which tables hold them, how many and which, copied, checked and removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

Cell = psycopg.Connection[tuple[Any, ...]]
"""A connection to a cell as one tenant, inside a transaction (`as_tenant`)."""

STAY = ("rate_buckets",)
"""Counts of the running minute belong to the place where they were counted."""
LAST = "tenant_gate"
"""The gate's limits judge what is added, not what was there: it comes after the rows it would judge."""
TEXT_FORM: dict[str, LiteralString] = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
}
"""What a value's text depends on: the same value is the same text in every database and version."""

TABLES = """
    SELECT c.relname,
           array_agg(a.attname::text ORDER BY a.attname),
           array_agg(a.attname::text ORDER BY a.attname) FILTER (WHERE a.attgenerated = '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relrowsecurity AND NOT c.relname = ANY (%s)
    GROUP BY c.oid, c.relname HAVING bool_or(a.attname = 'tenant_id') ORDER BY c.relname"""
REFERENCES = """
    SELECT DISTINCT k.conrelid::regclass::text, k.confrelid::regclass::text FROM pg_constraint k
    WHERE k.contype = 'f' AND k.conrelid <> k.confrelid AND k.connamespace = 'public'::regnamespace"""


class SchemaDiffers(Exception):
    """Two cells do not have the same tables and columns: bring both up to date first."""


@dataclass(frozen=True)
class Table:
    """A table of tenants' rows. `given` is what a row is made of; the other columns the database computes."""

    name: str
    columns: tuple[str, ...]
    given: tuple[str, ...]

    def of_tenant(self, columns: Sequence[str]) -> sql.Composed:
        """The tenant's rows. The tenant is named: an administrator is not bound by row security."""
        return sql.SQL("SELECT {} FROM {} WHERE tenant_id = app_tenant()").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(self.name)
        )

    @property
    def staged(self) -> sql.Identifier:
        return sql.Identifier(f"incoming_{self.name}")


@dataclass(frozen=True)
class Tally:
    """How many rows of a table a tenant has, and one checksum over all of them in any order."""

    rows: int
    checksum: str


@contextmanager
def as_tenant(dsn: str, tenant: UUID) -> Iterator[Cell]:
    """One transaction as the migrator on one tenant's rows, in the text form that checksums need."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("SET idle_session_timeout = 0")  # the other cell's work may take longer than a session may idle
        with conn.transaction():
            for name, value in {**TEXT_FORM, "app.tenant": str(tenant), "app.copying": "on"}.items():
                conn.execute("SELECT set_config(%s, %s, true)", (name, value))
            yield conn


def tables(conn: Cell) -> list[Table]:
    """Every table that holds tenants' rows and moves with them; referred tables before those that refer to them."""
    found = {row[0]: Table(row[0], tuple(row[1]), tuple(row[2])) for row in conn.execute(TABLES, (list(STAY),))}
    order: TopologicalSorter[str] = TopologicalSorter({name: set() for name in found})
    for child, parent in conn.execute(REFERENCES):
        if child in found and parent in found:
            order.add(child, parent)
    return [found[name] for name in order.static_order()]


def tally(conn: Cell, table: Table) -> Tally:
    """The rows as text, each hashed, the hashes added up: no order, no memory, the same in every cell."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL(
        """SELECT count(*), encode(sha256(convert_to(concat_ws(' ', count(*),
                  sum(('x' || left(hash, 16))::bit(64)::bigint::numeric),
                  sum(('x' || substr(hash, 17, 16))::bit(64)::bigint::numeric)), 'UTF8')), 'hex')
           FROM (SELECT encode(sha256(convert_to(ROW({})::text, 'UTF8')), 'hex') AS hash
                 FROM {} WHERE tenant_id = app_tenant()) AS hashed"""
    ).format(columns, sql.Identifier(table.name))
    row = conn.execute(query).fetchone()
    assert row is not None, "an aggregate answers one row"
    return Tally(*row)


def tallies(conn: Cell) -> dict[str, Tally]:
    """Of every table, by its name."""
    return {table.name: tally(conn, table) for table in tables(conn)}


def read(conn: Cell, table: Table) -> Iterator[bytes]:
    """The rows in PostgreSQL's COPY text form, in pieces."""
    query = sql.SQL("COPY ({}) TO STDOUT").format(table.of_tenant(table.given))
    with conn.cursor().copy(query) as copy:
        for piece in copy:
            yield bytes(piece)


def stage(conn: Cell, table: Table, pieces: Iterable[bytes]) -> None:
    """Rows as `read` gave them, beside their table: row security refuses COPY into it."""
    made = sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DROP AS {} LIMIT 0")
    conn.execute(made.format(table.staged, table.of_tenant(table.given)))
    with conn.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table.staged)) as copy:
        for piece in pieces:
            copy.write(piece)


def insert(conn: Cell, staged: Sequence[Table]) -> None:
    """Everything staged into its tables in one statement: references and the rules over several tables are judged
    when all of it is there."""
    body = [
        sql.SQL("{} AS ({})").format(sql.Identifier(f"in_{t.name}"), _insertion(t)) for t in staged if t.name != LAST
    ]
    if body:
        conn.execute(sql.SQL("WITH {} SELECT").format(sql.SQL(", ").join(body)))
    for table in staged:
        if table.name == LAST:
            conn.execute(_insertion(table))


def _insertion(table: Table) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.given))
    return sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}").format(
        sql.Identifier(table.name), columns, columns, table.staged
    )


def copy(source: Cell, target: Cell) -> None:
    """All rows of the tenant from one cell into another that has none of them."""
    here, there = tables(source), tables(target)
    if sorted(here, key=lambda t: t.name) != sorted(there, key=lambda t: t.name):
        raise SchemaDiffers
    for table in there:
        stage(target, table, read(source, table))
    insert(target, there)


def delete(conn: Cell) -> int:
    """Every row of the tenant in this cell, counts of the running minute included; answers how many there were."""
    names = [*reversed([table.name for table in tables(conn)]), *STAY]
    query = sql.SQL("DELETE FROM {} WHERE tenant_id = app_tenant()")
    return sum(conn.execute(query.format(sql.Identifier(name))).rowcount for name in names)
