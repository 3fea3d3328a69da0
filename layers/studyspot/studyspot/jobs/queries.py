"""Every statement on jobs as such; what a kind of job keeps in its row is that domain's."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot.jobs.models import Job, Status, TenantJob
from studyspot.kit import cells, clock
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

LARGEST_RESULT = 256 * 1024
COLUMNS = f"""
    id, kind, status, steps_done, steps_total, failure, created_by AS requested_by, created_at, started_at,
    finished_at, CASE WHEN octet_length(result::text) > {LARGEST_RESULT} THEN result - 'errors' - 'warnings'
                      ELSE result END AS result"""
TENANTS_OF_CELL = """
    SELECT t.id FROM tenants t JOIN cells c ON c.id = t.cell_id
    WHERE c.host = %(host)s AND c.port = %(port)s AND c.dbname = %(dbname)s
      AND (%(tenant)s::uuid IS NULL OR t.id = %(tenant)s)"""


def add(db: Db, job_id: UUID, **facts: Any) -> None:
    """A new job; the same id again changes nothing."""
    db.run(
        f"""
        INSERT INTO jobs (id, {", ".join(facts)}, created_at)
        VALUES (%(id)s, {", ".join(f"%({name})s" for name in facts)}, %(now)s)
        ON CONFLICT (tenant_id, id) DO NOTHING""",
        id=job_id,
        now=clock.now(),
        **facts,
    )


def read(db: Db, job_id: UUID, lock: str = "") -> Job:
    return db.one(Job, f"SELECT {COLUMNS} FROM jobs WHERE id = %(id)s {lock}", id=job_id)


def begin(db: Db, job_id: UUID) -> bool:
    """Running from now on; False when it was cancelled or has ended. Running already is running."""
    query = """
        UPDATE jobs SET status = 'running', started_at = coalesce(started_at, %(now)s)
        WHERE id = %(id)s AND status IN ('queued','running')"""
    return bool(db.run(query, id=job_id, now=clock.now()))


def advance(db: Db, job_id: UUID, done: int, total: int | None) -> bool:
    """False when it is not running any more."""
    query = """
        UPDATE jobs SET steps_done = %(done)s, steps_total = coalesce(%(total)s, steps_total)
        WHERE id = %(id)s AND status = 'running'"""
    return bool(db.run(query, id=job_id, done=done, total=total))


def close(db: Db, job_id: UUID, status: Status, result: dict[str, Any] | None, failure: str | None) -> bool:
    """It is over; False when it was over before."""
    query = """
        UPDATE jobs SET status = %(status)s, result = coalesce(%(result)s::jsonb, result), failure = %(failure)s,
               finished_at = %(now)s, file = NULL
        WHERE id = %(id)s AND status IN ('queued','running')"""
    told = json.dumps(result, default=str) if result is not None else None
    return bool(db.run(query, id=job_id, status=status, result=told, failure=failure, now=clock.now()))


def cancel(db: Db, job_id: UUID) -> bool:
    """Stopped before anything was done, or between two steps; the same file may be brought again."""
    query = """
        UPDATE jobs SET status = 'cancelled', finished_at = %(now)s, file = NULL, file_hash = NULL
        WHERE id = %(id)s AND (status = 'queued' OR (status = 'running' AND interruptible))"""
    return bool(db.run(query, id=job_id, now=clock.now()))


def across(core: Db, tenant: UUID | None, status: Status | None, kind: str | None, paging: Paging) -> list[TenantJob]:
    """The newest jobs of every tenant, one round trip a cell."""
    found: list[dict[str, Any]] = []
    for place in cells.places():
        where = {"host": place.host, "port": place.port, "dbname": place.dbname, "tenant": tenant}
        tenants = [row["id"] for row in core.dicts(TENANTS_OF_CELL, **where)]
        if place == cells.core_place() and tenant in (None, core.tenant):
            tenants.append(core.tenant)
        if tenants:
            found += _of_cell(place, tenants, status, kind, paging)
    newest = sorted(found, key=lambda row: row["id"], reverse=True)
    return [TenantJob(**row) for row in newest[: paging.fetch]]


def _of_cell(
    place: Place, tenants: list[UUID], status: Status | None, kind: str | None, paging: Paging
) -> list[dict[str, Any]]:
    return cells.across(
        place,
        f"""
        SELECT tenant_id, {COLUMNS} FROM jobs_across(%(tenants)s, %(status)s, %(kind)s, %(before)s, %(most)s)
        ORDER BY id DESC LIMIT %(most)s""",
        tenants=tenants,
        status=status,
        kind=kind,
        before=UUID(paging.after) if paging.after else None,
        most=paging.fetch,
    )
