"""SQL on the vendors' stored events: tenant zero's rows, in the core database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model


class StoredEvent(Model):
    """A webhook as it came."""

    id: UUID
    vendor: str
    event_id: str
    kind: str
    body: bytes
    headers: dict[str, str]
    state: str
    deliveries: int
    account_id: UUID | None
    """Through which organisation's own account it came."""
    received_at: datetime
    detail: str | None
    processed_at: datetime | None


EVENT = ", ".join(StoredEvent.model_fields)


def store(
    core: Db,
    vendor: str,
    event_id: str,
    kind: str,
    body: bytes,
    headers: Mapping[str, str],
    state: str,
    account: tuple[UUID, UUID] | None = None,
) -> StoredEvent:
    """Keep the event once; another delivery only counts up."""
    return core.one(
        StoredEvent,
        f"""
        INSERT INTO webhook_events AS w (id, vendor, event_id, kind, body, headers, state, account_id,
                                         account_tenant, received_at)
        VALUES (%(id)s, %(vendor)s, %(event_id)s, %(kind)s, %(body)s, %(headers)s::jsonb, %(state)s,
                %(account)s, %(account_tenant)s, %(now)s)
        ON CONFLICT (tenant_id, vendor, event_id) DO UPDATE SET deliveries = w.deliveries + 1
        RETURNING {EVENT}""",
        id=ids.uuid7(),
        vendor=vendor,
        event_id=event_id,
        kind=kind,
        body=body,
        headers=json.dumps(dict(headers)),
        state=state,
        account=account[0] if account else None,
        account_tenant=account[1] if account else None,
        now=clock.now(),
    )


def event(core: Db, event_id: UUID) -> StoredEvent:
    """The stored event."""
    return core.one(StoredEvent, f"SELECT {EVENT} FROM webhook_events WHERE id = %(id)s", id=event_id)


def mark(core: Db, event_id: UUID, state: str, detail: str | None = None) -> None:
    """What became of it; one that was processed stays so."""
    core.run(
        "UPDATE webhook_events SET state = %(state)s, detail = %(detail)s, processed_at = %(now)s"
        " WHERE id = %(id)s AND state IN ('received','parked')",
        id=event_id,
        state=state,
        detail=detail,
        now=clock.now(),
    )


def reopen(core: Db, event_id: UUID) -> None:
    """Once more from the beginning, whatever became of it."""
    core.run(
        "UPDATE webhook_events SET state = 'received', detail = NULL, processed_at = NULL WHERE id = %(id)s",
        id=event_id,
    )


def events(
    core: Db, vendor: str | None, state: str | None, kind: str | None, after: str | None, limit: int
) -> list[StoredEvent]:
    """Newest first."""
    return core.all(
        StoredEvent,
        f"""
        SELECT {EVENT} FROM webhook_events
        WHERE (%(vendor)s::text IS NULL OR vendor = %(vendor)s)
          AND (%(state)s::text IS NULL OR state = %(state)s)
          AND (%(kind)s::text IS NULL OR kind = %(kind)s)
          AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC LIMIT %(limit)s""",
        vendor=vendor,
        state=state,
        kind=kind,
        after=after,
        limit=limit,
    )
