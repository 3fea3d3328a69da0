"""What people say became of payments, and which payments wait for them, over all tenants."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit import cells, clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.payments.models.resolutions import Resolution, ResolveRequest, UnresolvedPayment

COLUMNS = ", ".join(Resolution.model_fields)
SHOWN = ", ".join(UnresolvedPayment.model_fields)
TENANTS_OF_CELL = """
    SELECT t.id FROM tenants t JOIN cells c ON c.id = t.cell_id
    WHERE (c.host, c.port, c.dbname) = (%(host)s, %(port)s, %(dbname)s)"""


def proposal(db: Db, payment_id: UUID) -> Resolution | None:
    """What somebody said, and nobody agreed to yet; the payment is locked."""
    query = f"SELECT {COLUMNS} FROM payment_resolutions WHERE payment_id = %(id)s AND status = 'proposed'"
    return db.maybe(Resolution, query, id=payment_id)


def propose(db: Db, payment_id: UUID, asked: ResolveRequest, by: UUID) -> Resolution:
    """In place of what was proposed before."""
    db.run(
        "UPDATE payment_resolutions SET status = 'withdrawn', decided_at = %(now)s"
        " WHERE payment_id = %(id)s AND status = 'proposed'",
        id=payment_id,
        now=clock.now(),
    )
    return db.one(
        Resolution,
        f"""
        INSERT INTO payment_resolutions (id, payment_id, outcome, gateway_payment_id, evidence, proposed_by, created_at)
        VALUES (%(id)s, %(payment)s, %(outcome)s, %(number)s, %(evidence)s, %(by)s, %(now)s) RETURNING {COLUMNS}""",
        id=ids.uuid7(),
        payment=payment_id,
        outcome=asked.outcome,
        number=asked.gateway_payment_id if asked.outcome == "captured" else None,
        evidence=asked.evidence,
        by=by,
        now=clock.now(),
    )


def agree(db: Db, resolution_id: UUID, by: UUID) -> Resolution:
    """The database refuses who proposed it."""
    return db.one(
        Resolution,
        f"""
        UPDATE payment_resolutions SET status = 'applied', agreed_by = %(by)s, decided_at = %(now)s
        WHERE id = %(id)s AND status = 'proposed' RETURNING {COLUMNS}""",
        id=resolution_id,
        by=by,
        now=clock.now(),
    )


def unresolved(core: Db, before: datetime, paging: Paging) -> list[UnresolvedPayment]:
    """Of every tenant, newest first, one round trip a cell."""
    found: list[dict[str, Any]] = []
    for place in cells.places():
        where = {"host": place.host, "port": place.port, "dbname": place.dbname}
        tenants = [row["id"] for row in core.dicts(TENANTS_OF_CELL, **where)]
        tenants += [core.tenant] if place == cells.core_place() else []
        if tenants:
            found += cells.across(
                place,
                f"""
                SELECT {SHOWN} FROM unresolved_across(%(tenants)s, %(before)s, %(after)s, %(most)s)
                ORDER BY id DESC LIMIT %(most)s""",
                tenants=tenants,
                before=before,
                after=UUID(paging.after) if paging.after else None,
                most=paging.fetch,
            )
    newest = sorted(found, key=lambda row: row["id"], reverse=True)
    return [UnresolvedPayment(**row) for row in newest[: paging.fetch]]
