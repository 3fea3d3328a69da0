"""The audit trail: one row a change, in its transaction, written later only in the sense of the same COMMIT."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db

INSERT = """
    INSERT INTO audit_logs (id, actor_id, actor_type, action, resource_type, resource_id, before, after,
                            ip_address, user_agent, request_id, created_at)
    VALUES (%(id)s, %(actor_id)s, %(actor_type)s, %(action)s, %(resource_type)s, %(resource_id)s,
            %(before)s::jsonb, %(after)s::jsonb, %(ip_address)s, %(user_agent)s, %(request_id)s, %(now)s)"""
SECRET = re.compile(r"password|secret|token|otp|hash|key|pan$|aadhaar|id_proof_number|idProofNumber", re.IGNORECASE)


def note(
    db: Db,
    action: str,
    resource_type: str,
    resource_id: UUID | str | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    actor_type: str | None = None,
    actor_id: UUID | None = None,
) -> None:
    """Who did what to which thing; secrets and identity numbers are masked."""
    db.noted = True
    db.later(
        INSERT,
        id=ids.uuid7(),
        actor_id=actor_id or (db.actor.id if db.actor else None),
        actor_type=actor_type or (db.actor.user_type if db.actor else "system"),
        action=action,
        resource_type=resource_type,
        resource_id=str(resource_id) if resource_id else None,
        before=_masked(before),
        after=_masked(after),
        ip_address=db.origin.ip_address,
        user_agent=(db.origin.user_agent or "")[:400] or None,
        request_id=db.origin.request_id or None,
        now=clock.now(),
    )


def _masked(facts: dict[str, Any] | None) -> str | None:
    if facts is None:
        return None
    return json.dumps({k: "***" if SECRET.search(k) and v is not None else v for k, v in facts.items()}, default=str)
