"""Every statement on the audit trail but its writing, which is the kernel's."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.audit.models import AnchorRow, DetailRow, Entry, Search, State
from studyspot.kit import cells, clock
from studyspot.kit.connections import Place
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

ENTRY = (
    "id, actor_id, actor_type, impersonator_id, action, resource_type, resource_id, ip_address, user_agent,"
    " request_id, created_at"
)
MATCHING = """
    (%(actor_id)s::uuid IS NULL OR actor_id = %(actor_id)s::uuid)
    AND (%(action)s::text IS NULL OR action LIKE %(action)s::text)
    AND (%(resource_type)s::text IS NULL OR resource_type = %(resource_type)s::text)
    AND (%(resource_id)s::text IS NULL OR resource_id = %(resource_id)s::text)
    AND (%(created_from)s::timestamptz IS NULL OR created_at >= %(created_from)s::timestamptz)
    AND (%(created_before)s::timestamptz IS NULL OR created_at < %(created_before)s::timestamptz)"""
STATE = """
    WITH faults AS (SELECT * FROM audit_faults())
    SELECT count(s.number) AS seals, coalesce(sum(cardinality(s.log_ids)), 0) AS sealed, max(s.sealed_at) AS sealed_at,
           (SELECT count(*) FROM audit_open) AS waiting,
           (SELECT min(l.created_at) FROM audit_open o JOIN audit_logs l ON l.id = o.log_id) AS waiting_since,
           (SELECT count(*) FROM faults) AS fault_count,
           (SELECT coalesce(jsonb_agg(f), '[]') FROM
               (SELECT * FROM faults ORDER BY seal NULLS LAST, log_id LIMIT %(most)s) f) AS faults
    FROM audit_seals s"""
UNSEALED = "SELECT DISTINCT tenant_id FROM audit_open"
TENANTS = "SELECT tenant_id FROM tenant_gate WHERE status NOT IN ('provisioning','provisioning_failed') ORDER BY 1"
HEAD = "SELECT number, head FROM audit_seals ORDER BY number DESC LIMIT 1"
ANCHOR = """
    INSERT INTO audit_anchors (tenant_id, day, number, head, anchored_at)
    VALUES (%(tenant)s, %(day)s, %(number)s, %(head)s, %(now)s) ON CONFLICT (tenant_id, day) DO NOTHING"""


def listed(db: Db, paging: Paging, search: Search) -> list[Entry]:
    """The newest first."""
    query = f"""
        SELECT {ENTRY} FROM audit_logs
        WHERE (%(after)s::uuid IS NULL OR id < %(after)s::uuid) AND {MATCHING}
        ORDER BY id DESC LIMIT %(fetch)s"""
    return db.all(Entry, query, after=paging.after, fetch=paging.fetch, **_sought(search))


def entry(db: Db, log_id: UUID) -> DetailRow:
    query = f"""
        SELECT {ENTRY}, before, after, (SELECT max(number) FROM audit_seals WHERE %(id)s = ANY (log_ids)) AS seal
        FROM audit_logs WHERE id = %(id)s"""
    return db.one(DetailRow, query, id=log_id)


def part(db: Db, search: Search, after: UUID | None, most: int) -> list[dict[str, Any]]:
    """Whole rows, oldest first, for a file that is made piece by piece."""
    query = f"""
        SELECT {ENTRY}, before, after FROM audit_logs
        WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid) AND {MATCHING}
        ORDER BY id LIMIT %(most)s"""
    return db.dicts(query, after=after, most=most, **_sought(search))


def _sought(search: Search) -> dict[str, Any]:
    sought = search.model_dump(exclude={"format"})
    if search.action:
        plain = search.action.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        sought["action"] = f"{plain[:-1]}%" if plain.endswith("*") else plain
    return sought


def state(db: Db, most: int) -> State:
    """Everything compared with everything, in one statement and so in one snapshot."""
    return db.one(State, STATE, most=most)


def heads(db: Db, numbers: Collection[int]) -> dict[int, bytes]:
    """The heads of these seals."""
    rows = db.dicts("SELECT number, head FROM audit_seals WHERE number = ANY (%(numbers)s)", numbers=list(numbers))
    return {row["number"]: bytes(row["head"]) for row in rows}


def anchors(core: Db, tenant: UUID) -> list[AnchorRow]:
    """What the core database kept, oldest first."""
    query = "SELECT day, number, head, anchored_at FROM audit_anchors WHERE tenant_id = %(tenant)s ORDER BY day"
    return core.all(AnchorRow, query, tenant=tenant)


def unsealed(place: Place) -> list[UUID]:
    """Whose rows wait in this cell (worker role)."""
    return [row["tenant_id"] for row in cells.across(place, UNSEALED)]


def tenants(place: Place) -> list[UUID]:
    """Who lives in this cell (worker role)."""
    return [row["tenant_id"] for row in cells.across(place, TENANTS)]


def seal(db: Db, most: int) -> int:
    """A transaction of its own; answers how many rows it took."""
    sealed: int = db.value("SELECT seal_audit(%(most)s, %(now)s)", most=most, now=clock.now())
    return sealed


def head(db: Db) -> tuple[int, bytes] | None:
    """The newest seal and the chain's head in it."""
    rows = db.dicts(HEAD)
    return (rows[0]["number"], bytes(rows[0]["head"])) if rows else None


def anchor(core: Db, tenant: UUID, day: date, number: int, digest: bytes) -> bool:
    """Once a day; a second run changes nothing."""
    return core.run(ANCHOR, tenant=tenant, day=day, number=number, head=digest, now=clock.now()) == 1
