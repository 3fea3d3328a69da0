"""Cells made and unmade with the migrator's rights: a database of one's own, its entry in the directory, its end."""

from __future__ import annotations

import json
import os
from functools import cache
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from studyspot.kit import clock, settings
from studyspot.kit.ids import PLATFORM
from studyspot.schema import migrate, rows


def migrator_dsn() -> str:
    """The core database as its owner: MIGRATOR_DB_USER, or MIGRATOR_SECRET_ARN, or this function's own role."""
    s = settings.get()
    user, password = _migrator()
    return make_conninfo(
        host=s.core_db_host,
        port=s.core_db_port,
        dbname=s.core_db_name,
        user=user,
        password=password,
        sslmode=s.core_db_sslmode,
        connect_timeout=5,
    )


def _migrator() -> tuple[str, str]:
    if arn := os.environ.get("MIGRATOR_SECRET_ARN"):
        return _secret(arn)
    if user := os.environ.get("MIGRATOR_DB_USER"):
        return user, os.environ.get("MIGRATOR_DB_PASSWORD", "")
    s = settings.get()
    return s.core_db_user, s.core_db_password.get_secret_value()


@cache
def _secret(arn: str) -> tuple[str, str]:
    import boto3  # only deployed stages read secrets; the import costs 0.2 s of a cold start

    text = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    secret: dict[str, str] = json.loads(text)
    return secret["username"], secret["password"]


def silo_prefix() -> str:
    """Databases of one tenant begin with the core database's name: several stages may share a server."""
    return f"{settings.get().core_db_name}_silo_"


def silo_name(tenant: UUID) -> str:
    """Known from the tenant alone, so that a killed step finds what it began."""
    return f"{silo_prefix()}{tenant.hex}"


def create_silo(tenant: UUID) -> UUID:
    """A database of its own from the template, entered into the directory; answers the cell (safe to run again)."""
    core = migrator_dsn()
    return migrate.register_cell(core, "silo", migrate.create_cell(core, silo_name(tenant), migrate.CONNECTION_LIMIT))


def drop_silo(tenant: UUID) -> None:
    """The compensation of `create_silo`."""
    drop_cell(silo_name(tenant))


def drop_cell(dbname: str) -> None:
    """The directory forgets a cell of one tenant, then the database goes."""
    core = migrator_dsn()
    with psycopg.connect(core, autocommit=True) as conn, conn.transaction():
        conn.execute(
            "UPDATE tenants SET cell_id = NULL, db_name = NULL, db_host = NULL, updated_at = %s"
            " WHERE cell_id = (SELECT id FROM cells WHERE kind = 'silo' AND dbname = %s)",
            (clock.now(), dbname),
        )
        conn.execute("DELETE FROM cells WHERE kind = 'silo' AND dbname = %s", (dbname,))
    migrate.drop_database(core, dbname)


def at_cell(host: str, port: int, dbname: str) -> str:
    """A cell as its owner."""
    return make_conninfo(migrator_dsn(), host=host, port=port, dbname=dbname)


def migrate_cell(host: str, port: int, dbname: str) -> int:
    """Bring one cell up to date; answers how many migrations it lacked."""
    return migrate.migrate(at_cell(host, port, dbname))


def look_at(cell_id: UUID, host: str, port: int, dbname: str) -> migrate.Seen:
    """Which migrations a cell has, noted in the directory."""
    seen = migrate.look(at_cell(host, port, dbname))
    with psycopg.connect(migrator_dsn(), autocommit=True) as core:
        core.execute(
            "UPDATE cells SET schema_version = %s, schema_missing = %s, schema_changed = %s, schema_seen_at = %s"
            " WHERE id = %s",
            (seen.version, seen.missing, seen.changed, clock.now(), cell_id),
        )
    return seen


def empty_pool(host: str, port: int, dbname: str, tenant: UUID) -> int:
    """Remove every row of one tenant from a shared cell; answers how many there were."""
    with rows.as_tenant(at_cell(host, port, dbname), tenant) as cell:
        return rows.delete(cell)


def bring_up_to_date() -> dict[str, int]:
    """What a deployment runs: core, template and cells migrated; a first pool cell and tenant zero's gate made."""
    core = migrator_dsn()
    done = migrate.migrate_all(core)
    migrate.register_cell(core, "core", core)
    with psycopg.connect(core, autocommit=True) as conn:
        pools = conn.execute("SELECT count(*) FROM cells WHERE kind = 'pool'").fetchone()
        with conn.transaction():
            conn.execute("SELECT set_config('app.tenant', %s, true)", (str(PLATFORM),))
            conn.execute(
                "INSERT INTO tenant_gate (status, updated_at) VALUES ('active', %s) ON CONFLICT DO NOTHING",
                (clock.now(),),
            )
    if pools == (0,):
        name = f"{settings.get().core_db_name}_pool_1"
        migrate.register_cell(core, "pool", migrate.create_cell(core, name))
        done[name] = len(migrate.migrations("tenant"))
    with psycopg.connect(core, autocommit=True) as conn:
        everywhere = conn.execute("SELECT id, host, port, dbname FROM cells ORDER BY id").fetchall()
    for cell in everywhere:
        look_at(*cell)
    return done
