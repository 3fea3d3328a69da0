"""Devices of libraries; row security shows staff bound to a library those of that library only."""

from __future__ import annotations

from uuid import UUID

from studyspot.identity.models.devices import Device, DeviceRequest
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

COLUMNS = "id, library_id, kind, name, last_seen_at, revoked_at, created_at"
ADD = f"""
    INSERT INTO devices (id, library_id, kind, name, token_hash, created_at)
    SELECT %(id)s, l.id, %(kind)s, %(name)s, %(hash)s, %(now)s FROM libraries l
    WHERE l.id = %(library)s AND l.status <> 'closed' RETURNING {COLUMNS}"""
LISTED = f"""
    SELECT {COLUMNS} FROM devices WHERE (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
      AND (%(library)s::uuid IS NULL OR library_id = %(library)s)
    ORDER BY id DESC LIMIT %(fetch)s"""
REVOKE = """
    UPDATE devices SET revoked_at = %(now)s
    WHERE id = %(id)s AND revoked_at IS NULL AND (%(library)s::uuid IS NULL OR library_id = %(library)s)"""


def add(db: Db, device: UUID, asked: DeviceRequest, token_hash: str) -> Device | None:
    """None where there is no such library for the caller."""
    return db.maybe(
        Device,
        ADD,
        id=device,
        hash=token_hash,
        now=clock.now(),
        library=asked.library_id,
        name=asked.name,
        kind=asked.kind,
    )


def listed(db: Db, paging: Paging, library: UUID | None) -> list[Device]:
    """Newest first, the revoked ones too."""
    return db.all(Device, LISTED, after=paging.after, fetch=paging.fetch, library=library)


def revoke(db: Db, device: UUID, library: UUID | None) -> bool:
    """False when there is none, or it was revoked before."""
    return bool(db.run(REVOKE, id=device, library=library, now=clock.now()))
