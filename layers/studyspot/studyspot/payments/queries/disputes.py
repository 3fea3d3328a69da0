"""Chargebacks of payments."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.payments.models.disputes import Dispute


class Evidence(Model):
    """What was kept with a dispute."""

    evidence: dict[str, Any] | None


COLUMNS = ", ".join(Dispute.model_fields)


def find(db: Db, dispute_id: UUID, lock: str = "") -> Dispute:
    """One, or NotFound."""
    return db.one(Dispute, f"SELECT {COLUMNS} FROM disputes WHERE id = %(id)s {lock}", id=dispute_id)


def named(db: Db, gateway: str, names: list[str]) -> list[Dispute]:
    """Those that the gateway calls so."""
    return db.all(
        Dispute,
        f"SELECT {COLUMNS} FROM disputes WHERE gateway = %(gateway)s AND gateway_dispute_id = ANY(%(names)s)",
        gateway=gateway,
        names=names,
    )


def insert(db: Db, payment_id: UUID, capture_id: UUID, gateway: str, name: str, opened: datetime, **facts: Any) -> bool:
    """A new one, open; False when it is known."""
    told = ", ".join(facts)
    return bool(
        db.run(
            f"""
            INSERT INTO disputes (id, payment_id, capture_id, gateway, gateway_dispute_id, status, opened_at,
                                  created_at, updated_at, {told})
            VALUES (%(id)s, %(payment)s, %(capture)s, %(gateway)s, %(name)s, 'open', %(opened)s, %(now)s, %(now)s,
                    {", ".join(f"%({name})s" for name in facts)})
            ON CONFLICT (tenant_id, gateway, gateway_dispute_id) DO NOTHING""",
            id=ids.uuid7(),
            payment=payment_id,
            capture=capture_id,
            gateway=gateway,
            name=name,
            opened=opened,
            now=clock.now(),
            **facts,
        )
    )


def move(db: Db, dispute_id: UUID, **columns: Any) -> Dispute:
    """Give it these."""
    told = "".join(f"{name} = %({name})s, " for name in columns)
    return db.one(
        Dispute,
        f"UPDATE disputes SET {told}updated_at = %(now)s WHERE id = %(id)s RETURNING {COLUMNS}",
        id=dispute_id,
        now=clock.now(),
        **columns,
    )


def listed(
    db: Db, status: str | None, gateway: str | None, payment_id: UUID | None, after: Any, limit: int
) -> list[Dispute]:
    """Newest first."""
    return db.all(
        Dispute,
        f"""
        SELECT {COLUMNS} FROM disputes
        WHERE (%(status)s::text IS NULL OR status = %(status)s) AND (%(gateway)s::text IS NULL OR gateway = %(gateway)s)
          AND (%(payment)s::uuid IS NULL OR payment_id = %(payment)s) AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC LIMIT %(limit)s""",
        status=status,
        gateway=gateway,
        payment=payment_id,
        after=after,
        limit=limit,
    )


def keep_evidence(db: Db, dispute_id: UUID, pack: dict[str, Any]) -> Dispute:
    """What was put together last."""
    return move(db, dispute_id, evidence=json.dumps(pack, default=str), evidence_at=clock.now())


def evidence(db: Db, dispute_id: UUID) -> dict[str, Any] | None:
    """What was put together, if it was; NotFound for a dispute that is not there."""
    return db.one(Evidence, "SELECT evidence FROM disputes WHERE id = %(id)s", id=dispute_id).evidence
