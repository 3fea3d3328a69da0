"""Every statement of the saga that sets a tenant up, and of the sweep that looks for what it left behind."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit import cells, clock
from studyspot.kit.db import Db
from studyspot.kit.queues import DONE
from studyspot.tenants.models import Placement, Step


def record(core: Db, tenant_id: UUID, step: str, status: str, detail: str | None = None) -> None:
    """What became of a step; the last word counts."""
    core.run(
        """INSERT INTO provisioning_steps (tenant_id, step, status, detail, at)
           VALUES (%(tenant)s, %(step)s, %(status)s, %(detail)s, %(now)s)
           ON CONFLICT (tenant_id, step) DO UPDATE
               SET status = EXCLUDED.status, detail = EXCLUDED.detail, at = EXCLUDED.at""",
        tenant=tenant_id,
        step=step,
        status=status,
        detail=detail,
        now=clock.now(),
    )


def steps_of(core: Db, tenant_id: UUID) -> list[Step]:
    return core.all(
        Step, "SELECT step, status, detail, at FROM provisioning_steps WHERE tenant_id = %(id)s", id=tenant_id
    )


def undone(core: Db, tenant_id: UUID) -> None:
    """Every step that had been done has been taken back, and no cell is left."""
    now = clock.now()
    core.run(
        """UPDATE provisioning_steps SET status = 'compensated', at = %(now)s
           WHERE tenant_id = %(id)s AND status = 'done'""",
        id=tenant_id,
        now=now,
    )
    core.run(
        """UPDATE tenants SET cell_id = NULL, db_name = NULL, db_host = NULL, trial_ends_at = NULL, updated_at = %(now)s
           WHERE id = %(id)s AND status = 'provisioning_failed'""",
        id=tenant_id,
        now=now,
    )


def turn(core: Db, tenant_id: UUID, before: tuple[str, ...], after: str) -> bool:
    """From one state of the saga to another; False when somebody was faster. The row decides."""
    changed = core.run(
        """UPDATE tenants SET status = %(after)s, version = version + 1, updated_at = %(now)s
           WHERE id = %(id)s AND status = ANY(%(before)s)""",
        id=tenant_id,
        before=list(before),
        after=after,
        now=clock.now(),
    )
    return bool(changed)


def place_in_pool(core: Db, tenant_id: UUID) -> bool:
    """Into the shared cell with the fewest tenants, unless it has one already; False when there is no shared cell."""
    placed = core.run(
        """UPDATE tenants t SET cell_id = c.id, db_name = c.dbname, db_host = c.host, updated_at = %(now)s
           FROM cells c
           WHERE t.id = %(id)s AND c.id = coalesce(t.cell_id, (
               SELECT p.id FROM cells p LEFT JOIN tenants o ON o.cell_id = p.id
               WHERE p.kind = 'pool' GROUP BY p.id ORDER BY count(o.id), p.id LIMIT 1))""",
        id=tenant_id,
        now=clock.now(),
    )
    return bool(placed)


def place_in(core: Db, tenant_id: UUID, cell_id: UUID) -> None:
    core.run(
        """UPDATE tenants t SET cell_id = c.id, db_name = c.dbname, db_host = c.host, updated_at = %(now)s
           FROM cells c WHERE t.id = %(id)s AND c.id = %(cell)s""",
        id=tenant_id,
        cell=cell_id,
        now=clock.now(),
    )


def placement(core: Db, tenant_id: UUID) -> Placement | None:
    return core.maybe(
        Placement,
        """SELECT c.id AS cell_id, c.host, c.port, c.dbname FROM tenants t JOIN cells c ON c.id = t.cell_id
           WHERE t.id = %(id)s""",
        id=tenant_id,
    )


def settle_command(core: Db, outbox_id: UUID) -> None:
    """The outbox row that started this machine has had its effect: it is not sent again."""
    core.run(DONE, id=outbox_id, now=clock.now())


def databases_without_cell(core: Db, prefix: str) -> list[str]:
    """Not those of tenants that are being set up at this moment."""
    rows: list[str] = core.value(
        """SELECT coalesce(array_agg(d.datname::text ORDER BY d.datname), '{}') FROM pg_database d
           WHERE starts_with(d.datname::text, %(prefix)s)
             AND NOT EXISTS (SELECT 1 FROM cells c WHERE c.dbname = d.datname::text)
             AND NOT EXISTS (SELECT 1 FROM tenant_moves m WHERE m.state = 'waiting'
                             AND %(prefix)s || replace(m.tenant_id::text, '-', '') = d.datname::text)
             AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.status = 'provisioning'
                             AND %(prefix)s || replace(t.id::text, '-', '') = d.datname::text)""",
        prefix=prefix,
    )
    return rows


def cells_without_tenant(core: Db, prefix: str) -> list[str]:
    rows: list[str] = core.value(
        """SELECT coalesce(array_agg(c.dbname ORDER BY c.dbname), '{}') FROM cells c
           WHERE c.kind = 'silo' AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.cell_id = c.id)
             AND NOT EXISTS (SELECT 1 FROM tenant_moves m WHERE m.state IN ('waiting', 'copied', 'moved')
                             AND (c.id IN (m.from_cell, m.to_cell)
                                  OR %(prefix)s || replace(m.tenant_id::text, '-', '') = c.dbname))
             AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.status = 'provisioning'
                             AND %(prefix)s || replace(t.id::text, '-', '') = c.dbname)""",
        prefix=prefix,
    )
    return rows


def tenants_without_cell(core: Db) -> list[UUID]:
    rows: list[UUID] = core.value(
        """SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM tenants
           WHERE cell_id IS NULL AND status IN ('active', 'past_due', 'suspended', 'offboarding')"""
    )
    return rows


def gates_out_of_step(core: Db) -> list[UUID]:
    """Cell by cell: gate rows that the directory does not place there or gives another state (worker role)."""
    known = core.value(
        """SELECT coalesce(jsonb_object_agg(t.id, c.dbname || ' ' || t.status), '{}')
           FROM tenants t JOIN cells c ON c.id = t.cell_id"""
    )
    waiting = core.value("SELECT coalesce(jsonb_agg(id), '[]') FROM tenants WHERE status = 'provisioning'")
    stray: list[UUID] = []
    for place in cells.places()[1:]:
        for row in cells.across(place, "SELECT tenant_id, status FROM tenant_gate"):
            tenant = str(row["tenant_id"])
            if tenant not in waiting and known.get(tenant) != f"{place.dbname} {row['status']}":
                stray.append(row["tenant_id"])
    return stray


def step_is_done(core: Db, tenant_id: UUID, step: str) -> bool:
    found = core.value(
        "SELECT status = 'done' FROM provisioning_steps WHERE tenant_id = %(id)s AND step = %(step)s",
        id=tenant_id,
        step=step,
    )
    return bool(found)
