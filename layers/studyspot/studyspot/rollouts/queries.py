"""Every statement on waves of migrations, and on what cells were seen to have."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.kit.queues import DONE
from studyspot.rollouts.models import CellToMigrate, TenantSchema, Wave

WAVE: LiteralString = """
    SELECT w.id, w.state, w.failure, w.created_at, w.updated_at, count(DISTINCT c.batch) AS batches,
           count(c.cell_id) AS cells, count(*) FILTER (WHERE c.state = 'done') AS done,
           count(*) FILTER (WHERE c.state = 'failed') AS failed, coalesce(sum(c.applied), 0)::bigint AS applied
    FROM schema_waves w LEFT JOIN schema_wave_cells c ON c.wave_id = w.id"""


def begin(core: Db) -> UUID | None:
    """None while another is running. The unique key decides."""
    begun: UUID | None = core.value(
        """INSERT INTO schema_waves (id, state, created_at, updated_at) VALUES (%(id)s, 'running', %(now)s, %(now)s)
           ON CONFLICT ((true)) WHERE state = 'running' DO NOTHING RETURNING id""",
        id=ids.uuid7(),
        now=clock.now(),
    )
    return begun


def enlist(core: Db, wave: UUID, canary: list[UUID], size: int) -> None:
    """Every cell but the core's: those of the chosen tenants are batch 0, without any the one of the fewest tenants."""
    core.run(
        """WITH cell AS (
               SELECT c.id, count(t.id) AS tenants, coalesce(bool_or(t.id = ANY (%(canary)s)), false) AS chosen
               FROM cells c LEFT JOIN tenants t ON t.cell_id = c.id WHERE c.kind <> 'core' GROUP BY c.id),
           first AS (
               SELECT id FROM cell WHERE chosen
               UNION ALL (SELECT id FROM cell WHERE cardinality(%(canary)s) = 0 ORDER BY tenants, id LIMIT 1))
           INSERT INTO schema_wave_cells (wave_id, cell_id, batch, state, updated_at)
           SELECT %(wave)s, id, 0, 'waiting', %(now)s FROM first
           UNION ALL SELECT %(wave)s, id, 1 + (row_number() OVER (ORDER BY id) - 1) / %(size)s, 'waiting', %(now)s
           FROM cell WHERE id NOT IN (SELECT id FROM first)""",
        wave=wave,
        canary=canary,
        size=size,
        now=clock.now(),
    )


def enlist_cell_of(core: Db, wave: UUID, tenant: UUID) -> bool:
    """The one cell where this tenant lives."""
    enlisted = core.run(
        """INSERT INTO schema_wave_cells (wave_id, cell_id, batch, state, updated_at)
           SELECT %(wave)s, cell_id, 0, 'waiting', %(now)s FROM tenants
           WHERE id = %(tenant)s AND cell_id IS NOT NULL""",
        wave=wave,
        tenant=tenant,
        now=clock.now(),
    )
    return bool(enlisted)


def wave(core: Db, wave_id: UUID) -> Wave:
    return core.one(Wave, f"{WAVE} WHERE w.id = %(id)s GROUP BY w.id", id=wave_id)


def newest(core: Db) -> Wave:
    return core.one(Wave, f"{WAVE} GROUP BY w.id ORDER BY w.id DESC LIMIT 1")


def next_batch(core: Db, wave_id: UUID) -> list[CellToMigrate]:
    """The cells that wait in the first batch that has any, while the wave is running."""
    return core.all(
        CellToMigrate,
        """SELECT w.cell_id, c.host, c.port, c.dbname, w.batch FROM schema_wave_cells w JOIN cells c ON c.id = w.cell_id
           WHERE w.wave_id = %(id)s AND w.state = 'waiting'
             AND EXISTS (SELECT FROM schema_waves r WHERE r.id = %(id)s AND r.state = 'running')
             AND w.batch = (SELECT min(batch) FROM schema_wave_cells WHERE wave_id = %(id)s AND state = 'waiting')
           ORDER BY w.cell_id""",
        id=wave_id,
    )


def note(core: Db, wave_id: UUID, cell_id: UUID, applied: int | None, failure: str | None) -> None:
    """What became of a cell; the last word counts."""
    core.run(
        """UPDATE schema_wave_cells SET state = %(state)s, applied = %(applied)s, failure = %(failure)s,
               updated_at = %(now)s WHERE wave_id = %(id)s AND cell_id = %(cell)s""",
        id=wave_id,
        cell=cell_id,
        state="failed" if failure else "done",
        applied=applied,
        failure=failure,
        now=clock.now(),
    )


def end(core: Db, wave_id: UUID, state: str, failure: str | None = None) -> None:
    core.run(
        """UPDATE schema_waves SET state = %(state)s, failure = %(failure)s, updated_at = %(now)s
           WHERE id = %(id)s AND state = 'running'""",
        id=wave_id,
        state=state,
        failure=failure,
        now=clock.now(),
    )


def tenants(core: Db, paging: Paging) -> list[TenantSchema]:
    """Newest tenant first."""
    return core.all(
        TenantSchema,
        """SELECT t.id, t.slug, t.cell_id, c.dbname, c.schema_version, c.schema_missing, c.schema_changed,
                  c.schema_seen_at
           FROM tenants t LEFT JOIN cells c ON c.id = t.cell_id
           WHERE t.status <> 'deleted' AND (%(after)s::uuid IS NULL OR t.id < %(after)s::uuid)
           ORDER BY t.id DESC LIMIT %(fetch)s""",
        after=paging.after,
        fetch=paging.fetch,
    )


def settle_command(core: Db, outbox_id: UUID) -> None:
    """The outbox row that started this machine has had its effect: it is not sent again."""
    core.run(DONE, id=outbox_id, now=clock.now())
