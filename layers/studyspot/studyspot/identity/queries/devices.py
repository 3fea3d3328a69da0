"""Kiosks of libraries; row security shows staff bound to a library those of that library only."""

from __future__ import annotations

from uuid import UUID

from studyspot.identity.models.devices import Device
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging

COLUMNS = "id, library_id, name, last_seen_at, revoked_at, created_at"
ADD = f"""
    INSERT INTO devices (id, library_id, kind, name, token_hash, created_at)
    SELECT %(id)s, l.id, 'kiosk', %(name)s, %(hash)s, %(now)s FROM libraries l
    WHERE l.id = %(library)s AND l.status <> 'closed' RETURNING {COLUMNS}"""
LISTED = f"""
    SELECT {COLUMNS} FROM devices WHERE kind = 'kiosk' AND (%(after)s::uuid IS NULL OR id < %(after)s::uuid)
    ORDER BY id DESC LIMIT %(fetch)s"""
REVOKE = """
    UPDATE devices SET revoked_at = %(now)s WHERE id = %(id)s AND kind = 'kiosk' AND revoked_at IS NULL"""


def add(db: Db, device: UUID, library: UUID, name: str, token_hash: str) -> Device | None:
    """None where there is no such library for the caller."""
    return db.maybe(Device, ADD, id=device, library=library, name=name, hash=token_hash, now=clock.now())


def listed(db: Db, paging: Paging) -> list[Device]:
    """Newest first, the revoked ones too."""
    return db.all(Device, LISTED, after=paging.after, fetch=paging.fetch)


def revoke(db: Db, device: UUID) -> bool:
    """False when there is none, or it was revoked before."""
    return bool(db.run(REVOKE, id=device, now=clock.now()))
