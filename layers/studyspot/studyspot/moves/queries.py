"""Every statement on moves, and on the directory's line that says where a tenant lives."""

from __future__ import annotations

import json
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.queues import DONE
from studyspot.moves.models import Cell, Isolation, Move, Route, TableCount

COLUMNS: LiteralString = """m.id, m.tenant_id, m.isolation AS "to", m.state, m.from_cell, m.to_cell, m.takes_back,
    m.tables, coalesce((SELECT sum((t ->> 'rows')::bigint) FROM jsonb_array_elements(m.tables) t), 0)::bigint AS rows,
    m.failure, m.pause_ms, m.keep_until, m.created_at, m.updated_at"""


def begin(core: Db, tenant: UUID, to: Isolation, to_cell: UUID | None, takes_back: UUID | None) -> Move | None:
    """The move, from where the tenant is now; None when one is running. The unique key decides."""
    return core.maybe(
        Move,
        f"""INSERT INTO tenant_moves AS m (id, tenant_id, isolation, state, from_isolation, from_cell, to_cell,
                                           takes_back, created_at, updated_at)
            SELECT %(id)s, t.id, %(to)s, 'waiting', t.isolation, t.cell_id, %(to_cell)s, %(takes_back)s,
                   %(now)s, %(now)s
            FROM tenants t WHERE t.id = %(tenant)s
            ON CONFLICT (tenant_id) WHERE state IN ('waiting','copied') DO NOTHING RETURNING {COLUMNS}""",
        id=ids.uuid7(),
        tenant=tenant,
        to=to,
        to_cell=to_cell,
        takes_back=takes_back,
        now=clock.now(),
    )


def newest(core: Db, tenant: UUID) -> Move:
    return core.one(
        Move,
        f"SELECT {COLUMNS} FROM tenant_moves m WHERE m.tenant_id = %(tenant)s ORDER BY m.id DESC LIMIT 1",
        tenant=tenant,
    )


def kept(core: Db, tenant: UUID) -> Move | None:
    """The last move that went through, while its old copy is kept."""
    return core.maybe(
        Move,
        f"""SELECT {COLUMNS} FROM tenant_moves m
            WHERE m.tenant_id = %(tenant)s AND m.state = 'moved' AND m.keep_until > %(now)s
            ORDER BY m.id DESC LIMIT 1""",
        tenant=tenant,
        now=clock.now(),
    )


def route(core: Db, move_id: UUID) -> Route:
    return core.one(
        Route,
        """SELECT m.id, m.tenant_id, m.isolation AS "to", m.state, m.from_cell, m.to_cell, t.cell_id AS current_cell
           FROM tenant_moves m JOIN tenants t ON t.id = m.tenant_id WHERE m.id = %(id)s""",
        id=move_id,
    )


def cell(core: Db, cell_id: UUID) -> Cell:
    return core.one(Cell, "SELECT host, port, dbname, kind FROM cells WHERE id = %(id)s", id=cell_id)


def aim(core: Db, move_id: UUID, cell_id: UUID) -> None:
    """Where it goes, known before anything is done there."""
    core.run(
        "UPDATE tenant_moves SET to_cell = %(cell)s, updated_at = %(now)s WHERE id = %(id)s",
        id=move_id,
        cell=cell_id,
        now=clock.now(),
    )


def emptiest_pool(core: Db, but: UUID | None) -> UUID | None:
    """The shared cell with the fewest tenants, another than this."""
    found: UUID | None = core.value(
        """SELECT p.id FROM cells p LEFT JOIN tenants o ON o.cell_id = p.id
           WHERE p.kind = 'pool' AND p.id IS DISTINCT FROM %(but)s GROUP BY p.id ORDER BY count(o.id), p.id LIMIT 1""",
        but=but,
    )
    return found


def note_comparison(core: Db, move_id: UUID, tables: list[TableCount], paused_at: datetime) -> None:
    core.run(
        """UPDATE tenant_moves SET tables = %(tables)s::jsonb, paused_at = %(paused)s, updated_at = %(now)s
           WHERE id = %(id)s""",
        id=move_id,
        tables=json.dumps([table.model_dump() for table in tables]),
        paused=paused_at,
        now=clock.now(),
    )


def turn(core: Db, move_id: UUID, before: str, after: str, failure: str | None = None) -> bool:
    """From one state to the next; False when it was not in the first. The row decides."""
    changed = core.run(
        """UPDATE tenant_moves SET state = %(after)s, failure = %(failure)s, updated_at = %(now)s
           WHERE id = %(id)s AND state = %(before)s""",
        id=move_id,
        before=before,
        after=after,
        failure=failure,
        now=clock.now(),
    )
    return bool(changed)


def redirect(core: Db, move_id: UUID) -> None:
    """The directory sends everybody to the other cell."""
    core.run(
        """UPDATE tenants t SET cell_id = c.id, db_name = c.dbname, db_host = c.host, isolation = m.isolation,
               version = t.version + 1, updated_at = %(now)s
           FROM tenant_moves m JOIN cells c ON c.id = m.to_cell WHERE m.id = %(id)s AND t.id = m.tenant_id""",
        id=move_id,
        now=clock.now(),
    )


def complete(core: Db, move_id: UUID, keep_until: datetime) -> bool:
    """The tenant works in its new cell. Copies that older moves kept are no longer to go back to."""
    changed = core.run(
        """UPDATE tenant_moves SET state = 'moved', keep_until = %(keep)s, updated_at = %(now)s,
               pause_ms = round(extract(epoch FROM %(now)s - paused_at) * 1000)
           WHERE id = %(id)s AND state = 'copied'""",
        id=move_id,
        keep=keep_until,
        now=clock.now(),
    )
    return bool(changed)


def settle_command(core: Db, outbox_id: UUID) -> None:
    """The outbox row that started this machine has had its effect: it is not sent again."""
    core.run(DONE, id=outbox_id, now=clock.now())
