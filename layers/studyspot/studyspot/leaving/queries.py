"""Every statement on departures, and on the jobs that make and take archives."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.queues import DONE
from studyspot.leaving.models import Departure, Told

DEPARTURE = """id, tenant_id, state, status_before, scope_before, reason, requested_at, purge_at, export_job_id,
    removed, archive, restored_at, purged_at, certificate, certificate_sha256"""
LOCK_GATE = "SELECT 1 FROM tenant_gate FOR UPDATE"
CLOSE_JOB = """
    UPDATE jobs SET status = 'done', result = %(result)s::jsonb, finished_at = %(now)s
    WHERE id = %(id)s AND status = 'running'"""
Kind = Literal["email", "phone"]
SIGNING_IN: tuple[tuple[str, Kind, str], ...] = (
    ("student", "phone", "SELECT id, phone FROM students WHERE status <> 'archived'"),
    ("student", "email", "SELECT id, email FROM students WHERE status <> 'archived' AND email IS NOT NULL"),
    ("library_staff", "email",
     "SELECT id, email FROM users WHERE role = 'library_staff' AND status <> 'removed' AND email IS NOT NULL"),
)  # fmt: skip


def facts(core: Db, tenant_id: UUID) -> dict[str, Any]:
    """What the directory says of a tenant, for the manifest."""
    (found,) = core.dicts("SELECT id, name, slug, timezone, isolation FROM tenants WHERE id = %(id)s", id=tenant_id)
    return {name: str(value) for name, value in found.items()}


def settle_command(db: Db, outbox_id: UUID) -> None:
    db.run(DONE, id=outbox_id, now=clock.now())


def asked_by(db: Db, job_id: UUID) -> UUID | None:
    found: UUID | None = db.value("SELECT created_by FROM jobs WHERE id = %(id)s", id=job_id)
    return found


def job_is_done(db: Db, job_id: UUID) -> bool:
    return bool(db.value("SELECT status = 'done' FROM jobs WHERE id = %(id)s", id=job_id))


def job_exists(db: Db, job_id: UUID) -> bool:
    return bool(db.value("SELECT 1 FROM jobs WHERE id = %(id)s", id=job_id))


def is_under_way(db: Db, kind: str) -> bool:
    """A job of that kind that has not ended; the gate's row makes those who ask go one after the other."""
    db.run(LOCK_GATE)
    return bool(db.value("SELECT 1 FROM jobs WHERE kind = %(kind)s AND status IN ('queued','running')", kind=kind))


def exports(db: Db, kind: str, after: str | None, fetch: int) -> list[Told]:
    """Newest first."""
    return db.all(
        Told,
        """SELECT id, status, failure, result, created_at, finished_at FROM jobs
           WHERE kind = %(kind)s AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
           ORDER BY id DESC LIMIT %(fetch)s""",
        kind=kind,
        after=after,
        fetch=fetch,
    )


def begin(
    core: Db, departure_id: UUID, tenant_id: UUID, status: str, scope: str, reason: str | None, purge_at: datetime
) -> Departure | None:
    """None when one is open already: the unique index decides."""
    return core.maybe(
        Departure,
        f"""INSERT INTO offboardings (id, tenant_id, status_before, scope_before, reason, requested_by, requested_at,
                                      purge_at)
            VALUES (%(id)s, %(tenant)s, %(status)s, %(scope)s, %(reason)s, %(by)s, %(now)s, %(purge_at)s)
            ON CONFLICT (tenant_id) WHERE state IN ('waiting','purging') DO NOTHING RETURNING {DEPARTURE}""",
        id=departure_id,
        tenant=tenant_id,
        status=status,
        scope=scope,
        reason=reason,
        by=core.actor.id if core.actor else None,
        now=clock.now(),
        purge_at=purge_at,
    )


def newest(core: Db, tenant_id: UUID) -> Departure | None:
    return core.maybe(
        Departure,
        f"SELECT {DEPARTURE} FROM offboardings WHERE tenant_id = %(id)s ORDER BY id DESC LIMIT 1",
        id=tenant_id,
    )


def listed(core: Db, tenant_id: UUID, after: str | None, fetch: int) -> list[Departure]:
    """Newest first."""
    return core.all(
        Departure,
        f"""SELECT {DEPARTURE} FROM offboardings
            WHERE tenant_id = %(id)s AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
            ORDER BY id DESC LIMIT %(fetch)s""",
        id=tenant_id,
        after=after,
        fetch=fetch,
    )


def read(core: Db, departure_id: UUID) -> Departure:
    return core.one(Departure, f"SELECT {DEPARTURE} FROM offboardings WHERE id = %(id)s", id=departure_id)


def restore(core: Db, departure_id: UUID) -> bool:
    """False when it went on, or back, before."""
    query = """
        UPDATE offboardings SET state = 'restored', restored_at = %(now)s WHERE id = %(id)s AND state = 'waiting'"""
    return bool(core.run(query, id=departure_id, now=clock.now()))


def begin_purge(core: Db, departure_id: UUID) -> bool:
    """From here there is no way back. True also for whoever repeats it."""
    query = """
        UPDATE offboardings SET state = 'purging'
        WHERE id = %(id)s AND (state = 'purging' OR (state = 'waiting' AND purge_at <= %(now)s))"""
    return bool(core.run(query, id=departure_id, now=clock.now()))


def keep(core: Db, departure_id: UUID, column: Literal["removed", "archive"], facts: dict[str, Any]) -> None:
    """What was learnt, once: a repetition finds less and must not say so."""
    empty = {"removed": "removed = '{}'", "archive": "archive IS NULL"}[column]
    core.run(
        f"UPDATE offboardings SET {column} = %(facts)s::jsonb WHERE id = %(id)s AND state = 'purging' AND {empty}",
        id=departure_id,
        facts=json.dumps(facts, default=str),
    )


def offered(core: Db, departure_id: UUID, job_id: UUID) -> bool:
    """The export that goes with the departure; False when it was offered before."""
    query = "UPDATE offboardings SET export_job_id = %(job)s WHERE id = %(id)s AND export_job_id IS NULL"
    return bool(core.run(query, id=departure_id, job=job_id))


def purged(core: Db, departure_id: UUID, statement: dict[str, Any], digest: str, at: datetime) -> bool:
    query = """
        UPDATE offboardings SET state = 'purged', purged_at = %(at)s, certificate = %(statement)s::jsonb,
               certificate_sha256 = %(digest)s
        WHERE id = %(id)s AND state = 'purging'"""
    return bool(core.run(query, id=departure_id, at=at, statement=json.dumps(statement), digest=digest))


def years_kept(core: Db, on: date) -> int:
    """How long the law wants books kept, on a day."""
    return int(
        core.value(
            """SELECT value FROM statutory_params WHERE code = 'books_kept_years' AND valid_from <= %(on)s
               ORDER BY valid_from DESC LIMIT 1""",
            on=on,
        )
    )


def nameless(core: Db, tenant_id: UUID) -> None:
    """The directory keeps that there was an organisation, and nothing of who it was."""
    core.run(
        """UPDATE tenants SET name = '', slug = 'deleted-' || replace(id::text, '-', ''), email = '', phone = NULL,
               gstin = NULL, settings = '{}', owner_id = NULL, cell_id = NULL, db_name = NULL, db_host = NULL,
               status = 'deleted', version = version + 1, updated_at = %(now)s
           WHERE id = %(id)s AND status IN ('offboarding', 'deleted')""",
        id=tenant_id,
        now=clock.now(),
    )
