"""Applies numbered SQL to the core database and to every cell: forward only, checksummed, safe to run twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from studyspot.kit import clock, ids

HERE = Path(__file__).parent
TRACKS = {"core": HERE / "core", "tenant": HERE / "tenant"}
CELL_TEMPLATE = "studyspot_cell_template"
CONNECTION_LIMIT = 20
"""Of a database that is one tenant's own; a shared cell takes what its server takes."""
UNLIMITED = -1
LOCK_TIMEOUT = "5s"
ROLES = ("app", "worker", "migrator")


class SchemaDrift(Exception):
    """A migration that was applied here has since been changed on disk."""


@dataclass(frozen=True)
class Migration:
    """One file of a track: `0003_libraries.sql` is version 3."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(track: str) -> list[Migration]:
    """The track's files in order of their number."""
    return [Migration(int(p.name[:4]), p.stem, p.read_text()) for p in sorted(TRACKS[track].glob("[0-9]*.sql"))]


def at(dsn: str, dbname: str) -> str:
    """The same server and role, another database."""
    return make_conninfo(dsn, dbname=dbname)


def create_roles(admin_dsn: str, passwords: dict[str, str]) -> None:
    """`app` and `worker` own nothing and cannot bypass row security; `migrator` owns the databases."""
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        for role in ROLES:
            known = conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            right = sql.SQL("CREATEDB" if role == "migrator" else "NOCREATEDB")
            conn.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {} PASSWORD {}").format(
                    verb, sql.Identifier(role), right, sql.Literal(passwords[role])
                )
            )
        conn.execute("GRANT pg_signal_backend TO migrator")


def create_database(
    dsn: str, dbname: str, template: str | None = None, owner: str | None = None, connections: int = UNLIMITED
) -> None:
    """An empty database, or a copy of the template; one that exists only gets its settings (safe to run again)."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        name = sql.Identifier(dbname)
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (dbname,)).fetchone():
            made = sql.SQL("CREATE DATABASE {}").format(name)
            if template:
                made += sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
            if owner:
                made += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
            conn.execute(made)
        conn.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(name, sql.Literal(connections)))
        conn.execute(sql.SQL("ALTER DATABASE {} SET idle_session_timeout = '30s'").format(name))
        conn.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(name))
        conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO app, worker, migrator").format(name))


def drop_database(dsn: str, dbname: str) -> None:
    """The compensation of `create_database`."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(dbname)))


def migrate(dsn: str, tracks: Iterable[str] = ("tenant",)) -> int:
    """Bring one database up to date; answers how many migrations were applied."""
    applied = 0
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
        with conn.transaction():
            conn.execute("SELECT pg_advisory_xact_lock(hashtext('schema_migrations'))")
            conn.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (track text, version integer, name text NOT NULL,"
                " checksum text NOT NULL, applied_at timestamptz NOT NULL, PRIMARY KEY (track, version))"
            )
            for track in tracks:
                applied += _apply(conn, track)
    return applied


def _apply(conn: psycopg.Connection, track: str) -> int:
    rows = conn.execute("SELECT version, checksum FROM schema_migrations WHERE track = %s", (track,)).fetchall()
    known: dict[int, str] = dict(rows)
    todo = []
    for migration in migrations(track):
        if migration.version not in known:
            todo.append(migration)
        elif known[migration.version] != migration.checksum:
            raise SchemaDrift(f"{track}/{migration.name} was changed after it was applied")
    for migration in todo:
        conn.execute(migration.text.encode())
        conn.execute(
            "INSERT INTO schema_migrations VALUES (%s, %s, %s, %s, %s)",
            (track, migration.version, migration.name, migration.checksum, clock.now()),
        )
    return len(todo)


@dataclass(frozen=True)
class Seen:
    """What a database has of the tenant track: its newest, how many it lacks, which read differently now."""

    version: int | None
    missing: int
    changed: list[str]


def look(dsn: str) -> Seen:
    """Compared with the files of this release; what a later release applied there is no drift."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        rows = conn.execute("SELECT version, checksum FROM schema_migrations WHERE track = 'tenant'").fetchall()
    there: dict[int, str] = dict(rows)
    ours = migrations("tenant")
    return Seen(
        version=max(there, default=None),
        missing=sum(m.version not in there for m in ours),
        changed=[m.name for m in ours if there.get(m.version, m.checksum) != m.checksum],
    )


def migrate_core(migrator_dsn: str) -> int:
    """The core database: the directory, and the cell of tenant zero."""
    return migrate(migrator_dsn, ("tenant", "core"))


def migrate_template(migrator_dsn: str) -> None:
    """The database that new cells are copied from. `migrator_dsn` may name any database of the server."""
    create_database(migrator_dsn, CELL_TEMPLATE)
    migrate(at(migrator_dsn, CELL_TEMPLATE))


def create_cell(migrator_dsn: str, dbname: str, connections: int = UNLIMITED) -> str:
    """A cell's database, copied from the template; answers its connection string (safe to run twice)."""
    create_database(migrator_dsn, dbname, template=CELL_TEMPLATE, connections=connections)
    cell = at(migrator_dsn, dbname)
    migrate(cell)
    return cell


def register_cell(core_dsn: str, kind: str, dsn: str) -> UUID:
    """Enter a cell into the directory, once."""
    place = conninfo_to_dict(dsn)
    with psycopg.connect(core_dsn, autocommit=True) as conn:
        row = conn.execute(
            "INSERT INTO cells (id, kind, host, port, dbname, created_at) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (host, port, dbname) DO UPDATE SET kind = EXCLUDED.kind RETURNING id",
            (ids.uuid7(), kind, place["host"], place.get("port", 5432), place["dbname"], clock.now()),
        ).fetchone()
    assert row is not None, "INSERT ... RETURNING answers a row"
    cell_id: UUID = row[0]
    return cell_id


def migrate_all(core_dsn: str, workers: int = 8) -> dict[str, int]:
    """Core first, then the template and every cell in parallel; answers what was applied where."""
    done = {"core": migrate_core(core_dsn)}
    migrate_template(core_dsn)
    with psycopg.connect(core_dsn, autocommit=True) as conn:
        cells = conn.execute("SELECT host, port, dbname FROM cells WHERE kind <> 'core' ORDER BY id").fetchall()
    dsns = {dbname: make_conninfo(core_dsn, host=host, port=port, dbname=dbname) for host, port, dbname in cells}
    with ThreadPoolExecutor(workers) as pool:
        done.update(zip(dsns, pool.map(migrate, dsns.values()), strict=True))
    return done
