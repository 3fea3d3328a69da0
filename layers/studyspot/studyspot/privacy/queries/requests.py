"""What people asked about their own data."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.privacy.models import PrivacyRequest, RequestAsked, RequestStatus

TODAY = "(%(now)s AT TIME ZONE coalesce((SELECT timezone FROM tenant_gate), 'Asia/Kolkata'))::date"
COLUMNS = f"""
    id, kind, user_type, user_id, detail, changes, status, due_on, status = 'open' AND due_on < {TODAY} AS overdue,
    decided_by, decided_at, answer, erased, created_at"""
OPEN = f"""
    INSERT INTO privacy_requests (id, kind, user_type, user_id, detail, changes, due_on, created_at)
    SELECT %(id)s, %(kind)s, %(user_type)s, %(user_id)s, %(detail)s, %(changes)s::jsonb,
           {TODAY} + (p.value ->> %(kind)s)::integer, %(now)s
    FROM (SELECT value FROM statutory_params WHERE code = 'privacy_request_days' AND valid_from <= {TODAY}
          ORDER BY valid_from DESC LIMIT 1) p
    ON CONFLICT (tenant_id, user_id, kind) WHERE status = 'open' DO NOTHING
    RETURNING {COLUMNS}"""
DECIDE = f"""
    UPDATE privacy_requests SET status = %(status)s, decided_by = %(by)s, decided_at = %(now)s, answer = %(answer)s,
           erased = %(erased)s::jsonb
    WHERE id = %(id)s AND status = 'open' RETURNING {COLUMNS}"""


def add(db: Db, asked: RequestAsked, user_type: str, user_id: UUID) -> PrivacyRequest | None:
    """Open from now on; None when one of this kind is open already."""
    facts = asked.model_dump() | {"changes": json.dumps(asked.changes) if asked.changes else None}
    return db.maybe(
        PrivacyRequest, OPEN, id=ids.uuid7(), user_type=user_type, user_id=user_id, now=clock.now(), **facts
    )


def read(db: Db, request_id: UUID, lock: str = "") -> PrivacyRequest:
    query = f"SELECT {COLUMNS} FROM privacy_requests WHERE id = %(id)s {lock}"
    return db.one(PrivacyRequest, query, id=request_id, now=clock.now())


def listed(db: Db, paging: Paging, status: RequestStatus | None, kind: str | None) -> list[PrivacyRequest]:
    """By creation, which is by due date among those of a kind."""
    query = f"""
        SELECT {COLUMNS} FROM privacy_requests
        WHERE (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
          AND (%(status)s::text IS NULL OR status = %(status)s::text)
          AND (%(kind)s::text IS NULL OR kind = %(kind)s::text)
        ORDER BY id LIMIT %(fetch)s"""
    return db.all(
        PrivacyRequest, query, after=paging.after, fetch=paging.fetch, status=status, kind=kind, now=clock.now()
    )


def decide(
    db: Db, request_id: UUID, status: RequestStatus, by: UUID, answer: str | None, erased: dict[str, Any] | None
) -> PrivacyRequest | None:
    """Once; None when it was decided before."""
    told = json.dumps(erased) if erased is not None else None
    return db.maybe(
        PrivacyRequest, DECIDE, id=request_id, status=status, by=by, answer=answer, erased=told, now=clock.now()
    )
